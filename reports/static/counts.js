"use strict";
// A histogram as bars over a logarithmic axis: the shape of a distribution, beside its percentiles.
site.counts = (() => {
  const { el, svg } = site.dom;
  const { axes, chart, format } = site;

  /** `v` are the edges of the cells, one more than there are counts `c`. */
  function show(host, title, { v, c }, unit = "ns") {
    if (c.length < 2) return;
    const total = c.reduce((sum, count) => sum + count, 0);
    const most = c.indexOf(Math.max(...c));
    const figure = el("figure", null, el("figcaption", null, title));
    host.append(figure);
    chart.frame(figure, {
      label: `${title}: ${format.grouped(total, 0)} counted, most between ${format.show(v[most], unit)} and ${format.show(v[most + 1], unit)}`,
      height: 180,
      draw(box, base) {
        const y = axes.linear(0, c[most], box.bottom, box.top);
        const ticks = axes
          .linearTicks(0, c[most], 3)
          .map((value) => ({ value, text: format.grouped(value, 0) }));
        chart.leaveRoom(box, ticks);
        const x = axes.logarithmic(Math.max(v[0], 1), v[v.length - 1], box.left, box.right);
        const { ticks: marks } = chart.valueTicks(
          Math.max(v[0], 1),
          v[v.length - 1],
          chart.fitting(box.right - box.left, 90),
          unit,
          true,
        );
        chart.axes(box, base, { scale: x, ticks: marks }, { scale: y, ticks });
        let d = "";
        c.forEach((count, at) => {
          if (!count) return;
          const [left, right] = [x.at(v[at]), x.at(v[at + 1])];
          d += `M${left.toFixed(1)} ${box.bottom}V${y.at(count).toFixed(1)}H${right.toFixed(1)}V${box.bottom}Z`;
        });
        base.append(svg("path", { class: "bar", d }));
      },
    });
  }

  return { show };
})();
