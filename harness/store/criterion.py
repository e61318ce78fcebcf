"""Criterion.rs: its folder ``target/criterion``, and cargo-criterion's messages.

The folder's files are Criterion's own business, it says; these fields have stood since 0.3:
``new/benchmark.json`` (names), ``new/sample.json`` (times of so many iterations, in nanoseconds)
and ``new/estimates.json``. The messages are documented:
https://bheisler.github.io/criterion.rs/book/cargo_criterion/external_tools.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from harness.errors import StoreError
from harness.series import Series
from harness.store.documents import MOST_BYTES, load, measured, shaped

WHAT_MESSAGES = "output of cargo criterion --message-format=json (lines with a reason)"

_ESTIMATES = "new/estimates.json"


class _Ends(Struct, frozen=True):
    lower_bound: float | None = None
    upper_bound: float | None = None


class _Estimate(Struct, frozen=True):
    point_estimate: float | None = None
    confidence_interval: _Ends = _Ends()


class _Estimates(Struct):
    median: _Estimate
    mean: _Estimate | None = None


class _Names(Struct):
    group_id: str
    function_id: str | None = None
    value_str: str | None = None


class _Sample(Struct):
    iters: list[float]
    times: list[float]


class _Bounds(Struct, frozen=True):
    estimate: float | None = None
    lower_bound: float | None = None
    upper_bound: float | None = None


class _Message(Struct):
    reason: str
    id: str = ""
    iteration_count: list[float] = []
    measured_values: list[float] = []
    unit: str = "ns"
    median: _Bounds = _Bounds()


def is_folder(folder: Path) -> bool:
    """Whether Criterion wrote below this folder."""
    return next(folder.rglob(_ESTIMATES), None) is not None


def fits_line(document: Any) -> bool:
    """Whether this is one of cargo-criterion's messages."""
    return isinstance(document, dict) and document.get("reason") in (
        "benchmark-complete",
        "group-complete",
    )


def read_folder(
    folder: Path, warn: Callable[[str], None] = lambda text: None, most: int = MOST_BYTES
) -> Iterator[Series]:
    """One series for each benchmark that was measured last; what is damaged is told, left out."""
    for path in sorted(folder.rglob(_ESTIMATES)):
        try:
            yield _benchmark(path, path.parent.parent.relative_to(folder), most)
        except StoreError as error:
            warn(f"{path.parent} is left out: {error}")


def read_lines(lines: Iterable[Any]) -> Iterator[Series]:
    """One series for each message of a benchmark."""
    for document in lines:
        message = shaped(document, _Message, WHAT_MESSAGES)
        if message.reason != "benchmark-complete":
            continue
        found = message.median
        yield measured(
            message.id,
            message.unit,
            value=found.estimate,
            samples=_each(message.measured_values, message.iteration_count),
            interval=(found.lower_bound, found.upper_bound),
        )


def _benchmark(path: Path, place: Path, most: int) -> Series:
    median = shaped(load(path, most), _Estimates, "estimates of Criterion").median
    names = _Names(group_id=str(place))
    if (named := path.with_name("benchmark.json")).is_file():
        names = shaped(load(named, most), _Names, "names of a benchmark of Criterion")
    samples: list[float] = []
    if (sampled := path.with_name("sample.json")).is_file():
        sample = shaped(load(sampled, most), _Sample, "sample of Criterion")
        samples = _each(sample.times, sample.iters)
    ends = median.confidence_interval
    return measured(
        "/".join(part for part in (names.group_id, names.function_id) if part),
        "ns",
        value=median.point_estimate,
        samples=samples,
        parameters={"value": names.value_str} if names.value_str else {},
        interval=(ends.lower_bound, ends.upper_bound),
    )


def _each(times: list[float], iterations: list[float]) -> list[float]:
    """The time of one iteration in each sample."""
    pairs = zip(times, iterations, strict=False)
    return [time / count for time, count in pairs if count > 0]
