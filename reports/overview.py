"""The first page: what changed lately, the state of each suite, and a row for each benchmark."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.records import Record
from harness.stats.events import Direction, State
from reports import arrays, naming, quantities, shown
from reports.gathering import Gathered, spoken_time
from reports.judged import Happened, Judgement

#: Events that stand on the page; benchmarks' pages have all of theirs.
MOST_EVENTS = 200
#: Rows that stand in the page before any script runs.
FIRST_ROWS = 60
#: Points of a sparkline.
_SPARK = 60


class Row(Record, frozen=True):
    """A benchmark: its latest value, what happened last, and its course.

    Of several series of one benchmark that one is shown in which something happened last.
    """

    name: str
    href: str
    suite: str
    unit: str
    machines: list[int]
    targets: list[int]
    versions: list[int]
    kind: str
    latest: str
    change: str
    direction: str
    state: str
    spark: list[int | None]
    series: int

    def short(self) -> dict[str, Any]:
        """As the script takes it: there may be thousands."""
        return {
            "n": self.name, "h": self.href, "s": self.suite, "u": self.unit, "m": self.machines,
            "t": self.targets, "v": self.versions, "k": self.kind, "l": self.latest,
            "c": self.change, "d": self.direction, "st": self.state, "p": self.spark,
            "q": self.series,
        }  # fmt: skip


class Suite(Record, frozen=True):
    """A suite and how it does."""

    name: str
    count: int
    worse: int
    better: int
    state_text: str


class Page(Record, frozen=True):
    """What the overview says; ``newest`` is a session with its tables, as ``runs_page`` has it."""

    title: str
    summary: list[dict[str, str]]
    events: list[shown.ShownEvent]
    more_events: int
    doubtful: int
    commits: int
    newest: dict[str, Any] | None
    suites: list[Suite]
    first_rows: list[Row]
    data: dict[str, Any]


def page(
    gathered: Gathered, judgement: Judgement, title: str, newest: dict[str, Any] | None = None
) -> Page:
    """Of everything that was gathered."""
    machines = _numbered(line.head.machine for line in gathered.lines)
    targets = _numbered(line.head.parameters.get("target", "") for line in gathered.lines)
    versions = _numbered(line.head.environment.get("server", "") for line in gathered.lines)
    latest: dict[int, Happened] = {}
    for one in reversed(judgement.events):  # the newest last, so that it stays
        latest[one.line] = one
    groups: dict[str, list[int]] = {}
    for number, line in enumerate(gathered.lines):
        groups.setdefault(line.head.benchmark, []).append(number)
    rows = [
        _row(gathered, name, members, latest, (machines, targets, versions))
        for name, members in sorted(groups.items())
    ]
    return Page(
        title=title,
        summary=_summary(gathered, judgement),
        events=[shown.event(gathered, one, "") for one in judgement.events[:MOST_EVENTS]],
        more_events=max(0, len(judgement.events) - MOST_EVENTS),
        doubtful=judgement.doubtful,
        commits=len(gathered.commits),
        newest=newest,
        suites=_suites(rows),
        first_rows=rows[:FIRST_ROWS],
        data={
            "rows": [row.short() for row in rows],
            "machines": list(machines),
            "targets": list(targets),
            "versions": list(versions),
            "suites": sorted({row.suite for row in rows}),
            "kinds": sorted({row.kind for row in rows}),
        },
    )


def _numbered(texts: Any) -> dict[str, int]:
    return {text: number for number, text in enumerate(dict.fromkeys(texts))}


def _row(
    gathered: Gathered,
    name: str,
    members: list[int],
    latest: dict[int, Happened],
    numbers: tuple[dict[str, int], dict[str, int], dict[str, int]],
) -> Row:
    lines = [gathered.lines[number] for number in members]
    happened = [latest[number] for number in members if number in latest]
    newest = max(happened, key=lambda one: one.after, default=None)
    line = gathered.lines[newest.line] if newest is not None else max(lines, key=_newest)
    head = line.head
    finite = np.flatnonzero(np.isfinite(line.y))
    machines, targets, versions = numbers
    return Row(
        name=name,
        href=f"b/{naming.slug(name)}.html",
        suite=naming.suite(name),
        unit=head.unit,
        machines=sorted({machines[x.head.machine] for x in lines}),
        targets=sorted({targets[x.head.parameters.get("target", "")] for x in lines}),
        versions=sorted({versions[x.head.environment.get("server", "")] for x in lines}),
        kind=quantities.kind(name, head.unit),
        latest=quantities.text(float(line.y[finite[-1]]), head.unit) if len(finite) else "—",
        change=quantities.change(newest.event.ratio, newest.event.change, head.unit)
        if newest is not None
        else "",
        direction=newest.event.direction.value if newest is not None else "",
        state=newest.state if newest is not None else "",
        spark=arrays.small(line.y, _SPARK),
        series=len(members),
    )


def _newest(line: Any) -> int:
    return int(line.x[-1]) if len(line.x) else -1


def _summary(gathered: Gathered, judgement: Judgement) -> list[dict[str, str]]:
    points = sum(len(line.y) for line in gathered.lines)
    open_worse = sum(one.worse for one in judgement.events)
    named = [commit for commit in gathered.commits if commit.hash]
    facts = [
        ("open regressions", f"{open_worse:,}"),
        ("events", f"{len(judgement.events):,}"),
        ("series", f"{len(gathered.lines):,}"),
        ("points", f"{points:,}"),
        ("commits", f"{len(named):,}"),
        ("runs", f"{len(gathered.runs):,}"),
    ]
    if gathered.commits:
        last = gathered.commits[-1]
        facts.append(("newest", f"{shown.short(last)}, {spoken_time(last.date_ms)[:10]}"))
    return [{"label": label, "value": value} for label, value in facts]


def _suites(rows: list[Row]) -> list[Suite]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.suite, []).append(row)
    made = []
    for name, members in sorted(found.items()):
        still = [row for row in members if row.state == State.OPEN.value]
        worse = sum(row.direction == Direction.WORSE.value for row in still)
        better = len(still) - worse
        said = [f"{worse:,} worse"] if worse else []
        said += [f"{better:,} better"] if better else []
        made.append(
            Suite(
                name=name,
                count=len(members),
                worse=worse,
                better=better,
                state_text=", ".join(said) or "steady",
            )
        )
    return made
