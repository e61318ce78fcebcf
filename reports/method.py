"""What a verdict means, and how noisy the machines of this site are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.records import Record
from harness.stats import visible
from harness.stats.events import Judged
from reports import quantities
from reports.gathering import Gathered


class Page(Record, frozen=True):
    """What the page says, part by part."""

    title: str
    html_sections: list[dict[str, Any]]


def page(gathered: Gathered, judged: Sequence[Judged], level: float) -> Page:
    """The rules in prose, and a table of the noise that was seen."""
    noise = _noise(gathered, judged)
    return Page(
        title="Method",
        html_sections=[
            _section("distrust", "Why to distrust any of this", _DISTRUST),
            _section("run", "What a run is worth", [_RUN], items=_LEVELS),
            _section(
                "event", "What counts as a change",
                [text.format(level=f"{level:.0%}") for text in _EVENT],
            ),
            _section("compare", "Two commits beside each other", _COMPARE),
            _section("noise", "How noisy these machines are", _NOISE, table=noise),
            _section("words", "Words", [], items=_WORDS),
        ],
    )  # fmt: skip


def _section(
    id: str, title: str, paragraphs: Sequence[str], *, table: Any = None, items: Sequence[str] = ()
) -> dict[str, Any]:
    return {
        "id": id, "title": title, "paragraphs": list(paragraphs), "table": table,
        "items": list(items),
    }  # fmt: skip


def _noise(gathered: Gathered, judged: Sequence[Judged]) -> dict[str, Any] | None:
    """By machine and kind of metric: the noise of half of the series, and of nine in ten."""
    found: dict[tuple[str, str], list[float]] = {}
    for line, one in zip(gathered.lines, judged, strict=True):
        finite = line.y[np.isfinite(line.y)]
        level = abs(float(np.median(finite))) if len(finite) >= 6 else 0.0
        if level:
            key = (line.head.machine, quantities.kind(line.head.benchmark, line.head.unit))
            found.setdefault(key, []).append(one.noise / level)
    if not found:
        return None
    rows = []
    for (machine, kind), noises in sorted(found.items()):
        half, most = np.percentile(noises, [50, 90])
        least = visible.shift(float(half))
        rows.append(
            [machine or "unknown", kind, f"{len(noises):,}", f"±{half:.2%}", f"±{most:.2%}",
             f"{least:.1%}"]
        )  # fmt: skip
    return {
        "headers": ["machine", "metric", "series", "noise, half of them", "nine in ten",
                    "smallest lasting change seen"],
        "rows": rows,
    }  # fmt: skip


_DISTRUST = [
    "A benchmark answers the question that it asks, on the machine that it ran on, on that day. It "
    "says little about your module, your network and your machine. Measure those: every table here "
    "was made by one command that runs on a laptop.",
    "Client and server share the cores of one machine wherever a run says nothing else. Rates at "
    "saturation are those of both together. The figure to follow over time is cost: CPU time an "
    "operation, on either side, and counted instructions where nothing else is noisy less.",
]
_RUN = (
    "Each scenario runs in a fresh process against a server of its own. After it the rows that the "
    "server holds, each client's cache and the server's own count of transactions are compared "
    "with a model of what must be there. A figure gets one of three verdicts:"
)
_LEVELS = [
    "VALID: every check held, and the figure did not wander.",
    "NOISY: every check held, but the figure wandered by more than a tenth, or others had the "
    "machine's cores. It is shown with the reason.",
    "VOID: something was wrong: rows differ, calls failed, the load generator was the limit, the "
    "server died. No figure is shown.",
]
_EVENT = [
    "A history is taken for levels, perhaps a slope, perhaps a daily cycle, and noise of which "
    "each error passes a part of itself on to the next. A change is a new level that lasts three "
    "points at least; one point that stands out is a spike and no event.",
    "A change has to be worth more than noise alone ever offers, at the luckiest place of the "
    "series. Of all events of this site {level} may be false on average, however many series there "
    "are (Benjamini and Hochberg); what is not sure enough is counted and not shown.",
    "An event is open as long as the newest commits have it, recovered when a later level is that "
    "of before again, and acknowledged when a person has said why it may stay.",
]
_COMPARE = [
    "The page for comparing holds one value of each series against another. Its intervals come "
    "from each series' own noise over its history, not from the samples of one process, which "
    "differ less among themselves than processes do. Slower and faster are said where the "
    "interval is beyond chance among all the rows, same where it lies within the margin, unsure "
    "elsewhere.",
    "To decide about one change, measure both sides in turns: harness compare BASE HEAD.",
]
_NOISE = [
    "The noise of a series is the standard deviation of a single point around its levels. What "
    "lies below the last column may have changed without anybody being able to see it here."
]
_WORDS = [
    "latency: from when an operation was meant to start; service time: from when it was sent.",
    "offered rate: the plan; throughput: what was completed.",
    "open loop: operations start when the plan says; closed loop: when one before was answered.",
    "in process: without a server; such a figure shares no row with those through one.",
    "a fresh process each: a command from its start to its end, as its user waits for it.",
    "percentiles are read from whole histograms, and never averaged.",
]
