"""Student's t: its distribution and quantiles, without a table."""

from __future__ import annotations

import math
from functools import cache

_STEPS = 300
_TINY = 1e-300
_CLOSE = 1e-14


def below(t: float, degrees: float) -> float:
    """The share of Student's t with so many degrees of freedom that lies below ``t``.

    Raises ``ValueError`` unless there is more than no degree.
    """
    if not degrees > 0:
        raise ValueError(f"{degrees} degrees of freedom")
    if math.isinf(t):
        return 1.0 if t > 0 else 0.0
    tail = beta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2
    return 1 - tail if t > 0 else tail


@cache
def quantile(share: float, degrees: float) -> float:
    """Below which the share lies. Raises ``ValueError`` for shares of nothing or of all."""
    if not 0 < share < 1:
        raise ValueError(f"no quantile of {share}")
    if share < 0.5:
        return -quantile(1 - share, degrees)
    low, high = 0.0, 1.0
    while below(high, degrees) < share:
        low, high = high, 2 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if below(middle, degrees) < share else (low, middle)
    return high


def beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction.

    Source: Abramowitz and Stegun, 26.5.8; evaluated from the front as Lentz did.
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges quickly on the other side alone
        return 1 - beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        + a * math.log(x) + b * math.log1p(-x)
    )  # fmt: skip
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    up, down = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    value = down
    for step in range(1, _STEPS):
        twice = a + 2 * step
        for term in (
            step * (b - step) * x / ((twice - 1) * twice),
            -(a + step) * (a + b + step) * x / (twice * (twice + 1)),
        ):
            down = 1 / _nonzero(1 + term * down)
            up = _nonzero(1 + term / up)
            value *= up * down
        if abs(1 - up * down) < _CLOSE:
            break
    return value


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
