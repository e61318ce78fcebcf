"""A module and its data: calls in, outcomes out, each call one transaction.

Calls of one tick share a SQLite transaction that ``commit`` ends; a call that fails is undone
inside it. ``commit`` only writes; ``sync`` makes everything committed survive a power failure and
is meant for a thread, so that nobody waits for a disk but those who asked to.
"""

from __future__ import annotations

import os
import sqlite3
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, ReducerError, SchemaError, StoreError, WireError
from harness.module import Module
from harness.module.context import Log, ReducerContext
from harness.module.handles import Db, TableHandle
from harness.server import migration
from harness.server.logs import Logs
from harness.server.schedules import Schedules
from harness.server.storage import Engine, Sequence, TableChanges, TableStore
from harness.wire import codec as codecs
from harness.wire import types as t
from harness.wire.schema import Lifecycle, ModuleDef, TableDef
from harness.wire.values import ConnectionId, Identity, Interval, TimeDuration, Timestamp

CRASH = "The instance encountered a fatal error."


class ReducerTimeout(BaseException):
    """A reducer ran too long. Not an ``Exception``, so that a module cannot swallow it."""


class OutcomeKind(Enum):
    COMMITTED = "committed"
    #: The module said no, in its own words.
    FAILED = "failed"
    #: The reducer raised something else; its text is in the log.
    CRASHED = "crashed"
    #: The call never ran: unknown or private reducer, bad arguments.
    REJECTED = "rejected"


NO_CHANGES: dict[str, TableChanges] = {}


class Outcome:
    """What came of a call. ``changes`` are the net changes by table."""

    __slots__ = ("changes", "error", "kind", "micros")

    def __init__(
        self,
        kind: OutcomeKind,
        error: str = "",
        changes: dict[str, TableChanges] = NO_CHANGES,
        micros: int = 0,
    ) -> None:
        self.kind = kind
        self.error = error
        self.changes = changes
        self.micros = micros

    @property
    def duration(self) -> TimeDuration:
        return TimeDuration(self.micros)


@dataclass(frozen=True, slots=True)
class _Callable:
    """A reducer, ready to be called."""

    name: str
    function: Callable[..., None]
    arguments: codecs.Codec
    private: bool


