"""Judging with one more point: the same answers as the whole search; known series at once."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats import changepoints
from harness.stats.changepoints import Found
from harness.stats.memory import NEW, Memory


def same(one: Found, other: Found) -> bool:
    return [x.at for x in one.changes] == [x.at for x in other.changes]


def series(seed: int, count: int) -> np.ndarray:
    """Noise of several kinds, some of it with a step or two."""
    draw = np.random.default_rng(seed)
    noise = (
        draw.standard_normal(count)
        if seed % 3
        else np.convolve(draw.standard_normal(count), [1, 0.5, 0.25], mode="same")
    )
    values = 100 + noise
    if seed % 2:
        values[count // 2 :] += 3
    if seed % 5 == 0:
        values[-20:] -= 4
    return values


def test_point_after_point_it_finds_what_the_whole_search_finds() -> None:
    """The slow twin searches all of it each time."""
    alike = total = 0
    for seed in range(12):
        values = series(seed, 90)
        memory = Memory()
        for count in range(60, 91):
            found = memory.find(values[:count])
            alike += same(found, changepoints.find(values[:count]))
            total += 1
        assert memory.extended > 0
    assert alike >= 0.99 * total


def test_a_step_that_comes_is_not_missed() -> None:
    draw = np.random.default_rng(8)
    values = 100 + draw.standard_normal(150)
    values[120:] += 5
    memory = Memory()
    for count in range(100, 151):
        found = memory.find(values[:count])
    assert same(found, changepoints.find(values))
    assert [abs(change.at - 120) <= 1 for change in found.changes] == [True]


def test_the_same_series_is_known_at_once_and_told_the_same() -> None:
    memory = Memory()
    first = memory.find(series(1, 80))
    assert memory.has_news
    later = Memory(memory.entries())
    assert later.find(series(1, 80)) == first
    assert (later.known, later.extended, later.searched) == (1, 0, 0)
    assert not later.has_news


@pytest.mark.parametrize(("new", "extended"), [(1, 1), (NEW, 1), (NEW + 1, 0)])
def test_a_few_new_points_are_recognised(new: int, extended: int) -> None:
    values = series(3, 100)
    memory = Memory()
    memory.find(values[:-new])
    memory.find(values)
    assert memory.extended == extended
    assert memory.searched == 2 - extended


def test_an_old_value_that_changed_is_another_series() -> None:
    """The negative control: nothing is taken for known that is not."""
    values = series(3, 100)
    memory = Memory()
    memory.find(values)
    values[4] += 0.001
    memory.find(values)
    assert memory.searched == 2


def test_what_is_kept_has_a_bound() -> None:
    memory = Memory()
    for seed in range(6):
        memory.find(series(seed, 50))
    assert len(memory.entries(most=4)) == 4
