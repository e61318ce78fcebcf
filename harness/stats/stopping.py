"""When enough was measured: a rule that cannot see who is ahead.

Stopping when a difference looks significant makes false alarms frequent. This rule looks at how
much the processes of one and the same side differ within their block, and at nothing else. Had the
names of the sides been swapped in any block, it would have stopped at the same time; so the swaps
that ``permutation.sign_flip`` looks at are still equally likely, and its p is as exact as if the
number of blocks had been fixed beforehand.
"""

from __future__ import annotations

import math

import numpy as np

from harness.stats.blocks import Array
from harness.stats.bootstrap import LEAST
from harness.stats.permutation import finest
from harness.stats.student import quantile

#: More than this no comparison needs; whoever gets there has a benchmark of noise.
MOST = 200
#: The median of the squares of standard normal numbers.
_MEDIAN_OF_SQUARES = 0.4549364


def least(tests: int, level: float = 0.05) -> int:
    """Blocks with which one changed benchmark among ``tests`` can be believed at all.

    Raises ``ValueError`` if no number of blocks is enough.
    """
    wanted = level / max(1, tests)
    for blocks in range(LEAST, MOST):
        if finest(blocks) <= wanted:
            return blocks
    raise ValueError(f"{tests} tests at {level:g} ask for a finer p than is computed")


def reach(logs: Array, confidence: float = 0.95) -> float:
    """Half of the interval to expect of these blocks, as a logarithm; infinite if unknown.

    ``logs`` is a ``table``. The larger of two guesses at the noise of a process counts: from the
    mean square of the differences within sides, which slow drift widens, and from their median.
    """
    count, _, size = logs.shape
    if count < LEAST or size < 2:
        return math.inf
    # Each a square of what one process differs by, with size - 1 degrees of freedom.
    squares = logs.var(axis=2, ddof=1).ravel()
    typical = float(np.median(squares)) / _MEDIAN_OF_SQUARES if size == 2 else 0.0
    # The outermost twentieth of the squares comes from single spoilt processes.
    usual = float(np.minimum(squares, np.quantile(squares, 0.95)).mean())
    noise = max(usual, typical) * 2 / size  # of the difference of two means of a block
    return quantile((1 + confidence) / 2, count - 1) * math.sqrt(noise / count)


def enough(logs: Array, tests: int, precision: float, level: float = 0.05) -> bool:
    """Whether a benchmark needs no further block.

    ``precision`` is the relative half width of its interval that is aimed at, such as 0.01.
    """
    count = len(logs)
    return count >= MOST or (count >= least(tests, level) and reach(logs) <= math.log1p(precision))
