"use strict";
// The page of one benchmark: brings together the history chart, its controls, the small multiples,
// the table of points and the distribution of a run.
(() => {
  const { el, data, link, select } = site.dom;
  const { format, series: points } = site;
  const page = site.pageData();
  const host = document.getElementById("history");
  if (!page || !host || !page.series.length) return;

  // What many series share stands in the page once, and series name it by number.
  for (const series of page.series) {
    series.env = page.envs[series.env];
    series.raw = page.raws[series.raw];
  }

  const numbers = new Set(page.series.map(({ i }) => i));
  const state = site.address.read() ?? {};
  let chosen = startingChoice();
  let commits = null;
  let loaded = [];

  /** The series of the address; or that of the event that it names; or the first with an open event; or the first. */
  function startingChoice() {
    const asked = (state.s ?? "")
      .split(",")
      .filter(Boolean)
      .map(Number)
      .filter((number) => numbers.has(number));
    if (asked.length) return asked.slice(0, site.smallMultiples.MOST);
    const current = page.series.filter(({ old }) => !old);
    const event = location.hash.startsWith("#event-")
      ? location.hash.slice("#event-".length)
      : null;
    const found =
      page.series.find(({ events }) => events.some(({ id }) => id === event)) ??
      current.find(({ events }) => events.some((event) => event.state === "open")) ??
      current[0] ??
      page.series[0];
    return [found.i];
  }

  // --- the parts of the page ---
  const warning = el("div", { class: "note warn", role: "alert", hidden: true });
  const buttons = el("div", { class: "controls" });
  const figure = el("figure", null);
  const legend = el("ul", { class: "legend", "aria-label": "In the chart" });
  const readout = el("div", { class: "readout" });
  const live = el("p", { class: "visually-hidden", role: "status" });
  host.append(warning, buttons, figure, live);
  const spread = document.getElementById("distribution");
  const seriesPart = part("series", "h3", "All series");
  const pointsPart = part("points", "h2", "Visible points");
  const chart = site.history.make(figure, { height: 380, changed });
  figure.append(
    legend,
    readout,
    el(
      "figcaption",
      null,
      "Drag across the chart to zoom. Click two points to compare them. With the chart in focus: ",
      ...keys([
        ["← →", "move"],
        ["+ −", "zoom"],
        ["E", "next event"],
        ["Enter", "pick"],
        ["Esc", "show all"],
      ]),
    ),
  );
  const table = site.points.make(pointsPart, { pick: lookAt, several: page.series.length > 1 });
  const multiples = site.smallMultiples.make(seriesPart, page, state, {
    chosen: () => chosen,
    choose,
    changed: keep,
  });
  makeButtons();

  /** A section of the page with its heading. */
  function part(id, level, title) {
    const section = el(
      "section",
      { "aria-labelledby": `${id}-title` },
      el(level, { id: `${id}-title` }, title),
    );
    document.getElementById(id).append(section);
    return section;
  }

  function keys(list) {
    return list.flatMap(([key, text], at) => [at ? ", " : "", el("kbd", null, key), ` ${text}`]);
  }

  function makeButtons() {
    const button = (text, label, act) =>
      el("button", { type: "button", "aria-label": label, onclick: act }, text);
    const set = (name) => (value) => {
      state[name] = value;
      show();
      keep();
    };
    const log = el("input", {
      type: "checkbox",
      onchange: () => set("log")(log.checked ? "1" : ""),
    });
    log.checked = state.log === "1";
    buttons.append(
      select(
        "x axis",
        [
          ["", "commits in order"],
          ["date", "dates"],
        ],
        state.x ?? "",
        set("x"),
      ),
      select(
        "y axis",
        [
          ["", "fitted, spikes at the edge"],
          ["all", "fitted to all points"],
          ["zero", "from zero"],
        ],
        state.y ?? "",
        set("y"),
      ),
      el("label", { class: "check" }, log, "logarithmic"),
      el(
        "div",
        { class: "buttons", role: "group", "aria-label": "Zoom" },
        button("+", "zoom in", () => chart.zoom(2)),
        button("−", "zoom out", () => chart.zoom(0.5)),
        button("←", "earlier", () => chart.shift(-0.5)),
        button("→", "later", () => chart.shift(0.5)),
        button("All", "show all points", () => chart.reset()),
      ),
    );
  }

  // --- what happens ---
  function changed(what) {
    if (!commits) return;
    if (what === "view") table.show(chart.visible(), commits, page.unit, page.name);
    if (what === "cursor" || what === "picks") tell();
  }

  function keep() {
    state.s = chosen.join(",");
    site.address.write(state);
  }

  function choose(wanted) {
    chosen = wanted;
    multiples.renew();
    keep();
    load();
  }

  function options() {
    return {
      byDate: state.x === "date",
      zero: state.y === "zero",
      spikes: Boolean(state.y),
      log: state.log === "1",
      unit: page.unit,
    };
  }

  function show() {
    chart.show(loaded, commits, options());
    legend.replaceChildren(...legendItems());
    tell();
  }

  function legendItems() {
    const items =
      page.series.length > 1
        ? loaded.map((series, at) =>
            el("li", null, site.chart.sample(at + 1), data(series.meta.label)),
          )
        : [];
    const events = loaded.flatMap((series) => series.meta.events);
    if (events.length)
      items.push(
        el(
          "li",
          null,
          "▲ worse, ▼ better: the level changed; shaded: where it began (95 %); heavy line: the level",
        ),
      );
    if (loaded.some((series) => series.meta.spikes.length))
      items.push(el("li", null, "◇ spike, no change"));
    if (loaded.length === 1 && loaded[0].lo)
      items.push(el("li", null, "band: the interval of each value"));
    return items;
  }

  /** A point in words. */
  function inWords({ series, at }) {
    const commit = points.commitOf(series, at, commits);
    const label = loaded.length > 1 ? `${series.meta.label}: ` : "";
    return `${label}${format.show(series.y[at], page.unit)}, ${format.day(commit.date)}, ${commit.subject}`;
  }

  function tell() {
    const point = chart.hover ?? chart.cursor;
    readout.replaceChildren(
      ...(point ? pointLines(point) : [el("p", { class: "quiet" }, "No point chosen.")]),
      ...comparison(),
    );
    // The pointer's way is for those who see it; what keys and clicks choose is said.
    if (!chart.hover && chart.cursor) {
      const both = chart.picks.length === 2 ? ` ${comparedText()}` : "";
      const mark = site.points.mark(chart.cursor);
      live.textContent = `${inWords(chart.cursor)}${mark ? `, ${mark}` : ""}.${both}`;
    }
  }

  function pointLines(point) {
    const { series, at } = point;
    const commit = points.commitOf(series, at, commits);
    const interval = site.points.interval(point, page.unit);
    const mark = site.points.mark(point);
    const run = series.runs?.[at];
    const first = el(
      "p",
      null,
      el("strong", null, format.show(series.y[at], page.unit)),
      interval ? ` (${interval})` : "",
      mark ? ` ${mark}` : "",
    );
    if (loaded.length > 1) first.append(" ", data(series.meta.label));
    const second = el(
      "p",
      null,
      `${format.moment(commit.date)} `,
      el("span", { class: "mono" }, link(commit.href, commit.hash.slice(0, 12))),
      " ",
      data(commit.subject),
    );
    const third = el("p", null, ...site.points.links(point, commits));
    if (run)
      third.append(
        " ",
        el(
          "button",
          { type: "button", onclick: () => distribution(point) },
          "Percentiles of this run",
        ),
      );
    return [first, second, ...(third.childNodes.length ? [third] : [])];
  }

  function comparedText() {
    const result = points.compared(...chart.picks);
    if (!result) return "";
    const range =
      result.lo === null
        ? "the noise of these series is not known"
        : `95 %: ${format.change(result.lo)} to ${format.change(result.hi)}, by the series' noise`;
    return `B against A: ${format.change(result.ratio)} (${range})${sense(result)}.`;
  }

  function sense({ lo, hi }) {
    if (lo === null) return "";
    if (lo <= 1 && hi >= 1) return "; not to be told from noise";
    return lo > 1 === (page.better === "less") ? "; ▲ worse" : "; ▼ better";
  }

  function comparison() {
    if (!chart.picks.length) return [];
    if (chart.picks.length === 1)
      return [el("p", { class: "quiet" }, "A is picked; pick B to compare.")];
    const names = chart.picks.map(
      (point, at) =>
        `${"AB"[at]}: ${format.show(point.series.y[point.at], page.unit)} at ${points.commitOf(point.series, point.at, commits).hash.slice(0, 8) || "no commit"}`,
    );
    const line = el("p", null, `${names.join(", ")}. `, el("strong", null, comparedText()));
    const [a, b] = chart.picks.map(
      (point) => points.commitOf(point.series, point.at, commits).hash,
    );
    if (a && b && a !== b) {
      const address = `${site.root}compare.html#${new URLSearchParams({ a, b })}`;
      line.append(" ", el("a", { href: address }, "All series at these commits"));
    }
    return [line];
  }

  function lookAt(point) {
    chart.hover = null;
    chart.cursor = point;
    chart.redraw();
    tell();
    figure.scrollIntoView({ block: "nearest" });
  }

  async function distribution(point) {
    const wanted =
      chart.picks.length === 2 && chart.picks.every(({ series, at }) => series.runs?.[at])
        ? chart.picks
        : [point];
    spread.replaceChildren(el("p", { role: "status" }, "Reading the run …"));
    try {
      const lines = [];
      for (const [number, { series, at }] of wanted.entries()) {
        const run = await site.load(`r/${series.runs[at]}`);
        const who = wanted.length > 1 ? `${"AB"[number]} ` : "";
        for (const [name, { p, v }] of Object.entries(run.histograms ?? {}))
          lines.push({ label: who + name, p, v });
      }
      const heading = el("h3", null, "Distribution");
      const place = el("div", null);
      spread.replaceChildren(heading, place);
      site.distribution.show(place, wanted.map(inWords).join(" — "), lines);
      spread.scrollIntoView({ block: "nearest" });
    } catch (error) {
      spread.replaceChildren(el("p", null, `The run's data are not here: ${error.message}.`));
    }
  }

  async function load() {
    const wanted = chosen;
    try {
      const metas = wanted.map((number) => page.series.find(({ i }) => i === number));
      const [all, ...series] = await Promise.all([
        site.load("data/commits"),
        ...metas.map(points.points),
      ]);
      if (wanted !== chosen) return; // another choice was made meanwhile
      commits = all;
      loaded = series;
      warning.hidden = true;
      show();
    } catch (error) {
      warning.hidden = false;
      warning.replaceChildren(
        el(
          "p",
          null,
          `The history cannot be drawn: ${error.message}. Was the whole folder of the site copied?`,
        ),
      );
    }
  }

  addEventListener("hashchange", () => {
    const asked = site.address.read();
    for (const name of Object.keys(state)) delete state[name];
    Object.assign(state, asked);
    chosen = startingChoice();
    multiples.renew();
    load();
  });
  multiples.renew();
  load();
})();
