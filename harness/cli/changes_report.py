"""The events of many series: which to believe, and between which commits they lie."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from harness.errors import StoreError
from harness.series import Series
from harness.stats.events import Direction, Event, State
from harness.stats.memory import Memory
from harness.store import asv, history, yardsticks
from harness.store.acknowledged import Mark
from harness.store.commits import first_parents
from harness.store.confirmations import Confirmation
from reports import found as finding

#: Seconds between two lines of progress.
_EVERY_S = 1.0
#: Digits of a commit that people are shown.
_SHORT = 8


@dataclass(frozen=True, slots=True)
class Found:
    """An event of a series; ``before`` and ``after`` are the last commit before it and the first
    one after it."""

    name: str
    machine: str
    before: str
    after: str
    date_ms: int
    found: finding.Found
    #: The last commit before it may have begun, and the one from which on it surely has.
    between: tuple[str, str] = ("", "")

    @property
    def event(self) -> Event:
        """What happened, by places in the series."""
        return self.found.event

    @property
    def id(self) -> str:
        """By which people and programs call it."""
        return self.found.id

    @property
    def other_ids(self) -> tuple[str, ...]:
        """What it would be called if it began elsewhere in its interval."""
        return self.found.other_ids

    @property
    def mark(self) -> Mark | None:
        """Why it may stay, if somebody said so."""
        return self.found.mark

    @property
    def confirmation(self) -> Confirmation | None:
        """What measuring it again has said."""
        return self.found.confirmation

    @property
    def paced(self) -> float | None:
        """The share of the noise that the machine's pace explained; None if none was taken out."""
        return self.found.paced

    @property
    def commits(self) -> str:
        """As git takes a range."""
        return f"{self.before[:_SHORT]}..{self.after[:_SHORT]}"

    @property
    def state(self) -> str:
        """Open, recovered, acknowledged or refuted."""
        return self.found.state

    @property
    def standing(self) -> str:
        """Suspected, as all that a history says, until it is measured again."""
        return self.found.standing


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
    order = order_of(folder, repository)
    histories, paces = _histories(folder, wanted, told, order)
    return report(histories, level, memory, told, finding.said([folder], paces))


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
) -> tuple[Iterable[Series], finding.Paces]:
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
    told: _Progress | None = None,
    known: finding.Said | None = None,
) -> Report:
    """Judge each series, and believe what may be believed among so many."""
    memory, known = memory or Memory(), known or finding.Said()
    every: list[Found] = []
    count = points = paced = 0
    for series in histories:
        values = np.array(
            [nan if point.value is None else point.value for point in series.points], dtype=float
        )
        commits = [point.commit for point in series.points]
        judged, events, share = finding.of_series(series, values, commits, memory, known)
        count, points = count + 1, points + judged.points
        every += [_placed(series, one) for one in events]
        paced += share is not None
        if told is not None:
            told.say(f"judged {count:,} series")
    sure = finding.believed([one.found for one in every], count, level)
    believed = [one for one, is_sure in zip(every, sure, strict=True) if is_sure]
    believed.sort(key=lambda one: (-one.date_ms, one.name))
    return Report(believed, len(every) - len(believed), count, points, level, paced)


def _placed(series: Series, one: finding.Found) -> Found:
    before, after = series.points[one.before_at], series.points[one.after_at]
    between = ("", "")
    if one.between is not None:
        between = series.points[one.between[0]].commit, series.points[one.between[1]].commit
    return Found(
        series.name, series.machine, before.commit, after.commit, after.date_ms, one, between
    )


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
