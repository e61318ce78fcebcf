"""Events say what happened, in the metric's own sense, and whether it lasts."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from harness.series import Better, Point, Series
from harness.stats.events import Direction, Event, Kind, State, judge, judge_array


def series(*values: float | None, better: Better = Better.LESS) -> Series:
    points = tuple(Point(commit=f"c{at}", value=value) for at, value in enumerate(values))
    return Series(benchmark="b", points=points, better=better)


def levels(*parts: tuple[int, float]) -> list[float]:
    """So many points of each level, with a little noise that is the same each time."""
    rng = np.random.default_rng(5)
    return [level + 0.1 * float(rng.standard_normal()) for n, level in parts for _ in range(n)]


def brief(event: Event) -> tuple[int, Direction, State]:
    return event.at, event.direction, event.state


@pytest.mark.parametrize(
    ("better", "first", "second"),
    [
        (Better.LESS, Direction.WORSE, Direction.BETTER),
        (Better.MORE, Direction.BETTER, Direction.WORSE),
    ],
)
def test_direction_is_the_metrics_own(better: Better, first: Direction, second: Direction) -> None:
    judged = judge(series(*levels((20, 10), (20, 12), (20, 11)), better=better))
    assert [brief(event) for event in judged.events] == [
        (20, first, State.OPEN),
        (40, second, State.OPEN),
    ]


@pytest.mark.parametrize(
    ("parts", "states"),
    [
        ([(20, 10), (20, 12)], ["open"]),
        ([(20, 10), (20, 12), (20, 10)], ["recovered", "open"]),
        ([(20, 10), (20, 12), (20, 9)], ["recovered", "open"]),
        ([(20, 10), (20, 12), (20, 11.5), (20, 10)], ["recovered", "recovered", "open"]),
        ([(20, 10), (20, 12), (20, 14)], ["open", "open"]),
    ],
)
def test_an_event_is_open_until_a_later_level_is_that_of_before(
    parts: list[tuple[int, float]], states: list[str]
) -> None:
    if states == ["recovered", "recovered", "open"]:
        states = ["recovered", "open", "open"]  # from 12 to 11.5 and on: never 12 again
    judged = judge(series(*levels(*parts)))
    assert [event.state.value for event in judged.events] == states


def test_places_count_commits_without_a_value_too() -> None:
    values: list[float | None] = list(levels((20, 10), (20, 12)))
    values[3] = None
    values[19:19] = [None, float("nan")]
    judged = judge(series(*values))
    (event,) = judged.events
    assert (event.at, event.commit) == (22, "c22")
    assert event.first <= 22 <= event.last
    assert judged.points == 39


@pytest.mark.parametrize("better", Better)
def test_an_array_with_gaps_is_judged_as_its_series(better: Better) -> None:
    values: list[float | None] = list(levels((20, 10), (20, 12), (30, 10)))
    for gap in (0, 7, 25, 69):
        values[gap] = None
    values[40] = 99.0
    array = np.array([np.nan if value is None else value for value in values])
    commits = [f"c{at}" for at in range(len(values))]
    judged = judge_array(array, better, commits)
    assert judged == judge(series(*values, better=better))
    assert len(judged.events) == 2
    assert judged.spikes == [40]
    turned = judge_array(array, better, commits[::-1])
    assert [event.commit for event in turned.events] != [event.commit for event in judged.events]


def test_sizes_have_intervals() -> None:
    (event,) = judge(series(*levels((40, 10), (40, 11)))).events
    assert event.kind is Kind.SHIFT
    assert event.ratio is not None
    assert event.ratio_interval is not None
    low, high = event.ratio_interval
    assert low < 1.1 < high
    assert high - low < 0.02
    assert event.interval[0] < event.change < event.interval[1]
    assert event.p < 1e-6


def test_a_level_of_zero_has_no_ratio() -> None:
    (event,) = judge(series(*[0.0] * 20, *[3.0] * 20)).events
    assert (event.ratio, event.ratio_interval, event.change) == (None, None, 3.0)


def test_drift_is_an_event_of_its_own_kind() -> None:
    rng = np.random.default_rng(5)
    values = np.linspace(100, 110, 120) + 0.5 * rng.standard_normal(120)
    (event,) = judge(series(*values.tolist())).events
    assert (event.kind, event.direction, event.at) == (Kind.DRIFT, Direction.WORSE, 0)
    assert event.interval[0] < 10 < event.interval[1]


def test_spikes_are_listed_apart() -> None:
    values: list[float | None] = list(levels((40, 10)))
    values[5], values[20] = None, 50.0
    judged = judge(series(*values))
    assert (judged.events, judged.spikes) == ([], [20])


@pytest.mark.parametrize("values", [[], [None] * 30, [1.0], [float("inf")] * 9])
def test_nothing_comes_of_nothing(values: list[float | None]) -> None:
    judged = judge(series(*values))
    assert (judged.events, judged.spikes) == ([], [])


def test_events_are_told_to_other_programs() -> None:
    judged = judge(series(*levels((20, 10), (20, 12))))
    assert msgspec.json.decode(msgspec.json.encode(judged), type=type(judged)) == judged
