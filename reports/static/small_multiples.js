"use strict";
// Every series of a benchmark as a small picture: filters by parameter, machine, environment and
// version; one is chosen to be seen large, or several are laid over each other.
site.smallMultiples = (() => {
  const { el, data, select } = site.dom;
  const CHUNK = 60;
  const MOST = 6; // as many lines as there are dashes

  /**
   * In `host`, for all series of a page. `state` is the page's state of filters; `chosen()` gives
   * the numbers of the series that are shown large, `choose(numbers)` changes them. Returns
   * `{renew}`, to be called when the choice or the state has changed.
   */
  function make(host, page, state, { chosen, choose, changed }) {
    const filters = filtersOf(page);
    const pickers = new Map();
    const controls = el("div", { class: "controls", role: "group", "aria-label": "Which series" });
    for (const filter of filters) {
      const options = [["", "all"], ...filter.values.map((value) => [value, value])];
      const picker = select(filter.label, options, state[filter.key] ?? "", (value) => {
        state[filter.key] = value;
        drawn = CHUNK;
        renew();
        changed();
      });
      pickers.set(filter.key, picker.querySelector("select"));
      controls.append(picker);
    }
    if (page.series.some(({ old }) => old)) {
      const box = el("input", {
        type: "checkbox",
        onchange: () => {
          state.old = box.checked ? "1" : "";
          renew();
          changed();
        },
      });
      box.checked = state.old === "1";
      controls.append(el("label", { class: "check" }, box, "earlier versions of the benchmark"));
    }
    const list = el("ul", { class: "multiples" });
    const count = el("p", { class: "quiet", role: "status" });
    const more = el("button", {
      type: "button",
      onclick: () => {
        drawn += CHUNK;
        renew();
      },
    });
    if (controls.children.length) host.append(controls);
    host.append(count, list, more);
    let drawn = CHUNK;

    function matching() {
      return page.series.filter(
        (series) =>
          (state.old === "1" || !series.old || chosen().includes(series.i)) &&
          filters.every(({ key, of }) => !state[key] || of(series) === state[key]),
      );
    }

    function item(series) {
      const now = chosen();
      const on = now.includes(series.i);
      const label = series.label || page.name;
      const events = series.events.length;
      const main = el(
        "button",
        {
          type: "button",
          "aria-pressed": String(on && now.length === 1),
          onclick: () => {
            choose([series.i]);
            focusBack(series.i, "button");
          },
        },
        data(label),
        site.spark.draw(series.mini),
        el(
          "span",
          { class: "quiet" },
          `${series.n.toLocaleString("en-US")} points${events ? `, ${events} event${events > 1 ? "s" : ""}` : ""}`,
        ),
      );
      const box = el("input", {
        type: "checkbox",
        "aria-label": `also ${label}`,
        onchange: () => {
          choose(
            box.checked
              ? [...chosen(), series.i]
              : chosen().filter((number) => number !== series.i),
          );
          focusBack(series.i, "input");
        },
      });
      box.checked = on;
      // The last line cannot be taken away, and no more can be told apart.
      box.disabled = on ? now.length === 1 : now.length >= MOST;
      return el(
        "li",
        { class: on ? "chosen" : null, "data-series": series.i },
        main,
        el("label", { class: "check" }, box, "lay over"),
      );
    }

    /** The list was made anew: the focus goes where it was. */
    function focusBack(number, tag) {
      list.querySelector(`[data-series="${number}"] ${tag}:not(:disabled)`)?.focus();
    }

    function renew() {
      for (const [key, picker] of pickers) picker.value = state[key] ?? "";
      const found = matching();
      list.replaceChildren(...found.slice(0, drawn).map(item));
      count.textContent =
        page.series.length > 1 ? `${found.length} of ${page.series.length} series` : "";
      more.hidden = found.length <= drawn;
      more.textContent = `Show ${Math.min(CHUNK, found.length - drawn)} more`;
      host.hidden = page.series.length < 2;
    }

    return { renew };
  }

  /** What the series of a page differ in: `[{key, label, values, of(series)}]`. */
  function filtersOf(page) {
    const filters = Object.entries(page.params).map(([name, values]) => ({
      key: `p.${name}`,
      label: name,
      values: values.map(String),
      of: (series) => String(series.params[name]),
    }));
    filters.push({ key: "machine", label: "machine", of: ({ machine }) => machine });
    const names = new Set(page.series.flatMap(({ env }) => Object.keys(env)));
    for (const name of names)
      filters.push({ key: `e.${name}`, label: name, of: ({ env }) => env[name] ?? "—" });
    filters.push({ key: "version", label: "version", of: ({ version }) => version || "—" });
    for (const filter of filters) filter.values ??= [...new Set(page.series.map(filter.of))].sort();
    return filters.filter(({ values }) => values.length > 1);
  }

  return { make, MOST };
})();
