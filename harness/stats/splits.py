"""Where a series could be split, the most promising place first.

Seeded binary segmentation: a fixed set of overlapping stretches of all lengths is searched, so that
a short level between two long ones has a stretch in which it stands out. About n log n steps.
Source: Kovács, Li, Bühlmann and Munk, "Seeded binary segmentation", Biometrika 110 (2023).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.stats import kernel

#: The fewest points of a level: fewer are taken for spikes.
SHORTEST = 3
#: Each layer's stretches are shorter than those of the layer before by this factor.
_DECAY = math.sqrt(2)


def path(values: NDArray[np.float64]) -> Iterator[int]:
    """Places, each the first point of a new level, in the order of their gains.

    A gain is by how much the sum of squares falls if the stretch is split there.
    """
    sums = _sums(values)
    if kernel.in_c is not None:
        return kernel.in_c.Path(sums, SHORTEST, _DECAY)
    return _path(sums)


def best(values: NDArray[np.float64]) -> int | None:
    """The one best split of a stretch; None if it is too short."""
    if len(values) < 2 * SHORTEST:
        return None
    sums = _sums(values)
    if kernel.in_c is not None:
        return kernel.in_c.best(sums, SHORTEST)
    (_, _, at, _) = _best(sums, len(values), np.zeros(1, dtype=np.int64))
    return int(at[0])


def _sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running sums around the mean, from 0 on."""
    sums = np.empty(len(values) + 1)
    sums[0] = 0.0
    np.cumsum(values - values.mean(), out=sums[1:])
    return sums


def _path(sums: NDArray[np.float64]) -> Iterator[int]:
    """``path`` in Python."""
    parts = [_best(sums, length, starts) for length, starts in _layers(len(sums) - 1)]
    if not parts:
        return
    begin, end, at, gain = (np.concatenate(column) for column in zip(*parts, strict=True))
    while len(at):
        split = int(at[gain.argmax()])
        yield split
        apart = (begin >= split) | (end <= split)
        begin, end, at, gain = begin[apart], end[apart], at[apart], gain[apart]


Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def _best(sums: NDArray[np.float64], length: int, starts: NDArray[np.int64]) -> Columns:
    """Begin, end, best split and its gain for stretches of one length."""
    left = np.arange(SHORTEST, length - SHORTEST + 1)
    partial = sums[starts[:, None] + left] - sums[starts][:, None]
    total = (sums[starts + length] - sums[starts])[:, None]
    gains = (partial - total * (left / length)) ** 2 * (length / (left * (length - left)))
    place = gains.argmax(axis=1)
    return starts, starts + length, starts + left[place], gains[np.arange(len(starts)), place]


@lru_cache(maxsize=512)
def _layers(count: int) -> list[tuple[int, NDArray[np.int64]]]:
    """Lengths of stretches, and where those of each length begin."""
    layers = []
    length = float(count)
    while math.ceil(length) >= 2 * SHORTEST:
        whole = math.ceil(length)
        number = 2 * math.ceil(count / length) - 1
        starts = np.unique(np.linspace(0, count - whole, number).astype(np.int64))
        layers.append((whole, starts))
        length /= _DECAY
    return layers
