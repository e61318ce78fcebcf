"""One table on SQLite.

A row is stored as its BSATN bytes, which is also what subscribers are sent; key columns stand
beside it for SQLite to find and order. Tables are sets: inserting a row that is there already
changes nothing, and a table without a unique column has the whole row as its key.

Every change is noted. The notes are what subscribers are told, and what is undone if the reducer
fails: deleting what came and inserting what went brings the table back, whatever happened between.
This costs less than a savepoint for each call.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from harness.errors import EncodeError, ReducerError
from harness.module.handles import Range, UniqueConstraintViolation
from harness.server.changes import TableChanges
from harness.server.engine import GUARD, REDUCER, WRITING, Engine, ReducerTimeout
from harness.server.layout import Layout
from harness.server.sequences import Sequence
from harness.wire import types as t
from harness.wire.codec import Codec
from harness.wire.program import field_names
from harness.wire.schema import TableDef

#: So many rows of a table, found by its first unique column, are kept at hand …
CACHED_ROWS = 4096
#: … if they are not longer than this, in bytes.
CACHED_ROW_BYTES = 1024


class TableStore:
    """Implements ``harness.module.handles.Store`` for the table's row class."""

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
        self.layout = Layout(definition, row_types)
        self._engine = engine
        self._codec = codec
        self._fields = tuple(element.name or "" for element in row.elements)
        self._attributes = field_names(row_class)
        self.sequences = [
            Sequence.of(
                made.name, made.column, self._attributes[made.column], row_types[made.column]
            )
            for made in definition.sequences
        ]
        self._event = definition.event
        self._primary = self.layout.uniques[0] if self.layout.uniques else None
        self._to_sql = {column: key.to_sql for column, key in self.layout.keys.items()}
        self._getters = [(self._attributes[column], f) for column, f in self._to_sql.items()]
        self._other_getters = {
            column: [(self._attributes[c], f) for c, f in self._to_sql.items() if c != column]
            for column in self.layout.uniques
        }
        # Rows by their primary key as SQLite has it; always what the table holds.
        self._cache: dict[Any, bytes] = {}

    # --- what reducers do ------------------------------------------------------------------------

    def insert(self, row: Any) -> Any:
        """Insert a row; it comes back with its generated values.

        Raises ``UniqueConstraintViolation``, ``AutoIncOverflow``, ``EncodeError``.
        """
        given = row
        if self.sequences:
            row, data = self._numbered(row)
        else:
            data = self._codec.encode(row)
        if self._event:
            self._note(None, data)
            return row
        values = [to_sql(getattr(row, name)) for name, to_sql in self._getters]
        values.append(data)
        try:
            self._write(self.layout.insert, values, None, data, None)
        except sqlite3.IntegrityError:
            if not self.contains(data):
                # Of the row as it was given: a module is not told a number that was not given out.
                raise self._violation(given) from None
        return row

    def find(self, column: int, value: Any) -> Any:
        """The row with this value in a unique column, or None."""
        data = self._find(column, value)
        return None if data is None else self._codec.decode(data)

    def update(self, column: int, row: Any) -> Any:
        """Replace the row with the same value in a unique column."""
        value = getattr(row, self._attributes[column])
        old = self._find(column, value)
        if old is None:
            raise ReducerError(
                f"no row of {self.definition.name} has {self._fields[column]} {value}"
            )
        data = self._codec.encode(row)
        if data == old:
            return row
        key = self._to_sql[column](value)
        values = [to_sql(getattr(row, name)) for name, to_sql in self._other_getters[column]]
        values.append(data)
        values.append(key)
        try:
            self._write(self.layout.update[column], values, old, data, key)
        except sqlite3.IntegrityError:
            raise self._violation(row, besides=column) from None
        return row

    def delete_unique(self, column: int, value: Any) -> bool:
        """Delete the row with this value in a unique column; whether there was one."""
        data = self._find(column, value)
        if data is None:
            return False
        if column == self._primary:
            sql, key = self.layout.delete[column], self._to_sql[column](value)
        else:
            sql, key = self._locate(data)
        self._write(sql, (key,), data, None, key)
        return True

    def delete_row(self, row: Any) -> bool:
        """Delete exactly this row; whether it was there."""
        return self.remove_bytes(self._codec.encode(row))

    def filter(self, columns: tuple[int, ...], prefix: tuple[Any, ...], range_: Range) -> list[Any]:
        """Rows whose first columns equal the prefix, the next in the range, in their order."""
        decode = self._codec.decode
        return [decode(data) for data in self._matching(columns, prefix, range_)]

    def delete_filter(
        self, columns: tuple[int, ...], prefix: tuple[Any, ...], range_: Range
    ) -> int:
        """Delete what ``filter`` gives; how many rows there were."""
        found = self._matching(columns, prefix, range_)
        for data in found:
            self.remove_bytes(data)
        return len(found)

    def clear(self) -> int:
        """Delete all rows; how many there were."""
        gone = self.all_rows()
        if gone:
            phase, GUARD.phase = GUARD.phase, WRITING
            try:
                self._engine.write(self.layout.clear)
                self._cache.clear()
                for data in gone:
                    self._note(data, None)
            finally:
                self._written(phase)
        return len(gone)

    def count(self) -> int:
        """How many rows there are; costs nothing."""
        return self.rows

    def iter(self) -> Iterator[Any]:
        """All rows as they are at the moment of the call."""
        rows = self.all_rows()
        joined = b"".join(rows)
        # Rows without any bytes, of a table without columns, cannot be told from no rows.
        return iter(self._codec.decode_all(joined) if joined else map(self._codec.decode, rows))

    # --- encoded rows ----------------------------------------------------------------------------

    def all_rows(self) -> list[bytes]:
        return [data for (data,) in self._engine.fetch(self.layout.all)]

    def lookup(self, column: int, value: Any) -> list[bytes]:
        """Rows with this value in a key column."""
        try:
            key = self._to_sql[column](value)
            return [data for (data,) in self._engine.fetch(self.layout.find[column], (key,))]
        except (OverflowError, UnicodeEncodeError):
            return []  # as ``_find``

    def contains(self, data: bytes) -> bool:
        """Whether exactly this row is there."""
        if self._primary is None:
            return bool(self._engine.fetch(self.layout.find_row, (data,)))
        return (
            self._find(self._primary, self.value(self._codec.decode(data), self._primary)) == data
        )

    def insert_bytes(self, data: bytes) -> None:
        """Insert an encoded row, as ``insert`` does."""
        self.insert(self._codec.decode(data))

    def remove_bytes(self, data: bytes) -> bool:
        """Delete an encoded row; whether it was there."""
        if not self.contains(data):
            return False
        sql, key = self._locate(data)
        self._write(sql, (key,), data, None, key)
        return True

    def decode(self, data: bytes) -> Any:
        """An encoded row as a value."""
        return self._codec.decode(data)

    def attribute(self, column: int) -> str:
        """The Python name of a column."""
        return self._attributes[column]

    def value(self, row: Any, column: int) -> Any:
        """A row's value in a column."""
        return getattr(row, self._attributes[column])

    def key(self, column: int, value: Any) -> Any:
        """A key column's value as SQLite has it; None for what no row can have there."""
        try:
            return self._to_sql[column](value)
        except (OverflowError, UnicodeEncodeError):
            return None  # as ``_find``

    def is_key(self, column: int) -> bool:
        """Whether ``lookup`` works for the column."""
        return column in self._to_sql

    # --- keeping ---------------------------------------------------------------------------------

    def create(self) -> None:
        """Make the table and its indexes, within the tick's transaction."""
        for sql in self.layout.create():
            self._engine.write(sql)

    def load(self, sequences: dict[str, int]) -> None:
        """Take up what is kept in memory: the number of rows, and where sequences go on."""
        ((self.rows,),) = self._engine.fetch(self.layout.count)
        for sequence in self.sequences:
            first = sequences.get(sequence.name)
            if first is None:
                # A new sequence on rows that were there before goes on behind them.
                first = 1 + max((getattr(row, sequence.field) for row in self.iter()), default=0)
            sequence.start(max(1, first))

    def restore(self, rows: list[bytes]) -> None:
        """Insert encoded rows, without noting changes."""
        for data in rows:
            row = self._codec.decode(data)
            values = [to_sql(getattr(row, name)) for name, to_sql in self._getters]
            self._engine.write(self.layout.insert, [*values, data])

    def undo(self) -> None:
        """Bring the table back to what it was when the changes began."""
        changes, self.changes = self.changes, TableChanges()
        if self._event:
            return
        self._cache.clear()
        for data in changes.added:
            sql, key = self._locate(data)
            self._engine.write(sql, (key,))
        self.restore(list(changes.removed))
        self.rows += len(changes.removed) - len(changes.added)

    # --- helpers ---------------------------------------------------------------------------------

    def _write(
        self,
        sql: str,
        values: tuple[Any, ...] | list[Any],
        gone: bytes | None,
        come: bytes | None,
        key: Any,
    ) -> None:
        """One write and its note, which no time-out may part.

        Raises ``sqlite3.IntegrityError`` if a key is taken, and ``StoreError``.
        """
        engine = self._engine
        phase, GUARD.phase = GUARD.phase, WRITING
        try:
            if not engine.open:
                engine.begin()
            engine.execute(sql, values)
            if gone is not None:
                if come is None or key not in self._cache:
                    self._cache.pop(key, None)
                else:
                    self._cache[key] = come
            self._note(gone, come)
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise engine.fail(error) from error
        finally:
            self._written(phase)

    def _written(self, phase: int) -> None:
        GUARD.phase = phase
        if GUARD.late is not None and phase == REDUCER:
            raise ReducerTimeout(GUARD.late)

    def _note(self, gone: bytes | None, come: bytes | None) -> None:
        changes = self.changes
        if not changes.added and not changes.removed:
            self._engine.touched.append(self)
        if gone is not None:
            changes.remove(gone)
            self.rows -= 1
        if come is not None:
            changes.add(come)
            if not self._event:
                self.rows += 1

    def _find(self, column: int, value: Any) -> bytes | None:
        try:
            key = self._to_sql[column](value)
            primary = column == self._primary
            if primary and (data := self._cache.get(key)) is not None:
                return data
            found = self._engine.execute(self.layout.find[column], (key,)).fetchone()
        except (OverflowError, UnicodeEncodeError):
            return None  # no row can have a number beyond the column's range, or half a character
        except sqlite3.Error as error:
            raise self._engine.fail(error) from error
        if found is None:
            return None
        data = found[0]
        assert isinstance(data, bytes)
        if primary and len(data) <= CACHED_ROW_BYTES:
            if len(self._cache) >= CACHED_ROWS:
                self._cache.clear()
            self._cache[key] = data
        return data

    def _locate(self, data: bytes) -> tuple[str, Any]:
        """How a row that is there is deleted: the statement and its value."""
        if self._primary is None:
            return self.layout.delete_row, data
        value = self.value(self._codec.decode(data), self._primary)
        return self.layout.delete[self._primary], self._to_sql[self._primary](value)

    def _matching(
        self, columns: tuple[int, ...], prefix: tuple[Any, ...], range_: Range
    ) -> list[bytes]:
        """Encoded rows, as ``filter``. An end beyond all numbers leaves the range open."""
        ends: tuple[str, ...] = ()
        try:
            values = [self._to_sql[c](value) for c, value in zip(columns, prefix, strict=False)]
            if range_:
                if len(prefix) == len(columns):
                    raise ValueError("the prefix leaves no column for a range")
                key = self.layout.keys[columns[len(prefix)]]
                for end, value in range_.ends():
                    side = key.side(value)
                    if side > 0 if end in ("ge", "gt") else side < 0:
                        return []
                    if side == 0:
                        ends += (end,)
                        values.append(key.to_sql(value))
            sql = self.layout.range(columns, len(prefix), ends)
            return [data for (data,) in self._engine.fetch(sql, tuple(values))]
        except (OverflowError, UnicodeEncodeError):
            return []  # as ``_find``

    def _numbered(self, row: Any) -> tuple[Any, bytes]:
        """The row itself, or a copy with its generated numbers; and its bytes.

        A row that cannot be encoded takes no number: no server ever sees it.
        """
        taken = []
        for sequence in self.sequences:
            if getattr(row, sequence.field) == 0:
                number = sequence.take(self._engine)
                taken.append((sequence, number))
                row = self._copy(row)
                object.__setattr__(row, sequence.field, number)
        try:
            return row, self._codec.encode(row)
        except EncodeError:
            for sequence, number in taken:
                sequence.next = number
            raise

    def _copy(self, row: Any) -> Any:
        made = object.__new__(type(row))
        for name in self._attributes:
            object.__setattr__(made, name, getattr(row, name))
        return made

    def _violation(self, row: Any, besides: int | None = None) -> UniqueConstraintViolation:
        for column in self.layout.uniques:
            value = getattr(row, self._attributes[column])
            if column != besides and self._find(column, value) is not None:
                return UniqueConstraintViolation(
                    f"a row of {self.definition.name} has {self._fields[column]} {value} already"
                )
        return UniqueConstraintViolation(f"a row of {self.definition.name} has this key already")
