"""Finds the commit that made a figure worse: ends first, then commit after commit by halves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np

from harness.errors import PlanError, StoreError, TargetError
from harness.records import Record
from harness.stats.bisection import Bisection
from harness.stats.bootstrap import expanded
from harness.stats.permutation import sign_flip
from harness.store import files

#: Blocks of both ends, and of each look at a commit between them.
ENDS = 12
LOOK = 4
#: The ends have to differ as surely as this, or there is nothing to find.
LEVEL = 0.01
_FORM = 1

#: Blocks of two commits: by how much the second exceeds the first, as logarithms; and how many.
Measure: TypeAlias = Callable[[str, str, int], list[float]]


class Look(Record, frozen=True):
    """What was measured of a commit against the good one; ``failed`` is why nothing was."""

    commit: str
    differences: list[float] = msgspec.field(default_factory=list)
    failed: str = ""


class Search(Record, frozen=True):
    """All that a search knows, as it is kept."""

    form: int
    benchmark: str
    metric: str
    #: Oldest first: the good one, those between, the bad one.
    commits: list[str]
    looks: list[Look] = msgspec.field(default_factory=list)


class Found(Record, frozen=True):
    """What came of it. ``commits`` are the candidates: one, or some that are not told apart.

    ``change`` is the relative change between the ends, with its 95 % interval. ``kind`` is
    ``found``, ``unsure`` or ``nothing``: the ends do not differ.
    """

    kind: str
    commits: list[str]
    probability: float
    change: float
    interval: tuple[float, float]
    looks: int
    skipped: list[str] = msgspec.field(default_factory=list)


def run(
    search: Search, measure: Measure, *, confidence: float = 0.95,
    time_left: Callable[[], bool] = lambda: True,
    keep: Callable[[Search], None] = lambda search: None,
    known: Callable[[str], bool] = lambda commit: True,
    progress: Callable[[str], None] = lambda text: None,
) -> Found:  # fmt: skip
    """Go on with a search until it is sure enough, or ``time_left`` says no.

    ``keep`` gets it after each look. ``known`` tells which commits are built already: of commits
    that say as much, they go first. Raises ``PlanError`` for fewer than two commits, and
    ``TargetError`` if one of the ends cannot be measured.
    """
    if len(search.commits) < 2:
        raise PlanError("the good and the bad revision are the same commit")
    good, bad = search.commits[0], search.commits[-1]
    looks = list(search.looks)

    def look(commit: str, count: int) -> Look:
        progress(f"look {len(looks) + 1}: {commit[:10]}, {count} blocks")
        try:
            made = Look(commit=commit, differences=measure(good, commit, count))
        except (TargetError, PlanError) as error:
            if commit == bad:
                raise
            progress(f"{commit[:10]} is skipped: {error}")
            made = Look(commit=commit, failed=str(error))
        looks.append(made)
        keep(msgspec.structs.replace(search, looks=list(looks)))
        return made

    ends = np.array([x for one in looks if one.commit == bad for x in one.differences])
    if len(ends) < ENDS:
        ends = np.concatenate((ends, look(bad, ENDS - len(ends)).differences))
    interval = _interval(ends)
    if sign_flip(ends) > LEVEL:
        return _found("nothing", [], 0.0, ends, interval, looks)
    bisection = Bisection(len(search.commits), ends)
    places = {commit: place for place, commit in enumerate(search.commits)}
    for one in looks:
        _take(bisection, one, places, bad)
    while bisection.answer().probability < confidence:
        place = bisection.next(lambda at: 0.0 if known(search.commits[at]) else 1.0)
        if place is None or not time_left():
            break
        _take(bisection, look(search.commits[place], LOOK), places, bad)
    answer = bisection.answer()
    kind = "found" if answer.probability >= confidence else "unsure"
    commits = search.commits[answer.first : answer.last + 1]
    return _found(kind, commits, answer.probability, ends, interval, looks)


def _take(bisection: Bisection, look: Look, places: dict[str, int], bad: str) -> None:
    if look.failed:
        bisection.skip(places[look.commit])
    elif look.commit != bad:
        bisection.add(places[look.commit], np.array(look.differences))


def _interval(ends: np.ndarray) -> tuple[float, float]:
    """95 %, from blocks drawn again."""
    draw = np.random.default_rng(1)
    means = ends[draw.integers(0, len(ends), (2_000, len(ends)))].mean(axis=1)
    tail = expanded(0.025, len(ends))
    low, high = np.expm1(np.quantile(means, (tail, 1 - tail)))
    return float(low), float(high)


def _found(
    kind: str, commits: list[str], probability: float, ends: np.ndarray,
    interval: tuple[float, float], looks: Sequence[Look],
) -> Found:  # fmt: skip
    return Found(
        kind=kind,
        commits=commits,
        probability=probability,
        change=float(np.expm1(ends.mean())),
        interval=interval,
        looks=len(looks),
        skipped=[one.commit for one in looks if one.failed],
    )


# --- kept -----------------------------------------------------------------------------------------


def begin(benchmark: str, metric: str, commits: Sequence[str]) -> Search:
    """A search of which nothing is known yet; commits oldest first."""
    return Search(form=_FORM, benchmark=benchmark, metric=metric, commits=list(commits))


def place(search: Search, folder: Path) -> Path:
    """Where it is kept: the same question lies in the same file."""
    words = "".join(x if x.isalnum() else "-" for x in f"{search.benchmark}-{search.metric}")
    name = f"{words}-{search.commits[0][:10]}-{search.commits[-1][:10]}.json"
    return folder / "bisect" / name


def save(search: Search, folder: Path) -> None:
    """Keep it. Raises ``StoreError`` if that fails."""
    files.write_record(place(search, folder), search)


def resumed(search: Search, folder: Path) -> Search:
    """The same search as far as it came, or itself. Raises ``StoreError`` for a damaged file."""
    path = place(search, folder)
    if not path.exists():
        return search
    kept = files.decoded(files.read(path), Search, _FORM, path, "no search")
    if kept.commits != search.commits:
        raise StoreError(f"{path} is about other commits; delete it")
    return kept
