"""Who called whom, unrolled to stacks: exact where callers are clear, fair where they are not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stacks import Frame, Stacks, frames, weight
from harness.stats.callgraph import Graph, less, trimmed, unrolled

MAIN, A, B, LEAF = (Frame(name=name) for name in ("main", "a", "b", "leaf"))


def graph(own: dict[Frame, float], calls: dict[tuple[Frame, Frame], float]) -> Graph:
    made = Graph()
    for frame, cost in own.items():
        made.spend(frame, cost)
    for (caller, callee), cost in calls.items():
        made.call(caller, callee, cost)
    return made


def of_stacks(stacks: Stacks) -> Graph:
    """What a tracing profiler would have kept of these."""
    made = Graph()
    for stack, cost in stacks.items():
        made.spend(stack[-1], cost)
        for caller, callee in set(itertools.pairwise(stack)):
            made.call(caller, callee, cost)
    return made


def test_a_tree_comes_back_as_it_was() -> None:
    stacks: Stacks = {(MAIN,): 1.0, (MAIN, A): 2.0, (MAIN, A, LEAF): 4.0, (MAIN, B): 8.0}
    assert unrolled(of_stacks(stacks)) == pytest.approx(stacks)


def test_a_function_with_two_callers_is_shared_out_by_what_their_calls_cost() -> None:
    found = unrolled(graph(
        {MAIN: 1.0, A: 1.0, B: 1.0, LEAF: 8.0},
        {(MAIN, A): 7.0, (MAIN, B): 3.0, (A, LEAF): 6.0, (B, LEAF): 2.0},
    ))  # fmt: skip
    assert found[MAIN, A, LEAF] == pytest.approx(6.0)
    assert found[MAIN, B, LEAF] == pytest.approx(2.0)


@pytest.mark.parametrize(
    "calls",
    [
        {(MAIN, A): 6.0, (A, A): 3.0},
        {(MAIN, A): 6.0, (A, B): 5.0, (B, A): 4.0},
        {(A, B): 5.0, (B, A): 5.0},
        {(A, A): 9.0},
    ],
)
def test_circles_end_and_lose_nothing(calls: dict[tuple[Frame, Frame], float]) -> None:
    own = {frame: 1.0 for pair in calls for frame in pair}
    found = unrolled(graph(own, calls))
    assert weight(found) == pytest.approx(len(own))
    assert all(len(set(stack)) == len(stack) for stack in found)


PAIRS = st.tuples(st.sampled_from([MAIN, A, B, LEAF]), st.sampled_from([MAIN, A, B, LEAF]))


@given(
    st.dictionaries(st.sampled_from([MAIN, A, B, LEAF]), st.floats(0.1, 1e6), min_size=1),
    st.dictionaries(PAIRS, st.floats(0, 1e6), max_size=12),
)
def test_every_function_keeps_what_it_cost_by_itself(
    own: dict[Frame, float], calls: dict[tuple[Frame, Frame], float]
) -> None:
    """Whatever the calls say, contradictions included: boxes of a function add up to its cost."""
    found = frames(unrolled(graph(own, calls)))
    for frame, cost in own.items():
        assert found[frame].own == pytest.approx(cost)


def test_the_longer_run_less_the_shorter_one() -> None:
    more = graph({MAIN: 10.0, A: 6.0, B: 1.0}, {(MAIN, A): 6.0, (MAIN, B): 1.0})
    fewer = graph({MAIN: 10.0, A: 2.0, B: 3.0}, {(MAIN, A): 2.0, (MAIN, B): 3.0})
    left = less(more, fewer)
    assert left.own == {A: 4.0}
    assert left.calls == {MAIN: {A: 4.0}}


def test_what_all_stacks_begin_with_is_left_out_but_for_the_last() -> None:
    assert trimmed({(MAIN, A, B): 1.0, (MAIN, A, LEAF): 2.0}) == {(A, B): 1.0, (A, LEAF): 2.0}
    assert trimmed({(MAIN, A): 1.0, (MAIN,): 2.0}) == {(MAIN, A): 1.0, (MAIN,): 2.0}
    assert trimmed({}) == {}
