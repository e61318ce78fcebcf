"""All that was measured, in one form: our runs, imports, and asv's histories of any project.

This is the only place that knows all of them. A ``Line`` is one series as arrays, its points by the
number of their commits; commits stand in the order of the repository, and by date where it does not
know them. What was read before is kept between two calls, so that a new file costs its own reading.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from harness.errors import StoreError
from harness.records import Run
from harness.series import Series
from harness.store import asv, asv_columns, commits, history, imports, profiles, runs
from harness.store.profiles import Profile

#: The form of what is kept of runs.
_FORM = 1

Warn = Callable[[str], None]
Say = Callable[[str], None]


class Commit(NamedTuple):
    """A commit, or a time at which something was measured that belongs to none (hash "")."""

    hash: str
    date_ms: int
    subject: str


@dataclass(slots=True)
class Line:
    """One series: ``head`` has no points. NaN in ``y`` is what failed, was skipped, or is VOID.

    ``x`` are numbers of commits, ascending; ``low`` and ``high`` intervals, or None. ``runs`` are
    the ids of runs by point. Where points came from files below ``raw``, ``file`` has for each the
    place of its file in ``files``, which lines share.
    """

    head: Series
    x: NDArray[np.int64]
    y: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None
    runs: list[str] | None = None
    file: NDArray[np.int64] | None = None
    files: list[str] | None = None
    raw: Path | None = None


@dataclass(slots=True)
class Gathered:
    """Everything: series, commits by number, runs (without histograms, notes and logs)."""

    lines: list[Line] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)
    sources: list[Path] = field(default_factory=list)
    project: str = ""
    commit_url: str = ""
    #: Whether anything is new since what was kept.
    news: bool = True


class _KeptRun(msgspec.Struct, frozen=True, array_like=True):
    name: str
    stamp: tuple[int, int]
    run: Run | None


class Gathering:
    """Reads and keeps. ``folder`` is where what was read is kept; None keeps nothing."""

    def __init__(
        self, folder: Path | None, warn: Warn = lambda text: None, say: Say = lambda text: None
    ) -> None:
        self._folder, self._warn, self._say = folder, warn, say

    def gather(
        self, results: Path | None, histories: Iterable[Path], repository: Path | None = None
    ) -> Gathered:
        """``results`` is a store of ours, ``histories`` folders of asv's results.

        Raises ``StoreError`` for a folder that is none of these, or a repository that is none.
        """
        made = Gathered()
        made.news = False
        found: list[tuple[Line, list[tuple[str, int]]]] = []
        if results is not None:
            made.sources.append(results)
            made.runs, news = self._runs(results)
            made.news |= news
            made.profiles = profiles.all_of(results)
            found += _of_runs(made.runs)
            found += self._imported(results)
        for number, place in enumerate(histories):
            made.sources.append(place)
            columns, news = self._columns(place, number)
            made.news |= news
            found += _of_columns(columns, place)
            about = _settings(place)
            made.project = made.project or about.project
            made.commit_url = made.commit_url or about.commit_url
            repository = repository or about.repository
        _place(made, found, _known(found, made.sources, repository, self._warn))
        return made

    # --- what was kept ---------------------------------------------------------------------------

    def _columns(self, place: Path, number: int) -> tuple[asv_columns.Columns, bool]:
        kept = self._read(f"history-{number}.msgpack")
        columns = asv_columns.Columns.restored(kept) if kept else asv_columns.Columns()
        news = columns.update(
            place, self._warn, lambda done, all: self._say(f"read {done:,} of {all:,} files")
        )
        if news:
            self._write(f"history-{number}.msgpack", columns.kept())
        return columns, news

    def _runs(self, results: Path) -> tuple[list[Run], bool]:
        kept: dict[str, _KeptRun] = {}
        data = self._read("runs.msgpack")
        if data:
            try:
                form, known = msgspec.msgpack.decode(data, type=tuple[int, list[_KeptRun]])
                if form == _FORM:
                    kept = {one.name: one for one in known}
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass  # it was kept by another version
        made: list[_KeptRun] = []
        news = False
        for name, stamp in _stamps(results / "runs"):
            old = kept.pop(name, None)
            if old is None or old.stamp != stamp:
                news = True
                self._say(f"read {len(made):,} runs")
                old = _KeptRun(name, stamp, self._lean(results, name))
            made.append(old)
        if news or kept:
            self._write("runs.msgpack", msgspec.msgpack.encode((_FORM, made)))
        return [one.run for one in made if one.run is not None], bool(news or kept)

    def _lean(self, results: Path, name: str) -> Run | None:
        try:
            run = runs.load(results / "runs" / f"{name}.json")
        except StoreError as error:
            self._warn(f"left out: {error}")
            return None
        return structs.replace(run, histograms={}, notes={}, log_tail=[], checks=[], traces=[])

    def _imported(self, results: Path) -> Iterator[tuple[Line, list[tuple[str, int]]]]:
        try:
            heads = list(imports.heads(results))
            series = [one for head in heads for one in imports.read(head, results)]
        except StoreError as error:
            self._warn(f"left out: {error}")
            return
        for one in history.joined(series):
            yield _of_points(one), [(point.commit, point.date_ms) for point in one.points]

    def _read(self, name: str) -> bytes | None:
        if self._folder is None:
            return None
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            return None

    def _write(self, name: str, data: bytes) -> None:
        if self._folder is not None:
            from harness.store.files import write

            write(self._folder / name, data)


# --- lines, still with commits by hash -----------------------------------------------------------


def _of_points(series: Series) -> Line:
    points = series.points
    numbers = [(_float(point.value), _float(point.low), _float(point.high)) for point in points]
    table = np.array(numbers, dtype=np.float64).reshape(-1, 3)
    return Line(
        structs.replace(series, points=()), np.arange(len(points)), table[:, 0],
        *(_ends(table[:, 1], table[:, 2])),
    )  # fmt: skip


def _float(value: float | None) -> float:
    return float("nan") if value is None else value


def _ends(low: NDArray[Any], high: NDArray[Any]) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """Intervals, None if no point has one."""
    known = np.isfinite(low) & np.isfinite(high)
    return (low, high) if known.any() else (None, None)


def _of_runs(found: list[Run]) -> Iterator[tuple[Line, list[tuple[str, int]]]]:
    """Figures of one metric, one target and one environment as one line, by time."""
    parts: dict[Any, list[tuple[Series, str]]] = {}
    for run in found:
        for series in history.of_run(run):
            parts.setdefault(history.key_of(series), []).append((series, run.id))
    for _, several in sorted(parts.items(), key=lambda item: repr(item[0])):
        several.sort(key=lambda one: one[0].points[0].date_ms)
        points = tuple(series.points[0] for series, _ in several)
        line = _of_points(structs.replace(several[0][0], points=points))
        line.runs = [run for _, run in several]
        yield line, [(point.commit, point.date_ms) for point in points]


def _of_columns(
    columns: asv_columns.Columns, place: Path
) -> Iterator[tuple[Line, list[tuple[str, int]]]]:
    marks = [(file.commit, file.date_ms) for file in columns.files]
    paths = [file.path for file in columns.files]
    for key in sorted(columns.columns, key=repr):
        machine, environment, name, combination, version = key
        column = columns.columns[key]
        if not column.values:
            continue  # named with parameters, and without a single result
        about = columns.benchmarks.get(name)
        unit = str(about.get("unit") or "") if isinstance(about, dict) else ""
        head = Series(
            benchmark=name,
            points=(),
            parameters=dict(
                zip(asv._names(about, len(combination)), combination, strict=True)
            ),
            unit=unit,
            better=asv.better(unit),
            machine=machine,
            environment={
                "name": environment, **columns.environments[machine, environment][1],
            },
            version=version,
        )  # fmt: skip
        files = np.frombuffer(column.files, dtype=np.uint32).astype(np.int64)
        low, high = _ends(
            np.frombuffer(column.lows, np.float32), np.frombuffer(column.highs, np.float32)
        )
        line = Line(head, files, np.frombuffer(column.values, np.float64), low, high)
        line.files, line.raw = paths, place
        yield line, marks


# --- commits -------------------------------------------------------------------------------------


def _known(
    found: list[tuple[Line, list[tuple[str, int]]]],
    sources: Iterable[Path],
    repository: Path | None,
    warn: Warn,
) -> dict[str, commits.Said]:
    """What repositories say: the named one, or those that the sources and this folder lie in."""
    hashes = list(dict.fromkeys(mark[0] for marks in _distinct(found) for mark in marks if mark[0]))
    if not hashes:
        return {}
    if repository is not None:
        return commits.told(repository, hashes)
    said: dict[str, commits.Said] = {}
    for place in (*sources, Path()):
        try:
            there = commits.told(place, hashes)
        except StoreError:
            continue  # it lies in no repository, or git is not here
        said = there | said
    return said


def _distinct(found: list[tuple[Line, list[tuple[str, int]]]]) -> Iterator[list[tuple[str, int]]]:
    """Marks that many lines share, once."""
    seen: set[int] = set()
    for _, marks in found:
        if id(marks) not in seen:
            seen.add(id(marks))
            yield marks


def _place(
    made: Gathered,
    found: list[tuple[Line, list[tuple[str, int]]]],
    said: dict[str, commits.Said],
) -> None:
    """Number the commits in their order, and let the lines name them by number."""
    ranks: dict[tuple[str, int], tuple[Any, ...]] = {}
    dates: dict[str, int] = {}
    for marks in _distinct(found):
        for commit, date_ms in marks:
            if commit:
                dates.setdefault(commit, date_ms)
            else:
                ranks.setdefault(("", date_ms), (1, 0, date_ms, ""))
    for commit, date_ms in dates.items():
        known = said.get(commit)
        if known is not None and known.place is not None:
            ranks[commit, 0] = (0, known.place, 0, commit)
        else:
            ranks[commit, 0] = (1, 0, known.date_ms if known else date_ms, commit)
    ordered = sorted(ranks, key=ranks.__getitem__)
    numbers = {mark: number for number, mark in enumerate(ordered)}
    for commit, date_ms in ordered:
        known = said.get(commit)
        if not commit:
            made.commits.append(Commit("", date_ms, f"uncommitted, {spoken_time(date_ms)}"))
        elif known is not None:
            made.commits.append(Commit(commit, known.date_ms, known.subject))
        else:
            made.commits.append(Commit(commit, dates[commit], ""))
    tables: dict[int, NDArray[np.int64]] = {}
    for line, marks in found:
        if id(marks) not in tables:
            tables[id(marks)] = np.array(
                [numbers[(commit, 0) if commit else ("", date_ms)] for commit, date_ms in marks],
                dtype=np.int64,
            )
        made.lines.append(_sorted(line, tables[id(marks)]))


def _sorted(line: Line, table: NDArray[np.int64]) -> Line:
    """By commit; points of one commit stay in the order in which they were measured."""
    if line.files is not None:
        line.file = line.x
    line.x = table[line.x]
    if len(line.x) > 1 and (np.diff(line.x) < 0).any():
        order = np.argsort(line.x, kind="stable")
        line.x, line.y = line.x[order], line.y[order]
        if line.low is not None and line.high is not None:
            line.low, line.high = line.low[order], line.high[order]
        if line.file is not None:
            line.file = line.file[order]
        if line.runs is not None:
            line.runs = [line.runs[at] for at in order.tolist()]
    return line


def spoken_time(date_ms: int) -> str:
    """A time to the minute, in UTC; "at an unknown time" without one."""
    if not date_ms:
        return "at an unknown time"
    return datetime.fromtimestamp(date_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


# --- settings ------------------------------------------------------------------------------------


class _Settings(NamedTuple):
    project: str = ""
    commit_url: str = ""
    repository: Path | None = None


def _settings(results: Path) -> _Settings:
    """What the ``asv.conf.json`` of these results says, looked for in the folders above them."""
    for place in [results.resolve(), *results.resolve().parents][:4]:
        path = place / "asv.conf.json"
        try:
            # asv takes JSON with comments of whole lines.
            text = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)
            about = msgspec.json.decode(text, type=dict[str, Any])
        except (OSError, UnicodeDecodeError, msgspec.DecodeError):
            continue
        repository = place / str(about.get("repo") or ".")
        return _Settings(
            str(about.get("project") or "")[:200],
            str(about.get("show_commit_url") or "")[:500],
            repository if repository.is_dir() else None,
        )
    return _Settings()


def _stamps(folder: Path) -> list[tuple[str, tuple[int, int]]]:
    """Run files by name, oldest first."""
    try:
        with os.scandir(folder) as entries:
            found = [
                (entry.name.removesuffix(".json"), entry.stat())
                for entry in entries
                if entry.name.endswith(".json") and not entry.name.startswith(".")
            ]
    except OSError:
        return []
    return sorted((name, (about.st_mtime_ns, about.st_size)) for name, about in found)
