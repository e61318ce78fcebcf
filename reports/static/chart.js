"use strict";
// The frame that all charts share: an SVG as wide as its place, axes, and what a reader does to it
// by mouse, finger or keys. What is inside is drawn by the charts themselves.
site.chart = (() => {
  const { el, svg, soon } = site.dom;
  const LETTER = 6.7; // pixels of a digit at the charts' 12 px, on the wide side
  const DRAG = 5; // pixels; what moves less is a click

  /**
   * A chart in `host`. `draw(box, base)` fills the group `base` within the pixels of `box`
   * (`{width, height, left, right, top, bottom}`); it is called again when the width changes.
   *
   * `label` says in words what is to be seen. With `acts` (`move(px, py)`, `leave()`,
   * `click(px, py)`, `select(from, to)`, `key(event)`) it takes the pointer and the keys, and
   * `hint` says which.
   */
  function frame(host, { label, height, draw, acts, hint }) {
    const base = svg("g");
    const over = svg("g");
    const picture = svg("svg", { height, "aria-hidden": "true", focusable: "false" }, base, over);
    const place = el("div", { class: "chart" }, picture);
    if (acts) {
      // The keys move a cursor, so a screen reader has to pass them on.
      place.setAttribute("role", "application");
      place.setAttribute("aria-roledescription", "chart");
      place.setAttribute("tabindex", "0");
      if (hint) place.setAttribute("aria-describedby", hint);
    } else {
      place.setAttribute("role", "img");
    }
    place.setAttribute("aria-label", label);
    host.append(place);

    const chart = {
      place,
      over,
      box: null,
      say(text) {
        place.setAttribute("aria-label", text);
      },
      redraw: soon(render),
    };

    function render() {
      const width = Math.floor(place.clientWidth);
      if (!width) return;
      picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
      base.replaceChildren();
      over.replaceChildren();
      chart.box = { width, height, left: 8, right: width - 10, top: 22, bottom: height - 40 };
      draw(chart.box, base);
    }

    let width = 0;
    new ResizeObserver(() => {
      if (place.clientWidth === width) return;
      width = place.clientWidth;
      chart.redraw();
    }).observe(place);
    if (acts) listen(chart, picture, acts);
    return chart;
  }

  function listen(chart, picture, acts) {
    let start = null;
    let dragged = false;
    const band = svg("rect", { class: "selection" });
    const at = (event) => {
      const place = picture.getBoundingClientRect();
      return [event.clientX - place.left, event.clientY - place.top];
    };
    const inside = (px) => Math.min(chart.box.right, Math.max(chart.box.left, px));

    picture.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !chart.box) return;
      start = at(event)[0];
      dragged = false;
      picture.setPointerCapture(event.pointerId);
    });
    picture.addEventListener("pointermove", (event) => {
      if (!chart.box) return;
      const [px, py] = at(event);
      if (start === null) {
        acts.move(px, py);
        return;
      }
      if (Math.abs(px - start) > DRAG) dragged = true;
      if (!dragged || !acts.select) return;
      const [low, high] = [inside(Math.min(start, px)), inside(Math.max(start, px))];
      band.setAttribute("x", low);
      band.setAttribute("width", high - low);
      band.setAttribute("y", chart.box.top);
      band.setAttribute("height", chart.box.bottom - chart.box.top);
      if (!band.isConnected) chart.over.append(band);
    });
    picture.addEventListener("pointerup", (event) => {
      if (start === null) return;
      const [px, py] = at(event);
      const from = start;
      start = null;
      band.remove();
      if (dragged && acts.select)
        acts.select(inside(Math.min(from, px)), inside(Math.max(from, px)));
      else if (!dragged) acts.click?.(px, py);
    });
    picture.addEventListener("pointercancel", () => {
      start = null;
      band.remove();
    });
    picture.addEventListener("pointerleave", () => {
      if (start === null) acts.leave?.();
    });
    if (acts.key) {
      chart.place.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || !chart.box) return;
        if (acts.key(event)) event.preventDefault();
      });
    }
  }

  /** Make room for the marks of the y axis. */
  function leaveRoom(box, ticks) {
    box.left = 10 + LETTER * Math.max(2, ...ticks.map(({ text }) => text.length));
  }

  /** How many marks fit along an axis of so many pixels. */
  function fitting(pixels, each) {
    return Math.max(2, Math.floor(pixels / each));
  }

  /** Axes with their lines: `x` and `y` are `{scale, ticks: [{value, text}], title}`. */
  function axes(box, base, x, y) {
    for (const { value, text } of y.ticks) {
      const py = y.scale.at(value);
      base.append(
        svg("line", { class: "grid", x1: box.left, x2: box.right, y1: py, y2: py }),
        svg("text", { x: box.left - 6, y: py + 4, "text-anchor": "end" }, text),
      );
    }
    let free = -Infinity;
    for (const { value, text } of x.ticks) {
      const px = x.scale.at(value);
      const half = (text.length * LETTER) / 2;
      base.append(
        svg("line", { class: "axis", x1: px, x2: px, y1: box.bottom, y2: box.bottom + 4 }),
      );
      // A mark that would run into the one before, or out of the picture, keeps its line only.
      const middle = Math.min(Math.max(px, half), box.width - half);
      if (middle - half < free) continue;
      free = middle + half + 8;
      base.append(svg("text", { x: middle, y: box.bottom + 17, "text-anchor": "middle" }, text));
    }
    base.append(
      svg("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }),
    );
    if (x.title)
      base.append(svg("text", { x: box.right, y: box.bottom + 34, "text-anchor": "end" }, x.title));
    if (y.title) base.append(svg("text", { x: 0, y: 12 }, y.title));
  }

  /** The ticks of a value axis, all in one unit: `{ticks, name, text}`. */
  function valueTicks(low, high, count, unit, log) {
    const values = log
      ? site.axes.logTicks(low, high, count)
      : site.axes.linearTicks(low, high, count);
    const inside = values.filter((value) => value >= low && value <= high);
    const step = inside.length > 1 ? Math.abs(inside[1] - inside[0]) : 1;
    // Over decades each mark has its own unit: 1 µs … 10 s. Elsewhere one unit is named once.
    if (log && (inside.length < 2 || inside[1] / inside[0] > 1.2)) {
      return {
        ticks: inside.map((value) => ({ value, text: trimmed(site.format.show(value, unit)) })),
        name: "",
      };
    }
    const scale = site.format.scale(unit, Math.max(...inside.map(Math.abs), 0));
    return {
      ticks: inside.map((value) => ({ value, text: stepped(value, step, scale) })),
      name: scale.name,
    };
  }

  /** A mark's value with as many decimals as the step needs. */
  function stepped(value, step, scale) {
    const digits = Math.max(0, -Math.floor(Math.log10(step / scale.factor) + 1e-9));
    return site.format.grouped(value / scale.factor, Math.min(digits, 12));
  }

  function trimmed(text) {
    return text.replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");
  }

  /** The nearest of ascending `xs` within [from, to) to a value. */
  function nearest(xs, from, to, value) {
    const after = Math.min(Math.max(site.axes.lowerBound(xs, value), from), to - 1);
    if (after > from && value - xs[after - 1] < xs[after] - value) return after - 1;
    return after;
  }

  /** The legend's sample of a line. */
  function sample(colour) {
    return svg(
      "svg",
      { viewBox: "0 0 28 12", "aria-hidden": "true" },
      svg("path", { class: `line c${colour}`, d: "M0 6H28" }),
    );
  }

  return { frame, leaveRoom, fitting, axes, valueTicks, nearest, sample };
})();
