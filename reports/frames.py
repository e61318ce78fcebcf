"""What was measured as tidy pandas frames, for exploring in a notebook and for pictures.

    import reports
    frames = reports.load("results", asv=[".asv/results"])
    frames.points.query("benchmark.str.contains('Insert')").groupby("commit").value.median()

A row of ``points`` is one series at one commit. pandas is imported here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import StoreError
from harness.records import Run
from reports import naming, quantities
from reports.gathering import Gathered, Gathering

try:
    import pandas as pd
except ImportError as error:
    raise StoreError(
        "pandas is not installed: pip install 'spacetimedb-harness[reports]'"
    ) from error


@dataclass(frozen=True, slots=True)
class Frames:
    """Everything as frames.

    ``points``: benchmark, parameters, series (both as one text), suite, kind, unit, better,
    machine, environment, version, commit, subject, date, value, low, high, run. Values are in the
    unit named; NaN is what failed, was skipped, or is VOID.
    ``runs``: id, scenario, target, target_version, protocol, connections, in_flight, rows, level,
    reasons, started, commit, dirty, machine, python.
    ``metrics``: run, name, value, unit, better, low, high, count: each figure of each run.
    ``commits``: hash, date, subject, in their order.
    """

    points: pd.DataFrame
    runs: pd.DataFrame
    metrics: pd.DataFrame
    commits: pd.DataFrame

    def write(self, folder: Path, form: str = "csv") -> list[Path]:
        """Each frame as ``folder/NAME.csv`` or ``.parquet``; the paths.

        Raises ``StoreError`` if the folder cannot be written, or if Parquet needs pyarrow.
        """
        made = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("points", "runs", "metrics", "commits"):
                path = folder / f"{name}.{form}"
                temporary = path.with_name(f".{path.name}.new")
                frame: pd.DataFrame = getattr(self, name)
                if form == "parquet":
                    frame.to_parquet(temporary, index=False)
                else:
                    frame.to_csv(temporary, index=False, lineterminator="\n")
                temporary.replace(path)
                made.append(path)
        except ImportError as error:
            raise StoreError(
                "Parquet needs pyarrow: pip install 'spacetimedb-harness[parquet]'"
            ) from error
        except OSError as error:
            raise StoreError(f"cannot write {folder}: {error.strerror}") from error
        return made


def load(
    results: str | Path | None = None,
    asv: Iterable[str | Path] = (),
    repository: str | Path | None = None,
) -> Frames:
    """Read a store of ours and asv's histories of any project into frames.

    Raises ``StoreError`` for a folder that is no such thing.
    """
    gathered = Gathering(None).gather(
        Path(results) if results is not None else None,
        [Path(one) for one in asv],
        Path(repository) if repository is not None else None,
    )
    return of(gathered)


def of(gathered: Gathered) -> Frames:
    """The frames of what was gathered."""
    commits = pd.DataFrame(
        {
            "hash": [commit.hash for commit in gathered.commits],
            "date": _dates([commit.date_ms for commit in gathered.commits]),
            "subject": [commit.subject for commit in gathered.commits],
        }
    )
    return Frames(
        points=_points(gathered, commits),
        runs=pd.DataFrame([_run(run) for run in gathered.runs], columns=list(_RUN)).assign(
            started=lambda frame: pd.to_datetime(frame["started"], utc=True)
        ),
        metrics=pd.DataFrame(
            [_metric(run, metric) for run in gathered.runs for metric in run.metrics],
            columns=["run", "name", "value", "unit", "better", "low", "high", "count"],
        ),
        commits=commits,
    )


def _dates(milliseconds: list[int]) -> Any:
    return pd.to_datetime(np.array(milliseconds, dtype=np.int64), unit="ms", utc=True)


def _points(gathered: Gathered, commits: pd.DataFrame) -> pd.DataFrame:
    lines = gathered.lines
    counts = [len(line.x) for line in lines]
    which = np.repeat(np.arange(len(lines)), counts)
    heads = pd.DataFrame(
        {
            "benchmark": [line.head.benchmark for line in lines],
            "parameters": [_text(line.head.parameters) for line in lines],
            "series": [line.head.name for line in lines],
            "suite": [naming.suite(line.head.benchmark) for line in lines],
            "kind": [quantities.kind(line.head.benchmark, line.head.unit) for line in lines],
            "unit": [line.head.unit for line in lines],
            "better": [line.head.better.value for line in lines],
            "machine": [line.head.machine for line in lines],
            "environment": [_text(line.head.environment) for line in lines],
            "version": [line.head.version for line in lines],
        }
    ).astype("category")
    places = _joined([line.x for line in lines], np.int64)
    frame = heads.take(which).reset_index(drop=True)
    frame["commit"] = commits["hash"].to_numpy()[places] if len(commits) else []
    frame["subject"] = commits["subject"].to_numpy()[places] if len(commits) else []
    frame["date"] = commits["date"].take(places).to_numpy() if len(commits) else []
    frame["value"] = _joined([line.y for line in lines], np.float64)
    for name, ends in (("low", [x.low for x in lines]), ("high", [x.high for x in lines])):
        frame[name] = _joined(
            [
                np.full(count, np.nan) if part is None else part
                for part, count in zip(ends, counts, strict=True)
            ],
            np.float64,
        )
    frame["run"] = [
        run
        for line, count in zip(lines, counts, strict=True)
        for run in (line.runs if line.runs is not None else [""] * count)
    ]
    return frame


def _joined(parts: list[Any], kind: type) -> Any:
    return np.concatenate(parts).astype(kind) if parts else np.array([], dtype=kind)


def _text(named: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in named.items())


_RUN: dict[str, Callable[[Run], Any]] = {
    "id": lambda run: run.id,
    "scenario": lambda run: run.scenario.name,
    "target": lambda run: run.target.kind,
    "target_version": lambda run: run.target.version or "",
    "protocol": lambda run: run.scenario.protocol if run.scenario.live else "",
    "connections": lambda run: run.scenario.load.connections,
    "in_flight": lambda run: run.scenario.load.in_flight,
    "rows": lambda run: run.scenario.workload.rows,
    "level": lambda run: run.verdict.level.value,
    "reasons": lambda run: "; ".join(run.verdict.reasons),
    "started": lambda run: run.started_at,
    "commit": lambda run: run.environment.git_commit or "",
    "dirty": lambda run: bool(run.environment.git_dirty),
    "machine": lambda run: f"{run.environment.cpu_model} x{run.environment.cpu_count}",
    "python": lambda run: run.environment.python,
}


def _run(run: Run) -> list[Any]:
    return [read(run) for read in _RUN.values()]


def _metric(run: Run, metric: Any) -> list[Any]:
    low, high = metric.interval or (np.nan, np.nan)
    return [run.id, metric.name, metric.value, metric.unit, metric.better, low, high, metric.count]
