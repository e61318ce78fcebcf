"""Intervals of a ratio by drawing again: whole blocks, and processes within them if asked.

Percentiles of a plain bootstrap are too narrow for few blocks: the spread of n values is drawn from
those values, not from where they came. The tails are therefore read further out, as Student's t
lies further out than the normal curve (Hesterberg 2015, "expanded percentiles").
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from harness.records import Record
from harness.stats.blocks import Array, differences, middle
from harness.stats.student import quantile

#: Times that are drawn. The ends of an interval wander by a few hundredths of its width.
DRAWS = 4_000
#: With fewer blocks, or processes of a side, nothing is said of how sure a ratio is.
LEAST = 4


class Interval(Record, frozen=True):
    """A logarithm of a ratio and where it lies with the asked confidence; NaN ends: unknown."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def known(self) -> bool:
        """Whether there were enough values for ends."""
        return not math.isnan(self.low)


def paired(
    logs: Array,
    confidence: float = 0.95,
    seed: int = 1,
    draws: int = DRAWS,
    *,
    within: bool = False,
) -> Interval:
    """The ratio head over base of blocks: a ``table`` of logarithms by block, side and process.

    Blocks are drawn whole, so that what their sides share still cancels. ``within`` draws the
    processes of each drawn block as well. Blocks differ by the noise of their processes already, so
    that counts it twice: 95 % intervals cover 99 %, where whole blocks alone cover 95 to 97 %
    (Davison and Hinkley 1997, section 3.8, say why). Raises ``ValueError`` without blocks.
    """
    count, _, size = logs.shape
    if not count:
        raise ValueError("no blocks, no ratio")
    value = float(middle(differences(logs)))
    if count < LEAST:
        return Interval(value=value)
    draw = np.random.default_rng(seed)
    chosen = draw.integers(0, count, (draws, count))
    if within and size > 1:
        drawn = logs[
            chosen[:, :, None, None],
            np.arange(2)[:, None],
            draw.integers(0, size, (draws, count, 2, size)),
        ].mean(axis=3)
        found = drawn[:, :, 1] - drawn[:, :, 0]
    else:
        found = differences(logs)[chosen]
    return _ends(value, middle(found), count, confidence)


def apart(
    base: Array, head: Array, confidence: float = 0.95, seed: int = 1, draws: int = DRAWS
) -> Interval:
    """The ratio of processes that were not taken in turns; each side is drawn by itself.

    Raises ``ValueError`` for a side without processes.
    """
    if not len(base) or not len(head):
        raise ValueError("no processes, no ratio")
    value = float(middle(head) - middle(base))
    least = min(len(base), len(head))
    if least < LEAST:
        return Interval(value=value)
    draw = np.random.default_rng(seed)
    sides = [middle(side[draw.integers(0, len(side), (draws, len(side)))]) for side in (base, head)]
    return _ends(value, sides[1] - sides[0], least, confidence)


def _ends(value: float, found: Array, count: int, confidence: float) -> Interval:
    tail = expanded((1 - confidence) / 2, count)
    low, high = np.quantile(found, (tail, 1 - tail))
    return Interval(value=value, low=float(low), high=float(high))


def expanded(tail: float, count: int) -> float:
    """The tail to read from draws of so many values, for one of ``tail`` in truth."""
    degrees = count - 2 * (count // 5) - 1  # those of a trimmed mean: Tukey and McLaughlin 1963
    reach = math.sqrt(count / (count - 1)) * quantile(tail, degrees)
    return NormalDist().cdf(reach)
