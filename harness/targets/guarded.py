"""A foreign program as a process of ours: in a folder of its own, with a log, never left behind."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

from harness.errors import TargetError
from harness.targets import guard

#: Seconds until the guard says the process id.
START_TIMEOUT_S = 20.0
#: Bytes at the end of the log that are looked at, and lines of them that are told.
_LOG_BYTES = 64 * 1024
LOG_LINES = 20
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Guarded:
    """Runs a command under ``harness.targets.guard``; a context manager.

    ``folder`` is the caller's to remove at the end, and the guard's should the caller be killed.
    With ``log`` the output goes to that file; with None it is a pipe, to be read from ``output``.
    Raises ``TargetError`` with the system's reason if the program cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        log: IO[bytes] | None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, str(folder), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if log is None else log,
            env=dict(os.environ if env is None else env),
            # A group of its own: Ctrl-C is ours to handle.
            start_new_session=True,
        )
        try:
            said = self._first_line()
            if not said.isdigit():
                raise TargetError(f"{command[0]} cannot be started: {said or 'no reason given'}")
        except BaseException:
            self.close()
            raise
        self.pid = int(said)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def output(self) -> IO[bytes]:
        """What the command writes, if there is no log."""
        assert self._process.stderr is not None
        return self._process.stderr

    def wait(self) -> int:
        """The exit code, once it ends; 128 and more are signals."""
        return self._process.wait()

    def death(self) -> str | None:
        """How it ended; None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        return f"signal {abs(code) % 128}" if code < 0 or code > 128 else f"exit code {code}"

    def close(self) -> None:
        """End the command and all that it started; its folder stays. May be called again."""
        process = self._process
        assert process.stdin is not None
        if process.stdin.closed:
            return
        try:
            process.stdin.write(b".")
            process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended by itself
        try:
            process.wait(2 * guard.PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def _first_line(self) -> str:
        assert self._process.stdout is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        found = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in found:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TargetError(f"no process was started within {START_TIMEOUT_S:g} s")
                piece = os.read(self._process.stdout.fileno(), 4096)
                if not piece:
                    break
                found += piece
        return found.split(b"\n")[0].decode(errors="replace").strip()


def tail(log: IO[bytes], lines: int = LOG_LINES) -> list[str]:
    """The last lines of a log that say something, without colours and drawings."""
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - _LOG_BYTES))
    text = _COLOURS.sub("", log.read().decode(errors="replace"))
    said = [line.rstrip() for line in text.splitlines() if re.search("[A-Za-z]", line)]
    return [line for line in said if not line.lstrip().startswith(("│", "┌", "└"))][-lines:]
