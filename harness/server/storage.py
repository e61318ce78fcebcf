"""Tables on SQLite.

A row is stored as its BSATN bytes, which is also what subscribers are sent; key columns stand
beside it for SQLite to find and order. Tables are sets: inserting a row that is there already
changes nothing, and a table without a unique column has the whole row as its key.

Every change is noted. The notes are what subscribers are told, and what is undone if the reducer
fails: deleting what came and inserting what went brings the table back, whatever happened between.
"""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.errors import ReducerError, StoreError
from harness.module.handles import AutoIncOverflow, Range, UniqueConstraintViolation
from harness.server.keys import ToSql, to_sql
from harness.wire import types as t
from harness.wire.codec import Codec
from harness.wire.schema import TableDef

#: So many numbers of a sequence are reserved at a time: ids may jump by it after a restart.
SEQUENCE_BLOCK = 4096


class TableChanges:
    """Net changes of one table in one transaction, in the order they were made."""

    __slots__ = ("added", "removed")

    def __init__(self) -> None:
        self.added: dict[bytes, None] = {}
        self.removed: dict[bytes, None] = {}

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    @property
    def inserts(self) -> list[bytes]:
        return list(self.added)

    @property
    def deletes(self) -> list[bytes]:
        return list(self.removed)

    def add(self, row: bytes) -> None:
        if row in self.removed:
            del self.removed[row]
        else:
            self.added[row] = None

    def remove(self, row: bytes) -> None:
        if row in self.added:
            del self.added[row]
        else:
            self.removed[row] = None


@dataclass(slots=True)
class Sequence:
    """An auto-increment column: ``next`` up to ``reserved`` may be given out."""

    name: str
    column: int
    field: str
    last: int
    next: int = 1
    reserved: int = 1


