"""The databases of one server, who owns them, and how callers are recognised."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import HarnessError, StoreError
from harness.module import Module, isolated
from harness.module.isolated import Loaded
from harness.server import migration
from harness.server.auth import ISSUER, Authority, bearer, identity_of, write_private
from harness.server.database import Database
from harness.server.hub import Hub
from harness.server.shelf import Kept, Shelf
from harness.server.watchdog import Watchdog
from harness.wire.values import ConnectionId, Identity

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and the token that says so."""

    identity: Identity
    token: str


def _nothing(hub: Hub) -> None:
    """Before there is a listener nobody is connected."""


@dataclass(slots=True)
class Host:
    """All that is live in this process. ``hubs`` has them by identity, ``names`` by name."""

    authority: Authority
    owner: Identity
    owner_token: str = field(repr=False)
    shelf: Shelf
    hubs: dict[Identity, Hub] = field(default_factory=dict)
    names: dict[str, Hub] = field(default_factory=dict)
    #: Why a database that is kept is not served, by identity.
    broken: dict[str, str] = field(default_factory=dict)
    #: Ends what runs too long; None lets it run.
    watchdog: Watchdog | None = None
    #: Told of a database that is live from now on, of one whose sessions have to end, and of one
    #: that is live no more, with what is to be done when nobody works on it: the listener's part.
    opened: Callable[[Hub], None] = _nothing
    dropped: Callable[[Hub], None] = _nothing
    closing: Callable[[Hub, Callable[[], None]], None] = lambda hub, end: end()
    _loaded: dict[Identity, Loaded] = field(default_factory=dict)
    #: Programs of databases that are kept and not served: they may be served again.
    _unserved: set[str] = field(default_factory=set)

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
        shelf = Shelf(data_dir)
        if data_dir is None:
            return cls(authority, *authority.mint(), shelf)
        path = data_dir / "owner.token"
        try:
            token = path.read_text().strip()
            return cls(authority, authority.verify(token), token, shelf)
        except FileNotFoundError:
            pass
        except (OSError, HarnessError) as error:
            raise StoreError(f"the owner's token {path} cannot be used: {error}") from error
        identity, token = authority.mint()
        write_private(path, token.encode())
        return cls(authority, identity, token, shelf)

    # --- databases -------------------------------------------------------------------------------

    def add(self, name: str, module: Module) -> Hub:
        """Open the database of a module that the server is started with.

        Raises ``SchemaError`` or ``StoreError``.
        """
        check_name(name)
        kept = self.shelf.named(name)
        if kept is None:
            kept = Kept(_of_name(name).to_hex(), [name], f"{name}.sqlite3")
        return self._serve(kept, self._open(kept, module, ""))

    def reopen(self) -> None:
        """Serve what was published before. What cannot be served is told in ``broken``."""
        for kept in self.shelf.kept.values():
            if Identity.from_hex(kept.identity) in self.hubs:
                continue
            try:
                path = self.shelf.path(kept.file)
                assert path is not None, "databases are kept in files"
                digest = migration.stored_program(path) if path.exists() else ""
                self._unserved.add(digest)
                if not digest:
                    raise StoreError("it was served from a module that the server started with")
                program, folder = self.shelf.get(digest)
                loaded = self.load(folder, program.entry)
                hub = self._serve(kept, self._open(kept, loaded.module, digest))
                self._loaded[hub.database.identity] = loaded
                self._unserved.discard(digest)
            except HarnessError as error:
                self.broken[kept.identity] = str(error)
        self.sweep()

    def sweep(self) -> None:
        """Delete the programs that no database runs any more."""
        self.shelf.sweep(self._unserved | {hub.database.program for hub in self.hubs.values()})

    def load(self, folder: Path, entry: str) -> Loaded:
        """Import a program here, where it will run. Raises ``SchemaError``."""
        if self.watchdog is None:
            return isolated.load(folder, entry)
        return self.watchdog.importing(lambda: isolated.load(folder, entry))

    def create(self, name: str | None, loaded: Loaded, program: str, *, clear: bool) -> Hub:
        """Make a database of a program, or take up what its name had before.

        Raises ``SchemaError`` or ``StoreError``; nothing is left of it then.
        """
        kept = None if name is None else self.shelf.named(name)
        new = kept is None
        if kept is None:
            kept = self._new_record(name)
        try:
            database = self._open(kept, loaded.module, program, clear=clear)
            try:
                self.shelf.keep(kept)
            except BaseException:
                database.close()
                raise
        except BaseException:
            if new and kept.file.startswith(kept.identity):
                self.shelf.delete_file(kept.file)
            raise
        hub = self._serve(kept, database)
        self._loaded[database.identity] = loaded
        self.broken.pop(kept.identity, None)
        return hub

    def update(self, hub: Hub, loaded: Loaded, program: str, *, clear: bool) -> None:
        """Let a database go on with another program; sessions that cannot follow end.

        Raises ``SchemaError`` or ``StoreError``; all is as it was then.
        """
        identity = hub.database.identity
        kept = identity.to_hex() in self.shelf.kept
        if not kept:  # the server was started with it
            self.shelf.keep(self._record_of(hub))
        try:
            database = hub.database.succeed(loaded.module, program=program, clear=clear)
        except BaseException:
            if not kept:
                self.shelf.forget(identity.to_hex())
            raise
        if not hub.adopt(database) or clear:
            hub.forget_subscriptions()
            self.dropped(hub)
        before = self._loaded.pop(identity, None)
        if before is not None:
            before.forget()
        self._loaded[identity] = loaded

    def reset(self, hub: Hub) -> None:
        """Delete a database's data and run its ``init`` again; its sessions end.

        Raises ``SchemaError`` or ``StoreError``; all is as it was then.
        """
        before = hub.database
        hub.adopt(before.succeed(before.module, program=before.program, clear=True))
        hub.forget_subscriptions()
        self.dropped(hub)

    def delete(self, hub: Hub) -> None:
        """End a database and delete its data. Raises ``StoreError``."""
        identity = hub.database.identity
        file = self._record_of(hub).file
        self.shelf.forget(identity.to_hex())
        self.dropped(hub)
        del self.hubs[identity]
        self.names = {name: other for name, other in self.names.items() if other is not hub}
        loaded = self._loaded.pop(identity, None)

        def end() -> None:
            hub.database.close()
            self.shelf.delete_file(file)
            if loaded is not None:
                loaded.forget()

        self.closing(hub, end)

    def forget(self, identity: str) -> None:
        """Delete a database that is kept and could not be served. Raises ``StoreError``."""
        kept = self.shelf.kept[identity]
        self.shelf.forget(identity)
        self.shelf.delete_file(kept.file)
        self.broken.pop(identity, None)

    def rename(self, hub: Hub, names: list[str]) -> None:
        """Give a database these names and no others. Raises ``StoreError``."""
        for name in names:
            check_name(name)
            if self.names.get(name, hub) is not hub or self.broken_by(name) is not None:
                raise StoreError(f"the name {name!r} belongs to another database")
        kept = self._record_of(hub)
        self.shelf.keep(Kept(kept.identity, names, kept.file))
        hub.names = list(names)
        self.names = {name: other for name, other in self.names.items() if other is not hub}
        self.names.update(dict.fromkeys(names, hub))

    def _record_of(self, hub: Hub) -> Kept:
        """What is kept of it, or would be: of a database that the server was started with."""
        identity = hub.database.identity.to_hex()
        return self.shelf.kept.get(identity) or Kept(identity, hub.names, f"{hub.name}.sqlite3")

    def _new_record(self, name: str | None) -> Kept:
        if name is not None:
            path = self.shelf.path(f"{name}.sqlite3")
            if path is not None and path.exists():  # a server was once started with it
                return Kept(_of_name(name).to_hex(), [name], path.name)
        identity = _of_name(str(uuid.uuid4())).to_hex()
        return Kept(identity, [] if name is None else [name], f"{identity}.sqlite3")

    def _open(self, kept: Kept, module: Module, program: str, *, clear: bool = False) -> Database:
        return Database.open(
            module, self.shelf.path(kept.file), identity=Identity.from_hex(kept.identity),
            owner=self.owner, program=program, clear=clear,
        )  # fmt: skip

    def _serve(self, kept: Kept, database: Database) -> Hub:
        hub = Hub(kept.names[0] if kept.names else kept.identity, database)
        hub.names = list(kept.names)
        hub.watchdog = self.watchdog
        self.hubs[database.identity] = hub
        self.names.update(dict.fromkeys(kept.names, hub))
        self.opened(hub)
        return hub

    def find(self, name_or_identity: str) -> Hub | None:
        """A database by name or by 64 hexadecimal digits."""
        hub = self.names.get(name_or_identity)
        if hub is not None:
            return hub
        try:
            return self.hubs.get(Identity.from_hex(name_or_identity))
        except ValueError:
            return None

    def broken_by(self, name_or_identity: str) -> str | None:
        """Why a database that is kept is not served."""
        kept = self.shelf.named(name_or_identity)
        digits = name_or_identity.removeprefix("0x").lower()
        return self.broken.get(digits if kept is None else kept.identity)

    # --- callers ---------------------------------------------------------------------------------

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


def check_name(name: str) -> None:
    """Raises ``StoreError`` for what cannot be a database's name."""
    if not NAME.fullmatch(name) or len(name) > 128:
        raise StoreError(
            f"{name[:200]!r} is no database name: use lower-case letters, digits and single hyphens"
        )


def is_identity(name: str) -> bool:
    """Whether what stands where a name could is an identity: 64 hexadecimal digits."""
    return re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", name) is not None


def _of_name(name: str) -> Identity:
    return identity_of(ISSUER, f"database:{name}")


def new_connection_id() -> ConnectionId:
    """A random connection id that is not zero."""
    return ConnectionId(secrets.token_bytes(15) + b"\x01")
