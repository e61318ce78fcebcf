"use strict";
// The points of a series: loaded from the file that holds them, laid out by commit or by date.
site.series = (() => {
  /**
   * One series with its points: `{meta, commit, y, lo, hi, runs}`. `commit` holds the number
   * of each point's commit, ascending; the others are arrays of the same length, or null.
   */
  async function points(meta) {
    const shard = await site.load(meta.file);
    const raw = shard.series[meta.i];
    if (!raw) throw new Error(`${meta.file}.js lacks series ${meta.i}`);
    const y = site.numbers(raw.y);
    return {
      meta,
      y,
      commit: places(raw.x, y.length),
      lo: site.numbers(raw.lo),
      hi: site.numbers(raw.hi),
      runs: raw.runs,
    };
  }

  function places(x, length) {
    if (!("from" in x)) return site.numbers(x);
    return Uint32Array.from({ length }, (_, at) => x.from + at);
  }

  /**
   * The points as a chart draws them: `{xs, ys, lo, hi, at}` with xs ascending; `at[k]` is the place
   * in the series of the k-th point drawn, and `place[i]` the other way round. Dates of commits may
   * run backwards, their order does not.
   */
  function laidOut(series, commits, byDate) {
    const { commit, y, lo, hi } = series;
    const at = Uint32Array.from(y, (_, place) => place);
    if (!byDate) return { xs: commit, ys: y, lo, hi, at, place: at };
    at.sort((a, b) => commits.date[commit[a]] - commits.date[commit[b]] || a - b);
    const place = new Uint32Array(at.length);
    at.forEach((from, to) => (place[from] = to));
    const pick = (values) => values && Float32Array.from(at, (from) => values[from]);
    return {
      xs: Float64Array.from(at, (from) => commits.date[commit[from]]),
      ys: pick(y),
      lo: pick(lo),
      hi: pick(hi),
      at,
      place,
    };
  }

  /** The relative noise of a series at a level, or null if it is not known. */
  function relativeNoise(series, level) {
    const sd = series.meta.noise;
    return sd === null || sd === undefined || !(level > 0) ? null : sd / level;
  }

  /**
   * Point b against point a: `{ratio, lo, hi}`. Each value stands for its commit to within the
   * series' noise, hence √2 of it for a quotient of two (or both noises, of two series); 95 %.
   */
  function compared(a, b) {
    const [first, second] = [a.series.y[a.at], b.series.y[b.at]];
    if (!(first > 0 && second > 0)) return null;
    const ratio = second / first;
    const noises = [relativeNoise(a.series, first), relativeNoise(b.series, second)];
    if (noises.includes(null)) return { ratio, lo: null, hi: null };
    const spread = Math.exp(1.96 * Math.hypot(...noises));
    return { ratio, lo: ratio / spread, hi: ratio * spread };
  }

  /** What is known of a point's commit. */
  function commitOf(series, at, commits) {
    const number = series.commit[at];
    const hash = commits.hash[number] ?? "";
    return {
      number,
      hash,
      date: commits.date[number],
      subject: commits.subject[number] ?? "",
      href: hash && /^https?:\/\//i.test(commits.url ?? "") ? commits.url + hash : "",
    };
  }

  return { points, laidOut, compared, commitOf };
})();
