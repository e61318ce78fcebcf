"""One scenario under a profiler: a run whose figures nobody sees.

What is profiled is the window in which the same scenario's CPU time is metered. Its effects are
checked as in any run: a profile of calls that failed would explain nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from harness.errors import PlanError, TargetError
from harness.records import IN_PROCESS, Scenario, Target
from harness.run import fitting, profiled, profilers, recorders
from harness.run.exchange import Finding, Job
from harness.run.process import Outcome, work
from harness.run.profile_marks import RATE, Marks, Spy, Switch
from harness.run.profilers import Raw
from harness.stacks import Frame, Lines, Stacks, added, scaled
from harness.targets.choice import Factory, Server
from harness.targets.embedded import Embedded

CLIENT, SERVER = "client", "server"
#: Kinds of workload that compare two programs themselves.
REFUSED = ("peer", "client")
#: Seconds that a process may take to write its profile.
WRITING_S = 60.0
_CODEC_GRACE_S = 60.0
_TAIL = 300


class Turn(NamedTuple):
    """What was seen: weights of one operation, or of the process where there are none.

    ``operations`` are those of the window, ``samples`` how often it was looked.
    """

    stacks: Stacks
    lines: Lines
    samples: int
    operations: int
    target: Target


class Profiling:
    """Takes turns of one scenario with one profiler.

    ``python`` is the interpreter, with its options, of the profiled side; ``server`` makes the
    server if the client is looked at, else it is the embedded one of that interpreter.
    """

    def __init__(
        self,
        scenario: Scenario,
        profiler: str,
        of: str,
        *,
        python: Sequence[str] = (sys.executable,),
        server: Factory = Embedded,
    ) -> None:
        if scenario.workload.kind in REFUSED:
            raise PlanError(f"{scenario.name} compares two programs itself; profile one of them")
        if of == SERVER and not scenario.live:
            raise PlanError(f"{scenario.name} happens in one process: there is no server in it")
        if profiler == "callgrind":
            raise PlanError("instructions are counted of codec, cache and protocol, not of runs")
        self._scenario, self._of = scenario, of
        self._profiler, self._what = profiler, profilers.ready(profiler)
        self._python, self._server = list(python), server

    def take(self) -> Turn:
        """One turn. Raises ``TargetError`` if the run failed, or if nothing was seen."""
        with tempfile.TemporaryDirectory(prefix="harness-profile-") as folder:
            place = Path(folder)
            kind = self._scenario.workload.kind
            if kind == "codec":
                return self._codec(place)
            if self._of == SERVER:
                return self._of_server(place)
            return self._of_client(place)

    def alone(self, server: Server | None, place: Path) -> Turn:
        """A turn against a server that runs already, with room for files in ``place``."""
        window = "meter" if self._scenario.live else self._scenario.workload.kind
        # memray looks at all of the process, and nobody meters the weighing of memory.
        if self._profiler == "memray" or self._scenario.workload.kind == "memory":
            window = "whole"
        out, marks = place / "profile.json", place / "marks"
        inside = "nothing" if self._profiler == "py-spy" else self._profiler
        python = self._inside(self._python, out, inside, window, marks)
        spy = Spy(place, marks, None) if self._profiler == "py-spy" else nullcontext()
        with spy:
            finding, target = self._worked(server, python)
        raw = profilers.read(out, self._profiler)
        if isinstance(spy, Spy):
            raw = spy.found()
        return self._turn(raw, finding, target)

    def _of_client(self, place: Path) -> Turn:
        if not self._scenario.live:
            return self.alone(None, place)
        with self._server() as server:
            return self.alone(server, place)

    def _of_server(self, place: Path) -> Turn:
        out, marks = place / "profile.json", place / "marks"
        outside, all_of_it = self._profiler == "py-spy", self._profiler == "memray"
        python = (
            self._python if outside
            else self._inside(
                self._python, out, self._profiler, "whole" if all_of_it else "signals", None
            )
        )  # fmt: skip
        # Only the ends of the window come from the client: of whatever revision the server is, the
        # load is that of this installation.
        client = self._inside([sys.executable], place / "client.json", "nothing", "meter", marks)
        spy: Marks
        with Embedded(python) as server:
            if outside:
                spy = Spy(place, marks, server.pid)
            else:
                spy = Marks(marks) if all_of_it else Switch(marks, server.pid)
            with spy:
                finding, target = self._worked(server, client)
        raw = spy.found() if isinstance(spy, Spy) else profilers.read(out, self._profiler)
        return self._turn(raw, finding, target)

    def _inside(
        self, python: Sequence[str], out: Path, how: str, window: str, marks: Path | None
    ) -> list[str]:
        """The interpreter, told to run a module under ``profiled.py``."""
        rate = recorders.RATE if how == "sampler" else RATE
        told = [] if marks is None else ["--marks", str(marks)]
        return [*python, "-P", profiled.__file__, str(out), "--with", how, "--rate", str(rate),
                "--window", window, *told]  # fmt: skip

    def _worked(self, server: Server | None, python: Sequence[str]) -> tuple[Finding, Target]:
        alone = Target(kind=self._scenario.alone)
        target = alone if server is None else server.describe()
        missing = fitting.lacking(self._scenario, target.protocols, stated=False)
        if missing is not None:
            raise TargetError(missing)
        try:
            outcome = work(
                Job(scenario=fitting.fitted(self._scenario, target.protocols), target=target),
                death=(lambda: None) if server is None else server.death,
                progress=lambda text: None,
                python=python,
                linger_s=WRITING_S,
            )
        except OSError as error:
            raise TargetError(f"{python[0]} cannot be started: {error}") from error
        return _true(outcome), target

    def _codec(self, place: Path) -> Turn:
        """Rows encoded and decoded in a process of their own: there is no worker to it."""
        load, workload = self._scenario.load, self._scenario.workload
        out, marks = place / "profile.json", place / "marks"
        inside = "nothing" if self._profiler == "py-spy" else self._profiler
        what = f"{self._scenario.options['row']},{workload.rows},{load.duration_s}"
        command = [*self._inside(self._python, out, inside, "whole", marks), "--codec", what]
        spy = Spy(place, marks, None) if self._profiler == "py-spy" else nullcontext()
        with spy:
            _call(command, load.duration_s + _CODEC_GRACE_S)
        raw = profilers.read(out, self._profiler)
        if isinstance(spy, Spy):
            raw = spy.found()._replace(operations=raw.operations)
        return self._turn(raw, Finding(), Target(kind=IN_PROCESS))

    def _turn(self, raw: Raw, finding: Finding, target: Target) -> Turn:
        counted = _operations(finding)
        if not any(raw.groups.values()):
            raise TargetError(
                f"{self._profiler} saw nothing of the {self._of}, which used no time in the "
                "window; a longer one (--seconds) may help"
            )
        operations = sum(raw.operations.values()) or counted
        stacks = (
            each_by_its_own(raw, counted) if self._what.per_operation
            else added(raw.groups.values())
        )  # fmt: skip
        return Turn(stacks, raw.lines, raw.samples, operations, target)


def each_by_its_own(raw: Raw, counted: int) -> Stacks:
    """Weights of one operation: each group by its own count, and under a frame of its name."""
    found = []
    for group, stacks in raw.groups.items():
        count = raw.operations.get(group) or (counted if not raw.operations else 0)
        if raw.operations and not count:
            # Seen from outside, groups cannot be told apart.
            count = max(raw.operations.values())
        if group:
            stacks = {(Frame(name=group), *stack): value for stack, value in stacks.items()}
        found.append(scaled(stacks, 1 / count if count else 1.0))
    return added(found)


def _operations(finding: Finding) -> int:
    """Those of the window: of its rate, or else of the first figure that says of how many it is."""
    counts = {metric.name: metric.count for metric in finding.metrics if metric.count}
    return counts.get("rate") or next(iter(counts.values()), 0)


def _true(outcome: Outcome) -> Finding:
    """The finding of a run whose effects were as they must be. Raises ``TargetError``."""
    if outcome.finding is None:
        last = f" ({outcome.log_tail[-1].strip()})" if outcome.log_tail else ""
        raise TargetError(f"the run under the profiler failed: {outcome.reason}{last}")
    for check in outcome.finding.checks:
        # What slows it down may break the laws of its timing, and may not break its effects.
        if not check.passed and check.name not in ("little",):
            raise TargetError(f"the run under the profiler failed: {check.name}: {check.found}")
    return outcome.finding


def _call(command: Sequence[str], timeout_s: float) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False,
            timeout=timeout_s, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TargetError(f"the codec took more than {timeout_s:g} s") from None
    except OSError as error:
        raise TargetError(f"{command[0]} cannot be started: {error}") from error
    if done.returncode:
        raise TargetError(f"the codec failed: {done.stderr.strip()[-_TAIL:]}")
