"""How believable a finding is among all that were looked at in one report: its q."""

from __future__ import annotations

from collections.abc import Sequence


def adjusted(p_values: Sequence[float], *, dependent: bool = False) -> list[float]:
    """The q of each p: the lowest share of false findings at which it is still believed.

    ``q <= level`` says the same as ``discoveries.believed`` at that level. Source: Benjamini and
    Hochberg 1995, for tests that are independent or move together; ``dependent`` is for tests that
    depend on each other in any way, Benjamini and Yekutieli 2001.

    Raises ``ValueError`` for a p that is none.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("a p lies between 0 and 1")
    tests = len(p_values)
    factor = sum(1 / k for k in range(1, tests + 1)) if dependent else 1.0
    found = [1.0] * tests
    lowest = 1.0
    for rank, at in reversed(list(enumerate(sorted(range(tests), key=p_values.__getitem__), 1))):
        lowest = min(lowest, p_values[at] * (factor * tests / rank))
        found[at] = lowest
    return found
