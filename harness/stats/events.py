"""What happened in a history: one event for each new level or slope, and one for a slow drift.

An event says between which commits, by how much, how sure, which direction it is by the metric's
own sense, and whether it still lasts. Spikes are no events; they are listed apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from harness.records import Record
from harness.series import Better, Series
from harness.stats import changepoints, significance

#: Standard errors within which a level counts as that of before.
_ALIKE = 3.0
#: Of an interval at 95 %.
_TWO_SIDES = 1.96


class Direction(Enum):
    """By the metric's own sense: more calls a second are better, more time is worse."""

    BETTER = "better"
    WORSE = "worse"


class Kind(Enum):
    """A level that is new from one commit to the next, one that begins to creep there, or creeps
    otherwise than before, and one that creeps over the whole history.
    """

    SHIFT = "shift"
    BEND = "bend"
    DRIFT = "drift"


class State(Enum):
    """Whether the newest commits still have it."""

    OPEN = "open"
    RECOVERED = "recovered"


class Event(Record, frozen=True):
    """Something happened between two commits.

    ``at`` is the place of the first point of the new level, counted from 0 over all points of the
    series, also those without a value; ``first`` and ``last`` are the places between which it
    began, at about 95 %. ``before`` and ``after`` are the levels; of a bend ``after`` is what
    its slope comes to until the next event, ``before`` what the slope before would have come to.
    ``ratio`` is after ÷ before with its interval at 95 %, None if before is not positive. ``p`` is
    the share of histories of noise alone in which something looks as much like an event.
    """

    kind: Kind
    at: int
    first: int
    last: int
    commit: str
    before: float
    after: float
    change: float
    interval: tuple[float, float]
    ratio: float | None
    ratio_interval: tuple[float, float] | None
    direction: Direction
    state: State
    p: float


class Judged(Record, frozen=True):
    """A series with what happened in it.

    ``period`` is that of a cycle in points, if the series has one; ``noise`` the standard deviation
    of a single point, ``passed_on`` the part of an error that the next point inherits.
    """

    events: list[Event]
    spikes: list[int]
    points: int
    noise: float
    passed_on: float
    period: float | None = None


def judge(
    series: Series, find: Callable[[NDArray[np.float64]], changepoints.Found] = changepoints.find
) -> Judged:
    """The events of a series, in order of their commits; points without a value are left out.

    ``find`` may be that of a ``memory.Memory``, which knows series that it has seen.
    """
    values = np.array(
        [np.nan if point.value is None else point.value for point in series.points],
        dtype=np.float64,
    )
    return judge_array(values, series.better, [point.commit for point in series.points], find)


def judge_array(
    given: NDArray[np.float64],
    better: Better,
    commits: Sequence[str],
    find: Callable[[NDArray[np.float64]], changepoints.Found] = changepoints.find,
) -> Judged:
    """The same for values in an array, NaN for none, with the commit of each."""
    kept = np.flatnonzero(np.isfinite(given))
    values = given[kept]
    places: list[int] = kept.tolist()
    found = find(values)
    events = [
        _shift(better, commits, places, change, found.changes[number + 1 :])
        for number, change in enumerate(found.changes)
    ]
    if found.slope is not None:
        events.append(_drift(better, commits, places, values, found))
    return Judged(
        events=events,
        spikes=[places[at] for at in found.spikes],
        points=len(places),
        noise=found.sd,
        passed_on=found.rho,
        period=found.period,
    )


def _shift(
    better: Better,
    commits: Sequence[str],
    places: list[int],
    change: changepoints.Change,
    later: list[changepoints.Change],
) -> Event:
    shift = change.after - change.before
    half = _TWO_SIDES * change.error
    at = places[change.at]
    return Event(
        kind=Kind.BEND if change.bends else Kind.SHIFT,
        at=at,
        first=places[change.first],
        last=places[change.last],
        commit=commits[at],
        before=change.before,
        after=change.after,
        change=shift,
        interval=(shift - half, shift + half),
        ratio=change.after / change.before if change.before > 0 else None,
        ratio_interval=_ratio_interval(change.before, shift, half),
        direction=_direction(better, shift),
        state=State.RECOVERED if _recovered(change, later) else State.OPEN,
        p=change.p_value,
    )


def _recovered(change: changepoints.Change, later: list[changepoints.Change]) -> bool:
    """Whether a later level is that of before again, or lies beyond it."""
    up = change.after > change.before
    for other in later:
        slack = _ALIKE * math.hypot(change.error, other.error)
        if other.after <= change.before + slack if up else other.after >= change.before - slack:
            return True
    return False


def _drift(
    better: Better,
    commits: Sequence[str],
    places: list[int],
    values: NDArray[np.float64],
    found: changepoints.Found,
) -> Event:
    assert found.slope is not None
    middle = float(np.median(values))
    before, after = middle - found.slope / 2, middle + found.slope / 2
    # The standard error of a slope over n points whose errors are passed on.
    long_run = found.sd * math.sqrt((1 + found.rho) / (1 - found.rho))
    half = _TWO_SIDES * long_run * math.sqrt(12 / len(values))
    return Event(
        kind=Kind.DRIFT,
        at=places[0],
        first=places[0],
        last=places[-1],
        commit=commits[places[0]],
        before=before,
        after=after,
        change=found.slope,
        interval=(found.slope - half, found.slope + half),
        ratio=after / before if before > 0 else None,
        ratio_interval=_ratio_interval(before, found.slope, half),
        direction=_direction(better, found.slope),
        state=State.OPEN,
        p=significance.p_value(significance.SLOPE),
    )


def _ratio_interval(before: float, shift: float, half: float) -> tuple[float, float] | None:
    if before <= 0:
        return None
    return 1 + (shift - half) / before, 1 + (shift + half) / before


def _direction(better: Better, shift: float) -> Direction:
    return Direction.BETTER if (shift > 0) is (better is Better.MORE) else Direction.WORSE
