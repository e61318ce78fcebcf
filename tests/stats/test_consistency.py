"""Each law holds for honest numbers and fires for numbers that were bent."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import consistency
from harness.stats.histogram import Histogram

#: A window that every number of stretches up to 12 divides, so that no edge is rounded.
WINDOW = 27_720


@pytest.mark.parametrize(
    ("service_ns", "passed"),
    [(6_400_000, True), (6_100_000, True), (27_000, False), (10**7, False)],
)
def test_little(service_ns: float, passed: bool) -> None:
    check = consistency.little(
        rate_per_s=10_000, mean_service_ns=service_ns, in_flight=64, count=10_000
    )
    assert check.passed is passed


def test_little_needs_enough_operations() -> None:
    check = consistency.little(rate_per_s=10, mean_service_ns=1, in_flight=64, count=100)
    assert check.passed
    assert "too few" in check.found


@given(st.lists(st.integers(0, 10**12), min_size=1))
def test_every_histogram_is_ordered(values: list[int]) -> None:
    assert consistency.ordered(Histogram.of(values)).passed


def test_a_bent_histogram_is_not_ordered() -> None:
    histogram = Histogram.of([1000, 2000])
    histogram.total = 10_000
    assert not consistency.ordered(histogram).passed
    assert not consistency.ordered(Histogram()).passed


def test_counts_must_add_up() -> None:
    assert consistency.adds_up(asked=10, succeeded=7, refused=2, timed_out=1).passed
    assert not consistency.adds_up(asked=10, succeeded=7, refused=2, timed_out=0).passed


def test_failures_are_named() -> None:
    assert consistency.all_succeeded(asked=5, refused=0, timed_out=0).passed
    check = consistency.all_succeeded(asked=5, refused=1, timed_out=1, first="no such item 7")
    assert not check.passed
    assert check.found == "2 of 5 operations failed: no such item 7"
    assert not consistency.all_succeeded(asked=0, refused=0, timed_out=0).passed


@given(st.lists(st.floats(1, 1e6), min_size=2, max_size=20))
def test_the_interval_is_students(values: list[float]) -> None:
    low, high = consistency.interval(np.array(values))
    mean = statistics.fmean(values)
    assert low <= mean * (1 + 1e-9)
    assert high >= mean * (1 - 1e-9)
    error = statistics.stdev(values) / math.sqrt(len(values))
    # 12.706 and 1.96 bound the quantile from both sides.
    assert 1.95 * error - 1e-6 <= (high - low) / 2 <= 12.71 * error + 1e-6


def test_one_value_has_no_interval() -> None:
    assert math.isnan(consistency.interval(np.array([1.0]))[0])


def test_batches_count_each_completion_once() -> None:
    done = np.arange(0, 1_000_000_000, 1_000_000, dtype=np.int64)
    rates = consistency.batch_rates(done, 0, 1_000_000_000)
    assert rates.tolist() == [1000.0] * 10
    assert consistency.spread(consistency.interval(rates)) == 0


def test_a_stall_widens_the_spread() -> None:
    done = np.concatenate([np.arange(0, 5 * 10**8, 10**6), np.arange(9 * 10**8, 10**9, 10**6)])
    rates = consistency.batch_rates(done.astype(np.int64), 0, 10**9)
    assert consistency.spread(consistency.interval(rates)) > 0.1


@given(
    st.lists(st.tuples(st.integers(1, WINDOW), st.integers(0, 10**6)), min_size=1, max_size=60),
    st.integers(1, 12),
)
def test_medians_of_stretches_agree_with_plain_loops(
    samples: list[tuple[int, int]], batches: int
) -> None:
    """A stretch holds what ended after its start and up to its end, as the window itself does."""
    done, values = (np.array(column, np.int64) for column in zip(*samples, strict=True))
    expected = []
    for k in range(batches):
        low, high = WINDOW * k // batches, WINDOW * (k + 1) // batches
        part = [value for at, value in samples if low < at <= high]
        if part:
            expected.append(statistics.median(part))
    found = consistency.batch_medians(values, done, 0, WINDOW, batches)
    assert found.tolist() == pytest.approx(expected)


def test_a_slow_stretch_widens_the_medians_interval() -> None:
    done = np.arange(1, 1_001, dtype=np.int64)
    steady = np.full(1_000, 100, np.int64)
    stalled = np.where(done > 900, 1_000, 100).astype(np.int64)
    spreads = [
        consistency.spread(consistency.interval(consistency.batch_medians(values, done, 0, 1_000)))
        for values in (steady, stalled)
    ]
    assert spreads[0] == 0
    assert spreads[1] > 0.5
