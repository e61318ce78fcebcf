"""The events of many series: which to believe, and between which commits they lie."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec
import numpy as np

from harness.errors import StoreError
from harness.series import Series
from harness.stats import discoveries
from harness.stats.events import Direction, Event, Judged, Kind, State, judge
from harness.stats.memory import Memory
from harness.stats.pace import TIMES, taken_out
from harness.store import acknowledged, asv, confirmations, history, yardsticks
from harness.store.acknowledged import Mark
from harness.store.commits import first_parents
from harness.store.confirmations import Confirmation, Word

#: Seconds between two lines of progress.
_EVERY_S = 1.0
#: Digits of a commit that people are shown.
_SHORT = 8
#: An event is called by twice as many hexadecimal digits.
_ID_BYTES = 5

#: By what an answer is found: the id of an event, or a series with two commits.
Key: TypeAlias = str | tuple[str, str, str]
#: By place and commit, how much slower than usual a machine was.
Paces: TypeAlias = Mapping[yardsticks.Place, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Found:
    """An event of a series; ``commits`` are the last one before it and the first one after it."""

    name: str
    machine: str
    event: Event
    before: str
    after: str
    date_ms: int
    id: str
    #: What it would be called if it began elsewhere in its interval.
    other_ids: tuple[str, ...] = ()
    mark: Mark | None = None
    #: The last commit before it may have begun, and the one from which on it surely has.
    between: tuple[str, str] = ("", "")
    confirmation: Confirmation | None = None
    #: The share of the noise that the machine's pace explained, which was taken out; else None.
    paced: float | None = None

    @property
    def commits(self) -> str:
        """As git takes a range."""
        return f"{self.before[:_SHORT]}..{self.after[:_SHORT]}"

    @property
    def state(self) -> str:
        """Open or recovered; of what is open also acknowledged, by a person who said why it may
        stay, and refuted, by measuring it again.
        """
        if self.event.state is State.OPEN and self.mark is not None:
            return "acknowledged"
        if self.event.state is State.OPEN and self.standing == Word.REFUTED.value:
            return Word.REFUTED.value
        return self.event.state.value

    @property
    def standing(self) -> str:
        """Suspected, as all that a history says, until it is measured again."""
        return "suspected" if self.confirmation is None else self.confirmation.word.value


@dataclass(frozen=True, slots=True)
class Report:
    """The events that are believed, the newest first; ``doubtful`` is how many are not."""

    events: list[Found]
    doubtful: int
    series: int
    points: int
    level: float
    #: Series of which the machine's pace was taken out.
    paced: int = 0

    def chosen(self, worse: bool = False, least: float = 0.0) -> list[Found]:
        """What changed by at least this share; with ``worse`` what became so and still is."""
        return [
            one
            for one in self.events
            if (one.event.ratio is None or abs(one.event.ratio - 1) >= least)
            and (not worse or one.event.direction is Direction.WORSE)
            and (not worse or one.state == State.OPEN.value)
        ]

    def plain(self, found: list[Found]) -> dict[str, Any]:
        """For other programs."""
        return {
            "series": self.series,
            "points": self.points,
            "level": self.level,
            "doubtful": self.doubtful,
            "paced": self.paced,
            "events": [
                {
                    "id": one.id,
                    "benchmark": one.name,
                    "machine": one.machine,
                    "commit_before": one.before,
                    "commit_after": one.after,
                    "commit_from": one.between[0],
                    "commit_to": one.between[1],
                    "date_ms": one.date_ms,
                    **msgspec.to_builtins(one.event),
                    "state": one.state,
                    "standing": one.standing,
                    "pace_explains": one.paced,
                    "acknowledged": msgspec.to_builtins(one.mark),
                    "confirmation": msgspec.to_builtins(one.confirmation),
                }
                for one in found
            ],
        }


def of_folder(
    folder: Path,
    wanted: str,
    level: float,
    memory: Memory | None = None,
    repository: Path | None = None,
) -> Report:
    """The report on a folder of asv's results or of ours, whichever it is; progress on stderr.

    Commits stand as in ``repository``; without one, as in those that the folder and the current
    folder lie in, and by date where neither knows them. Raises ``StoreError`` if the folder is
    neither, or cannot be read.
    """
    told = _Progress()
    marks = {mark.event: mark for mark in acknowledged.read(folder)}
    again = {known: one for one in confirmations.read(folder) for known in _called(one)}
    order = order_of(folder, repository)
    histories, paces = _histories(folder, wanted, told, order)
    return report(histories, level, memory, marks, told, again, paces)


def _called(one: Confirmation) -> list[Key]:
    """By what an answer is found: the event, or the series and the revisions."""
    named: Key = (one.series, *one.commits)
    return [one.event, named] if one.event else [named]


def order_of(folder: Path, repository: Path | None) -> dict[str, int]:
    """From hash to place. Dates do not tell the order of commits that were made in one second.

    Raises ``StoreError`` if the named repository is none.
    """
    if repository is not None:
        return first_parents(repository)
    found: dict[str, int] = {}
    for place in (folder, Path()):
        with suppress(StoreError):  # it lies in no repository, or git is not here
            found |= first_parents(place)
    return found


def _histories(
    folder: Path, wanted: str, told: _Progress, order: Mapping[str, int]
) -> tuple[Iterable[Series], Paces]:
    """The wanted series, and the machine's pace where yardsticks tell it."""

    def warn(text: str) -> None:
        print(f"warning: {text}", file=sys.stderr)

    if not folder.is_dir():
        raise StoreError(
            f"there is no folder {folder}: name one with results of asv or of `harness run`"
        )
    if (folder / "runs").is_dir() or (folder / "imported").is_dir():
        every = history.stored(folder, warn)
        found = [one for one in every if wanted in one.benchmark]
        return found, yardsticks.paces(one for one in every if yardsticks.is_one(one.benchmark))
    if asv.is_results(folder):
        # Those of them first: series come one by one, since all together may need much memory.
        known = asv.has(folder, yardsticks.is_one)
        marks = asv.read(folder, wanted=yardsticks.is_one, order=order) if known else ()
        return asv.read(
            folder,
            wanted=lambda name: wanted in name,
            warn=warn,
            progress=lambda done, all: told.say(f"read {done:,} of {all:,} files"),
            order=order,
        ), yardsticks.paces(marks)
    raise StoreError(
        f"{folder} has no results that are known: neither asv's (a benchmarks.json, or folders with"
        " a machine.json) nor those of `harness run` and `harness import` (runs, imported)"
    )


