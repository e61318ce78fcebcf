"""How cost and latency grow with connections and rows: lines over the newest runs of each size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from harness.records import Level, Record, Run
from reports import quantities
from reports.gathering import Gathered, Line

#: Charts of a page.
_MOST = 48
#: Figures whose growth is worth a chart, with their titles.
_FIGURES = {
    "server_cpu": "Server CPU an operation",
    "client_cpu": "Client CPU an operation",
    "latency_p50": "Latency, median",
    "latency_p99": "Latency, 99 %",
    "rate": "Operations a second",
    "connect_rate": "Connections made a second",
    "broadcast_last": "A broadcast reaches the last",
    "server_rss": "Server memory",
    "client_rss": "Client memory",
    "decode_rate": "Rows decoded a second",
    "encode_rate": "Rows encoded a second",
}
#: Parameters of other projects' benchmarks that are sizes.
_SIZES = ("rows", "connections", "n", "size", "count", "length", "nrows", "shape", "items")


class Point(NamedTuple):
    """A figure at a size, with the run that it came from."""

    x: float
    y: float
    low: float | None
    high: float | None
    run: str


class Page(Record, frozen=True):
    """What the page says; ``charts`` of ``data`` have the numbers."""

    title: str
    charts: list[dict[str, Any]]
    data: dict[str, Any]


def page(gathered: Gathered) -> Page:
    """A chart for each figure and each thing that grows, where at least two sizes were measured."""
    charts = [*_of_runs(gathered.runs), *_of_parameters(gathered.lines)][:_MOST]
    return Page(
        title="Scale",
        charts=[
            {
                "title": chart["title"],
                "unit": chart["unit"],
                "x_title": chart["x"],
                "note": chart["note"],
                "rows": _rows(chart),
            }
            for chart in charts
        ],
        data={"charts": charts},
    )


def _rows(chart: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "label": line["label"],
            "x": f"{point['x']:,.0f}",
            "value": quantities.text(point["y"], chart["unit"]),
            "interval": ""
            if point["lo"] is None
            else f"{quantities.text(point['lo'], chart['unit'])} to "
            f"{quantities.text(point['hi'], chart['unit'])}",
            "href": f"r/{point['run']}.html" if point["run"] else "",
        }
        for line in chart["lines"]
        for point in line["points"]
    ]


def _of_runs(runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    for what in ("connections", "rows"):
        newest: dict[Any, Run] = {}
        for run in runs:  # the oldest first, so that the newest stays
            size = _size(run, what)
            if size and run.verdict.level is not Level.VOID:
                newest[_like(run, what), size] = run
        groups: dict[Any, list[Run]] = {}
        for (like, _), run in newest.items():
            groups.setdefault(like, []).append(run)
        for name, title in _FIGURES.items():
            lines = []
            unit = ""
            for several in groups.values():
                points = sorted(_points(several, name, what))
                if len(points) > 1:
                    unit = unit or _unit(several, name)
                    lines.append(_line(_label(several[0], what), points))
            if lines:
                yield _chart(
                    f"{title}, by {what}", unit, what, lines, "the newest run of each size"
                )


def _size(run: Run, what: str) -> int:
    return run.scenario.load.connections if what == "connections" else run.scenario.workload.rows


def _like(run: Run, what: str) -> tuple[Any, ...]:
    """What two runs must share to stand on one line."""
    scenario, load, work = run.scenario, run.scenario.load, run.scenario.workload
    other = work.rows if what == "connections" else load.connections
    return (
        work.kind, work.batch, work.subscribed, other, load.in_flight, load.rate_per_s,
        scenario.protocol if scenario.live else "", scenario.confirmed, scenario.compression,
        run.target.kind, run.target.version, bool(scenario.options.get("quick")),
        scenario.options.get("peer"), scenario.options.get("row"),
    )  # fmt: skip


def _label(run: Run, what: str) -> str:
    scenario, load = run.scenario, run.scenario.load
    words = [scenario.workload.kind]
    if scenario.live:
        words += [run.target.kind, scenario.protocol]
        if run.target.kind == "standalone" and run.target.version:
            words.insert(2, run.target.version)
        if what == "rows" and load.connections > 1:
            words.append(f"{load.connections:,} connections")
        if load.in_flight > 1:
            words.append(f"×{load.in_flight}")
    else:
        words.append("in process")
    if scenario.confirmed:
        words.append("confirmed")
    return " ".join(words)


def _points(runs: Sequence[Run], name: str, what: str) -> Iterator[Point]:
    for run in runs:
        found = run.metric(name)
        if found is not None and math.isfinite(found.value) and found.value > 0:
            low, high = found.interval or (None, None)
            yield Point(float(_size(run, what)), found.value, low, high, run.id)


def _unit(runs: Sequence[Run], name: str) -> str:
    return next((found.unit for run in runs if (found := run.metric(name)) is not None), "")


def _of_parameters(lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    """Benchmarks of any project that were measured at several sizes: their newest values."""
    groups: dict[tuple[Any, ...], list[tuple[float, Line]]] = {}
    for line in lines:
        head = line.head
        if line.runs is not None:
            continue
        for name, value in head.parameters.items():
            size = _number(value)
            if name.lower() in _SIZES and size is not None:
                rest = tuple(sorted((k, v) for k, v in head.parameters.items() if k != name))
                where = (head.machine, head.environment.get("name", ""), head.version)
                groups.setdefault((head.benchmark, name, where, rest), []).append((size, line))
    charts: dict[tuple[str, str], dict[str, Any]] = {}
    for (benchmark, name, _, rest), members in sorted(groups.items(), key=lambda one: repr(one[0])):
        head = members[0][1].head
        unit, factor = quantities.known(head.unit)
        points = []
        for size, line in sorted(members, key=lambda one: one[0]):
            finite = line.y[line.y > 0]
            if len(finite) and size > 0:
                points.append(Point(size, float(finite[-1]) * factor, None, None, ""))
        if len({point.x for point in points}) < 2:
            continue
        label = ", ".join(f"{k}={v}" for k, v in rest) or head.machine or benchmark
        chart = charts.setdefault(
            (benchmark, name),
            _chart(f"{benchmark}, by {name}", unit, name, [], "the newest value of each size"),
        )
        if len(chart["lines"]) < 8:
            chart["lines"].append(_line(label, points))
    yield from charts.values()


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _chart(title: str, unit: str, x: str, lines: list[Any], note: str) -> dict[str, Any]:
    return {"title": title, "unit": unit, "x": x, "lines": lines, "note": note}


def _line(label: str, points: Sequence[Point]) -> dict[str, Any]:
    return {
        "label": label,
        "points": [
            {"x": point.x, "y": point.y, "lo": point.low, "hi": point.high, "run": point.run}
            for point in points
        ],
    }
