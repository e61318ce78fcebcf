"""Expressions: what each node of the tree is, and how its value is computed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from typing import Any

from harness.module.compiler import kinds as k
from harness.module.compiler.codecs import DATA, NBYTES, load_stored, new_object, store_field
from harness.module.compiler.operators import Operators
from harness.module.compiler.shapes import HEADER
from harness.module.compiler.source import Untold, refuse
from harness.module.compiler.values import (
    UNKNOWN,
    Checked,
    ColumnRef,
    Context,
    IndexRef,
    Known,
    Method,
    Rows,
    TableRef,
    Value,
    show,
    steps,
)
from harness.wire.schema import TableDef

_INSTEAD: dict[type[ast.AST], str] = {
    ast.Lambda: "a lambda; write a function",
    ast.Dict: "a dict; use a table or a list",
    ast.Set: "a set; use a list",
    ast.DictComp: "a dict; use a table or a list",
    ast.SetComp: "a set; use a list",
    ast.GeneratorExp: "a generator here; it can stand in sum, any, all, min, max and list",
    ast.Tuple: "a tuple here; use several variables or a class",
    ast.NamedExpr: "an assignment within an expression; assign before",
    ast.Await: "await; reducers run to their end",
    ast.Yield: "yield; make a list",
    ast.YieldFrom: "yield; make a list",
    ast.Starred: "a starred expression; name each argument",
    ast.Slice: "a slice here",
}


class Expressions(Operators):
    """Checks and emits expressions."""

    def check(self, node: ast.expr) -> Checked:
        handler: Callable[[Any], Checked] | None = getattr(
            self, f"_{type(node).__name__.lower()}", None
        )
        if handler is None:
            what = _INSTEAD.get(type(node), f"{type(node).__name__}")
            refuse(node, f"the compiler does not have {what}")
        return handler(node)

    # --- what the other parts give ---------------------------------------------------------------

    def _call(self, node: ast.Call) -> Checked:
        raise NotImplementedError

    def table_attribute(self, of: Checked, name: str, node: ast.AST) -> Checked:
        raise NotImplementedError

    def collect(self, node: ast.ListComp) -> Value:
        raise NotImplementedError

    # --- leaves ----------------------------------------------------------------------------------

    def _constant(self, node: ast.Constant) -> Checked:
        if node.value is Ellipsis or isinstance(node.value, complex):
            refuse(node, f"{node.value!r} is no constant of the subset")
        return self.constant(node.value, node)

    def _name(self, node: ast.Name) -> Checked:
        return self.name(node)

    def _joinedstr(self, node: ast.JoinedStr) -> Checked:
        parts: list[Value] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                value = self.value(part.value)
                if part.conversion not in (-1, 115) and not isinstance(value.kind, k.Int):
                    refuse(part, "!r and !a are not compiled; write the value itself")
                parts.append(self._formatted(value, part))
            else:
                parts.append(self.value(part))
        if not parts:
            return self.constant("", node)

        def emit() -> None:
            # Each part joins what is there already, so that one reference waits at most.
            parts[0].emit()
            done = Value(k.STR, lambda: None)
            for part in parts[1:]:
                if part.calls:
                    kept = self.frame.keep(k.STR)
                    done = Value(k.STR, partial(self.frame.load, kept))
                    self.frame.push(done, part)
                else:
                    part.emit()
                self.f.call("rt.str_concat")

        return Value(k.STR, emit, any(part.calls for part in parts))

    def _formatted(self, value: Value, node: ast.FormattedValue) -> Value:
        if node.format_spec is None:
            return self.text_of(value, node)
        assert isinstance(node.format_spec, ast.JoinedStr)
        parts = node.format_spec.values
        spec = "".join(str(p.value) for p in parts if isinstance(p, ast.Constant))
        digits = spec[1:-1]
        if not (spec[:1] == "." and spec[-1:] == "f" and digits.isdigit()) or int(digits) > 60:
            refuse(node, f"the format {spec!r} is not compiled; `.2f` and the like are")
        number = self.floating(value, node)

        def emit() -> None:
            number.emit()
            self.f.i32(int(digits))
            self.f.call("rt.str_fixed")

        return Value(k.STR, emit, value.calls)

    def text_of(self, value: Value, node: ast.AST) -> Value:
        """``str(value)``."""
        if value.kind == k.STR:
            return value
        if value.constant is not UNKNOWN and isinstance(value.constant, bool | int | float):
            return self.constant(str(value.constant), node)
        inner = value.kind.inner if isinstance(value.kind, k.Option) else value.kind
        if isinstance(inner, k.Struct | k.List) or inner in (k.BYTES, k.SCHEDULE_AT):
            refuse(node, f"the text of {value.kind} is not compiled; write its parts")
        emit = steps(value.emit, lambda: self.unit.text_of(self.f, value.kind))
        return Value(k.STR, emit, value.calls)

    # --- operators -------------------------------------------------------------------------------

    def _binop(self, node: ast.BinOp) -> Checked:
        return self.binary(node.op, self.value(node.left), self.value(node.right), node)

    def _unaryop(self, node: ast.UnaryOp) -> Checked:
        return self.unary(node.op, self.value(node.operand), node)

    def _boolop(self, node: ast.BoolOp) -> Checked:
        """``and`` and ``or`` give one of their operands, as in Python."""
        values: list[Value] = []
        before = None if self.assigned is None else set(self.assigned)
        for operand in node.values:
            values.append(self.value(operand))
        self.assigned = before
        kind: k.Kind | None = values[0].kind
        for value in values[1:]:
            kind = None if kind is None else k.join(kind, value.kind)
        truths = [self.truth(v, n) for v, n in zip(values, node.values, strict=True)]
        calls = any(value.calls for value in values)
        is_and = isinstance(node.op, ast.And)
        if kind is None or kind == k.BOOL:
            # Only as a condition do operands of different kinds make sense.
            if kind is None and not getattr(node, "as_condition", False):
                kinds = ", ".join(str(value.kind) for value in values)
                refuse(node, f"these operands are of different kinds: {kinds}")
            return Value(k.BOOL, lambda: self._short_circuit(truths, is_and), calls)
        whole = kind

        def emit() -> None:
            made = self.frame.variable(whole)
            with self.f.block() as done:
                for value in values[:-1]:
                    self.same(value, whole).emit()
                    self.frame.store(made)
                    self.frame.load(made)
                    self._true(whole)
                    if is_and:
                        self.f.op("i32.eqz")
                    self.f.br_if(done)
                self.same(values[-1], whole).emit()
                self.frame.store(made)
            self.frame.load(made)

        return Value(whole, emit, calls)

    def _short_circuit(self, truths: list[Callable[[], None]], is_and: bool) -> None:
        f = self.f
        first, *rest = truths
        first()
        if not rest:
            return
        with f.if_("i32"):
            if is_and:
                self._short_circuit(rest, is_and)
            else:
                f.i32(1)
            f.else_()
            if is_and:
                f.i32(0)
            else:
                self._short_circuit(rest, is_and)

    def condition(self, node: ast.expr) -> tuple[Callable[[], None], bool, Any]:
        """How to leave 0 or 1, whether that may collect garbage, and the truth if it is known."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.BoolOp):
                inner.as_condition = True  # type: ignore[attr-defined]  # our own mark
        value = self.value(node)
        known = UNKNOWN if value.constant is UNKNOWN else bool(value.constant)
        return self.truth(value, node), value.calls, known

    def _compare(self, node: ast.Compare) -> Checked:
        operands = [node.left, *node.comparators]
        if len(node.ops) == 1:
            return self._one(node.ops[0], node.left, node.comparators[0], node)
        values = [self.value(operand) for operand in operands]
        kept: list[Any] = [None] * len(values)

        def again(place: int) -> Value:
            return Value(values[place].kind, lambda: self.frame.load(kept[place]))

        links = [self._linked(op, again(i), again(i + 1), node) for i, op in enumerate(node.ops)]

        def evaluate(place: int) -> None:
            values[place].emit()
            kept[place] = self.frame.keep(values[place].kind)

        return Value(k.BOOL, lambda: self._chain(evaluate, links), any(v.calls for v in values))

    def _chain(self, evaluate: Callable[[int], None], links: list[Value]) -> None:
        evaluate(0)
        with self.f.block("i32") as done:
            self.f.i32(0)
            for place, link in enumerate(links, 1):
                evaluate(place)
                link.emit()
                if place == len(links):
                    kept = self.frame.temp("i32")
                    self.f.set(kept)
                    self.f.op("drop")
                    self.f.get(kept)
                else:
                    self.f.op("i32.eqz")
                    self.f.br_if(done)

    def _linked(self, op: ast.cmpop, a: Value, b: Value, node: ast.Compare) -> Value:
        if isinstance(op, ast.Is | ast.IsNot | ast.In | ast.NotIn):
            refuse(node, "`is` and `in` do not stand in chains of comparisons; use and")
        return self.compare(op, a, b, node)

    def _one(self, op: ast.cmpop, left: ast.expr, right: ast.expr, node: ast.Compare) -> Checked:
        if isinstance(op, ast.Is | ast.IsNot):
            return self._is(op, left, right, node)
        if isinstance(op, ast.In | ast.NotIn):
            found = self._in(left, right, node)
            if isinstance(op, ast.NotIn):
                return Value(k.BOOL, steps(found.emit, lambda: self.f.op("i32.eqz")), found.calls)
            return found
        return self.compare(op, self.value(left), self.value(right), node)

    def _is(self, op: ast.cmpop, left: ast.expr, right: ast.expr, node: ast.Compare) -> Value:
        a, b = self.value(left), self.value(right)
        if a.kind == k.NONE:
            a, b = b, a
        enums = isinstance(a.kind, k.Enumeration) and a.kind == b.kind
        if enums or a.kind == b.kind == k.BOOL:
            return self.compare(ast.Eq() if isinstance(op, ast.Is) else ast.NotEq(), a, b, node)
        if b.kind != k.NONE:
            refuse(node, "`is` is compiled for None and enums only; use ==")
        if not isinstance(a.kind, k.Option):
            constant = isinstance(op, ast.IsNot)

            def drop() -> None:
                a.emit()
                for _ in a.kind.wasm:
                    self.f.op("drop")
                self.f.i32(int(constant))

            return Value(k.BOOL, drop, a.calls, constant)

        def emit() -> None:
            a.emit()
            self.f.op("i32.eqz")
            if isinstance(op, ast.IsNot):
                self.f.op("i32.eqz")

        return Value(k.BOOL, emit, a.calls)

    def _in(self, left: ast.expr, right: ast.expr, node: ast.Compare) -> Value:
        a = self.value(left)
        if isinstance(right, ast.Tuple | ast.List | ast.Set) and right.elts:
            return self._among(a, [self.value(item) for item in right.elts], node)
        b = self.value(right)
        if isinstance(b.kind, k.Option) and b.kind.inner is not None:
            b = self.some(b, "TypeError: argument of type 'NoneType' is not iterable", node)
        if a.kind == k.Option(k.STR) and b.kind == k.STR:
            a, b = self.both_first(a, b)
            text = "TypeError: 'in <string>' requires string as left operand, not NoneType"
            a = self.some(a, text, node)
        if a.kind == b.kind == k.STR:
            return Value(
                k.BOOL, steps(lambda: self.frame.push(a, b), lambda: self.f.call("rt.str_in")),
                a.calls or b.calls,
            )  # fmt: skip
        if isinstance(b.kind, k.List) and b.kind.element is not None:
            element = b.kind.element
            item = self.coerce(a, element, "the value that is looked for", None, node)

            def emit() -> None:
                self.frame.push(item, b)
                self.unit.contains(self.f, element)
                if self.unit.comparing.may_fail(b.kind):
                    self.frame.check(self.line(node))

            return Value(k.BOOL, emit, a.calls or b.calls)
        refuse(node, f"`in` needs two texts or a list, not {a.kind} in {b.kind}")

    def _among(self, a: Value, values: list[Value], node: ast.Compare) -> Value:
        """Whether one of the values is equal to it; all are computed first, as in Python."""
        kept: list[Any] = []

        def again(place: int, value: Value) -> Value:
            if value.constant is not UNKNOWN:
                return value
            return Value(value.kind, lambda: self.frame.load(kept[place]))

        first = again(0, a)
        tests = [
            self._same_item(first, again(place, value), node)
            for place, value in enumerate(values, 1)
        ]

        def emit() -> None:
            made: list[Any] = []
            for value in (a, *values):
                if value.constant is UNKNOWN:
                    value.emit()
                    made.append(self.frame.keep(value.kind))
                else:
                    made.append(None)
            before, kept[:] = list(kept), made
            self._short_circuit([test.emit for test in tests], False)
            kept[:] = before

        return Value(k.BOOL, emit, a.calls or any(v.calls for v in values))

    def _same_item(self, a: Value, b: Value, node: ast.Compare) -> Value:
        """Whether two are equal, as ``in`` sees it: a float is an object first."""
        inner = a.kind.inner if isinstance(a.kind, k.Option) else a.kind
        if a.kind != b.kind or inner != k.FLOAT:
            return self.compare(ast.Eq(), a, b, node)

        def emit() -> None:
            self.frame.push(a, b)
            self.unit.comparing.alike(self.f, a.kind)
            self.frame.check(self.line(node))

        return Value(k.BOOL, emit)

    def _ifexp(self, node: ast.IfExp) -> Checked:
        test, calls, _ = self.condition(node.test)
        yes, no = self.value(node.body), self.value(node.orelse)
        both = k.join(yes.kind, no.kind)
        if both is None:
            refuse(node, f"the two values are {yes.kind} and {no.kind}; make them alike")
        whole = both

        def emit() -> None:
            made = self.frame.variable(whole)
            test()
            with self.f.if_():
                self.same(yes, whole).emit()
                self.frame.store(made)
                self.f.else_()
                self.same(no, whole).emit()
                self.frame.store(made)
            self.frame.load(made)

        return Value(whole, emit, calls or yes.calls or no.calls)

    # --- attributes ------------------------------------------------------------------------------

    def _attribute(self, node: ast.Attribute) -> Checked:
        of = self.check(node.value)
        name = node.attr
        if isinstance(of, Value):
            return self._value_attribute(of, name, node)
        if isinstance(of, Context):
            return self._context_attribute(of, name, node)
        if isinstance(of, TableRef | ColumnRef | IndexRef):
            return self.table_attribute(of, name, node)
        if isinstance(of, Known):
            try:
                return self.known(getattr(of.object, name), node)
            except AttributeError:
                refuse(node, f"{show(of)} has no attribute {name!r}")
        refuse(node, f"{show(of)} has no attribute {name!r} here")

    def _context_attribute(self, of: Context, name: str, node: ast.AST) -> Checked:
        f = self.f
        if of.part == "ctx":
            if name in ("db", "log", "rng"):
                if name == "rng":
                    self.unit.uses_random = True
                return Context(name)
            if name == "sender":
                return Value(k.IDENTITY, lambda: f.i32(self.unit.sender))
            if name == "identity":
                return Value(k.IDENTITY, lambda: f.call("own_identity"))
            if name == "timestamp":
                return Value(k.TIMESTAMP, lambda: f.global_get("now"))
            if name == "connection_id":
                return Value(k.Option(k.CONNECTION_ID), lambda: f.global_get("connection"))
            refuse(node, f"ctx.{name} is not compiled")
        if of.part == "db":
            table = self.unit.accessors.get(name)
            if table is None:
                refuse(
                    node, f"there is no table {name!r}; there are {', '.join(self.unit.accessors)}"
                )
            return self._table(table)
        return Method(of, name)

    def _value_attribute(self, of: Value, name: str, node: ast.AST) -> Checked:
        kind = of.kind
        if isinstance(kind, k.Option):
            if kind.inner is None:
                refuse(node, f"None has no attribute {name!r}")
            text = f"AttributeError: 'NoneType' object has no attribute '{name}'"
            return self._value_attribute(self.some(of, text, node), name, node)
        if isinstance(kind, k.Struct):
            field = self.unit.shapes.shape(kind.class_).field(name)
            if field is not None:
                found = field

                def emit() -> None:
                    of.emit()
                    load_stored(self.f, found.stored, found.offset)

                return Value(field.kind, emit, of.calls)
            if not hasattr(kind.class_, name):
                refuse(node, f"{kind} has no field {name!r}")
            return Method(of, name)
        if kind in (k.TIMESTAMP, k.DURATION) and name == "micros":
            return Value(k.Int(*k.S64), of.emit, of.calls)
        if isinstance(kind, k.Enumeration) and name in ("name", "value"):
            return self._enum_part(of, kind, name, node)
        return Method(of, name)

    def _enum_part(self, of: Value, kind: k.Enumeration, name: str, node: ast.AST) -> Value:
        parts = [getattr(member, name) for member in kind.class_]
        if all(isinstance(part, str) for part in parts):
            texts = [self.unit.text(part) for part in parts]
            table = self.unit.table_of(texts)

            def emit() -> None:
                of.emit()
                self.f.i32(4)
                self.f.op("i32.mul")
                self.f.memory("i32.load", table)

            return Value(k.STR, emit, of.calls)
        refuse(node, f"the .{name} of {kind} is not compiled")

    # --- items -----------------------------------------------------------------------------------

    def _subscript(self, node: ast.Subscript) -> Checked:
        of = self.check(node.value)
        if isinstance(of, Context) and of.part == "db":
            row = self.check(node.slice)
            if not isinstance(row, Known):
                refuse(node, "ctx.db[…] takes the class of a table's rows")
            return self._table_of(row.object, node)
        if not isinstance(of, Value):
            of = self.value(node.value)
        if isinstance(of.kind, k.Option):
            of = self.some(of, "TypeError: 'NoneType' object is not subscriptable", node)
        if isinstance(node.slice, ast.Slice):
            return self._slice(of, node.slice, node)
        index = self.number(self.value(node.slice), node)
        if not isinstance(index.kind, k.Int):
            refuse(node, f"an index is an int, not {index.kind}")
        place = self.coerce(index, k.Int(*k.S64), "the index", None, node)
        if of.kind == k.STR:

            def at() -> None:
                self.frame.push(of, place)
                self.frame.call("rt.str_at", self.line(node))

            return Value(k.STR, at, of.calls or place.calls)
        if isinstance(of.kind, k.List) and of.kind.element is not None:
            element = of.kind.element

            def emit() -> None:
                self.frame.push(of, place)
                self.frame.call("list_place", self.line(node))
                self.item(element)

            return Value(element, emit, of.calls or place.calls)
        refuse(node, f"{of.kind} has no items here")

    def item(self, element: k.Kind) -> None:
        """The item at the (list, place) on the stack."""
        f, place = self.f, self.frame.temp("i32")
        f.set(place)
        f.memory("i32.load", 8)
        f.get(place)
        f.i32(k.SIZES[k.stored(element)])
        f.op("i32.mul", "i32.add")
        load_stored(f, k.stored(element), DATA)

    def _slice(self, of: Value, part: ast.Slice, node: ast.AST) -> Value:
        if of.kind != k.STR or part.step is not None:
            refuse(node, "slices are compiled for texts, without a step")
        limit = k.Int(*k.S64)
        ends = [
            self.integer(missing, node)
            if end is None
            else self.coerce(self.number(self.value(end), node), limit, "the end", None, node)
            for end, missing in ((part.lower, 0), (part.upper, k.S64[1]))
        ]

        def emit() -> None:
            self.frame.push(of, *(self.same(end, limit) for end in ends))
            self.f.call("rt.str_slice")

        return Value(k.STR, emit, of.calls or any(end.calls for end in ends))

    def _table(self, table: TableDef) -> TableRef:
        if table.name in self.unit.broken:
            raise Untold
        return TableRef(table)

    def _table_of(self, row: Any, node: ast.AST) -> Checked:
        tables = self.unit.tables_of(row)
        if len(tables) == 1:
            return self._table(tables[0])
        name = getattr(row, "__name__", row)
        if not tables:
            refuse(node, f"{name} is not the row of a table")
        accessors = ", ctx.db.".join(table.accessor for table in tables)
        refuse(node, f"{name} is the row of several tables; use one of ctx.db.{accessors}")

    # --- lists and objects -----------------------------------------------------------------------

    def _list(self, node: ast.List) -> Checked:
        return self.list_of([self.value(item) for item in node.elts], node)

    def list_of(self, values: list[Value], node: ast.AST) -> Value:
        """A new list."""
        kind: k.Kind | None = None
        for value in values:
            both = value.kind if kind is None else k.join(kind, value.kind)
            if both is None:
                refuse(node, f"a list holds one kind; here are {kind} and {value.kind}")
            kind = both
        whole = k.List(None) if kind is None else k.listed(kind)

        def emit() -> None:
            f = self.f
            f.i32(0)
            f.i32(0)
            f.call("new_list")
            made = self.frame.keep(whole)
            for value in values:
                assert whole.element is not None
                holder = Value(whole, lambda: self.frame.load(made))
                self.frame.push(holder, self.same(value, whole.element))
                self.unit.append(f, whole.element)
            self.frame.load(made)

        return Value(whole, emit, any(value.calls for value in values))

    def _listcomp(self, node: ast.ListComp) -> Checked:
        return self.collect(node)

    def construct(self, kind: k.Struct, given: dict[str, Value], node: ast.AST) -> Value:
        """A new object of a class; ``given`` are coerced values in the order of evaluation."""
        shape = self.unit.shapes.shape(kind.class_)

        def emit() -> None:
            f = self.f
            self.frame.push(*given.values())
            kept = {}
            for name in reversed(list(given)):
                local = [self.frame.temp(type_) for type_ in given[name].kind.wasm]
                for place in reversed(local):
                    f.set(place)
                kept[name] = local
            made = self.frame.temp("i32")
            new_object(f, shape)
            f.set(made)
            for field in shape.fields:

                def load(name: str = field.name) -> None:
                    for place in kept[name]:
                        f.get(place)

                store_field(f, field, lambda: f.get(made), load)
            f.get(made)

        return Value(kind, emit, any(value.calls for value in given.values()))


__all__ = ["DATA", "HEADER", "NBYTES", "Expressions", "Rows"]
