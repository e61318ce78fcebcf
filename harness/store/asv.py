"""Results that airspeed velocity has stored, of any project, as series.

``results/benchmarks.json`` has names, units and parameters; ``results/MACHINE/machine.json`` the
machine; ``results/MACHINE/COMMIT-ENVIRONMENT.json`` what was measured: in version 2 a list of
columns for each benchmark, in version 1 a number or an object. Source: ``asv/results.py`` of asv
0.4 to 0.6. Samples are read if asked for; profiles stay in the files.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import StoreError
from harness.series import Better, Point, Series
from harness.store.columns import NONE, Column, Details

#: The most bytes of one file.
MOST_BYTES = 1 << 29
#: Combinations of parameters of one benchmark that are read at the most.
MOST_COMBINATIONS = 1 << 16

#: Told of files: how many of how many were read.
Progress = Callable[[int, int], None]


def is_results(folder: Path) -> bool:
    """Whether this is a folder of asv's results."""
    return (folder / "benchmarks.json").is_file() or any(folder.glob("*/machine.json"))


def has(folder: Path, wanted: Callable[[str], bool]) -> bool:
    """Whether the folder's list of benchmarks has one that is wanted, by its name."""
    return any(wanted(name) for name in _benchmarks(folder, lambda text: None))


def read(
    folder: Path,
    *,
    wanted: Callable[[str], bool] = lambda name: True,
    warn: Callable[[str], None] = lambda text: None,
    progress: Progress = lambda done, all: None,
    samples: bool = False,
    order: Mapping[str, int] | None = None,
) -> Iterator[Series]:
    """One series for each benchmark, parameters, machine, environment and version of the benchmark.

    Points stand by the dates of their commits; with ``order`` (from hash to place, as
    ``commits.first_parents`` gives it) those that it has come first, by place. What failed (null)
    or was skipped (NaN) is a point without a value; a commit that was not measured has no point. A
    file that is damaged is left out, and ``warn`` is told which. With ``samples`` points have them,
    and the interval at 99 %, where asv stored them; without, a large history needs less memory.

    Raises ``StoreError`` if the folder has no results.
    """
    if not is_results(folder):
        raise StoreError(
            f"{folder} has no results of asv: no benchmarks.json, and no machine.json a level below"
        )
    known = _benchmarks(folder, warn)
    files = [
        path
        for machine in sorted(folder.iterdir())
        if machine.is_dir()
        for path in sorted(machine.glob("*.json"))
        if path.name != "machine.json"
    ]
    history = _History(known, wanted, samples, order or {})
    for number, path in enumerate(files, start=1):
        found = _load(path, warn)
        if found is not None:
            history.add(path, found, warn)
        progress(number, len(files))
    return history.series()


class _History:
    """Values of all files, as numbers in arrays: there may be many millions."""

    def __init__(
        self,
        known: dict[str, Any],
        wanted: Callable[[str], bool],
        samples: bool,
        order: Mapping[str, int],
    ) -> None:
        self._known, self._wanted, self._sampled, self._order = known, wanted, samples, order
        #: Commits by number: hash and date.
        self._commits: list[tuple[str, int]] = []
        self._numbers: dict[str, int] = {}
        self._values: dict[tuple[Any, ...], Column] = {}
        self._environments: dict[tuple[str, str], dict[str, str]] = {}

    def add(self, path: Path, file: dict[str, Any], warn: Callable[[str], None]) -> None:
        """One file: a commit on a machine in an environment."""
        commit, results = file.get("commit_hash"), file.get("results")
        if not isinstance(commit, str) or not isinstance(results, dict):
            warn(f"{path} is no result of asv: it names no commit, or has no results")
            return
        number = self._number(commit, file.get("date"))
        where = (path.parent.name, str(file.get("env_name") or path.stem.partition("-")[2]))
        self._environments[where] = _environment(file)
        columns = file.get("result_columns")
        for name, stored in results.items():
            if not self._wanted(name):
                continue
            result, params, version = _stored(stored, columns)
            combinations = _combinations(params)
            if combinations is None:
                warn(f"{path}: {name} has more than {MOST_COMBINATIONS:,} combinations")
                continue
            values = result if isinstance(result, list) else [result] * len(combinations)
            details = _details(stored, columns) if self._sampled else []
            for at, (combination, value) in enumerate(zip(combinations, values, strict=False)):
                key = (where, name, combination, version)
                column = self._values.setdefault(key, Column())
                column.add(number, _number(value), details[at] if at < len(details) else NONE)

    def series(self) -> Iterator[Series]:
        """In order of machine, environment, benchmark and parameters."""
        for key in sorted(self._values, key=repr):
            (machine, environment), name, combination, version = key
            column = self._values.pop(key)
            places = column.places
            about = self._known.get(name)
            unit = str(about.get("unit") or "") if isinstance(about, dict) else ""
            order = sorted(range(len(places)), key=lambda at: self._rank(places[at]))
            yield Series(
                benchmark=name,
                points=tuple(
                    self._point(places[at], column.values[at], column.details(at)) for at in order
                ),
                parameters=dict(zip(_names(about, len(combination)), combination, strict=True)),
                unit=unit,
                better=better(unit),
                machine=machine,
                environment={"name": environment, **self._environments[machine, environment]},
                version=version,
            )

    def _rank(self, number: int) -> tuple[int, int, int]:
        commit, date_ms = self._commits[number]
        place = self._order.get(commit)
        return (1, 0, date_ms) if place is None else (0, place, date_ms)

    def _point(self, number: int, value: float, details: Details) -> Point:
        commit, date_ms = self._commits[number]
        samples, low, high = details
        return Point(
            commit=commit,
            date_ms=date_ms,
            value=value if math.isfinite(value) else None,
            samples=tuple(samples),
            low=low if math.isfinite(low) else None,
            high=high if math.isfinite(high) else None,
        )

    def _number(self, commit: str, date: Any) -> int:
        if commit not in self._numbers:
            self._numbers[commit] = len(self._commits)
            whole = isinstance(date, int | float) and math.isfinite(date)
            self._commits.append((commit, int(date) if whole else 0))
        return self._numbers[commit]


