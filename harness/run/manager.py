"""Starts a target and a fresh worker for each scenario, and gives its verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import TargetError
from harness.measure.environment import environment
from harness.records import FORM, Check, Run, Scenario, Target
from harness.run import fitting, validity
from harness.run.exchange import Finding, Job
from harness.run.process import Outcome, work
from harness.store import runs
from harness.targets.choice import Choice, Factory, Server, choose
from harness.targets.embedded import Null

#: Kinds of workload that weigh the server, which must be fresh for that.
WEIGHING = ("memory", "population")


class Manager:
    """Measures scenarios one after the other and keeps their runs.

    ``target`` is a name as ``choose`` takes it (which may raise ``PlanError`` or ``TargetError``),
    a choice, or what makes a server. ``folder`` None keeps nothing. ``share_target`` keeps one
    server for all scenarios but those that weigh it, which saves time; without it each scenario has
    a fresh one. ``preload`` names modules that each worker imports first; it exists for those who
    want to break something on purpose and see the run become VOID. A context manager, which ends
    what it started.
    """

    def __init__(
        self,
        target: str | Choice | Factory = "embedded",
        *,
        folder: Path | None = runs.DEFAULT_FOLDER,
        preload: Sequence[str] = (),
        progress: Callable[[str], None] = lambda text: None,
        share_target: bool = False,
    ) -> None:
        if isinstance(target, str):
            target = choose(target)
        elif not isinstance(target, Choice):
            target = Choice("target", Target(kind="unknown"), target)
        self.label = target.label
        self._factory, self._asked = target.factory, target.asked
        self._offered = self._asked.protocols
        self._folder = folder
        self._preload = list(preload)
        self._progress = progress
        self._null: Null | None = None
        self._share = share_target
        self._shared: Server | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the shared server and the null target, if they run."""
        if self._null is not None:
            self._null.close()
            self._null = None
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.__exit__(None, None, None)

    @contextmanager
    def _server(self, kind: str) -> Iterator[Server]:
        """A server for one scenario: a fresh one, or the shared one as long as it lives."""
        if not self._share or kind in WEIGHING:
            with self._factory() as server:
                yield server
            return
        if self._shared is not None and self._shared.death() is not None:
            self.close()
        if self._shared is None:
            self._shared = self._factory().__enter__()
        yield self._shared

    def offered(self) -> list[str]:
        """The protocols that the target offers, the newest first; it is started if need be.

        Raises ``TargetError`` if it does not start or answer.
        """
        if not self._offered:
            with self._factory() as server:
                self._offered = server.describe().protocols
        return self._offered

    def measure(self, scenario: Scenario, *, stated: bool = False) -> Run:
        """Measure one scenario in a fresh worker against a fresh target.

        A protocol that the target does not offer becomes the best that it does, unless it is
        ``stated``: then the run is VOID, as is one of confirmed answers where there are none.
        A target or worker that fails makes the run VOID with the reason; the run is stored all the
        same. Raises ``PlanError`` and ``StoreError`` only.
        """
        now = datetime.now(UTC)
        where = environment()
        target = self._asked if scenario.live else Target(kind=scenario.alone)
        log: list[str] = []
        try:
            if scenario.live:
                with self._server(scenario.workload.kind) as server:
                    target = server.describe()
                    missing = fitting.lacking(scenario, target.protocols, stated)
                    if missing is not None:
                        raise TargetError(missing)
                    scenario = fitting.fitted(scenario, target.protocols)
                    outcome = self._work(scenario, target, server)
                    if outcome.finding is None:
                        log = server.log_tail()
            else:
                outcome = work(
                    Job(scenario=scenario, target=target, preload=self._preload),
                    death=lambda: None,
                    progress=self._progress,
                )
        except TargetError as error:
            outcome = Outcome(None, str(error))
        finding = outcome.finding or Finding()
        checks = list(finding.checks)
        if outcome.finding is None:
            checks.append(Check(name="finished", passed=False, found=outcome.reason))
        elif scenario.live and target.kind != "null":
            checks += _generator(finding)
        run = Run(
            id=runs.new_id(scenario.name, now),
            form=FORM,
            scenario=scenario,
            target=target,
            environment=where,
            verdict=validity.verdict(
                checks, finding.spread, finding.client, finding.server, finding.others_cores
            ),
            started_at=now.isoformat(timespec="seconds"),
            metrics=finding.metrics,
            checks=checks,
            histograms=finding.histograms,
            traces=finding.traces,
            client=finding.client,
            server=finding.server,
            others_cores=finding.others_cores,
            gc=finding.gc,
            loop_lag=finding.loop_lag,
            notes=finding.notes,
            log_tail=[*outcome.log_tail, *log],
        )
        if self._folder is not None:
            runs.save(run, self._folder)
            for name, text in finding.attachments.items():
                runs.attach(run, name, text, self._folder)
        return run

    def _work(self, scenario: Scenario, target: Target, server: Server) -> Outcome:
        null = None if target.kind == "null" else self._null_target()
        job = Job(scenario=scenario, target=target, null=null, preload=self._preload)
        return work(job, death=server.death, progress=self._progress)

    def _null_target(self) -> Target:
        """The null target: one for all scenarios, since it keeps nothing."""
        if self._null is not None and self._null.death() is not None:
            self._null.close()
            self._null = None
        if self._null is None:
            self._null = Null()
            self._null.start()
        return self._null.describe()


def _generator(finding: Finding) -> list[Check]:
    rate = finding.value("rate")
    if rate is None:
        return []
    return [
        validity.generator(
            rate,
            finding.server,
            finding.client,
            finding.baseline_per_s,
            finding.baseline_missing,
            finding.others_cores,
        )
    ]
