"""Planted steps are found where they are; noise of any kind alone is hardly ever taken for one."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import models, significance, splits
from harness.stats.changepoints import Found, find
from tests.stats import noises

SEED = 20_251


def places(found: Found) -> list[int]:
    return [change.at for change in found.changes]


def stepped(count: int, *steps: tuple[int, float]) -> noises.Values:
    """A series of zeros that rises by a size from a place on."""
    values = np.zeros(count)
    for at, size in steps:
        values[at:] += size
    return values


# --- without noise, everything is exact ----------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "steps"),
    [
        (6, [3]),
        (8, [4]),
        (20, [17]),
        (20, [3]),
        (100, [50]),
        (100, [10, 20, 30, 40, 50, 60, 70, 80, 90]),
        (1000, [3, 500, 997]),
    ],
)
def test_steps_without_noise_are_found_exactly(count: int, steps: list[int]) -> None:
    """As those of instruction counts: a thousandth is a change."""
    values = 1_000_000.0 + stepped(count, *((at, 1000.0) for at in steps))
    assert places(find(values)) == steps


def test_levels_and_sizes_are_told() -> None:
    (change,) = find(1000 + math.pi + stepped(40, (25, -10.0))).changes
    assert (change.at, change.first, change.last) == (25, 25, 25)
    assert change.before == pytest.approx(1000 + math.pi)
    assert change.after == pytest.approx(990 + math.pi)
    assert change.error < 1e-3
    assert change.p_value < 1e-6


@pytest.mark.parametrize("count", range(6))
def test_short_series_never_change(count: int) -> None:
    assert find(np.arange(count, dtype=float) ** 9) == Found([], [], None, None, 0.0, 0.0)


@pytest.mark.parametrize("value", [0.0, 5.0, -3.5, 1e300, 1e-300, 0.1 + 0.2])
def test_constant_series_never_change(value: float) -> None:
    values = np.full(50, value)
    assert places(find(values)) == []
    values[10] = math.nextafter(value, math.inf)  # what computing with it may leave
    assert places(find(values)) == []


@pytest.mark.parametrize("at", [0, 1, 10, 48, 49])
@pytest.mark.parametrize("length", [1, 2])
def test_a_spike_is_no_change(at: int, length: int) -> None:
    values = np.full(50, 7.0)
    values[at : at + length] = 70.0
    found = find(values)
    assert places(found) == []
    assert found.spikes == [place for place in range(at, at + length) if place < 50]


# --- laws ----------------------------------------------------------------------------------------

histories = st.builds(
    lambda seed, count, at, size: (
        noises.white(count, np.random.default_rng(seed)) + stepped(count, (at % count, size))
    ),
    st.integers(0, 10_000),
    st.integers(6, 90),
    st.integers(1, 1000),
    st.sampled_from([0.0, 1.0, 3.0, 10.0]),
)


@given(
    values=histories,
    scale=st.sampled_from([1e-6, 0.5, 1024.0, 1e9]),
    shift=st.sampled_from([0.0, -64.0, 4096.0]),
)
def test_units_do_not_matter(values: noises.Values, scale: float, shift: float) -> None:
    """Nanoseconds or seconds, above or below zero, faster or slower: the same places."""
    found = places(find(values))
    assert places(find(values * scale)) == found
    assert places(find(-values)) == found
    assert places(find(values + shift)) == found


@given(values=histories)
def test_the_same_series_is_judged_the_same(values: noises.Values) -> None:
    assert find(values) == find(values.copy())


@given(values=histories)
def test_what_is_told_fits_together(values: noises.Values) -> None:
    found = find(values)
    bounds = [0, *places(found), len(values)]
    assert all(b - a >= splits.SHORTEST for a, b in pairwise(bounds))
    for change in found.changes:
        assert 0 < change.first <= change.at <= change.last < len(values)
        assert change.evidence >= significance.LEVEL
        assert change.p_value < 0.05
        assert change.error > 0


@given(st.lists(st.floats(-1e12, 1e12), max_size=60))
def test_any_finite_series_is_judged(values: list[float]) -> None:
    find(np.array(values))


# --- parts, against slow twins -------------------------------------------------------------------


@given(seed=st.integers(0, 10_000), count=st.integers(6, 60))
def test_the_best_split_is_that_of_all_splits(seed: int, count: int) -> None:
    values = noises.white(count, np.random.default_rng(seed))

    def squares(part: noises.Values) -> float:
        return float(((part - part.mean()) ** 2).sum())

    costs = {
        at: squares(values[:at]) + squares(values[at:])
        for at in range(splits.SHORTEST, count - splits.SHORTEST + 1)
    }
    found = splits.best(values)
    assert found is not None
    assert costs[found] == pytest.approx(min(costs.values()))


@given(seed=st.integers(0, 10_000), count=st.integers(14, 60), cuts=st.integers(0, 3))
def test_levels_slope_and_cycle_are_fitted_as_by_one_large_system(
    seed: int, count: int, cuts: int
) -> None:
    rng = np.random.default_rng(seed)
    values = noises.white(count, rng)
    changes = sorted(set(rng.choice(range(4, count - 3), cuts, replace=False).tolist()))
    found = models.cycles(values - values.mean(), 0.0)
    model = models.over(count, True, False, *found[0]) if found else models.drift(count)
    assert model.columns is not None
    bounds = [0, *changes, count]
    beside = model.columns.shape[1]
    assert sum(model.parameters(len(changes))) == len(bounds) - 1 + beside
    design = np.zeros((count, len(bounds) - 1 + beside))
    for place, (begin, end) in enumerate(pairwise(bounds)):
        design[begin:end, place] = 1
    design[:, len(bounds) - 1 :] = model.columns
    slow = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    _, errors = models.fit(values, changes, model)
    assert float(errors @ errors) == pytest.approx(float(slow @ slow), rel=1e-6)


# --- how often it errs ---------------------------------------------------------------------------


def share(kind: str, count: int, runs: int, steps: list[tuple[int, float]]) -> tuple[float, float]:
    """Of series with these steps: those with all of them within three points, and with others."""
    rng = np.random.default_rng(SEED)
    found = others = 0
    for _ in range(runs):
        seen = places(find(100 + noises.KINDS[kind](count, rng) + stepped(count, *steps)))
        found += all(any(abs(at - place) <= 3 for place in seen) for at, _ in steps)
        others += len(seen) > len(steps)
    return found / runs, others / runs


@pytest.mark.parametrize("kind", noises.KINDS)
def test_noise_alone_is_hardly_ever_a_change(kind: str) -> None:
    """A few of 150 series at the most; the slow test below counts more exactly."""
    for count in (50, 80):
        _, false = share(kind, count, 150, [])
        assert false <= 0.08, (kind, count)


@pytest.mark.parametrize(
    ("kind", "size", "least"),
    [
        ("white", 2.0, 0.95),
        ("heavy tails", 2.0, 0.85),
        ("AR(1), 0.3", 2.5, 0.85),
        ("spikes", 2.0, 0.85),
        ("daily cycle", 2.0, 0.75),
        ("some of everything", 2.5, 0.7),
    ],
)
def test_steps_are_found_in_noise(kind: str, size: float, least: float) -> None:
    found, others = share(kind, 80, 40, [(40, size)])
    assert found >= least
    assert others <= 0.1


def test_a_large_square_wave_blinds_nobody() -> None:
    """All nine steps are found; taking them for correlation is a known way to miss them."""
    steps = [(at, 20.0 * (-1) ** number) for number, at in enumerate(range(20, 200, 20))]
    found, others = share("white", 200, 20, steps)
    assert (found, others) == (1.0, 0.0)


def test_a_slow_drift_is_no_row_of_steps() -> None:
    rng = np.random.default_rng(SEED)
    for _ in range(20):
        found = find(100 + noises.white(100, rng) + np.linspace(0, 12, 100))
        assert found.changes == []
        assert found.slope == pytest.approx(12, abs=3)


def test_a_step_is_found_on_a_drift_and_beside_a_cycle() -> None:
    rng = np.random.default_rng(SEED)
    hits = 0
    for _ in range(20):
        turns = 2 * np.pi * np.arange(120) / 24
        values = noises.white(120, rng) + np.linspace(0, 10, 120) + 2 * np.sin(turns)
        found = find(values + stepped(120, (70, 4.0)))
        hits += any(abs(at - 70) <= 3 for at in places(found))
        assert len(found.changes) <= 2
    assert hits >= 17


@pytest.mark.parametrize("slopes", [(0.0, 0.3), (0.3, 0.0), (0.2, -0.2)])
def test_a_slope_that_begins_or_ends_is_a_bend(slopes: tuple[float, float]) -> None:
    """As memory that leaks from one commit on: told once, where it begins, and no row of steps."""
    rng = np.random.default_rng(SEED)
    near = []
    for _ in range(20):
        line = np.concatenate(
            [slopes[0] * np.arange(60), 60 * slopes[0] + slopes[1] * np.arange(60)]
        )
        found = find(100 + noises.white(120, rng) + line)
        assert len(found.changes) == 1
        (change,) = found.changes
        assert change.bends
        assert change.after - change.before == pytest.approx(60 * (slopes[1] - slopes[0]), rel=0.25)
        near.append(change.first <= 60 <= change.last)
    assert sum(near) >= 17


def test_a_curve_is_no_row_of_bends() -> None:
    """More lines would always be nearer to it: that they are many explains nothing."""
    values = 100 * np.exp(np.arange(400) / 300)
    values += 0.01 * noises.white(400, np.random.default_rng(SEED))
    assert find(values).changes == []


def test_a_shock_that_is_slowly_forgotten_is_seldom_a_level() -> None:
    """Rare large shocks, of which each point keeps nine tenths: an account, a cache that fills."""
    rng = np.random.default_rng(SEED)
    alarms = 0
    for _ in range(40):
        fresh = rng.standard_normal(300) * 0.1
        hit = rng.random(300) < 0.03
        fresh[hit] += rng.uniform(1, 2, hit.sum())
        values = np.zeros(300)
        for at in range(1, 300):
            values[at] = 0.9 * values[at - 1] + fresh[at]
        alarms += bool(find(values).changes)
    assert alarms <= 12  # 36 of them if shocks are not held against it


def test_noise_that_swings_is_no_row_of_levels() -> None:
    """Errors that come back every twenty points or so, never quite in time."""
    rng = np.random.default_rng(SEED)
    alarms = 0
    for _ in range(40):
        fresh, values = rng.standard_normal(400), np.zeros(400)
        for at in range(2, 400):
            values[at] = 1.55 * values[at - 1] - 0.7 * values[at - 2] + fresh[at]
        alarms += bool(find(values[100:]).changes)
    assert alarms <= 3


@pytest.mark.slow
def test_the_rates_in_full() -> None:
    """The table of METHOD.md."""
    counts = (12, 30, 50, 80, 200, 1000)
    print("\nfalse alarms, % of series:", *counts)
    for kind in noises.KINDS:
        rates = [share(kind, count, 1000 if count < 1000 else 100, [])[1] for count in counts]
        print(f"{kind:20}", *(f"{rate:6.1%}" for rate in rates), flush=True)
        assert max(rates[2:]) <= 0.08, kind
        if kind in ("white", "heavy tails", "AR(1), 0.5"):
            assert max(rates[2:]) <= 0.05, kind
    print("found within 3 points, of steps of 1, 1.5, 2 and 4 sd in the middle of 80 points:")
    for kind in noises.KINDS:
        found = [share(kind, 80, 400, [(40, size)])[0] for size in (1.0, 1.5, 2.0, 4.0)]
        print(f"{kind:20}", *(f"{rate:6.1%}" for rate in found), flush=True)
    found, _ = share("white", 100, 400, [(70, 1.5)])
    print(f"1.5 sd over the last 30 of 100 points: {found:.1%}")
    assert found >= 0.8
