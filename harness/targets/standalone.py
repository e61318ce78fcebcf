"""A real server, started for one scenario with the bench module compiled to WebAssembly.

It listens on a free port of the loopback, with data and keys in a folder that is deleted at the
end. Should this process be killed, the server's guard ends it and deletes the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import tempfile
import time
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.errors import SchemaError, TargetError
from harness.measure.environment import file_sha256, filesystem
from harness.records import Target
from harness.targets import offered
from harness.targets.embedded import DATABASE
from harness.targets.guarded import LOG_LINES, Guarded, tail
from harness.targets.process import SERVER_DIED, folder_for_data
from harness.targets.program import Program

KIND = "standalone"
#: Seconds from the start to the first answer.
START_TIMEOUT_S = 30.0
#: Ports that are tried, should others take the chosen one in between.
PORTS = 5
_LOOK_EVERY_S = 0.02
_TAKEN = ("Address already in use", "AddrInUse")


class Standalone:
    """One running ``spacetimedb-standalone``; a context manager.

    ``wasm`` is the module to publish as database `bench`; None takes the bench module.
    """

    def __init__(self, program: Program, *, wasm: bytes | None = None) -> None:
        self._program = program
        self._wasm = wasm
        self._folder = folder_for_data()
        self._place = Path(self._folder.name)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (kept as long as the object)
        self._running: Guarded | None = None
        self._version: str | None = None
        self._protocols: list[str] = []
        self._module_sha256: str | None = None
        self.uri = ""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start, wait for an answer, publish. Raises ``TargetError`` with the end of the log."""
        wasm = bench_wasm() if self._wasm is None else self._wasm
        key = write_keys(self._place)
        for _ in range(PORTS):
            port = free_port()
            self.uri = f"http://127.0.0.1:{port}"
            self._running = Guarded(self._command(port), folder=self._place, log=self._log,
                                    env=_environment())  # fmt: skip
            if self._answers(key):
                break
            self._running.close()
        else:
            raise TargetError(f"{PORTS} free ports in turn were taken by others before the server")
        self._version = self._told_version() or self._program.version
        self._publish(wasm)
        self._protocols = offered.protocols(self.uri, DATABASE)

    def _command(self, port: int) -> list[str]:
        return [
            str(self._program.path), "start", "--listen-addr", f"127.0.0.1:{port}",
            "--data-dir", str(self._place / "data"),
            "--jwt-pub-key-path", str(self._place / "key.pub"),
            "--jwt-priv-key-path", str(self._place / "key"),
        ]  # fmt: skip

    @property
    def pid(self) -> int:
        """The server's process. Raises ``TargetError`` before the start."""
        if self._running is None:
            raise TargetError("the standalone server is not started")
        return self._running.pid

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._running is not None and self._running.death() is None

    def death(self) -> str | None:
        """How the server died, as a reason; None while it lives."""
        how = None if self._running is None else self._running.death()
        return None if how is None else f"{SERVER_DIED} with {how}"

    def describe(self) -> Target:
        """What the run keeps about this server."""
        exe = str(self._program.path)
        return Target(
            kind=KIND,
            uri=self.uri,
            database=DATABASE,
            pid=self.pid,
            exe=exe,
            exe_sha256=file_sha256(exe),
            version=self._version,
            flags=["default options", "data on disk", f"file system {filesystem(self._place)}"],
            protocols=self._protocols,
            module_sha256=self._module_sha256,
        )

    def log_tail(self, lines: int = LOG_LINES) -> list[str]:
        """The last lines that the server wrote."""
        return tail(self._log, lines)

    def close(self) -> None:
        """End the server and delete its data, keys and log."""
        if self._running is not None:
            self._running.close()
        self._log.close()
        self._folder.cleanup()

    # --- the start, step by step -----------------------------------------------------------------

    def _answers(self, key: bytes) -> bool:
        """Wait until it answers with our key; False if somebody else has the port."""
        assert self._running is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            death = self._running.death()
            if death is not None:
                said = tail(self._log)
                if any(word in line for word in _TAKEN for line in said):
                    self._log.truncate(0)
                    return False
                raise TargetError(self._failed(f"ended with {death} before it answered", said))
            try:
                status, body = self._request("GET", "/v1/identity/public-key")
            except TargetError:
                time.sleep(_LOOK_EVERY_S)
                continue
            if status == 200 and body.strip() == key.strip():
                return True
            # Somebody answers who has other keys: ours is about to find the port taken.
            time.sleep(_LOOK_EVERY_S)
        raise TargetError(
            self._failed(f"did not answer within {START_TIMEOUT_S:g} s", tail(self._log))
        )

    def _failed(self, how: str, said: list[str]) -> str:
        last = f"; it said last: {said[-1].strip()[:200]}" if said else "; it said nothing"
        return f"the server {self._program.path} {how}{last}"

    def _told_version(self) -> str | None:
        status, body = self._request("GET", "/v1/health")
        if status != 200:
            return None  # not every version has this route
        try:
            version = json.loads(body)["version"]
        except (ValueError, KeyError, TypeError):
            return None
        return str(version)

    def _publish(self, wasm: bytes) -> None:
        status, body = self._request("POST", "/v1/identity")
        try:
            token = json.loads(body)["token"]
        except (ValueError, KeyError, TypeError):
            raise TargetError(f"the server gave no identity, but status {status}") from None
        headers = {"Authorization": f"Bearer {token}"}
        status, body = self._request("PUT", f"/v1/database/{DATABASE}", wasm, headers)
        if status >= 400:
            said = body.decode(errors="replace").strip()[:300]
            raise TargetError(f"the server refused the bench module with status {status}: {said}")
        self._module_sha256 = hashlib.sha256(wasm).hexdigest()

    def _request(
        self, method: str, path: str, body: bytes | None = None, headers: Any = None
    ) -> tuple[int, bytes]:
        with offered.connection(self.uri) as asked:
            asked.request(method, path, body, headers or {})
            answer = asked.getresponse()
            return answer.status, answer.read()


@cache
def bench_wasm() -> bytes:
    """The bench module, compiled once. Raises ``TargetError`` if the compiler refuses it."""
    from harness.module import load
    from harness.module.compiler import build

    try:
        return build(load("harness.module.bench")).wasm
    except SchemaError as error:
        raise TargetError(f"the bench module does not compile: {error}") from error


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_keys(folder: Path) -> bytes:
    """New keys for tokens, ``key`` and ``key.pub``, for our eyes only; the public one as PEM.

    Raises ``TargetError`` if there is no room for them.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    public = key.public_key().public_bytes(
        form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        for name, text in (("key", private), ("key.pub", public)):
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
    except OSError as error:
        raise TargetError(f"no room for the server's keys: {error.strerror}") from error
    return public


def _environment() -> dict[str, str]:
    """What the server may know: not our tokens."""
    from harness.targets.remote import TOKEN_VARIABLE

    secret = (TOKEN_VARIABLE, "SPACETIMEDB_TOKEN")
    kept = {name: value for name, value in os.environ.items() if name not in secret}
    return {**kept, "NO_COLOR": "1"}
