"""Built-in functions of the subset, and those of ``math`` that are exact everywhere."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.module.compiler import kinds as k
from harness.module.compiler.source import refuse
from harness.module.compiler.values import UNKNOWN, Checked, Known, Value, steps

if TYPE_CHECKING:
    from harness.module.compiler.operators import Operators
    from harness.module.compiler.statements import Compiler

_WIDE = k.Int(*k.W128)


def _len(c: Compiler, node: ast.Call) -> Checked:
    value = c.value(c.one(node, "len"))
    if isinstance(value.kind, k.Option):
        value = c.some(value, "TypeError: object of type 'NoneType' has no len()", node)
    if value.kind == k.STR:
        found = k.Int(0, (1 << 32) - 1)
        return Value(found, steps(value.emit, lambda: c.f.call("rt.str_len")), value.calls)
    if isinstance(value.kind, k.List) or value.kind == k.BYTES:
        return Value(
            k.Int(0, (1 << 32) - 1),
            steps(
                value.emit, lambda: c.f.memory("i32.load", 4), lambda: c.f.op("i64.extend_i32_u")
            ),
            value.calls,
        )
    refuse(node, f"{value.kind} has no length")


def _abs(c: Compiler, node: ast.Call) -> Checked:
    value = c.number(c.value(c.one(node, "abs")), node)
    if value.constant is not UNKNOWN:
        return c.constant(abs(value.constant), node)
    if value.kind == k.FLOAT:
        return Value(k.FLOAT, steps(value.emit, lambda: c.f.op("f64.abs")), value.calls)
    if not isinstance(value.kind, k.Int):
        refuse(node, f"abs() of {value.kind} is not possible")
    kind = value.kind
    if kind.lo >= 0:
        return value
    minus = ast.copy_location(ast.UnaryOp(ast.USub(), node.args[0]), node)
    return choose(
        c,
        value,
        lambda v: c.compare(ast.Lt(), v, c.integer(0, node), node),
        lambda v: c.unary(ast.USub(), v, minus),
        k.clamp(0, max(-kind.lo, kind.hi)),
    )


def choose(
    c: Compiler,
    value: Value,
    test: Callable[[Value], Value],
    other: Callable[[Value], Value],
    kind: k.Kind,
) -> Value:
    """``other(value)`` if ``test(value)``, else the value, which is computed once."""
    kept: list[Any] = []
    again = Value(value.kind, lambda: c.frame.load(kept[0]))
    tested, instead = test(again), other(again)

    def emit() -> None:
        value.emit()
        kept[:] = [c.frame.keep(value.kind)]
        made = c.frame.variable(kind)
        tested.emit()
        with c.f.if_():
            instead.emit()
            c.frame.convert(instead.kind, kind)
            c.frame.store(made)
            c.f.else_()
            again.emit()
            c.frame.convert(value.kind, kind)
            c.frame.store(made)
        c.frame.load(made)

    return Value(kind, emit, value.calls or instead.calls)


def _extreme(name: str) -> Callable[[Compiler, ast.Call], Checked]:
    op = ast.Lt() if name == "min" else ast.Gt()

    def extreme(c: Compiler, node: ast.Call) -> Checked:
        if node.keywords:
            refuse(node, f"{name}() has no keywords here")
        if len(node.args) == 1:
            return c.reduce(node.args[0], name, op, node)
        computed = c.all_first([c.value(argument) for argument in node.args])
        values = [c.number(value, node) for value in computed]
        result = values[0]
        for value in values[1:]:
            result = _better(c, name, op, result, value, node)
        return result

    return extreme


def _better(c: Compiler, name: str, op: ast.cmpop, a: Value, b: Value, node: ast.Call) -> Value:
    """Python's rule: the second only if it is truly better."""
    if isinstance(a.kind, k.Int) and isinstance(b.kind, k.Int):
        best = min if name == "min" else max
        kind: k.Kind = k.Int(best(a.kind.lo, b.kind.lo), best(a.kind.hi, b.kind.hi))
    elif a.kind == b.kind and a.kind in (k.FLOAT, k.STR, k.TIMESTAMP, k.DURATION):
        kind = a.kind
    else:
        refuse(node, f"{name}() of {a.kind} and {b.kind} is not possible; make them alike")
    kept: list[Any] = []
    first = Value(a.kind, lambda: c.frame.load(kept[0]))
    second = Value(b.kind, lambda: c.frame.load(kept[1]))
    test = c.compare(op, second, first, node)

    def emit() -> None:
        made = c.frame.variable(kind)
        c.frame.push(a, b)
        top = c.frame.keep(b.kind)
        kept[:] = [c.frame.keep(a.kind), top]
        test.emit()
        with c.f.if_():
            _narrowed(c, second, kind)
            c.frame.store(made)
            c.f.else_()
            _narrowed(c, first, kind)
            c.frame.store(made)
        c.frame.load(made)

    return Value(kind, emit, a.calls or b.calls)


def _narrowed(c: Compiler, value: Value, kind: k.Kind) -> None:
    """The value in the form of a kind that it is known to lie in when it is taken."""
    value.emit()
    if isinstance(value.kind, k.Int) and isinstance(kind, k.Int):
        c.frame.convert(value.kind, _WIDE)
        c.frame.convert(_WIDE, kind)


def _int(c: Compiler, node: ast.Call) -> Checked:
    value = c.number(c.value(c.one(node, "int")), node)
    if isinstance(value.kind, k.Int):
        return value
    if value.kind != k.FLOAT:
        refuse(node, f"int() of {value.kind} is not compiled; of numbers it is")
    return _from_float(c, value, "w_from_f64", node)


