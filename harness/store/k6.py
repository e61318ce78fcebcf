"""k6's results: the three forms of its summary, and the stream of ``--out json``.

``--summary-export`` has the values beside each metric's name; ``handleSummary`` has them under
``values``, with type and contents; the machine-readable summary (k6 1.5 and later, schema 1.0.0 of
grafana/k6-summary) has a list. Only the stream has single measurements.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, field

from harness.errors import StoreError
from harness.series import Better, Series
from harness.store.documents import measured, milliseconds, shaped

WHAT = "summary of k6 (metrics by name, or results with a list of metrics)"
WHAT_STREAM = "stream of k6 (lines with type Metric or Point)"

#: Points of a stream that are read at the most; they are held as numbers, eight bytes each.
MOST_POINTS = 50_000_000
#: Statistics of a metric that say how often or how long it was looked at, and not how it was.
_COUNTS = frozenset({"count", "passes", "fails"})
#: Rates of which more is better; of all others (``http_req_failed``) less is.
_GOOD_RATES = frozenset({"checks", "checks_succeeded"})
#: Percentiles that are made of a stream's points.
_PERCENTILES = (50, 90, 95, 99)


class _Values(Struct):
    name: str = ""
    type: str = ""
    contains: str = ""
    values: dict[str, float | None] | None = None


class _Results(Struct):
    metrics: list[_Values]


class _Metadata(Struct, frozen=True):
    generatedAt: str | None = None
    generated_at: str | None = None


class _Listed(Struct):
    results: _Results
    metadata: _Metadata = _Metadata()


class _Summary(Struct):
    metrics: dict[str, dict[str, Any]]


class _Data(Struct, frozen=True):
    time: str = ""
    value: float | None = None
    type: str = ""
    contains: str = ""


class _Line(Struct):
    type: str
    metric: str = ""
    data: _Data = field(default_factory=_Data)


def fits(document: Any) -> bool:
    """Whether this is a summary, as far as its keys say."""
    if not isinstance(document, dict):
        return False
    results = document.get("results")
    if isinstance(results, dict):
        return isinstance(results.get("metrics"), list)
    metrics = document.get("metrics")
    return isinstance(metrics, dict) and all(isinstance(one, dict) for one in metrics.values())


def fits_line(document: Any) -> bool:
    """Whether this is a line of a stream."""
    return (
        isinstance(document, dict)
        and document.get("type") in ("Metric", "Point")
        and "data" in document
    )


def read(document: Any) -> Iterator[Series]:
    """One series for each metric and statistic of a summary."""
    if isinstance(document.get("results"), dict):
        listed = shaped(document, _Listed, WHAT)
        date = listed.metadata.generatedAt or listed.metadata.generated_at
        for metric in listed.results.metrics:
            yield from _statistics(metric, milliseconds(date))
        return
    for name, found in shaped(document, _Summary, WHAT).metrics.items():
        if not isinstance(found.get("values"), dict):
            # --summary-export: the values lie bare, beside thresholds; its types are not written.
            numbers = {key: one for key, one in found.items() if isinstance(one, int | float)}
            found = {"values": numbers, "type": _type(numbers)}
        metric = shaped({**found, "name": name}, _Values, WHAT)
        yield from _statistics(metric, 0)


def read_lines(lines: Iterable[Any]) -> Iterator[Series]:
    """Of a stream: percentiles and mean of each trend, and the rate of each counter.

    Raises ``StoreError`` beyond ``MOST_POINTS``.
    """
    kinds: dict[str, _Data] = {}
    values: dict[str, array[float]] = {}
    spans: dict[str, tuple[int, int]] = {}
    for number, document in enumerate(lines):
        line = shaped(document, _Line, WHAT_STREAM)
        if line.type == "Metric":
            kinds[line.metric] = line.data
        elif line.type == "Point" and line.data.value is not None:
            if number >= MOST_POINTS:
                raise StoreError(f"it has more than {MOST_POINTS:,} points; import its summary")
            if math.isfinite(line.data.value):
                values.setdefault(line.metric, array("d")).append(line.data.value)
            at = milliseconds(line.data.time)
            first, last = spans.get(line.metric, (at, at))
            spans[line.metric] = (min(first, at), max(last, at))
    # A counter that stood still at the end would look slow by its own span: all share the longest.
    starts = [first for first, _ in spans.values() if first]
    ends = [last for _, last in spans.values()]
    seconds = (max(ends, default=0) - min(starts, default=0)) / 1000
    for name, numbers in values.items():
        kind = kinds.get(name, _Data())
        made = _of_points(numbers, kind.type, seconds)
        about = _Values(name=name, type=kind.type, contains=kind.contains, values=made)
        yield from _statistics(about, min(starts, default=0), numbers)


def _of_points(numbers: array[float], kind: str, seconds: float) -> dict[str, float | None]:
    if kind == "counter":
        return {"rate": math.fsum(numbers) / seconds} if seconds > 0 else {}
    if kind == "rate":
        return {"rate": math.fsum(numbers) / len(numbers)}
    if kind == "gauge":
        return {"value": numbers[-1], "min": min(numbers), "max": max(numbers)}
    import numpy as np

    found: dict[str, float | None] = {"avg": math.fsum(numbers) / len(numbers)}
    marks = np.percentile(np.frombuffer(numbers), _PERCENTILES)
    for percent, mark in zip(_PERCENTILES, marks, strict=True):
        found["med" if percent == 50 else f"p({percent})"] = float(mark)
    return found


def _statistics(metric: _Values, date_ms: int, points: Iterable[float] = ()) -> Iterator[Series]:
    for name, value in (metric.values or {}).items():
        if name in _COUNTS:
            continue
        yield measured(
            metric.name,
            _unit(metric, name),
            value=value,
            # The median is what the points are samples of.
            samples=points if name == "med" else (),
            better=_better(metric, name),
            parameters={"statistic": name},
            date_ms=date_ms,
        )


def _unit(metric: _Values, statistic: str) -> str:
    if metric.type == "rate":
        return "ratio"
    base = {"time": "ms", "data": "bytes"}.get(metric.contains, "")
    if metric.type == "counter" and statistic == "rate":
        return f"{base or '1'}/s"
    # An export without types names its times by what they are.
    timed = metric.name.partition("{")[0].endswith("_duration") or "http_req_" in metric.name
    return base or ("ms" if metric.type == "trend" and timed and not metric.contains else "")


def _better(metric: _Values, statistic: str) -> Better:
    if metric.type == "counter" and statistic == "rate":
        return Better.MORE
    if metric.type == "rate" and metric.name.partition("{")[0] in _GOOD_RATES:
        return Better.MORE
    return Better.LESS


def _type(numbers: dict[str, Any]) -> str:
    """What has these statistics: https://grafana.com/docs/k6/latest/using-k6/metrics/."""
    if {"passes", "fails"} <= numbers.keys():
        return "rate"
    if "rate" in numbers:
        return "counter"
    return "gauge" if "value" in numbers else "trend"