def report(
    histories: Iterable[Series],
    level: float,
    memory: Memory | None = None,
    marks: Mapping[str, Mark] = MappingProxyType({}),
    told: _Progress | None = None,
    again: Mapping[Key, Confirmation] = MappingProxyType({}),
    paces: Paces = MappingProxyType({}),
) -> Report:
    """Judge each series, and believe what may be believed among so many.

    Times are judged without the machine's pace where ``paces`` explain them.
    """
    find = (memory or Memory()).find
    found: list[Found] = []
    count = points = paced = 0
    for given in histories:
        series, share = _evened(given, paces)
        judged = judge(series, find)
        count, points = count + 1, points + judged.points
        paced += share is not None
        found += [replace(one, paced=share) for one in _named(series, judged)]
        if told is not None:
            told.say(f"judged {count:,} series")
    # A series is one test for each event that it may have; it has one test at the least.
    tests = count + len(found)
    sure = discoveries.believed([one.event.p for one in found], tests, level)
    believed = [one for one, is_sure in zip(found, sure, strict=True) if is_sure]
    believed.sort(key=lambda one: (-one.date_ms, one.name))
    return Report(
        [
            replace(one, mark=_mark(one, marks), confirmation=_answer(one, again))
            for one in believed
        ],
        len(found) - len(believed),
        count,
        points,
        level,
        paced,
    )


def _evened(series: Series, paces: Paces) -> tuple[Series, float | None]:
    """The series without the machine's pace, and what that explained; or as it is."""
    known = paces.get(yardsticks.place(series))
    if known is None or series.unit not in TIMES or yardsticks.is_one(series.benchmark):
        return series, None
    values = np.array([nan if x.value is None else x.value for x in series.points], dtype=float)
    found = taken_out(values, np.array([known.get(x.commit, nan) for x in series.points]))
    if found is None:
        return series, None
    points = tuple(
        point if point.value is None else msgspec.structs.replace(point, value=float(value))
        for point, value in zip(series.points, found.values, strict=True)
    )
    return msgspec.structs.replace(series, points=points), found.share


def _mark(one: Found, marks: Mapping[str, Mark]) -> Mark | None:
    """What was said of this event; its place may have moved since, within what it may be off."""
    return next((marks[known] for known in [one.id, *one.other_ids] if known in marks), None)


def _answer(one: Found, again: Mapping[Key, Confirmation]) -> Confirmation | None:
    """What measuring it again has said."""
    named: list[Key] = [(one.name, *one.between), (one.name, one.before, one.after)]
    known = (again.get(key) for key in [one.id, *one.other_ids, *named])
    return next((answer for answer in known if answer is not None), None)


def _named(series: Series, judged: Judged) -> Iterator[Found]:
    points = series.points
    measured = [at for at, point in enumerate(points) if point.value is not None]
    for event in judged.events:
        if event.kind is Kind.DRIFT:  # it lies between the ends
            before, after = points[event.first], points[event.last]
            begins, between = [event.first], ("", "")
        else:
            earlier = [at for at in measured if at < event.at]
            before, after = points[earlier[-1]], points[event.at]
            begins = [at for at in measured if event.first <= at <= event.last]
            sooner = max((at for at in measured if at < event.first), default=earlier[0])
            between = points[sooner].commit, points[event.last].commit
        ids = {at: event_id(series, event, points[at].commit) for at in begins}
        yield Found(
            series.name,
            series.machine,
            event,
            before.commit,
            after.commit,
            after.date_ms,
            ids.pop(event.at),
            tuple(ids.values()),
            between=between,
        )


def event_id(series: Series, event: Event, commit: str) -> str:
    """Of an event of this kind and direction that begins with this commit."""
    known = (
        series.name,
        series.machine,
        sorted(series.environment.items()),
        series.version,
        event.kind.value,
        event.direction.value,
        commit,
    )
    return hashlib.blake2b(repr(known).encode(), digest_size=_ID_BYTES).hexdigest()


class _Progress:
    """A line on stderr now and then; on a terminal the same line again."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _EVERY_S
        self._moving = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Once a second at the most."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY_S
        if self._moving:
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)