def better(unit: str) -> Better:
    """asv takes less for better; units that are rates say otherwise: 1/s, ops/sec, MB/s, Hz."""
    unit = unit.lower()
    rate = unit.endswith(("/s", "/sec", "/second", " per second", "hz"))
    return Better.MORE if rate else Better.LESS


def _benchmarks(folder: Path, warn: Callable[[str], None]) -> dict[str, Any]:
    path = folder / "benchmarks.json"
    return (_load(path, warn) or {}) if path.is_file() else {}


def _load(path: Path, warn: Callable[[str], None]) -> dict[str, Any] | None:
    """A file's object; None, after a warning, if it is none."""
    try:
        if path.stat().st_size > MOST_BYTES:
            warn(f"{path} is left out: it has more than {MOST_BYTES:,} bytes")
            return None
        found = json.loads(path.read_bytes())
    except OSError as error:
        warn(f"{path} is left out: {error.strerror}")
        return None
    except (ValueError, RecursionError) as error:
        warn(f"{path} is left out: it is no JSON ({str(error)[:80]})")
        return None
    if not isinstance(found, dict):
        warn(f"{path} is left out: it holds no object")
        return None
    return found


def _stored(stored: Any, columns: Any) -> tuple[Any, Any, str]:
    """Values, parameters and version of a benchmark's result, of either version of the form."""
    if isinstance(stored, list) and isinstance(columns, list):
        named = {str(name): part for name, part in zip(columns, stored, strict=False)}
        return named.get("result"), named.get("params"), str(named.get("version") or "")
    if isinstance(stored, dict):
        return stored.get("result"), stored.get("params"), str(stored.get("version") or "")
    return stored, None, ""


def _details(stored: Any, columns: Any) -> list[Details]:
    """Samples and the 99 % interval for each combination, as far as they are there."""
    if not isinstance(stored, list) or not isinstance(columns, list):
        return []
    named = dict(zip(columns, stored, strict=False))
    parts = [named.get(name) for name in ("samples", "stats_ci_99_a", "stats_ci_99_b")]
    lists = [part if isinstance(part, list) else [] for part in parts]
    return [
        (_samples(samples), _number(low), _number(high))
        for samples, low, high in itertools.zip_longest(*lists)
    ]


def _samples(samples: Any) -> tuple[float, ...]:
    numbers = map(_number, samples if isinstance(samples, list) else ())
    return tuple(number for number in numbers if math.isfinite(number))


def _combinations(params: Any) -> list[tuple[str, ...]] | None:
    """All combinations of parameters, as asv orders them; one empty one if there are none."""
    if not isinstance(params, list) or not all(isinstance(one, list) for one in params):
        return [()]
    if math.prod(len(one) for one in params) > MOST_COMBINATIONS:
        return None
    return list(itertools.product(*([str(value) for value in one] for one in params)))


def _names(about: Any, count: int) -> Sequence[str]:
    """The parameters' names, where benchmarks.json still knows a benchmark of so many."""
    names = about.get("param_names") if isinstance(about, dict) else None
    if isinstance(names, list) and len(names) == count == len(set(map(str, names))):
        return [str(name) for name in names]
    return [f"parameter {number + 1}" for number in range(count)]


def _number(value: Any) -> float:
    """A measured value; NaN for what failed, was skipped, or is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _environment(file: dict[str, Any]) -> dict[str, str]:
    """Python and requirements; of the machine the parts that decide whether it is another one."""
    found: dict[str, str] = {}
    for name in ("requirements", "env_vars"):
        part = file.get(name)
        if isinstance(part, dict):
            found.update(_texts(part.items()))
    params = file.get("params")
    if isinstance(params, dict):
        kept = ("python", "arch", "cpu", "os", "ram", "num_cpu")
        found.update(_texts((name, params[name]) for name in kept if name in params))
    if file.get("python") is not None:
        found["python"] = str(file["python"])
    return found


def _texts(pairs: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    return {str(name): str(value) for name, value in pairs}
