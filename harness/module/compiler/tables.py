"""What reducers do with tables: ``ctx.db.item.insert`` and everything beside it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from typing import Any

from harness.module.compiler import kinds as k
from harness.module.compiler.expressions import Expressions
from harness.module.compiler.frame import Frame
from harness.module.compiler.source import refuse
from harness.module.compiler.values import (
    UNKNOWN,
    Checked,
    ColumnRef,
    Emit,
    IndexRef,
    Method,
    Rows,
    TableRef,
    Value,
    steps,
)
from harness.wire.schema import IndexAlgorithm, IndexDef, TableDef

_TABLE = (
    "insert", "try_insert", "delete", "count", "clear", "iter",
)  # fmt: skip
_UNIQUE = ("find", "delete")
_PRIMARY = (*_UNIQUE, "update", "insert_or_update")
_INDEX = ("filter", "delete")
_ENDS = {"ge": 0, "gt": 1, "le": 0, "lt": 1}
_UNBOUNDED = 2


class Tables(Expressions):
    """Checks and emits calls on tables, unique columns and indexes."""

    def table_attribute(self, of: Checked, name: str, node: ast.AST) -> Checked:
        assert isinstance(of, TableRef | ColumnRef | IndexRef)
        table = of.table
        if isinstance(of, TableRef):
            if name in _TABLE:
                return Method(of, name)
            found = self.unit.accessible(table).get(name)
            if found is None:
                known = [*self.unit.accessible(table), *_TABLE]
                refuse(node, f"the table {table.name!r} has no {name!r}; it has {', '.join(known)}")
            return found
        if isinstance(of, ColumnRef):
            methods = _PRIMARY if of.column == table.primary_key else _UNIQUE
        else:
            methods = _INDEX
        if name not in methods:
            refuse(node, f"there is no {name!r} here; there are {', '.join(methods)}")
        return Method(of, name)

    def table_call(self, of: Any, name: str, node: ast.Call) -> Checked:
        """A call of one of their methods."""
        if isinstance(of, TableRef):
            return self._on_table(of.table, name, node)
        if isinstance(of, ColumnRef):
            return self._on_column(of, name, node)
        return self._on_index(of, name, node)

    def one(self, node: ast.Call, what: str) -> ast.expr:
        """The only argument."""
        if len(node.args) != 1 or node.keywords:
            refuse(node, f"{what} takes one argument by its place")
        return node.args[0]

    def none(self, node: ast.Call, what: str) -> None:
        if node.args or node.keywords:
            refuse(node, f"{what} takes no arguments")

    # --- tables ----------------------------------------------------------------------------------

    def _row(self, table: TableDef, node: ast.expr) -> Value:
        kind = k.Struct(self.unit.row_class(table))
        return self.coerce(self.value(node), kind, f"a row of {table.name}", None, node)

    def _on_table(self, table: TableDef, name: str, node: ast.Call) -> Checked:
        f, line = self.f, self.line(node)
        kind = k.Struct(self.unit.row_class(table))
        if name in ("insert", "try_insert"):
            row = self._row(table, self.one(node, name))
            helper = self.unit.hosts.insert(table)

            def insert() -> None:
                row.emit()
                f.call(helper)
                if name == "try_insert":
                    f.call("forgive")
                self.frame.check(line)

            made = kind if name == "insert" else k.Option(kind)
            return Value(made, insert, row.calls)
        if name == "delete":
            row = self._row(table, self.one(node, name))
            return self._counted(row, self.unit.hosts.delete_row(table), line)
        self.none(node, name)
        if name == "count":
            helper = self.unit.hosts.count(table)
            return Value(
                k.Int(*k.U64), steps(lambda: f.call(helper), lambda: self.frame.check(line))
            )
        if name == "clear":
            helper = self.unit.hosts.clear(table)
            return Value(
                k.Int(0, (1 << 32) - 1),
                steps(
                    lambda: f.call(helper),
                    lambda: self.frame.check(line),
                    lambda: f.op("i64.extend_i32_u"),
                ),
            )
        scan = self.unit.hosts.scan(table)
        return Rows(table, steps(lambda: f.call(scan), lambda: self.frame.check(line)), False)

    def _counted(self, argument: Value, helper: str, line: int) -> Value:
        """Whether the helper's count, of what it deletes, is not 0."""

        def emit() -> None:
            argument.emit()
            self.f.call(helper)
            self.frame.check(line)
            self.f.i32(0)
            self.f.op("i32.ne")

        return Value(k.BOOL, emit, argument.calls)

    # --- unique columns --------------------------------------------------------------------------

    def _on_column(self, of: ColumnRef, name: str, node: ast.Call) -> Checked:
        table, line, f = of.table, self.line(node), self.f
        row_kind = k.Struct(self.unit.row_class(table))
        argument = self.one(node, name)
        if name in ("update", "insert_or_update"):
            row = self._row(table, argument)
            hosts = self.unit.hosts
            helper = (hosts.update if name == "update" else hosts.insert_or_update)(table)
            return Value(
                row_kind,
                steps(row.emit, lambda: f.call(helper), lambda: self.frame.check(line)),
                row.calls,
            )
        value, fits = self._key(table, of.column, self.value(argument), node)
        helper = self.unit.hosts.find(table, of.column)
        if name == "delete":
            helper = self.unit.hosts.delete(table, of.column)

        def emit() -> None:
            if fits is None:
                value.emit()
                f.call(helper)
            else:
                kept = self.frame.temp("i32")
                fits()
                with f.if_():
                    value.emit()
                    f.call(helper)
                    f.set(kept)
                    f.else_()
                    f.i32(0)
                    f.set(kept)
                f.get(kept)
            self.frame.check(line)

        if name == "find":
            return Value(k.Option(row_kind), emit, value.calls)
        return Value(k.BOOL, steps(emit, lambda: f.i32(0), lambda: f.op("i32.ne")), value.calls)

    def _key(
        self, table: TableDef, column: int, given: Value, node: ast.AST
    ) -> tuple[Value, Callable[[], None] | None]:
        """A value as a key of a column, and how to see whether the column can hold it at all.

        Python finds no row for a number that the column cannot hold, so neither do we.
        """
        field = self.unit.shapes.shape(self.unit.row_class(table)).fields[column]
        label = f"the key {field.name!r}"
        if isinstance(given.kind, k.Option) and given.kind.inner is not None:
            text = f"TypeError: a key of type {field.kind} cannot be None"
            given = self.some(given, text, node)
        kind = given.kind
        if not (isinstance(kind, k.Int) and isinstance(field.kind, k.Int)) or kind.within(
            field.kind
        ):
            return self.coerce(given, field.kind, label, field.type, node), None
        if given.constant is not UNKNOWN:
            least, most = field.kind.lo, field.kind.hi
            refuse(
                node,
                f"{label} lies between {least} and {most}; no row can have {given.constant}",
            )
        want = field.kind
        kept: list[Any] = []

        def fits() -> None:
            self.wide(given).emit()
            kept[:] = [self.frame.keep(k.Int(*k.W128))]
            again = Value(k.Int(*k.W128), lambda: self.frame.load(kept[0]))
            self.compare(ast.GtE(), again, self.integer(want.lo, node), node).emit()
            self.compare(ast.LtE(), again, self.integer(want.hi, node), node).emit()
            self.f.op("i32.and")

        def low() -> None:
            self.frame.load(kept[0])
            self.frame.convert(k.Int(*k.W128), want)

        return Value(want, low), fits

    # --- indexes ---------------------------------------------------------------------------------

    def _on_index(self, of: IndexRef, name: str, node: ast.Call) -> Checked:
        table, index = of.table, of.index
        line = self.line(node)
        prefix, ends, compute, calls = self._arguments(table, index, node)
        chosen = self._range(table, index, prefix, ends, node)
        emit_range = steps(compute, chosen)
        if name == "delete":
            helper = self.unit.hosts.delete_range(index)

            def delete() -> None:
                self._if_possible(emit_range, helper, line, 0)
                self.f.op("i64.extend_i32_u")

            return Value(k.Int(0, (1 << 32) - 1), delete, calls)
        helper = self.unit.hosts.range(index)
        return Rows(table, lambda: self._if_possible(emit_range, helper, line, -1), calls)

    def _arguments(
        self, table: TableDef, index: IndexDef, node: ast.Call
    ) -> tuple[list[tuple[Value, Any]], dict[str, tuple[Value, Any]], Emit, bool]:
        """The values of the first columns, the ends of the range, how to compute them all in the
        order in which they are written, and whether that may collect garbage."""
        arguments = node.args
        if len(arguments) == 1 and isinstance(arguments[0], ast.Tuple):
            arguments = arguments[0].elts
        if len(arguments) > len(index.columns):
            refuse(node, f"{len(arguments)} values for an index of {len(index.columns)} columns")
        written: list[Value] = []
        kept: list[Any] = []

        def again(argument: ast.expr) -> Value:
            value = self.value(argument)
            if value.constant is not UNKNOWN:
                return value
            place = len(written)
            written.append(value)
            return Value(value.kind, lambda: self.frame.load(kept[place]))

        def compute() -> None:
            made = []
            for value in written:
                value.emit()
                made.append(self.frame.keep(value.kind))
            kept[:] = made

        prefix = [
            (again(argument), column)
            for argument, column in zip(arguments, index.columns, strict=False)
        ]
        ends: dict[str, tuple[Value, Any]] = {}
        for keyword in node.keywords:
            if keyword.arg not in _ENDS:
                refuse(node, f"{keyword.arg!r} is no end of a range; there are ge, gt, le, lt")
            if len(prefix) == len(index.columns):
                refuse(node, "the values leave no column for a range")
            ends[keyword.arg] = (again(keyword.value), index.columns[len(prefix)])
        if {"ge", "gt"} <= set(ends) or {"le", "lt"} <= set(ends):
            refuse(node, "a range has one lower and one upper end")
        whole = len(prefix) == len(index.columns) and not ends
        if index.algorithm is not IndexAlgorithm.BTREE and not whole:
            refuse(node, "only btree indexes have ranges and prefixes")
        return prefix, ends, compute, any(value.calls for value in written)

    def _range(
        self,
        table: TableDef,
        index: IndexDef,
        prefix: list[tuple[Value, int]],
        ends: dict[str, tuple[Value, int]],
        node: ast.AST,
    ) -> Callable[[], None]:
        """Leaves 1 after writing prefix and bounds behind the heap's top, or 0 if no row can fit.

        The prefix's length and count and the bounds' addresses are left in globals.
        """
        f, frame = self.f, self.frame
        fields = self.unit.shapes.shape(self.unit.row_class(table)).fields
        point = not ends and len(prefix) > 0
        held = prefix[:-1] if point else prefix
        bounds: list[tuple[str, Value, int]] = []
        if point:
            bounds = [("eq", *prefix[-1])]
        else:
            bounds = [(name, *ends[name]) for name in ("ge", "gt", "le", "lt") if name in ends]
        if len(bounds) == 2 and fields[bounds[0][2]].kind in (k.IDENTITY, k.CONNECTION_ID):
            refuse(node, f"a range of {fields[bounds[0][2]].kind} has one end here; look at the "
                         "other in the loop")  # fmt: skip

        for name, _, column in bounds:
            kind = fields[column].kind
            if name in ("gt", "lt") and column != index.columns[-1] and _limits(kind) is None:
                refuse(node, f"{name!r} of {kind} needs the last column of an index; take "
                             f"{name[0]}e and leave out what is equal in the loop")  # fmt: skip
        keys = [self._key(table, column, value, node) for value, column in held]
        end_keys = []
        for name, value, column in bounds:
            kept: list[Any] = []
            if not isinstance(value.kind, k.Int):
                end_keys.append((name, self._key(table, column, value, node), column, kept, value))
                continue
            again = Value(value.kind, partial(_load_first, frame, kept), False, value.constant)
            if value.constant is not UNKNOWN and not value.kind.within(fields[column].kind):  # type: ignore[arg-type]  # both are ints
                again = Value(value.kind, again.emit)
            end_keys.append((name, self._key(table, column, again, node), column, kept, value))

        def emit() -> None:
            possible, at = frame.temp("i32"), frame.temp("i32")
            f.i32(0)
            f.set(possible)
            with f.block() as impossible:
                places = []
                for key, fits in keys:
                    if fits is not None:
                        fits()
                        f.op("i32.eqz")
                        f.br_if(impossible)
                    key.emit()
                    places.append(frame.keep(key.kind))
                found = [
                    self._end(name, key, fits, kept, given, fields[column], impossible)
                    for name, (key, fits), column, kept, given in end_keys
                ]
                for end, (*_, column, _, _) in zip(found, end_keys, strict=True):
                    if end[0] in ("gt", "lt") and column != index.columns[-1]:
                        f.get(end[2])
                        f.i32(_ENDS["gt"])
                        f.op("i32.eq")
                        self._close(end, impossible)
                if len(found) == 2:
                    self._unless_reversed(found[0], found[1], impossible)
                f.global_get("heap_top")
                f.set(at)
                for (_, column), place in zip(held, places, strict=True):
                    self._write(fields[column], partial(frame.load, place), at)
                f.get(at)
                f.global_get("heap_top")
                f.op("i32.sub")
                f.global_set("prefix_size")
                f.i32(len(held))
                f.global_set("prefix_count")
                self._bounds(found, at, point)
                f.i32(1)
                f.set(possible)
            f.get(possible)

        return emit

    def _end(
        self, name: str, key: Value, fits: Any, kept: list[Any], given: Value, field: Any,
        impossible: Any,
    ) -> tuple[str, Any, Any, Any]:  # fmt: skip
        """Compute one end; gives (name, place of the key, place of its tag, field)."""
        f, frame = self.f, self.frame
        if isinstance(given.kind, k.Int):
            given.emit()
            kept[:] = [frame.keep(given.kind)]
        tag = frame.temp("i32")
        f.i32(_ENDS.get(name, 0))
        f.set(tag)
        place = frame.variable(key.kind)
        if fits is None:
            key.emit()
            frame.store(place)
        else:
            want = field.kind
            fits()
            with f.if_():
                key.emit()
                frame.store(place)
                f.else_()
                if name == "eq":
                    f.br(impossible)
                else:
                    again = Value(given.kind, lambda: frame.load(kept[0]))
                    node = ast.Pass()
                    above = self.compare(ast.Gt(), again, self.integer(want.hi, node), node)
                    above.emit()
                    if name in ("le", "lt"):
                        f.op("i32.eqz")
                    f.br_if(impossible)
                    f.i32(_UNBOUNDED)
                    f.set(tag)
        return name, place, tag, field

    def _close(self, end: tuple[str, Any, Any, Any], impossible: Any) -> None:
        """Make an end that is left out the next value, which belongs to it; leave if none does.

        Where an index has further columns, servers of 1.2 do not leave out what is equal.
        """
        f, frame = self.f, self.frame
        name, place, tag, field = end
        limits = _limits(field.kind)
        assert limits is not None  # else it was refused
        least, most, word = limits
        with f.if_():
            frame.load(place)
            if word == "i64":
                f.i64((most if name == "gt" else least) % (1 << 64))
            else:
                f.i32(most if name == "gt" else least)
            f.op(f"{word}.eq")
            f.br_if(impossible)
            frame.load(place)
            f.i64(1) if word == "i64" else f.i32(1)
            f.op(f"{word}.add" if name == "gt" else f"{word}.sub")
            frame.store(place)
            f.i32(0)
            f.set(tag)

    def _unless_reversed(
        self, lower: tuple[str, Any, Any, Any], upper: tuple[str, Any, Any, Any], impossible: Any
    ) -> None:
        """Leave if the range ends before it begins: servers of 1.2 die of such a range."""
        f = self.f
        low, high = (Value(end[3].kind, partial(self.frame.load, end[1])) for end in (lower, upper))
        for end in (lower, upper):
            f.get(end[2])
            f.i32(_UNBOUNDED)
            f.op("i32.ne")
        f.op("i32.and")
        with f.if_():
            for op in (ast.Gt(), ast.Eq()):
                if isinstance(low.kind, k.Enumeration) or low.kind == k.BOOL:
                    self.frame.push(low, high)
                    f.op("i32.gt_u" if isinstance(op, ast.Gt) else "i32.eq")
                else:
                    self.compare(op, low, high, ast.Pass()).emit()
            # Of one place both ends must be included.
            for end in (lower, upper):
                f.get(end[2])
            f.op("i32.or", "i32.and", "i32.or")
            f.br_if(impossible)

    def _bounds(self, ends: list[tuple[str, Any, Any, Any]], at: int, point: bool) -> None:
        f, frame = self.f, self.frame
        lower = next((end for end in ends if end[0] in ("ge", "gt", "eq")), None)
        upper = next((end for end in ends if end[0] in ("le", "lt")), None)
        for side, end in (("start", lower), ("end", upper)):
            if side == "end" and point:
                f.global_get("start_at")
                f.global_set("end_at")
                f.global_get("start_size")
                f.global_set("end_size")
                return
            f.get(at)
            f.global_set(f"{side}_at")
            f.get(at)
            f.i32(1)
            f.call("room")
            f.get(at)
            if end is None:
                f.i32(_UNBOUNDED)
            else:
                f.get(end[2])
            f.memory("i32.store8")
            f.get(at)
            f.i32(1)
            f.op("i32.add")
            f.set(at)
            if end is not None:
                f.get(end[2])
                f.i32(_UNBOUNDED)
                f.op("i32.ne")
                with f.if_():
                    self._write(end[3], partial(frame.load, end[1]), at)
            f.get(at)
            f.global_get(f"{side}_at")
            f.op("i32.sub")
            f.global_set(f"{side}_size")

    def _write(self, field: Any, load: Callable[[], None], at: int) -> None:
        load()
        self.f.get(at)
        self.f.call(self.unit.codecs.writer(field.type, field.name))
        self.f.set(at)

    def _if_possible(
        self, emit_range: Callable[[], None], helper: str, line: int, otherwise: int
    ) -> None:
        emit_range()
        with self.f.if_("i32"):
            self.f.call(helper)
            self.f.else_()
            self.f.i32(otherwise)
        self.frame.check(line)


def _limits(kind: k.Kind) -> tuple[int, int, str] | None:
    """The least and the greatest value of what can be counted on from, and its word."""
    if isinstance(kind, k.Int):
        return kind.lo, kind.hi, "i64"
    if kind in (k.TIMESTAMP, k.DURATION):
        return *k.S64, "i64"
    if isinstance(kind, k.Enumeration):
        return 0, len(kind.class_) - 1, "i32"
    return (0, 1, "i32") if kind == k.BOOL else None


def _load_first(frame: Frame, kept: list[Any]) -> None:
    """Load what is kept when it is emitted."""
    frame.load(kept[0])
