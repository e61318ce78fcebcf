"""Series as a folder of asv's results, which ``asv show`` and ``asv publish`` read.

asv takes less for better, always. Rates keep their numbers and their unit, since a number that was
not measured is worse than a chart whose colours are wrong: ``harness changes`` reads the direction
from the unit, asv's own page of regressions does not know it.
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from harness.errors import StoreError
from harness.series import Point, Series
from harness.store.asv import MOST_COMBINATIONS
from harness.store.names import file_name

#: Versions of asv's forms: of results, of benchmarks.json, and of machine.json.
_RESULTS, _BENCHMARKS, _MACHINE = 2, 2, 1
_COLUMNS = [
    "result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b",
    "stats_q_25", "stats_q_75", "stats_number", "stats_repeat", "samples", "profile",
]  # fmt: skip
#: Requirements that asv would have to install are not known; machine and versions are parameters.
_MACHINE_KEYS = ("arch", "cpu", "num_cpu", "os", "ram")

Combination: TypeAlias = tuple[str, ...]
#: Commit, machine, and the environment's items.
_Where: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class _Benchmark:
    """What all series of one name share, and their points by place and combination."""

    unit: str
    names: list[str]
    version: str
    #: Values of each parameter in the order in which they were met.
    params: list[list[str]]
    points: dict[_Where, dict[Combination, Point]] = field(default_factory=dict)


def write(series: Iterable[Series], folder: Path) -> tuple[int, int]:
    """How many files of results were written, and how many points were left out for their commit.

    asv has one unit and one set of parameters for a benchmark: where series of one name disagree,
    the unit and the parameters' names stand behind the name. It shows one version of a benchmark:
    the newest, which also stays where two were measured at one commit. Several points of a series
    at one commit become one: the median, with their samples, or else their values, as samples.

    Raises ``StoreError`` if no point names a commit, if the folder has something else in it, or if
    it cannot be written.
    """
    benchmarks: dict[str, list[_Benchmark]] = {}
    dates: dict[str, int] = {}
    left_out = 0
    for one in series:
        benchmark = _of(benchmarks.setdefault(one.benchmark, []), one)
        combination = tuple(one.parameters.values())
        at_commit: dict[str, list[Point]] = {}
        for point in one.points:
            if not point.commit:
                left_out += 1
                continue
            at_commit.setdefault(point.commit, []).append(point)
            dates[point.commit] = max(point.date_ms, dates.get(point.commit, 0))
        for commit, points in at_commit.items():
            where = (commit, one.machine, tuple(sorted(one.environment.items())))
            benchmark.points.setdefault(where, {})[combination] = _one(points)
    if not dates:
        raise StoreError("no result names its commit, and asv keeps results by commit")
    try:
        return _files(folder, benchmarks, dates), left_out
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror}") from error


def _of(known: list[_Benchmark], one: Series) -> _Benchmark:
    names = list(one.parameters)
    for benchmark in known:
        if (benchmark.unit, benchmark.names, benchmark.version) == (one.unit, names, one.version):
            break
    else:
        benchmark = _Benchmark(one.unit, names, one.version, [[] for _ in names])
        known.append(benchmark)
    for values, value in zip(benchmark.params, one.parameters.values(), strict=True):
        if value not in values:
            values.append(value)
    if math.prod(map(len, benchmark.params)) > MOST_COMBINATIONS:
        raise StoreError(f"{one.benchmark} has more than {MOST_COMBINATIONS:,} combinations")
    return benchmark


def _one(points: list[Point]) -> Point:
    if len(points) == 1:
        return points[0]
    values = [point.value for point in points if point.value is not None]
    samples = [
        sample
        for point in points
        if point.value is not None
        for sample in point.samples or (point.value,)
    ]
    return Point(
        commit=points[0].commit,
        value=statistics.median(values) if values else None,
        samples=tuple(samples),
    )


def _named(known: dict[str, list[_Benchmark]]) -> dict[str, list[_Benchmark]]:
    """Versions by name, after each unit and set of parameters has a name of its own."""
    found: dict[str, list[_Benchmark]] = {}
    for name, benchmarks in known.items():
        units = {one.unit for one in benchmarks}
        names = {tuple(one.names) for one in benchmarks}
        for one in benchmarks:
            unit = f" [{one.unit or 'no unit'}]" if len(units) > 1 else ""
            by = f" by {', '.join(one.names)}" if len(names) > 1 and one.names else ""
            found.setdefault(name + unit + by, []).append(one)
    return found


def _files(folder: Path, benchmarks: dict[str, list[_Benchmark]], dates: dict[str, int]) -> int:
    if folder.exists() and any(folder.iterdir()) and not (folder / "benchmarks.json").exists():
        raise StoreError(f"{folder} has other files in it; name a new folder")
    told: dict[str, Any] = {"version": _BENCHMARKS}
    results: dict[_Where, dict[str, Any]] = {}
    for name, versions in _named(benchmarks).items():
        newest = max(versions, key=lambda one: _newest(one, dates))
        told[name] = _about(name, newest)
        for benchmark in [*(one for one in versions if one is not newest), newest]:
            for where, points in benchmark.points.items():
                results.setdefault(where, {})[name] = _row(benchmark, points)
    _write(folder / "benchmarks.json", told)
    taken: set[Path] = set()
    for (commit, machine, environment), found in results.items():
        _write_result(folder, taken, commit, dates[commit], machine, dict(environment), found)
    return len(results)


def _newest(benchmark: _Benchmark, dates: dict[str, int]) -> int:
    return max((dates[where[0]] for where in benchmark.points), default=0)


def _about(name: str, benchmark: _Benchmark) -> dict[str, Any]:
    return {
        "code": "",
        "name": name,
        "param_names": benchmark.names,
        "params": benchmark.params,
        "timeout": 60.0,
        "type": "track",
        "unit": benchmark.unit or "unit",
        "version": benchmark.version or "1",
    }


def _row(benchmark: _Benchmark, points: dict[Combination, Point]) -> list[Any]:
    """The columns of one benchmark; NaN, which asv writes for what was skipped, where is none."""
    found = [points.get(one) for one in itertools.product(*benchmark.params)]
    values = [math.nan if point is None else point.value for point in found]
    lows = [None if point is None else point.low for point in found]
    highs = [None if point is None else point.high for point in found]
    samples = [None if point is None or not point.samples else point.samples for point in found]
    columns: dict[str, Any] = {
        "result": values,
        "params": benchmark.params,
        "version": benchmark.version or "1",
    }
    if any(one is not None for one in lows + highs):
        columns |= {"stats_ci_99_a": lows, "stats_ci_99_b": highs}
    if any(one is not None for one in samples):
        columns["samples"] = samples
    row = [columns.get(name) for name in _COLUMNS]
    while row[-1] is None:
        row.pop()
    return row


def _write_result(
    folder: Path,
    taken: set[Path],
    commit: str,
    date_ms: int,
    machine: str,
    environment: dict[str, str],
    results: dict[str, Any],
) -> None:
    where = file_name(machine or "unknown")
    about = {name: environment.get(name, "") for name in _MACHINE_KEYS} | {"machine": where}
    _write(folder / where / "machine.json", {**about, "version": _MACHINE})
    stated = {name: value for name, value in environment.items() if name != "name"}
    named = environment.get("name") or "-".join(f"{key}{stated[key]}" for key in sorted(stated))
    env_name = file_name(named or "imported")
    path = folder / where / f"{file_name(commit[:8])}-{env_name}.json"
    while path in taken:  # another environment of the same name, or a commit that begins alike
        env_name = file_name(env_name, f"{len(taken)}")
        path = path.with_name(f"{file_name(commit[:8])}-{env_name}.json")
    taken.add(path)
    content = {
        "commit_hash": commit,
        "date": date_ms,
        "durations": {},
        "env_name": env_name,
        "env_vars": {},
        "params": {**stated, **{name: text for name, text in about.items() if text}},
        "python": environment.get("python", ""),
        "requirements": {},
        "result_columns": _COLUMNS,
        "results": results,
        "version": _RESULTS,
    }
    _write(path, content)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # The NaN of skipped benchmarks is no JSON, but what asv writes and reads.
    path.write_text(json.dumps(content), encoding="utf-8")
