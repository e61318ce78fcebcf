"""The page of one run: everything that is known about it, and the course of its window."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from harness import units
from harness.errors import StoreError
from harness.records import Metric, Pauses, Record, ResourceUse, Run
from harness.stats.histogram import Histogram
from harness.store import history
from reports import naming
from reports.benchmark import Shard

#: Points of a percentile plot, as shares that lie above: from none to one in a hundred thousand.
_PERCENTILES = [
    *range(0, 90, 5), *(90 + step / 2 for step in range(20)), 99, 99.25, 99.5, 99.75, 99.9, 99.95,
    99.99, 99.995, 99.999, 100,
]  # fmt: skip
#: Cells of a drawn histogram.
_CELLS = 60


class Page(Record, frozen=True):
    """What the page of a run says."""

    title: str
    id: str
    level: str
    reasons: list[str]
    facts: list[dict[str, Any]]
    figures: list[dict[str, str]]
    checks: list[dict[str, Any]]
    log: list[str]
    raw_href: str
    files: list[dict[str, str]]
    commit: dict[str, str]
    data: dict[str, Any]


def page(run: Run, files: Sequence[dict[str, str]], commit: dict[str, str]) -> tuple[Page, Shard]:
    """``files`` are attachments and profiles: href, title; ``commit``: hash, subject, href."""
    names = {series.unit + metric.name: series.benchmark
             for series, metric in zip(history.of_run(run), run.metrics, strict=True)}  # fmt: skip
    made = Page(
        title=run.scenario.name,
        id=run.id,
        level=run.verdict.level.value,
        reasons=run.verdict.reasons,
        facts=_facts(run),
        figures=[_figure(metric, names.get(metric.unit + metric.name)) for metric in run.metrics],
        checks=[
            {"name": check.name, "passed": check.passed, "found": check.found}
            for check in run.checks
        ],
        log=run.log_tail,
        raw_href=f"{run.id}.json",
        files=list(files),
        commit=commit,
        data={"id": run.id, "key": f"r/{run.id}", "histograms": sorted(run.histograms)},
    )
    return made, Shard(key=f"r/{run.id}", content=content(run))


def content(run: Run) -> dict[str, Any]:
    """The percentiles, counts and traces that the page draws."""
    histograms: dict[str, Any] = {}
    counts: dict[str, Any] = {}
    for name, stored in run.histograms.items():
        try:
            found = Histogram.from_dict(stored)
        except StoreError:
            continue  # the run's own page says what it has; the raw file has all
        if found.count:
            histograms[name] = _percentiles(found)
            counts[name] = _counts(found)
    return {
        "histograms": histograms,
        "counts": counts,
        "series": [
            {"name": x.name, "unit": x.unit, "t": x.times_s, "v": x.values} for x in run.traces
        ],
    }


def _percentiles(found: Histogram) -> dict[str, list[float]]:
    # A tail of fewer than two samples is one sample's luck.
    known = [p for p in _PERCENTILES if p == 100 or (100 - p) / 100 * found.count >= 2]
    return {"p": known, "v": [float(found.percentile(p)) for p in known]}


def _counts(found: Histogram) -> dict[str, list[float]]:
    """How many fell into each of some sixty cells that grow by the same factor."""
    low = max(found.min, 1)
    edges = np.unique(np.geomspace(low, max(found.max, low + 1), _CELLS + 1).round()).tolist()
    shares = [found.below(int(edge)) for edge in edges[1:-1]]
    sums = [0, *shares, found.count]
    return {
        "v": [float(edge) for edge in edges],
        "c": [float(after - before) for before, after in itertools.pairwise(sums)],
    }


def _figure(metric: Metric, benchmark: str | None) -> dict[str, str]:
    interval = ""
    if metric.interval is not None:
        low, high = (units.show(end, metric.unit) for end in metric.interval)
        interval = f"{low} to {high}"
    return {
        "name": metric.name,
        "value": units.show(metric.value, metric.unit),
        "interval": interval,
        "count": f"{metric.count:,}" if metric.count else "",
        "href": f"../b/{naming.slug(benchmark)}.html" if benchmark else "",
    }


# --- facts ---------------------------------------------------------------------------------------


def _facts(run: Run) -> list[dict[str, Any]]:
    parts = [
        ("Scenario", _flat(run.scenario)),
        ("Target", _flat(run.target)),
        ("Resources", _resources(run)),
        ("Environment", _flat(run.environment)),
        ("Notes", {name: str(value) for name, value in run.notes.items()}),
    ]
    return [
        {"title": title, "rows": [{"name": name, "value": value} for name, value in rows.items()]}
        for title, rows in parts
        if rows
    ]


def _flat(record: Any, before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, msgspec.Struct):
            found |= _flat(value, f"{before}{name}.")
        elif isinstance(value, dict):
            found |= {f"{before}{name}.{key}": str(text) for key, text in value.items()}
        elif value not in (None, []):
            found[before + name] = str(value)
    return found


def _resources(run: Run) -> dict[str, str]:
    found = {}
    for name, use in (("client", run.client), ("server", run.server)):
        if use is not None:
            found[name] = _use(use)
    if run.others_cores is not None:
        found["others"] = f"{run.others_cores:.2f} cores kept busy by everything else"
    for name, pauses in (("collections", run.gc), ("loop lag", run.loop_lag)):
        if pauses is not None and pauses.count:
            found[name] = _pauses(pauses)
    return found


def _use(use: ResourceUse) -> str:
    return (
        f"{units.duration(use.cpu_ns)} CPU in {units.duration(use.wall_ns)} "
        f"({use.cores:.2f} cores, waited for one {use.waiting:.0%}), {units.size(use.rss_bytes)}"
        + (f" ({units.size(use.uss_bytes)} its own)" if use.uss_bytes else "")
    )


def _pauses(pauses: Pauses) -> str:
    return (
        f"{pauses.count} in the client, {units.duration(pauses.total_ns)} together, "
        f"{units.duration(pauses.max_ns)} at the most"
    )
