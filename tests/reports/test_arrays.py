"""Numbers for pages come out of the base64 as they went in, and sparklines keep their course."""

from __future__ import annotations

import base64
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import arrays


@given(st.lists(st.floats(allow_nan=True, allow_infinity=False, width=32), max_size=50))
def test_floats_come_out_as_they_went_in(values: list[float]) -> None:
    packed = arrays.floats(np.array(values))
    found = np.frombuffer(base64.b64decode(packed["f4"]), dtype="<f4")
    np.testing.assert_array_equal(found, np.array(values, dtype="<f4"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {"u4": ""}),
        ([7], {"from": 7}),
        ([3, 4, 5], {"from": 3}),
        ([3, 5], {"u4": "AwAAAAUAAAA="}),
        ([3, 3, 5], {"u4": "AwAAAAMAAAAFAAAA"}),
    ],
)
def test_places(values: list[int], expected: object) -> None:
    assert arrays.places(np.array(values, dtype=np.int64)) == expected


def slow(values: list[float], most: int) -> list[int | None]:
    """Bucket by bucket, the lower of two middles."""
    if len(values) > most:
        edges = [int(x) for x in np.linspace(0, len(values), most + 1)]
        parts = [values[a:b] for a, b in itertools.pairwise(edges)]
        known = [sorted(x for x in part if x == x) for part in parts]
        values = [part[(len(part) - 1) // 2] if part else float("nan") for part in known]
    finite = [x for x in values if x == x]
    if not finite:
        return [None] * len(values)
    low, high = min(finite), max(finite)
    return [
        None if x != x else 50 if high == low else round((x - low) * (100 / (high - low)))
        for x in values
    ]


NUMBERS = st.one_of(st.just(float("nan")), st.integers(-1000, 1000).map(float))


@given(st.lists(NUMBERS, max_size=200), st.integers(1, 40))
def test_small_is_the_slow_twin(values: list[float], most: int) -> None:
    assert arrays.small(np.array(values), most) == slow(values, most)


def test_one_outlier_does_not_flatten_a_sparkline() -> None:
    values = np.tile([1.0, 2.0, 3.0], 100)
    values[150] = 1e9
    shown = arrays.small(values, 30)
    assert set(shown) == {50} or max(x or 0 for x in shown) == 100
