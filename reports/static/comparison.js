"use strict";
// What the page for comparing compares: the commits, machines, targets and environments of a choice,
// their values, which series stands against which, and the verdicts. Knows no document.
site.comparison = (() => {
  const LOOK = 300; // commits that are looked at for a choice to begin with

  /** For the data of the page and the commits of the site; `state` is what the address holds. */
  function make(page, commits) {
    // What series differ in beside their commit: the key of the address, the field of a series, names.
    const KINDS = [
      { key: "machine", field: "m", label: "machine", names: page.machines },
      { key: "target", field: "t", label: "target", names: page.targets },
      { key: "env", field: "e", label: "environment", names: page.environments },
    ];

    /** A commit in the address: its hash, or its number where it has none. */
    function keyOf(number) {
      return commits.hash[number] || `n${number}`;
    }

    function numberOf(key) {
      if (!key) return null;
      if (/^n\d+$/.test(key))
        return Number(key.slice(1)) < commits.hash.length ? Number(key.slice(1)) : null;
      const at = commits.hash.findIndex(
        (hash) => hash && (hash.startsWith(key) || key.startsWith(hash)),
      );
      return at < 0 ? null : at;
    }

    /** The chosen machine, target or environment of a side by number; null for any. */
    function placeOf(state, side, { key, names }) {
      const text = state[side + key];
      if (!text) return null;
      const at = names.findIndex((name) => (name || "—") === text);
      return at < 0 ? null : at;
    }

    const block = (number) => {
      let at = page.blocks.length - 1;
      while (at > 0 && page.blocks[at] > number) at--;
      return at;
    };

    async function valuesAt(number) {
      const part = await site.load(`data/c${block(number)}`);
      return site.numbers(part.values[number - part.from]);
    }

    /** The nearest commit at which something was measured, `number` itself included. */
    async function measured(number, step) {
      for (let at = number; at >= 0 && at < commits.hash.length; at += step) {
        if (await valuesAt(at)) return at;
      }
      return null;
    }

    /**
     * Fill in what `state` has no choice for: the newest commit that has something in common with one
     * before it.
     */
    async function startingChoice(state) {
      let b =
        numberOf(state.b) ??
        (await measured(commits.hash.length - 1, -1)) ??
        commits.hash.length - 1;
      let a = numberOf(state.a);
      const end = Math.max(0, b - LOOK);
      while (a === null && b > end) {
        const valuesB = await valuesAt(b);
        for (let at = b - 1; at >= end && a === null && valuesB; at--) {
          const valuesA = await valuesAt(at);
          if (valuesA?.some((value, series) => value > 0 && valuesB[series] > 0)) a = at;
        }
        if (numberOf(state.b) !== null) break;
        if (a === null) b--;
      }
      state.b = keyOf(b);
      state.a = keyOf(a ?? Math.max(0, b - 1));
    }

    /** A series' name without its target, by which the sides are matched. */
    function nameOf(series) {
      const target = page.targets[series.t];
      return target ? series.n.replace(`target=${target}`, "target") : series.n;
    }

    /** Which series of A stands against which of B: the same name, and most else the same. */
    function pairs(state) {
      const fits = (side) => {
        const asked = KINDS.map((kind) => [kind.field, placeOf(state, side, kind)]).filter(
          ([, at]) => at !== null,
        );
        return (series) => asked.every(([field, at]) => series[field] === at);
      };
      const [fitsA, fitsB] = ["a", "b"].map(fits);
      const byName = new Map();
      page.series.forEach((series, at) => {
        if (!fitsB(series)) return;
        const name = nameOf(series);
        if (byName.has(name)) byName.get(name).push(at);
        else byName.set(name, [at]);
      });
      const likeness = (one, other) =>
        KINDS.reduce(
          (sum, { field }) => sum + (one[field] === other[field]),
          one === other ? 1 : 0,
        );
      const found = new Map(); // of B -> [of A, how alike]: each stands against one
      page.series.forEach((series, a) => {
        if (!fitsA(series)) return;
        const others = byName.get(nameOf(series));
        if (!others) return;
        const b = others.reduce((best, at) =>
          likeness(series, page.series[at]) > likeness(series, page.series[best]) ? at : best,
        );
        const alike = likeness(series, page.series[b]);
        if (alike > (found.get(b)?.[1] ?? -1)) found.set(b, [a, alike]);
      });
      return [...found].map(([b, [a]]) => [a, b]);
    }

    /** The rows of both sides' values with their verdicts; none if a side has no values. */
    function judged(state, valuesA, valuesB) {
      if (!valuesA || !valuesB) return [];
      const known = pairs(state)
        .map(([a, b]) => ({
          series: page.series[b],
          of: page.series[a],
          a: valuesA[a],
          b: valuesB[b],
        }))
        .filter(({ a, b }) => a > 0 && b > 0);
      const verdicts = site.verdicts.judge(
        known.map(({ series, of, a, b }) => ({
          a,
          b,
          noiseA: of.sd,
          noiseB: series.sd,
          better: series.b,
        })),
        page.margin,
      );
      return known.map((row, at) => ({ ...row, ...verdicts[at], name: shownName(row) }));
    }

    function shownName({ series, of }) {
      return nameOf(series) === series.n || series.t === of.t ? series.n : nameOf(series);
    }

    return { KINDS, keyOf, numberOf, placeOf, valuesAt, measured, startingChoice, judged };
  }

  return { make };
})();
