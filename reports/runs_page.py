"""The page of all runs: the printed tables of sessions, and every run by itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from harness.records import Record, Run
from harness.store.sessions import Session
from harness.units import show
from reports import printed

#: Sessions with their tables, and runs, that the page has; the newest.
_MOST_SESSIONS, _MOST_RUNS = 20, 2_000
#: The figure that stands for a run, the first of these that it has.
_HEADLINES = (
    "rate", "latency_p50", "decode_rate", "insert_rate", "connections", "client_rss",
    "cpu_ratio", "rate_ratio",
)  # fmt: skip


class Page(Record, frozen=True):
    """What the page of all runs says; ``tables`` of sessions are those of ``reports.printed``."""

    title: str
    sessions: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    more_runs: int


def page(sessions: Sequence[Session], runs: Sequence[Run]) -> Page:
    """The newest first."""
    newest = sorted(runs, key=lambda run: run.id, reverse=True)
    known = {run.id for run in runs}
    return Page(
        title="Runs",
        sessions=[_session(one, known) for one in list(sessions)[::-1][:_MOST_SESSIONS]],
        runs=[_run(run) for run in newest[:_MOST_RUNS]],
        more_runs=max(0, len(newest) - _MOST_RUNS),
    )


def newest(sessions: Sequence[Session], runs: Sequence[Run]) -> dict[str, Any] | None:
    """The newest session, with those of its tables that answer a claim; None if none of them has.

    As it stands on the first page, beside this one.
    """
    known = {run.id for run in runs}
    claimed = {title for title, is_claimed, _ in printed.PARTS if is_claimed}
    for session in reversed(sessions):
        found = _session(session, known)
        tables = [table for table in found["tables"] if table["title"] in claimed]
        if tables:
            return {**found, "tables": tables}
    return None


def _session(session: Session, known: Collection[str]) -> dict[str, Any]:
    return {
        "id": session.id,
        "title": f"{session.title}, {spoken(session.started_at)}",
        "tables": [
            table_of(table, known, "")
            for table in printed.tables(session.rows, set(session.absent))
        ],
    }


def table_of(table: printed.Table, known: Collection[str], root: str) -> dict[str, Any]:
    """A printed table for a page at ``root``; rows link to the runs that there are."""
    return {
        "title": table.title,
        "headers": table.headers,
        "right": table.right,
        "rows": table.rows,
        "hrefs": [f"{root}r/{run}.html" if run in known else "" for run in table.runs],
        "levels": table.levels,
        "note": table.note,
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "href": f"r/{run.id}.html",
        "scenario": run.scenario.name,
        "target": " ".join(
            filter(None, [run.target.kind, run.target.version if run.scenario.live else None])
        ),
        "started": spoken(run.started_at),
        "verdict": run.verdict.level.value,
        "reasons": printed.brief(run.verdict.reasons),
        "headline": headline(run),
    }


def headline(run: Run) -> str:
    """The one figure that says most; nothing of a VOID run."""
    for name in _HEADLINES:
        found = run.metric(name)
        if found is not None:
            return show(run.value(name), found.unit)
    first = run.metrics[0] if run.metrics else None
    return show(run.value(first.name), first.unit) if first is not None else "—"


def spoken(started_at: str) -> str:
    """A stored time to the minute."""
    return started_at[:16].replace("T", " ")
