"""Ratios of pairs: the machine's pace falls out, what is left has an interval."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.peers.ratio import order, ratio


def test_a_pace_that_both_share_falls_out() -> None:
    pace = [1.0, 3.0, 0.5, 2.0]
    found = ratio([2 * x for x in pace], [4 * x for x in pace])
    assert found.value == pytest.approx(0.5)
    assert found.interval == pytest.approx((0.5, 0.5))


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    draw = random.Random(7)
    held = 0
    for number in range(200):
        ours = [0.5 * math.exp(draw.gauss(0, 0.1)) for _ in range(12)]
        found = ratio(ours, [1.0] * 12, seed=number)
        held += found.interval[0] <= 0.5 <= found.interval[1]
    assert 165 <= held <= 200


@given(st.lists(st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)), min_size=2, max_size=8))
def test_the_other_way_round_is_the_reciprocal(pairs: list[tuple[float, float]]) -> None:
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    assert ratio(a, b).value == pytest.approx(1 / ratio(b, a).value)
    low, high = ratio(a, b).interval
    assert low <= ratio(a, b).value * (1 + 1e-9)
    assert high >= ratio(a, b).value * (1 - 1e-9)


def test_one_pair_has_no_interval() -> None:
    assert all(map(math.isnan, ratio([1.0], [2.0]).interval))


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], []), ([1.0], [0.0]), ([-1.0], [1.0])])
def test_what_is_no_pair_is_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(ValueError, match=r"pairs|positive"):
        ratio(a, b)


def test_turns_alternate() -> None:
    assert order(3) == [[0, 1], [1, 0], [0, 1]]
    assert order(2, 3) == [[0, 1, 2], [2, 1, 0]]
