"use strict";
// How cost and latency grow with connections and rows: lines on two logarithmic axes. The same
// figures stand in the page as a table.
(() => {
  const { el, svg, data } = site.dom;
  const { axes, chart, format } = site;
  const page = site.pageData();
  page?.charts.forEach((one, number) => {
    const host = document.getElementById(`chart-${number}`);
    if (host) show(host, one);
  });

  function show(host, { title, unit, x: over, lines }) {
    const known = lines
      .map((line) => ({
        ...line,
        points: line.points.filter(({ x, y }) => x > 0 && y > 0).sort((a, b) => a.x - b.x),
      }))
      .filter(({ points }) => points.length);
    if (!known.length) {
      host.append(el("p", null, "Nothing that can be drawn was measured."));
      return;
    }
    const figure = el("figure", null);
    host.append(figure);
    chart.frame(figure, { label: told(title, over, unit, known), height: 320, draw });
    figure.append(
      el(
        "ul",
        { class: "legend", "aria-label": "Lines" },
        known.map(({ label }, at) => el("li", null, chart.sample((at % 6) + 1), data(label))),
      ),
    );

    function draw(box, base) {
      const points = known.flatMap((line) => line.points);
      const ends = points.flatMap(({ y, lo, hi }) => [y, lo, hi]).filter((value) => value > 0);
      const [low, high] = axes.range(...apart(Math.min(...ends), Math.max(...ends)), { log: true });
      const xs = points.map(({ x }) => x);
      const [first, last] = axes.range(Math.min(...xs), Math.max(...xs), { log: true });
      const { ticks, name } = chart.valueTicks(low, high, 6, unit, true);
      chart.leaveRoom(box, ticks);
      const x = axes.logarithmic(first, last, box.left, box.right);
      const y = axes.logarithmic(low, high, box.bottom, box.top);
      // The places that were measured are the marks of the axis.
      const marks = [...new Set(xs)]
        .sort((a, b) => a - b)
        .map((value) => ({ value, text: format.grouped(value, 0) }));
      chart.axes(
        box,
        base,
        { scale: x, ticks: marks, title: over },
        { scale: y, ticks, title: name },
      );
      known.forEach((line, at) => {
        const colour = (at % 6) + 1;
        const places = line.points.map(
          (point) => `${x.at(point.x).toFixed(1)} ${y.at(point.y).toFixed(1)}`,
        );
        base.append(svg("path", { class: `line c${colour}`, d: `M${places.join("L")}` }));
        base.append(
          svg("path", {
            class: `dots c${colour}`,
            d: places.map((place) => `M${place}h0`).join(""),
          }),
        );
        const bars = line.points.filter(({ lo, hi }) => lo > 0 && hi > 0);
        base.append(
          svg("path", {
            class: `bars c${colour}`,
            d: bars
              .map(
                (point) =>
                  `M${x.at(point.x).toFixed(1)} ${y.at(point.lo).toFixed(1)}V${y.at(point.hi).toFixed(1)}`,
              )
              .join(""),
          }),
        );
      });
    }
  }

  /** At least a factor of two, so that what does not grow looks level. */
  function apart(low, high) {
    const air = Math.sqrt(Math.max(1, (2 * low) / high));
    return [low / air, high * air];
  }

  /** Growth in words: from the first to the last point of each line. */
  function told(title, over, unit, lines) {
    const each = lines.map(({ label, points }) => {
      const [first, last] = [points[0], points[points.length - 1]];
      return `${label}: ${format.show(first.y, unit)} at ${format.grouped(first.x, 0)} ${over}, ${format.show(last.y, unit)} at ${format.grouped(last.x, 0)} ${over}`;
    });
    return `${title}. ${each.join("; ")}. The table below has all figures.`;
  }
})();
