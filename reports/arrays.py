"""Numbers as the pages take them: little-endian arrays in base64, and small whole numbers.

Four bytes hold seven digits, more than a page shows; the raw files have all of them. Formatting
three million numbers as text would take longer than all the rest of a site.
"""

from __future__ import annotations

import binascii
from typing import Any

import numpy as np
from numpy.typing import NDArray


def floats(values: NDArray[Any]) -> dict[str, str]:
    """``{"f4": …}``; NaN for what there is not."""
    return {"f4": _packed(np.asarray(values, dtype="<f4"))}


def places(values: NDArray[Any]) -> dict[str, Any]:
    """``{"from": n}`` for n, n + 1, …; else ``{"u4": …}``."""
    if len(values) and (len(values) == 1 or bool((np.diff(values) == 1).all())):
        return {"from": int(values[0])}
    return {"u4": _packed(np.asarray(values, dtype="<u4"))}


def _packed(values: NDArray[Any]) -> str:
    return binascii.b2a_base64(values.tobytes(), newline=False).decode("ascii")


def small(values: NDArray[np.float64], most: int) -> list[int | None]:
    """At most so many points, from 0 to 100 between the least and the greatest.

    Of several points that fall together the median is taken, so that one outlier does not flatten a
    sparkline; None where nothing was measured.
    """
    count = len(values)
    if not count:
        return []
    if count > most:
        edges = np.linspace(0, count, most + 1).astype(int)
        width = int(np.diff(edges).max())
        # Rows of equal width, their rest filled with NaN, so that one call takes all medians.
        taken = edges[:-1, None] + np.arange(width)
        inside = taken < edges[1:, None]
        table = np.where(inside, values[np.minimum(taken, count - 1)], np.nan)
        # Sorting puts NaN last, so the middle one of those that are known is found by counting.
        known = np.isfinite(table).sum(axis=1)
        values = np.sort(table, axis=1)[np.arange(most), np.maximum(known - 1, 0) // 2]
    finite = values[np.isfinite(values)]
    if not len(finite):
        return [None] * len(values)
    low, high = float(finite.min()), float(finite.max())
    scale = 100 / (high - low) if high > low else 0.0
    scaled = (values - low) * scale if scale else np.where(np.isfinite(values), 50.0, np.nan)
    return [None if x != x else round(x) for x in scaled.tolist()]