def _from_float(c: Operators, value: Value, function: str, node: ast.AST) -> Value:
    def emit() -> None:
        value.emit()
        c.frame.call(f"rt.{function}", c.line(node))

    return Value(_WIDE, emit, value.calls)


def _float(c: Compiler, node: ast.Call) -> Checked:
    value = c.value(c.one(node, "float"))
    if value.constant is not UNKNOWN and isinstance(value.constant, str):
        try:
            return c.constant(float(value.constant), node)
        except ValueError as error:
            refuse(node, str(error))
    if value.kind == k.STR:
        refuse(node, "float() of a text is not compiled; of numbers it is")
    return c.floating(value, node)


def _str(c: Compiler, node: ast.Call) -> Checked:
    return c.text_of(c.value(c.one(node, "str")), node)


def _bool(c: Compiler, node: ast.Call) -> Checked:
    argument = c.one(node, "bool")
    value = c.value(argument)
    return Value(k.BOOL, c.truth(value, argument), value.calls)


def _round(c: Compiler, node: ast.Call) -> Checked:
    return rounded(c, c.number(c.value(c.one(node, "round, to an int,")), node), node)


def rounded(c: Operators, value: Value, node: ast.AST) -> Value:
    """``round(value)``."""
    if isinstance(value.kind, k.Int):
        return value
    if value.kind != k.FLOAT:
        refuse(node, f"round() of {value.kind} is not possible")
    return _from_float(c, value, "f_round_w", node)


def _math(function: str) -> Callable[[Compiler, ast.Call], Checked]:
    def whole(c: Compiler, node: ast.Call) -> Checked:
        value = c.number(c.value(c.one(node, function)), node)
        if isinstance(value.kind, k.Int):
            return value
        return _from_float(c, c.floating(value, node), function, node)

    return whole


def _sqrt(c: Compiler, node: ast.Call) -> Checked:
    value = c.floating(c.value(c.one(node, "sqrt")), node)

    def emit() -> None:
        value.emit()
        kept = c.frame.temp("f64")
        c.f.tee(kept)
        c.f.f64(0.0)
        c.f.op("f64.lt")
        c.frame.crash_if("ValueError: math domain error", c.line(node))
        c.f.get(kept)
        c.f.op("f64.sqrt")

    return Value(k.FLOAT, emit, value.calls)


def _test(name: str) -> Callable[[Compiler, ast.Call], Checked]:
    def test(c: Compiler, node: ast.Call) -> Checked:
        value = c.floating(c.value(c.one(node, name)), node)

        def emit() -> None:
            value.emit()
            kept = c.frame.temp("f64")
            c.f.tee(kept)
            if name == "isnan":
                c.f.get(kept)
                c.f.op("f64.ne")
                return
            c.f.op("f64.abs")
            c.f.f64(math.inf)
            c.f.op("f64.eq" if name == "isinf" else "f64.lt")

        return Value(k.BOOL, emit, value.calls)

    return test


def _fabs(c: Compiler, node: ast.Call) -> Checked:
    value = c.floating(c.value(c.one(node, "fabs")), node)
    return Value(k.FLOAT, steps(value.emit, lambda: c.f.op("f64.abs")), value.calls)


def _copysign(c: Compiler, node: ast.Call) -> Checked:
    if len(node.args) != 2 or node.keywords:
        refuse(node, "copysign takes two arguments")
    a, b = (c.floating(c.value(argument), node) for argument in node.args)
    return Value(
        k.FLOAT,
        steps(lambda: c.frame.push(a, b), lambda: c.f.op("f64.copysign")),
        a.calls or b.calls,
    )


def _sum(c: Compiler, node: ast.Call) -> Checked:
    return c.total(c.one(node, "sum"), node)


def _any(c: Compiler, node: ast.Call) -> Checked:
    return c.some_or_all(c.one(node, "any"), True, node)


def _all(c: Compiler, node: ast.Call) -> Checked:
    return c.some_or_all(c.one(node, "all"), False, node)


def _list(c: Compiler, node: ast.Call) -> Checked:
    if not node.args and not node.keywords:
        return c.list_of([], node)
    return c.listed(c.one(node, "list"), node)


def _only_loops(c: Compiler, node: ast.Call) -> Checked:
    refuse(node, "this stands in `for` only; take list(…) of it to keep it")


def _print(c: Compiler, node: ast.Call) -> Checked:
    refuse(node, "print is not compiled; use ctx.log.info(…)")


def _isinstance(c: Compiler, node: ast.Call) -> Checked:
    if len(node.args) == 2:
        value, class_ = c.value(node.args[0]), c.check(node.args[1])
        if isinstance(class_, Known) and isinstance(value.kind, k.Struct):
            return c.constant(issubclass(value.kind.class_, class_.object), node)
    refuse(node, "isinstance is not compiled; kinds are known when it is compiled")


BUILTINS: dict[Any, Callable[[Compiler, ast.Call], Checked]] = {
    len: _len, abs: _abs, min: _extreme("min"), max: _extreme("max"), int: _int, float: _float,
    str: _str, bool: _bool, round: _round, sum: _sum, any: _any, all: _all, list: _list,
    range: _only_loops, enumerate: _only_loops, reversed: _only_loops, zip: _only_loops,
    print: _print, isinstance: _isinstance,
    math.floor: _math("f_floor_w"), math.ceil: _math("f_ceil_w"), math.trunc: _math("w_from_f64"),
    math.sqrt: _sqrt, math.isnan: _test("isnan"), math.isinf: _test("isinf"),
    math.isfinite: _test("isfinite"), math.fabs: _fabs, math.copysign: _copysign,
}  # fmt: skip
