"use strict";
// The history chart: one or several series over commits or dates, with intervals, change points,
// the stretch where each began, levels and spikes; zoom, cursor, and two picked points.
site.history = (() => {
  const { el, svg } = site.dom;
  const { axes, format, chart, series: points, historyDrawing: drawing, visible } = site;
  const HINT =
    "Keys: ← → move the cursor, with Shift by ten; ↑ ↓ change the series; + − zoom; Home, End; " +
    "E next event; Enter picks a point, two picks are compared; Esc shows all.";

  /**
   * A chart in `host`. `changed(what)` is called with "view" when other points are visible, and
   * with "cursor" or "picks". Returns an object with `show(lines, commits, options)`, the actions
   * of the buttons, and what is seen: `visible()`, `cursor`, `picks`.
   */
  function make(host, { height, changed }) {
    let lines = []; // {series, view, colour}
    let commits = null;
    let options = {};
    let span = null; // [low, high] of x; null shows all
    let x = null;
    let y = null;
    const hint = el("p", { class: "visually-hidden", id: "history-keys" }, HINT);
    host.append(hint);
    const acts = { move, leave, click, select, key };
    const picture = chart.frame(host, {
      label: "History",
      height,
      draw,
      acts,
      hint: "history-keys",
    });
    const self = {
      cursor: null, // {series, at}: what the keys or a click chose
      hover: null, // what the pointer is at, as long as it is there
      picks: [],
      show,
      visible: shownPoints,
      zoom,
      shift,
      reset,
      redraw: picture.redraw,
    };

    function show(newLines, newCommits, newOptions) {
      const moved = newOptions.byDate !== options.byDate;
      commits = newCommits;
      options = newOptions;
      lines = newLines.map((series, at) => ({
        series,
        colour: (at % 6) + 1,
        view: points.laidOut(series, commits, options.byDate),
      }));
      if (moved) span = null;
      const shown = (point) => point && newLines.includes(point.series);
      if (!shown(self.cursor)) self.cursor = null;
      if (!shown(self.hover)) self.hover = null;
      self.picks = self.picks.filter(shown);
      picture.say(visible.told(lines, commits, options.unit));
      picture.redraw();
      changed("view");
    }

    const whole = () => visible.whole(lines);
    const part = (view) => visible.part(view, span ?? whole());

    /** The visible points of each line: `[{series, at: [places in the series]}]`. */
    function shownPoints() {
      return lines.map(({ series, view }) => ({ series, at: view.at.subarray(...part(view)) }));
    }

    // --- drawing ---
    function draw(box, base) {
      if (!lines.length) return;
      const [low, high] = visible.extent(lines, span ?? whole(), options);
      const { ticks, name } = chart.valueTicks(
        low,
        high,
        chart.fitting(box.bottom - box.top, 48),
        options.unit,
        options.log,
      );
      chart.leaveRoom(box, ticks);
      const [first, last] = span ?? whole();
      const air = first === last ? (options.byDate ? 43_200_000 : 0.5) : 0;
      x = axes.linear(first - air, last + air, box.left + 6, box.right - 6);
      y = (options.log ? axes.logarithmic : axes.linear)(low, high, box.bottom, box.top);
      chart.axes(
        box,
        base,
        { scale: x, ticks: xTicks(box), title: options.byDate ? "date (UTC)" : "commit" },
        { scale: y, ticks, title: name },
      );
      const clip = `clip-${Math.round(box.left)}-${box.width}`;
      base.append(
        svg(
          "clipPath",
          { id: clip },
          svg("rect", {
            x: box.left,
            y: box.top,
            width: box.right - box.left,
            height: box.bottom - box.top,
          }),
        ),
        svg(
          "clipPath",
          { id: `${clip}-marks` },
          svg("rect", {
            x: box.left - 20,
            y: 0,
            width: box.right - box.left + 40,
            height: box.bottom,
          }),
        ),
      );
      const inner = svg("g", { "clip-path": `url(#${clip})` });
      const marks = svg("g", { "clip-path": `url(#${clip}-marks)` });
      base.append(inner, marks);
      const detailed =
        lines.length === 1 ? lines : lines.filter(({ series }) => series === self.cursor?.series);
      for (const line of detailed) drawing.places(line, x, box, inner);
      for (const line of lines)
        drawing.line(line, drawn(line.view), x, y, box, inner, lines.length === 1);
      for (const line of detailed) {
        drawing.levels(line, x, y, inner);
        drawing.marks(line, x, y, box, marks);
      }
      drawPicks();
      drawCursor();
    }

    /** The part of a line to draw: the visible points and one on either side, so that it runs on. */
    function drawn(view) {
      const [from, to] = part(view);
      return [Math.max(0, from - 1), Math.min(view.xs.length, to + 1)];
    }

    function xTicks(box) {
      const many = chart.fitting(box.right - box.left, options.byDate ? 90 : 110);
      if (options.byDate) return axes.dateTicks(x.low, x.high, many);
      const whole = axes
        .linearTicks(x.low, x.high, many)
        .filter((value) => Number.isInteger(value) && value in commits.hash);
      return whole.map((value) => ({
        value,
        text: commits.hash[value].slice(0, 8) || format.day(commits.date[value]),
      }));
    }

    function spot(point) {
      const { view } = lineOf(point);
      const value = point.series.y[point.at];
      const py = Number.isNaN(value) ? (y.at(y.low) + y.at(y.high)) / 2 : y.at(value);
      return [
        drawing.xOf(view, point.at, x),
        Math.min(picture.box.bottom, Math.max(picture.box.top, py)),
      ];
    }

    const within = (px) => px >= picture.box.left && px <= picture.box.right;

    function drawPicks() {
      self.picks.forEach((point, number) => {
        const [px, py] = spot(point);
        if (!within(px)) return;
        picture.over.append(
          svg("circle", { class: "pick", cx: px, cy: py, r: 5.5 }),
          svg("text", { class: "pick-name", x: px, y: py - 10 }, "AB"[number]),
        );
      });
    }

    let cursorNodes = [];
    function drawCursor() {
      for (const node of cursorNodes) node.remove();
      cursorNodes = [];
      const point = self.hover ?? self.cursor;
      if (!point || !picture.box || !x) return;
      const [px, py] = spot(point);
      if (!within(px)) return;
      cursorNodes = [
        svg("line", {
          class: "cursor",
          x1: px,
          x2: px,
          y1: picture.box.top,
          y2: picture.box.bottom,
        }),
        svg("circle", { class: "ring", cx: px, cy: py, r: 4 }),
      ];
      picture.over.append(...cursorNodes);
    }

    // --- acting ---
    /** The point nearest to a place in the picture: by x first, among several lines by y. */
    function at(px, py) {
      let best = null;
      for (const { series, view } of lines) {
        const [from, to] = part(view);
        if (from >= to) continue;
        let found = chart.nearest(view.xs, from, to, x.value(px));
        // A commit may have been measured several times.
        for (let other = found + 1; other < to && view.xs[other] === view.xs[found]; other++) {
          if (Math.abs(y.at(view.ys[other]) - py) < Math.abs(y.at(view.ys[found]) - py))
            found = other;
        }
        const dx = x.at(view.xs[found]) - px;
        const dy = Number.isNaN(view.ys[found])
          ? 50
          : (y.at(view.ys[found]) - py) * (lines.length > 1 ? 1 : 0);
        const distance = Math.hypot(dx, dy);
        if (!best || distance < best.distance)
          best = { distance, point: { series, at: view.at[found] } };
      }
      return best?.point ?? null;
    }

    function move(px, py) {
      self.hover = at(px, py);
      drawCursor();
      changed("cursor");
    }

    function leave() {
      self.hover = null;
      drawCursor();
      changed("cursor");
    }

    function click(px, py) {
      const point = at(px, py);
      if (!point) return;
      self.hover = null;
      pick(point);
    }

    function pick(point) {
      const same = (other) => other.series === point.series && other.at === point.at;
      if (self.picks.some(same)) self.picks = self.picks.filter((other) => !same(other));
      else self.picks = self.picks.length < 2 ? [...self.picks, point] : [point];
      self.cursor = point;
      picture.redraw();
      changed("picks");
      changed("cursor");
    }

    function select(from, to) {
      const ends = [x.value(from), x.value(to)];
      if (visibleCount(ends) < 2) return;
      span = ends;
      picture.redraw();
      changed("view");
    }

    function visibleCount([low, high]) {
      return lines.reduce(
        (sum, { view }) => sum + axes.lowerBound(view.xs, high) - axes.lowerBound(view.xs, low),
        0,
      );
    }

    /** Show 1/`factor` of what is visible, around the cursor if there is one. */
    function zoom(factor) {
      if (!x) return;
      const all = whole();
      const [low, high] = span ?? all;
      const centre = self.cursor ? xValue(self.cursor) : (low + high) / 2;
      const share = high > low ? Math.min(1, Math.max(0, (centre - low) / (high - low))) : 0.5;
      const width = (high - low) / factor;
      const from = low + (high - low) * share - width * share;
      setSpan(from, from + width, all);
    }

    function setSpan(from, to, all = whole()) {
      const width = Math.min(to - from, all[1] - all[0]);
      const low = Math.min(Math.max(from, all[0]), all[1] - width);
      if (width < all[1] - all[0] && visibleCount([low, low + width]) < 2) return;
      span = width >= all[1] - all[0] ? null : [low, low + width];
      picture.redraw();
      changed("view");
    }

    /** Move what is visible by a share of its width. */
    function shift(share) {
      if (!span) return;
      const by = (span[1] - span[0]) * share;
      setSpan(span[0] + by, span[1] + by);
    }

    function reset() {
      span = null;
      picture.redraw();
      changed("view");
    }

    const lineOf = (point) => lines.find(({ series }) => series === point.series);
    const xValue = (point) => {
      const { view } = lineOf(point);
      return view.xs[view.place[point.at]];
    };

    function setCursor(line, drawnAt) {
      const bounded = Math.min(Math.max(drawnAt, 0), line.view.xs.length - 1);
      if (bounded < 0) return;
      self.hover = null;
      self.cursor = { series: line.series, at: line.view.at[bounded] };
      const value = line.view.xs[bounded];
      if (span && (value < span[0] || value > span[1])) {
        const half = (span[1] - span[0]) / 2;
        setSpan(value - half, value + half);
      }
      if (lines.length > 1) picture.redraw();
      else drawCursor();
      changed("cursor");
    }

    function key(event) {
      if (!lines.length) return false;
      const line = self.cursor ? lineOf(self.cursor) : lines[0];
      const here = self.cursor ? line.view.place[self.cursor.at] : part(line.view)[1];
      const step = event.shiftKey ? 10 : 1;
      switch (event.key) {
        case "ArrowLeft":
          setCursor(line, here - step);
          return true;
        case "ArrowRight":
          setCursor(line, here + step);
          return true;
        case "ArrowUp":
        case "ArrowDown": {
          if (lines.length < 2) return false;
          const by = event.key === "ArrowDown" ? 1 : lines.length - 1;
          const next = lines[(lines.indexOf(line) + by) % lines.length];
          const value = self.cursor ? xValue(self.cursor) : Infinity;
          setCursor(next, chart.nearest(next.view.xs, 0, next.view.xs.length, value));
          return true;
        }
        case "Home":
          setCursor(line, part(line.view)[0]);
          return true;
        case "End":
          setCursor(line, part(line.view)[1] - 1);
          return true;
        case "+":
        case "=":
          zoom(2);
          return true;
        case "-":
        case "−":
          zoom(0.5);
          return true;
        case "e":
        case "E":
          return nextEvent(line, here);
        case "Enter":
        case " ":
          if (self.cursor) pick(self.cursor);
          return true;
        case "Escape":
          if (!span && !self.picks.length) return false;
          self.picks = [];
          reset();
          changed("picks");
          return true;
        default:
          return false;
      }
    }

    function nextEvent(line, here) {
      const places = line.series.meta.events
        .map(({ at }) => line.view.place[at])
        .sort((a, b) => a - b);
      if (!places.length) return false;
      setCursor(line, places.find((place) => place > here) ?? places[0]);
      return true;
    }

    return self;
  }

  return { make };
})();
