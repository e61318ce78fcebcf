"""What happened in all series of a site: events that may be believed among so many.

The rules are those of ``harness changes``: the same numbers give the same events by the same ids,
so what people acknowledged there is acknowledged here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from harness.series import Series
from harness.stats import discoveries
from harness.stats.events import Direction, Event, Judged, Kind, State, judge_array
from harness.stats.memory import Memory
from harness.store.acknowledged import Mark
from reports.gathering import Commit, Gathered, Line

#: An event is called by twice as many hexadecimal digits.
_ID_BYTES = 5


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of one series: ``line`` is its place among the lines.

    ``before`` and ``after`` are numbers of commits: the last one before it and the first one after.
    """

    line: int
    event: Event
    before: int
    after: int
    id: str
    #: What it would be called if it began elsewhere in its interval.
    other_ids: tuple[str, ...] = ()
    mark: Mark | None = None

    @property
    def state(self) -> str:
        """Open, recovered, or acknowledged: then a person has said why it may stay."""
        if self.event.state is State.OPEN and self.mark is not None:
            return "acknowledged"
        return self.event.state.value

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


def judge(
    gathered: Gathered,
    memory: Memory,
    marks: Mapping[str, Mark] = MappingProxyType({}),
    level: float = 0.05,
) -> Judgement:
    """Judge each series, and believe what may be believed among so many."""
    hashes = np.array([commit.hash for commit in gathered.commits], dtype=object)
    each: list[Judged] = []
    found: list[Happened] = []
    for number, line in enumerate(gathered.lines):
        judged = judge_array(line.y, line.head.better, hashes[line.x].tolist(), memory.find)
        each.append(judged)
        if judged.events:
            found += _named(number, line, judged, gathered.commits, marks)
    # A series is one test for each event that it may have; it has one test at the least.
    tests = len(each) + len(found)
    sure = discoveries.believed([one.event.p for one in found], tests, level)
    believed = [one for one, is_sure in zip(found, sure, strict=True) if is_sure]
    believed.sort(key=lambda one: (-one.after, gathered.lines[one.line].head.name))
    return Judgement(each=each, events=believed, doubtful=len(found) - len(believed), level=level)


def _named(
    number: int, line: Line, judged: Judged, commits: list[Commit], marks: Mapping[str, Mark]
) -> Iterable[Happened]:
    measured = np.flatnonzero(np.isfinite(line.y))
    for event in judged.events:
        if event.kind is Kind.DRIFT:  # it lies between the ends
            before, after, begins = event.first, event.last, [event.first]
        else:
            before = int(measured[np.searchsorted(measured, event.at) - 1])
            after = event.at
            begins = measured[(measured >= event.first) & (measured <= event.last)].tolist()
        names = {at: event_id(line.head, event, commits[int(line.x[at])].hash) for at in begins}
        own = names.pop(event.at)
        others = tuple(names.values())
        yield Happened(
            line=number,
            event=event,
            before=int(line.x[before]),
            after=int(line.x[after]),
            id=own,
            other_ids=others,
            # Its place may have moved since it was acknowledged, within what it may be off.
            mark=next((marks[known] for known in (own, *others) if known in marks), None),
        )


def event_id(head: Series, event: Event, commit: str) -> str:
    """Of an event of this kind and direction that begins with this commit."""
    known = (
        head.name,
        head.machine,
        sorted(head.environment.items()),
        head.version,
        event.kind.value,
        event.direction.value,
        commit,
    )
    return hashlib.blake2b(repr(known).encode(), digest_size=_ID_BYTES).hexdigest()
