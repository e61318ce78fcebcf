"""pytest-benchmark's JSON, as ``--benchmark-json`` and ``--benchmark-save`` write it.

Checked with files of pytest-benchmark 5.3. Its own comparison takes the minimum; the value here is
the median, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from harness.series import Series
from harness.store.documents import measured, milliseconds, named, shaped

WHAT = "file of pytest-benchmark (benchmarks, machine_info and commit_info)"


class _Stats(Struct):
    median: float | None = None
    mean: float | None = None
    data: list[float] = []


class _Benchmark(Struct):
    fullname: str
    stats: _Stats
    params: dict[str, Any] | None = None


class _Commit(Struct, frozen=True):
    id: str | None = None
    time: str | None = None


class _File(Struct):
    benchmarks: list[_Benchmark]
    machine_info: dict[str, Any]
    commit_info: _Commit = _Commit()
    datetime: str | None = None


def fits(document: Any) -> bool:
    """Whether this is one, as far as its keys say."""
    return isinstance(document, dict) and {"benchmarks", "machine_info"} <= document.keys()


def read(document: Any) -> Iterator[Series]:
    """One series for each test and parameters, with samples where ``--benchmark-save-data`` was."""
    file = shaped(document, _File, WHAT)
    machine, commit = file.machine_info, file.commit_info
    cpu = machine.get("cpu")
    for benchmark in file.benchmarks:
        stats = benchmark.stats
        yield measured(
            # The parameters stand in brackets behind the name, and again by name.
            benchmark.fullname.partition("[")[0] if benchmark.params else benchmark.fullname,
            "seconds",
            value=stats.median if stats.median is not None else stats.mean,
            samples=stats.data,
            parameters=named(**{str(key): val for key, val in (benchmark.params or {}).items()}),
            commit="" if commit.id in (None, "unversioned") else str(commit.id),
            date_ms=milliseconds(commit.time) or milliseconds(file.datetime),
            machine=str(machine.get("node", "")),
            environment=named(
                cpu=cpu.get("brand_raw") if isinstance(cpu, dict) else None,
                python=machine.get("python_version"),
                implementation=machine.get("python_implementation"),
            ),
        )
