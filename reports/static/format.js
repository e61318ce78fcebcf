"use strict";
// Numbers for people: the same rules as harness/units.py (tests compare the two), plus one unit for
// a whole axis or column, picked by one typical value.
site.format = (() => {
  const TIMES = [
    [1, "s"],
    [1e-3, "ms"],
    [1e-6, "µs"],
    [1e-9, "ns"],
  ];
  const SIZES = [
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "kB"],
    [1, "B"],
  ];
  const RATES = [
    [1e9, "G/s"],
    [1e6, "M/s"],
    [1e3, "k/s"],
    [1, "/s"],
  ];
  const COUNTS = [
    [1e9, "G"],
    [1e6, "M"],
    [1, ""],
  ];
  const DASH = "—";

  function grouped(value, digits) {
    return value.toLocaleString("en-US", {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
  }

  /** At least three significant digits, thousands separated: 48,458, 12.3, 0.00512. */
  function number(value) {
    if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
    if (value === 0) return "0";
    const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
    return grouped(value, Math.min(digits, 20));
  }

  function steps(unit) {
    switch (unit) {
      case "s":
      case "seconds":
        return TIMES;
      case "ns":
        return TIMES.map(([size, name]) => [Math.round(size * 1e9), name]);
      case "bytes":
        return SIZES;
      case "1/s":
        return RATES;
      case "count":
        return COUNTS;
      case "ratio":
        return [[1, "×"]];
      default:
        return [[1, unit ?? ""]];
    }
  }

  const GLUED = new Set(["×", "/s", "k/s", "M/s", "G/s", "", "%"]);

  /** A scale for a whole axis or column: `{factor, name, text(value)}`. */
  function scale(unit, typical) {
    const known = steps(unit);
    const size = Math.abs(typical);
    const [factor, name] = known.find(([step]) => size >= step * 0.9995) ?? known[known.length - 1];
    return {
      factor,
      name,
      text: (value) =>
        Number.isFinite(value)
          ? number(value / factor) + (GLUED.has(name) ? name : ` ${name}`)
          : DASH,
    };
  }

  /** A value with its unit, in the unit that leaves one to three digits in front. */
  function show(value, unit) {
    if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
    if (unit === "1/s") return `${number(value)}/s`;
    if (unit === "count") return Number.isInteger(value) ? grouped(value, 0) : number(value);
    if (unit === "ratio") return `${number(value)}×`;
    const known = steps(unit);
    const size = Math.abs(value);
    const [factor, name] = known.find(([step]) => size >= step) ?? known[known.length - 1];
    return `${number(value / factor)} ${name}`.trim();
  }

  /** A ratio as the change that it is: +5.2 %; from twice as much on, 2.31×. */
  function change(ratio) {
    if (!Number.isFinite(ratio)) return DASH;
    if (ratio >= 2) return `${ratio.toFixed(2)}×`;
    const share = (ratio - 1) * 100;
    return `${share >= 0 ? "+" : "−"}${Math.abs(share).toFixed(1)} %`;
  }

  const two = (value) => String(value).padStart(2, "0");

  /** Milliseconds since 1970 → 2026-11-27, in universal time like the rest of the site. */
  function day(ms) {
    const date = new Date(ms);
    if (Number.isNaN(date.getTime())) return DASH;
    return `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  }

  function moment(ms) {
    const date = new Date(ms);
    return Number.isNaN(date.getTime())
      ? DASH
      : `${day(ms)} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  }

  return { number, scale, show, change, day, moment, grouped, DASH };
})();
