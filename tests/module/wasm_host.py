"""A strict host for compiled modules: ``spacetime_10.0`` on `wasmtime`, over tables in memory.

What the real server would refuse, or a module must not do, raises ``HostRefused``: that is a
failure of the test, and never an outcome. Iterators that are open after a call are such a failure.
A failing call rolls back, and after a trap the instance is replaced, as on the real server.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import wasmtime

from harness.errors import WireError
from harness.wire import codec as codecs
from harness.wire import schema_bsatn
from harness.wire.schema import Lifecycle, ModuleDef
from harness.wire.values import ConnectionId, Identity, Timestamp
from tests.module.wasm_store import (
    UNBOUNDED,
    Bound,
    Index,
    NoSuchRow,
    Table,
    Tables,
    UniqueTaken,
    ordered,
)

MODULE = "spacetime_10.0"
#: As in the embedded server's own test database, so that outcomes can be compared.
START = Timestamp(1_767_225_600_000_000)
DATABASE = Identity.from_int(1)
OWNER = Identity.from_int(2)

#: Errors that a module may meet and has to deal with. All others are faults of the module.
BUFFER_TOO_SMALL, UNIQUE_ALREADY_EXISTS, NO_SUCH_ROW = 11, 12, 15
#: A chunk of an iterator is closed once it exceeds this, in bytes.
CHUNK = 32 * 1024
LEVELS = {0: "Error", 1: "Warn", 2: "Info", 3: "Debug", 4: "Trace", 101: "Panic"}
#: Instructions that a call may take, about: far less than a server grants, far more than a test
#: needs, so that an endless loop is a trap and no hanging test.
FUEL = 4_000_000_000

_STATUS = "i"
#: Every import by name: parameters, and whether it gives an i32. All parameters are i32.
IMPORTS: dict[str, tuple[int, str]] = {
    "table_id_from_name": (3, _STATUS),
    "index_id_from_name": (3, _STATUS),
    "datastore_table_row_count": (2, _STATUS),
    "datastore_table_scan_bsatn": (2, _STATUS),
    "datastore_index_scan_range_bsatn": (9, _STATUS),
    "datastore_btree_scan_bsatn": (9, _STATUS),
    "datastore_delete_by_index_scan_range_bsatn": (9, _STATUS),
    "datastore_delete_by_btree_scan_bsatn": (9, _STATUS),
    "datastore_delete_all_by_eq_bsatn": (4, _STATUS),
    "row_iter_bsatn_advance": (3, _STATUS),
    "row_iter_bsatn_close": (1, _STATUS),
    "datastore_insert_bsatn": (3, _STATUS),
    "datastore_update_bsatn": (4, _STATUS),
    "bytes_source_read": (3, _STATUS),
    "bytes_sink_write": (3, _STATUS),
    "console_log": (8, ""),
    "console_timer_start": (2, _STATUS),
    "console_timer_end": (1, _STATUS),
    "identity": (1, ""),
    "volatile_nonatomic_schedule_immediate": (4, ""),
}

_I32, _I64 = wasmtime.ValType.i32(), wasmtime.ValType.i64()
_CALL = ["i32", *["i64"] * 7, "i32", "i32"]
#: Exports with the types that the server insists on: parameters and results.
EXPORTS = {
    "__describe_module__": (["i32"], []),
    "__call_reducer__": (_CALL, ["i32"]),
}


class HostRefused(AssertionError):
    """The module did what the real host refuses, or what a module must not do."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One record of the module's log."""

    level: str
    message: str
    target: str | None = None
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """``kind`` is "committed", "failed" (with the text told to the caller) or "trapped"."""

    kind: str
    error: str = ""


@dataclass(slots=True)
class _Source:
    data: bytes
    sizes: Sequence[int]
    at: int = 0
    reads: int = 0


@dataclass(slots=True)
class _Rows:
    """An iterator: what is left, in chunks of whole rows."""

    chunks: list[bytes] = field(default_factory=list)


