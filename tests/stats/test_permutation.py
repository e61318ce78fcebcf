"""Permutation tests: every arrangement by nested loops, textbook data, and their error rates."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import permutation
from harness.stats.permutation import finest, relabel, sign_flip

SIZES = st.lists(st.floats(-5, 5), min_size=1, max_size=9)

#: Darwin's maize, cross- against self-fertilised, in eighths of an inch: Fisher 1935, §21.
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def slowly(scores: list[float]) -> float:
    """The same p, one choice of signs after the other."""
    limit = 2 * float(np.median(np.abs(scores)))
    if limit:
        scores = [max(-limit, min(limit, score)) for score in scores]
    slack = 1e-9 * sum(map(abs, scores))
    found = abs(sum(scores))
    sums = [
        abs(sum(sign * score for sign, score in zip(signs, scores, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(scores))
    ]
    return sum(each >= found - slack for each in sums) / len(sums)


@given(SIZES)
def test_all_signs_are_those_of_nested_loops(differences: list[float]) -> None:
    assert sign_flip(np.array(differences)) == pytest.approx(slowly(differences))


def test_darwins_maize_has_fishers_p(monkeypatch: pytest.MonkeyPatch) -> None:
    # Fisher found 863 + 863 of 32,768 choices of signs with a sum of at least 314. His sum has no
    # clipping: with a limit beyond the largest difference it is ours.
    monkeypatch.setattr(permutation, "_CLIP", 10.0)
    assert sign_flip(np.array(DARWIN, dtype=float)) == pytest.approx(2 * 863 / 2**15)


def test_a_drawn_p_is_near_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(3).standard_normal(20) + 0.4
    exact = sign_flip(differences)
    monkeypatch.setattr(permutation, "MOST_BLOCKS", 19)
    assert sign_flip(differences) == pytest.approx(exact, rel=0.1)
    assert sign_flip(differences) == sign_flip(differences)


@given(SIZES, st.floats(0.01, 100))
def test_units_and_direction_do_not_matter(differences: list[float], unit: float) -> None:
    values = np.round(np.array(differences), 3)
    assert sign_flip(-values * unit) == pytest.approx(sign_flip(values), abs=1e-9)


@pytest.mark.parametrize("blocks", [1, 2, 5, 12, 33])
def test_the_finest_p_is_that_of_blocks_that_all_agree(blocks: int) -> None:
    assert sign_flip(np.linspace(1, 1.1, blocks)) == finest(blocks)


def test_beyond_that_a_p_is_as_fine_as_what_is_drawn() -> None:
    assert sign_flip(np.linspace(1, 1.1, 60)) == finest(60)


def test_nothing_measured_is_no_evidence() -> None:
    assert sign_flip(np.array([])) == 1
    assert sign_flip(np.zeros(6)) == 1
    assert relabel(np.array([]), np.array([1.0])) == 1


def test_one_spoilt_block_does_not_blind_it() -> None:
    differences = np.array([0.05, 0.04, 0.06, 0.05, 0.045, 0.055, 0.05, 0.05, 0.04, 0.06, -3.0])
    assert sign_flip(differences) < 0.05
    t = differences.mean() / differences.std(ddof=1) * math.sqrt(11)
    assert t < 0  # the mean itself is turned round


@pytest.mark.parametrize("kind", ["normal", "t", "skewed"])
def test_the_share_of_false_alarms_is_the_level(kind: str) -> None:
    draw = np.random.default_rng(11)
    hits, trials = 0, 2_000
    for _ in range(trials):
        if kind == "skewed":  # both sides skewed alike: their difference is not
            values = draw.exponential(1, 9) - draw.exponential(1, 9)
        else:
            values = draw.standard_normal(9) if kind == "normal" else draw.standard_t(2, 9)
        hits += sign_flip(values) <= 0.05
    assert hits / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
    assert hits / trials >= 0.03  # a test that never fires would pass the line above


def test_all_ways_to_share_out_processes() -> None:
    # 3 and 3 that do not overlap: 2 of 20 ways are as extreme.
    assert relabel(np.array([1.0, 1.1, 1.2]), np.array([2.0, 2.1, 2.2])) == pytest.approx(0.1)
    assert relabel(np.array([1.0]), np.array([2.0])) == 1


def test_drawn_ways_are_near_all_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(4)
    base, head = draw.standard_normal(7), draw.standard_normal(7) + 1
    exact = relabel(base, head)
    monkeypatch.setattr(permutation, "MOST_EXACT", 10)
    monkeypatch.setattr(permutation, "DRAWN", 4_999)
    assert relabel(base, head) == pytest.approx(exact, abs=0.02)
