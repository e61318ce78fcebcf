"use strict";
// Slower, faster, same or unsure, for all rows of a comparison together: the rules of
// harness/stats/comparison.py, for one value on each side and the noise of the series' history.
// Pure; tests compare it with the same sums in Python.
site.verdicts = (() => {
  const LEVEL = 0.05;

  /** Two-sided: the share of a standard normal beyond ±z. */
  function beyond(z) {
    return complementaryError(Math.abs(z) / Math.SQRT2);
  }

  /** erfc for x ≥ 0: the power series near zero, else the continued fraction, to ten digits. */
  function complementaryError(x) {
    if (x > 27) return 0;
    if (x < 2) {
      let term = x;
      let sum = x;
      for (let n = 1; n < 60; n++) {
        term *= (-x * x) / n;
        sum += term / (2 * n + 1);
      }
      return 1 - (2 / Math.sqrt(Math.PI)) * sum;
    }
    let fraction = x;
    for (let n = 80; n >= 1; n--) fraction = x + n / 2 / fraction;
    return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
  }

  /** Benjamini and Hochberg 1995: for each p the smallest share of false ones at which it passes. */
  function adjusted(ps) {
    const order = ps.map((_, at) => at).sort((a, b) => ps[b] - ps[a]);
    const qs = new Array(ps.length);
    let least = 1;
    order.forEach((at, place) => {
      least = Math.min(least, (ps[at] * ps.length) / (ps.length - place));
      qs[at] = least;
    });
    return qs;
  }

  /**
   * Judge rows `[{a, b, noiseA, noiseB, better}]`: a value on each side, both positive, each side's
   * relative noise (null if it is not known) and "less" or "more". `margin` is what does not matter.
   *
   * Gives `[{ratio, lo, hi, q, word, why}]`. A ratio's interval is ratio × exp(±1.96 · √(noiseA² +
   * noiseB²)), which is ±1.96 · √2 · noise where both are the same series.
   */
  function judge(rows, margin) {
    const tested = rows.map((row) => {
      const ratio = row.b / row.a;
      if (row.noiseA === null || row.noiseB === null) return { ratio, lo: null, hi: null, p: null };
      const spread = Math.hypot(row.noiseA, row.noiseB);
      const log = Math.log(ratio);
      const p = spread > 0 ? beyond(log / spread) : log === 0 ? 1 : 0;
      return {
        ratio,
        lo: ratio * Math.exp(-1.96 * spread),
        hi: ratio * Math.exp(1.96 * spread),
        p,
      };
    });
    const known = tested.filter(({ p }) => p !== null);
    const qs = new Map(adjusted(known.map(({ p }) => p)).map((q, at) => [known[at], q]));
    return tested.map((one, at) => {
      const q = qs.get(one) ?? null;
      return {
        ratio: one.ratio,
        lo: one.lo,
        hi: one.hi,
        q,
        ...wordOf(one, q, rows[at].better, margin),
      };
    });
  }

  function wordOf({ ratio, lo, hi }, q, better, margin) {
    if (q === null)
      return {
        word: "unsure",
        why: "the noise of this series is not known: fewer than six points",
      };
    // What is certain but does not matter is no change.
    if (lo > 1 / (1 + margin) && hi < 1 + margin)
      return { word: "same", why: `within ±${margin * 100} %` };
    if (q <= LEVEL && (lo > 1 || hi < 1)) {
      const worse = ratio > 1 === (better === "less");
      return { word: worse ? "slower" : "faster", why: `q ${q.toPrecision(2)}` };
    }
    return { word: "unsure", why: `could be chance: q ${q.toPrecision(2)}` };
  }

  return { judge, adjusted, beyond, LEVEL };
})();
