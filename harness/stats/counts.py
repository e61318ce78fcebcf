"""Instructions of two sides: what is counted repeats itself, so a threshold near zero is enough."""

from __future__ import annotations

from harness.stats.comparison import Word


def word_of(base: float, head: float, threshold: float) -> Word:
    """Slower, faster, or the same within a relative threshold.

    Raises ``ValueError`` for counts that are not positive.
    """
    if not (base > 0 and head > 0):
        raise ValueError(f"instructions are counted from 1, not {min(base, head)}")
    change = head / base - 1
    if abs(change) <= threshold:
        return Word.SAME
    return Word.SLOWER if change > 0 else Word.FASTER
