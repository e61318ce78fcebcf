"""The databases of one server, who owns them, and how callers are recognised."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import HarnessError, StoreError
from harness.module import Module
from harness.server.auth import ISSUER, Authority, bearer, identity_of, write_private
from harness.server.database import Database
from harness.server.hub import Hub
from harness.wire.values import ConnectionId, Identity

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and the token that says so."""

    identity: Identity
    token: str


@dataclass(slots=True)
class Host:
    """All that is live in this process."""

    authority: Authority
    owner: Identity
    hubs: dict[str, Hub] = field(default_factory=dict)

    @classmethod
    def open(cls, data_dir: Path | None) -> Host:
        """Open or make the server's keys and its owner.

        The owner's token lies beside the keys as ``owner.token``, readable by the owner only.
        Raises ``StoreError`` if the directory cannot be used.
        """
        if data_dir is not None:
            try:
                data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise StoreError(
                    f"the data directory {data_dir} cannot be made: {error}"
                ) from error
        authority = Authority.open(data_dir)
        if data_dir is None:
            return cls(authority, authority.mint()[0])
        path = data_dir / "owner.token"
        try:
            return cls(authority, authority.verify(path.read_text().strip()))
        except FileNotFoundError:
            pass
        except (OSError, HarnessError) as error:
            raise StoreError(f"the owner's token {path} cannot be used: {error}") from error
        identity, token = authority.mint()
        write_private(path, token.encode())
        return cls(authority, identity)

    def add(self, name: str, module: Module, data_dir: Path | None) -> Hub:
        """Open the database of a module. Raises ``SchemaError`` or ``StoreError``."""
        if not NAME.fullmatch(name):
            raise StoreError(
                f"{name!r} is no database name: use lower-case letters, digits and single hyphens"
            )
        path = None if data_dir is None else data_dir / f"{name}.sqlite3"
        identity = identity_of(ISSUER, f"database:{name}")
        database = Database.open(module, path, identity=identity, owner=self.owner)
        hub = self.hubs[name] = Hub(name, database)
        return hub

    def find(self, name_or_identity: str) -> Hub | None:
        """A database by name or by 64 hexadecimal digits."""
        hub = self.hubs.get(name_or_identity)
        if hub is not None:
            return hub
        digits = name_or_identity.removeprefix("0x").lower()
        for hub in self.hubs.values():
            if hub.database.identity.to_hex() == digits:
                return hub
        return None

    def caller(self, headers: dict[str, str], query: dict[str, str]) -> Caller | None:
        """Who the request's token belongs to; None without a token. Raises ``AuthError``."""
        token = bearer(headers.get("authorization"))
        if token is None:
            token = query.get("token")
        if token is None:
            return None
        return Caller(self.authority.verify(token), token)

    def caller_or_new(self, headers: dict[str, str], query: dict[str, str]) -> Caller:
        """As ``caller``, with a fresh identity for those who bring no token."""
        return self.caller(headers, query) or Caller(*self.authority.mint())


def new_connection_id() -> ConnectionId:
    """A random connection id that is not zero."""
    return ConnectionId(secrets.token_bytes(15) + b"\x01")
