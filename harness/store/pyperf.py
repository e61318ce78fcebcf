"""pyperf's JSON, version 1: https://pyperf.readthedocs.io/en/latest/api.html#json-format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from harness.series import Series
from harness.store.documents import measured, milliseconds, named, shaped

WHAT = "file of pyperf (benchmarks with runs, and a version)"

#: pyperf's word -> ours.
UNITS = {"second": "seconds", "byte": "bytes", "integer": "count"}


class _Run(Struct):
    values: list[float] = []
    metadata: dict[str, Any] = {}


class _Benchmark(Struct):
    runs: list[_Run]
    metadata: dict[str, Any] = {}


class _Suite(Struct):
    benchmarks: list[_Benchmark]
    version: str
    metadata: dict[str, Any] = {}


def fits(document: Any) -> bool:
    """Whether this is one, as far as its keys say."""
    if not isinstance(document, dict) or not isinstance(document.get("benchmarks"), list):
        return False
    first = next(iter(document["benchmarks"]), None)
    return "context" not in document and isinstance(first, dict) and "runs" in first


def read(document: Any) -> Iterator[Series]:
    """One series for each benchmark; warm-ups and calibrations are not samples."""
    suite = shaped(document, _Suite, WHAT)
    for number, benchmark in enumerate(suite.benchmarks, start=1):
        # What all runs of all benchmarks share, pyperf writes once, at the top.
        about = {**suite.metadata, **benchmark.metadata}
        for run in benchmark.runs[:1]:
            about = {**run.metadata, **about}
        unit = str(about.get("unit", "second"))
        yield measured(
            str(about.get("name", f"benchmark {number}")),
            UNITS.get(unit, unit),
            samples=[value for run in benchmark.runs for value in run.values],
            commit=str(about.get("commit_id", "")),
            date_ms=milliseconds(str(about.get("commit_date") or about.get("date", ""))),
            machine=str(about.get("hostname", "")),
            environment=named(cpu=about.get("cpu_model_name"), python=about.get("python_version")),
        )
