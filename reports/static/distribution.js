"use strict";
// The percentile plot: every percentile of whole histograms, the tail as wide as the body. One tenth
// of what is left is as far as the next tenth: 50, 90, 99, 99.9 ….
site.distribution = (() => {
  const { el, svg, table } = site.dom;
  const { axes, chart, format } = site;
  const TABLE = [50, 75, 90, 95, 99, 99.9, 99.99, 100];

  /** How far out a percentile lies: 90 → 10, 99 → 100. The maximum has no place of its own. */
  const rarity = (percent) => 1 / (1 - percent / 100);

  /** The smallest recorded value that at least `percent` of all lie at or below. */
  function valueAt(line, percent) {
    const at = line.p.findIndex((p) => p >= percent - 1e-9);
    return at < 0 ? NaN : line.v[at];
  }

  const label = (percent) => (percent === 100 ? "max" : `p${percent}`);

  /**
   * Draw `lines` (`[{label, p: [percent…], v: [ns…]}]`) into `host`, with a table beneath. `title`
   * is what they are of.
   */
  function show(host, title, lines, unit = "ns") {
    const kept = lines.filter((line) => line.p.length);
    host.replaceChildren();
    if (!kept.length) {
      host.append(el("p", { class: "quiet" }, "No histogram was stored."));
      return;
    }
    let cursor = null;
    let x;
    let y;
    const figure = el("figure", null);
    const status = el("p", { class: "readout", role: "status" });
    figure.append(el("figcaption", null, title));
    host.append(figure);
    const largest = Math.max(...kept.flatMap((line) => line.p.filter((p) => p < 100)), 90);
    const most = rarity(largest) * 1.6;
    const place = (percent) => Math.min(rarity(percent), most);
    const picture = chart.frame(figure, {
      label: `${title}. ${kept.map((line) => `${line.label}: median ${format.show(valueAt(line, 50), unit)}, p99 ${format.show(valueAt(line, 99), unit)}, maximum ${format.show(valueAt(line, 100), unit)}`).join("; ")}. The table below has the figures.`,
      height: 300,
      draw,
      acts: { move: (px) => seek(x.value(px)), click: (px) => seek(x.value(px)), key },
    });
    if (kept.length > 1) {
      figure.append(
        el(
          "ul",
          { class: "legend", "aria-label": "Lines" },
          kept.map((line, at) => el("li", null, chart.sample(at + 1), line.label)),
        ),
      );
    }
    figure.append(status);
    host.append(figures(kept, unit));
    site.scrollers.watch(host);
    tell();

    function draw(box, base) {
      const values = kept.flatMap((line) => line.v.filter((value) => value > 0));
      const [low, high] = axes.range(Math.min(...values), Math.max(...values), { log: true });
      const { ticks, name } = chart.valueTicks(low, high, 6, unit, true);
      chart.leaveRoom(box, ticks);
      x = axes.logarithmic(1, most, box.left + 2, box.right - 6);
      y = axes.logarithmic(low, high, box.bottom, box.top);
      const marks = [0, 50, 90, 99, 99.9, 99.99, 99.999, 99.9999].filter(
        (percent) => rarity(percent) <= most * 1.001,
      );
      chart.axes(
        box,
        base,
        {
          scale: x,
          ticks: marks.map((percent) => ({ value: rarity(percent), text: `${percent} %` })),
          title: "percentile",
        },
        { scale: y, ticks, title: name },
      );
      kept.forEach((line, at) => {
        const d = line.p.map(
          (percent, number) =>
            `${x.at(place(percent)).toFixed(1)} ${y.at(Math.max(line.v[number], low)).toFixed(1)}`,
        );
        base.append(svg("path", { class: `line c${at + 1}`, d: `M${d.join("L")}` }));
      });
      drawCursor();
    }

    function drawCursor() {
      picture.over.replaceChildren();
      if (cursor === null || !picture.box) return;
      const px = x.at(place(cursor));
      picture.over.append(
        svg("line", {
          class: "cursor",
          x1: px,
          x2: px,
          y1: picture.box.top,
          y2: picture.box.bottom,
        }),
      );
      for (const line of kept)
        picture.over.append(
          svg("circle", {
            class: "ring",
            cx: px,
            cy: y.at(Math.max(valueAt(line, cursor), y.low)),
            r: 4,
          }),
        );
    }

    /** The recorded percentile nearest to a place on the axis. */
    function seek(value) {
      const { p } = kept[0];
      const at = chart.nearest(p.map(place), 0, p.length, value);
      set(p[at]);
    }

    function set(percent) {
      cursor = percent;
      drawCursor();
      tell();
    }

    function tell() {
      status.textContent =
        cursor === null
          ? "Point at the chart, or focus it and use ← and →, for any percentile."
          : `${cursor === 100 ? "maximum" : `${Number(cursor.toFixed(5))} % of operations took at most`}: ${kept.map((line) => `${line.label} ${format.show(valueAt(line, cursor), unit)}`).join(" · ")}`;
    }

    function key(event) {
      const { p } = kept[0];
      const here = cursor === null ? p.findIndex((percent) => percent >= 50) : p.indexOf(cursor);
      const moves = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: p.length - 1 };
      if (!(event.key in moves)) return false;
      set(p[Math.min(Math.max(moves[event.key], 0), p.length - 1)]);
      return true;
    }
  }

  function figures(lines, unit) {
    const heads = [["percentile", null], ...TABLE.map((percent) => [label(percent), "right"])];
    const rows = lines.map((line) =>
      el(
        "tr",
        null,
        el("th", { scope: "row" }, line.label),
        TABLE.map((percent) =>
          el("td", { class: "right" }, format.show(valueAt(line, percent), unit)),
        ),
      ),
    );
    return table("Percentiles", heads, rows);
  }

  return { show };
})();
