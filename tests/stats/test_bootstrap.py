"""Intervals: a slow twin, what they cover, and when nothing is said."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.stats import bootstrap
from harness.stats.blocks import Array


def blocks(draw: np.random.Generator, count: int, change: float = 0.0) -> Array:
    """Heavy-tailed processes, two of each side, on a machine whose pace wanders."""
    logs = 0.02 * draw.standard_t(4, (count, 2, 2)) + 0.2 * draw.standard_normal((count, 1, 1))
    logs[:, 1] += change
    return np.asarray(logs)


def slowly(logs: Array, seed: int, draws: int) -> list[float]:
    """The same draws, one block after the other."""
    draw = np.random.default_rng(seed)
    count = len(logs)
    found = []
    for chosen in draw.integers(0, count, (draws, count)):
        values = sorted(
            sum(logs[at, 1]) / len(logs[at, 1]) - sum(logs[at, 0]) / len(logs[at, 0])
            for at in chosen
        )
        cut = count // 5
        kept = values[cut : count - cut]
        found.append(sum(kept) / len(kept))
    return sorted(found)


def test_the_interval_is_that_of_nested_loops() -> None:
    logs = blocks(np.random.default_rng(1), 10, 0.05)
    found = bootstrap.paired(logs, seed=7, draws=500)
    tail = bootstrap.expanded(0.025, 10)
    means = slowly(logs, 7, 500)
    assert found.low == pytest.approx(float(np.quantile(means, tail)))
    assert found.high == pytest.approx(float(np.quantile(means, 1 - tail)))


@pytest.mark.parametrize("count", [6, 12, 20])
def test_it_covers_what_it_says(count: int) -> None:
    draw = np.random.default_rng(count)
    trials = 400
    hits = 0
    for seed in range(trials):
        found = bootstrap.paired(blocks(draw, count, 0.03), seed=seed, draws=400)
        hits += found.low <= 0.03 <= found.high
    assert 0.92 <= hits / trials <= 0.99


def test_drawing_processes_as_well_counts_their_noise_twice() -> None:
    logs = blocks(np.random.default_rng(2), 16)
    once = bootstrap.paired(logs)
    twice = bootstrap.paired(logs, within=True)
    assert twice.value == once.value
    assert twice.high - twice.low > 1.05 * (once.high - once.low)


def test_a_plain_percentile_would_be_narrower() -> None:
    assert bootstrap.expanded(0.025, 6) < 0.015
    assert bootstrap.expanded(0.025, 10_000) == pytest.approx(0.025, rel=0.01)


def test_pairs_are_far_sharper_than_sides_by_themselves() -> None:
    logs = blocks(np.random.default_rng(3), 16, 0.05)
    pairs = bootstrap.paired(logs)
    sides = bootstrap.apart(logs[:, 0].ravel(), logs[:, 1].ravel())
    assert sides.high - sides.low > 3 * (pairs.high - pairs.low)
    assert pairs.low > 0 > sides.low


def test_few_blocks_have_a_ratio_but_no_interval() -> None:
    found = bootstrap.paired(blocks(np.random.default_rng(4), 3, 0.5))
    assert found.value == pytest.approx(0.5, abs=0.2)
    assert not found.known
    assert math.isnan(found.high)
    assert not bootstrap.apart(np.zeros(3), np.ones(9)).known


def test_nothing_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="no blocks"):
        bootstrap.paired(np.empty((0, 2, 1)))
    with pytest.raises(ValueError, match="no processes"):
        bootstrap.apart(np.empty(0), np.ones(3))


def test_a_seed_gives_the_same_interval_again() -> None:
    logs = blocks(np.random.default_rng(5), 9)
    assert bootstrap.paired(logs, seed=3) == bootstrap.paired(logs, seed=3)
    assert bootstrap.paired(logs, seed=3) != bootstrap.paired(logs, seed=4)
