"""A module's database inside a test: in memory, with a clock that is moved by hand.

with TestDatabase(module) as db:
    db.call("send_message", "hi", sender=alice)
    assert db.table("message").count() == 1

Its procedures reach nobody; ``fetch`` answers their HTTP requests:

async def fetch(request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, body=b"{}")
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, overload

from harness.errors import HttpError, InternalError, ReducerError, SqlError
from harness.module import Module
from harness.module.handles import TableHandle
from harness.module.http import Fetch, HttpRequest, HttpResponse
from harness.server.changes import TableChanges
from harness.server.database import Database, Outcome, OutcomeKind
from harness.server.outcome import CRASH
from harness.server.procedures import Procedures, Returned, Run, Steps
from harness.server.schedules import Due
from harness.wire.values import ConnectionId, Identity, Timestamp

R = TypeVar("R")

#: 2026-01-01, when the clock of a test starts.
START = Timestamp(1_767_225_600_000_000)
DATABASE = Identity.from_int(1)
OWNER = Identity.from_int(2)


class TestDatabase:
    """See the module's docstring. With a ``path`` the data stays when it is closed.

    Raises what ``Database.open`` does.
    """

    __test__ = False  # pytest takes everything called Test… for a test

    def __init__(
        self,
        module: Module,
        *,
        path: Path | None = None,
        now: Timestamp = START,
        fetch: Fetch | None = None,
    ) -> None:
        self.now = now
        self._fetch = fetch or _nobody
        self.database = Database.open(module, path, identity=DATABASE, owner=OWNER, now=now)
        self.database.clock = lambda: self.now.micros

    def __enter__(self) -> TestDatabase:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()

    def call(
        self,
        reducer: str,
        *args: Any,
        sender: Identity = OWNER,
        connection_id: ConnectionId | None = None,
    ) -> dict[str, TableChanges]:
        """Call a reducer as a client does, and commit; the net changes by table.

        Raises ``ReducerError`` with the module's text if it refuses, and ``InternalError`` if the
        call could not run or crashed.
        """
        outcome = self.database.call_values(
            reducer, args, sender=sender, connection_id=connection_id, timestamp=self.now
        )
        return self._settle(outcome)

    def view(self, name: str, *, sender: Identity = OWNER) -> list[Any]:
        """A view's rows for ``sender``, as its function returns them.

        Raises ``SqlError`` if there is none, if it fails or tries to change something.
        """
        views = {view.name: view for view in self.database.definition.views}
        if name not in views:
            raise SqlError(f"there is no view {name!r}")
        anonymous = views[name].anonymous
        found = self.database.evaluator.evaluate(name, None if anonymous else sender)
        return [self.database.evaluator.decoded(name, row) for row in found.shown]

    def procedure(
        self,
        name: str,
        *args: Any,
        sender: Identity = OWNER,
        connection_id: ConnectionId | None = None,
    ) -> Any:
        """Call a procedure and commit; what it returns. An ``async`` one runs to its end.

        Raises as ``call`` does.
        """
        found = self.database.procedure(name)
        if found is None:
            raise InternalError(f"no such procedure: {name!r}")
        encoded = found.arguments.encode(args)
        returned = self._run(name, encoded, sender, connection_id, lambda outcome: None)
        self.database.commit()
        if returned.value is not None:
            return found.returns.decode(returned.value)
        if returned.error == CRASH:
            raise InternalError(self.log[-1])
        raise ReducerError(returned.error)

    def _run(
        self,
        name: str,
        args: bytes,
        sender: Identity,
        connection_id: ConnectionId | None,
        publish: Callable[[Outcome], None],
    ) -> Returned:
        """Run a procedure to its end."""
        ended: list[Returned] = []
        run = Run(self.database, name, self.now, None, ended.append)
        context = self.database.procedure_context(
            name, publish, sender, connection_id, self.now, self._fetch
        )
        procedures = Procedures()
        procedures.spawn = _to_its_end
        procedures.call(run, context, args)
        (returned,) = ended
        return returned

    def connect(self, sender: Identity, connection_id: ConnectionId) -> None:
        """A client connects. Raises as ``call`` does if the module turns it away."""
        self._settle(self.database.connected(sender, connection_id, self.now))

    def disconnect(self, sender: Identity, connection_id: ConnectionId) -> None:
        """A client goes. Raises as ``call`` does."""
        self._settle(self.database.disconnected(sender, connection_id, self.now))

    def advance(self, seconds: float) -> list[Outcome]:
        """Move the clock, and run what falls due at its time; what came of it, in order.

        A procedure is run to its end; its transactions are what came of it. What went wrong in it
        is in the log.
        """
        target = self.now.micros + round(seconds * 1_000_000)
        outcomes: list[Outcome] = []
        while (when := self.database.next_due()) is not None and when.micros <= target:
            self.now = Timestamp(max(self.now.micros, when.micros))
            for found in self.database.run_due(self.now):
                if isinstance(found, Due):
                    self._run_due(found, outcomes.append)
                else:
                    outcomes.append(found)
            self.database.commit()
        self.now = Timestamp(target)
        return outcomes

    def _run_due(self, due: Due, publish: Callable[[Outcome], None]) -> None:
        identity = self.database.identity
        returned = self._run(due.procedure, due.row, identity, None, publish)
        self.database.due_ended(due, returned.error)

    @overload
    def table(self, what: str) -> TableHandle[Any]: ...
    @overload
    def table(self, what: type[R]) -> TableHandle[R]: ...
    def table(self, what: str | type[R]) -> TableHandle[Any]:
        """A table as reducers see it, by accessor or row class, for reading."""
        tables = self.database.tables
        handle: TableHandle[Any] = getattr(tables, what) if isinstance(what, str) else tables[what]
        return handle

    @property
    def log(self) -> list[str]:
        """The messages that the module has logged."""
        return [record.message for record in self.database.logs]

    def _settle(self, outcome: Outcome) -> dict[str, TableChanges]:
        self.database.commit()
        if outcome.kind is OutcomeKind.FAILED:
            raise ReducerError(outcome.error)
        if outcome.kind is OutcomeKind.CRASHED:
            raise InternalError(self.log[-1])
        if outcome.kind is OutcomeKind.REJECTED:
            raise InternalError(outcome.error)
        return outcome.changes


async def _nobody(request: HttpRequest) -> HttpResponse:
    raise HttpError("in a test nobody is asked: give TestDatabase a fetch that answers")


def _to_its_end(
    steps: Steps, limit_s: float, then: Callable[[Any, BaseException | None], None]
) -> None:
    async def run() -> Any:
        return await asyncio.wait_for(asyncio.get_running_loop().create_task(steps), limit_s)

    try:
        value = asyncio.run(run())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module's own code can raise anything
        then(None, error)
    else:
        then(value, None)
