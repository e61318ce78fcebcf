"""A search by halves among noise: as often right as it says, and it knows what it cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.bisection import LEAST, Bisection, Range

COMMITS = 64


class History:
    """Commits of which those from ``first`` on are slower by ``change``; blocks of it are noisy."""

    def __init__(self, first: int, change: float, noise: float, seed: int, heavy: bool) -> None:
        self.first, self._change, self._noise, self._heavy = first, change, noise, heavy
        self._draw = np.random.default_rng(seed)

    def blocks(self, commit: int, count: int) -> np.ndarray:
        shape = self._draw.standard_t(3, count) if self._heavy else self._draw.normal(size=count)
        return self._change * (commit >= self.first) + self._noise * shape


def search(history: History, commits: int = COMMITS, looks: int = 60) -> tuple[Range, int]:
    found = Bisection(commits, history.blocks(commits - 1, 12))
    for look in range(looks):
        commit = found.next()
        if commit is None or found.answer().probability >= 0.95:
            return found.answer(), look
        found.add(commit, history.blocks(commit, 4))
    return found.answer(), looks


def halves(history: History, commits: int = COMMITS, repeats: int = 1) -> tuple[int, int]:
    """The plain search: each look is believed."""
    change, good, bad, looks = history.blocks(commits - 1, 12).mean(), 0, commits - 1, 0
    while bad - good > 1:
        centre = (good + bad) // 2
        looks += repeats
        if history.blocks(centre, 4 * repeats).mean() > change / 2:
            bad = centre
        else:
            good = centre
    return bad, looks


@pytest.mark.parametrize("heavy", [False, True])
def test_it_is_as_often_right_as_it_says(heavy: bool) -> None:
    """A change of 1.5 standard deviations of a block, in 64 commits, 200 times."""
    right = wrong = looks = plainly = 0
    for seed in range(200):
        first = 1 + seed * 37 % (COMMITS - 1)
        answer, taken = search(History(first, 0.03, 0.02, seed, heavy))
        if answer.probability >= 0.95:
            right += (answer.first, answer.last) == (first, first)
            wrong += (answer.first, answer.last) != (first, first)
        looks += taken
        plainly += halves(History(first, 0.03, 0.02, seed, heavy))[0] == first
    assert wrong <= 0.05 * (right + wrong)
    assert right + wrong >= 0.97 * 200  # the others say that they are not sure
    assert looks / 200 < 20
    # Each look is believed, and one of six is soon wrong.
    assert plainly < 0.7 * 200


def test_a_clear_change_takes_no_more_looks_than_halves() -> None:
    for first in (1, 7, 32, 63):
        answer, looks = search(History(first, 0.2, 0.005, first, False))
        assert (answer.first, answer.last) == (first, first)
        assert looks <= 2 * 7  # 2⁶ commits; two of the looks may go to the same one


def test_what_cannot_be_measured_is_one_range_with_the_next() -> None:
    history = History(20, 0.2, 0.005, 3, False)
    found = Bisection(COMMITS, history.blocks(63, 12))
    for commit in (18, 19, 20):
        found.skip(commit)
    while found.answer().probability < 0.95:
        commit = found.next()
        assert commit is not None
        assert commit not in (18, 19, 20)
        found.add(commit, history.blocks(commit, 4))
    answer = found.answer()
    assert (answer.first, answer.last) == (18, 21)


def test_what_is_known_beforehand_counts() -> None:
    prior = [0.001] * 63
    prior[40] = 1.0
    found = Bisection(COMMITS, np.full(LEAST, 0.1), prior)
    assert found.answer().first == 41
    assert found.next() in (40, 41)


def test_the_cheapest_of_equals_is_measured() -> None:
    found = Bisection(COMMITS, np.full(LEAST, 0.1))
    assert found.next() in (31, 32)
    assert found.next(cost=lambda commit: 0.0 if commit == 33 else 1.0) == 33
    assert found.next(cost=lambda commit: 0.0 if commit == 60 else 1.0) != 60


def test_one_spoilt_block_does_not_decide() -> None:
    ends = 0.05 + 0.005 * np.array([1, -1, 0.5, -0.5, 1, -1, 0.2, -0.2])
    found = Bisection(COMMITS, ends)
    found.add(32, np.array([5.0]))
    assert 0.5 - 0.01 <= found.posterior[:32].sum() <= 0.99


@given(st.integers(2, 30), st.lists(st.tuples(st.integers(1, 29), st.floats(-1, 1)), max_size=20))
def test_whatever_is_added_it_stays_a_distribution(
    commits: int, looks: list[tuple[int, float]]
) -> None:
    found = Bisection(commits, np.linspace(0.04, 0.06, LEAST))
    for commit, difference in looks:
        found.add(min(commit, commits - 1), np.array([difference]))
    assert found.posterior.sum() == pytest.approx(1)
    assert (found.posterior >= 0).all()
    answer = found.answer()
    assert 1 <= answer.first <= answer.last < commits
    following = found.next()
    assert following is None or 0 < following < commits - 1


@pytest.mark.parametrize(
    ("commits", "ends", "prior"), [(1, LEAST, None), (5, LEAST - 1, None), (5, LEAST, [1.0]),
                                   (3, LEAST, [1.0, 0.0])],
)  # fmt: skip
def test_what_is_no_search_is_refused(commits: int, ends: int, prior: list[float] | None) -> None:
    with pytest.raises(ValueError, match=r"commit|block|prior"):
        Bisection(commits, np.full(ends, 0.1), prior)
