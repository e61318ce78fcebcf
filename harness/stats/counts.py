"""Instructions of two sides: what is counted repeats itself, so a threshold near zero is enough."""

from __future__ import annotations

from harness.stats.comparison import Word

#: A relative change within this is none. The same code counts the same to 1 in 10⁵ and better, in
#: one environment as in another (METHOD.md has the measurement); what is left is dictionaries of
#: other sizes and lines that moved.
THRESHOLD = 0.002


def word_of(base: float, head: float, threshold: float = THRESHOLD) -> Word:
    """Slower, faster or same. Raises ``ValueError`` for counts that are not positive."""
    if not (base > 0 and head > 0):
        raise ValueError(f"instructions are counted from 1, not {min(base, head)}")
    change = head / base - 1
    if abs(change) <= threshold:
        return Word.SAME
    return Word.SLOWER if change > 0 else Word.FASTER
