"""Tables in memory, as the host of a compiled module keeps them: sets of encoded rows.

Written from the server's documented behaviour, and apart from the embedded server's storage, so
that the two can be compared. Scans come in the order of the primary key, or of the rows' bytes
where there is none: an order is not promised by any server, but tests want one.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.wire import codec as codecs
from harness.wire import types as t
from harness.wire.schema import IndexDef, ModuleDef, TableDef
from harness.wire.values import ConnectionId, Identity, Tagged, TimeDuration, Timestamp

Undo = Callable[[], None]
#: A bound of a range: "included", "excluded" or "unbounded", and the key value.
Bound = tuple[str, Any]
UNBOUNDED: Bound = ("unbounded", None)


class UniqueTaken(Exception):
    """A unique column has the value in another row."""


class NoSuchRow(Exception):
    """There is no row to be replaced."""


def ordered(value: Any) -> Any:
    """What a column's value is ordered by."""
    if isinstance(value, Identity | ConnectionId):
        return int(value)
    if isinstance(value, Timestamp | TimeDuration):
        return value.micros
    if isinstance(value, Tagged):
        return value.tag
    return value


@dataclass(slots=True)
class _Sequence:
    column: int
    last: int
    next: int = 1


class Index:
    """The rows of a table by the values of some columns, in their order."""

    def __init__(self, definition: IndexDef, table: Table) -> None:
        self.definition = definition
        self.table = table
        self.columns = definition.columns
        #: Whether exactly one row can have a key.
        self.unique = len(self.columns) == 1 and self.columns[0] in table.uniques
        types = [table.types[column] for column in self.columns]
        self.key_codecs = [codecs.compile(type_, table.typespace) for type_ in types]
        self._entries: list[tuple[tuple[Any, ...], Any, bytes]] = []

    def key(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(ordered(row[column]) for column in self.columns)

    def _entry(self, data: bytes, row: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any, bytes]:
        return (self.key(row), self.table.base(row, data), data)

    def add(self, data: bytes, row: tuple[Any, ...]) -> None:
        bisect.insort(self._entries, self._entry(data, row))

    def remove(self, data: bytes, row: tuple[Any, ...]) -> None:
        place = bisect.bisect_left(self._entries, self._entry(data, row))
        assert self._entries[place][2] == data
        del self._entries[place]

    def scan(self, prefix: tuple[Any, ...], low: Bound, high: Bound) -> list[bytes]:
        """The rows whose first columns are the prefix, and whose next lies between the bounds."""
        depth = len(prefix)
        if low[0] != "unbounded" and high[0] != "unbounded":
            excluded = "excluded" in (low[0], high[0])
            assert low[1] < high[1] or (low[1] == high[1] and not excluded), (
                f"a server of 1.2 would die of this range: {low} to {high}"
            )
        first = bisect.bisect_left(self._entries, prefix, key=lambda entry: entry[0][:depth])
        last = bisect.bisect_right(self._entries, prefix, key=lambda entry: entry[0][:depth])
        kind, value = low
        if kind != "unbounded":
            side = bisect.bisect_left if kind == "included" else bisect.bisect_right
            first = side(self._entries, value, first, last, key=lambda entry: entry[0][depth])
        kind, value = high
        if kind != "unbounded":
            side = bisect.bisect_right if kind == "included" else bisect.bisect_left
            last = side(self._entries, value, first, last, key=lambda entry: entry[0][depth])
        return [data for _, _, data in self._entries[first:last]]


class Table:
    """One table. Changes put what takes them back into ``undo``."""

    def __init__(self, definition: TableDef, module: ModuleDef, undo: list[Undo]) -> None:
        self.definition = definition
        self.name = definition.name
        self.typespace = module.typespace
        row = module.row_type(definition)
        self.types = [element.type for element in row.elements]
        self.columns = [element.name or "" for element in row.elements]
        self.codec = codecs.compile(t.Ref(definition.row), module.typespace)
        self.uniques = {unique.columns[0] for unique in definition.uniques}
        self._first = next(iter(definition.unique_columns()), None)
        self._rows: dict[bytes, tuple[Any, ...]] = {}
        self._taken: dict[int, dict[Any, bytes]] = {column: {} for column in self.uniques}
        self.indexes = [Index(index, self) for index in definition.indexes]
        self._sequences = [
            _Sequence(sequence.column, self._last(sequence.column))
            for sequence in definition.sequences
        ]
        self._undo = undo

    def _last(self, column: int) -> int:
        type_ = self.types[column]
        assert isinstance(type_, t.Scalar)
        bits, signed = t.INTEGERS[type_.kind]
        return (1 << (bits - signed)) - 1

    def base(self, row: tuple[Any, ...], data: bytes) -> Any:
        """What the table itself is ordered by."""
        return data if self._first is None else ordered(row[self._first])

    def __len__(self) -> int:
        return len(self._rows)

    def scan(self) -> list[bytes]:
        """All rows."""
        return sorted(self._rows, key=lambda data: self.base(self._rows[data], data))

    def values(self) -> Iterator[tuple[Any, ...]]:
        return map(self._rows.__getitem__, self.scan())

    def insert(self, data: bytes) -> bytes:
        """Insert an encoded row; the generated values, encoded. Raises ``UniqueTaken``."""
        data, generated = self._numbered(data)
        if data not in self._rows:
            row = self.codec.decode(data)
            self._check(row, None)
            self._put(data, row)
        return generated

    def update(self, index: Index, data: bytes) -> bytes:
        """Replace the row with the same key. Raises ``NoSuchRow`` and ``UniqueTaken``."""
        column = index.columns[0]
        data, generated = self._numbered(data)
        row = self.codec.decode(data)
        old = self._taken[column].get(ordered(row[column]))
        if old is None:
            raise NoSuchRow
        if old != data:
            self._check(row, old)
            self._take(old)
            self._put(data, row)
        return generated

    def delete(self, data: bytes) -> bool:
        """Delete exactly this row; whether it was there."""
        if data not in self._rows:
            return False
        self._take(data)
        return True

    def _numbered(self, data: bytes) -> tuple[bytes, bytes]:
        """The row with its generated numbers, and those of all its sequences' columns."""
        if not self._sequences:
            return data, b""
        row = list(self.codec.decode(data))
        generated = b""
        for sequence in sorted(self._sequences, key=lambda sequence: sequence.column):
            if row[sequence.column] == 0:
                assert sequence.next <= sequence.last, f"a sequence of {self.name} is used up"
                row[sequence.column] = sequence.next
                sequence.next += 1
            type_ = self.types[sequence.column]
            generated += codecs.compile(type_).encode(row[sequence.column])
        return self.codec.encode(tuple(row)), generated

    def _check(self, row: tuple[Any, ...], besides: bytes | None) -> None:
        for column, taken in self._taken.items():
            other = taken.get(ordered(row[column]))
            if other is not None and other != besides:
                raise UniqueTaken(self.columns[column])

    def _put(self, data: bytes, row: tuple[Any, ...]) -> None:
        self._link(data, row)
        self._undo.append(lambda: self._unlink(data))

    def _take(self, data: bytes) -> None:
        row = self._unlink(data)
        self._undo.append(lambda: self._link(data, row))

    def _link(self, data: bytes, row: tuple[Any, ...]) -> None:
        self._rows[data] = row
        for column, taken in self._taken.items():
            taken[ordered(row[column])] = data
        for index in self.indexes:
            index.add(data, row)

    def _unlink(self, data: bytes) -> tuple[Any, ...]:
        row = self._rows.pop(data)
        for column, taken in self._taken.items():
            del taken[ordered(row[column])]
        for index in self.indexes:
            index.remove(data, row)
        return row


class Tables:
    """All tables of a module, and the way back to before the call."""

    def __init__(self, module: ModuleDef) -> None:
        self._undo: list[Undo] = []
        self.tables = [Table(definition, module, self._undo) for definition in module.tables]
        self.indexes = [index for table in self.tables for index in table.indexes]

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)

    def commit(self) -> None:
        self._undo.clear()

    def rollback(self) -> None:
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()
