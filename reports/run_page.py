"""The page of one run: everything that is known about it, and the course of its window."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness import units
from harness.errors import StoreError
from harness.records import Metric, Record, Run
from harness.stats.histogram import Histogram
from harness.store import history
from reports import naming
from reports.benchmark import Shard
from reports.described import flat, resources

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
        ("Scenario", flat(run.scenario)),
        ("Target", flat(run.target)),
        ("Resources", resources(run)),
        ("Environment", flat(run.environment)),
        ("Notes", {name: str(value) for name, value in run.notes.items()}),
    ]
    return [
        {"title": title, "rows": [{"name": name, "value": value} for name, value in rows.items()]}
        for title, rows in parts
        if rows
    ]
