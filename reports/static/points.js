"use strict";
// The visible points as a table, a page at a time, and as CSV: what the chart shows, in words.
site.points = (() => {
  const { el, data, link, csv, download, table } = site.dom;
  const { format, series: points } = site;
  const ROWS = 20;

  /**
   * In `host`, with a column for the series if there are `several`; `pick(point)` is asked to show one
   * in the chart. Returns `{show(visible, commits, unit, name)}`, which takes what the chart shows.
   */
  function make(host, { pick, several }) {
    let all = []; // {series, at}, newest first
    let commits = null;
    let unit = "";
    let name = "";
    let page = 0;
    const status = el("span", { role: "status", class: "quiet" });
    const newer = el("button", { type: "button", onclick: () => turn(-1) }, "Newer");
    const older = el("button", { type: "button", onclick: () => turn(1) }, "Older");
    const save = el("button", { type: "button", onclick: () => saveCsv() }, "Download CSV");
    const body = el("tbody");
    const heads = [
      "date",
      "commit",
      "message",
      several && "series",
      "value",
      "interval",
      "mark",
      "more",
    ].filter(Boolean);
    host.append(
      el("div", { class: "controls" }, newer, older, save, status),
      table(
        "Visible points",
        heads.map((head) => [head, numeric(head)]),
        body,
        true,
      ),
    );

    function numeric(head) {
      return head === "value" || head === "interval" ? "right" : null;
    }

    function turn(by) {
      page += by;
      draw();
    }

    function show(visible, newCommits, newUnit, newName) {
      commits = newCommits;
      unit = newUnit;
      name = newName;
      all = visible.flatMap(({ series, at }) => Array.from(at, (place) => ({ series, at: place })));
      all.sort((a, b) => b.series.commit[b.at] - a.series.commit[a.at]);
      page = 0;
      draw();
    }

    function draw() {
      const pages = Math.max(1, Math.ceil(all.length / ROWS));
      page = Math.min(Math.max(page, 0), pages - 1);
      body.replaceChildren(...all.slice(page * ROWS, (page + 1) * ROWS).map(row));
      newer.disabled = page === 0;
      older.disabled = page >= pages - 1;
      const first = page * ROWS + 1;
      status.textContent = all.length
        ? `${format.grouped(first, 0)}–${format.grouped(Math.min(first + ROWS - 1, all.length), 0)} of ${format.grouped(all.length, 0)} visible points, newest first`
        : "no points";
      site.scrollers.watch(host);
    }

    function row(point) {
      const { series, at } = point;
      const commit = points.commitOf(series, at, commits);
      const value = format.show(series.y[at], unit);
      return el(
        "tr",
        null,
        el(
          "th",
          { scope: "row" },
          el(
            "button",
            {
              type: "button",
              class: "sort",
              onclick: () => pick(point),
              "aria-label": `pick the point of ${format.day(commit.date)}, ${value}`,
            },
            el("span", { class: "number" }, format.day(commit.date)),
          ),
        ),
        el("td", { class: "mono" }, link(commit.href, commit.hash || "—")),
        el("td", { class: "text" }, data(commit.subject)),
        several ? el("td", null, data(series.meta.label)) : null,
        el("td", { class: "right" }, value),
        el("td", { class: "right" }, interval(point, unit)),
        el("td", null, mark(point)),
        el("td", null, links(point, commits)),
      );
    }

    function saveCsv() {
      const heads = [
        "benchmark",
        "series",
        "commit",
        "date",
        "message",
        `value (${unit})`,
        "low",
        "high",
        "mark",
        "run",
      ];
      const rows = all.map(({ series, at }) => {
        const commit = points.commitOf(series, at, commits);
        const date = commit.date === undefined ? "" : new Date(commit.date).toISOString();
        return [
          name,
          series.meta.label,
          commit.hash,
          date,
          commit.subject,
          blank(series.y[at]),
          blank(series.lo?.[at]),
          blank(series.hi?.[at]),
          mark({ series, at }),
          series.runs?.[at] ?? "",
        ];
      });
      download(
        `${name.replace(/[^\w.-]+/g, "_").slice(0, 80) || "points"}.csv`,
        csv([heads, ...rows]),
        "text/csv",
      );
    }

    return { show };
  }

  const blank = (value) => (value === undefined || Number.isNaN(value) ? "" : value);

  /** The interval of a point as text, or nothing. */
  function interval({ series, at }, unit) {
    const [low, high] = [series.lo?.[at], series.hi?.[at]];
    if (low === undefined || high === undefined || Number.isNaN(low) || Number.isNaN(high))
      return "";
    return `${format.show(low, unit)} … ${format.show(high, unit)}`;
  }

  /** What is special about a point: a change that began here, or a spike. */
  function mark({ series, at }) {
    const event = series.meta.events.find((event) => event.at === at && event.kind !== "drift");
    if (event)
      return `${event.direction === "worse" ? "▲ worse" : "▼ better"} ${format.change(event.ratio)}`;
    return series.meta.spikes.includes(at) ? "◇ spike" : "";
  }

  /** Links to the run of a point and to its raw file. */
  function links(point, commits) {
    const { series, at } = point;
    const run = series.runs?.[at];
    const { hash } = points.commitOf(series, at, commits);
    const found = [];
    if (run) found.push(link(`${site.root}r/${encodeURIComponent(run)}.html`, "run"));
    // asv names its files by the first eight digits of the commit.
    if (series.meta.raw && hash)
      found.push(link(series.meta.raw.replace("{hash}", hash.slice(0, 8)), "raw file"));
    return found.flatMap((node, number) => (number ? [" · ", node] : [node]));
  }

  return { make, interval, mark, links };
})();
