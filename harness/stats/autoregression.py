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
#: The most that an error may pass on: beyond it noise and level cannot be told apart.
MOST = 0.95


class Noise(NamedTuple):
    """``log_variance`` of the new part of each error, and the part ``rho`` that is passed on."""

    log_variance: float
    rho: float

    @property
    def long_run_sd(self) -> float:
        """The standard deviation whose square, over n, is the variance of a mean of n points."""
        return math.exp(self.log_variance / 2) / (1 - self.rho)


def noise(errors: NDArray[np.float64], parameters: int) -> Noise:
    """Of what a model with so many parameters leaves unexplained.

    Fitting takes a part of the correlation away; the mean part of it, (1 + 3 rho) / n for each
    parameter, is given back (Kendall 1954). Negative correlation is taken for none.
    """
    if kernel.in_c is not None:
        return Noise(*kernel.in_c.noise(errors, parameters, FLOOR, MOST))
    count = len(errors)
    total = float(errors @ errors)
    if not math.isfinite(total):
        raise ValueError("values must be finite")
    if total <= FLOOR * count or count < 3:
        return Noise(math.log(FLOOR), 0.0)
    rho = float(errors[1:] @ errors[:-1]) / total
    rho = min(max(rho + (1 + 3 * rho) * parameters / count, 0.0), MOST)
    fresh = errors[1:] - rho * errors[:-1]
    variance = float(fresh @ fresh) / max(count - 1 - parameters, 1)
    return Noise(math.log(max(variance, FLOOR)), rho)
