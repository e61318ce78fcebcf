"""Publishing a program: tried in a process of its own, imported here, and only then taken over.

One at a time. Until the very end the version of before goes on; whatever is wrong with the new one
is answered in a sentence, and nothing is changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256

from harness.errors import HarnessError, PlanError, SchemaError, StoreError
from harness.module import program as programs
from harness.module.isolated import Loaded
from harness.module.program import CONTENT_TYPE, Program
from harness.server import trial
from harness.server.forecast import Forecast, forecast
from harness.server.host import Host, check_name, is_identity
from harness.server.http import HttpError, Request, Response, as_json, text
from harness.server.hub import Hub
from harness.server.migration import Unfit

#: So many programs may wait for their turn.
WAITING = 16
_WASM = b"\0asm"


@dataclass(slots=True)
class Publisher:
    """Publishes to one host. ``import_s`` is the time that a module's import may take."""

    host: Host
    import_s: float = trial.IMPORT_S
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: int = 0
    #: The program that was tried last, and passed: who asks for a plan publishes it next.
    _passed: str = ""

    async def publish(self, request: Request, name: str | None) -> Response:
        """Create or update a database; the answer. Never raises for what a peer can send.

        ``name`` may be the identity of a database that there is.
        """
        clear = request.query.get("clear") == "true"
        return await self._in_turn(lambda: self._publish(request, name, clear=clear))

    async def plan(self, request: Request, name: str) -> Response:
        """What publishing would do to a database that there is; as ``publish`` otherwise."""
        return await self._in_turn(lambda: self._plan(request, name))

    async def reset(self, request: Request, name: str) -> Response:
        """Delete a database's data and begin anew, with the program that came or without one.

        As ``publish`` otherwise.
        """
        return await self._in_turn(lambda: self._reset(request, name))

    async def _in_turn(self, work: Callable[[], Awaitable[Response]]) -> Response:
        if self._waiting >= WAITING:
            return text(503, f"{WAITING} programs wait to be published already; try again")
        self._waiting += 1
        try:
            async with self._turn:
                return await work()
        except HttpError as error:
            return text(error.status, str(error))
        except Unfit as error:
            return text(400, f"Database update rejected: {error.problems}")
        except (SchemaError, PlanError) as error:
            return text(400, str(error))
        except (StoreError, OSError) as error:
            return text(500, f"nothing was published: {error}")
        finally:
            self._waiting -= 1

    async def _publish(self, request: Request, name: str | None, *, clear: bool) -> Response:
        host = self.host
        program = _program(request)
        by_identity = name is not None and is_identity(name)
        if name is not None and not by_identity:
            try:
                check_name(name)
            except StoreError as error:
                raise HttpError(400, str(error)) from None
        hub = None if name is None else host.find(name)
        if name is not None and by_identity and hub is None:
            raise not_found(name)
        try:
            await self._try(program)
            # While it was tried, the database may have been deleted or made.
            hub = None if name is None else host.find(name)
            hub, operation = self._take(program, name, hub, request.query, clear=clear)
        finally:
            host.sweep()
        return _published(hub, name, operation)

    async def _plan(self, request: Request, name: str) -> Response:
        host = self.host
        program = _program(request)
        self._found(name)
        try:
            await self._try(program)
            hub = self._found(name)
            loaded = self._load(program)
            try:
                told = _forecast(hub, loaded)
                token = _token(hub, program.digest)
            finally:
                loaded.forget()
        finally:
            host.sweep()
        if told.problems:
            return as_json(
                {"ManualMigrate": {"reason": told.problems, "major_version_upgrade": False}}
            )
        plan = {
            "migrate_plan": told.text(), "break_clients": bool(told.breaks),
            "token": token, "major_version_upgrade": False,
        }  # fmt: skip
        return as_json({"AutoMigrate": plan})

    async def _reset(self, request: Request, name: str) -> Response:
        hub = self._found(name)
        if request.body:
            return await self._publish(request, name, clear=True)
        self.host.reset(hub)
        return _published(hub, name, "updated")

    def _found(self, name: str) -> Hub:
        """A database that there is. Raises ``HttpError``."""
        hub = self.host.find(name)
        if hub is None:
            raise not_found(name)
        return hub

    async def _try(self, program: Program) -> None:
        """Import it in a process of its own. Raises ``SchemaError`` with what is wrong."""
        folder = self.host.shelf.put(program)
        if program.digest == self._passed:
            return
        problem = await trial.problem_of(folder, program.entry, self.import_s)
        if problem is not None:
            raise SchemaError(problem)
        self._passed = program.digest

    def _load(self, program: Program) -> Loaded:
        """Import it here. Raises ``SchemaError``."""
        # Laid out anew: what was tried could have written over its own files.
        _, folder = self.host.shelf.get(program.digest)
        return self.host.load(folder, program.entry)

    def _take(
        self,
        program: Program,
        name: str | None,
        hub: Hub | None,
        query: dict[str, str],
        *,
        clear: bool,
    ) -> tuple[Hub, str]:
        host = self.host
        digest = program.digest
        loaded = self._load(program)
        try:
            if hub is not None:
                if not clear:
                    _agreed(hub, loaded, digest, query)
                host.update(hub, loaded, digest, clear=clear)
                return hub, "updated"
            known = name is not None and host.shelf.named(name) is not None
            made = host.create(name, loaded, digest, clear=clear)
            return made, "updated" if known else "created"
        except (HarnessError, HttpError):
            loaded.forget()
            raise


def not_found(name: str) -> HttpError:
    """What is answered where there is no database of a name or an identity."""
    return HttpError(404, "No such database." if is_identity(name) else f"`{name}` not found")


def _published(hub: Hub, name: str | None, operation: str) -> Response:
    domain = None if name is not None and is_identity(name) else name
    identity = hub.database.identity.to_hex()
    found = {"domain": domain, "database_identity": identity, "op": operation}
    return as_json({"Success": found})


def _forecast(hub: Hub, loaded: Loaded) -> Forecast:
    database = hub.database
    return forecast(database.definition, loaded.module.definition(), database.count)


def _agreed(hub: Hub, loaded: Loaded, digest: str, query: dict[str, str]) -> None:
    """Raises ``HttpError`` if clients would be broken and nobody who knows it has agreed."""
    told = _forecast(hub, loaded)
    if told.problems or not told.breaks:
        return  # either it is refused anyway, or nobody is hurt
    if query.get("policy") != "BreakClients":
        raise HttpError(
            400,
            f"the update breaks clients: {'; '.join(told.breaks)}. Publish with --break-clients, "
            "or with policy=BreakClients and the token of pre_publish",
        )
    if query.get("token") != _token(hub, digest):
        raise HttpError(
            400,
            "the token is not that of this update: the database or the program has changed since "
            "it was planned; plan it again",
        )


def _token(hub: Hub, digest: str) -> str:
    """What an update is called: of this database, from what it runs now to this program."""
    database = hub.database
    said = f"{database.identity.to_hex()} {database.program} {digest}"
    return f"0x{sha256(said.encode()).hexdigest()}"


def _program(request: Request) -> Program:
    if request.body.startswith(_WASM):
        raise HttpError(
            400,
            "this server runs Python modules from their source, not WebAssembly: publish the "
            "source with harness publish NAME -m MODULE",
        )
    if request.headers.get("content-type") != CONTENT_TYPE:
        raise HttpError(415, f"a program is published as {CONTENT_TYPE}, as harness publish does")
    return programs.decoded(request.body)
