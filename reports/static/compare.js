"use strict";
// Any two commits, machines, targets or environments beside each other: B against A.
(async () => {
  const { el, data, link, select, table, csv, download } = site.dom;
  const { format } = site;
  const page = site.pageData();
  const host = document.getElementById("compare");
  if (!page || !host) return;
  const SHOWN = 200;
  const DRAWN = 40;
  const SIDES = ["a", "b"];
  const WORDS = ["slower", "faster", "unsure", "same"];

  let commits;
  try {
    commits = await site.load("data/commits");
  } catch (error) {
    host.append(
      el(
        "p",
        { class: "note warn" },
        `Nothing can be compared: ${error.message}. Was the whole folder of the site copied?`,
      ),
    );
    return;
  }
  if (!commits.hash.length || !page.series.length) {
    host.append(el("p", null, "Nothing was measured yet."));
    return;
  }

  const { KINDS, keyOf, numberOf, ...comparison } = site.comparison.make(page, commits);
  const state = site.address.read() ?? {};
  let limit = SHOWN;
  let rows = [];

  // --- the parts of the page ---
  const sides = el("div", { class: "sides" });
  const warning = el("div", { class: "note warn", role: "status", hidden: true });
  const counts = el("p", { role: "status" });
  const only = select(
    "Show",
    [["", "all"], ...WORDS.map((word) => [word, word])],
    state.only ?? "",
    (value) => change({ only: value }),
  );
  const order = select(
    "Order",
    [
      ["", "by effect"],
      ["name", "by name"],
    ],
    state.order ?? "",
    (value) => change({ order: value }),
  );
  const search = el("input", {
    type: "search",
    id: "compare-search",
    autocomplete: "off",
    spellcheck: "false",
    value: state.q ?? "",
    oninput: () => change({ q: search.value }),
  });
  const save = el("button", { type: "button", onclick: saveCsv }, "Download CSV");
  const swap = el("button", { type: "button", onclick: swapSides }, "Swap A and B");
  const picture = el("div", null);
  const body = el("tbody");
  const more = el("button", {
    type: "button",
    onclick: () => {
      limit += SHOWN;
      draw();
    },
  });
  const heads = [
    ["benchmark", null],
    ["A", "right"],
    ["B", "right"],
    ["B ÷ A", "right"],
    ["95 % interval", "right"],
    ["verdict", null],
    ["why", null],
  ];
  const choosers = {};
  for (const side of SIDES) sides.append(sideControls(side));
  host.append(
    sides,
    el(
      "div",
      { class: "controls" },
      swap,
      el("div", { class: "field grow" }, el("label", { for: "compare-search" }, "Search"), search),
      only,
      order,
      save,
    ),
    warning,
    counts,
    picture,
    table("Comparison", heads, body, true),
    more,
  );

  function sideControls(side) {
    const name = side.toUpperCase();
    const part = el("fieldset", null, el("legend", { class: "visually-hidden" }, `Side ${name}`));
    const row = el("div", { class: "controls" });
    choosers[side] = site.chooser.make(row, `${name}: commit`, commits, (number) =>
      change({ [side]: keyOf(number) }),
    );
    const others = el("div", { class: "controls" });
    for (const kind of KINDS) {
      if (kind.names.length < 2) continue;
      const options = [
        ["", `any ${kind.label}`],
        ...kind.names.map((text, at) => [String(at), text || "—"]),
      ];
      const picker = select(`${name}: ${kind.label}`, options, "", (value) => {
        change({ [side + kind.key]: value === "" ? "" : kind.names[value] || "—" });
      });
      picker.dataset.side = side;
      picker.dataset.kind = kind.key;
      others.append(picker);
    }
    part.append(row, others);
    return part;
  }

  // --- state ---
  function change(changes) {
    Object.assign(state, changes);
    limit = SHOWN;
    site.address.write(state);
    if (Object.keys(changes).every((name) => ["q", "only", "order"].includes(name))) draw();
    else compute();
  }

  function swapSides() {
    const changes = {};
    for (const name of ["", ...KINDS.map(({ key }) => key)]) {
      changes[`a${name}`] = state[`b${name}`] ?? "";
      changes[`b${name}`] = state[`a${name}`] ?? "";
    }
    change(changes);
  }

  function showState() {
    for (const side of SIDES) choosers[side].set(numberOf(state[side]));
    for (const field of sides.querySelectorAll("[data-kind]")) {
      const kind = KINDS.find(({ key }) => key === field.dataset.kind);
      const at = comparison.placeOf(state, field.dataset.side, kind);
      field.querySelector("select").value = at === null ? "" : String(at);
    }
    only.querySelector("select").value = state.only ?? "";
    order.querySelector("select").value = state.order ?? "";
    search.value = state.q ?? "";
  }

  let asked = 0;
  async function compute() {
    const mine = ++asked;
    showState();
    const [a, b] = SIDES.map((side) => numberOf(state[side]));
    try {
      const [valuesA, valuesB] = await Promise.all([
        comparison.valuesAt(a),
        comparison.valuesAt(b),
      ]);
      if (mine !== asked) return; // another choice was made meanwhile
      rows = comparison.judged(state, valuesA, valuesB);
      await warn(a, b, valuesA, valuesB);
    } catch (error) {
      warning.hidden = false;
      warning.replaceChildren(el("p", null, `The values cannot be read: ${error.message}.`));
    }
    draw();
  }

  /** What makes the two sides hard to compare, said before any figure. */
  async function warn(a, b, valuesA, valuesB) {
    const notes = [];
    for (const [side, number, values] of [
      ["A", a, valuesA],
      ["B", b, valuesB],
    ]) {
      if (values) continue;
      const [before, after] = [
        await comparison.measured(number, -1),
        await comparison.measured(number, 1),
      ];
      const near = [before, after].filter((at) => at !== null);
      notes.push(
        el(
          "p",
          null,
          `${side}: nothing was measured at this commit. Take `,
          ...near.flatMap((at, place) => [
            place ? " or " : "",
            el(
              "button",
              { type: "button", onclick: () => change({ [side.toLowerCase()]: keyOf(at) }) },
              `${commits.hash[at].slice(0, 8) || "—"} (${at < number ? "before" : "after"})`,
            ),
          ]),
        ),
      );
    }
    if (!notes.length && !rows.length) {
      notes.push(
        el(
          "p",
          null,
          "No series has a value on both sides. Choose other commits, or another machine or target.",
        ),
      );
    }
    const differing = KINDS.filter(({ field }) =>
      rows.some(({ series, of }) => series[field] !== of[field]),
    ).map(({ label }) => label);
    const strange = differing.filter((label) => label !== "target");
    if (strange.length) {
      notes.push(
        el(
          "p",
          null,
          el(
            "strong",
            null,
            `Different ${strange.join(" and ")}: not comparable unless you ask for it.`,
          ),
          " You asked: what differs below may be the machine's doing and not the code's.",
        ),
      );
    } else if (differing.length) {
      notes.push(
        el(
          "p",
          null,
          "Different targets: the ratio says which server is quicker, not whether a change made something slower.",
        ),
      );
    }
    warning.replaceChildren(...notes);
    warning.hidden = !notes.length;
  }

  // --- drawing ---
  const effect = ({ ratio }) => Math.abs(Math.log(ratio));

  function visible() {
    const words = (state.q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.filter(
      ({ name, word }) =>
        (!state.only || word === state.only) &&
        words.every((one) => name.toLowerCase().includes(one)),
    );
    if (state.order === "name")
      return found.sort((one, other) => one.name.localeCompare(other.name));
    // What is said comes before what is not, each by size.
    const rank = { slower: 0, faster: 0, unsure: 1, same: 2 };
    return found.sort(
      (one, other) => rank[one.word] - rank[other.word] || effect(other) - effect(one),
    );
  }

  function draw() {
    const found = visible();
    const count = (word) => rows.filter((row) => row.word === word).length;
    counts.replaceChildren(
      ...WORDS.flatMap((word, at) => [
        at ? ", " : "",
        el(
          "strong",
          { class: word },
          `${site.ratios.MARKS[word]} ${format.grouped(count(word), 0)} ${word}`,
        ),
      ]),
      `, of ${format.grouped(rows.length, 0)} compared. Of what is called slower or faster 5 % is false on average (Benjamini–Hochberg).`,
    );
    site.ratios.show(
      picture,
      `B ÷ A with 95 % intervals by each series' noise${found.length > DRAWN ? `, the first ${DRAWN} of ${found.length}` : ""}; shaded: counts as the same`,
      found.slice(0, DRAWN).map((row) => ({ ...row, value: row.ratio })),
      { margin: page.margin },
    );
    // Where all rows are of one machine, it need not be said in each.
    const telling = KINDS.filter(
      ({ field }) => new Set(rows.flatMap(({ series, of }) => [series[field], of[field]])).size > 1,
    );
    body.replaceChildren(...found.slice(0, limit).map((one) => row(one, telling)));
    more.hidden = found.length <= limit;
    more.textContent = `Show ${Math.min(SHOWN, found.length - limit)} more`;
    site.scrollers.watch(host);
  }

  function row({ series, of, name, a, b, ratio, lo, hi, word, why }, telling) {
    const where = telling
      .filter(({ field, names }) => names[series[field]])
      .map(({ field, names }) =>
        series[field] === of[field]
          ? names[series[field]]
          : `${names[of[field]] || "—"} → ${names[series[field]]}`,
      );
    return el(
      "tr",
      null,
      el(
        "th",
        { scope: "row" },
        link(series.h, name),
        where.length ? el("div", { class: "quiet" }, data(where.join(", "))) : null,
      ),
      el("td", { class: "right" }, format.show(a, of.u)),
      el("td", { class: "right" }, format.show(b, series.u)),
      el("td", { class: "right" }, format.change(ratio)),
      el(
        "td",
        { class: "right" },
        lo === null ? "" : `${format.change(lo)} … ${format.change(hi)}`,
      ),
      el("td", null, el("span", { class: word }, `${site.ratios.MARKS[word]} ${word}`)),
      el("td", { class: "text quiet" }, why),
    );
  }

  function saveCsv() {
    const cells = visible().map(({ series, name, a, b, ratio, lo, hi, word, q, why }) => [
      name,
      series.u,
      a,
      b,
      ratio,
      lo ?? "",
      hi ?? "",
      word,
      q ?? "",
      why,
    ]);
    download(
      "comparison.csv",
      csv([
        [
          "benchmark",
          "unit",
          `A ${state.a}`,
          `B ${state.b}`,
          "ratio",
          "low",
          "high",
          "verdict",
          "q",
          "why",
        ],
        ...cells,
      ]),
      "text/csv",
    );
  }

  addEventListener("hashchange", async () => {
    const asked = site.address.read();
    if (!asked) return;
    for (const name of Object.keys(state)) delete state[name];
    Object.assign(state, asked);
    await comparison.startingChoice(state);
    compute();
  });
  try {
    await comparison.startingChoice(state);
  } catch (error) {
    warning.hidden = false;
    warning.replaceChildren(
      el(
        "p",
        null,
        `The values cannot be read: ${error.message}. Was the whole folder of the site copied?`,
      ),
    );
    return;
  }
  compute();
})();
