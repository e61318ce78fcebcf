"use strict";
// The course of a run: rate, CPU, memory, lag as small charts above each other, with one cursor.
site.timeline = (() => {
  const { el, svg } = site.dom;
  const { axes, chart, format } = site;
  const HEIGHT = 110;

  /** `all` is `[{name, unit, t: [seconds…], v: [values…]}]`; null values are gaps. */
  function show(host, all) {
    const known = all
      .filter(({ t }) => t.length > 1)
      .map((one) => ({ ...one, v: Float64Array.from(one.v, (value) => value ?? NaN) }));
    if (!known.length) {
      host.append(el("p", { class: "quiet" }, "No course was recorded."));
      return;
    }
    const last = Math.max(...known.map(({ t }) => t[t.length - 1]));
    const first = Math.min(...known.map(({ t }) => t[0]));
    let seconds = null;
    // One margin for all, so that the same moment stands above itself.
    const room = known.flatMap(({ unit, v }) => ticksOf(unit, v).ticks);
    const readout = el("p", { class: "readout", role: "status" });
    const place = el("div", { class: "timeline" });
    host.append(place, readout);
    const captions = known.map(({ name, unit, v }) => `${name}${unitOf(unit, v)}`);
    const charts = known.map((one, number) => {
      let x;
      let y;
      const figure = el("figure", null, el("figcaption", null, captions[number]));
      place.append(figure);
      const picture = chart.frame(figure, {
        label: told(one),
        height: number === known.length - 1 ? HEIGHT + 24 : HEIGHT,
        acts: { move: (px) => seek(x.value(px)), click: (px) => seek(x.value(px)), key },
        draw(box, base) {
          box.bottom = HEIGHT - 18;
          box.top = 6;
          const { ticks, low, high } = ticksOf(one.unit, one.v);
          chart.leaveRoom(box, room);
          x = axes.linear(first, last, box.left, box.right);
          y = axes.linear(low, high, box.bottom, box.top);
          const marks = axes.linearTicks(first, last, chart.fitting(box.right - box.left, 70));
          chart.axes(
            box,
            base,
            {
              scale: x,
              ticks: marks.map((value) => ({ value, text: `${Number(value.toPrecision(6))} s` })),
            },
            { scale: y, ticks },
          );
          base.append(
            svg("path", { class: "line c1", d: axes.path(one.t, one.v, 0, one.t.length, x, y) }),
          );
          drawCursor();
        },
      });

      function drawCursor() {
        picture.over.replaceChildren();
        if (seconds === null || !picture.box || !x) return;
        const px = x.at(seconds);
        picture.over.append(
          svg("line", {
            class: "cursor",
            x1: px,
            x2: px,
            y1: picture.box.top,
            y2: picture.box.bottom,
          }),
        );
      }
      return { drawCursor };
    });
    tell();

    function seek(value) {
      seconds = Math.min(last, Math.max(first, value));
      for (const one of charts) one.drawCursor();
      tell();
    }

    /** The recorded value at or before the cursor. */
    function at({ t, v }) {
      const place = axes.lowerBound(t, seconds + 1e-9) - 1;
      return place < 0 ? NaN : v[place];
    }

    function tell() {
      readout.textContent =
        seconds === null
          ? "Point at a chart, or focus it and use ← and →: one cursor for all."
          : `at ${seconds.toFixed(2)} s: ${known.map((one) => `${one.name} ${format.show(at(one), one.unit)}`).join(" · ")}`;
    }

    function key(event) {
      const step = (last - first) / (event.shiftKey ? 10 : 100);
      const here = seconds ?? first;
      const moves = { ArrowLeft: here - step, ArrowRight: here + step, Home: first, End: last };
      if (!(event.key in moves)) return false;
      seek(moves[event.key]);
      return true;
    }
  }

  /** From zero, since these are amounts. */
  function ticksOf(unit, values) {
    const known = values.filter((value) => !Number.isNaN(value));
    const [low, high] = axes.range(
      known.reduce((a, b) => Math.min(a, b), 0),
      known.reduce((a, b) => Math.max(a, b), 0),
      { zero: true },
    );
    return { ...chart.valueTicks(low, high, 3, unit, false), low, high };
  }

  /** The unit of a chart's axis, behind its name. */
  function unitOf(unit, values) {
    const { name } = ticksOf(unit, values);
    return name ? `, ${name}` : "";
  }

  function told({ name, unit, v }) {
    const known = v.filter((value) => !Number.isNaN(value));
    if (!known.length) return `${name}: no values`;
    const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
    const [low, high] = [
      known.reduce((a, b) => Math.min(a, b)),
      known.reduce((a, b) => Math.max(a, b)),
    ];
    return `${name} during the run: mean ${format.show(mean, unit)}, between ${format.show(low, unit)} and ${format.show(high, unit)}`;
  }

  return { show };
})();
