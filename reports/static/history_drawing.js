"use strict";
// What a history chart draws of one series: its line with the band of intervals, the stretches where
// changes began, the levels between them, and the marks of changes and spikes. `x` and `y` are the
// chart's scales; a line is `{series, view, colour}`.
site.historyDrawing = (() => {
  const { svg } = site.dom;
  const { axes, format } = site;
  /** Pixels between two changes that leave room for the size of the second. */
  const ROOM = 70;
  /** Pixels of a point up from which single points get dots. */
  const DOTS = 7;

  /** Where a place of the series is drawn. */
  function xOf(view, place, x) {
    const inside = Math.min(Math.max(place, 0), view.place.length - 1);
    return x.at(view.xs[view.place[inside]]);
  }

  /** The points from `from` to `to` as drawn. */
  function line({ view, colour }, [from, to], x, y, box, into, withBand) {
    if (withBand && view.lo && view.hi) {
      into.append(
        svg("path", { class: "band", d: axes.area(view.xs, view.lo, view.hi, from, to, x, y) }),
      );
    }
    into.append(
      svg("path", { class: `line c${colour}`, d: axes.path(view.xs, view.ys, from, to, x, y) }),
    );
    if ((to - from) * DOTS >= box.right - box.left) return;
    let dots = "";
    for (let at = from; at < to; at++) {
      if (!Number.isNaN(view.ys[at]))
        dots += `M${x.at(view.xs[at]).toFixed(1)} ${y.at(view.ys[at]).toFixed(1)}h0`;
    }
    into.append(svg("path", { class: `dots c${colour}`, d: dots }));
  }

  const shiftsOf = ({ meta }) =>
    meta.events.filter(({ kind }) => kind !== "drift").sort((a, b) => a.at - b.at);

  /** Where each change began, at about 95 %: shaded. */
  function places({ series, view }, x, box, into) {
    for (const event of shiftsOf(series)) {
      const ends = [xOf(view, event.first, x), xOf(view, event.last, x)].sort((a, b) => a - b);
      const width = Math.max(4, ends[1] - ends[0]);
      const from = (ends[0] + ends[1] - width) / 2;
      into.append(
        svg("rect", {
          class: `place ${event.direction}`,
          x: from,
          y: box.top,
          width,
          height: box.bottom - box.top,
        }),
      );
    }
  }

  /** The level before the first change and after each; a slope where the whole history drifts. */
  function levels({ series, view }, x, y, into) {
    const shifts = shiftsOf(series);
    const end = series.y.length - 1;
    shifts.forEach((event, number) => {
      if (event.kind === "bend") return; // a new slope has no level
      const next = shifts[number + 1];
      const at = xOf(view, event.at, x);
      const before = number ? "" : `M${xOf(view, 0, x)} ${y.at(event.before)}H${at}`;
      const after = `M${at} ${y.at(event.after)}H${xOf(view, next ? next.at : end, x)}`;
      into.append(svg("path", { class: "level", d: before + after }));
    });
    for (const event of series.meta.events.filter(({ kind }) => kind === "drift")) {
      const d = `M${xOf(view, 0, x)} ${y.at(event.before)}L${xOf(view, end, x)} ${y.at(event.after)}`;
      into.append(svg("path", { class: "level", "stroke-dasharray": "6 4", d }));
    }
  }

  /** Changes by direction and size above the chart; spikes, at the edge if they lie beyond it. */
  function marks({ series, view }, x, y, box, into) {
    let last = -Infinity;
    for (const event of shiftsOf(series)) {
      const px = xOf(view, event.at, x);
      const mark = event.direction === "worse" ? "▲" : "▼";
      const text =
        px - last > ROOM && event.ratio !== null ? `${mark} ${format.change(event.ratio)}` : mark;
      last = px;
      // Near an end the text keeps inside.
      const anchor =
        px - box.left < ROOM / 2 ? "start" : box.right - px < ROOM / 2 ? "end" : "middle";
      into.append(
        svg(
          "text",
          { class: `mark ${event.direction}`, x: px, y: box.top - 6, "text-anchor": anchor },
          text,
        ),
      );
    }
    for (const place of series.meta.spikes) {
      const px = xOf(view, place, x);
      const py = Math.min(box.bottom - 8, Math.max(box.top + 7, y.at(series.y[place])));
      into.append(svg("path", { class: "spike", d: `M${px} ${py - 6}l5 6l-5 6l-5 -6z` }));
    }
  }

  return { xOf, line, places, levels, marks };
})();
