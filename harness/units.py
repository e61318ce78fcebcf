"""Numbers for people: made last, from integers of nanoseconds and bytes and plain rates."""

from __future__ import annotations

import math
from collections.abc import Callable

#: Nanoseconds in a second.
SECOND_NS = 1_000_000_000

_DURATIONS = [(SECOND_NS, "s"), (1_000_000, "ms"), (1_000, "µs")]
_SIZES = [(10**9, "GB"), (10**6, "MB"), (10**3, "kB")]


def number(value: float) -> str:
    """At least three significant digits, thousands separated: ``48,458``, ``12.3``, ``0.00512``."""
    if not math.isfinite(value):
        return "—"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def duration(ns: float) -> str:
    """A duration given in nanoseconds, in the unit that leaves one to three digits in front."""
    return _scaled(ns, _DURATIONS, "ns")


def size(count: float) -> str:
    """A size given in bytes, in decimal units."""
    return _scaled(count, _SIZES, "B")


def rate(per_s: float) -> str:
    """A rate per second."""
    return f"{number(per_s)}/s"


def change(ratio: float) -> str:
    """A ratio as the change that it is: ``+5.2%``; from twice as much on, ``2.31×``."""
    return f"{ratio - 1:+.1%}" if ratio < 2 else f"{ratio:.2f}×"


def _scaled(value: float, steps: list[tuple[int, str]], base: str) -> str:
    for step, name in steps:
        if abs(value) >= step:
            return f"{number(value / step)} {name}"
    return f"{number(value)} {base}"


#: Unit of a metric -> how its values are written.
_FORMATS: dict[str, Callable[[float], str]] = {
    "ns": duration,
    "bytes": size,
    "1/s": rate,
    "ratio": lambda value: f"{number(value)}×",
    "count": lambda value: f"{value:,.0f}" if math.isfinite(value) else "—",
}


def show(value: float | None, unit: str) -> str:
    """A value with its unit; ``—`` if there is none. Unknown units are appended as they are."""
    if value is None or not math.isfinite(value):
        return "—"
    known = _FORMATS.get(unit)
    return known(value) if known else f"{number(value)} {unit}"
