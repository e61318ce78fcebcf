"""A server that we start as a process of its own, and end whatever happens."""

from __future__ import annotations

import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import TargetError
from harness.measure.environment import file_sha256, source_sha256
from harness.records import Target
from harness.targets.offered import PROTOCOLS

#: Seconds from the start to the first line.
START_TIMEOUT_S = 30.0
#: Seconds that the server gets to end by itself after SIGTERM.
STOP_TIMEOUT_S = 10.0
#: Lines of its log that are kept for a run.
LOG_LINES = 20
#: How the reason begins when a server has died.
SERVER_DIED = "the server died"
_LOG_BYTES = 64 * 1024


class ServerProcess:
    """Runs a command whose first line on stdout is its URI; a context manager.

    The server's stdin is a pipe of ours, so with ``HARNESS_DIE_WITH_PARENT`` it ends even when we
    are killed. Its other output goes to a file that is deleted at the end.
    """

    def __init__(self, kind: str, command: Sequence[str], *, flags: Sequence[str] = ()) -> None:
        self._kind = kind
        self._command = list(command)
        self._flags = list(flags)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (kept as long as the object)
        self._process: subprocess.Popen[bytes] | None = None
        self.uri = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start and wait for the URI. Raises ``TargetError`` with the end of the log."""
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env={**os.environ, "HARNESS_DIE_WITH_PARENT": "1"},
                # A group of its own: Ctrl-C is ours to handle, and the server ends by our word.
                start_new_session=True,
            )
        except OSError as error:
            self.close()
            raise TargetError(f"the {self._kind} server cannot be started: {error}") from error
        try:
            line = self._first_line(self._process)
        except BaseException:
            self.close()
            raise
        if not line.startswith("http"):
            said = line or "nothing"
            self._process.kill()
            self._process.wait()
            tail = "; ".join(self.log_tail()[-3:])
            self.close()
            raise TargetError(f"the {self._kind} server said {said!r}, not its URI: {tail}")
        self.uri = line

    @property
    def pid(self) -> int:
        """The process' id. Raises ``TargetError`` before the start."""
        if self._process is None:
            raise TargetError(f"the {self._kind} server is not started")
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def describe(self) -> Target:
        """What the run keeps about this server."""
        import harness

        exe = os.path.realpath(f"/proc/{self.pid}/exe")
        if not os.path.exists(exe):
            exe = os.path.realpath(self._command[0])
        return Target(
            kind=self._kind,
            uri=self.uri,
            pid=self.pid,
            exe=exe,
            exe_sha256=file_sha256(exe),
            code_sha256=source_sha256(),
            version=harness.__version__,
            flags=self._flags,
            protocols=list(PROTOCOLS),
        )

    def death(self) -> str | None:
        """How the server died, as a reason; None while it lives."""
        if self._process is None or self._process.poll() is None:
            return None
        code = self._process.returncode
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"{SERVER_DIED} with {how}"

    def log_tail(self, lines: int = LOG_LINES) -> list[str]:
        """The last lines that the server wrote to stderr."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - _LOG_BYTES))
        return self._log.read().decode(errors="replace").splitlines()[-lines:]

    def close(self) -> None:
        """End the server: SIGTERM, then SIGKILL if it does not obey. Its log is gone then."""
        process = self._process
        if process is not None:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        self._log.close()

    def _first_line(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdout is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        found = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in found:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TargetError(
                        f"the {self._kind} server said nothing for {START_TIMEOUT_S:g} s"
                    )
                piece = os.read(process.stdout.fileno(), 4096)
                if not piece:
                    break
                found += piece
        return found.split(b"\n")[0].decode(errors="replace").strip()


def folder_for_data() -> tempfile.TemporaryDirectory[str]:
    """A new folder for a server's data, on disk where the system has one for such files.

    Raises ``TargetError`` if none can be made.
    """
    base = Path("/var/tmp")  # noqa: S108  (a parent for mkdtemp, which is safe in it)
    try:
        return tempfile.TemporaryDirectory(
            prefix="harness-", dir=base if base.is_dir() else None, ignore_cleanup_errors=True
        )
    except OSError as error:
        raise TargetError(f"no folder for the server's data: {error.strerror}") from error
