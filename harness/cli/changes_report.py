"""The events of many series: which to believe, and between which commits they lie."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from harness.series import Series
from harness.stats import discoveries
from harness.stats.events import Direction, Event, Judged, Kind, State, judge
from harness.store import asv

#: Seconds between two lines of progress.
_EVERY_S = 1.0
#: Digits of a commit that people are shown.
_SHORT = 8


@dataclass(frozen=True, slots=True)
class Found:
    """An event of a series; ``commits`` are the last one before it and the first one after it."""

    name: str
    machine: str
    event: Event
    before: str
    after: str
    date_ms: int

    @property
    def commits(self) -> str:
        """As git takes a range."""
        return f"{self.before[:_SHORT]}..{self.after[:_SHORT]}"


@dataclass(frozen=True, slots=True)
class Report:
    """The events that are believed, the newest first; ``doubtful`` is how many are not."""

    events: list[Found]
    doubtful: int
    series: int
    points: int
    level: float

    def chosen(self, worse: bool = False, least: float = 0.0) -> list[Found]:
        """What changed by at least this share; with ``worse`` what became so and still is."""
        return [
            one
            for one in self.events
            if (one.event.ratio is None or abs(one.event.ratio - 1) >= least)
            and (not worse or one.event.direction is Direction.WORSE)
            and (not worse or one.event.state is State.OPEN)
        ]

    def plain(self, found: list[Found]) -> dict[str, Any]:
        """For other programs."""
        return {
            "series": self.series,
            "points": self.points,
            "level": self.level,
            "doubtful": self.doubtful,
            "events": [
                {
                    "benchmark": one.name,
                    "machine": one.machine,
                    "commit_before": one.before,
                    "commit_after": one.after,
                    "date_ms": one.date_ms,
                    **msgspec.to_builtins(one.event),
                }
                for one in found
            ],
        }


def of_folder(folder: Path, wanted: str, level: float) -> Report:
    """The report on a folder of asv's results. Raises ``StoreError``; progress on stderr."""
    told = _Progress()
    series = asv.read(
        folder,
        wanted=lambda name: wanted in name,
        warn=lambda text: print(f"warning: {text}", file=sys.stderr),
        progress=lambda done, all: told.say(f"read {done:,} of {all:,} files"),
    )
    return report(series, level, told)


def report(histories: Iterator[Series], level: float, told: _Progress | None = None) -> Report:
    """Judge each series, and believe what may be believed among so many."""
    found: list[Found] = []
    count = points = 0
    for series in histories:
        judged = judge(series)
        count, points = count + 1, points + judged.points
        found += _named(series, judged)
        if told is not None:
            told.say(f"judged {count:,} series")
    # A series is one test for each event that it may have; it has one test at the least.
    tests = count + len(found)
    sure = discoveries.believed([one.event.p for one in found], tests, level)
    believed = [one for one, is_sure in zip(found, sure, strict=True) if is_sure]
    believed.sort(key=lambda one: (-one.date_ms, one.name))
    return Report(believed, len(found) - len(believed), count, points, level)


def _named(series: Series, judged: Judged) -> Iterator[Found]:
    points = series.points
    measured = [at for at, point in enumerate(points) if point.value is not None]
    for event in judged.events:
        if event.kind is Kind.DRIFT:  # it lies between the ends
            before, after = points[event.first], points[event.last]
        else:
            earlier = [at for at in measured if at < event.at]
            before, after = points[earlier[-1]], points[event.at]
        yield Found(series.name, series.machine, event, before.commit, after.commit, after.date_ms)


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
