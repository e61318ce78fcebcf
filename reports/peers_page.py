"""Our client beside the others, and the claims beside what was measured, with how it was done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.records import Level, Record, Run
from harness.store.sessions import Session
from harness.units import show
from reports import printed
from reports.runs_page import spoken, table_of

#: Ratios of the newest comparison that are drawn; what they compare.
_RATIOS = {
    "cpu_ratio": "CPU a call, by callback",
    "cpu_ratio_awaited": "CPU a call, awaited",
    "rate_ratio": "rate",
    "connected_ratio": "time to connect",
    "encode_ratio": "rows encoded a CPU second",
    "decode_ratio": "rows decoded a CPU second",
}

NOTES = [
    "A claim is what the project's predecessor printed. None of these figures came from a server: "
    "they were json.dumps, operations on a Python dict, and percentiles typed into the source.",
    "Figures through a server came over real sockets from a server in a process of its own; what "
    "happened in one process without a server stands in a table of its own.",
    "Both clients make the same calls to the same server, in fresh processes in alternating turns; "
    "what they claim is held against the server's rows and its count of transactions.",
    "Ratios are ours over theirs: of CPU, memory and times less is better, of rates more is. The "
    "goal was half of the TypeScript SDK's CPU a call; a goal that is missed is shown as missed.",
]
#: A ratio that answers a goal: the most, or with its minus the least, that it should be.
_GOALS = {"cpu_ratio": 0.5, "cpu_ratio_awaited": 0.5, "encode_ratio": -3.0, "decode_ratio": -1.5}


class Page(Record, frozen=True):
    """What the page of peers says."""

    title: str
    tables: list[dict[str, Any]]
    notes: list[str]
    data: dict[str, Any]


def page(sessions: Sequence[Session], runs: Sequence[Run]) -> Page:
    """Of the newest sessions that have something to say, and of the newest comparisons."""
    known = {run.id for run in runs}
    tables: list[dict[str, Any]] = []
    for title, claimed, _ in printed.PARTS:
        if claimed:
            tables += _newest_part(title, sessions, known)
    for session in reversed(sessions):
        rows = [row for row in session.rows if row.suite.startswith("peers.")]
        if rows:
            tables += [
                _titled(table_of(table, known, ""), session, "Beside other clients")
                for table in printed.tables(rows, set(session.absent))
            ]
            break
    compared = _newest([run for run in runs if run.scenario.workload.kind == "peer"])
    if compared:
        tables.append(_ratio_table(compared))
    return Page(
        title="Peers",
        tables=tables,
        notes=NOTES,
        data={"ratios": [one for run in compared for one in _ratios(run)]},
    )


def _newest_part(title: str, sessions: Sequence[Session], known: set[str]) -> list[dict[str, Any]]:
    """The tables of this part of the newest session that has it."""
    for session in reversed(sessions):
        found = [
            _titled(table_of(table, known, ""), session)
            for table in printed.tables(session.rows, set(session.absent))
            if table.title == title
        ]
        if found:
            return found
    return []


def _titled(table: dict[str, Any], session: Session, title: str = "") -> dict[str, Any]:
    said = title or table["title"]
    return table | {"title": f"{said} ({session.title}, {spoken(session.started_at)})"}


def _newest(runs: Sequence[Run]) -> list[Run]:
    """The newest comparison of each kind with each target."""
    found = {(run.scenario.name, run.target.kind, run.target.version): run for run in runs}
    return [found[key] for key in sorted(found, key=repr)]


def _ratios(run: Run) -> list[dict[str, Any]]:
    if run.verdict.level is Level.VOID:
        return []
    where = f"{run.target.kind} {run.scenario.protocol}" if run.scenario.live else "in process"
    made = []
    for name, title in _RATIOS.items():
        found = run.metric(name)
        if found is not None:
            low, high = found.interval or (None, None)
            scenario = run.scenario.name.removeprefix("peers ")
            made.append({
                "name": f"{scenario}, {where}: {title}",
                "value": found.value,
                "lo": low,
                "hi": high,
                "run": run.id,
                "better": found.better,
            })  # fmt: skip
    return made


def _ratio_table(runs: Sequence[Run]) -> dict[str, Any]:
    rows, hrefs, levels = [], [], []
    for run in runs:
        for one in _ratios(run):
            name = one["name"]
            metric = next(key for key, title in _RATIOS.items() if name.endswith(f": {title}"))
            rows.append([
                name,
                show(one["value"], "ratio"),
                "" if one["lo"] is None else f"{one['lo']:.2f} to {one['hi']:.2f}",
                _goal(metric, one["value"]),
            ])  # fmt: skip
            hrefs.append(f"r/{run.id}.html")
            levels.append(run.verdict.level.value)
    return {
        "title": "Ours over theirs, the newest comparison of each kind",
        "headers": ["what", "ratio", "95 %", "goal"],
        "right": [1, 2],
        "rows": rows,
        "hrefs": hrefs,
        "levels": levels,
        "note": "",
    }


def _goal(metric: str, value: float) -> str:
    goal = _GOALS.get(metric)
    if goal is None:
        return ""
    if goal < 0:
        return f"at least {-goal:g}: {'reached' if value >= -goal else 'missed'}"
    return f"at most {goal:g}: {'reached' if value <= goal else 'missed'}"
