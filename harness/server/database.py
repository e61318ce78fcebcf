"""A module and its data: calls in, outcomes out, each call one transaction.

Calls of one tick share a SQLite transaction that ``commit`` ends; a call that fails is undone
inside it. ``commit`` only writes; ``sync`` makes everything committed survive a power failure and
is meant for a thread, so that nobody waits for a disk but those who asked to.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import (
    HarnessError,
    InternalError,
    ReducerError,
    SchemaError,
    StoreError,
    WireError,
)
from harness.module import Module
from harness.module.context import (
    Log,
    ProcedureContext,
    ReducerContext,
)
from harness.module.http import Fetch, Http
from harness.server import migration, sequences
from harness.server.changes import TableChanges
from harness.server.engine import GUARD, IDLE, REDUCER, Engine
from harness.server.engine import ReducerTimeout as ReducerTimeout
from harness.server.evaluation import Evaluator
from harness.server.journal import Journal
from harness.server.logs import Logs
from harness.server.outcome import CRASH, NO_CHANGES
from harness.server.outcome import Outcome as Outcome
from harness.server.outcome import OutcomeKind as OutcomeKind
from harness.server.runtime import (
    Runnable,
    RunnableProcedure,
    make_handles,
    make_procedures,
    make_runnables,
    make_stores,
)
from harness.server.schedules import Due, Schedules
from harness.server.transactions import Transacting, Transactions
from harness.wire.schema import Lifecycle, ModuleDef
from harness.wire.values import ConnectionId, Identity, Interval, Timestamp

_PRAGMAS = (
    "journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=0",
    "temp_store=MEMORY", "cache_size=-16384", "trusted_schema=OFF",
)  # fmt: skip

#: A write-ahead log longer than this, in bytes, is made to start from its front again. Under load
#: it would grow for ever: it can start over only at a moment when all of it is folded.
LOG_LIMIT = 64 * 1024 * 1024
#: How many commits pass between looks at the log's length.
_LOOK_EVERY = 64


def _plain_waits() -> None:
    raise InternalError(
        "ctx.http needs an async procedure, since a plain one keeps everybody waiting: declare it "
        "with async def, and await what ctx.http gives"
    )


def interrupt(reason: str) -> None:
    """End the running reducer: for a signal handler on the main thread.

    Raises ``ReducerTimeout`` in the reducer's own code. Within a write the reducer ends behind it;
    where no reducer runs, nothing happens.
    """
    GUARD.interrupt(reason)


class Database:
    """See the module's docstring; made by ``open``."""

    def __init__(
        self,
        module: Module,
        engine: Engine,
        path: Path | None,
        identity: Identity,
        owner: Identity,
        program: str = "",
        before: Database | None = None,
    ) -> None:
        compiled = module.compiled
        self.module = module
        self.definition: ModuleDef = compiled.definition
        self.identity = identity
        self.owner = owner
        #: The digest of the published program that the module is from; "" if it is from elsewhere.
        self.program = program
        self.logs: Logs = Logs(module.name) if before is None else before.logs
        #: Grows with every commit that wrote something.
        self.position: int = 0 if before is None else before.position
        self._engine = engine
        self._path = path
        self._journal: Journal | None = None if before is None else before._journal
        self._now = 0
        #: The time in microseconds, for what happens between calls: its hub's, or a test's.
        self.clock: Callable[[], int] = lambda: time.time_ns() // 1000
        self._log = Log(self._write_log)
        self.stores = make_stores(compiled, engine)
        #: The tables as reducers see them.
        self.tables = make_handles(self.stores)
        self._runnables = make_runnables(compiled)
        self._procedures = make_procedures(compiled)
        #: Makes the rows of views.
        self.evaluator = Evaluator(
            compiled, engine, self.stores, self.tables, identity, self, self._view_failed
        )
        #: The transactions of procedures.
        self.transactions = Transactions(
            engine, self._reducer_context, self._take_changes, self._undo
        )
        self._lifecycle = {
            found.lifecycle: found
            for found in self._runnables.values()
            if found.lifecycle is not None
        }
        self._schedules = Schedules(
            {name: store for name, store in self.stores.items() if store.definition.schedule}
        )

    # --- opening and closing ---------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        module: Module,
        path: Path | None,
        *,
        identity: Identity,
        owner: Identity,
        now: Timestamp | None = None,
        program: str = "",
        clear: bool = False,
    ) -> Database:
        """Open a database, or make it and run its ``init``; None keeps it in memory.

        ``program`` is the digest of the published program, which is remembered with the data.
        ``clear`` deletes what is there first.

        Raises ``SchemaError`` if the module is wrong or does not fit the data that is there, and
        ``StoreError`` if the file cannot be used; what was stored stays as it was.
        """
        module.compiled  # noqa: B018  (raises before anything is touched)
        shown = path or "in memory"
        try:
            connection = sqlite3.connect(
                ":memory:" if path is None else path,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=1024,
            )
        except sqlite3.Error as error:
            raise StoreError(f"the database {shown} cannot be opened: {error}") from error
        try:
            database = cls(module, Engine(connection), path, identity, owner, program)
            database._prepare(now or Timestamp(time.time_ns() // 1000), clear=clear)
        except StoreError as error:
            connection.close()
            reason = error.__cause__ or error  # SQLite's own words, if it was SQLite
            raise StoreError(f"the database {shown} cannot be opened: {reason}") from error
        except BaseException:
            connection.close()
            raise
        return database

    def succeed(
        self, module: Module, *, program: str, clear: bool = False, now: Timestamp | None = None
    ) -> Database:
        """The same data under another module; ``clear`` deletes it first and runs ``init``.

        All or nothing: if this raises, the data is as it was and this database goes on. After it
        this database must not be used any more, and not be closed. Raises what ``open`` does.
        """
        module.compiled  # noqa: B018  (raises before anything is touched)
        self.commit()
        self._engine.fetch("SELECT 1")  # ends a query that nobody has read to its end
        engine = Engine(self._engine.connection)
        new = Database(module, engine, self._path, self.identity, self.owner, program, self)
        try:
            new._prepare(now or Timestamp(time.time_ns() // 1000), clear=clear)
        except BaseException as error:
            if new.position > self.position:
                # It is committed, and what failed came after: these tables are not ours any more.
                self._engine.broken = StoreError(f"the database cannot be used any more: {error}")
            raise
        self.transactions.retired = True
        return new

    def _prepare(self, now: Timestamp, *, clear: bool = False) -> None:
        engine = self._engine
        # Before anything is changed: the file may be another program's.
        stored = migration.stored_meta(engine, self.identity, self.owner)
        for pragma in _PRAGMAS:
            engine.fetch(f"PRAGMA {pragma}")
        engine.begin()
        try:
            if clear:
                migration.drop_all(engine)
                stored = None
            if stored is None:
                migration.create_meta(engine, self.identity, self.owner)
                for store in self.stores.values():
                    store.create()
            else:
                migration.migrate(engine, stored, self.definition, self.stores)
            migration.save_shape(engine, self.definition, self.stores)
            migration.save_program(engine, self.program)
            numbers = sequences.stored(engine)
            for store in self.stores.values():
                store.load(numbers)
            if stored is None:
                self._initialise(now)
            self.commit()
        except BaseException:
            engine.rollback()
            raise
        if self._path is not None:
            if self._journal is None:
                ((page_bytes,),) = engine.fetch("PRAGMA page_size")
                self._journal = Journal(self._path, page_bytes)
            self._journal.sync()
        self._schedules.load(now.micros)

    def _initialise(self, now: Timestamp) -> None:
        init = self._lifecycle.get(Lifecycle.INIT)
        if init is None:
            return
        outcome = self._run(init, (), self.owner, None, now)
        if outcome.kind is not OutcomeKind.COMMITTED:
            last = list(self.logs)[-1].message if outcome.kind is OutcomeKind.CRASHED else ""
            raise SchemaError(f"the module's init failed: {last or outcome.error}")

    def close(self) -> None:
        """Commit what the tick has done, if it still can be, and close."""
        self.transactions.retired = True
        try:
            if self._engine.broken is None:
                self.commit()
        finally:
            self._engine.connection.close()
            if self._journal is not None:
                self._journal.close()
                self._journal = None

    # --- calls -----------------------------------------------------------------------------------

    def call(
        self,
        reducer: str,
        args: bytes,
        *,
        sender: Identity,
        connection_id: ConnectionId | None,
        timestamp: Timestamp,
    ) -> Outcome:
        """Run a reducer for a client, with BSATN arguments.

        Raises ``StoreError`` if storage fails: the tick is taken back then, and nothing can be
        written any more.
        """
        found = self._runnables.get(reducer)
        if found is None:
            return Outcome(OutcomeKind.REJECTED, f"no such reducer: {reducer!r}")
        if found.private and (found.lifecycle is not None or sender != self.owner):
            return Outcome(OutcomeKind.REJECTED, f"reducer {reducer!r} is private")
        try:
            values = found.arguments.decode(args)
        except WireError as error:
            reason = f"invalid arguments for reducer {reducer}: {error}"
            return Outcome(OutcomeKind.REJECTED, reason)
        return self._run(found, values, sender, connection_id, timestamp)

    def call_values(
        self,
        reducer: str,
        args: tuple[Any, ...],
        *,
        sender: Identity,
        connection_id: ConnectionId | None,
        timestamp: Timestamp,
    ) -> Outcome:
        """As ``call``, with Python values; they are encoded first, as a client would."""
        found = self._runnables.get(reducer)
        try:
            encoded = b"" if found is None else found.arguments.encode(args)
        except WireError as error:
            reason = f"invalid arguments for reducer {reducer}: {error}"
            return Outcome(OutcomeKind.REJECTED, reason)
        return self.call(
            reducer, encoded, sender=sender, connection_id=connection_id, timestamp=timestamp
        )

    def connected(
        self, sender: Identity, connection_id: ConnectionId, timestamp: Timestamp
    ) -> Outcome:
        """A client connects; anything but COMMITTED turns it away."""
        return self._hook(Lifecycle.ON_CONNECT, sender, connection_id, timestamp)

    def disconnected(
        self, sender: Identity, connection_id: ConnectionId, timestamp: Timestamp
    ) -> Outcome:
        """A client has gone."""
        return self._hook(Lifecycle.ON_DISCONNECT, sender, connection_id, timestamp)

    def _hook(
        self,
        lifecycle: Lifecycle,
        sender: Identity,
        connection_id: ConnectionId,
        timestamp: Timestamp,
    ) -> Outcome:
        hook = self._lifecycle.get(lifecycle)
        if hook is None:
            return Outcome(OutcomeKind.COMMITTED)
        outcome = self._run(hook, (), sender, connection_id, timestamp)
        self._log_failure(hook, outcome)
        return outcome

    def _run(
        self,
        reducer: Runnable,
        values: tuple[Any, ...],
        sender: Identity,
        connection_id: ConnectionId | None,
        timestamp: Timestamp,
    ) -> Outcome:
        context = ReducerContext(
            self.tables, sender, connection_id, timestamp, self.identity, self._log
        )
        self._now = timestamp.micros
        engine = self._engine
        started = time.perf_counter_ns()
        GUARD.late = None
        GUARD.phase = REDUCER
        try:
            reducer.function(context, *values)
            GUARD.phase = IDLE
        except BaseException as error:  # a module's own code can raise anything
            GUARD.phase = IDLE
            return self._failed(reducer, error, started)
        if engine.broken is not None or GUARD.late is not None:
            # The module went on after an error that is not its own.
            return self._failed(reducer, ReducerTimeout(GUARD.late), started)
        changes = self._take_changes() if engine.touched else NO_CHANGES
        micros = (time.perf_counter_ns() - started) // 1000
        return Outcome(OutcomeKind.COMMITTED, "", changes, micros)

    def _reducer_context(
        self, sender: Identity, connection_id: ConnectionId | None, timestamp: Timestamp
    ) -> ReducerContext:
        self._now = timestamp.micros
        return ReducerContext(
            self.tables, sender, connection_id, timestamp, self.identity, self._log
        )

    # --- procedures ------------------------------------------------------------------------------

    def procedure(self, name: str) -> RunnableProcedure | None:
        """The procedure of this name."""
        return self._procedures.get(name)

    def procedure_context(
        self,
        name: str,
        publish: Callable[[Outcome], None],
        sender: Identity,
        connection_id: ConnectionId | None,
        timestamp: Timestamp,
        fetch: Fetch,
    ) -> ProcedureContext:
        """What a procedure is called with; ``publish`` is told of its transactions.

        ``fetch`` sends its HTTP requests, if it is one that can wait for their answers.
        """
        found = self._procedures.get(name)
        waits = found is not None and found.is_async
        http = Http(fetch, self.transactions.closed if waits else _plain_waits)

        def begin() -> Transacting:
            return Transacting(self.transactions, publish, sender, connection_id, timestamp)

        return ProcedureContext(
            begin, sender, connection_id, timestamp, self.identity, self._log, http
        )

    def procedure_failed(self, name: str, timestamp: Timestamp, error: BaseException) -> str:
        """Clean up behind a procedure that raised; what its caller is told."""
        self.transactions.abandon()
        if isinstance(error, ReducerError):
            return str(error)
        self.logs.crash(timestamp.micros, name, error)
        return CRASH

    # --- views -----------------------------------------------------------------------------------

    def _view_failed(self, view: str, error: BaseException) -> None:
        """Undo and log. Raises ``StoreError`` if storage was what failed."""
        if self._engine.broken is not None:
            raise self._engine.broken from error
        self._undo()
        if isinstance(error, KeyboardInterrupt):
            raise error
        self.logs.crash(self.clock(), view, error)

    def _failed(self, reducer: Runnable, error: BaseException, started: int) -> Outcome:
        """Undo. Raises ``StoreError`` if storage was what failed: nobody can be answered then."""
        if self._engine.broken is not None:
            raise self._engine.broken from error
        self._undo()
        if isinstance(error, KeyboardInterrupt):
            raise error
        micros = (time.perf_counter_ns() - started) // 1000
        if isinstance(error, ReducerError):
            return Outcome(OutcomeKind.FAILED, str(error), NO_CHANGES, micros)
        self.logs.crash(self._now, reducer.name, error)
        return Outcome(OutcomeKind.CRASHED, CRASH, NO_CHANGES, micros)

    def change(
        self,
        table: str,
        gone: list[bytes],
        come: list[bytes],
        *,
        sender: Identity,
        timestamp: Timestamp,
    ) -> Outcome:
        """Delete and insert encoded rows in one transaction, as SQL does.

        Raises ``StoreError`` as ``call`` does.
        """
        store = self.stores[table]
        self._now = timestamp.micros
        started = time.perf_counter_ns()
        try:
            for data in gone:
                store.remove_bytes(data)
            for data in come:
                store.insert_bytes(data)
        except StoreError:
            raise
        except HarnessError as error:
            self._undo()
            return Outcome(OutcomeKind.FAILED, str(error))
        changes = self._take_changes()
        micros = (time.perf_counter_ns() - started) // 1000
        return Outcome(OutcomeKind.COMMITTED, "", changes, micros)

    def _take_changes(self) -> dict[str, TableChanges]:
        touched, self._engine.touched = self._engine.touched, []
        found = {}
        for store in touched:
            changes = store.changes
            if changes.added or changes.removed:
                found[store.definition.name] = changes
                store.changes = TableChanges()
        if self._schedules.tables and found:
            self._schedules.follow(found, self._now)
        return found

    def _undo(self) -> None:
        touched, self._engine.touched = self._engine.touched, []
        for store in dict.fromkeys(touched):
            store.undo()

    # --- schedules -------------------------------------------------------------------------------

    def next_due(self) -> Timestamp | None:
        """When the next scheduled reducer is to run."""
        due = self._schedules.next_due()
        return None if due is None else Timestamp(due)

    def run_due(self, now: Timestamp) -> Iterator[Outcome | Due]:
        """Run the scheduled reducers whose time has come; each is a transaction, and so is the
        deletion of a row whose one time has passed, whether the call succeeded or not.

        A procedure is given out, to be run by the caller, who tells ``due_ended`` of its end.
        """
        for name, data in self._schedules.due(now.micros):
            store = self.stores[name]
            schedule = store.definition.schedule
            assert schedule is not None
            if not store.contains(data):
                continue  # a reducer that was due before has deleted it
            row = store.decode(data)
            once = not isinstance(store.value(row, schedule.column), Interval)
            if schedule.function in self._procedures:
                if once:
                    # Before the call, which may have effects outside: it is never made again.
                    yield self.change(name, [data], [], sender=self.identity, timestamp=now)
                yield Due(schedule.function, name, data, once, now.micros)
                continue
            reducer = self._runnables[schedule.function]
            outcome = self._run(reducer, (row,), self.identity, None, now)
            self._log_failure(reducer, outcome)
            yield outcome
            if once:
                yield self.change(name, [data], [], sender=self.identity, timestamp=now)
            else:
                self._schedules.again(name, data, now.micros)

    def due_ended(self, due: Due, error: str) -> None:
        """A scheduled procedure has ended, with what went wrong or with ""."""
        if error and error != CRASH:  # else the log has it already
            self.logs.write("Error", self.clock(), error, function=due.procedure)
        if not due.once and not self.transactions.retired:
            self._schedules.again(due.table, due.row, due.since)

    # --- log -------------------------------------------------------------------------------------

    def _log_failure(self, reducer: Runnable, outcome: Outcome) -> None:
        """No caller is told of these."""
        if outcome.kind is OutcomeKind.FAILED:
            self.logs.write("Error", self._now, outcome.error, function=reducer.name)

    def _write_log(
        self, level: str, message: str, filename: str, line_number: int, function: str
    ) -> None:
        self.logs.write(
            level,
            self._now,
            message,
            filename=filename,
            line_number=line_number,
            function=function,
        )

    # --- reading ---------------------------------------------------------------------------------

    def all_rows(self, table: str) -> list[bytes]:
        """Every row of a table, encoded."""
        return self.stores[table].all_rows()

    def lookup(self, table: str, column: int, value: Any) -> list[bytes]:
        """The rows with this value in an indexed column."""
        return self.stores[table].lookup(column, value)

    def count(self, table: str) -> int:
        """The number of rows; costs nothing."""
        return self.stores[table].rows

    # --- durability ------------------------------------------------------------------------------

    def commit(self) -> int:
        """End the tick; the position that now is committed. Raises ``StoreError``."""
        if self._engine.commit():
            self.position += 1
            if self.position % _LOOK_EVERY == 0:
                self._start_log_over()
        return self.position

    def _start_log_over(self) -> None:
        """Fold the last bit of a long log between two ticks, when nobody adds to it."""
        journal = self._journal
        if journal is None or journal.length_bytes <= LOG_LIMIT:
            return
        if journal.unfolded_bytes <= LOG_LIMIT // 16:
            self._engine.fetch("PRAGMA wal_checkpoint(PASSIVE)")

    @property
    def wal_bytes(self) -> int:
        """How much ``checkpoint`` would fold."""
        return 0 if self._journal is None else self._journal.unfolded_bytes

    def sync(self) -> None:
        """Bring everything committed before the call to disk. Blocks; may run in a thread.

        Raises ``StoreError``.
        """
        if self._journal is not None:
            self._journal.sync()

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the database file. Blocks; may run in a thread.

        Raises ``StoreError``.
        """
        if self._journal is not None:
            self._journal.fold()
