"""A running server, given by URI, with the bench module published as a database."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psutil

from harness.client.servers import is_local
from harness.errors import PlanError, TargetError
from harness.measure.environment import file_sha256
from harness.records import Target
from harness.targets.embedded import DATABASE
from harness.targets.offered import protocols

TIMEOUT_S = 5.0
#: The environment variable with the token for a given server. It is never stored or printed.
TOKEN_VARIABLE = "HARNESS_TOKEN"  # noqa: S105  (the name of a variable)
#: What a run says of a server whose process cannot be seen from here.
UNSEEN = "process not visible: no CPU time or memory of the server"

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


def base_uri(uri: str) -> str:
    """The server's HTTP address, of ``ws`` and ``wss`` URIs too. Raises ``PlanError``."""
    parts = urlsplit(uri)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise PlanError(
            "a target is `embedded`, `standalone`, `standalone:VERSION` or a URI such as "
            f"http://127.0.0.1:3000, not {uri!r}"
        )
    if parts.username is not None or parts.password is not None:
        raise PlanError(f"a target's URI has no user or password; a token goes in {TOKEN_VARIABLE}")
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{parts.path}".rstrip("/")


def token_for(target: Target) -> str | None:
    """The token to show to this target: the user's, and only to the server that the user named."""
    if target.kind != "remote":
        return None
    return os.environ.get(TOKEN_VARIABLE) or None


class Remote:
    """A server that others started; its process is known if it runs on this machine."""

    def __init__(self, uri: str, database: str = DATABASE) -> None:
        self.uri = base_uri(uri)
        self._database = database

    def __enter__(self) -> Self:
        self.version()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to end: the server is not ours."""

    def version(self) -> str | None:
        """What the server calls itself. Raises ``TargetError`` if nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.uri}/v1/health", timeout=TIMEOUT_S) as answer:  # noqa: S310  (the scheme was checked)
                told = json.load(answer)
        except urllib.error.HTTPError:
            return None  # servers before 1.0 have no such route; they answer all the same
        except (OSError, ValueError) as error:
            raise TargetError(f"no server answers at {self.uri}: {error}") from error
        return str(told.get("version")) if isinstance(told, dict) else None

    def describe(self) -> Target:
        """What the run keeps about this server."""
        pid = self._listener()
        exe = None
        if pid is not None:
            try:
                exe = psutil.Process(pid).exe()
            except psutil.Error:
                pass
        return Target(
            kind="remote",
            uri=self.uri,
            database=self._database,
            pid=pid,
            exe=exe,
            exe_sha256=file_sha256(exe) if exe else None,
            version=self.version(),
            flags=[UNSEEN] if pid is None else [],
            protocols=protocols(self.uri, self._database, os.environ.get(TOKEN_VARIABLE)),
        )

    def alive(self) -> bool:
        """Whether the server answers."""
        return self.death() is None

    def death(self) -> str | None:
        """Why the server counts as dead; None while it answers."""
        try:
            self.version()
        except TargetError as error:
            return str(error)
        return None

    def log_tail(self, lines: int = 0) -> list[str]:
        """Its log is not ours to read."""
        return []

    def _listener(self) -> int | None:
        """The pid that listens on this port of this machine, if it may be seen."""
        parts = urlsplit(self.uri)
        if not is_local(self.uri):
            return None
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            sockets = psutil.net_connections("tcp")
        except psutil.Error:
            return None
        return next(
            (
                found.pid
                for found in sockets
                if found.status == psutil.CONN_LISTEN and found.laddr.port == port
            ),
            None,
        )
