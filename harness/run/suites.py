"""What a suite's class is made of, for asv and for ``harness run`` alike.

A suite is a class with ``params`` and ``param_names`` (as asv reads them), a static method
``scenario(*params)``, and ``track_…`` methods made by ``tracked``. asv measures in ``setup_cache``
and asks each ``track_…`` method for its number; ``harness run`` measures the same scenarios and
prints the same numbers.

To asv a smaller number is a better one, always. So rates, of which more is better, are ``shown_…``
methods, which asv does not see; it tracks their reciprocals, the time of one operation.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

import msgspec

from harness.errors import PlanError
from harness.records import Run, Scenario

#: Figures by the parameters' text, then by metric: plain values, which asv can pickle.
Found: TypeAlias = dict[str, dict[str, float]]

#: The environment variable by which asv's runs can be pointed at another target.
TARGET_VARIABLE = "HARNESS_TARGET"


#: Seconds of window and warm-up in a quick run, and the most rows that it fills in.
QUICK_S = 0.5
QUICK_WARMUP_S = 0.1
QUICK_ROWS = 15_000

#: A suite's class. asv knows classes by their attributes alone, so there is no base to inherit.
Suite: TypeAlias = Any


class Tracked(Protocol):
    """A ``track_…`` method: the number of one metric."""

    unit: str
    metric: str
    label: str

    def __call__(self, suite: Any, found: Found, *params: Any) -> float: ...


def tracked(metric: str, unit: str, label: str = "") -> Any:
    """A ``track_…`` method for a metric of the run; ``label`` names it in the printed table."""

    def track(self: Any, found: Found, *params: Any) -> float:
        return number(found, params, metric)

    track.unit = unit  # type: ignore[attr-defined]  # asv reads the unit from the function
    track.metric = metric  # type: ignore[attr-defined]  # read by the printed table
    track.label = label  # type: ignore[attr-defined]  # read by the printed table
    return track


def combinations(suite: Suite, quick: bool = False) -> Iterator[tuple[Any, ...]]:
    """All combinations of the suite's parameters, or those of a quick run.

    Without parameters there is one, which is empty.
    """
    return itertools.product(*(suite.quick if quick else suite.params))


def tracks(suite: Suite) -> list[Tracked]:
    """The suite's ``shown_…`` and ``track_…`` methods, in the order in which they are written."""
    return [made for name, made in vars(suite).items() if name.startswith(("shown_", "track_"))]


def measure(suite: Suite, progress: Callable[[str], None] = lambda text: None) -> Found:
    """All figures of a suite, for asv's ``setup_cache``.

    Figures of VOID runs are NaN, and so are those that the target cannot give.
    """
    from harness.run import fitting
    from harness.run.manager import Manager

    target = os.environ.get(TARGET_VARIABLE, "embedded")
    stated = fitting.states_protocol(suite)
    found: Found = {}
    with Manager(target, folder=None, progress=progress) as manager:
        for params in combinations(suite):
            scenario = suite.scenario(*params)
            offered = manager.offered() if scenario.live else []
            if fitting.lacking(scenario, offered, stated) is None:
                found[key(params)] = figures(manager.measure(scenario, stated=stated))
            else:
                found[key(params)] = {}
    return found


def figures(run: Run) -> dict[str, float]:
    """The run's figures by metric; NaN if the run is VOID."""
    return {metric.name: run.value(metric.name) for metric in run.metrics}


def number(found: Found, params: tuple[Any, ...], metric: str) -> float:
    """One figure; NaN if there is none. Raises ``PlanError`` for parameters never measured."""
    if key(params) not in found:
        raise PlanError(f"nothing was measured for {key(params)}")
    value = found[key(params)].get(metric.removeprefix("1/"), float("nan"))
    if not metric.startswith("1/"):
        return value
    return 1e9 / value if value > 0 else float("nan")


def quickly(scenario: Scenario) -> Scenario:
    """The same scenario in less time, with wider intervals."""
    load = msgspec.structs.replace(
        scenario.load,
        duration_s=min(QUICK_S, scenario.load.duration_s),
        warmup_s=min(QUICK_WARMUP_S, scenario.load.warmup_s),
    )
    rows = min(scenario.workload.rows, QUICK_ROWS)
    return msgspec.structs.replace(
        scenario,
        load=load,
        workload=msgspec.structs.replace(scenario.workload, rows=rows),
        options={**scenario.options, "quick": True},
    )


def key(params: tuple[Any, ...]) -> str:
    """The text under which figures of these parameters are kept."""
    return ", ".join(map(str, params))
