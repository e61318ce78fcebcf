"use strict";
// Which part of several lines is visible, what range of values that takes, and all of it in words.
// Pure; a line is `{series, view}`, a span the ends of what is shown of the x axis.
site.visible = (() => {
  const { axes, format, series: points } = site;

  /** The span of all lines. */
  function whole(lines) {
    const known = lines.map(({ view }) => view.xs).filter((xs) => xs.length);
    if (!known.length) return [0, 1];
    return [
      Math.min(...known.map((xs) => xs[0])),
      Math.max(...known.map((xs) => xs[xs.length - 1])),
    ];
  }

  /** The places [from, to) of a view's points within a span, its ends included. */
  function part(view, [low, high]) {
    const from = axes.lowerBound(view.xs, low);
    let to = axes.lowerBound(view.xs, high);
    while (to < view.xs.length && view.xs[to] <= high) to++;
    return [from, to];
  }

  /** The ends of a value axis for what is visible, intervals included. */
  function extent(lines, span, options) {
    let low = Infinity;
    let high = -Infinity;
    const take = (value) => {
      if (Number.isNaN(value) || (options.log && value <= 0)) return;
      if (value < low) low = value;
      if (value > high) high = value;
    };
    for (const { series, view } of lines) {
      const [from, to] = part(view, span);
      // One wild point would make everything else a flat line; it is marked at the edge instead.
      const left = new Set(options.spikes ? [] : series.meta.spikes);
      for (let at = from; at < to; at++) {
        if (left.has(view.at[at])) continue;
        take(view.ys[at]);
        if (view.lo) take(view.lo[at]);
        if (view.hi) take(view.hi[at]);
      }
    }
    return axes.range(low, high, options);
  }

  /** A whole chart in a sentence a line. */
  function told(lines, commits, unit) {
    return lines.map((line) => toldOne(line, commits, unit)).join(" ");
  }

  function toldOne({ series, view }, commits, unit) {
    const { label, events } = series.meta;
    const values = series.y.filter((value) => !Number.isNaN(value));
    if (!values.length) return `${label}: no values`;
    const show = (value) => format.show(value, unit);
    const day = (at) => format.day(points.commitOf(series, view.at[at], commits).date);
    return (
      `History of ${label}: ${values.length} points from ${day(0)} to ${day(view.at.length - 1)}, ` +
      `between ${show(values.reduce((a, b) => Math.min(a, b)))} and ` +
      `${show(values.reduce((a, b) => Math.max(a, b)))}, ` +
      `the newest ${show(values[values.length - 1])}, ` +
      `${events.length} event${events.length === 1 ? "" : "s"}.`
    );
  }

  return { whole, part, extent, told };
})();
