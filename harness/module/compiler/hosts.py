"""Functions that ask the host for one table: insert, update, find, delete, scan."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from harness.module.compiler import kinds as k
from harness.module.compiler.codecs import load_stored, new_object, store_field
from harness.module.compiler.frame import REFUSED
from harness.module.compiler.helpers import BUFFER, NO_NUMBER, NO_ROW, TAKEN, fail
from harness.module.compiler.shapes import Field, Shape
from harness.module.wasm.assembler import Function
from harness.wire import types as t
from harness.wire.schema import IndexAlgorithm, IndexDef, TableDef

if TYPE_CHECKING:
    from harness.module.compiler.unit import Unit

#: The globals in which a range stands, besides its prefix behind the heap's top.
RANGE = ("prefix_size", "prefix_count", "start_at", "start_size", "end_at", "end_size")

#: Where in the scratch the host puts the number of a table or index.
_ID_AT = 48


class Hosts:
    """Makes each function when it is first asked for, and gives its name."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def _made(
        self,
        name: str,
        params: tuple[str, ...],
        results: tuple[str, ...],
        make: Callable[[Function], None],
    ) -> str:
        if name not in self._unit.assembler:
            make(self._unit.assembler.function(name, params, results))
        return name

    def _shape(self, table: TableDef) -> Shape:
        return self._unit.shapes.shape(self._unit.row_class(table))

    # --- ids -------------------------------------------------------------------------------------

    def _id(self, what: str, name: str) -> str:
        """A function that gives the host's number for a name, asked for once an instance."""
        cached = f"{what} {name}"

        def make(f: Function) -> None:
            self._unit.assembler.global_(cached, "i32", -1)
            f.global_get(cached)
            f.i32(-1)
            f.op("i32.eq")
            with f.if_():
                text = self._unit.text(name)
                f.i32(text + 8)
                f.i32(len(name.encode()))
                # Not at its start, where the size of a row may already lie.
                f.global_get("scratch")
                f.i32(_ID_AT)
                f.op("i32.add")
                f.call(f"{what}_id_from_name")
                f.op("drop")
                f.global_get("scratch")
                f.memory("i32.load", _ID_AT)
                f.global_set(cached)
            f.global_get(cached)

        return self._made(f"{what}_id {name}", (), ("i32",), make)

    def _table(self, f: Function, table: TableDef) -> None:
        f.call(self._id("table", table.name))

    def _index(self, f: Function, index: IndexDef) -> None:
        f.call(self._id("index", index.name))

    def _unique(self, table: TableDef, column: int) -> IndexDef:
        return next(index for index in table.indexes if index.columns == (column,))

    # --- writing ---------------------------------------------------------------------------------

    def _encoded(self, f: Function, table: TableDef, failed: int | None) -> None:
        """Write the row in local 0 behind the heap's top, and its size into scratch."""
        at = f.local("i32")
        f.get(0)
        f.global_get("heap_top")
        f.call(self._unit.codecs.writer(self._unit.row_type(table), table.name))
        f.set(at)
        f.global_get("err")
        with f.if_():
            if failed is not None:
                f.i32(failed)
            f.op("return")
        f.global_get("scratch")
        f.get(at)
        f.global_get("heap_top")
        f.op("i32.sub")
        f.memory("i32.store")

    def insert(self, table: TableDef) -> str:
        """``(row) -> row``, with its generated numbers."""
        shape = self._shape(table)

        def make(f: Function) -> None:
            status = f.local("i32")
            self._encoded(f, table, 0)
            self._table(f, table)
            f.global_get("heap_top")
            f.global_get("scratch")
            f.call("datastore_insert_bsatn")
            f.tee(status)
            with f.if_():
                self._not_inserted(f, table, status, None)
                f.i32(0)
                f.op("return")
            self._numbered(f, table, shape)
            f.get(0)

        return self._made(f"insert {table.name}", ("i32",), ("i32",), make)

    def _not_inserted(self, f: Function, table: TableDef, status: int, besides: int | None) -> None:
        f.get(status)
        f.i32(TAKEN)
        f.op("i32.eq")
        with f.if_():
            f.get(0)
            f.call(self._violation(table, besides))
            f.i32(1)
            f.global_set("taken")
            f.else_()
            for sequence in table.sequences:
                f.get(status)
                f.i32(NO_NUMBER)
                f.op("i32.eq")
                with f.if_():
                    last = self._shape(table).fields[sequence.column].kind
                    assert isinstance(last, k.Int)
                    self._refuse(f, f"{sequence.name} has no number left after {last.hi}")
                    f.i32(0)
                    f.op("return")
            f.get(status)
            f.call("host_failed")

    def _numbered(self, f: Function, table: TableDef, shape: Shape) -> None:
        """A copy of the row with the numbers that the host gave, if it gave any."""
        sequences = [shape.fields[sequence.column] for sequence in table.sequences]
        if not sequences:
            return
        copied = f.local("i32")
        f.i32(0)
        for field in sequences:
            self._load(f, field)
            f.op("i64.eqz", "i32.or")
        with f.if_():
            # The copy is made where the numbers lie now.
            f.global_get("scratch")
            f.i32(BUFFER)
            f.op("i32.add")
            f.global_get("heap_top")
            f.global_get("scratch")
            f.memory("i32.load")
            f.op("memory.copy")
            f.global_get("scratch")
            f.i32(BUFFER)
            f.op("i32.add")
            f.global_set("rd")
            new_object(f, shape)
            f.tee(copied)
            f.get(0)
            f.i32(shape.size)
            f.op("memory.copy")
            f.get(copied)
            f.set(0)
            for field in sequences:
                self._load(f, field)
                f.op("i64.eqz")
                with f.if_():
                    reader = self._unit.codecs.reader(field.type)
                    store_field(f, field, lambda: f.get(0), partial(f.call, reader))

    def _load(self, f: Function, field: Field) -> None:
        f.get(0)
        load_stored(f, field.stored, field.offset)

    def update(self, table: TableDef) -> str:
        """``(row) -> row``, by the primary key."""
        shape = self._shape(table)
        key = table.primary_key
        assert key is not None

        def make(f: Function) -> None:
            status = f.local("i32")
            self._encoded(f, table, 0)
            self._table(f, table)
            self._index(f, self._unique(table, key))
            f.global_get("heap_top")
            f.global_get("scratch")
            f.call("datastore_update_bsatn")
            f.tee(status)
            with f.if_():
                f.get(status)
                f.i32(NO_ROW)
                f.op("i32.eq")
                with f.if_():
                    self._said(f, shape.fields[key], f"no row of {table.name} has ", table, key, "")
                    f.else_()
                    self._not_inserted(f, table, status, key)
                f.i32(0)
                f.op("return")
            f.get(0)

        return self._made(f"update {table.name}", ("i32",), ("i32",), make)

    def insert_or_update(self, table: TableDef) -> str:
        """``(row) -> row``."""
        key = table.primary_key
        assert key is not None

        def make(f: Function) -> None:
            self._load(f, self._shape(table).fields[key])
            f.call(self.find(table, key))
            f.op("i32.eqz")
            with f.if_("i32"):
                f.get(0)
                f.call(self.insert(table))
                f.else_()
                f.get(0)
                f.call(self.update(table))

        return self._made(f"insert_or_update {table.name}", ("i32",), ("i32",), make)

    # --- errors that the module raises -----------------------------------------------------------

    def _refuse(self, f: Function, text: str) -> None:
        f.i32(self._unit.text(text))
        f.global_set("err_text")
        fail(f, REFUSED)

    def _said(
        self, f: Function, field: Field, text: str, table: TableDef, column: int, rest: str
    ) -> None:
        """Refuse with the value of a column in the text."""
        name = self._unit.column_name(table, column)
        f.i32(self._unit.text(f"{text}{name} "))
        self._load(f, field)
        self._unit.text_of(f, field.kind)
        f.call("rt.str_concat")
        if rest:
            f.i32(self._unit.text(rest))
            f.call("rt.str_concat")
        f.global_set("err_text")
        fail(f, REFUSED)

    def _violation(self, table: TableDef, besides: int | None) -> str:
        """Say which key of a row is taken."""

        def make(f: Function) -> None:
            for column in table.unique_columns():
                if column == besides:
                    continue
                field = self._shape(table).fields[column]
                self._load(f, field)
                f.call(self.find(table, column))
                with f.if_():
                    self._said(f, field, f"a row of {table.name} has ", table, column, " already")
                    f.op("return")
            self._refuse(f, f"a row of {table.name} has this key already")

        return self._made(f"violation {table.name} {besides}", ("i32",), (), make)

    # --- finding and deleting --------------------------------------------------------------------

    def _point(self, f: Function, table: TableDef, column: int, field: Field, call: str) -> None:
        """Call the host for the rows with the value in the first locals."""
        at, size, status = f.local("i32"), f.local("i32"), f.local("i32")
        f.global_get("heap_top")
        f.i32(1)
        f.call("room")
        f.global_get("heap_top")
        f.i32(0)
        f.memory("i32.store8")
        for place in range(len(field.kind.wasm)):
            f.get(place)
        f.global_get("heap_top")
        f.i32(1)
        f.op("i32.add")
        f.call(self._unit.codecs.writer(field.type, field.name))
        f.global_get("heap_top")
        f.tee(at)
        f.op("i32.sub")
        f.set(size)
        self._index(f, self._unique(table, column))
        f.get(at)
        f.i32(0)
        f.i32(0)
        for _ in range(2):
            f.get(at)
            f.get(size)
        f.global_get("scratch")
        f.call(call)
        f.tee(status)
        with f.if_():
            f.get(status)
            f.call("host_failed")
            f.i32(0)
            f.op("return")
        f.global_get("scratch")
        f.memory("i32.load")

    def find(self, table: TableDef, column: int) -> str:
        """``(value) -> row or 0``, by a unique column."""
        field = self._shape(table).fields[column]

        def make(f: Function) -> None:
            self._point(f, table, column, field, "datastore_index_scan_range_bsatn")
            f.call("fetch_one")
            with f.if_("i32"):
                f.call(self._unit.codecs.reader(self._unit.row_type(table)))
                f.else_()
                f.i32(0)

        return self._made(f"find {table.name} {column}", field.kind.wasm, ("i32",), make)

    def delete(self, table: TableDef, column: int) -> str:
        """``(value) -> number of rows``."""
        field = self._shape(table).fields[column]

        def make(f: Function) -> None:
            self._point(f, table, column, field, "datastore_delete_by_index_scan_range_bsatn")

        return self._made(f"delete {table.name} {column}", field.kind.wasm, ("i32",), make)

    def delete_row(self, table: TableDef) -> str:
        """``(row) -> number of rows``: exactly this row."""

        def make(f: Function) -> None:
            at, status = f.local("i32"), f.local("i32")
            f.global_get("heap_top")
            f.i32(4)
            f.call("room")
            f.global_get("heap_top")
            f.i32(1)
            f.memory("i32.store")
            f.get(0)
            f.global_get("heap_top")
            f.i32(4)
            f.op("i32.add")
            f.call(self._unit.codecs.writer(self._unit.row_type(table), table.name))
            f.set(at)
            f.global_get("err")
            with f.if_():
                f.i32(0)
                f.op("return")
            self._table(f, table)
            f.global_get("heap_top")
            f.get(at)
            f.global_get("heap_top")
            f.op("i32.sub")
            f.global_get("scratch")
            f.call("datastore_delete_all_by_eq_bsatn")
            self._number(f, status)

        return self._made(f"delete_row {table.name}", ("i32",), ("i32",), make)

    def _number(self, f: Function, status: int) -> None:
        """The number in scratch, unless the status on the stack is an error."""
        f.tee(status)
        with f.if_():
            f.get(status)
            f.call("host_failed")
        f.global_get("scratch")
        f.memory("i32.load")

    # --- many rows -------------------------------------------------------------------------------

    def count(self, table: TableDef) -> str:
        """``() -> number of rows``."""

        def make(f: Function) -> None:
            status = f.local("i32")
            self._table(f, table)
            f.global_get("scratch")
            f.call("datastore_table_row_count")
            f.tee(status)
            with f.if_():
                f.get(status)
                f.call("host_failed")
            f.global_get("scratch")
            f.memory("i64.load")

        return self._made(f"count {table.name}", (), ("i64",), make)

    def scan(self, table: TableDef) -> str:
        """``() -> iterator``."""

        def make(f: Function) -> None:
            self._table(f, table)
            f.global_get("scratch")
            f.call("datastore_table_scan_bsatn")
            self._number(f, f.local("i32"))

        return self._made(f"scan {table.name}", (), ("i32",), make)

    def range(self, index: IndexDef) -> str:
        """``() -> iterator`` over the range that stands in the globals."""
        return self._ranged("range", index, "datastore_index_scan_range_bsatn")

    def delete_range(self, index: IndexDef) -> str:
        """``() -> number of rows`` of the range that stands in the globals."""
        return self._ranged("delete_range", index, "datastore_delete_by_index_scan_range_bsatn")

    def _ranged(self, name: str, index: IndexDef, call: str) -> str:
        def make(f: Function) -> None:
            self._index(f, index)
            f.global_get("heap_top")
            for part in RANGE:
                f.global_get(part)
            f.global_get("scratch")
            f.call(call)
            self._number(f, f.local("i32"))

        return self._made(f"{name} {index.name}", (), ("i32",), make)

    def clear(self, table: TableDef) -> str:
        """``() -> number of rows``: all are deleted, at once if there is an ordered index."""
        ordered = [x for x in table.indexes if x.algorithm is IndexAlgorithm.BTREE]

        def at_once(f: Function) -> None:
            status = f.local("i32")
            f.global_get("heap_top")
            f.i32(1)
            f.call("room")
            f.global_get("heap_top")
            f.i32(2)
            f.memory("i32.store8")
            self._index(f, ordered[0])
            f.global_get("heap_top")
            f.i32(0)
            f.i32(0)
            for _ in range(2):
                f.global_get("heap_top")
                f.i32(1)
            f.global_get("scratch")
            f.call("datastore_delete_by_index_scan_range_bsatn")
            self._number(f, status)

        def each(f: Function) -> None:
            handle, blob, at, gone = (f.local("i32") for _ in range(4))
            f.call(self.scan(table))
            f.set(handle)
            with f.block() as done, f.loop() as again:
                f.get(handle)
                f.get(blob)
                f.call("more_rows")
                f.set(blob)
                f.global_get("err")
                f.br_if(done)
                f.i32(8)
                f.set(at)
                with f.loop() as row:
                    f.get(at)
                    f.global_get("rows_end")
                    f.op("i32.lt_u")
                    with f.if_():
                        f.get(blob)
                        f.get(at)
                        f.op("i32.add")
                        f.global_set("rd")
                        f.call(self._unit.codecs.reader(self._unit.row_type(table)))
                        f.call(self.delete_row(table))
                        f.get(gone)
                        f.op("i32.add")
                        f.set(gone)
                        f.global_get("rd")
                        f.get(blob)
                        f.op("i32.sub")
                        f.set(at)
                        f.br(row)
                f.global_get("rows_more")
                f.br_if(again)
            f.get(gone)

        return self._made(f"clear {table.name}", (), ("i32",), at_once if ordered else each)


__all__ = ["Hosts", "t"]
