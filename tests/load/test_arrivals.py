"""Plans of arrival: exact, reproducible, and ended where the shape says."""

from __future__ import annotations

import itertools
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import PlanError
from harness.load import arrivals
from harness.records import LoadShape


def test_a_constant_rate_does_not_drift() -> None:
    starts = list(itertools.islice(arrivals.constant(3), 3_000_001))
    assert starts[:4] == [0, 333_333_333, 666_666_666, 1_000_000_000]
    assert starts[3_000_000] == 10**15


@given(st.integers(0, 2**32))
def test_poisson_is_the_same_for_the_same_seed(seed: int) -> None:
    one = list(itertools.islice(arrivals.poisson(100, seed), 20))
    assert one == list(itertools.islice(arrivals.poisson(100, seed), 20))
    assert one == sorted(one)


def test_poisson_keeps_the_rate_and_its_scatter() -> None:
    starts = list(itertools.islice(arrivals.poisson(1_000, 7), 50_000))
    gaps = [b - a for a, b in itertools.pairwise(starts)]
    assert statistics.fmean(gaps) == pytest.approx(1_000_000, rel=0.03)
    # Exponential: as much scatter as mean.
    assert statistics.stdev(gaps) == pytest.approx(1_000_000, rel=0.05)


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        (LoadShape(rate_per_s=10, duration_s=2, warmup_s=1), 30),
        (LoadShape(rate_per_s=10, duration_s=2, warmup_s=1, operations=7), 7),
    ],
)
def test_a_plan_ends(shape: LoadShape, count: int) -> None:
    assert len(list(arrivals.plan(shape, seed=1))) == count


def test_other_seeds_give_other_plans() -> None:
    shape = LoadShape(rate_per_s=10, poisson=True)
    assert list(arrivals.plan(shape, 1)) != list(arrivals.plan(shape, 2))


@pytest.mark.parametrize("shape", [LoadShape(), LoadShape(rate_per_s=0), LoadShape(rate_per_s=-1)])
def test_nonsense_is_refused(shape: LoadShape) -> None:
    with pytest.raises(PlanError):
        next(arrivals.plan(shape, 1))
