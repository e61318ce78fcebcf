"""What a series may do besides changing its level: drift, and follow a cycle."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.stats import kernel, significance, splits
from harness.stats.autoregression import MOST, PRICE, SHORT, Fitted, Noise, noise

#: A cycle must come round so often, and have so many points.
_ROUNDS, _POINTS = 3, 3
#: How much finer than the Fourier frequencies the grid of cycles is.
_FINER = 4


class Model(NamedTuple):
    """What is fitted beside the levels: ``columns`` are n values each.

    ``price`` is the evidence that it must bring to be believed. ``period`` is in points, ``waves``
    says how many sines make the cycle.
    """

    columns: NDArray[np.float64] | None
    price: float
    drifts: bool = False
    period: float | None = None
    waves: int = 0
    #: Each stretch has a slope of its own: it is a line, no level.
    lines: bool = False

    def parameters(self, changes: int) -> Fitted:
        """How many numbers are fitted for it, with so many changes."""
        beside = 0 if self.columns is None else self.columns.shape[1]
        slopes = 1 + changes if self.lines else 0
        # The slope of a drift is one of the columns.
        return Fitted(1 + changes + beside - self.drifts, slopes + self.drifts)

    @property
    def shortest(self) -> int:
        """The fewest points of a stretch."""
        return splits.SHORTEST_LINE if self.lines else splits.SHORTEST


#: Levels and nothing else.
LEVELS = Model(None, 0.0)
#: Lines and nothing else.
LINES = Model(None, significance.SLOPE, lines=True)


def drift(count: int) -> Model:
    """A slope that all levels share."""
    slope = (np.arange(count) - (count - 1) / 2) / count
    return Model(slope[:, None], significance.SLOPE, drifts=True)


def cycles(errors: NDArray[np.float64], rho: float) -> list[tuple[float, int]]:
    """The period of the strongest cycle of errors, with one wave and, if it has room, with two.

    ``rho`` is the part of an error that is passed on and not looked at.
    """
    frequency = _strongest(errors, rho)
    if frequency is None:
        return []
    return [(1 / frequency, waves) for waves in (1, 2) if frequency * waves <= 1 / _POINTS]


def over(count: int, drifts: bool, lines: bool, period: float | None, waves: int) -> Model:
    """The model of this kind for a series of this length."""
    model = LINES if lines else drift(count) if drifts else LEVELS
    if period is None:
        return model
    columns = _waves(count, 1 / period, waves)
    if model.columns is not None:
        columns = np.column_stack([model.columns, columns])
    price = model.price + significance.CYCLE + (waves - 1) * significance.HARMONIC
    return Model(columns, price, model.drifts, period, waves, model.lines)


def fit(
    values: NDArray[np.float64], changes: list[int], model: Model
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least squares: the values without what the model has beside levels or lines, and the errors.

    Changes ascend within the series. Raises ``ValueError`` if they do not, or if a value is not
    finite.
    """
    if kernel.in_c is not None and not model.lines:
        rest, errors = np.empty(len(values)), np.empty(len(values))
        if kernel.in_c.fit(values, changes, model.columns, rest, errors):
            return rest, errors
    return _fit(values, changes, model)


def _fit(
    values: NDArray[np.float64], changes: list[int], model: Model
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``fit`` in Python, for lines, and where columns depend on each other."""
    starts = [0, *changes]
    sizes = np.diff([*starts, len(values)])
    if sizes.min() < 1:
        raise ValueError("changes must ascend within the series")
    around = _around_lines if model.lines else _around_levels
    flat = around(values, starts, sizes)
    if model.columns is None:
        return values, flat
    # What stretches are is taken out of both sides first; a small system is left (Frisch, Waugh
    # 1933).
    columns = around(model.columns, starts, sizes)
    solved = _solve(columns.T @ columns, columns.T @ flat)
    return values - model.columns @ solved, flat - columns @ solved


def _solve(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """The solution of a small system, the smallest one if the columns depend on each other."""
    try:
        found = np.linalg.solve(left, right)
    except np.linalg.LinAlgError:
        found = np.linalg.lstsq(left, right, rcond=None)[0]
    return np.asarray(found, dtype=np.float64)


def _around_levels(
    values: NDArray[np.float64], starts: list[int], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Values, or columns of them, minus the mean of their stretch."""
    sums = np.add.reduceat(values, starts, axis=0)
    if not np.isfinite(sums).all():
        raise ValueError("values must be finite")
    means = sums / sizes if values.ndim == 1 else sums / sizes[:, None]
    return values - np.repeat(means, sizes, axis=0)


def _around_lines(
    values: NDArray[np.float64], starts: list[int], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Values, or columns of them, minus the line through their stretch."""
    flat = _around_levels(values, starts, sizes)
    turns = np.arange(len(values)) - np.repeat(starts + (sizes - 1) / 2, sizes)
    by = turns if values.ndim == 1 else turns[:, None]
    slopes = np.add.reduceat(flat * by, starts, axis=0)
    squares = np.maximum(sizes * (sizes * sizes - 1.0) / 12, 1.0)
    slopes = slopes / (squares if values.ndim == 1 else squares[:, None])
    return flat - np.repeat(slopes, sizes, axis=0) * by


def left_over(values: NDArray[np.float64], changes: list[int], model: Model, floor: float) -> Noise:
    """The noise around a model with these changes, which are as for ``fit``.

    Its variance is at least ``floor``.
    """
    if kernel.in_c is not None and not model.lines:
        slopes = int(model.drifts)
        found = kernel.in_c.left_over(
            values, changes, model.columns, slopes, floor, MOST, SHORT, PRICE
        )
        if found is not None:
            return Noise(*found)
    _, errors = fit(values, changes, model)
    return noise(errors, model.parameters(len(changes)), floor)


def _strongest(errors: NDArray[np.float64], rho: float) -> float | None:
    """The frequency, in rounds a point, at which the new part of the errors swings most."""
    fresh = errors[1:] - rho * errors[:-1]
    size = 1 << math.ceil(math.log2(_FINER * len(fresh)))
    # Of the grid of k / size, those with rounds and points enough.
    first, last = -(-_ROUNDS * size // len(errors)), size // _POINTS
    if first > last:
        return None
    spectrum = np.fft.rfft(fresh - fresh.mean(), size)[first : last + 1]
    power = spectrum.real**2 + spectrum.imag**2
    return (first + int(power.argmax())) / size


def _waves(count: int, frequency: float, number: int) -> NDArray[np.float64]:
    turns = 2 * np.pi * frequency * np.arange(count)
    sine, cosine = np.sin(turns), np.cos(turns)
    made = [sine, cosine]
    for _ in range(number - 1):
        # The next multiple of the angle; ten times as quick as asking for its sine.
        made += [made[-2] * cosine + made[-1] * sine, made[-1] * cosine - made[-2] * sine]
    return np.column_stack(made)