class Database:
    """See the module's docstring; made by ``open``."""

    def __init__(
        self,
        module: Module,
        engine: Engine,
        path: Path | None,
        identity: Identity,
        owner: Identity,
    ) -> None:
        compiled = module.compiled
        self.module = module
        self.definition: ModuleDef = compiled.definition
        self.identity = identity
        self.owner = owner
        self.logs = Logs(module.name)
        #: Grows with every commit that wrote something.
        self.position = 0
        self._engine = engine
        self._path = path
        self._written = 0
        self._wal: int | None = None
        space = self.definition.typespace
        self.stores: dict[str, TableStore] = {}
        handles: dict[str, TableHandle[Any]] = {}
        for table in self.definition.tables:
            row = self.definition.row_type(table)
            types = tuple(space.resolve(element.type) for element in row.elements)
            codec = codecs.compile(t.Ref(table.row), space, compiled.bindings)
            store = TableStore(engine, table, row, types, compiled.rows[table.name], codec)
            self.stores[table.name] = store
            handles[table.accessor] = _handle(store, table, row)
        self._db = Db(handles)
        self._callables = {
            reducer.name: _Callable(
                reducer.name,
                compiled.functions[reducer.name],
                codecs.compile(reducer.params, space, compiled.bindings),
                reducer.private,
            )
            for reducer in self.definition.reducers
        }
        self._lifecycle = {
            reducer.lifecycle: self._callables[reducer.name]
            for reducer in self.definition.reducers
            if reducer.lifecycle is not None
        }
        self._log = Log(self._write_log)
        self._now = 0
        self._schedules = Schedules(
            {
                table.name: codecs.compile(t.Ref(table.row), space, compiled.bindings)
                for table in self.definition.tables
                if table.schedule is not None
            }
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
    ) -> Database:
        """Open a database, or make it and run its ``init``; None keeps it in memory.

        Raises ``SchemaError`` if the module is wrong or does not fit the data that is there, and
        ``StoreError`` if the file cannot be used; what was stored stays as it was.
        """
        module.compiled  # noqa: B018  (raises before anything is touched)
        now = now or Timestamp(time.time_ns() // 1000)
        try:
            connection = sqlite3.connect(
                ":memory:" if path is None else path,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=1024,
            )
            for pragma in (
                "journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=0",
                "temp_store=MEMORY", "cache_size=-16384", "trusted_schema=OFF",
            ):  # fmt: skip
                connection.execute(f"PRAGMA {pragma}")
            database = cls(module, Engine(connection), path, identity, owner)
            database._prepare(now)
        except sqlite3.Error as error:
            shown = path or "in memory"
            raise StoreError(f"the database {shown} cannot be opened: {error}") from error
        return database

    def _prepare(self, now: Timestamp) -> None:
        engine = self._engine
        engine.begin()
        try:
            stored = migration.stored_meta(engine)
            if stored is None:
                migration.create_meta(engine, self.identity)
                for store in self.stores.values():
                    store.create()
            else:
                migration.check_identity(stored, self.identity)
                migration.migrate(engine, stored, self.definition, self.stores)
            migration.save_shape(engine, self.definition, self.stores)
            self._load_sequences()
            for store in self.stores.values():
                store.load()
            if stored is None:
                self._initialise(now)
        except BaseException:
            engine.execute("ROLLBACK")
            engine.open = False
            engine.connection.close()
            raise
        self._commit_and_sync()
        self._schedules.load(self.stores, now)

    def _initialise(self, now: Timestamp) -> None:
        init = self._lifecycle.get(Lifecycle.INIT)
        if init is None:
            return
        outcome = self._run(init, (), self.owner, None, now)
        if outcome.kind is not OutcomeKind.COMMITTED:
            raise SchemaError(f"the module's init failed: {outcome.error}")

    def _load_sequences(self) -> None:
        stored = dict(self._engine.fetch("SELECT name, reserved FROM harness_sequences"))
        for table in self.definition.tables:
            row = self.definition.row_type(table)
            store = self.stores[table.name]
            for sequence in table.sequences:
                type_ = row.elements[sequence.column].type
                assert isinstance(type_, t.Scalar)
                bits, signed = t.INTEGERS[type_.kind]
                last = (1 << (bits - 1 if signed else bits)) - 1
                first = int(stored.get(sequence.name, 1))
                field = store.attribute(sequence.column)
                store.sequences.append(
                    Sequence(sequence.name, sequence.column, field, last, first, first)
                )

    def close(self) -> None:
        """Commit and close. Uncommitted work of the tick is committed."""
        self.commit()
        if self._wal is not None:
            os.close(self._wal)
            self._wal = None
        self._engine.connection.close()

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
        """Run a reducer for a client, with BSATN arguments."""
        found = self._callables.get(reducer)
        if found is None:
            return Outcome(OutcomeKind.REJECTED, f"no such reducer: {reducer!r}")
        if found.private and sender != self.owner:
            return Outcome(OutcomeKind.REJECTED, f"reducer {reducer!r} is private")
        try:
            values = found.arguments.decode(args)
        except WireError as error:
            reason = f"invalid arguments for reducer {reducer}: {error}"
            return Outcome(OutcomeKind.REJECTED, reason)
        return self._run(found, values, sender, connection_id, timestamp)

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
        return self._run(hook, (), sender, connection_id, timestamp)

    def _run(
        self,
        reducer: _Callable,
        values: tuple[Any, ...],
        sender: Identity,
        connection_id: ConnectionId | None,
        timestamp: Timestamp,
    ) -> Outcome:
        context = ReducerContext(
            self._db, sender, connection_id, timestamp, self.identity, self._log
        )
        self._now = timestamp.micros
        started = time.perf_counter_ns()
        try:
            reducer.function(context, *values)
        except ReducerError as error:
            self._undo()
            return Outcome(OutcomeKind.FAILED, str(error), NO_CHANGES, _micros_since(started))
        except StoreError:
            raise  # nothing can be promised any more: the server stops
        except (Exception, ReducerTimeout) as error:  # a module's own code can raise anything
            self._undo()
            self._log_crash(reducer, error)
            return Outcome(OutcomeKind.CRASHED, CRASH, NO_CHANGES, _micros_since(started))
        touched = self._engine.touched
        changes = self._take_changes(touched) if touched else NO_CHANGES
        return Outcome(OutcomeKind.COMMITTED, "", changes, _micros_since(started))

    def change(
        self,
        table: str,
        gone: list[bytes],
        come: list[bytes],
        *,
        sender: Identity,
        timestamp: Timestamp,
    ) -> Outcome:
        """Delete and insert encoded rows in one transaction, as SQL does."""
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
            return Outcome(OutcomeKind.FAILED, str(error), NO_CHANGES, _micros_since(started))
        changes = self._take_changes(self._engine.touched)
        return Outcome(OutcomeKind.COMMITTED, "", changes, _micros_since(started))

    def _take_changes(self, touched: list[TableStore]) -> dict[str, TableChanges]:
        found = {}
        for store in touched:
            changes = store.changes
            if changes.added or changes.removed:
                found[store.definition.name] = changes
                store.changes = TableChanges()
        touched.clear()
        if self._schedules.tables and found:
            self._schedules.follow(self.stores, found, self._now)
        return found

    def _undo(self) -> None:
        touched, self._engine.touched = self._engine.touched, []
        for store in dict.fromkeys(touched):
            store.undo()
        self._engine.touched = []

    def _log_crash(self, reducer: _Callable, error: BaseException) -> None:
        frames = traceback.extract_tb(error.__traceback__)[1:]
        last = frames[-1] if frames else None
        self.logs.write(
            "Panic",
            self._now,
            f"{type(error).__name__}: {error}",
            filename=last.filename if last else None,
            line_number=last.lineno if last else None,
            function=reducer.name,
            trace=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        )

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

    # --- schedules -------------------------------------------------------------------------------

    def next_due(self) -> Timestamp | None:
        """When the next scheduled reducer is to run."""
        due = self._schedules.next_due()
        return None if due is None else Timestamp(due)

    def run_due(self, now: Timestamp) -> Iterator[Outcome]:
        """Run the scheduled reducers whose time has come; each is a transaction, and so is the
        deletion of a row whose one time has passed, whether the call succeeded or not."""
        for key in self._schedules.due(now.micros):
            name, data = key
            store = self.stores[name]
            schedule = store.definition.schedule
            assert schedule is not None
            if not store.contains(data):
                continue
            row = store.decode(data)
            reducer = self._callables[schedule.function]
            yield self._run(reducer, (row,), self.identity, None, now)
            at = self._schedules.at(store, row)
            if isinstance(at, Interval):
                again = max(now.micros + max(at.value.micros, 1000), now.micros)
                self._schedules.again(key, again)
            else:
                yield self.change(name, [data], [], sender=self.identity, timestamp=now)

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
            self._written += 8192  # at least a page or two are logged for each commit
        return self.position

    @property
    def wal_bytes(self) -> int:
        """About how much the write-ahead log has grown since the last checkpoint."""
        return self._written

    def sync(self) -> None:
        """Bring everything committed before the call to disk. Blocks; may run in a thread."""
        if self._path is None:
            return
        try:
            if self._wal is None:
                self._wal = os.open(f"{self._path}-wal", os.O_RDONLY)
                _sync_directory(self._path.parent)
            os.fdatasync(self._wal)
        except OSError as error:
            raise StoreError(f"the write-ahead log cannot be synced: {error}") from error

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the database file. Blocks; may run in a thread."""
        self._written = 0
        if self._path is None:
            return
        try:
            connection = sqlite3.connect(self._path, isolation_level=None)
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StoreError(f"the write-ahead log cannot be folded in: {error}") from error

    def _commit_and_sync(self) -> None:
        self.commit()
        self.sync()


def _handle(store: TableStore, table: TableDef, row: t.Product) -> TableHandle[Any]:
    uniques = {store.attribute(column): column for column in table.unique_columns()}
    indexes = {
        index.accessor: index.columns for index in table.indexes if index.accessor is not None
    }
    primary = table.primary_key
    key = None if primary is None else (store.attribute(primary), primary)
    return TableHandle(store, key, uniques, indexes)


def _micros_since(started: int) -> int:
    return (time.perf_counter_ns() - started) // 1000


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
