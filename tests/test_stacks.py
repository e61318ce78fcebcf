"""Stacks add up, and a frame that calls itself counts once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stacks import Frame, Stack, Stacks, Weights, added, frames, scaled, weight

A, B, C = (Frame(name=name, file="m.py") for name in "abc")
STACKS = st.dictionaries(
    st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=4).map(tuple),
    st.floats(0.1, 1e6),
    max_size=8,
)


def test_a_frame_has_its_own_weight_and_that_of_its_calls() -> None:
    found = frames({(A,): 1.0, (A, B): 2.0, (A, B, B): 4.0, (C, B): 8.0})
    assert found == {
        A: Weights(own=1.0, total=7.0),
        B: Weights(own=14.0, total=14.0),
        C: Weights(own=0.0, total=8.0),
    }


@given(st.lists(STACKS, max_size=4))
def test_the_sum_weighs_as_much_as_its_parts(parts: list[Stacks]) -> None:
    assert weight(added(parts)) == pytest.approx(sum(map(weight, parts)))


@given(STACKS)
def test_own_weights_are_the_whole(stacks: Stacks) -> None:
    found = frames(stacks)
    assert sum(each.own for each in found.values()) == pytest.approx(weight(stacks))
    assert all(each.own <= each.total * (1 + 1e-9) for each in found.values())
    assert weight(scaled(stacks, 0.5)) == pytest.approx(weight(stacks) / 2)


def test_equal_functions_of_two_revisions_are_one_frame() -> None:
    first: Stack = (Frame(name="f", file="harness/x.py"),)
    assert added([{first: 1.0}, {(Frame(name="f", file="harness/x.py"),): 2.0}]) == {first: 3.0}
