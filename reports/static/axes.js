"use strict";
// From values to pixels, and where the marks of an axis stand. Pure: knows no document.
site.axes = (() => {
  /** Round steps of 1, 2 or 5 times a power of ten, about `count` of them, within [low, high]. */
  function linearTicks(low, high, count) {
    if (!(high > low)) return [low];
    const rough = (high - low) / Math.max(1, count);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
    const ticks = [];
    // Counted in whole steps: adding up 0.1 ten times would not reach 1.
    for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++)
      ticks.push(at * step + 0); // no −0
    return ticks;
  }

  /** Powers of ten; with 2 and 5 between them, or steps of a linear axis, where few fit. */
  function logTicks(low, high, count) {
    const first = Math.floor(Math.log10(low));
    const last = Math.ceil(Math.log10(high));
    const decades = last - first;
    const factors = decades > count ? [1] : decades * 2 > count ? [1, 3] : [1, 2, 5];
    const every = Math.max(1, Math.ceil(decades / count));
    const ticks = [];
    for (let power = first; power <= last; power++) {
      if ((power - first) % every) continue;
      for (const factor of factors) {
        const tick = factor * 10 ** power;
        if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
      }
    }
    return ticks.length >= 3 ? ticks : linearTicks(low, high, count).filter((tick) => tick > 0);
  }

  const DAY = 86_400_000;

  /** Starts of years, months, days or hours (UTC), as `{value, text}`. */
  function dateTicks(low, high, count) {
    const span = (high - low) / Math.max(1, count);
    const { day } = site.format;
    const ticks = [];
    const from = new Date(low);
    if (span > 20 * DAY) {
      const months = [1, 2, 3, 6, 12, 24, 60, 120].find((step) => step * 30.4 * DAY >= span) ?? 240;
      let month = Math.ceil((from.getUTCFullYear() * 12 + from.getUTCMonth()) / months) * months;
      for (; ; month += months) {
        const value = Date.UTC(Math.floor(month / 12), month % 12);
        if (value > high) break;
        if (value < low) continue;
        ticks.push({ value, text: months >= 12 ? day(value).slice(0, 4) : day(value).slice(0, 7) });
      }
      return ticks;
    }
    const hours =
      [1, 2, 6, 12, 24, 48, 168, 336, 480].find((step) => step * 3_600_000 >= span) ?? 480;
    const step = hours * 3_600_000;
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
      ticks.push({ value, text: hours >= 24 ? day(value) : site.format.moment(value).slice(5) });
    }
    return ticks;
  }

  /** A scale from [low, high] to [from, to] pixels: `{at(value), value(pixel), low, high}`. */
  function linear(low, high, from, to) {
    const span = high - low || 1;
    return {
      low,
      high,
      at: (value) => from + ((value - low) / span) * (to - from),
      value: (pixel) => low + ((pixel - from) / (to - from)) * span,
    };
  }

  function logarithmic(low, high, from, to) {
    const inner = linear(Math.log(low), Math.log(high), from, to);
    return {
      low,
      high,
      at: (value) => inner.at(Math.log(Math.max(value, Number.MIN_VALUE))),
      value: (pixel) => Math.exp(inner.value(pixel)),
    };
  }

  /** The range of an axis for what lies in [low, high]: some air, or from zero. */
  function range(low, high, { zero = false, log = false } = {}) {
    if (!Number.isFinite(low) || !Number.isFinite(high)) return [log ? 1 : 0, log ? 10 : 1];
    if (log) {
      if (low === high) return [low / 1.5, high * 1.5];
      const air = (high / low) ** 0.06;
      return [low / air, high * air];
    }
    const air = high === low ? Math.abs(high) * 0.1 || 1 : (high - low) * 0.06;
    if (!zero) return [low - air, high + air];
    return [Math.min(0, low < 0 ? low - air : 0), Math.max(0, high > 0 ? high + air : 0)];
  }

  /**
   * The path of points (x ascending) with at most four per column of pixels: where it enters,
   * the lowest, the highest, where it leaves. What is drawn is what all points would have drawn.
   * NaN breaks the line.
   */
  function path(xs, ys, from, to, x, y) {
    const parts = [];
    let column = NaN;
    let last, low, high;
    let pen = "M";
    const put = (px, py) => {
      parts.push(pen, px.toFixed(1), " ", py.toFixed(1));
      pen = "L";
    };
    const leave = () => {
      if (Number.isNaN(column)) return;
      if (low !== last && high !== low) put(column, low);
      if (high !== last && high !== low) put(column, high);
      put(column, last);
      column = NaN;
    };
    for (let at = from; at < to; at++) {
      const value = ys[at];
      if (Number.isNaN(value)) {
        leave();
        pen = "M";
        continue;
      }
      const px = Math.round(x.at(xs[at]) * 2) / 2;
      const py = y.at(value);
      if (px === column) {
        if (py < low) low = py;
        if (py > high) high = py;
        last = py;
        continue;
      }
      leave();
      put(px, py);
      column = px;
      last = low = high = py;
    }
    leave();
    return parts.join("");
  }

  /** The area between two such lines, narrowed to one stretch per half pixel. */
  function area(xs, lows, highs, from, to, x, y) {
    const pieces = [];
    let top = [];
    let bottom = [];
    let column = NaN;
    const close = () => {
      if (top.length) pieces.push(`M${top.join("L")}L${bottom.reverse().join("L")}Z`);
      top = [];
      bottom = [];
      column = NaN;
    };
    let high, low;
    for (let at = from; at < to; at++) {
      if (Number.isNaN(lows[at]) || Number.isNaN(highs[at])) {
        close();
        continue;
      }
      const px = Math.round(x.at(xs[at]) * 2) / 2;
      if (px === column) {
        high = Math.min(high, y.at(highs[at]));
        low = Math.max(low, y.at(lows[at]));
        top.pop();
        bottom.pop();
      } else {
        high = y.at(highs[at]);
        low = y.at(lows[at]);
        column = px;
      }
      top.push(`${px} ${high.toFixed(1)}`);
      bottom.push(`${px} ${low.toFixed(1)}`);
    }
    close();
    return pieces.join("");
  }

  /** The first place in ascending `xs` that is not below `value`. */
  function lowerBound(xs, value) {
    let low = 0;
    let high = xs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (xs[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return { linearTicks, logTicks, dateTicks, linear, logarithmic, range, path, area, lowerBound };
})();
