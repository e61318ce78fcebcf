"""The page of one benchmark: its series over commits, what happened in them, and their points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from harness.records import Record
from harness.stats import visible
from harness.stats.events import Judged, Kind
from reports import arrays, naming, quantities, shown
from reports.gathering import Gathered, Line, spoken_time
from reports.judged import Happened

#: Rows of the table of latest values; points of a small multiple, and of one among many.
_MOST_LATEST, _MINI, _MINI_OF_MANY = 200, 120, 40
_MANY = 100
#: Characters of one file of points: a page loads one of them at a time.
SHARD = 1 << 20
#: Of a standard normal number: 97.5 %.
_TWO_SIDES = 1.96


class Latest(Record, frozen=True):
    """The newest value of one series."""

    label: str
    value: str
    interval: str
    date: str
    commit: str
    run_href: str
    raw_href: str


class Page(Record, frozen=True):
    """What the page of a benchmark says."""

    title: str
    suite: str
    unit_text: str
    better_text: str
    events: list[shown.ShownEvent]
    latest: list[Latest]
    more_latest: int
    note: str
    data: dict[str, Any]


class Shard(Record, frozen=True):
    """A file of points: its key, which is its path without ``.js``, and what it holds."""

    key: str
    content: dict[str, Any]


def page(
    gathered: Gathered,
    name: str,
    members: Sequence[int],
    judged: Sequence[Judged],
    happened: Sequence[Happened],
    raw: str | None,
) -> tuple[Page, list[Shard]]:
    """The page of the benchmark with these lines, and the files of its points.

    ``judged`` are those of the members; ``happened`` its events that are believed. ``raw`` leads
    from the page to the folder that raw files lie in; None if nobody can look at them there.
    """
    lines = [gathered.lines[number] for number in members]
    places = {number: place for place, number in enumerate(members)}
    labels = _labels(lines)
    shards, files = _shards(f"b/{naming.slug(name)}", lines)
    newest_version = _newest_version(lines)
    by_line: dict[int, list[Happened]] = {}
    for one in happened:
        by_line.setdefault(places[one.line], []).append(one)
    head = lines[0].head
    mini = _MINI if len(lines) <= _MANY else _MINI_OF_MANY
    series = [
        _series(place, line, labels[place], files[place], judged[place],
                by_line.get(place, []), line.head.version != newest_version, raw, mini)
        for place, line in enumerate(lines)
    ]  # fmt: skip
    latest = [
        _latest(gathered, line, labels[place], raw)
        for place, line in enumerate(lines[:_MOST_LATEST])
    ]
    unit, _ = quantities.known(head.unit)
    parameters: dict[str, list[str]] = {}
    for line in lines:
        for parameter, value in line.head.parameters.items():
            values = parameters.setdefault(parameter, [])
            if value not in values:
                values.append(value)
    made = Page(
        title=name,
        suite=naming.suite(name),
        unit_text=_UNIT_TEXTS.get(unit, head.unit or "no unit"),
        better_text=f"{head.better.value} is better",
        events=[shown.event(gathered, one, "../") for one in happened],
        latest=latest,
        more_latest=max(0, len(lines) - _MOST_LATEST),
        note=_note(judged, lines),
        data={
            "name": name,
            "unit": unit,
            "better": head.better.value,
            "series": series,
            "params": parameters,
            # A benchmark may have thousands of series in a handful of environments.
            "envs": _shared(series, "env"),
            "raws": _shared(series, "raw"),
        },
    )
    return made, shards


def _shared(series: list[dict[str, Any]], name: str) -> list[Any]:
    """The different values of a field, which the series name by number from now on."""
    found: dict[str, int] = {}
    values: list[Any] = []
    for one in series:
        number = found.setdefault(repr(one[name]), len(found))
        if number == len(values):
            values.append(one[name])
        one[name] = number
    return values


_UNIT_TEXTS = {"ns": "time", "bytes": "bytes", "1/s": "per second", "ratio": "ratio"}


def _labels(lines: Sequence[Line]) -> list[str]:
    """What tells the series of one benchmark apart, and nothing that all of them share."""
    about = []
    for line in lines:
        head = line.head
        known = dict(head.parameters)
        known["machine"] = head.machine
        known |= {f"environment {key}": value for key, value in head.environment.items()}
        known["version"] = head.version[:8]
        about.append(known)
    names = list(dict.fromkeys(name for known in about for name in known))
    telling = [name for name in names if len({known.get(name, "") for known in about}) > 1]
    # A machine or environment that goes by a name is told by the name alone.
    if "environment name" in telling:
        telling = [x for x in telling if not x.startswith("environment ") or x.endswith(" name")]
    return [
        ", ".join(
            f"{name.removeprefix('environment ')}={known[name]}"
            for name in telling
            if known.get(name)
        )
        or "the only series"
        for known in about
    ]


def _newest_version(lines: Sequence[Line]) -> str:
    newest = max(lines, key=lambda line: int(line.x[-1]) if len(line.x) else -1)
    return newest.head.version


def _series(
    place: int,
    line: Line,
    label: str,
    file: str,
    judged: Judged,
    happened: Sequence[Happened],
    old: bool,
    raw: str | None,
    mini: int,
) -> dict[str, Any]:
    _, factor = quantities.known(line.head.unit)
    finite = line.y[np.isfinite(line.y)] * factor
    return {
        "i": place,
        "params": line.head.parameters,
        "machine": line.head.machine,
        "env": line.head.environment,
        "version": line.head.version[:12],
        "label": label,
        "file": file,
        "n": len(line.y),
        "noise": _rounded(judged.noise * factor),
        "mini": arrays.small(line.y, mini),
        "min": _rounded(float(finite.min())) if len(finite) else None,
        "max": _rounded(float(finite.max())) if len(finite) else None,
        "events": [_event(one, factor) for one in happened],
        "spikes": judged.spikes,
        "raw": _raw_pattern(line, raw),
        "old": old,
    }


def _event(one: Happened, factor: float) -> dict[str, Any]:
    event = one.event
    low, high = event.ratio_interval or (None, None)
    return {
        "at": event.at,
        "first": event.first,
        "last": event.last,
        "before": _rounded(event.before * factor),
        "after": _rounded(event.after * factor),
        "ratio": _rounded(event.ratio),
        "lo": _rounded(low),
        "hi": _rounded(high),
        "direction": event.direction.value,
        "state": one.state,
        "kind": event.kind.value,
        "id": one.id,
    }


def _rounded(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")


def _raw_pattern(line: Line, raw: str | None) -> str:
    """Where the raw file of a point is: ``{hash}`` stands for the commit's first eight digits.

    asv calls its files so. "" if these are called otherwise, or cannot be looked at.
    """
    if raw is None or line.files is None or line.file is None or not len(line.file):
        return ""
    path = line.files[int(line.file[-1])]
    folder, _, name = path.rpartition("/")
    begin, dash, rest = name.partition("-")
    if not dash or len(begin) != naming.SHORT:
        return ""
    return f"{raw}{quote(folder)}/{{hash}}-{quote(rest)}"


def _latest(gathered: Gathered, line: Line, label: str, raw: str | None) -> Latest:
    finite = np.flatnonzero(np.isfinite(line.y))
    if not len(finite):
        return Latest(
            label=label, value="—", interval="", date="", commit="", run_href="", raw_href=""
        )
    at = int(finite[-1])
    commit = gathered.commits[int(line.x[at])]
    unit = line.head.unit
    interval = ""
    if line.low is not None and line.high is not None:
        low, high = float(line.low[at]), float(line.high[at])
        if math.isfinite(low) and math.isfinite(high):
            interval = f"{quantities.text(low, unit)} to {quantities.text(high, unit)}"
    pattern = _raw_pattern(line, raw)
    return Latest(
        label=label,
        value=quantities.text(float(line.y[at]), unit),
        interval=interval,
        date=spoken_time(commit.date_ms)[:10],
        commit=shown.short(commit),
        run_href=f"../r/{line.runs[at]}.html" if line.runs is not None else "",
        raw_href=pattern.replace("{hash}", commit.hash[: naming.SHORT]) if pattern else "",
    )


def _note(judged: Sequence[Judged], lines: Sequence[Line]) -> str:
    """How noisy the newest series is, and which shift of it would be seen."""
    place = max(range(len(lines)), key=lambda at: int(lines[at].x[-1]) if len(lines[at].x) else -1)
    line, one = lines[place], judged[place]
    finite = line.y[np.isfinite(line.y)]
    if len(finite) < 6 or not one.noise:
        return ""
    level = abs(float(np.median(finite)))
    if not level:
        return ""
    text = f"A point's noise is ±{_TWO_SIDES * one.noise / level:.1%} (95 %) of its level"
    shifts = sum(event.kind is not Kind.DRIFT for event in one.events)
    if len(finite) >= 2 * visible.POINTS:
        least = visible.shift(one.noise, one.passed_on) / level
        text += f"; a shift of {least:.1%} that lasts {visible.POINTS} commits would be found"
        text += " in four of five cases"
    if one.period is not None:
        text += f"; a cycle of {one.period:.1f} points is no event"
    if one.spikes:
        text += f"; {len(one.spikes):,} single points stand out and are no event"
    return (
        f"{text}. {shifts:,} change{'' if shifts == 1 else 's'} found in its {one.points:,} points."
    )


def _shards(base: str, lines: Sequence[Line]) -> tuple[list[Shard], list[str]]:
    """Points in files of bounded size, and for each line the key of its file."""
    shards: list[Shard] = []
    files: list[str] = []
    content: dict[str, Any] = {}
    size = 0
    for place, line in enumerate(lines):
        part = _points(line)
        length = sum(map(_length, part.values()))
        if content and size + length > SHARD:
            shards.append(Shard(key=f"{base}.{len(shards)}", content={"series": content}))
            content, size = {}, 0
        content[str(place)] = part
        size += length
        files.append(f"{base}.{len(shards)}")
    shards.append(Shard(key=f"{base}.{len(shards)}", content={"series": content}))
    return shards, files


def _points(line: Line) -> dict[str, Any]:
    _, factor = quantities.known(line.head.unit)
    low = line.low * factor if line.low is not None else None
    high = line.high * factor if line.high is not None else None
    return {
        "x": arrays.places(line.x),
        "y": arrays.floats(line.y * factor),
        "lo": arrays.floats(low) if low is not None else None,
        "hi": arrays.floats(high) if high is not None else None,
        "runs": line.runs,
        "files": None,
    }


def _length(part: Any) -> int:
    if isinstance(part, dict):
        return sum(len(text) for text in part.values() if isinstance(text, str)) + 20
    if isinstance(part, list):
        return sum(len(str(one)) + 3 for one in part)
    return 5


def groups(gathered: Gathered) -> Iterator[tuple[str, list[int]]]:
    """Benchmarks with the numbers of their lines, by name."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(gathered.lines):
        found.setdefault(line.head.benchmark, []).append(number)
    yield from sorted(found.items())
