"""Google Benchmark's ``--benchmark_format=json``: src/json_reporter.cc of the library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from harness.series import Better, Series
from harness.store.documents import measured, milliseconds, named, shaped

WHAT = "file of Google Benchmark (context and benchmarks)"

#: Its units of time -> nanoseconds in one.
_NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


class _Row(Struct):
    name: str
    run_name: str = ""
    run_type: str = "iteration"
    aggregate_name: str = ""
    real_time: float | None = None
    cpu_time: float | None = None
    time_unit: str = "ns"
    items_per_second: float | None = None
    bytes_per_second: float | None = None
    label: str = ""
    error_occurred: bool = False
    skipped: bool = False


class _Context(Struct):
    date: str | None = None
    host_name: str = ""
    num_cpus: int | None = None
    mhz_per_cpu: float | None = None
    library_build_type: str | None = None


class _File(Struct):
    context: _Context
    benchmarks: list[_Row]


class _Repetitions(Struct):
    """Rows of one benchmark, in order; of several aggregates the median is taken."""

    rows: list[_Row] = field(default_factory=list)
    middle: _Row | None = None
    failed: bool = False


def fits(document: Any) -> bool:
    """Whether this is one, as far as its keys say."""
    return isinstance(document, dict) and {"context", "benchmarks"} <= document.keys()


def read(document: Any) -> Iterator[Series]:
    """Real and CPU time in nanoseconds, items and bytes a second; repetitions are the samples."""
    file = shaped(document, _File, WHAT)
    found: dict[str, _Repetitions] = {}
    for row in file.benchmarks:
        _take(found.setdefault(row.run_name or row.name, _Repetitions()), row)
    context = file.context
    about: dict[str, Any] = {
        "date_ms": milliseconds(context.date),
        "machine": context.host_name,
        "environment": named(
            cpus=context.num_cpus, mhz=context.mhz_per_cpu, library=context.library_build_type
        ),
    }
    for name, repetitions in found.items():
        yield from _metrics(name, repetitions, about)


def _take(of: _Repetitions, row: _Row) -> None:
    if row.error_occurred or row.skipped:
        of.failed = True
    elif row.run_type == "iteration" and not row.aggregate_name:
        of.rows.append(row)
    elif row.aggregate_name == "median" or (row.aggregate_name == "mean" and of.middle is None):
        of.middle = row


def _metrics(name: str, of: _Repetitions, about: dict[str, Any]) -> Iterator[Series]:
    # --benchmark_report_aggregates_only leaves no repetitions, and a median that is no sample.
    rows = of.rows or ([of.middle] if of.middle is not None else [])
    for metric in ("real_time", "cpu_time"):
        scaled = [_scaled(getattr(row, metric), row.time_unit) for row in rows]
        if not rows and not of.failed:
            continue
        yield measured(
            name,
            "ns",
            value=None if of.rows or not scaled else scaled[0],
            samples=scaled if of.rows else (),
            parameters={"statistic": metric},
            **about,
        )
    for metric, unit in (("items_per_second", "1/s"), ("bytes_per_second", "bytes/s")):
        rates = [getattr(row, metric) for row in rows]
        if any(rate is not None for rate in rates):
            yield measured(
                name,
                unit,
                value=None if of.rows else rates[0],
                samples=rates if of.rows else (),
                better=Better.MORE,
                parameters={"statistic": metric},
                **about,
            )


def _scaled(value: float | None, unit: str) -> float | None:
    return None if value is None else value * _NANOSECONDS.get(unit, 1.0)
