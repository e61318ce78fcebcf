"""One block of a comparison: fresh processes of two environments against one server.

The server is that of the installation which runs this, a fresh one for each block: both sides of a
block talk to the same process. What is asked comes from here as well; the environments bring the
library that is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from harness.errors import TargetError
from harness.records import Scenario, Target
from harness.run import compare_slices
from harness.run.compare_figures import Figure, figures
from harness.run.compare_turns import Bench
from harness.run.exchange import Finding, Job
from harness.run.process import work
from harness.targets.embedded import Embedded

#: Kinds of workload that weigh the server, which must be fresh for each process.
_WEIGHING = ("memory", "population")


class Processes:
    """Takes blocks: a ``TakeBlock``. ``pythons`` are the interpreters of base and head."""

    def __init__(
        self,
        pythons: tuple[str, str],
        *,
        server: Callable[[], Embedded] = Embedded,
    ) -> None:
        # Isolated: neither the folder we are in nor PYTHONPATH may stand in for the environment.
        self._pythons = tuple([python, "-I"] for python in pythons)
        self._server = server

    def __call__(self, bench: Bench, order: tuple[int, ...]) -> list[list[Figure]]:
        """The figures of each process. Raises ``TargetError`` if one has no true ones."""
        scenario = bench.scenario
        if scenario.workload.kind == "codec":
            return compare_slices.take([self._pythons[side] for side in order], scenario)
        if not scenario.live or scenario.workload.kind in _WEIGHING:
            return [self._alone(scenario, side) for side in order]
        with self._server() as server:
            return [self._one(scenario, side, server) for side in order]

    def _alone(self, scenario: Scenario, side: int) -> list[Figure]:
        place: AbstractContextManager[Embedded | None] = (
            self._server() if scenario.live else nullcontext()
        )
        with place as server:
            return self._one(scenario, side, server)

    def _one(self, scenario: Scenario, side: int, server: Embedded | None) -> list[Figure]:
        target = Target(kind=scenario.alone) if server is None else server.describe()
        outcome = work(
            Job(scenario=scenario, target=target),
            death=(lambda: None) if server is None else server.death,
            progress=lambda text: None,
            python=self._pythons[side],
        )
        name = ("base", "head")[side]
        if outcome.finding is None:
            last = f" ({outcome.log_tail[-1].strip()})" if outcome.log_tail else ""
            raise TargetError(f"the {name} side: {outcome.reason}{last}")
        return _true(scenario, outcome.finding, name)


def _true(scenario: Scenario, finding: Finding, name: str) -> list[Figure]:
    for check in finding.checks:
        if not check.passed:
            raise TargetError(f"the {name} side: {check.name}: {check.found}")
    found = figures(scenario, finding.metrics, finding.notes)
    if not found:
        raise TargetError(f"the {name} side has no figure")
    return found
