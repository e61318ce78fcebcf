"""How noisy a series is around what is known of it, if each error passes a part of itself on.

Benchmarks of neighbouring commits are measured within hours of each other, so their errors are
alike: ``r[t] = rho · r[t-1] + e[t]``. Only ``e`` is new information. A model that explains a series
is judged by the variance of what it leaves unexplained in that sense.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.stats import kernel

#: The variance of series of size 1 below which there is no noise, only rounding.
FLOOR = 1e-18
#: In shorter series an error is known from the one before only.
SHORT = 24
#: The price of knowing it from two, in logarithms of the number of points.
PRICE = 2.0
#: The most that an error may pass on: beyond it noise and level cannot be told apart.
MOST = 0.95


class Fitted(NamedTuple):
    """How many numbers a model has: ``levels`` and waves, and slopes."""

    levels: int
    slopes: int = 0


class Noise(NamedTuple):
    """``log_variance`` of the new part of each error, and the part ``rho`` that is passed on.

    ``first`` and ``second`` are what an error has of the one before, and of the one before that.
    """

    log_variance: float
    rho: float
    first: float
    second: float

    @property
    def long_run_sd(self) -> float:
        """The standard deviation whose square, over n, is the variance of a mean of n points."""
        return math.exp(self.log_variance / 2) / (1 - self.first - self.second)


def noise(errors: NDArray[np.float64], parameters: Fitted, floor: float = FLOOR) -> Noise:
    """Of what a model with these parameters leaves unexplained.

    ``floor`` is the least variance that there can be.

    Fitting takes a part of the correlation away; the mean part of it is given back: (1 + 3 rho) / n
    for each parameter, (1 + rho) / n for a slope (Kendall 1954; Orcutt and Winokur 1969). Negative
    correlation is taken for none.
    """
    if kernel.in_c is not None:
        return Noise(*kernel.in_c.noise(errors, *parameters, floor, MOST, SHORT, PRICE))
    count = len(errors)
    total = float(errors @ errors)
    if not math.isfinite(total):
        raise ValueError("values must be finite")
    if total <= floor * count or count < 3:
        return Noise(math.log(floor), 0.0, 0.0, 0.0)
    rho = float(errors[1:] @ errors[:-1]) / total
    taken = (1 + 3 * rho) * parameters.levels + (1 + rho) * parameters.slopes
    rho = min(max(rho + taken / count, 0.0), MOST)
    first, second = _coefficients(errors, total, rho)
    fresh = _fresh(errors, first, second)
    return Noise(_log_variance(fresh, parameters, floor, first, second), rho, first, second)


def shocked(
    errors: NDArray[np.float64], parameters: Fitted, floor: float, like: Noise, at: int, most: float
) -> float:
    """The log of the variance if errors are passed on as in ``like``, with a shock at a place.

    What is new in the error there counts as ``most`` at the most.
    """
    fresh = _fresh(errors, like.first, like.second)
    if at > 0:
        fresh[at - 1] = min(max(fresh[at - 1], -most), most)
    return _log_variance(fresh, parameters, floor, like.first, like.second)


def _fresh(errors: NDArray[np.float64], first: float, second: float) -> NDArray[np.float64]:
    """What is new in each error but the first."""
    fresh = errors[1:] - first * errors[:-1]
    if second:
        fresh[1:] -= second * errors[:-2]
        fresh[0] -= second * errors[0]
    return fresh


def _log_variance(
    fresh: NDArray[np.float64], parameters: Fitted, floor: float, first: float, second: float
) -> float:
    left = max(len(fresh) - sum(parameters), 1)
    # What rounding adds is passed on by nobody: several roundings are in each new part.
    rounding = floor * (1 + first * first + second * second)
    return math.log(max(float(fresh @ fresh) / left, rounding))


def _coefficients(errors: NDArray[np.float64], total: float, rho: float) -> tuple[float, float]:
    """What is passed on from the error before, and from the one before that: mostly nothing.

    Errors that swing, or that wander smoothly, are known from two of them. That is believed if it
    is worth twice the logarithm of the number of points (Schwarz 1978 asks for it once, which noise
    of 200 points reaches in two cases of a hundred).
    """
    count = len(errors)
    if count < SHORT:
        return rho, 0.0
    near = float(errors[1:] @ errors[:-1]) / total
    far = float(errors[2:] @ errors[:-2]) / total
    partial = (far - near * near) / (1 - near * near)
    partial = min(max(partial, -MOST), MOST)
    if near <= 0 or -count * math.log1p(-partial * partial) <= PRICE * math.log(count):
        return rho, 0.0
    return rho * (1 - partial), partial