class Engine:
    """The connection that all tables of a database share, and the transaction of the tick."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        cursor = connection.cursor()
        self.execute: Callable[..., sqlite3.Cursor] = cursor.execute
        self.open = False
        #: Tables that the running reducer has changed.
        self.touched: list[TableStore] = []

    def begin(self) -> None:
        """Open the tick's transaction before its first write."""
        self.execute("BEGIN IMMEDIATE")
        self.open = True

    def fetch(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """All rows of a query."""
        return self.execute(sql, values).fetchall()

    def commit(self) -> bool:
        """End the tick's transaction; whether there was one. Raises ``StoreError``."""
        if not self.open:
            return False
        try:
            self.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreError(f"the database cannot be written: {error}") from error
        self.open = False
        return True


class TableStore:
    """One table. Implements ``harness.module.handles.Store`` for the table's row class."""

    def __init__(
        self,
        engine: Engine,
        definition: TableDef,
        row: t.Product,
        row_types: tuple[t.Type, ...],
        row_class: type[Any],
        codec: Codec,
    ) -> None:
        self.definition = definition
        self.row_class = row_class
        self.changes = TableChanges()
        self.rows = 0
        self.sequences: list[Sequence] = []
        self._engine = engine
        self._codec = codec
        self._fields = tuple(element.name or "" for element in row.elements)
        self._attributes = _attributes(row_class, self._fields)
        self._event = definition.event
        self._uniques = definition.unique_columns()
        keys = {*self._uniques, *(c for index in definition.indexes for c in index.columns)}
        self._keys: dict[int, tuple[str, ToSql]] = {c: to_sql(row_types[c]) for c in sorted(keys)}
        self._key_getters = tuple(
            (self._attributes[column], convert) for column, (_, convert) in self._keys.items()
        )
        self._name = f"t_{definition.name}".replace('"', '""')
        names = [f"k{column}" for column in self._keys]
        marks = ", ".join("?" * (len(names) + 1))
        table = f'"{self._name}"'
        # Names come from a validated schema and are quoted; values always travel as parameters.
        self._insert_sql = f"INSERT INTO {table} ({', '.join([*names, 'row'])}) VALUES ({marks})"  # noqa: S608
        self._find_sql = {c: f"SELECT row FROM {table} WHERE k{c} = ?" for c in self._keys}  # noqa: S608
        self._delete_sql = {c: f"DELETE FROM {table} WHERE k{c} = ?" for c in self._keys}  # noqa: S608
        sets = ", ".join(f"{name} = ?" for name in [*names, "row"])
        self._update_sql = {c: f"UPDATE {table} SET {sets} WHERE k{c} = ?" for c in self._uniques}  # noqa: S608
        self._by_row_sql = f"SELECT 1 FROM {table} WHERE row = ?"  # noqa: S608
        self._delete_row_sql = f"DELETE FROM {table} WHERE row = ?"  # noqa: S608
        self._all_sql = f"SELECT row FROM {table}"  # noqa: S608
        self._clear_sql = f"DELETE FROM {table}"  # noqa: S608
        self._count_sql = f"SELECT count(*) FROM {table}"  # noqa: S608

    # --- layout ----------------------------------------------------------------------------------

    def create(self) -> None:
        """Make the table and its indexes. Runs in the transaction that makes the database."""
        columns, primary = [], None
        for column, (kind, _) in self._keys.items():
            mark = ""
            if self._uniques and column == self._uniques[0]:
                mark, primary = " PRIMARY KEY", kind
            columns.append(f"k{column} {kind} NOT NULL{mark}")
        columns.append("row BLOB NOT NULL" + ("" if self._uniques else " PRIMARY KEY"))
        tail = "" if primary == "INTEGER" else " WITHOUT ROWID"
        execute = self._engine.execute
        execute(f'CREATE TABLE "{self._name}" ({", ".join(columns)}){tail}')
        for column in self._uniques[1:]:
            execute(f'CREATE UNIQUE INDEX "{self._name}_u{column}" ON "{self._name}" (k{column})')
        for index in self.definition.indexes:
            if len(index.columns) == 1 and index.columns[0] in self._uniques:
                continue
            name = "_".join(map(str, index.columns))
            keys = ", ".join(f"k{column}" for column in index.columns)
            execute(f'CREATE INDEX IF NOT EXISTS "{self._name}_i{name}" ON "{self._name}" ({keys})')

    def drop(self) -> None:
        """Remove the table."""
        self._engine.execute(f'DROP TABLE "{self._name}"')

    def layout(self) -> list[Any]:
        """What ``create`` depends on, to notice when a module needs another layout."""
        indexes = sorted(list(index.columns) for index in self.definition.indexes)
        kinds = [[column, kind] for column, (kind, _) in self._keys.items()]
        return [kinds, list(self._uniques), indexes]

    def load(self) -> None:
        """Read what is kept in memory: the number of rows."""
        ((self.rows,),) = self._engine.fetch(self._count_sql)

    # --- what reducers do ------------------------------------------------------------------------

    def insert(self, row: Any) -> Any:
        """Insert a row; it comes back with its generated values.

        Raises ``UniqueConstraintViolation``, ``AutoIncOverflow``, ``EncodeError``.
        """
        if self.sequences:
            row = self._number(row)
        data = self._codec.encode(row)
        if self._event:
            self._note_added(data)
            return row
        try:
            self._write(self._insert_sql, [*self._key_values(row), data])
        except sqlite3.IntegrityError:
            if not self._contains(data):
                raise self._violation(row) from None
            return row
        self._note_added(data)
        return row

    def find(self, column: int, value: Any) -> Any:
        """The row with this value in a unique column, or None."""
        data = self._find(column, value)
        return None if data is None else self._codec.decode(data)

    def update(self, column: int, row: Any) -> Any:
        """Replace the row with the same value in a unique column."""
        key = getattr(row, self._attributes[column])
        old = self._find(column, key)
        if old is None:
            raise ReducerError(f"no row of {self.definition.name} has {self._fields[column]} {key}")
        data = self._codec.encode(row)
        if data == old:
            return row
        try:
            self._write(
                self._update_sql[column],
                [*self._key_values(row), data, self._keys[column][1](key)],
            )
        except sqlite3.IntegrityError:
            raise self._violation(row) from None
        self._note_removed(old)
        self._note_added(data)
        return row

    def delete_unique(self, column: int, value: Any) -> bool:
        old = self._find(column, value)
        if old is None:
            return False
        self._write(self._delete_sql[column], [self._keys[column][1](value)])
        self._note_removed(old)
        return True

    def delete_row(self, row: Any) -> bool:
        return self.remove_bytes(self._codec.encode(row))

    def filter(self, columns: tuple[int, ...], prefix: tuple[Any, ...], range_: Range) -> list[Any]:
        decode = self._codec.decode
        return [decode(data) for data in self._matching(columns, prefix, range_)]

    def delete_filter(
        self, columns: tuple[int, ...], prefix: tuple[Any, ...], range_: Range
    ) -> int:
        found = self._matching(columns, prefix, range_)
        for data in found:
            self.remove_bytes(data)
        return len(found)

    def clear(self) -> int:
        gone = self.all_rows()
        if gone:
            self._write(self._clear_sql, [])
            for data in gone:
                self._note_removed(data)
        return len(gone)

    def count(self) -> int:
        return self.rows

    def iter(self) -> Iterator[Any]:
        """All rows as they are at the moment of the call."""
        return iter(self._codec.decode_all(b"".join(self.all_rows())))

    # --- bytes -----------------------------------------------------------------------------------

    def all_rows(self) -> list[bytes]:
        return [data for (data,) in self._engine.fetch(self._all_sql)]

    def lookup(self, column: int, value: Any) -> list[bytes]:
        """Rows with this value in a key column."""
        key = self._keys[column][1](value)
        return [data for (data,) in self._engine.fetch(self._find_sql[column], (key,))]

    def decode(self, data: bytes) -> Any:
        """An encoded row as a value."""
        return self._codec.decode(data)

    def contains(self, data: bytes) -> bool:
        """Whether exactly this row is there."""
        return self._contains(data)

    def attribute(self, column: int) -> str:
        """The Python name of a column."""
        return self._attributes[column]

    def value(self, row: Any, column: int) -> Any:
        """A row's value in a column."""
        return getattr(row, self._attributes[column])

    def restore(self, rows: list[bytes]) -> None:
        """Fill a table that was made anew, without noting changes."""
        for data in rows:
            row = self._codec.decode(data)
            self._engine.execute(self._insert_sql, [*self._key_values(row), data])

    def is_key(self, column: int) -> bool:
        """Whether ``lookup`` works for the column."""
        return column in self._keys

    def insert_bytes(self, data: bytes) -> None:
        """Insert an encoded row as it is."""
        self.insert(self._codec.decode(data))

    def remove_bytes(self, data: bytes) -> bool:
        """Delete an encoded row; whether it was there."""
        if not self._contains(data):
            return False
        if self._uniques:
            column = self._uniques[0]
            value = getattr(self._codec.decode(data), self._attributes[column])
            self._write(self._delete_sql[column], [self._keys[column][1](value)])
        else:
            self._write(self._delete_row_sql, [data])
        self._note_removed(data)
        return True

    def undo(self) -> None:
        """Bring the table back to what it was when the changes began."""
        changes, self.changes = self.changes, TableChanges()
        if not self._event:
            for data in changes.added:
                self.remove_bytes(data)
            for data in changes.removed:
                row = self._codec.decode(data)
                self._write(self._insert_sql, [*self._key_values(row), data])
                self._note_added(data)
        self.changes = TableChanges()

    # --- helpers ---------------------------------------------------------------------------------

    def _write(self, sql: str, values: list[Any]) -> None:
        engine = self._engine
        if not engine.open:
            engine.begin()
        try:
            engine.execute(sql, values)
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise StoreError(f"the database cannot be written: {error}") from error

    def _key_values(self, row: Any) -> list[Any]:
        return [convert(getattr(row, name)) for name, convert in self._key_getters]

    def _find(self, column: int, value: Any) -> bytes | None:
        key = self._keys[column][1](value)
        try:
            found = self._engine.execute(self._find_sql[column], (key,)).fetchone()
        except OverflowError:
            return None  # no row can have a number beyond the column's range
        return None if found is None else found[0]

    def _contains(self, data: bytes) -> bool:
        if not self._uniques:
            return bool(self._engine.fetch(self._by_row_sql, (data,)))
        column = self._uniques[0]
        value = getattr(self._codec.decode(data), self._attributes[column])
        return self._find(column, value) == data

    def _matching(
        self, columns: tuple[int, ...], prefix: tuple[Any, ...], range_: Range
    ) -> list[bytes]:
        tests, values = [], []
        for column, value in zip(columns, prefix, strict=False):
            tests.append(f"k{column} = ?")
            values.append(self._keys[column][1](value))
        if range_:
            if len(prefix) == len(columns):
                raise ValueError("the prefix leaves no column for a range")
            column = columns[len(prefix)]
            ends = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
            for end, operator in ends:
                value = getattr(range_, end)
                if value is not None:
                    tests.append(f"k{column} {operator} ?")
                    values.append(self._keys[column][1](value))
        order = ", ".join(f"k{column}" for column in columns)
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        sql = f'SELECT row FROM "{self._name}"{where} ORDER BY {order}'  # noqa: S608
        return [data for (data,) in self._engine.fetch(sql, tuple(values))]

    def _number(self, row: Any) -> Any:
        for sequence in self.sequences:
            if getattr(row, sequence.field) == 0:
                row = copy.copy(row)
                setattr(row, sequence.field, self._next(sequence))
        return row

    def _next(self, sequence: Sequence) -> int:
        if sequence.next > sequence.last:
            raise AutoIncOverflow(
                f"{self.definition.name}.{sequence.field} has no number left after {sequence.last}"
            )
        if sequence.next >= sequence.reserved:
            sequence.reserved = sequence.next + SEQUENCE_BLOCK
            self._write(
                "INSERT OR REPLACE INTO harness_sequences (name, reserved) VALUES (?, ?)",
                [sequence.name, str(sequence.reserved)],
            )
        number = sequence.next
        sequence.next += 1
        return number

    def _violation(self, row: Any) -> UniqueConstraintViolation:
        for column in self._uniques:
            value = getattr(row, self._attributes[column])
            if self._find(column, value) is not None:
                return UniqueConstraintViolation(
                    f"a row of {self.definition.name} has {self._fields[column]} {value} already"
                )
        return UniqueConstraintViolation(f"a row of {self.definition.name} has this key already")

    def _note_added(self, data: bytes) -> None:
        changes = self.changes
        if not changes.added and not changes.removed:
            self._engine.touched.append(self)
        changes.add(data)
        self.rows += 0 if self._event else 1

    def _note_removed(self, data: bytes) -> None:
        changes = self.changes
        if not changes.added and not changes.removed:
            self._engine.touched.append(self)
        changes.remove(data)
        self.rows -= 1


def _attributes(row_class: type[Any], fields: tuple[str, ...]) -> tuple[str, ...]:
    """The Python names of the fields, in order."""
    from harness.wire.program import field_names

    return field_names(row_class)
