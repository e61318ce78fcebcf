"""What grew comes first, what only wanders does not, and of equal sides nothing is said."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stacks import Frame, Stacks
from harness.stats.growth import GROWN, SAME, SHRUNK, UNSURE, Pair, exactly, grown

MAIN = Frame(name="main")
HOT = Frame(name="hot")
NAMES = [Frame(name=f"f{number}") for number in range(40)]


def sampled(draw: np.random.Generator, extra: float, shares: np.ndarray) -> Stacks:
    """One turn: 200 samples of stacks that cost 2,000 together, on a machine that drifts by 5 %."""
    costs = np.append(shares, extra)
    counts = draw.poisson(costs * 200)
    each = 10 * (1 + 0.05 * draw.standard_normal())
    return {
        (MAIN, frame): count * each
        for frame, count in zip([*NAMES, HOT], counts, strict=True)
        if count
    }


def pairs(seed: int, extra: float, count: int = 8) -> list[Pair]:
    draw = np.random.default_rng(seed)
    shares = draw.dirichlet(np.full(len(NAMES), 0.4))
    return [(sampled(draw, 0, shares), sampled(draw, extra, shares)) for _ in range(count)]


@pytest.mark.parametrize("seed", range(20))
def test_a_planted_function_comes_first_and_is_sure(seed: int) -> None:
    first, *_ = grown(pairs(seed, 0.2))
    assert (first.frame, first.word) == (HOT, GROWN)
    assert first.base.own == 0
    assert first.own == pytest.approx(400, rel=0.3)
    assert first.interval is not None
    assert first.interval[0] > 0


def test_what_shrank_comes_last() -> None:
    turned: list[Pair] = [(head, base) for base, head in pairs(1, 0.3)]
    *_, last = grown(turned)
    assert (last.frame, last.word) == (HOT, SHRUNK)


def test_equal_sides_are_rarely_said_to_differ() -> None:
    """A negative control: nothing was planted in 100 reports."""
    alarms = [any(row.word != UNSURE for row in grown(pairs(seed, 0.0))) for seed in range(100)]
    assert sum(alarms) <= 10  # at 5 % of reports; 10 of 100 has a chance of 3 %


def test_a_wide_spread_does_not_rank_first() -> None:
    """Wild grows more on average, steady for sure."""
    wild, steady = (Frame(name=name) for name in ("wild", "steady"))
    base: Stacks = {(MAIN, wild): 100.0, (MAIN, steady): 100.0}
    heads: list[Stacks] = [
        {(MAIN, wild): value, (MAIN, steady): 120.0 + number}
        for number, value in enumerate((20.0, 400.0, 30.0, 350.0, 10.0, 380.0))
    ]
    found = grown([(base, head) for head in heads])
    by_name = {row.frame.name: row for row in found}
    assert by_name["wild"].own > by_name["steady"].own
    assert found[0].frame == steady
    assert (by_name["steady"].word, by_name["wild"].word) == (GROWN, UNSURE)


def test_two_turns_have_no_spread_and_nothing_is_sure() -> None:
    found = grown(pairs(1, 1.0, count=2))
    assert {row.word for row in found} == {UNSURE}
    assert all(row.interval is None for row in found)
    assert found[0].frame == HOT


def test_callers_grow_with_what_they_call_and_not_by_themselves() -> None:
    found = {row.frame: row for row in grown(pairs(1, 0.5))}
    assert found[MAIN].own == 0
    assert found[MAIN].word == UNSURE
    assert found[MAIN].total_word == GROWN


def test_counts_are_judged_by_a_threshold() -> None:
    base: Stacks = {(MAIN,): 1_000.0, (MAIN, NAMES[0]): 10.0, (MAIN, NAMES[1]): 50.0}
    head: Stacks = {(MAIN,): 1_001.0, (MAIN, NAMES[0]): 20.0, (MAIN, NAMES[1]): 40.0}
    found = exactly(base, head, 0.002)
    assert [(row.frame.name, row.word) for row in found] == [
        ("f0", GROWN), ("main", SAME), ("f1", SHRUNK),
    ]  # fmt: skip


def test_no_turns_no_difference() -> None:
    with pytest.raises(ValueError, match="no turns"):
        grown([])
