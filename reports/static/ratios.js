"use strict";
// The ratio plot: a row for each comparison, its ratio on a logarithmic axis with the interval
// about it. Drawn as one picture; the table that says the same stands beside it.
site.ratios = (() => {
  const { el, svg } = site.dom;
  const { axes, chart } = site;
  const ROW = 22;
  const MARKS = { slower: "▲", faster: "▼", same: "=", unsure: "?", plain: "" };

  /**
   * Draw `rows` (`[{name, value, lo, hi, word}]`, `lo` and `hi` null where there is no interval;
   * `word` one of MARKS) into `host`. `margin` shades what counts as the same.
   */
  function show(host, title, rows, { margin = 0 } = {}) {
    host.replaceChildren();
    const known = rows.filter(({ value }) => value > 0 && Number.isFinite(value));
    if (!known.length) return;
    const figure = el("figure", null, el("figcaption", null, title));
    host.append(figure);
    const height = known.length * ROW + 66;
    const first = known
      .slice(0, 3)
      .map(({ name, value }) => `${name.slice(0, 80)}: ${value.toFixed(3)}`);
    chart.frame(figure, {
      label: `${title}. ${known.length} ratios, the first: ${first.join("; ")}. The table has all of them.`,
      height,
      draw,
    });

    function draw(box, base) {
      const ends = known
        .flatMap(({ value, lo, hi }) => [value, lo ?? value, hi ?? value])
        .filter((end) => end > 0);
      // At least ±5 %, so that noise does not look like a landslide; one row that is far off does not
      // squeeze the others beyond a factor of a thousand either way.
      const low = Math.max(Math.min(...ends, 0.95), 1e-3);
      const high = Math.min(Math.max(...ends, 1.05), 1e3);
      const names = Math.min(box.width * 0.42, 380);
      box.left = names + 12;
      box.right = box.width - 14;
      box.top = 24;
      const [from, to] = axes.range(low, high, { log: true });
      const x = axes.logarithmic(from, to, box.left, box.right);
      const inside = (value) => Math.min(box.right, Math.max(box.left, x.at(value)));
      if (margin) {
        const [left, right] = [inside(1 / (1 + margin)), inside(1 + margin)];
        base.append(
          svg("rect", {
            class: "band",
            x: left,
            width: right - left,
            y: box.top,
            height: box.bottom - box.top,
          }),
        );
      }
      const ticks = ratioTicks(from, to, chart.fitting(box.right - box.left, 80));
      for (const value of ticks) {
        base.append(
          svg("line", {
            class: "grid",
            x1: x.at(value),
            x2: x.at(value),
            y1: box.top,
            y2: box.bottom,
          }),
        );
      }
      chart.axes(
        box,
        base,
        {
          scale: x,
          ticks: ticks.map((value) => ({ value, text: `${Number(value.toPrecision(4))}×` })),
        },
        { scale: x, ticks: [] },
      );
      base.append(
        svg("line", { class: "axis", x1: inside(1), x2: inside(1), y1: box.top, y2: box.bottom }),
      );
      known.forEach((row, at) =>
        drawRow(base, box, row, box.top + at * ROW + ROW / 2, names, inside),
      );
    }

    function drawRow(base, box, { name, value, lo, hi, word }, py, names, inside) {
      const short = shortened(name, Math.floor(names / 7.6) - 2);
      base.append(
        svg(
          "text",
          {
            x: names,
            y: py + 4,
            "text-anchor": "end",
            "unicode-bidi": "isolate",
            direction: "ltr",
          },
          svg("title", null, name.slice(0, 500)),
          `${short} ${MARKS[word] ?? ""}`,
        ),
      );
      if (lo !== null && hi !== null) {
        base.append(
          svg("path", {
            class: `whisker ${word}`,
            d: `M${inside(lo)} ${py}H${inside(hi)}M${inside(lo)} ${py - 4}v8M${inside(hi)} ${py - 4}v8`,
          }),
        );
      }
      base.append(svg("path", { class: `whisker ${word}`, d: shape(word, inside(value), py) }));
    }
  }

  /** A name without its middle: its end tells it from its neighbours. */
  function shortened(name, most) {
    const letters = [...name]; // whole characters, so that no emoji is cut in half
    if (letters.length <= most) return name;
    const end = Math.ceil(most * 0.6);
    return `${letters.slice(0, most - end - 1).join("")}…${letters.slice(-end).join("")}`;
  }

  /** A shape for each word, so that it can be told without colour. */
  function shape(word, px, py) {
    if (word === "slower") return `M${px} ${py - 5}l5 9h-10z`;
    if (word === "faster") return `M${px} ${py + 5}l5 -9h-10z`;
    if (word === "same") return `M${px - 4} ${py - 4}h8v8h-8z`;
    return `M${px - 4} ${py}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0`;
  }

  function ratioTicks(low, high, count) {
    if (high / low > 3) return axes.logTicks(low, high, count);
    return axes.linearTicks(low, high, count).filter((value) => value > 0);
  }

  return { show, MARKS };
})();
