"""The transactions of procedures: one at a time, ended before anybody else has a turn."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from harness.errors import InternalError
from harness.module.context import ReducerContext
from harness.server.changes import TableChanges
from harness.server.engine import GUARD, IDLE, Engine
from harness.server.outcome import NO_CHANGES, Outcome, OutcomeKind
from harness.wire.values import ConnectionId, Identity, Timestamp


class Transactions:
    """Begins and ends them. ``take`` gives the changes since the last one, ``undo`` undoes them."""

    def __init__(
        self,
        engine: Engine,
        context: Callable[[Identity, ConnectionId | None, Timestamp], ReducerContext],
        take: Callable[[], dict[str, TableChanges]],
        undo: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._context = context
        self._take = take
        self._undo = undo
        #: One is under way.
        self.open = False
        #: Another database goes on with the data, or nobody does: no further one begins.
        self.retired = False

    def begin(
        self, sender: Identity, connection_id: ConnectionId | None, timestamp: Timestamp
    ) -> ReducerContext:
        """Begin one; ``end`` has to follow before anything else.

        Raises ``InternalError`` if there is no database any more, or the last one did not end.
        """
        if self.retired:
            raise InternalError("the database was updated or deleted while the procedure ran")
        if self.open:
            raise InternalError("a transaction runs already; they do not stand in each other")
        self.open = True
        return self._context(sender, connection_id, timestamp)

    def end(self, *, keep: bool) -> Outcome:
        """End it, with its changes or without. Raises ``StoreError`` if storage has failed."""
        self.open = False
        if self._engine.broken is not None:
            raise self._engine.broken
        if not keep or GUARD.late is not None:
            self._undo()
            return Outcome(OutcomeKind.FAILED)
        changes = self._take() if self._engine.touched else NO_CHANGES
        return Outcome(OutcomeKind.COMMITTED, "", changes)

    def closed(self) -> None:
        """Raises ``InternalError`` if one is under way: nobody may be asked anything then."""
        if self.open:
            raise InternalError(
                "no HTTP inside of a transaction, which would keep everybody waiting: ask before "
                "it, or after its end"
            )

    @property
    def unfinished(self) -> bool:
        """Whether one is under way, or tables were changed outside of any."""
        return self.open or bool(self._engine.touched)

    def abandon(self) -> None:
        """Undo what was not ended. Raises ``StoreError`` if storage has failed."""
        if self.open:
            self.end(keep=False)
        elif self._engine.touched:
            self._undo()


class Transacting:
    """One transaction of a procedure, as a context manager."""

    __slots__ = ("_args", "_publish", "_transactions")

    def __init__(
        self,
        transactions: Transactions,
        publish: Callable[[Outcome], None],
        sender: Identity,
        connection_id: ConnectionId | None,
        timestamp: Timestamp,
    ) -> None:
        self._transactions = transactions
        self._publish = publish
        self._args = sender, connection_id, timestamp

    def __enter__(self) -> ReducerContext:
        return self._transactions.begin(*self._args)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._transactions.open:
            return  # it was undone already, since the procedure waited inside of it
        # Neither the time-out nor an error may part the end of a transaction from its telling.
        phase, GUARD.phase = GUARD.phase, IDLE
        try:
            outcome = self._transactions.end(keep=kind is None)
            if outcome.kind is OutcomeKind.COMMITTED:
                self._publish(outcome)
        finally:
            GUARD.phase = phase
