"""Numbers of any tool's units as people read them."""

from __future__ import annotations

import math
from functools import lru_cache

from harness import units

#: Units by other names: the one that pages know, and how many of it one of the other is.
_ALIASES = {
    "seconds": ("ns", 1e9), "second": ("ns", 1e9), "s": ("ns", 1e9), "sec": ("ns", 1e9),
    "ms": ("ns", 1e6), "us": ("ns", 1e3), "µs": ("ns", 1e3), "ns": ("ns", 1.0),
    "bytes": ("bytes", 1.0), "byte": ("bytes", 1.0), "b": ("bytes", 1.0), "kb": ("bytes", 1e3),
    "mb": ("bytes", 1e6), "1/s": ("1/s", 1.0), "count": ("count", 1.0), "ratio": ("ratio", 1.0),
}  # fmt: skip


@lru_cache(maxsize=1024)
def known(unit: str) -> tuple[str, float]:
    """The unit that pages know, and the factor to it; others stay as they are."""
    return _ALIASES.get(unit.lower(), (unit, 1.0))


def text(value: float | None, unit: str) -> str:
    """A value with its unit; ``—`` if there is none."""
    if value is None or not math.isfinite(value):
        return "—"
    name, factor = known(unit)
    return units.show(value * factor, name)


def kind(name: str, unit: str) -> str:
    """What sort of metric it is, for choosing: time, rate, memory, cost, instructions, other."""
    lower = name.lower()
    to, _ = known(unit)
    if "cpu" in lower or "cost" in lower:
        return "cost"
    if "instruction" in lower or unit.lower() == "instructions":
        return "instructions"
    if to == "bytes":
        return "memory"
    if to == "ns":
        return "time"
    if unit.lower().endswith(("/s", "/sec", "hz")):
        return "rate"
    return "other"


def change(ratio: float | None, difference: float, unit: str) -> str:
    """By how much something changed: ``+5.2 %``, ``×2.31`` from ten times on, or a difference."""
    if ratio is None or not math.isfinite(ratio):
        return ("+" if difference > 0 else "−") + text(abs(difference), unit)
    return f"×{ratio:.3g}" if ratio >= 10 else f"{_signed(ratio)} %"


def between(low: float, high: float, *, ratios: bool, unit: str = "") -> str:
    """The ends of an interval of a change."""
    if not ratios:
        return f"{text(low, unit)} … {text(high, unit)}"
    if high >= 10:
        return f"×{low:.3g} … ×{high:.3g}"
    return f"{_signed(low)} … {_signed(high)} %"


def _signed(ratio: float) -> str:
    percent = (ratio - 1) * 100
    return f"{percent:+.1f}".replace("-", "−")
