"use strict";
// The overview's table: search as you type, filters, order, sparklines. Rows are made when they are
// first shown, sixty at a time, so that 1,500 benchmarks answer as quickly as ten.
(() => {
  const { el, data, link, select } = site.dom;
  const CHUNK = 60;
  const STATES = ["open", "recovered", "acknowledged", "none"];
  const STATE_ORDER = { open: 0, acknowledged: 1, recovered: 2, "": 3 };

  const page = site.pageData();
  const table = document.getElementById("overview");
  if (!page || !table) return;
  const body = table.tBodies[0];
  const rows = page.rows.map((row, at) => ({
    ...row,
    at,
    text: `${row.n} ${row.s}`.toLowerCase(),
    size: changeSize(row.c),
    node: null,
  }));

  const fields = {
    q: { test: null },
    suite: {
      label: "Suite",
      all: "all suites",
      options: page.suites.map((name) => [name, name]),
      test: (row, value) => row.s === value,
    },
    kind: {
      label: "Metric",
      all: "all metrics",
      options: page.kinds.map((name) => [name, name]),
      test: (row, value) => row.k === value,
    },
    target: indexed("Target", "all targets", page.targets, "t"),
    machine: indexed("Machine", "all machines", page.machines, "m"),
    version: indexed("Server version", "all versions", page.versions, "v"),
    state: {
      label: "State",
      all: "all states",
      options: STATES.map((name) => [name, name === "none" ? "no event" : name]),
      test: (row, value) => (row.st || "none") === value,
    },
  };
  const orders = {
    name: (a, b) => a.n.localeCompare(b.n),
    change: (a, b) => b.size - a.size,
    state: (a, b) => STATE_ORDER[a.st] - STATE_ORDER[b.st] || b.size - a.size,
    suite: (a, b) => a.s.localeCompare(b.s) || a.at - b.at,
    series: (a, b) => b.q - a.q,
  };

  function indexed(label, all, names, key) {
    return {
      label,
      all,
      // What names none, as the codec's benchmarks name no target, is no choice.
      options: names.filter(Boolean).map((name) => [name, name]),
      least: names.includes("") ? 1 : 2,
      test: (row, value) => row[key].includes(names.indexOf(value)),
    };
  }

  /** "+5.2 %" or "2.31×" as a distance from no change, for sorting. */
  function changeSize(text) {
    if (!text) return -1;
    const value = parseFloat(text.replace("−", "-").replaceAll(",", ""));
    if (Number.isNaN(value)) return -1;
    if (text.includes("×")) return Math.abs(Math.log(Math.max(value, 1e-9)));
    return Math.abs(Math.log1p(Math.max(value / 100, -0.999999)));
  }

  let state = site.address.read() ?? {};
  let shown = [];
  let drawn = 0;

  // --- controls ---
  const search = el("input", {
    type: "search",
    id: "search",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "words in any order",
    "aria-describedby": "search-help overview-count",
    oninput: () => {
      state.q = search.value;
      apply();
    },
  });
  const count = el("p", { class: "quiet", id: "overview-count", role: "status" });
  const pickers = new Map();
  const controls = el(
    "div",
    { class: "controls", role: "search", "aria-label": "Benchmarks" },
    el(
      "div",
      { class: "field grow" },
      el("label", { for: "search" }, "Search"),
      search,
      el("span", { class: "visually-hidden", id: "search-help" }, "The key / comes here."),
    ),
  );
  for (const [name, field] of Object.entries(fields)) {
    // A choice among one is none.
    if (!field.options || field.options.length < (field.least ?? 2)) continue;
    const picker = select(
      field.label,
      [["", field.all], ...field.options],
      state[name] ?? "",
      (value) => {
        state[name] = value;
        apply();
      },
    );
    pickers.set(name, picker.querySelector("select"));
    controls.append(picker);
  }
  const reset = el(
    "button",
    {
      type: "button",
      onclick: () => {
        state = {};
        show();
      },
    },
    "Show all",
  );
  controls.append(reset);
  document.getElementById("overview-controls").append(controls, count);
  for (const head of table.tHead.querySelectorAll("[data-sort]")) {
    const name = head.dataset.sort;
    const button = el(
      "button",
      {
        type: "button",
        class: "sort",
        onclick: () => {
          state.sort = state.sort === name ? "" : name;
          apply();
        },
      },
      ...head.childNodes,
      el("span", { "aria-hidden": "true" }),
    );
    head.append(button);
  }

  const more = el("button", { type: "button", onclick: () => drawMore() });
  document.getElementById("overview-more").append(more);
  new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting) && drawn < shown.length) drawMore();
    },
    { rootMargin: "600px" },
  ).observe(more);

  // --- rows ---
  function node(row) {
    if (row.node) return row.node;
    const mark = { worse: "▲ worse ", better: "▼ better " }[row.d] ?? "";
    row.node = el(
      "tr",
      null,
      el("th", { scope: "row" }, link(row.h, row.n)),
      el("td", null, site.spark.draw(row.p)),
      el("td", { class: "right" }, row.l),
      el("td", { class: "right" }, row.c ? el("span", { class: row.d }, mark + row.c) : ""),
      el("td", null, row.st),
      el("td", null, data(row.s)),
      el("td", { class: "right" }, String(row.q)),
    );
    return row.node;
  }

  function drawMore() {
    const next = shown.slice(drawn, drawn + CHUNK);
    body.append(...next.map(node));
    drawn += next.length;
    more.hidden = drawn >= shown.length;
    more.textContent = `Show ${Math.min(CHUNK, shown.length - drawn)} more`;
  }

  /** Which rows fit the search and all filters, in order. */
  function matching() {
    const words = (state.q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const tests = Object.entries(fields).filter(([name, field]) => field.test && state[name]);
    const found = rows.filter(
      (row) =>
        words.every((word) => row.text.includes(word)) &&
        tests.every(([name, { test }]) => test(row, state[name])),
    );
    const order = orders[state.sort];
    return order ? found.sort(order) : found;
  }

  function apply() {
    shown = matching();
    drawn = 0;
    body.replaceChildren();
    drawMore();
    count.textContent = `${shown.length.toLocaleString("en-US")} of ${rows.length.toLocaleString("en-US")} benchmarks`;
    reset.disabled = !Object.values(state).some(Boolean);
    for (const head of table.tHead.querySelectorAll("[data-sort]")) {
      const on = head.dataset.sort === state.sort;
      // Sizes and counts start with the largest.
      if (on)
        head.setAttribute(
          "aria-sort",
          ["change", "series"].includes(state.sort) ? "descending" : "ascending",
        );
      else head.removeAttribute("aria-sort");
      head.querySelector("button > span").textContent = on
        ? head.getAttribute("aria-sort") === "descending"
          ? " ↓"
          : " ↑"
        : "";
    }
    site.address.write(state);
  }

  /** Bring the controls and the table to `state`. */
  function show() {
    search.value = state.q ?? "";
    for (const [name, picker] of pickers) picker.value = state[name] ?? "";
    apply();
  }

  addEventListener("hashchange", () => {
    const asked = site.address.read();
    if (!asked) return;
    state = asked;
    show();
    // Links of the page itself come here, from the suites.
    table.closest("section").scrollIntoView();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && event.target === search && search.value) {
      event.preventDefault();
      state.q = "";
      show();
    }
  });
  show();
})();