def check_module(module: wasmtime.Module) -> None:
    """What a server looks at before it runs anything. Raises ``HostRefused``."""
    functions = [x for x in module.imports if isinstance(x.type, wasmtime.FuncType)]
    if len(functions) != len(module.imports):
        raise HostRefused("the module imports something that is no function")
    if not functions:
        raise HostRefused("unable to determine the ABI: the module imports nothing")
    for found in functions:
        if found.module != MODULE or found.name not in IMPORTS:
            raise HostRefused(f"unknown import {found.module}::{found.name}")
        count, result = IMPORTS[found.name]
        if _signature(found.type) != (["i32"] * count, ["i32"] if result else []):
            raise HostRefused(f"import {found.name} has another type: {_signature(found.type)}")
    exports = {found.name: found.type for found in module.exports}
    if not isinstance(exports.get("memory"), wasmtime.MemoryType):
        raise HostRefused("the module exports no memory")
    for name, wanted in EXPORTS.items():
        found = exports.get(name)
        if not isinstance(found, wasmtime.FuncType) or _signature(found) != wanted:
            raise HostRefused(f"export {name} is missing or has another type")
    for name, found in exports.items():
        if name.startswith("__preinit__") and _signature(found) != ([], []):
            raise HostRefused(f"export {name} has another type")
        if name == "__setup__" and _signature(found) != (["i32"], ["i32"]):
            raise HostRefused("export __setup__ has another type")


def _signature(type_: Any) -> tuple[list[str], list[str]]:
    if not isinstance(type_, wasmtime.FuncType):
        return ["?"], ["?"]
    return [str(x) for x in type_.params], [str(x) for x in type_.results]


@cache
def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.consume_fuel = True
    config.wasm_threads = False
    config.wasm_memory64 = False
    config.parallel_compilation = False
    return wasmtime.Engine(config)


