"""The embedded server as its own process, as a user starts it."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import IO
from urllib.parse import urlsplit

import psutil

#: Bounds liveness only: whatever works takes far less, and no test measures anything against it.
PATIENCE_S = 30.0
BENCH = "harness.module.bench"
#: Folders of who runs the tests: no server of a test leaves anything there. A test may name others.
_USERS = {name: os.environ.get(name) for name in ("TMPDIR", "XDG_CONFIG_HOME")}


@dataclass
class ServerProcess:
    """One running `harness start`. Use it as a context manager."""

    arguments: list[str] = field(default_factory=lambda: [BENCH, "--in-memory"])
    #: Whether to wait until it listens; without that ``uri`` stays empty.
    wait: bool = True
    uri: str = ""

    def __enter__(self) -> ServerProcess:
        self._errors: IO[str] = tempfile.TemporaryFile("w+")
        # One that is killed cannot clean up behind itself.
        self._left = tempfile.TemporaryDirectory()
        own = {name: self._left.name for name, x in _USERS.items() if os.environ.get(name) == x}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness", "start", "--listen", "127.0.0.1:0", *self.arguments],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **own},
        )
        if self.wait:
            try:
                self.uri = self._first_line()
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *exc: object) -> None:
        if self.alive():
            self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()
        self._left.cleanup()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.uri)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    @property
    def http(self) -> str:
        """The base of the HTTP routes, without a slash at the end."""
        host, port = self.address
        return f"http://{host}:{port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def rss_bytes(self) -> int:
        """Resident memory of the server process."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def errors(self) -> str:
        """What the server wrote to stderr so far."""
        self._errors.seek(0)
        return self._errors.read()

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing said."""
        self._process.kill()
        self._process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal that asks, and give the exit code."""
        self._process.send_signal(number)
        return self._process.wait(PATIENCE_S)

    def ends(self) -> int:
        """Wait until it ends by itself, and the exit code."""
        return self._process.wait(PATIENCE_S)

    def _first_line(self) -> str:
        stdout = self._process.stdout
        assert stdout is not None
        line = b""
        deadline = time.monotonic() + PATIENCE_S
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                piece = os.read(stdout.fileno(), 4096) if ready else b""
                if not piece:
                    self._process.kill()
                    self._process.wait()
                    why = "ended" if ready else f"said nothing for {PATIENCE_S:.0f} s"
                    raise AssertionError(f"the server {why}: {line!r}\n{self.errors()}")
                line += piece
        return line.decode().splitlines()[0].strip()
