"""Arithmetic, comparisons and logic, exactly as Python has them.

Integers are exact: an operation whose operands and result fit one signed word is one instruction,
others work on 128 bits, and beyond that they fail.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from harness.module.compiler import kinds as k
from harness.module.compiler.base import Base
from harness.module.compiler.source import refuse
from harness.module.compiler.values import UNKNOWN, Value, steps

_WIDE = k.Int(*k.W128)
#: Integers up to here are exact as floats.
_EXACT = 1 << 53

_FOLD: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift, ast.Pow: operator.pow,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
}  # fmt: skip
_FOLD_ONE: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert,
}  # fmt: skip
_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.LShift: "<<", ast.RShift: ">>", ast.Pow: "**", ast.BitAnd: "&", ast.BitOr: "|",
    ast.BitXor: "^", ast.MatMult: "@",
}  # fmt: skip
_SIMPLE: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul",
    ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}  # fmt: skip

#: What instants and spans give: the same pairs as ``harness.wire.values`` has.
_TIMES: dict[tuple[type[ast.operator], k.Kind, k.Kind], k.Kind] = {
    (ast.Add, k.TIMESTAMP, k.DURATION): k.TIMESTAMP,
    (ast.Sub, k.TIMESTAMP, k.DURATION): k.TIMESTAMP,
    (ast.Sub, k.TIMESTAMP, k.TIMESTAMP): k.DURATION,
    (ast.Add, k.DURATION, k.DURATION): k.DURATION,
    (ast.Sub, k.DURATION, k.DURATION): k.DURATION,
}


class Operators(Base):
    """Checks and emits operators."""

    # --- integers of one or two words ------------------------------------------------------------

    def wide(self, value: Value) -> Value:
        return self.same(value, _WIDE)

    def number(self, value: Value, node: ast.AST) -> Value:
        """A bool as an integer, an option as what is in it."""
        if isinstance(value.kind, k.Option):
            value = self.some(value, "TypeError: unsupported operand type(s): NoneType", node)
        if value.kind == k.BOOL:
            constant = value.constant if value.constant is UNKNOWN else int(value.constant)
            return Value(
                k.Int(0, 1), steps(value.emit, lambda: self.f.op("i64.extend_i32_u")),
                value.calls, constant,
            )  # fmt: skip
        return value

    def binary(self, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
        """``left op right``."""
        kind = type(op)
        left, right = self.both_first(left, right)
        if isinstance(left.kind, k.Option) and left.kind.inner == k.STR:
            text = f"TypeError: unsupported operand type(s) for {_SIGNS[kind]}: 'NoneType'"
            left = self.some(left, text, node)
        if left.kind == k.STR or isinstance(left.kind, k.List):
            return self._sequence(kind, left, right, node)
        if right.kind == k.STR and kind is ast.Mult:
            return self._sequence(kind, right, left, node)
        if left.kind == k.BOOL and right.kind == k.BOOL and kind in _SIMPLE and kind not in (
            ast.Add, ast.Sub, ast.Mult
        ):  # fmt: skip
            return Value(
                k.BOOL,
                steps(
                    lambda: self.frame.push(left, right), lambda: self.f.op(f"i32.{_SIMPLE[kind]}")
                ),
                left.calls or right.calls,
            )
        moved = _TIMES.get((kind, left.kind, right.kind))
        if moved is not None:
            return self._times(kind, left, right, moved, node)
        a, b = self.number(left, node), self.number(right, node)
        if UNKNOWN not in (a.constant, b.constant) and kind in _FOLD:
            return self._folded(kind, a, b, node)
        if isinstance(a.kind, k.Int) and isinstance(b.kind, k.Int):
            return self._integers(kind, a, b, node)
        if {a.kind, b.kind} <= {k.FLOAT} or k.FLOAT in (a.kind, b.kind):
            return self._floats(kind, self.floating(a, node), self.floating(b, node), node)
        refuse(node, f"{left.kind} {_SIGNS[kind]} {right.kind} is not possible")

    def _times(
        self, kind: type[ast.operator], a: Value, b: Value, result: k.Kind, node: ast.AST
    ) -> Value:
        """Instants and spans are their microseconds, of which a column holds 64 bits."""
        limit = k.Int(*k.S64)
        left, right = (Value(limit, x.emit, x.calls) for x in (a, b))
        micros = self._integers(kind, left, right, node)
        fitting = self.coerce(micros, limit, "the microseconds", None, node)
        return Value(result, fitting.emit, fitting.calls)

    def both_first(self, left: Value, right: Value) -> tuple[Value, Value]:
        """Both operands are computed before Python finds that the left one is None."""
        first, second = self.all_first([left, right])
        return first, second

    def all_first(self, values: list[Value]) -> list[Value]:
        """The values, to be emitted in this order: all are computed with the first, if it or
        another but the last may be None, which is found out when it is used."""
        late = [value.constant is UNKNOWN for value in values[1:]]
        if not any(late) or not any(isinstance(value.kind, k.Option) for value in values[:-1]):
            return values
        kept: list[Any] = []

        def compute() -> None:
            made = []
            for value in values:
                value.emit()
                made.append(self.frame.keep(value.kind))
            kept[:] = made
            self.frame.load(made[0])

        calls = any(value.calls for value in values)
        rest = [
            Value(value.kind, lambda place=place: self.frame.load(kept[place]))  # type: ignore[misc]  # bound now
            for place, value in enumerate(values[1:], 1)
        ]
        return [Value(values[0].kind, compute, calls), *rest]

    def _folded(self, kind: type[ast.operator], a: Value, b: Value, node: ast.AST) -> Value:
        x, y = a.constant, b.constant
        try:
            if kind in (ast.Pow, ast.LShift) and (abs(y) > 200 or abs(x) > 1 << 130):
                raise OverflowError("the number is too large")
            result = _FOLD[kind](x, y)
        except (ArithmeticError, ValueError) as error:
            refuse(node, f"this always fails: {error}")
        except TypeError as error:
            refuse(node, str(error))
        if isinstance(result, complex):
            refuse(node, "the result is a complex number")
        return self.constant(result, node)

    def _integers(self, kind: type[ast.operator], a: Value, b: Value, node: ast.AST) -> Value:
        assert isinstance(a.kind, k.Int)
        assert isinstance(b.kind, k.Int)
        if kind is ast.Div:
            return self._true_division(a, b, node)
        if kind in (ast.FloorDiv, ast.Mod):
            return self._division(kind, a, b, node)
        if kind in (ast.LShift, ast.RShift, ast.Pow):
            return self._powers(kind, a, b, node)
        if kind not in _SIMPLE:
            refuse(node, f"int {_SIGNS[kind]} int is not possible")
        lo, hi = _interval(kind, a.kind, b.kind)
        result = k.clamp(lo, hi)
        calls = a.calls or b.calls
        one = {a.kind.form, b.kind.form, result.form} == {"s"} or (
            kind in (ast.BitAnd, ast.BitOr, ast.BitXor) and (a.kind.form, b.kind.form) == ("s", "s")
        )

        def emit() -> None:
            if one:
                self.frame.push(a, b)
                self.f.op(f"i64.{_SIMPLE[kind]}")
                return
            self.frame.push(self.wide(a), self.wide(b))
            if kind in (ast.BitAnd, ast.BitOr, ast.BitXor):
                self._both_words(_SIMPLE[kind])
            elif lo < k.W128[0] or hi > k.W128[1]:
                self.frame.call(f"rt.w_{_SIMPLE[kind]}", self.line(node))
            else:
                self.f.call(f"rt.w_{_SIMPLE[kind]}")
            self.frame.convert(_WIDE, result)

        return Value(result, emit, calls)

    def _both_words(self, name: str) -> None:
        f = self.f
        al, ah, bl, bh = (self.frame.temp("i64") for _ in range(4))
        for place in (bh, bl, ah, al):
            f.set(place)
        for x, y in ((al, bl), (ah, bh)):
            f.get(x)
            f.get(y)
            f.op(f"i64.{name}")

    def _division(self, kind: type[ast.operator], a: Value, b: Value, node: ast.AST) -> Value:
        assert isinstance(a.kind, k.Int)
        assert isinstance(b.kind, k.Int)
        name = "floordiv" if kind is ast.FloorDiv else "mod"
        most = max(abs(a.kind.lo), abs(a.kind.hi))
        if kind is ast.Mod:
            result = k.clamp(min(0, b.kind.lo + 1), max(0, b.kind.hi - 1))
        elif a.kind.lo >= 0 and b.kind.lo >= 0:
            result = k.clamp(0, a.kind.hi)
        else:
            result = k.clamp(-most, most)
        overflows = a.kind.lo == k.S64[0] and b.kind.lo <= -1 <= b.kind.hi
        one = (a.kind.form, b.kind.form) == ("s", "s") and not overflows
        may_fail = b.kind.lo <= 0 <= b.kind.hi or a.kind.lo == k.W128[0]

        def emit() -> None:
            if one:
                self.frame.push(a, b)
                name_ = f"rt.s_{name}"
            else:
                self.frame.push(self.wide(a), self.wide(b))
                name_ = f"rt.w_{name}"
            if may_fail:
                self.frame.call(name_, self.line(node))
            else:
                self.f.call(name_)
            self.frame.convert(k.Int(*k.S64) if one else _WIDE, result)

        return Value(result, emit, a.calls or b.calls)

    def _powers(self, kind: type[ast.operator], a: Value, b: Value, node: ast.AST) -> Value:
        assert isinstance(a.kind, k.Int)
        assert isinstance(b.kind, k.Int)
        if kind is ast.Pow and b.kind.lo < 0:
            refuse(node, "the exponent may be negative, which gives a float; use one from 0 on")
        name = {ast.LShift: "shl", ast.RShift: "shr", ast.Pow: "pow"}[kind]
        result = _WIDE
        if kind is ast.RShift and b.kind.lo >= 0:
            least = min(b.kind.lo, 127)
            result = k.Int(
                a.kind.lo >> least if a.kind.lo < 0 else 0,
                a.kind.hi >> least if a.kind.hi >= 0 else -1,
            )
        elif kind is ast.LShift and b.kind.lo >= 0 and b.kind.hi < 128:
            result = k.clamp(min(a.kind.lo << b.kind.hi, a.kind.lo),
                             max(a.kind.hi << b.kind.hi, a.kind.hi))  # fmt: skip
        count = b if b.kind.form == "s" else self._amount(b, node)

        def emit() -> None:
            self.frame.push(self.wide(a), count)
            self.frame.call(f"rt.w_{name}", self.line(node))
            self.frame.convert(_WIDE, result)

        return Value(result, emit, a.calls or b.calls)

    def _amount(self, value: Value, node: ast.AST) -> Value:
        """A shift or exponent as one word; what is larger shifts everything out just the same."""

        def emit() -> None:
            f = self.f
            self.wide(value).emit()
            lo, hi = self.frame.temp("i64"), self.frame.temp("i64")
            f.set(hi)
            f.set(lo)
            f.get(lo)
            f.i64(k.S64[1])
            f.get(hi)
            f.op("i64.eqz")
            f.get(lo)
            f.i64(0)
            f.op("i64.ge_s", "i32.and", "select")
            f.i64(-1)
            f.get(hi)
            f.i64(0)
            f.op("i64.ge_s", "select")

        return Value(k.Int(*k.S64), emit, value.calls)

    def _true_division(self, a: Value, b: Value, node: ast.AST) -> Value:
        assert isinstance(a.kind, k.Int)
        assert isinstance(b.kind, k.Int)
        exact = all(max(abs(x.lo), abs(x.hi)) <= _EXACT for x in (a.kind, b.kind))

        def emit() -> None:
            if exact:
                self.frame.push(self.floating(a, node), self.floating(b, node))
                self.frame.call("int_div", self.line(node))
            else:
                self.frame.push(self.wide(a), self.wide(b))
                self.frame.call("rt.w_div_f64", self.line(node))

        return Value(k.FLOAT, emit, a.calls or b.calls)

    # --- floats ----------------------------------------------------------------------------------

    def floating(self, value: Value, node: ast.AST) -> Value:
        """A number as a float, rounded as Python does."""
        value = self.number(value, node)
        if value.kind == k.FLOAT:
            return value
        if not isinstance(value.kind, k.Int):
            refuse(node, f"{value.kind} is no number")
        if value.constant is not UNKNOWN:
            return self.constant(float(value.constant), node)
        form = value.kind.form

        def emit() -> None:
            value.emit()
            if form == "w":
                self.f.call("rt.w_to_f64")
            else:
                self.f.op(f"f64.convert_i64_{form}")

        return Value(k.FLOAT, emit, value.calls)

    def _floats(self, kind: type[ast.operator], a: Value, b: Value, node: ast.AST) -> Value:
        if kind is ast.Pow:
            refuse(node, "powers of floats differ between machines; multiply, or use math.sqrt")
        if kind not in (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod):
            refuse(node, f"float {_SIGNS[kind]} float is not possible")

        def emit() -> None:
            self.frame.push(a, b)
            if kind in _SIMPLE:
                self.f.op(f"f64.{_SIMPLE[kind]}")
            else:
                name = {ast.Div: "div", ast.FloorDiv: "floordiv", ast.Mod: "mod"}[kind]
                self.frame.call(f"rt.f_{name}", self.line(node))

        return Value(k.FLOAT, emit, a.calls or b.calls)

    # --- texts and lists -------------------------------------------------------------------------

    def _sequence(self, kind: type[ast.operator], a: Value, b: Value, node: ast.AST) -> Value:
        if isinstance(b.kind, k.Option) and b.kind.inner == k.STR and a.kind == k.STR:
            b = self.some(b, 'TypeError: can only concatenate str (not "NoneType") to str', node)
        if kind is ast.Add and a.kind == b.kind == k.STR:
            if UNKNOWN not in (a.constant, b.constant):
                return self.constant(a.constant + b.constant, node)
            return Value(
                k.STR, steps(lambda: self.frame.push(a, b), lambda: self.f.call("rt.str_concat")),
                a.calls or b.calls,
            )  # fmt: skip
        times = self.number(b, node)
        if kind is ast.Mult and a.kind == k.STR and isinstance(times.kind, k.Int):
            count = self.coerce(times, k.Int(*k.S64), "the count", None, node)
            repeat = steps(lambda: self.frame.push(a, count), lambda: self.f.call("rt.str_repeat"))
            return Value(k.STR, repeat, a.calls or b.calls)
        if kind is ast.Add and isinstance(a.kind, k.List):
            refuse(node, "lists are not added; append in a loop")
        refuse(node, f"{a.kind} {_SIGNS[kind]} {b.kind} is not possible; for texts use f-strings")

    # --- one operand -----------------------------------------------------------------------------

    def unary(self, op: ast.unaryop, value: Value, node: ast.UnaryOp) -> Value:
        if isinstance(op, ast.Not):
            truth = self.truth(value, node.operand)
            return Value(k.BOOL, steps(truth, lambda: self.f.op("i32.eqz")), value.calls)
        value = self.number(value, node)
        if value.constant is not UNKNOWN and not isinstance(value.constant, str | bytes):
            try:
                return self.constant(_FOLD_ONE[type(op)](value.constant), node)
            except TypeError as error:
                refuse(node, str(error))
        if isinstance(value.kind, k.Int):
            if isinstance(op, ast.UAdd):
                return value
            zero = self.integer(0 if isinstance(op, ast.USub) else -1, node)
            return self._integers(ast.Sub, zero, value, node)
        if value.kind == k.FLOAT and not isinstance(op, ast.Invert):
            if isinstance(op, ast.UAdd):
                return value
            return Value(k.FLOAT, steps(value.emit, lambda: self.f.op("f64.neg")), value.calls)
        refuse(node, f"{value.kind} has no such sign")

    # --- comparisons -----------------------------------------------------------------------------

    def compare(self, op: ast.cmpop, a: Value, b: Value, node: ast.AST) -> Value:
        """One comparison, but not ``in`` or ``is``."""
        name = _COMPARISONS[type(op)]
        if name in ("eq", "ne"):
            return self._equal(name, a, b, node)
        a, b = self.both_first(a, b)
        a, b = self.number(a, node), self.number(b, node)
        calls = a.calls or b.calls
        if isinstance(a.kind, k.Int) and isinstance(b.kind, k.Int):
            return self._ordered_integers(name, a, b)
        if k.FLOAT in (a.kind, b.kind):
            return self._ordered_floats(name, a, b, node)
        if a.kind == b.kind and a.kind in (k.TIMESTAMP, k.DURATION):
            return Value(
                k.BOOL,
                steps(lambda: self.frame.push(a, b), lambda: self.f.op(f"i64.{name}_s")),
                calls,
            )
        if a.kind == b.kind and a.kind in (k.STR, k.BYTES):

            def emit() -> None:
                self.frame.push(a, b)
                self.f.call("rt.str_cmp")
                self.f.i32(0)
                self.f.op(f"i32.{name}_s")

            return Value(k.BOOL, emit, calls)
        refuse(node, f"{a.kind} and {b.kind} have no order")

    def _ordered_integers(self, name: str, a: Value, b: Value) -> Value:
        assert isinstance(a.kind, k.Int)
        assert isinstance(b.kind, k.Int)
        forms = a.kind.form + b.kind.form

        def emit() -> None:
            if forms in ("ss", "uu"):
                self.frame.push(a, b)
                sign = "" if name in ("eq", "ne") else f"_{forms[0]}"
                self.f.op(f"i64.{name}{sign}")
                return
            self.frame.push(self.wide(a), self.wide(b))
            self.f.call("rt.w_cmp")
            self.f.i32(0)
            self.f.op(f"i32.{name}" + ("" if name in ("eq", "ne") else "_s"))

        return Value(k.BOOL, emit, a.calls or b.calls)

    def _ordered_floats(self, name: str, a: Value, b: Value, node: ast.AST) -> Value:
        inexact = [
            x for x in (a, b)
            if isinstance(x.kind, k.Int) and max(abs(x.kind.lo), abs(x.kind.hi)) > _EXACT
        ]  # fmt: skip
        calls = a.calls or b.calls
        if not inexact:
            x, y = self.floating(a, node), self.floating(b, node)
            return Value(
                k.BOOL,
                steps(lambda: self.frame.push(x, y), lambda: self.f.op(f"f64.{name}")),
                calls,
            )
        turned = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}.get(name, name)

        def emit() -> None:
            """The result of w_cmp_f64 is 2 for what is not a number."""
            f = self.f
            if a.kind == k.FLOAT:
                self.frame.push(a, b)
                self.frame.convert(b.kind, _WIDE)
                lo, hi, x = self.frame.temp("i64"), self.frame.temp("i64"), self.frame.temp("f64")
                for place in (hi, lo, x):
                    f.set(place)
                for place in (lo, hi, x):
                    f.get(place)
            else:
                self.frame.push(self.wide(a), b)
            f.call("rt.w_cmp_f64")
            kept = self.frame.temp("i32")
            f.tee(kept)
            f.i32(0)
            wanted = turned if a.kind == k.FLOAT else name
            f.op(f"i32.{wanted}" + ("" if wanted in ("eq", "ne") else "_s"))
            f.get(kept)
            f.i32(2)
            f.op("i32.ne")
            if name == "ne":
                f.op("i32.eqz", "i32.or")
            else:
                f.op("i32.and")

        return Value(k.BOOL, emit, calls)

    def _equal(self, name: str, a: Value, b: Value, node: ast.AST) -> Value:
        options = any(isinstance(x.kind, k.Option) for x in (a, b))
        if k.BOOL in (a.kind, b.kind) and a.kind != b.kind and not options:
            a, b = self.number(a, node), self.number(b, node)
        calls = a.calls or b.calls
        if isinstance(a.kind, k.Int) and isinstance(b.kind, k.Int):
            return self._ordered_integers(name, a, b)
        numbers = (k.Int, k.Plain)
        if k.FLOAT in (a.kind, b.kind) and all(
            isinstance(x.kind, numbers) and (isinstance(x.kind, k.Int) or x.kind == k.FLOAT)
            for x in (a, b)
        ):
            return self._ordered_floats(name, a, b, node)
        both = k.join(a.kind, b.kind)
        for found in (a, b):
            if isinstance(found.kind, k.Struct):
                self._plain_object(found.kind, "__eq__", node)
        if both is None or (isinstance(both, k.Option) and both.inner is None):
            refuse(
                node,
                f"{a.kind} and {b.kind} are never equal"
                if both is None else "use `is None`",
            )  # fmt: skip
        x, y = self.same(a, both), self.same(b, both)

        def emit() -> None:
            self.frame.push(x, y)
            self.unit.equal(self.f, both)
            if self.unit.comparing.may_fail(both):
                self.frame.check(self.line(node))
            if name == "ne":
                self.f.op("i32.eqz")

        return Value(k.BOOL, emit, calls)

    # --- truth -----------------------------------------------------------------------------------

    def _plain_object(self, kind: k.Struct, name: str, node: ast.AST) -> None:
        """Refuse a class whose author has written this method; dataclasses have their own."""
        code = getattr(getattr(kind.class_, name, None), "__code__", None)
        if code is not None and code.co_filename != "<string>":
            refuse(node, f"{kind} has its own {name}, which is not compiled; call a method by name")

    def truth(self, value: Value, node: ast.expr) -> Callable[[], None]:
        if isinstance(value.kind, k.Struct):
            self._plain_object(value.kind, "__bool__", node)
            self._plain_object(value.kind, "__len__", node)
        if value.constant is not UNKNOWN:
            return lambda: self.f.i32(int(bool(value.constant)))
        return steps(value.emit, lambda: self._true(value.kind))

    def _true(self, kind: k.Kind) -> None:
        """Whether the value on the stack counts as true."""
        f = self.f
        if isinstance(kind, k.Int):
            if kind.form == "w":
                f.op("i64.or")
            f.i64(0)
            f.op("i64.ne")
        elif kind == k.FLOAT:
            f.f64(0.0)
            f.op("f64.ne")
        elif kind in (k.STR, k.BYTES) or isinstance(kind, k.List):
            f.memory("i32.load", 4)
            f.i32(0)
            f.op("i32.ne")
        elif isinstance(kind, k.Option):
            self._true_option(kind)
        elif kind != k.BOOL:
            # Objects without a length or a truth of their own.
            for _ in kind.wasm:
                f.op("drop")
            f.i32(1)

    def _true_option(self, kind: k.Option) -> None:
        f, kept = self.f, self.frame.temp("i32")
        f.tee(kept)
        if kind.inner is None or kind.inner == k.IDENTITY or isinstance(kind.inner, k.Struct):
            f.i32(0)
            f.op("i32.ne")
            return
        with f.if_("i32"):
            f.get(kept)
            self.frame.unbox(kind.inner)
            self._true(kind.inner)
            f.else_()
            f.i32(0)


def _interval(kind: type[ast.operator], a: k.Int, b: k.Int) -> tuple[int, int]:
    """Between which numbers the result lies."""
    if kind is ast.Add:
        return a.lo + b.lo, a.hi + b.hi
    if kind is ast.Sub:
        return a.lo - b.hi, a.hi - b.lo
    if kind is ast.Mult:
        ends = [x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
        return min(ends), max(ends)
    if kind is ast.BitAnd and (a.lo >= 0 or b.lo >= 0):
        return 0, min(x.hi for x in (a, b) if x.lo >= 0)
    bits = max((end if end >= 0 else ~end).bit_length() for end in (a.lo, a.hi, b.lo, b.hi))
    return (0 if a.lo >= 0 and b.lo >= 0 else -(1 << bits)), (1 << bits) - 1
