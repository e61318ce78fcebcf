"""The loop of ``harness dev``: whenever files come to rest, a round of steps, then the client.

Watching, time and processes are given to it, so that tests need none of them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import click

from harness.project.watching import Debounce, Snapshot, changed

#: How often files are looked at, in seconds.
LOOK_S = 0.1
#: How long a client may take to end before it is killed, in seconds.
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """A command of ours, such as ``build``, and what it is for."""

    name: str
    arguments: tuple[str, ...]


class Runner(Protocol):
    """What runs beside the loop: the client, the log."""

    def restart(self) -> None: ...

    def ensure(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(slots=True)
class Loop:
    """``run_step`` runs a step and gives its exit code; ``look`` says what files there are."""

    steps: Sequence[Step]
    run_step: Callable[[Step], int]
    look: Callable[[], Snapshot]
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    #: Started again after each good round.
    restarted: Sequence[Runner] = ()
    #: Started after a good round unless they run, and left alone then.
    started: Sequence[Runner] = ()
    say: Callable[[str], object] = field(default=lambda text: click.echo(text, err=True))
    _debounce: Debounce = field(default_factory=Debounce)
    _good: bool = False

    def run(self) -> None:
        """Go on until somebody interrupts; nothing that was started is left then."""
        try:
            seen = self.look()
            self._debounce.begin(seen)
            self.round()
            while True:
                self.sleep(LOOK_S)
                now = self.look()
                if self._debounce.due(now, self.clock()):
                    self.say(_named(changed(seen, now)))
                    seen = now
                    self.round()
        finally:
            for runner in (*self.restarted, *self.started):
                runner.stop()

    def round(self) -> bool:
        """The steps in order, up to the first that fails; what ran before goes on then."""
        for step in self.steps:
            code = self.run_step(step)
            if code:
                goes_on = "; what ran before goes on" if self._good else ""
                self.say(f"dev: {step.name} failed{goes_on}; waiting for a change")
                return False
        self._good = True
        for runner in self.started:
            runner.ensure()
        for runner in self.restarted:
            runner.restart()
        self.say("dev: watching for changes; Ctrl-C ends")
        return True


def _named(paths: Sequence[Path]) -> str:
    """Which files changed, the first few by name."""
    if not paths:
        return "dev: files changed and changed back"
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return f"dev: changed: {', '.join(path.name for path in paths[:3])}{more}"


@dataclass(slots=True)
class Program:
    """A process of ours with all that it starts. ``quiet`` says nothing of its beginning."""

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    quiet: bool = False
    _process: subprocess.Popen[bytes] | None = None

    def restart(self) -> None:
        """End what runs, and begin anew. A program that is not there is told, not raised."""
        self.stop()
        if not self.quiet:
            click.echo(f"dev: running {' '.join(self.arguments)}", err=True)
        try:
            self._process = subprocess.Popen(
                list(self.arguments),
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            click.echo(f"dev: cannot run {self.arguments[0]}: {error.strerror}", err=True)

    def ensure(self) -> None:
        """Begin, unless it runs."""
        if self._process is None or self._process.poll() is not None:
            self.restart()

    def stop(self) -> None:
        """Ask it to end, and kill it if it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        _signal(process, signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            pass
        _signal(process, signal.SIGKILL)  # what it has started and left behind, too
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # all of it has ended


def command(step: Step) -> int:
    """Run a step as ``harness STEP …`` in a process of its own, and give its exit code.

    A process of its own imports the project's code afresh.
    """
    arguments = [sys.executable, "-m", "harness", step.name, *step.arguments]
    return subprocess.run(arguments, check=False).returncode