class MockHost:
    """One database with one module.

    ``read_sizes`` are the most bytes that each read of the arguments gives, in turn; ``chunk`` is
    after how many bytes an iterator's chunk is closed.
    """

    def __init__(
        self,
        wasm: bytes,
        definition: ModuleDef,
        *,
        now: Timestamp = START,
        read_sizes: Sequence[int] = (),
        chunk: int = CHUNK,
        fuel: int = FUEL,
    ) -> None:
        self.definition = definition
        self.now = now
        #: What the module has logged, also in calls that failed.
        self.log: list[Logged] = []
        #: Calls that were asked for by ``volatile_nonatomic_schedule_immediate``.
        self.immediate: list[tuple[str, bytes]] = []
        self.tables = Tables(definition)
        self._described = schema_bsatn.to_bsatn(definition)
        self._params = [
            codecs.compile(reducer.params, definition.typespace) for reducer in definition.reducers
        ]
        self._read_sizes, self._chunk, self._fuel = tuple(read_sizes), chunk, fuel
        self._sources: dict[int, _Source] = {}
        self._sinks: dict[int, bytearray] = {}
        self._rows: dict[int, _Rows] = {}
        self._timers: dict[int, str] = {}
        self._handles = 1000
        self._in_transaction = False
        self._refused: HostRefused | None = None
        self._engine = _engine()
        self._module = wasmtime.Module(self._engine, wasm)
        check_module(self._module)
        self._linker = wasmtime.Linker(self._engine)
        for name, (count, result) in IMPORTS.items():
            kind = wasmtime.FuncType([_I32] * count, [_I32] if result else [])
            self._linker.define_func(MODULE, name, kind, self._guarded(getattr(self, f"_{name}")))
        #: How many instances there were: one, and one more after each trap.
        self.instances = 0
        self._start()

    # --- calls -----------------------------------------------------------------------------------

    def call(
        self,
        reducer: str,
        *args: Any,
        sender: Identity = OWNER,
        connection_id: ConnectionId | None = None,
        timestamp: Timestamp | None = None,
    ) -> Outcome:
        """Call a reducer with Python values; rows are tuples of their columns, or objects."""
        place = self._place(reducer)
        encoded = self._params[place].encode(tuple(map(plain, args)))
        return self.call_encoded(
            reducer, encoded, sender=sender, connection_id=connection_id, timestamp=timestamp
        )

    def call_encoded(
        self,
        reducer: str,
        args: bytes,
        *,
        sender: Identity = OWNER,
        connection_id: ConnectionId | None = None,
        timestamp: Timestamp | None = None,
    ) -> Outcome:
        """Call a reducer with its encoded arguments; one transaction."""
        place = self._place(reducer)
        self._params[place].decode(args)
        when = self.now if timestamp is None else timestamp
        connection = b"\0" * 16 if connection_id is None else connection_id.data
        numbers = [
            int.from_bytes(data[at : at + 8], "little", signed=True)
            for data in (sender.data, connection)
            for at in range(0, len(data), 8)
        ]
        source = 0
        if args:
            source = self._handle(self._sources, _Source(args, self._read_sizes))
        sink = self._handle(self._sinks, bytearray())
        self._in_transaction = True
        self._store.set_fuel(self._fuel)
        try:
            code = self._run(self._call, place, *numbers, when.micros, source, sink)
        finally:
            self._in_transaction = False
            self._sources.clear()
            said = bytes(self._sinks.pop(sink))
        return self._ended(code, said, reducer)

    def init(self) -> Outcome:
        """Run the module's init reducer; COMMITTED if it has none."""
        return self._lifecycle(Lifecycle.INIT, OWNER, None)

    def connect(self, sender: Identity, connection_id: ConnectionId) -> Outcome:
        """A client connects."""
        return self._lifecycle(Lifecycle.ON_CONNECT, sender, connection_id)

    def disconnect(self, sender: Identity, connection_id: ConnectionId) -> Outcome:
        """A client goes."""
        return self._lifecycle(Lifecycle.ON_DISCONNECT, sender, connection_id)

    def rows(self, table: str) -> list[bytes]:
        """The rows of a table, encoded and sorted by their bytes."""
        return sorted(self.tables.table(table).scan())

    @property
    def memory_bytes(self) -> int:
        """How much memory the instance has."""
        return self._memory.data_len(self._store)

    def _lifecycle(
        self, lifecycle: Lifecycle, sender: Identity, connection_id: ConnectionId | None
    ) -> Outcome:
        for reducer in self.definition.reducers:
            if reducer.lifecycle is lifecycle:
                return self.call_encoded(
                    reducer.name, b"", sender=sender, connection_id=connection_id
                )
        return Outcome("committed")

    def _place(self, reducer: str) -> int:
        names = [found.name for found in self.definition.reducers]
        return names.index(reducer)

    def _ended(self, code: int | None, said: bytes, reducer: str) -> Outcome:
        if self._rows:
            raise HostRefused(f"{len(self._rows)} iterators are open after {reducer}")
        if code == 0:
            if said:
                raise HostRefused(f"{reducer} succeeded and yet said {said!r}")
            self.tables.commit()
            return Outcome("committed")
        self.tables.rollback()
        if code is None:
            self._start()
            return Outcome("trapped", self._trap)
        if code != 1:
            raise HostRefused(f"{reducer} returned {code}")
        return Outcome("failed", said.decode())

    # --- the instance ----------------------------------------------------------------------------

    def _start(self) -> None:
        self.instances += 1
        self._store = wasmtime.Store(self._engine)
        self._store.set_fuel(self._fuel)
        instance = self._linker.instantiate(self._store, self._module)
        exports = instance.exports(self._store)
        memory = exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        self._memory = memory
        names = [found.name for found in self._module.exports]
        for name in sorted(name for name in names if name.startswith("__preinit__")):
            self._must(exports[name])
        if "__setup__" in names:
            sink = self._handle(self._sinks, bytearray())
            if self._must(exports["__setup__"], sink) != 0:
                raise HostRefused(f"__setup__ failed: {bytes(self._sinks[sink])!r}")
            self._sinks.clear()
        self._call = exports["__call_reducer__"]
        sink = self._handle(self._sinks, bytearray())
        self._must(exports["__describe_module__"], sink)
        described = bytes(self._sinks.pop(sink))
        if described != self._described:
            shown = schema_bsatn.from_bsatn(described)
            raise HostRefused(f"the module describes itself as {shown}")

    def _must(self, function: Any, *args: int) -> Any:
        code = self._run(function, *args)
        if code is None and self._trap:
            raise HostRefused(f"the module traps at its start: {self._trap}")
        return code

    def _run(self, function: Any, *args: int) -> int | None:
        """What the function gives; None if it gives nothing or traps, and ``_trap`` says why."""
        self._trap = ""
        self._refused = None
        try:
            result: int | None = function(self._store, *args)
        except wasmtime.Trap as trap:
            self._trap = str(trap)
            result = None
        except wasmtime.WasmtimeError as error:
            if self._refused is None:
                raise
            raise self._refused from error
        if self._refused is not None:
            raise self._refused
        return result

    def _guarded(self, function: Callable[..., int | None]) -> Callable[..., int | None]:
        def call(*args: int) -> int | None:
            try:
                return function(*[arg & 0xFFFF_FFFF for arg in args])
            except HostRefused as error:
                self._refused = error
                raise
            except WireError as error:
                self._refused = HostRefused(f"{function.__name__}: {error}")
                raise self._refused from error

        return call

    def _handle(self, place: dict[int, Any], what: Any) -> int:
        self._handles += 7  # no module may count on what the numbers are
        place[self._handles] = what
        return self._handles

    # --- memory ----------------------------------------------------------------------------------

    def _check(self, at: int, size: int) -> None:
        if at == 0:
            raise HostRefused("null pointer passed to a spacetime function")
        if at + size > self._memory.data_len(self._store):
            raise HostRefused(f"{size} bytes at {at} are not in memory")

    def _read(self, at: int, size: int) -> bytes:
        self._check(at, size)
        return bytes(self._memory.read(self._store, at, at + size))

    def _write(self, at: int, data: bytes) -> None:
        self._check(at, len(data))
        if data:
            self._memory.write(self._store, data, at)

    def _number(self, at: int) -> int:
        return int.from_bytes(self._read(at, 4), "little")

    def _put(self, at: int, number: int, size: int = 4) -> None:
        self._write(at, number.to_bytes(size, "little"))

    def _text(self, at: int, size: int) -> str:
        try:
            return self._read(at, size).decode()
        except UnicodeDecodeError:
            raise HostRefused("a name is no UTF-8") from None

    # --- tables and indexes ----------------------------------------------------------------------

    def _table(self, number: int) -> Table:
        self._transaction()
        tables = self.tables.tables
        if not 0 <= number - 4096 < len(tables):
            raise HostRefused(f"there is no table {number}")
        return tables[number - 4096]

    def _index(self, number: int) -> Index:
        self._transaction()
        indexes = self.tables.indexes
        if not 0 <= number - 8192 < len(indexes):
            raise HostRefused(f"there is no index {number}")
        return indexes[number - 8192]

    def _transaction(self) -> None:
        if not self._in_transaction:
            raise HostRefused("tables are used outside of a transaction")

    def _table_id_from_name(self, name: int, size: int, out: int) -> int:
        self._transaction()
        wanted = self._text(name, size)
        names = [table.name for table in self.tables.tables]
        if wanted not in names:
            raise HostRefused(f"there is no table {wanted!r}")
        self._put(out, 4096 + names.index(wanted))
        return 0

    def _index_id_from_name(self, name: int, size: int, out: int) -> int:
        self._transaction()
        wanted = self._text(name, size)
        names = [index.definition.name for index in self.tables.indexes]
        if wanted not in names:
            raise HostRefused(f"there is no index {wanted!r}")
        self._put(out, 8192 + names.index(wanted))
        return 0

    def _datastore_table_row_count(self, table: int, out: int) -> int:
        self._put(out, len(self._table(table)), 8)
        return 0

    def _datastore_insert_bsatn(self, table: int, row: int, size: int) -> int:
        found = self._table(table)
        data = self._read(row, self._number(size))
        try:
            generated = found.insert(data)
        except UniqueTaken:
            return UNIQUE_ALREADY_EXISTS
        return self._generated(row, size, generated)

    def _datastore_update_bsatn(self, table: int, index: int, row: int, size: int) -> int:
        found, by = self._table(table), self._index(index)
        if by.table is not found or not by.unique:
            raise HostRefused(f"index {by.definition.name} is no unique index of {found.name}")
        data = self._read(row, self._number(size))
        try:
            generated = found.update(by, data)
        except UniqueTaken:
            return UNIQUE_ALREADY_EXISTS
        except NoSuchRow:
            return NO_SUCH_ROW
        return self._generated(row, size, generated)

    def _generated(self, row: int, size: int, generated: bytes) -> int:
        room = self._number(size)
        assert len(generated) <= room
        # Whoever trusts the rest of the buffer shall see that it is not the row any more.
        self._write(row, generated + b"\xa5" * (room - len(generated)))
        self._put(size, len(generated))
        return 0

    def _datastore_delete_all_by_eq_bsatn(self, table: int, rows: int, size: int, out: int) -> int:
        found = self._table(table)
        data = self._read(rows, size)
        count, at, gone = int.from_bytes(data[:4], "little"), 4, 0
        for _ in range(count):
            _, end = found.codec.decode_from(data, at)
            gone += found.delete(data[at:end])
            at = end
        if at != len(data) or size < 4:
            raise HostRefused(f"{len(data) - at} bytes are behind the rows to be deleted")
        self._put(out, gone)
        return 0

    # --- ranges ----------------------------------------------------------------------------------

    def _range(self, *args: int) -> tuple[Index, list[bytes]]:
        index, prefix, prefix_size, elements, low, low_size, high, high_size = args
        found = self._index(index)
        if elements >= len(found.columns):
            raise HostRefused(
                f"a prefix of {elements} of {len(found.columns)} columns leaves none for the bounds"
            )
        values, at = [], 0
        if elements:
            data = self._read(prefix, prefix_size)
            for codec in found.key_codecs[:elements]:
                value, at = codec.decode_from(data, at)
                values.append(ordered(value))
            if at != len(data):
                raise HostRefused(f"{len(data) - at} bytes are behind the prefix")
        codec = found.key_codecs[elements]
        bounds = [
            self._bound(codec, start, size) for start, size in ((low, low_size), (high, high_size))
        ]
        return found, found.scan(tuple(values), *bounds)

    def _bound(self, codec: codecs.Codec, at: int, size: int) -> Bound:
        data = self._read(at, size)
        if not data or data[0] > 2:
            raise HostRefused(f"{data!r} is no bound")
        if data[0] == 2:
            if size != 1:
                raise HostRefused(f"{size - 1} bytes are behind an open bound")
            return UNBOUNDED
        return ("excluded" if data[0] else "included"), ordered(codec.decode(data[1:]))

    def _datastore_index_scan_range_bsatn(self, *args: int) -> int:
        _, rows = self._range(*args[:8])
        self._put(args[8], self._iterator(rows))
        return 0

    _datastore_btree_scan_bsatn = _datastore_index_scan_range_bsatn

    def _datastore_delete_by_index_scan_range_bsatn(self, *args: int) -> int:
        index, rows = self._range(*args[:8])
        for data in rows:
            index.table.delete(data)
        self._put(args[8], len(rows))
        return 0

    _datastore_delete_by_btree_scan_bsatn = _datastore_delete_by_index_scan_range_bsatn

    # --- iterators -------------------------------------------------------------------------------

    def _datastore_table_scan_bsatn(self, table: int, out: int) -> int:
        self._put(out, self._iterator(self._table(table).scan()))
        return 0

    def _iterator(self, rows: list[bytes]) -> int:
        chunks, open_ = [], bytearray()
        for data in rows:
            open_ += data
            if len(open_) > self._chunk:
                chunks.append(bytes(open_))
                open_ = bytearray()
        if open_:
            chunks.append(bytes(open_))
        return self._handle(self._rows, _Rows(chunks))

    def _row_iter_bsatn_advance(self, iterator: int, buffer: int, size: int) -> int:
        found = self._rows.get(iterator)
        if found is None:
            raise HostRefused(f"there is no iterator {iterator}; was it advanced after its end?")
        room = self._number(size)
        self._check(buffer, room)
        written = 0
        while found.chunks and len(found.chunks[0]) <= room - written:
            chunk = found.chunks.pop(0)
            self._write(buffer + written, chunk)
            written += len(chunk)
        if not written and found.chunks:
            self._put(size, len(found.chunks[0]))
            return BUFFER_TOO_SMALL
        self._put(size, written)
        if found.chunks:
            return 0
        del self._rows[iterator]
        return -1

    def _row_iter_bsatn_close(self, iterator: int) -> int:
        if self._rows.pop(iterator, None) is None:
            raise HostRefused(f"there is no iterator {iterator} to be closed; is it at its end?")
        return 0

    # --- bytes, log and the rest -----------------------------------------------------------------

    def _bytes_source_read(self, source: int, buffer: int, size: int) -> int:
        found = self._sources.get(source)
        if found is None:
            raise HostRefused(f"there is no source {source}; are the arguments empty, or read?")
        room = self._number(size)
        self._check(buffer, room)
        if found.sizes:
            room = min(room, found.sizes[found.reads % len(found.sizes)])
            found.reads += 1
        part = found.data[found.at : found.at + room]
        found.at += len(part)
        self._write(buffer, part)
        self._put(size, len(part))
        if found.at < len(found.data):
            return 0
        del self._sources[source]
        return -1

    def _bytes_sink_write(self, sink: int, buffer: int, size: int) -> int:
        found = self._sinks.get(sink)
        if found is None:
            raise HostRefused(f"there is no sink {sink}")
        found += self._read(buffer, self._number(size))
        return 0

    def _console_log(self, level: int, target: int, target_size: int, file: int, file_size: int,
                     line: int, message: int, message_size: int) -> None:  # fmt: skip
        if level not in LEVELS:
            raise HostRefused(f"there is no level {level} of the log")
        self.log.append(
            Logged(
                LEVELS[level],
                self._read(message, message_size).decode(errors="replace"),
                self._read(target, target_size).decode(errors="replace") if target else None,
                self._read(file, file_size).decode(errors="replace") if file else None,
                None if line == 0xFFFF_FFFF else line,
            )
        )

    def _console_timer_start(self, name: int, size: int) -> int:
        return self._handle(self._timers, self._text(name, size))

    def _console_timer_end(self, timer: int) -> int:
        if self._timers.pop(timer, None) is None:
            raise HostRefused(f"there is no timer {timer}")
        return 0

    def _identity(self, out: int) -> None:
        self._write(out, DATABASE.data)

    def _volatile_nonatomic_schedule_immediate(
        self, name: int, name_size: int, args: int, size: int
    ) -> None:
        self.immediate.append((self._text(name, name_size), self._read(args, size)))


def plain(value: Any) -> Any:
    """Rows and products as tuples: the host knows no classes."""
    if dataclasses.is_dataclass(value):
        names = [found.name for found in dataclasses.fields(value)]
        return tuple(plain(getattr(value, name)) for name in names)
    return [plain(item) for item in value] if isinstance(value, list) else value
