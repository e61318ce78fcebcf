"""All scenarios of one ``harness run``, target by target, one after the other."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from harness.cli.progress import Steps
from harness.cli.rows import rows_of
from harness.cli.selection import selector
from harness.errors import PlanError
from harness.records import Run, Scenario
from harness.run import fitting
from harness.run.suites import combinations, key, quickly
from harness.store import runs, sessions
from harness.store.sessions import TableRow
from harness.targets.choice import Choice, choose
from harness.targets.process import SERVER_DIED
from reports.printed import brief
from suites.catalog import classes, quick_classes
from suites.claims import CLAIMS

if TYPE_CHECKING:
    from harness.run import Manager

#: Lines of a server's log that are told at once when it has died.
_LOG_LINES = 3


class Step(NamedTuple):
    """One scenario on one target; ``place`` tells where its figures stand in the table."""

    name: str
    suite: Any
    params: tuple[Any, ...]
    scenario: Scenario
    manager: Manager
    #: Why it is left out on this target; None if it is measured.
    missing: str | None = None


class Session:
    """Plans and measures; ``rows`` are what came out, ``absent`` what a target does not offer.

    The targets take turns scenario by scenario, so that all of them see the same weather on the
    machine. What needs no server is measured once. Raises ``PlanError`` and ``TargetError``.
    """

    def __init__(
        self, suites: tuple[str, ...], expression: str, *, quick: bool, targets: tuple[str, ...],
        binary: Path | None, out: Path, seed: int,
    ) -> None:  # fmt: skip
        from harness.run import Manager

        wanted = selector(expression)
        self._quick, self._seed, self._out = quick, seed, out
        self._title = _command(suites, expression, quick, targets)
        self._began = datetime.now(UTC)
        self._wanted = [
            (name, suite, [x for x in combinations(suite, quick)
                           if wanted(f"{name} {key(x)} {suite.title}")])
            for name, suite in (
                classes(suites) if suites or expression or not quick else quick_classes()
            )
        ]  # fmt: skip
        if not any(chosen for _, _, chosen in self._wanted):
            raise PlanError(f"nothing to measure: no scenario fits -k {expression!r}")
        self._managers = [
            Manager(choice, folder=out, progress=self._say, share_target=quick)
            for choice in _choices(targets, binary)
        ]
        self._steps: Steps | None = None
        self._told: set[str] = set()
        self.rows: list[TableRow] = []
        self.absent: set[tuple[str, str, str]] = set()

    def run(self) -> bool:
        """Measure everything; whether Ctrl-C or a signal to end ended it early."""
        try:
            with ExitStack() as stack:
                for manager in self._managers:
                    stack.enter_context(manager)
                plan = list(self._plan())
                self._steps = stack.enter_context(Steps(len(plan)))
                for step in plan:
                    self._steps.begin(self._titled(step))
                    self._perform(step)
                    self._steps.end()
        except KeyboardInterrupt:
            return True
        finally:
            self._keep()
        return False

    def _keep(self) -> None:
        """Store the table beside the runs, whole or as far as it came."""
        if not self.rows:
            return
        sessions.save(
            sessions.Session(
                id=runs.new_id("session", self._began),
                form=sessions.FORM,
                title=self._title,
                started_at=self._began.isoformat(timespec="seconds"),
                rows=self.rows,
                absent=sorted(self.absent),
            ),
            self._out,
        )

    def _plan(self) -> Iterator[Step]:
        for name, suite, chosen in self._wanted:
            stated = fitting.states_protocol(suite)
            for params in chosen:
                for manager in self._managers:
                    scenario = self._scenario(suite, params)
                    if not scenario.live:
                        yield Step(name, suite, params, scenario, manager)
                        break
                    offered = manager.offered()
                    fit = fitting.combination(suite, params, chosen, offered)
                    scenario = self._scenario(suite, fit)
                    missing = fitting.lacking(scenario, offered, stated)
                    yield Step(name, suite, fit, scenario, manager, missing)

    def _perform(self, step: Step) -> None:
        missing = step.missing or getattr(step.suite, "missing", lambda: None)()
        if missing is not None:
            self._say(f"left out: {missing}")
            self.absent.add((step.manager.label, step.name, key(step.params)))
            return
        stated = fitting.states_protocol(step.suite)
        run = step.manager.measure(step.scenario, stated=stated)
        self._tell(run)
        label = step.manager.label if len(self._managers) > 1 else None
        self.rows += rows_of(step.name, step.suite, step.params, run, CLAIMS, label)

    def _tell(self, run: Run) -> None:
        verdict, why = run.verdict.level.value, brief(run.verdict.reasons)
        self._say(f"{verdict} ({why})" if why else verdict)
        if any(reason.startswith(SERVER_DIED) for reason in run.verdict.reasons):
            for line in run.log_tail[-_LOG_LINES:]:
                self._say(f"  {line}")
        if run.target.kind == "remote":
            for flag in run.target.flags:
                if flag not in self._told:
                    self._told.add(flag)
                    self._say(flag)

    def _titled(self, step: Step) -> str:
        many = len(self._managers) > 1 and step.scenario.live
        return f"{step.scenario.name} on {step.manager.label}" if many else step.scenario.name

    def _say(self, text: str) -> None:
        if self._steps is not None:
            self._steps.say(text)

    def _scenario(self, suite: Any, params: tuple[Any, ...]) -> Scenario:
        scenario: Scenario = suite.scenario(*params)
        if self._quick:
            scenario = quickly(scenario)
        workload = msgspec.structs.replace(scenario.workload, seed=self._seed)
        return msgspec.structs.replace(scenario, workload=workload)


def _command(
    suites: tuple[str, ...], expression: str, quick: bool, targets: tuple[str, ...]
) -> str:
    """The command as one would type it; the default target is not spelled out."""
    words = ["harness", "run", *(["--quick"] if quick else []), *suites]
    if targets != ("embedded",):
        words += [word for name in targets for word in ("--target", name)]
    return shlex.join([*words, *(["-k", expression] if expression else [])])


def _choices(targets: tuple[str, ...], binary: Path | None) -> list[Choice]:
    """What the names mean. Raises ``PlanError`` if two are the same."""
    if binary is not None and "standalone" not in targets:
        named = [name for name in targets if name.startswith("standalone:")]
        raise PlanError(
            f"--target {named[0]} and --server-binary name two servers; write --target standalone"
            if named
            else "--server-binary is for --target standalone, which was not asked for"
        )
    found = [choose(name, binary if name == "standalone" else None) for name in targets]
    labels = [choice.label for choice in found]
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise PlanError(f"the target {twice[0]} is asked for twice")
    return found
