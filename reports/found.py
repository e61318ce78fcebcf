"""The events of many series: which to believe, what people and measurements said of them since.

``harness changes`` and the pages say the same of the same numbers, since both ask here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.series import Series
from harness.stats import discoveries
from harness.stats.events import Event, Judged, Kind, State, judge_array
from harness.stats.memory import Memory
from harness.stats.pace import TIMES, taken_out
from harness.store import acknowledged, confirmations, yardsticks
from harness.store.acknowledged import Mark
from harness.store.confirmations import Confirmation, Word

#: An event is called by twice as many hexadecimal digits.
_ID_BYTES = 5

#: By what an answer is found: the id of an event, or a series with two commits.
Key: TypeAlias = str | tuple[str, str, str]
#: By place and commit, how much slower than usual a machine was.
Paces: TypeAlias = Mapping[yardsticks.Place, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Found:
    """An event of a series.

    ``before_at`` and ``after_at`` are the places, in the series, of the last point before it and of
    the first one after it.
    """

    event: Event
    before_at: int
    after_at: int
    id: str
    #: What it would be called if it began elsewhere in its interval.
    other_ids: tuple[str, ...] = ()
    #: The places of the last point before it may have begun, and of the one from which on it
    #: surely has; None of a drift.
    between: tuple[int, int] | None = None
    #: The share of the noise that the machine's pace explained, which was taken out; else None.
    paced: float | None = None
    mark: Mark | None = None
    confirmation: Confirmation | None = None

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


class Outcome(NamedTuple):
    """Of one series: its judgement, its events, and the share of its noise that was the machine's
    pace and was taken out; None if none was."""

    judged: Judged
    found: list[Found]
    paced: float | None


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of events beside their histories: marks by event, answers, machines' paces."""

    marks: Mapping[str, Mark] = field(default_factory=lambda: MappingProxyType({}))
    again: Mapping[Key, Confirmation] = field(default_factory=lambda: MappingProxyType({}))
    paces: Paces = field(default_factory=lambda: MappingProxyType({}))


def said(folders: Iterable[Path], paces: Paces | None = None) -> Said:
    """What lies beside these results. Raises ``StoreError`` for what is damaged."""
    marks: dict[str, Mark] = {}
    again: dict[Key, Confirmation] = {}
    for folder in folders:
        marks |= {mark.event: mark for mark in acknowledged.read(folder)}
        for one in confirmations.read(folder):
            again[one.series, one.commits[0], one.commits[1]] = one
            if one.event:
                again[one.event] = one
    return Said(marks, again, paces or {})


def of_series(
    head: Series,
    values: NDArray[np.float64],
    commits: Sequence[str],
    memory: Memory,
    known: Said,
) -> Outcome:
    """What happened in one series, without points in ``head``; NaN is a point without a value.

    Times are judged without the machine's pace where a yardstick explains them.
    """
    values, share = _evened(head, values, commits, known.paces)
    judged = judge_array(values, head.better, commits, memory.find)
    if not judged.events:
        return Outcome(judged, [], share)
    measured = np.flatnonzero(np.isfinite(values))
    found = [replace(one, paced=share) for one in _named(head, commits, measured, judged)]
    answered = [
        replace(
            one,
            mark=_mark(one, known.marks),
            confirmation=_answer(one, head.name, commits, known.again),
        )
        for one in found
    ]
    return Outcome(judged, answered, share)


def believed(found: Sequence[Found], series: int, level: float) -> list[bool]:
    """For each event of a report of so many series, whether it is sure enough among them.

    A series is one test for each event that it may have; it has one test at the least.
    """
    return discoveries.believed([one.event.p for one in found], series + len(found), level)


def _evened(
    head: Series, values: NDArray[np.float64], commits: Sequence[str], paces: Paces
) -> tuple[NDArray[np.float64], float | None]:
    """The values without the machine's pace, and what that explained; or as they are."""
    known = paces.get(yardsticks.place(head)) if paces else None
    if known is None or head.unit not in TIMES or yardsticks.is_one(head.benchmark):
        return values, None
    taken = taken_out(values, np.array([known.get(commit, np.nan) for commit in commits]))
    return (values, None) if taken is None else (taken.values, taken.share)


def _named(
    head: Series, commits: Sequence[str], measured: NDArray[np.int64], judged: Judged
) -> Iterator[Found]:
    for event in judged.events:
        between: tuple[int, int] | None = None
        if event.kind is Kind.DRIFT:  # it lies between the ends
            before, after, begins = event.first, event.last, [event.first]
        else:
            before = int(measured[np.searchsorted(measured, event.at) - 1])
            after = event.at
            begins = measured[(measured >= event.first) & (measured <= event.last)].tolist()
            sooner = measured[measured < event.first]
            between = int(sooner[-1]) if len(sooner) else int(measured[0]), event.last
        names = {at: event_id(head, event, commits[at]) for at in begins}
        own = names.pop(event.at)
        yield Found(event, before, after, own, tuple(names.values()), between)


def _mark(one: Found, marks: Mapping[str, Mark]) -> Mark | None:
    """What was said of this event; its place may have moved since, within what it may be off."""
    return next((marks[known] for known in [one.id, *one.other_ids] if known in marks), None)


def _answer(
    one: Found, name: str, commits: Sequence[str], again: Mapping[Key, Confirmation]
) -> Confirmation | None:
    """What measuring it again has said."""
    ends = [one.between] if one.between is not None else []
    pairs = [*ends, (one.before_at, one.after_at)]
    named: list[Key] = [(name, commits[begin], commits[end]) for begin, end in pairs]
    known = (again.get(key) for key in [one.id, *one.other_ids, *named])
    return next((answer for answer in known if answer is not None), None)


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
