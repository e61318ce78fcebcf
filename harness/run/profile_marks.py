"""Who follows the marks of a client under load, and acts when its window begins and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from harness.errors import TargetError
from harness.run import profilers
from harness.run.profilers import Raw

#: Samples of the wall clock a second that py-spy takes.
RATE = 500
#: Seconds that py-spy may take to end when it is asked to.
SPY_S = 30.0
#: Seconds between looks at whether the window has begun.
_LOOK_EVERY_S = 0.005
_TAIL = 300


class Marks:
    """Follows the marks that the client writes, in a thread: a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="marks")
        self.failure = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *about: object) -> None:
        self._done.set()
        self._thread.join()
        self.close()

    def pid(self, number: int) -> None:
        """The client's process, before anything else."""

    def begin(self) -> None:
        """The window begins."""

    def end(self) -> None:
        """The window is over."""

    def close(self) -> None:
        """Nobody is looked at any more."""

    def _follow(self) -> None:
        seen = 0
        while True:
            over = self._done.is_set()
            text = self._path.read_text() if self._path.exists() else ""
            for line in text[seen : text.rfind("\n") + 1].splitlines():
                if line.startswith("pid "):
                    self.pid(int(line[4:]))
                elif line == "begin":
                    self.begin()
                elif line == "end":
                    self.end()
            seen = max(seen, text.rfind("\n") + 1)
            if over:
                return
            self._done.wait(_LOOK_EVERY_S)


class Switch(Marks):
    """Tells a server's ``profiled.py`` when the window begins and ends."""

    def __init__(self, path: Path, pid: int) -> None:
        super().__init__(path)
        self._pid, self._ended = pid, False

    def begin(self) -> None:
        self._tell()

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self._tell()

    def _tell(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGUSR2)


class Spy(Marks):
    """py-spy beside a process while the window is open; ``pid`` None is the client."""

    def __init__(self, place: Path, path: Path, pid: int | None) -> None:
        super().__init__(path)
        self._pid, self._out = pid, place / "spied.txt"
        self._log = place / "spy.log"
        self._spy: subprocess.Popen[bytes] | None = None

    def pid(self, number: int) -> None:
        self._pid = number if self._pid is None else self._pid

    def begin(self) -> None:
        program = profilers.pyspy()
        assert program is not None  # `ready` has looked
        command = [program, "record", "--pid", str(self._pid), "--format", "raw", "--function",
                   "--nonblocking", "--full-filenames", "--rate", str(RATE),
                   "--duration", "unlimited", "--output", str(self._out)]  # fmt: skip
        with self._log.open("wb") as log:
            self._spy = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def end(self) -> None:
        if self._spy is not None and self._spy.poll() is None:
            self._spy.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._spy.wait(SPY_S)

    def close(self) -> None:
        if self._spy is not None and self._spy.poll() is None:
            self._spy.kill()
            self._spy.wait()

    def found(self) -> Raw:
        """What it saw. Raises ``TargetError`` with what to do if the system refused it."""
        if not self._out.exists():
            said = self._log.read_text(errors="replace") if self._log.exists() else ""
            if "permission" in said.lower() or "EPERM" in said:
                raise TargetError(
                    "py-spy may not look into another process here (ptrace is refused): run it as "
                    "root, allow it (sysctl kernel.yama.ptrace_scope=0, or docker run --cap-add "
                    "SYS_PTRACE), or leave --with away, which needs no permission"
                )
            raise TargetError(f"py-spy wrote nothing: {' '.join(said.split())[-_TAIL:]}")
        stacks, lines, count = profilers.spied(self._out.read_text(errors="replace"), RATE)
        return Raw({"": stacks} if stacks else {}, lines, count, {})
