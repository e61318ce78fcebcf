"""What a busy machine does to a series is taken out, if a yardstick shows it; nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats.changepoints import find
from harness.stats.pace import taken_out
from tests.stats import noises


def weather(count: int, rng: np.random.Generator) -> noises.Values:
    """The pace of a machine with other work on it: a sixth up and down, in moods."""
    return np.exp(0.15 * noises.strongly(count, rng))


@pytest.mark.parametrize("size", [0.05, 0.10])
def test_a_step_that_drowns_is_found_with_the_yardstick(size: float) -> None:
    """Thirty commits, a machine that wanders by 15 %, a yardstick that is 1 % off."""
    rng = np.random.default_rng(3)
    with_it = without = 0
    for _ in range(40):
        pace = weather(30, rng)
        values = 1000 * pace * np.exp(0.01 * rng.standard_normal(30))
        values[18:] *= 1 + size
        seen = taken_out(values, 35_000 * pace * np.exp(0.01 * rng.standard_normal(30)))
        assert seen is not None
        assert seen.share > 0.9
        assert 0.8 < seen.part <= 1.1  # clipped steps and the yardstick's own noise take a part
        with_it += any(abs(change.at - 18) <= 2 for change in find(seen.values).changes)
        without += any(abs(change.at - 18) <= 2 for change in find(values).changes)
    assert with_it >= 36
    assert without <= 8


def test_a_yardstick_that_explains_nothing_is_not_believed() -> None:
    rng = np.random.default_rng(4)
    believed = sum(
        taken_out(100 + noises.white(40, rng), 100 * weather(40, rng)) is not None
        for _ in range(400)
    )
    assert believed <= 8  # one in a thousand is expected


def test_noise_alone_stays_noise_with_a_yardstick() -> None:
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(200):
        pace = weather(50, rng)
        seen = taken_out(
            pace * np.exp(0.02 * noises.heavy(50, rng)), pace * np.exp(0.02 * noises.white(50, rng))
        )
        assert seen is not None
        alarms += bool(find(seen.values).changes)
    assert alarms <= 10


def test_half_a_pace_is_taken_out_by_half() -> None:
    """What waits for a disk half of the time slows half as much."""
    rng = np.random.default_rng(6)
    pace = weather(60, rng)
    seen = taken_out(100 * np.sqrt(pace), pace)
    assert seen is None  # exactly explained is no measurement
    seen = taken_out(100 * np.sqrt(pace) * np.exp(0.001 * rng.standard_normal(60)), pace)
    assert seen is not None
    assert seen.part == pytest.approx(0.5, abs=0.02)
    assert np.ptp(seen.values) < 1.0


def test_what_was_not_measured_stays_as_it_is() -> None:
    rng = np.random.default_rng(7)
    pace = weather(40, rng)
    values = 100 * pace * np.exp(0.01 * rng.standard_normal(40))
    pace[5], values[9] = np.nan, np.nan
    seen = taken_out(values, pace)
    assert seen is not None
    assert seen.values[5] == values[5]
    assert np.isnan(seen.values[9])
    assert np.isfinite(np.delete(seen.values, 9)).all()


@pytest.mark.parametrize("count", [0, 1, 11])
def test_too_few_points_show_nothing(count: int) -> None:
    values = np.linspace(1, 2, count)
    assert taken_out(values, values) is None


def test_constants_and_values_that_are_not_positive_show_nothing() -> None:
    ones, rng = np.ones(30), np.random.default_rng(8)
    assert taken_out(ones, weather(30, rng)) is None
    assert taken_out(weather(30, rng), ones) is None
    assert taken_out(-ones, ones) is None
    assert taken_out(0 * ones, ones) is None
