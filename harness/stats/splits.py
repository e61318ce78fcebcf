"""Where a series could be split, the most promising place first.

Seeded binary segmentation: a fixed set of overlapping stretches of all lengths is searched, so that
a short level between two long ones has a stretch in which it stands out. About n log n steps.
Source: Kovács, Li, Bühlmann and Munk, "Seeded binary segmentation", Biometrika 110 (2023).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.stats import kernel

#: The fewest points of a level: fewer are taken for spikes.
SHORTEST = 3
#: The fewest points of a line of its own: three always nearly are one.
SHORTEST_LINE = 6
#: Each layer's stretches are shorter than those of the layer before by this factor.
_DECAY = math.sqrt(2)

#: What a search is made of: running sums.
Sums = TypeVar("Sums")


def path(values: NDArray[np.float64], lines: bool = False) -> Iterator[int]:
    """Places, each the first point of a new level, in the order of their gains.

    A gain is by how much the sum of squares falls if the stretch is split there. With ``lines``
    each part has a slope as well.
    """
    if lines:
        return _path(_line_sums(values), len(values), _best_line, SHORTEST_LINE)
    sums = _sums(values)
    if kernel.in_c is not None:
        return kernel.in_c.Path(sums, SHORTEST, _DECAY)
    return _path(sums, len(values), _best, SHORTEST)


def best(values: NDArray[np.float64], lines: bool = False) -> int | None:
    """The one best split of a stretch; None if it is too short."""
    if len(values) < 2 * (SHORTEST_LINE if lines else SHORTEST):
        return None
    begin = np.zeros(1, dtype=np.int64)
    if lines:
        return int(_best_line(_line_sums(values), len(values), begin)[2][0])
    sums = _sums(values)
    if kernel.in_c is not None:
        return kernel.in_c.best(sums, SHORTEST)
    return int(_best(sums, len(values), begin)[2][0])


def _sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running sums around the mean, from 0 on."""
    sums = np.empty(len(values) + 1)
    sums[0] = 0.0
    np.cumsum(values - values.mean(), out=sums[1:])
    return sums


def _path(
    sums: Sums,
    count: int,
    seek: Callable[[Sums, int, NDArray[np.int64]], Columns],
    shortest: int,
) -> Iterator[int]:
    """``path`` in Python: ``seek`` finds the best splits of stretches of one length."""
    parts = [seek(sums, length, starts) for length, starts in _layers(count, shortest)]
    if not parts:
        return
    begin, end, at, gain = (np.concatenate(column) for column in zip(*parts, strict=True))
    while len(at):
        split = int(at[gain.argmax()])
        yield split
        apart = (begin >= split) | (end <= split)
        begin, end, at, gain = begin[apart], end[apart], at[apart], gain[apart]


Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


class LineSums(NamedTuple):
    """Running sums of values, and of these values times their place, from 0 on."""

    plain: NDArray[np.float64]
    placed: NDArray[np.float64]


def _line_sums(values: NDArray[np.float64]) -> LineSums:
    places = np.arange(len(values)) - (len(values) - 1) / 2
    placed = np.zeros(len(values) + 1)
    np.cumsum((values - values.mean()) * places, out=placed[1:])
    return LineSums(_sums(values), placed)


def _best(plain: NDArray[np.float64], length: int, starts: NDArray[np.int64]) -> Columns:
    """Begin, end, best split and its gain for stretches of one length."""
    left = np.arange(SHORTEST, length - SHORTEST + 1)
    partial = plain[starts[:, None] + left] - plain[starts][:, None]
    total = (plain[starts + length] - plain[starts])[:, None]
    gains = (partial - total * (left / length)) ** 2 * (length / (left * (length - left)))
    place = gains.argmax(axis=1)
    return starts, starts + length, starts + left[place], gains[np.arange(len(starts)), place]


def _best_line(sums: LineSums, length: int, starts: NDArray[np.int64]) -> Columns:
    """The same where each part is a line."""
    left = np.arange(SHORTEST_LINE, length - SHORTEST_LINE + 1)
    begin, middle, end = starts[:, None], starts[:, None] + left, (starts + length)[:, None]
    gains = (
        _explained(sums, begin, middle)
        + _explained(sums, middle, end)
        - _explained(sums, begin, end)
    )
    place = gains.argmax(axis=1)
    return starts, starts + length, starts + left[place], gains[np.arange(len(starts)), place]


def _explained(
    sums: LineSums, begin: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The part of a stretch's sum of squares that its level and its slope explain."""
    size = (end - begin).astype(np.float64)
    total = sums.plain[end] - sums.plain[begin]
    # Places count from the middle of the series; the middle of the stretch lies there:
    middle = (begin + end - 1) / 2 - (len(sums.plain) - 2) / 2
    turned = sums.placed[end] - sums.placed[begin] - middle * total
    return total**2 / size + turned**2 * 12 / (size * (size * size - 1))


@lru_cache(maxsize=512)
def _layers(count: int, shortest: int = SHORTEST) -> list[tuple[int, NDArray[np.int64]]]:
    """Lengths of stretches, and where those of each length begin."""
    layers = []
    length = float(count)
    while math.ceil(length) >= 2 * shortest:
        whole = math.ceil(length)
        number = 2 * math.ceil(count / length) - 1
        starts = np.unique(np.linspace(0, count - whole, number).astype(np.int64))
        layers.append((whole, starts))
        length /= _DECAY
    return layers
