"""Single points that stand out, told apart from changes.

One bad measurement moves the mean of a short stretch as a change of level would. A point is a spike
if it lies far from the median of itself and its neighbours; a new level is not, since its third
point outvotes the old one. So a level has at least three points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Points on either side that a point is compared with.
_REACH = 2
#: Standard deviations of the noise, robustly taken, from which on a point is a spike.
LIMIT = 4.0
#: The largest part of a series that may be spikes; one always may, and its neighbour.
_MOST, _ALWAYS = 0.1, 2
#: The median of absolute values of standard normal numbers, and of their differences.
_MEDIAN_ABS, _MEDIAN_STEP = 0.6745, 0.9539


def without(
    values: NDArray[np.float64], least: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The values with spikes replaced by the median around them, and which those are.

    ``least`` is the least that the standard deviation of the noise can be. In a series without
    noise any single or double deviation is a spike.
    """
    count = len(values)
    if count < 2 * _REACH + 1:
        return values.copy(), np.zeros(count, dtype=bool)
    around = _medians(values)
    distance = np.abs(values - around)
    noise = max(
        float(np.median(distance)) / _MEDIAN_ABS,
        float(np.median(np.abs(np.diff(values)))) / _MEDIAN_STEP,
        least,
    )
    found = distance > LIMIT * noise
    if np.count_nonzero(found) > max(_ALWAYS, _MOST * count):
        return values.copy(), np.zeros(count, dtype=bool)
    return np.where(found, around, values), found


def _medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of each point and its neighbours; at the ends, that of the last five points.

    Of five, by comparing pairs: ten times as quick as sorting each window.
    """
    a, b, c, d, e = (values[at : len(values) - 2 * _REACH + at] for at in range(2 * _REACH + 1))
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    # What is left of four are the two in the middle; the fifth decides.
    middle = np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), e))
    ends = np.full(_REACH, middle[0]), np.full(_REACH, middle[-1])
    return np.concatenate((ends[0], middle, ends[1]))
