"""Any two commits, machines, targets or clients beside each other: all values by commit.

Histories are stored by benchmark; to compare commits, all series' values of one commit must come in
one piece. So they are written a second time, in blocks of neighbouring commits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from harness.records import Record
from harness.stats.events import Judged
from reports import arrays, naming, quantities
from reports.benchmark import Shard
from reports.gathering import Gathered

#: About so many bytes a block.
_BLOCK_BYTES = 1 << 19
#: Commits of a block at the most.
_MOST = 256
#: What counts as the same: within ±2 %, as in ``harness compare``.
MARGIN = 0.02


class Page(Record, frozen=True):
    """What the page for comparing needs; all of it is made in the browser."""

    title: str
    data: dict[str, Any]


def page(gathered: Gathered, judged: Sequence[Judged]) -> Page:
    """The series by number, and where the blocks begin."""
    machines = list(dict.fromkeys(line.head.machine for line in gathered.lines))
    environments = list(dict.fromkeys(_environment(line.head) for line in gathered.lines))
    targets = list(dict.fromkeys(line.head.parameters.get("target", "") for line in gathered.lines))
    size = _size(len(gathered.lines))
    series = []
    for line, one in zip(gathered.lines, judged, strict=True):
        head = line.head
        unit, _ = quantities.known(head.unit)
        series.append({
            "n": head.name,
            "h": f"b/{naming.slug(head.benchmark)}.html",
            "u": unit,
            "b": head.better.value,
            "m": machines.index(head.machine),
            "e": environments.index(_environment(head)),
            "t": targets.index(head.parameters.get("target", "")),
            "s": naming.suite(head.benchmark),
            "sd": _relative_noise(line.y, one),
        })  # fmt: skip
    return Page(
        title="Compare",
        data={
            "series": series,
            "machines": machines,
            "environments": environments,
            "targets": targets,
            "blocks": list(range(0, len(gathered.commits), size)),
            "margin": MARGIN,
        },
    )


def _environment(head: Any) -> str:
    """An environment in a few words: its name, or what it consists of."""
    known = head.environment
    if "name" in known:
        return str(known["name"])
    return ", ".join(f"{name} {value}" for name, value in sorted(known.items()))


def _relative_noise(values: np.ndarray, judged: Judged) -> float | None:
    """The noise of one point over the series' level; None if there are too few points to say."""
    finite = values[np.isfinite(values)]
    if len(finite) < 6:
        return None
    level = abs(float(np.median(finite)))
    found = judged.noise / level if level else math.nan
    return float(f"{found:.3g}") if math.isfinite(found) else None


def _size(series: int) -> int:
    """Commits of a block."""
    return max(1, min(_MOST, _BLOCK_BYTES // max(1, 6 * series)))


def blocks(gathered: Gathered) -> Iterator[Shard]:
    """The values of all series by commit; None for a commit without any.

    Of several points of one series at one commit the last one counts.
    """
    count, lines = len(gathered.commits), gathered.lines
    if not lines or not count:
        return
    xs = np.concatenate([line.x for line in lines])
    ys = np.concatenate(
        [(line.y * quantities.known(line.head.unit)[1]).astype(np.float32) for line in lines]
    )
    which = np.repeat(np.arange(len(lines), dtype=np.int32), [len(line.x) for line in lines])
    order = np.argsort(xs, kind="stable")
    xs, ys, which = xs[order], ys[order], which[order]
    bounds = np.searchsorted(xs, np.arange(count + 1))
    size = _size(len(lines))
    for number, first in enumerate(range(0, count, size)):
        values: list[Any] = []
        for commit in range(first, min(first + size, count)):
            begin, end = int(bounds[commit]), int(bounds[commit + 1])
            if begin == end:
                values.append(None)
                continue
            row = np.full(len(lines), np.nan, dtype=np.float32)
            row[which[begin:end]] = ys[begin:end]
            values.append(arrays.floats(row))
        yield Shard(
            key=f"data/c{number}", content={"from": first, "values": values, "lo": None, "hi": None}
        )
