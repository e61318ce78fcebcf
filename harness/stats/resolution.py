"""To what step a series was written down: numbers with one decimal are known to ±0.05.

A noise that is smaller than that step leaves long runs of equal values, which look as if there was
no noise at all; then each last digit that turns is a change beyond doubt. So no noise is taken to
be smaller than that of rounding.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

#: Decimals that are looked for; what has more was not rounded by hand.
_MOST_DECIMALS = 12
#: Integers up to here are exact.
_EXACT = 2.0**52
#: How near to a whole number of steps a value has to be, by what decimals lose in binary.
_LOSS = 8 * np.finfo(np.float64).eps


def step(values: NDArray[np.float64]) -> float:
    """The largest of 1, 0.1, 0.01 … of which all values are multiples; 0.0 if there is none."""
    largest = float(np.max(np.abs(values)))
    for decimals in range(_MOST_DECIMALS + 1):
        scale = 10.0**decimals
        if not largest * scale < _EXACT:
            return 0.0
        scaled = values * scale
        if bool(np.all(np.abs(scaled - np.rint(scaled)) <= _LOSS * np.abs(scaled))):
            return 1.0 / scale
    return 0.0


def rounding_sd(step: float) -> float:
    """The standard deviation of what rounding to this step takes away."""
    return step / math.sqrt(12)
