"""What happened in all series of a site: events that may be believed among so many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec import structs

from harness.series import Point
from harness.stats.events import Direction, Event, Judged, State
from harness.stats.memory import Memory
from harness.store import yardsticks
from harness.store.acknowledged import Mark
from reports import found as finding
from reports.found import Found
from reports.gathering import Gathered, Line


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of one series: ``line`` is its place among the lines.

    ``before`` and ``after`` are numbers of commits: the last one before it and the first one after.
    """

    line: int
    before: int
    after: int
    found: Found

    @property
    def event(self) -> Event:
        """What happened, by places in the series."""
        return self.found.event

    @property
    def id(self) -> str:
        """By which people and programs call it."""
        return self.found.id

    @property
    def mark(self) -> Mark | None:
        """Why it may stay, if somebody said so."""
        return self.found.mark

    @property
    def state(self) -> str:
        """Open, recovered, acknowledged or refuted."""
        return self.found.state

    @property
    def worse(self) -> bool:
        """Whether it is a change for the worse that still lasts and that nobody accepted."""
        return self.event.direction is Direction.WORSE and self.state == State.OPEN.value


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of all series: each one's own judgement, and the events that are believed, newest first.

    ``doubtful`` is how many events are not sure enough among so many series.
    """

    each: list[Judged]
    events: list[Happened]
    doubtful: int
    level: float
    #: Of each series the share of its noise that was its machine's pace and was taken out; None if
    #: none was.
    paced: list[float | None]


def judge(gathered: Gathered, memory: Memory, level: float = 0.05) -> Judgement:
    """Judge each series, and believe what may be believed among so many.

    What people acknowledged and what was measured again is read from beside the sources. Raises
    ``StoreError`` for what is damaged there.
    """
    known = finding.said(gathered.sources, _paces(gathered))
    hashes = np.array([commit.hash for commit in gathered.commits], dtype=object)
    each: list[Judged] = []
    paced: list[float | None] = []
    happened: list[Happened] = []
    for number, line in enumerate(gathered.lines):
        commits = hashes[line.x].tolist()
        judged, found, share = finding.of_series(line.head, line.y, commits, memory, known)
        each.append(judged)
        paced.append(share)
        happened += [
            Happened(number, int(line.x[one.before_at]), int(line.x[one.after_at]), one)
            for one in found
        ]
    sure = finding.believed([one.found for one in happened], len(each), level)
    kept = [one for one, is_sure in zip(happened, sure, strict=True) if is_sure]
    kept.sort(key=lambda one: (-one.after, gathered.lines[one.line].head.name))
    return Judgement(each, kept, len(happened) - len(kept), level, paced)


def _paces(gathered: Gathered) -> finding.Paces:
    """What the yardsticks among the lines say of their machines."""
    return yardsticks.paces(
        structs.replace(line.head, points=_points(gathered, line))
        for line in gathered.lines
        if yardsticks.is_one(line.head.benchmark)
    )


def _points(gathered: Gathered, line: Line) -> tuple[Point, ...]:
    return tuple(
        Point(commit=gathered.commits[x].hash, value=None if y != y else y)
        for x, y in zip(line.x.tolist(), line.y.tolist(), strict=True)
    )
