"""Publishing a program: tried in a process of its own, imported here, and only then taken over.

One at a time. Until the very end the version of before goes on; whatever is wrong with the new one
is answered in a sentence, and nothing is changed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from harness.errors import HarnessError, PlanError, SchemaError, StoreError
from harness.module import program as programs
from harness.module.program import CONTENT_TYPE, Program
from harness.server import trial
from harness.server.host import Host, check_name
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

    async def publish(self, request: Request, name: str | None) -> Response:
        """Create or update a database; the answer. Never raises for what a peer can send.

        ``name`` may be the identity of a database that there is.
        """
        if self._waiting >= WAITING:
            return text(503, f"{WAITING} programs wait to be published already; try again")
        self._waiting += 1
        try:
            program = _program(request)
            clear = request.query.get("clear") == "true"
            async with self._turn:
                return await self._publish(program, name, clear=clear)
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

    async def _publish(self, program: Program, name: str | None, *, clear: bool) -> Response:
        host = self.host
        is_identity = name is not None and _is_identity(name)
        if name is not None and not is_identity:
            try:
                check_name(name)
            except StoreError as error:
                raise HttpError(400, str(error)) from None
        hub = None if name is None else host.find(name)
        if is_identity and hub is None:
            raise HttpError(404, "No such database.")
        folder = host.shelf.put(program)
        try:
            problem = await trial.problem_of(folder, program.entry, self.import_s)
            if problem is not None:
                raise SchemaError(problem)
            # While it was tried, the database may have been deleted or made.
            hub = None if name is None else host.find(name)
            hub, operation = self._take(program, name, hub, clear=clear)
        finally:
            host.sweep()
        identity = hub.database.identity.to_hex()
        domain = name if not is_identity else None
        found = {"domain": domain, "database_identity": identity, "op": operation}
        return as_json({"Success": found})

    def _take(
        self, program: Program, name: str | None, hub: Hub | None, *, clear: bool
    ) -> tuple[Hub, str]:
        host = self.host
        digest = program.digest
        # Laid out anew: what was tried could have written over its own files.
        _, folder = host.shelf.get(digest)
        loaded = host.load(folder, program.entry)
        try:
            if hub is not None:
                host.update(hub, loaded, digest, clear=clear)
                return hub, "updated"
            known = name is not None and host.shelf.named(name) is not None
            made = host.create(name, loaded, digest, clear=clear)
            return made, "updated" if known else "created"
        except HarnessError:
            loaded.forget()
            raise


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


def _is_identity(name: str) -> bool:
    digits = name.removeprefix("0x")
    return len(digits) == 64 and all(x in "0123456789abcdefABCDEF" for x in digits)
