"""The hot loops of the search for changes in C, if they were built.

``splits``, ``models`` and ``autoregression`` ask here, and have the same in Python, which runs
where there was no compiler, or with ``HARNESS_PURE_PYTHON`` in the environment. Either way the same
changes are found; numbers differ by rounding, and where two models are equally good but for
rounding, it may be the other one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class Kernel(Protocol):
    """What ``_search.c`` offers.

    Arrays are float64, and those of one dimension lie in one piece; changes ascend within the
    series. ``TypeError`` or ``ValueError`` says what is wrong with the input, and nothing is
    written then.
    """

    def Path(self, sums: Values, shortest: int, decay: float, /) -> Iterator[int]:
        """As ``splits.path``; ``sums`` are running sums of all values, and begin with 0."""

    def best(self, sums: Values, shortest: int, /) -> int | None:
        """As ``splits.best``, likewise."""

    def noise(
        self,
        errors: Values,
        levels: int,
        slopes: int,
        floor: float,
        most: float,
        brief: int,
        price: float,
        /,
    ) -> tuple[float, float, float, float]:
        """As ``autoregression.noise``, with its limits."""

    def left_over(
        self,
        values: Values,
        changes: list[int],
        columns: Values | None,
        slopes: int,
        floor: float,
        most: float,
        brief: int,
        price: float,
        /,
    ) -> tuple[float, float, float, float] | None:
        """As ``models.left_over`` for levels; None if the columns depend on each other."""

    def fit(
        self,
        values: Values,
        changes: list[int],
        columns: Values | None,
        rest: Values,
        errors: Values,
        /,
    ) -> bool:
        """As ``models.fit`` for levels, into ``rest`` and ``errors``; False if columns depend."""


def _choose() -> Kernel | None:
    if os.environ.get("HARNESS_PURE_PYTHON"):
        return None
    try:
        return cast(Kernel, import_module("harness.stats._search"))
    except ImportError:
        return None


#: What there is in C; None if Python has to do.
in_c = _choose()
