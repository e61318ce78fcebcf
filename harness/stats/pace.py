"""A machine's pace taken out of a series, where a yardstick shows that it is in there.

Beside the benchmarks of a commit a fixed piece of work is measured, the yardstick. What a busy hour
or another machine does to it, it does to the others: their logarithms move together. Source: a
control variate, as in every textbook of simulation (Glasserman 2003, 4.1).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.stats import significance

#: In fewer points nothing is shown.
LEAST = 12
#: Steps of a series further out than so many robust standard deviations count as that far: they are
#: changes of level, which no pace explains.
_FURTHEST = 3.0
_MEDIAN_ABS = 0.6745
#: Units of what a slow machine makes slow.
TIMES = frozenset({"ns", "us", "µs", "ms", "s", "seconds", "second"})


class Paced(NamedTuple):
    """A series as if the machine had always had its typical pace.

    ``share`` is the part of the variance from point to point that the pace explained, ``part`` the
    power of the pace that was taken out: 1 if the series slows as much as the yardstick.
    """

    values: NDArray[np.float64]
    share: float
    part: float


def taken_out(values: NDArray[np.float64], pace: NDArray[np.float64]) -> Paced | None:
    """The values without the machine's pace; None if that does not explain them.

    ``pace`` is the yardstick at the same points, more for slower, NaN where it was not measured:
    those points stay as they are. It is believed if it is worth as much evidence as a drift.
    """
    known = (values > 0) & (pace > 0)
    if np.count_nonzero(known) < LEAST:
        return None
    logs, paces = np.log(values[known]), np.log(pace[known])
    steps, moves = _bounded(np.diff(logs)), _bounded(np.diff(paces))
    squares, moved = float(steps @ steps), float(moves @ moves)
    if squares <= 0.0 or moved <= 0.0:
        return None
    part = float(steps @ moves) / moved
    share = float(steps @ moves) ** 2 / (squares * moved)
    if part <= 0.0 or share >= 1.0 or -len(steps) * math.log1p(-share) < significance.SLOPE:
        return None
    found = values.astype(np.float64, copy=True)
    found[known] = np.exp(logs - part * (paces - np.median(paces)))
    return Paced(found, share, part)


def _bounded(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = steps - np.median(steps)
    limit = _FURTHEST * float(np.median(np.abs(centred))) / _MEDIAN_ABS
    return np.asarray(np.clip(centred, -limit, limit), dtype=np.float64)
