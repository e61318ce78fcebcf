"""When to stop: enough for a verdict, not too early, and without a look at who is ahead."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.stats.blocks import Array, differences
from harness.stats.permutation import finest, sign_flip
from harness.stats.stopping import MOST, enough, least, reach


def blocks(draw: np.random.Generator, count: int, noise: float = 0.01) -> Array:
    return np.asarray(noise * draw.standard_t(5, (count, 2, 2)))


@pytest.mark.parametrize("tests", [1, 2, 10, 100, 300])
def test_a_lone_change_can_be_believed_with_the_least_blocks(tests: int) -> None:
    assert finest(least(tests)) <= 0.05 / tests < finest(least(tests) - 1)


def test_a_report_of_too_many_tests_is_refused() -> None:
    with pytest.raises(ValueError, match="finer p"):
        least(10**15)


def test_swapped_sides_stop_at_the_same_time() -> None:
    draw = np.random.default_rng(1)
    for _ in range(50):
        logs = blocks(draw, 14)
        logs[:, 1] += 0.2
        swaps = draw.integers(0, 2, 14).astype(bool)
        swapped = np.where(swaps[:, None, None], logs[:, ::-1], logs)
        assert reach(swapped) == pytest.approx(reach(logs))


def test_a_change_does_not_make_it_longer() -> None:
    logs = blocks(np.random.default_rng(2), 14)
    changed = logs.copy()
    changed[:, 1] += 1.0
    assert reach(changed) == pytest.approx(reach(logs))


def test_it_foresees_the_half_width_of_the_mean() -> None:
    draw = np.random.default_rng(3)
    logs = 0.01 * draw.standard_normal((16, 2, 2))
    half = 2.131 * float(differences(logs).std(ddof=1)) / 4
    assert reach(logs) == pytest.approx(half, rel=0.5)


def test_it_stops_at_the_precision_and_not_before() -> None:
    draw = np.random.default_rng(4)
    quiet, loud = blocks(draw, 12, 0.001), blocks(draw, 12, 0.1)
    assert enough(quiet, 4, 0.01)
    assert not enough(loud, 4, 0.01)
    assert not enough(quiet[:7], 4, 0.01)  # 8 blocks are the least for four tests
    assert enough(blocks(draw, MOST, 5.0), 4, 0.01)


def test_single_processes_cannot_tell_their_noise() -> None:
    assert math.isinf(reach(np.zeros((12, 2, 1))))
    assert math.isinf(reach(np.zeros((3, 2, 2))))


def looked_at(draw: np.random.Generator, peek: bool) -> bool:
    """Whether a comparison of two equal sides ends in an alarm; ``peek`` stops when it has one."""
    logs = blocks(draw, 24)
    for count in range(6, 25):
        logs_so_far = logs[:count]
        if peek and sign_flip(differences(logs_so_far)) <= 0.05:
            return True
        if not peek and (enough(logs_so_far, 1, 0.006) or count == 24):
            return sign_flip(differences(logs_so_far)) <= 0.05
    return False


def test_our_rule_keeps_the_level_and_peeking_does_not() -> None:
    trials = 500
    draw = np.random.default_rng(5)
    honest = sum(looked_at(draw, peek=False) for _ in range(trials)) / trials
    assert honest <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
    draw = np.random.default_rng(5)
    peeked = sum(looked_at(draw, peek=True) for _ in range(100)) / 100
    assert peeked > 0.09
