"""The histogram against a sorted list, and the laws of merging and storing."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.stats.histogram import LIMIT, Histogram

values = st.lists(
    st.one_of(st.integers(0, 5000), st.integers(0, 10**9), st.integers(0, LIMIT)), min_size=1
)


def slow_percentile(numbers: list[int], percent: float) -> int:
    """The definition itself: the least value that so many do not exceed."""
    ranked = sorted(numbers)
    return ranked[max(1, math.ceil(percent / 100 * len(ranked) - 1e-9)) - 1]


@given(values, st.floats(0, 100))
def test_percentiles_agree_with_a_sorted_list_to_three_digits(
    numbers: list[int], percent: float
) -> None:
    exact = slow_percentile(numbers, percent)
    found = Histogram.of(numbers).percentile(percent)
    assert exact <= found <= exact + exact // 1024


@given(values)
def test_extremes_and_mean_are_exact(numbers: list[int]) -> None:
    histogram = Histogram.of(numbers)
    assert (histogram.min, histogram.max) == (min(numbers), max(numbers))
    assert histogram.count == len(numbers)
    assert histogram.mean == sum(numbers) / len(numbers)
    assert histogram.percentile(100) == max(numbers)


@given(values, values)
def test_merged_histograms_equal_one_big_one(one: list[int], other: list[int]) -> None:
    merged = Histogram.of(one)
    merged.merge(Histogram.of(other))
    assert merged == Histogram.of(one + other)


@given(values)
def test_it_survives_json(numbers: list[int]) -> None:
    histogram = Histogram.of(numbers)
    assert Histogram.from_dict(json.loads(json.dumps(histogram.to_dict()))) == histogram


def test_merging_nothing_changes_nothing() -> None:
    histogram = Histogram.of([5, 7])
    histogram.merge(Histogram())
    assert histogram == Histogram.of([5, 7])


@pytest.mark.parametrize("value", [-1, LIMIT + 1])
def test_values_outside_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="holds 0 to"):
        Histogram.of([value])


def test_without_values_there_is_no_percentile() -> None:
    with pytest.raises(ValueError, match="no percentiles"):
        Histogram().percentile(50)
    assert math.isnan(Histogram().mean)


@pytest.mark.parametrize(
    "change",
    [
        {"count": 4},
        {"cells": [5, 1, 2]},
        {"cells": [10**9, 3]},
        {"cells": "x"},
        {"cells": [5, 4, 1, -1]},
    ],
)
def test_a_damaged_store_is_noticed(change: dict[str, object]) -> None:
    with pytest.raises(StoreError):
        Histogram.from_dict(Histogram.of([5, 7, 9]).to_dict() | change)


def test_the_story_of_the_stall() -> None:
    """100 s of 1 ms replies, then one stall of 100 s: the raw data say all is well."""
    step = 1_000_000
    raw = [step] * 100_000 + [100_000 * step]
    corrected = [*raw, *(step * waited for waited in range(1, 100_000))]
    assert Histogram.of(raw).percentile(99.99) == pytest.approx(step, rel=0.001)
    assert Histogram.of(corrected).percentile(75) == pytest.approx(50_000 * step, rel=0.001)
