"use strict";
// Sparklines: a row of integers 0–100, null where nothing was measured.
site.spark = (() => {
  /** The picture says nothing that the row beside it does not say, so it is hidden from readers. */
  function draw(values) {
    const { svg } = site.dom;
    const step = values.length > 1 ? 100 / (values.length - 1) : 0;
    let pen = "M";
    let path = "";
    values.forEach((value, at) => {
      if (value === null) {
        pen = "M";
        return;
      }
      const point = `${(at * step).toFixed(1)} ${(102 - value).toFixed(0)}`;
      // A short dash, so that a point without neighbours is seen.
      path += pen === "M" ? `M${point}h2` : `L${point}`;
      pen = "L";
    });
    return svg(
      "svg",
      {
        class: "spark",
        viewBox: "-2 -1 104 106",
        preserveAspectRatio: "none",
        "aria-hidden": "true",
        focusable: "false",
      },
      svg("path", { d: path }),
    );
  }

  return { draw };
})();
