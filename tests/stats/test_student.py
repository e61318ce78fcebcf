"""Student's t and shares of trials against the tables in textbooks."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.proportions import interval
from harness.stats.student import below, beta, quantile

#: 97.5 % and 99.5 % quantiles: any statistics table.
TABLE = {
    1: (12.706, 63.657), 2: (4.303, 9.925), 5: (2.571, 4.032), 10: (2.228, 3.169),
    30: (2.042, 2.750), 120: (1.980, 2.617),
}  # fmt: skip


@pytest.mark.parametrize("degrees", TABLE)
def test_quantiles_are_those_of_the_table(degrees: int) -> None:
    assert quantile(0.975, degrees) == pytest.approx(TABLE[degrees][0], abs=6e-4)
    assert quantile(0.995, degrees) == pytest.approx(TABLE[degrees][1], abs=6e-4)


@given(st.floats(0.001, 0.999), st.integers(1, 500))
def test_a_quantile_is_where_the_share_lies_below(share: float, degrees: int) -> None:
    assert below(quantile(share, degrees), degrees) == pytest.approx(share)


@given(st.floats(-50, 50))
def test_one_degree_is_the_cauchy_distribution(t: float) -> None:
    assert below(t, 1) == pytest.approx(0.5 + math.atan(t) / math.pi)


@given(st.floats(-20, 20))
def test_two_degrees_have_a_closed_form(t: float) -> None:
    assert below(t, 2) == pytest.approx(0.5 + t / 2 / math.sqrt(2 + t * t), abs=1e-8)


def test_the_ends() -> None:
    assert below(math.inf, 3) == 1
    assert below(-math.inf, 3) == 0
    assert (beta(0, 2, 3), beta(1, 2, 3)) == (0, 1)
    with pytest.raises(ValueError, match="degrees"):
        below(1.0, 0)
    with pytest.raises(ValueError, match="no quantile"):
        quantile(1.0, 5)


def exactly(hits: int, trials: int, share: float) -> float:
    """The chance of at least so many hits, summed up."""
    return sum(
        math.comb(trials, k) * share**k * (1 - share) ** (trials - k)
        for k in range(hits, trials + 1)
    )


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_each_end_leaves_a_fortieth(case: tuple[int, int]) -> None:
    hits, trials = case
    low, high = interval(hits, trials)
    if hits:
        assert exactly(hits, trials, low) == pytest.approx(0.025)
    if hits < trials:
        assert 1 - exactly(hits + 1, trials, high) == pytest.approx(0.025)
    assert low <= hits / trials <= high


def test_shares_of_textbooks() -> None:
    # The rule of three, made exact: nothing in 10 trials.
    assert interval(0, 10) == pytest.approx((0.0, 0.3085), abs=1e-4)
    assert interval(10, 10) == pytest.approx((0.6915, 1.0), abs=1e-4)
    assert interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="hits"):
        interval(3, 2)
