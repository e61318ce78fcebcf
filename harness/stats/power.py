"""The smallest change that a comparison would notice, from blocks in which nothing changed."""

from __future__ import annotations

import math

import numpy as np

from harness.stats.blocks import Array, differences, middle
from harness.stats.bootstrap import LEAST
from harness.stats.permutation import finest, sign_flip

#: Simulated comparisons for each size of change that is tried: ±3 % of the share at 80 %.
_COMPARISONS = 200
_STEPS = 14
#: Nobody asks for larger changes, as logarithms.
_LARGEST = math.log(16)


def detectable(
    logs: Array, blocks: int, tests: int = 1, power: float = 0.8, level: float = 0.05, seed: int = 1
) -> float:
    """The smallest relative slow-down found in the share ``power`` of comparisons.

    ``logs`` is a ``table`` of blocks of the same code on both sides; comparisons of ``blocks``
    blocks are drawn from it, with the change put in. A report of ``tests`` tests believes a lone
    change at ``level / tests``. What the two equal sides seemed to differ by is added: code is
    moved about in memory by any change, and that alone can do as much.

    Infinite if so few blocks cannot tell, or if the largest change tried (×16) is not found.
    """
    wanted = level / max(1, tests)
    if len(logs) < LEAST or finest(blocks) > wanted:
        return math.inf
    found = differences(logs)
    bias = abs(float(middle(found)))
    draw = np.random.default_rng(seed)
    drawn = (found - middle(found))[draw.integers(0, len(found), (_COMPARISONS, blocks))]

    def noticed(change: float) -> bool:
        hits = sum(sign_flip(row + change) <= wanted and row.mean() + change > 0 for row in drawn)
        return int(hits) >= power * _COMPARISONS

    low, high = 0.0, _LARGEST
    if not noticed(high):
        return math.inf
    for _ in range(_STEPS):
        centre = (low + high) / 2
        low, high = (low, centre) if noticed(centre) else (centre, high)
    return math.expm1(high + bias)
