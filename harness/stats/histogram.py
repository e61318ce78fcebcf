"""A histogram of integers with three significant digits, after HdrHistogram.

A value below 2,048 has a cell of its own. Above, each power of two is divided into 1,024 cells of
equal width, so a cell is never wider than 1/1,024 of its values. Minimum, maximum and sum are
exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import StoreError

_SUB_BITS = 10
_SUB = 1 << _SUB_BITS
_TOP_BITS = 52
#: The greatest value that can be recorded: 52 days of nanoseconds.
LIMIT = (1 << _TOP_BITS) - 1
_CELLS = (_TOP_BITS - _SUB_BITS) * _SUB + _SUB


class Histogram:
    """Counts of values from 0 to ``LIMIT``."""

    __slots__ = ("_counts", "count", "max", "min", "total")

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros(_CELLS, dtype=np.int64)
        self.count = 0
        self.total = 0
        self.min = 0
        self.max = 0

    @classmethod
    def of(cls, values: Iterable[int] | NDArray[np.int64]) -> Histogram:
        """A histogram of these values."""
        made = cls()
        made.record(values)
        return made

    def record(self, values: Iterable[int] | NDArray[np.int64]) -> None:
        """Add values. Raises ``ValueError`` for one that is negative or above ``LIMIT``."""
        array = values if isinstance(values, np.ndarray) else np.array(list(values), np.int64)
        if not len(array):
            return
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > LIMIT:
            raise ValueError(f"a histogram holds 0 to {LIMIT}, not {low if low < 0 else high}")
        self._counts += np.bincount(_cells(array), minlength=_CELLS)
        self.min = min(self.min, low) if self.count else low
        self.max = max(self.max, high)
        self.count += len(array)
        # Python's integers, since a sum of nanoseconds may pass 63 bits.
        self.total += int(array.sum(dtype=object)) if high > 1 << 40 else int(array.sum())

    def merge(self, other: Histogram) -> None:
        """Add all of another's counts: the same as having recorded its values here."""
        if not other.count:
            return
        self._counts += other._counts
        self.min = min(self.min, other.min) if self.count else other.min
        self.max = max(self.max, other.max)
        self.count += other.count
        self.total += other.total

    @property
    def mean(self) -> float:
        """The exact mean; NaN without values."""
        return self.total / self.count if self.count else math.nan

    def percentile(self, percent: float) -> int:
        """The least recorded value, to three digits, that ``percent`` of all values do not exceed.

        The upper edge of its cell is given, but never more than the exact maximum. Raises
        ``ValueError`` without values or for a percentage outside 0 to 100.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"a percentage lies between 0 and 100, not at {percent}")
        if not self.count:
            raise ValueError("a histogram without values has no percentiles")
        rank = max(1, math.ceil(percent / 100 * self.count - 1e-9))
        cell = int(np.searchsorted(np.cumsum(self._counts), rank))
        return max(self.min, min(self.max, _upper_edge(cell)))

    def below(self, value: int) -> int:
        """How many recorded values are at most this, to the precision of a cell."""
        if value < 0:
            return 0
        cell = int(_cells(np.array([min(value, LIMIT)], dtype=np.int64))[0])
        return int(self._counts[: cell + 1].sum())

    def to_dict(self) -> dict[str, Any]:
        """A compact form for JSON: pairs of distance to the previous used cell, and count."""
        used = np.flatnonzero(self._counts)
        steps = np.diff(used, prepend=0)
        cells = np.stack([steps, self._counts[used]], axis=1).reshape(-1).tolist()
        return {
            "digits": 3, "count": self.count, "total": self.total,
            "min": self.min, "max": self.max, "cells": cells,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Histogram:
        """The histogram of ``to_dict``. Raises ``StoreError`` if the counts do not add up."""
        made = cls()
        try:
            pairs = np.array(stored["cells"], dtype=np.int64).reshape(-1, 2)
            np.add.at(made._counts, np.cumsum(pairs[:, 0]), pairs[:, 1])
            made.count, made.total = int(stored["count"]), int(stored["total"])
            made.min, made.max = int(stored["min"]), int(stored["max"])
        except (KeyError, ValueError, IndexError, TypeError, OverflowError) as error:
            raise StoreError(f"a stored histogram is damaged: {error}") from error
        held = int(made._counts.sum())
        if held != made.count or (made._counts < 0).any():
            raise StoreError(f"a stored histogram claims {made.count} values and holds {held}")
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # mutable, hence not a key


def _cells(values: NDArray[np.int64]) -> NDArray[np.int64]:
    # Exact, since every value below 2**52 is a double; frexp's exponent is the bit length.
    bits = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    shift = np.maximum(bits - _SUB_BITS - 1, 0)
    return np.asarray(shift * _SUB + (values >> shift), dtype=np.int64)


def _upper_edge(cell: int) -> int:
    shift = max(0, cell // _SUB - 1)
    return ((cell - shift * _SUB + 1) << shift) - 1
