"""Which of many findings to believe, so that few of those believed are false.

One benchmark in twenty shows something at 5 % when nothing happened; with three hundred of them
each report would have fifteen false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence


def believed(
    p_values: Sequence[float], tests: int, level: float = 0.05, *, dependent: bool = False
) -> list[bool]:
    """For each finding, whether it is among those of which on average ``level`` are false.

    ``p_values`` are those of findings; ``tests`` is how many were looked at, found or not. Source:
    Benjamini and Hochberg 1995, for tests that are independent or move together; ``dependent`` is
    for tests that depend on each other in any way, Benjamini and Yekutieli 2001.

    Raises ``ValueError`` for fewer tests than findings, or a p that is none.
    """
    if tests < len(p_values):
        raise ValueError(f"{len(p_values)} findings cannot come of {tests} tests")
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("a p lies between 0 and 1")
    if dependent:
        level /= sum(1 / k for k in range(1, tests + 1))
    highest = -1.0
    for rank, p in enumerate(sorted(p_values), start=1):
        if p <= level * rank / tests:
            highest = p
    return [p <= highest for p in p_values]
