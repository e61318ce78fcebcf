"""What a suspect is called, by whoever suspects it, and what is measured for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import PlanError, StoreError
from harness.run.compare_turns import Bench
from harness.run.confirming import Suspect
from harness.run.counted import BENCHES
from harness.store import files

#: The most bytes of a report of changes.
MOST_BYTES = 1 << 28
#: asv's name of the suite whose numbers are counts of instructions.
_COUNTED = "instructions.Instructions.track_instructions"


class Event(msgspec.Struct, frozen=True):
    """What is needed of an event in the JSON of ``harness changes``."""

    id: str
    benchmark: str
    commit_from: str
    commit_to: str
    state: str
    direction: str
    kind: str = "shift"
    ratio: float | None = None


class _Report(msgspec.Struct, frozen=True):
    events: list[Event]


def read(path: Path) -> list[Event]:
    """The events of a file that ``harness changes --json`` has written. Raises ``StoreError``."""
    data = files.read(path)
    if len(data) > MOST_BYTES:
        raise StoreError(f"{path} has {len(data):,} bytes, {MOST_BYTES:,} at most are read")
    try:
        return msgspec.json.decode(data, type=_Report).events
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{path} is no report of changes: {error}; make one with `harness changes --json`"
        ) from error


def of_event(event: Event, benches: Mapping[str, Bench]) -> Suspect:
    """The suspect of an event. Raises ``PlanError`` if it is nothing that can be measured again."""
    if event.kind == "drift":
        raise PlanError(f"{event.benchmark} drifts over all of its history: no commit is suspected")
    if not event.commit_from or not event.commit_to:
        raise PlanError(f"event {event.id} names no commits: its history has none")
    ratio = event.ratio
    if ratio is not None and ratio > 0 and (ratio > 1) is not (event.direction == "worse"):
        ratio = 1 / ratio  # of a rate less is worse; what is measured is the time of one act
    return _suspect(event.benchmark, event.commit_from, event.commit_to, benches,
                    event=event.id, ratio=ratio)  # fmt: skip


def of_name(name: str, base: str, head: str, benches: Mapping[str, Bench]) -> Suspect:
    """The suspect of this name, in asv's spelling, ours, or that of stored runs.

    Raises ``PlanError`` for a name that is none.
    """
    return _suspect(name, base, head, benches)


def _suspect(name: str, base: str, head: str, benches: Mapping[str, Bench], **more: Any) -> Suspect:
    benchmark, metric, bench = _measured(name, benches)
    return Suspect(
        series=name, benchmark=benchmark, metric=metric, base=base, head=head, bench=bench, **more
    )


def _measured(name: str, benches: Mapping[str, Bench]) -> tuple[str, str, Bench | None]:
    """Benchmark, figure and what is measured by the clock; without one, it is counted."""
    title, _, metric = name.partition(":")
    if title in benches:
        return title, metric, benches[title]
    if name in BENCHES:
        return name, "instructions", None
    begin, given = _parts(name)
    if begin == _COUNTED and given[:1] and given[0] in BENCHES:
        return given[0], "instructions", None
    for bench_name, bench in benches.items():
        suite = bench_name.partition("(")[0]
        if begin.startswith(f"{suite}.") and _inner(bench_name) == ", ".join(given):
            metric = _metric(suite, begin.removeprefix(f"{suite}."))
            if metric:
                return bench_name, metric, bench
        scenario = re.sub(r"[^A-Za-z0-9_]+", "-", bench.scenario.name).strip("-")
        if begin.startswith(f"{scenario}."):
            return bench_name, _figure(begin.removeprefix(f"{scenario}.")), bench
    raise PlanError(
        f"{name!r} is nothing that can be measured again here: name a benchmark as `harness "
        "compare` shows it, such as 'codec.Rows(item, 1000):encode_cpu'; those of another project "
        "are measured by its own suite (asv continuous FROM TO --bench NAME)"
    )


def _parts(name: str) -> tuple[str, list[str]]:
    """``a.b(row='item', rows=1000)``: the name, and the values of its parameters as text."""
    begin, bracket, rest = name.partition("(")
    if not bracket:
        return name, []
    inner = rest.removesuffix(")")
    # Values may have commas and parentheses in quotes, as those of the counted acts have.
    values = re.findall(
        r"(?:^|, )[A-Za-z_]\w*=('[^']*'|\"[^\"]*\"|.*?(?=, [A-Za-z_]\w*=|$))", inner
    )
    return begin, [value.strip("'\"") for value in values]


def _inner(name: str) -> str:
    return name.partition("(")[2].removesuffix(")")


def _metric(suite: str, method: str) -> str:
    """The figure of a suite's ``track_…`` method, empty if it has no such method."""
    from suites.catalog import classes

    made = dict(classes((suite.partition(".")[0],))).get(suite)
    metric = getattr(getattr(made, method, None), "metric", "")
    return _figure(metric) if metric else ""


def _figure(metric: str) -> str:
    """As comparisons call it: rates are times there."""
    name = metric.removeprefix("1/")
    if not name.endswith("rate"):
        return name
    what = name.removesuffix("rate").rstrip("_")
    return f"{what}_time" if what else "time"
