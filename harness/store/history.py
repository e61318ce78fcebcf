"""All that is stored, as series: our own runs and imports, points of one metric joined."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from msgspec import structs

from harness.errors import StoreError
from harness.records import Level, Metric, Run
from harness.series import Better, Point, Series
from harness.store import imports, runs
from harness.store.documents import measured, milliseconds, named

Key: TypeAlias = tuple[object, ...]


def stored(folder: Path, warn: Callable[[str], None] = lambda text: None) -> list[Series]:
    """Every series in the store, by benchmark. A file that is damaged is told and left out."""
    found: list[Series] = []
    for name in runs.names(folder):
        try:
            found += of_run(runs.load(folder / "runs" / f"{name}.json"))
        except StoreError as error:
            warn(f"left out: {error}")
    try:
        for head in imports.heads(folder):
            found += imports.read(head, folder)
    except StoreError as error:
        warn(f"left out: {error}")
    return joined(found)


def of_run(run: Run) -> Iterator[Series]:
    """Each figure of a run as a series of one point; without a value if the run is VOID.

    What was measured with uncommitted changes belongs to no commit, and is a series of its own.
    """
    about, target = run.environment, run.target
    for metric in run.metrics:
        low, high = metric.interval or (None, None)
        valid = run.verdict.level is not Level.VOID
        yield measured(
            f"{word(run.scenario.name)}.{metric.name}",
            metric.unit,
            value=metric.value if valid else None,
            better=_better(metric),
            parameters=named(target=target.kind),
            samples=samples(run, metric) if valid else (),
            interval=(low, high) if valid else (None, None),
            commit=about.git_commit or "",
            date_ms=milliseconds(run.started_at),
            machine=f"{about.cpu_model} x{about.cpu_count}",
            environment=named(
                python=about.python,
                server=target.version,
                protocol=run.scenario.protocol if run.scenario.live else None,
                compression=run.scenario.compression if run.scenario.live else None,
                confirmed=run.scenario.confirmed or None,
                uncommitted=about.git_dirty or None,
            ),
        )


def samples(run: Run, metric: Metric) -> tuple[float, ...]:
    """The single measurements of a figure that its run kept, in the figure's unit.

    Those of its rounds, or for a rate those of the stretches of its window; empty if none were
    kept. They are of one run: how much runs differ, they do not say.
    """
    rounds = run.notes.get("per_round")
    found = rounds.get(metric.name) if isinstance(rounds, dict) else None
    if found is None and metric.name == "rate":
        found = run.notes.get("batch_rates_per_s")
    if not isinstance(found, list):
        return ()
    numbers = (x for x in found if isinstance(x, int | float) and not isinstance(x, bool))
    return tuple(float(x) for x in numbers)


def joined(series: Iterable[Series]) -> list[Series]:
    """Series of one metric as one, its points by date. The same point twice is one point."""
    found: dict[Key, tuple[Series, dict[Point, None]]] = {}
    for one in series:
        _, points = found.setdefault(key_of(one), (one, {}))
        points.update(dict.fromkeys(one.points))
    return [
        structs.replace(one, points=tuple(sorted(points, key=lambda point: point.date_ms)))
        for _, (one, points) in sorted(found.items(), key=lambda item: repr(item[0]))
    ]


def key_of(one: Series) -> Key:
    return (
        one.benchmark,
        tuple(sorted(one.parameters.items())),
        one.version,
        one.unit,
        one.better.value,
        one.machine,
        tuple(sorted(one.environment.items())),
    )


def _better(metric: Metric) -> Better:
    return Better.MORE if metric.better == "higher" else Better.LESS


def word(scenario: str) -> str:
    """How a scenario is called in the names of its series."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", scenario).strip("-")
