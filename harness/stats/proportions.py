"""Where a share lies of which some trials are known."""

from __future__ import annotations

from harness.stats.student import beta

_STEPS = 60


def interval(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of Clopper and Pearson 1934; all or nothing known for no trials.

    Raises ``ValueError`` for more hits than trials, or fewer than none.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} hits in {trials} trials")
    tail = (1 - confidence) / 2
    low = _solve(tail, hits, trials - hits + 1) if hits else 0.0
    high = _solve(1 - tail, hits + 1, trials - hits) if hits < trials else 1.0
    return low, high


def _solve(share: float, a: int, b: int) -> float:
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if beta(middle, a, b) < share else (low, middle)
    return high
