"""Series as files of pyperf, for ``pyperf compare_to A B``: one for each commit and environment.

pyperf knows seconds, bytes and whole numbers, of which less is better, and only values above zero.
What is in another unit, or a rate, is left out and counted, never converted into what it is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

from harness.errors import StoreError
from harness.series import Better, Point, Series
from harness.store.names import file_name

#: Our unit -> pyperf's, and what a value is divided by. A quotient of two exact numbers is nearer
#: to the truth than a product with an inexact 1e-9.
_UNITS = {
    "seconds": ("second", 1.0),
    "s": ("second", 1.0),
    "ms": ("second", 1e3),
    "us": ("second", 1e6),
    "ns": ("second", 1e9),
    "bytes": ("byte", 1.0),
    "count": ("integer", 1.0),
}


#: Commit, machine, and the environment's items.
_Where: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]


def write(series: Iterable[Series], folder: Path) -> tuple[list[Path], int]:
    """The files that were written, and how many series pyperf has no words for.

    Raises ``StoreError`` if nothing is left, or the folder cannot be written.
    """
    files: dict[_Where, dict[str, list[Any]]] = {}
    left_out = 0
    for one in series:
        unit = _UNITS.get(one.unit)
        if unit is None or one.better is Better.MORE:
            left_out += 1
            continue
        for point in one.points:
            run = _run(one, point, *unit)
            if run is not None:
                where = (point.commit, one.machine, tuple(sorted(one.environment.items())))
                files.setdefault(where, {}).setdefault(_name(one), []).append(run)
    if not files:
        raise StoreError(
            f"there is nothing that pyperf could hold: {left_out:,} series are rates, or have a"
            f" unit other than {', '.join(_UNITS)}"
        )
    return [_dump(folder, where, found) for where, found in files.items()], left_out


def _run(one: Series, point: Point, unit: str, divisor: float) -> Any:
    """One point as one run; None if it has no value, or one that pyperf does not take."""
    import pyperf

    values = [value / divisor for value in point.samples or (point.value,) if value is not None]
    if not values or any(not value > 0 for value in values):
        return None
    about: dict[str, Any] = {"name": _name(one), "unit": unit, "loops": 1}
    about |= {"hostname": one.machine.strip()} if one.machine.strip() else {}
    about |= {"commit_id": point.commit.strip()} if point.commit.strip() else {}
    for ours, theirs in (("python", "python_version"), ("cpu", "cpu_model_name")):
        about |= {theirs: one.environment[ours]} if one.environment.get(ours, "").strip() else {}
    try:
        return pyperf.Run(values, metadata=about, collect_metadata=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"pyperf refuses {one.name}: {error}") from error


def _dump(folder: Path, where: _Where, found: dict[str, list[Any]]) -> Path:
    import pyperf

    commit, machine, environment = where
    parts = (commit[:12] or "no-commit", machine, *(f"{key}={is_}" for key, is_ in environment))
    path = folder / f"{file_name(*parts)}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        benchmarks = [pyperf.Benchmark(runs) for runs in found.values()]
        pyperf.BenchmarkSuite(benchmarks).dump(str(path), replace=True)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
    return path


def _name(one: Series) -> str:
    """One name is one benchmark in a file, so another version or unit is another name."""
    more = [f"version {one.version[:8]}"] if one.version else []
    return " ".join([one.name.strip() or "unnamed", *more])
