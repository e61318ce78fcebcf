"""Values of one series of a large history, as numbers in arrays: there may be many millions."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import TypeAlias

#: Samples, and the ends of the interval; NaN if there is none.
Details: TypeAlias = tuple[Sequence[float], float, float]
NONE: Details = ((), math.nan, math.nan)


class Column:
    """For each point the place of its commit and its value, NaN for none.

    Samples and intervals take room from the first point on that has some.
    """

    __slots__ = ("_ends", "_highs", "_lows", "_samples", "places", "values")

    def __init__(self) -> None:
        self.places, self.values = array("l"), array("d")
        self._lows, self._highs = array("d"), array("d")
        #: Samples of all points one after the other, and where those of each end.
        self._samples, self._ends = array("d"), array("q")

    def add(self, place: int, value: float, details: Details = NONE) -> None:
        """One point more."""
        samples, low, high = details
        if self._ends or samples or not (math.isnan(low) and math.isnan(high)):
            missing = len(self.places) - len(self._ends)
            if missing:
                self._lows.extend([math.nan] * missing)
                self._highs.extend([math.nan] * missing)
                self._ends.extend([0] * missing)
            self._samples.extend(samples)
            self._lows.append(low)
            self._highs.append(high)
            self._ends.append(len(self._samples))
        self.places.append(place)
        self.values.append(value)

    def details(self, at: int) -> tuple[tuple[float, ...], float, float]:
        """What was stored beside the value of a point."""
        if not self._ends:
            return (), math.nan, math.nan
        begin = self._ends[at - 1] if at else 0
        return tuple(self._samples[begin : self._ends[at]]), self._lows[at], self._highs[at]
