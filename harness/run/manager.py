"""Starts a target and a fresh worker for each scenario, and gives its verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeAlias

import msgspec

from harness.errors import PlanError, TargetError
from harness.measure.environment import environment
from harness.records import FORM, Check, Run, Scenario, Target
from harness.run import validity
from harness.run.exchange import Finding, Job
from harness.run.process import Outcome, work
from harness.store import runs
from harness.targets.embedded import Embedded, Null
from harness.targets.remote import Remote


class Server(Protocol):
    """What answers, as the manager sees it."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
        /,
    ) -> None: ...
    def describe(self) -> Target: ...
    def death(self) -> str | None: ...
    def log_tail(self) -> list[str]: ...


Factory: TypeAlias = "Callable[[], Server]"

_IN_PROCESS = Target(kind="in-process")


def factory(name: str) -> Factory:
    """How to come by the target that a user names. Raises ``PlanError`` for nonsense."""
    if name == "embedded":
        return Embedded
    if name.startswith(("http://", "https://")):
        return lambda: Remote(name)
    raise PlanError(f"a target is `embedded` or a URI such as http://127.0.0.1:3000, not {name!r}")


class Manager:
    """Measures scenarios one after the other and keeps their runs.

    ``folder`` None keeps nothing. ``share_target`` keeps one server for all scenarios, which saves
    time and leaves it warm; without it each scenario has a fresh one. A context manager, which ends
    the shared server. ``preload`` names modules that each worker imports first; it
    exists for those who want to break something on purpose and see the run become VOID.
    """

    def __init__(
        self,
        target: str | Factory = "embedded",
        *,
        folder: Path | None = runs.DEFAULT_FOLDER,
        preload: Sequence[str] = (),
        progress: Callable[[str], None] = lambda text: None,
        share_target: bool = False,
    ) -> None:
        self._factory = factory(target) if isinstance(target, str) else target
        self._folder = folder
        self._preload = list(preload)
        self._progress = progress
        self._baselines: dict[bytes, tuple[float | None, str]] = {}
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
        """End the shared server, if there is one."""
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.__exit__(None, None, None)

    @contextmanager
    def _server(self) -> Iterator[Server]:
        """A server for one scenario: a fresh one, or the shared one as long as it lives."""
        if not self._share:
            with self._factory() as server:
                yield server
            return
        if self._shared is not None and self._shared.death() is not None:
            self.close()
        if self._shared is None:
            self._shared = self._factory().__enter__()
        yield self._shared

    def measure(self, scenario: Scenario) -> Run:
        """Measure one scenario in a fresh worker against a fresh target.

        A target or worker that fails makes the run VOID with the reason; the run is stored all the
        same. Raises ``PlanError`` and ``StoreError`` only.
        """
        now = datetime.now(UTC)
        where = environment()
        target, log = _IN_PROCESS, list[str]()
        try:
            if scenario.live:
                with self._server() as server:
                    target = server.describe()
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
            checks += self._generator(scenario, finding)
        run = Run(
            id=runs.new_id(scenario.name, now),
            form=FORM,
            scenario=scenario,
            target=target,
            environment=where,
            verdict=validity.verdict(checks, finding.spread),
            started_at=now.isoformat(timespec="seconds"),
            metrics=finding.metrics,
            checks=checks,
            histograms=finding.histograms,
            client=finding.client,
            server=finding.server,
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
        job = Job(scenario=scenario, target=target, preload=self._preload)
        return work(job, death=server.death, progress=self._progress)

    def _generator(self, scenario: Scenario, finding: Finding) -> list[Check]:
        rate = next((metric.value for metric in finding.metrics if metric.name == "rate"), None)
        if rate is None:
            return []
        baseline, why = None, ""
        if validity.needs_baseline(scenario, finding.server):
            baseline, why = self._baseline(scenario)
        return [validity.generator(rate, finding.server, baseline, why)]

    def _baseline(self, scenario: Scenario) -> tuple[float | None, str]:
        """What the same generator reaches against the null target, measured once; or why not."""
        asked = validity.baseline_of(scenario)
        key = msgspec.json.encode(msgspec.structs.replace(asked, name="", confirmed=False))
        if key not in self._baselines:
            self._progress("the same load against the null target")
            self._baselines[key] = self._against_null(asked)
        return self._baselines[key]

    def _against_null(self, asked: Scenario) -> tuple[float | None, str]:
        with Null() as null:
            job = Job(scenario=asked, target=null.describe(), baseline=True, preload=self._preload)
            outcome = work(job, death=null.death, progress=self._progress)
            said = null.log_tail(1)
        if outcome.finding is None:
            return None, "; ".join([outcome.reason, *outcome.log_tail[-1:], *said])
        failed = [check.found for check in outcome.finding.checks if not check.passed]
        rate = next((m.value for m in outcome.finding.metrics if m.name == "rate"), None)
        return (None, failed[0]) if failed else (rate, "")
