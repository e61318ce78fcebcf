"""Which figures of a run are compared, the cost of an operation first.

Rates become the time of one operation, so that in every row more is worse. Left out are the figures
that say the same once more, the tails, which wander most, and what the plan of the load decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from harness.records import Metric, Record, Scenario
from harness.series import Better
from harness.stats.blocks import Process

#: What begins or ends a name that is not compared.
_NOT = ("late_", "service_", "offered", "typescript_")
_NOT_ENDS = (
    "_mean", "_max", "_p90", "_p99", "_p99.9", "_worst", "_ratio", "_typescript", "_awaited"
)  # fmt: skip
#: Kinds of workload whose memory is what is asked about.
_WEIGHING = ("memory", "population")
#: Rates of the single stretches of the window, as runs keep them.
_STRETCHES = "batch_rates_per_s"


class Figure(Record, frozen=True):
    """One figure of one process. The samples of several processes make a comparison.

    ``leading`` figures decide when a benchmark was measured often enough: its costs, or all
    figures where there is none.
    """

    name: str
    unit: str
    samples: Process
    better: Better = Better.LESS
    leading: bool = True


def figures(
    scenario: Scenario, metrics: Sequence[Metric], notes: Mapping[str, Any]
) -> list[Figure]:
    """The figures of one process, costs first. Those without a positive value are left out."""
    made = [
        figure for metric in metrics if (figure := _figure(scenario, metric, notes)) is not None
    ]
    return ordered(made)


def ordered(made: Sequence[Figure]) -> list[Figure]:
    """Costs first; they lead if there are any."""
    costs = [figure for figure in made if is_cost(figure.name)]
    if not costs:
        return list(made)
    others = [figure for figure in made if not is_cost(figure.name)]
    return costs + [msgspec.structs.replace(figure, leading=False) for figure in others]


def is_cost(name: str) -> bool:
    """Whether a figure is the CPU time of an operation, which other processes disturb least."""
    return name.endswith("_cpu") or name.startswith("cpu_")


def _figure(scenario: Scenario, metric: Metric, notes: Mapping[str, Any]) -> Figure | None:
    name, unit = metric.name, metric.unit
    if name.startswith(_NOT) or name.endswith(_NOT_ENDS) or "_ratio_" in name:
        return None
    if unit == "count" or unit == "ratio":
        return None
    if unit == "bytes" and scenario.workload.kind not in _WEIGHING:
        return None
    if name == "rate" and scenario.load.rate_per_s is not None:
        return None  # the plan's
    if unit == "1/s":
        rates = notes.get(_STRETCHES) if name == "rate" else None
        return _time(name, [metric.value] if not rates else list(rates))
    if not metric.value > 0:
        return None
    better = Better.LESS if metric.better == "lower" else Better.MORE
    return Figure(name=name, unit=unit, samples=(metric.value,), better=better)


def _time(name: str, rates: Sequence[float]) -> Figure | None:
    samples = tuple(1e9 / rate for rate in rates if rate > 0)
    what = name.removesuffix("rate").rstrip("_")
    title = f"{what}_time" if what else "time"
    return Figure(name=title, unit="ns", samples=samples) if samples else None
