"""The low-level language: what each construct does, and what is refused with its line."""

from __future__ import annotations

import math
from typing import Any

import pytest
import wasmtime

from harness.module.wasm.assembler import Function
from harness.module.wasm.library import MAY_FAIL, library
from harness.module.wasm.lowlevel import LowLevelError, translate
from tests.module.wasm.machine import HEAP, Machine, compiled


def run(source: str, *values: float) -> Any:
    """What the last function of a source gives."""
    functions = translate({"t.py": source})
    return Machine(compiled(functions)).raw(list(functions)[-1], *values)


def body(lines: str, *values: float, params: str = "a: i32, b: i32", result: str = "i32") -> Any:
    indented = "\n".join(f"    {line}" for line in lines.splitlines())
    return run(f"def f({params}) -> {result}:\n{indented}\n", *values)


@pytest.mark.parametrize(
    ("expression", "a", "b", "expected"),
    [
        ("a + b", 2**31 - 1, 1, -(2**31)),
        ("a - b", 3, 5, -2),
        ("a * b", 2**20, 2**20, 0),
        ("a & b", 12, 10, 8),
        ("a | b", 12, 10, 14),
        ("a ^ b", 12, 10, 6),
        ("a << b", 1, 33, 2),
        ("a >> b", -8, 1, -4),
        ("shru(a, b)", -8, 1, 2**31 - 4),
        ("divs(a, b)", -7, 2, -3),
        ("divu(a, b)", -1, 2, 2**31 - 1),
        ("rems(a, b)", -7, 2, -1),
        ("remu(a, b)", -1, 10, 5),
        ("rotl(a, b)", -(2**31), 1, 1),
        ("clz(a) + ctz(b)", 1, 8, 34),
        ("a < b", -1, 1, 1),
        ("ltu(a, b)", -1, 1, 0),
        ("gtu(a, b)", -1, 1, 1),
        ("leu(a, b)", 1, 1, 1),
        ("geu(a, b)", -1, 1, 1),
        ("a == b", 1, 1, 1),
        ("a != b", 1, 1, 0),
        ("a == 0", 0, 0, 1),
        ("7 - a", 3, 0, 4),
        ("-a", 5, 0, -5),
        ("not a", 5, 0, 0),
        ("not a < b", 5, 0, 1),
        ("not not a", 5, 0, 5),
        ("a if b else 9", 5, 0, 9),
        ("i32(i64(a) + 1)", -1, 0, 0),
        ("i32(shru(u64(a), 28))", -1, 0, 15),
        ("i32(i64(a) >> 60)", -1, 0, -1),
        ("i32(shru(chars('ab'), 8))", 0, 0, ord("b")),
        ("i32(integer(f64(a) / f64(b)))", 7, 2, 3),
    ],
)
def test_expressions(expression: str, a: int, b: int, expected: int) -> None:
    assert body(f"return {expression}", a, b) == expected


@pytest.mark.parametrize(
    ("expression", "x", "expected"),
    [
        ("x + 1", 0.5, 1.5),
        ("-x", 0.0, -0.0),
        ("1 / x", 4.0, 0.25),
        ("floor(x)", -1.5, -2.0),
        ("ceil(x)", -1.5, -1.0),
        ("trunc(x)", -1.5, -1.0),
        ("nearest(x)", 2.5, 2.0),
        ("fabs(x)", -2.5, 2.5),
        ("copysign(3.0, x)", -0.0, -3.0),
        ("unbiased(x)", 1.0, 1.0),
        ("unsigned_float(bits(x))", -0.0, 2.0**63),
        ("f64(integer(x))", 1e300, 2.0**63),
        ("f64(x < 1.0) + f64(not x < 1.0)", math.nan, 1.0),
    ],
)
def test_floats(expression: str, x: float, expected: float) -> None:
    helper = "def unbiased(x: f64) -> f64:\n    return from_bits(bits(x))\n"
    found = run(f"{helper}def f(x: f64) -> f64:\n    return {expression}\n", x)
    assert (found, math.copysign(1, found)) == (expected, math.copysign(1, expected))


def test_conditions_stop_when_they_are_decided() -> None:
    """The second half would divide by zero."""
    assert body("return b != 0 and divs(a, b) > 1", 4, 0) == 0
    assert body("return b == 0 or divs(a, b) > 1", 4, 0) == 1
    assert body("return a and b and a + b", 1, 2) == 3
    assert body("return not (a or b)", 0, 0) == 1
    with pytest.raises(wasmtime.Trap):
        body("return a != 0 and divs(a, b) > 1", 4, 0)


def test_loops() -> None:
    code = """
total = 0
while a > 0:
    a -= 1
    if a == 7:
        continue
    elif a < b:
        break
    else:
        total += a
return total"""
    assert body(code, 10, 3) == 9 + 8 + 6 + 5 + 4 + 3


def test_a_loop_without_end_is_left_by_return() -> None:
    assert body("while True:\n    a += b\n    if a > 100:\n        return a", 0, 7) == 105


def test_several_values() -> None:
    source = """
def both(a: i64, b: f64) -> tuple[i64, f64]:
    return a + 1, b * 2.0

def again(a: i64, b: f64) -> tuple[i64, f64]:
    return both(a, b)

def f(a: i64) -> f64:
    a, x = again(a, 0.25)
    _, y = both(a, x)
    x, y = y, x
    return x * 100.0 + y
"""
    assert run(source, 1) == 100.5


def test_variables_constants_and_literals() -> None:
    source = """
'''Texts at the top are for readers.'''
LARGE = 1 << 40
TENTH = 0.5
def f(a: i32) -> i64:
    '''So are these.'''
    count: i64 = 3
    count *= LARGE
    return count + i64(a) + integer(TENTH + 0.5) + 0xFFFFFFFFFFFFFFFF
"""
    assert run(source, -1) == 3 * (1 << 40) - 1


def test_memory_and_globals() -> None:
    code = """
at = g.heap_top + a
store64(at, -2)
store32(at, 7, 8)
store16(at, 258, 12)
store8(at, 511, 14)
copy(at + 16, at, 16)
fill(at, 1, 4)
g.heap_top = at + 16
storef(at, loadf(at), 32)
store32_from(at)
return load32(at, 24) + load16(at, 28) + load8(at, 30) + load8(at, 3) + i32(load64(at, 16))"""
    helper = "def store32_from(at: i32) -> None:\n    store32l(at, load32u(at), 40)\n"
    indented = code.replace("\n", "\n    ")
    functions = translate({"t.py": f"{helper}def f(a: i32) -> i32:{indented}\n"})
    machine = Machine(compiled(functions))
    assert machine.raw("rt.f", 8) == 7 + 258 + 255 + 1 - 2
    assert machine["heap_top"] == HEAP + 24
    assert machine.words(HEAP + 8, 1) == machine.words(HEAP + 48, 1) == (0x01010101,)


def test_pages() -> None:
    assert body("before = pages()\n_ = grow(a)\nreturn pages() - before", 2, 0) == 2
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        body("unreachable()", 0, 0)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("return a / b", "i32 has no Div"),
        ("return a // b", "i32 has no FloorDiv"),
        ("return a % b", "i32 has no Mod"),
        ("return a + i64(b)", "expected i32, got i64: i64(b)"),
        ("return i64(a)", "expected i32, got i64: i64(a)"),
        ("return i32(a)", "i32 of i32 is not needed, or not sure; use a word that says how"),
        ("return 4294967296", "4294967296 is no i32"),
        ("return 1.5", "1.5 is no i32"),
        ("return c", "c has no value"),
        ("return 'text'", "there is no Constant here"),
        ("return a < b < a", "compare two numbers, by == != < <= > >="),
        ("return a is b", "compare two numbers, by == != < <= > >="),
        ("return ~a", "there is no Invert here"),
        ("return [a]", "there is no List here"),
        ("return g.nothing", "there is no global g.nothing"),
        ("return a.heap_top", "there is no global a.heap_top"),
        ("return nothing(a)", "there is no nothing of 1 values"),
        ("return load32(a, b)", "an offset is a literal below 65536"),
        ("return load32(a, -4)", "an offset is a literal below 65536"),
        ("return f(a)", "f takes 2 values"),
        ("return f(a, b=b)", "there is no f(a, b=b)"),
        ("return ltu(1.5, 2.5)", "expected integers, got f64"),
        ("return copy(a, a, a)", "copy(a, a, a) gives 0 values"),
        ("return chars('too many letters')", "chars takes up to eight ASCII characters"),
        ("return a, b", "there is no Tuple here"),
        ("return", "expected i32"),
        ("a + b", "there is no Expr here"),
        ("f(a, b)", "a result is left over"),
        ("a = i64(b)", "expected i32, got i64: i64(b)"),
        ("a, b = f(a, b)", "expected 2 values, got 1"),
        ("g.err = i64(a)", "expected i32, got i64: i64(a)"),
        ("a[0] = b", "only variables and globals can be assigned"),
        ("for a in b: pass", "there is no For here"),
        ("break", "there is no Break here"),
        ("if a: return a", "f may end without its result"),
        ("while a: return a", "f may end without its result"),
        ("assert a", "there is no Assert here"),
    ],
)
def test_refusals(line: str, text: str) -> None:
    with pytest.raises(LowLevelError) as caught:
        translate({"t.py": f"def f(a: i32, b: i32) -> i32:\n    {line}\n"})
    assert str(caught.value) in (f"t.py:2: {text}", f"t.py:1: {text}")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("import os", "only functions and constants can be at the top"),
        ("class A: pass", "only functions and constants can be at the top"),
        ("name = 1", "a constant is a name in capitals and a number"),
        ("NAME = 'a'", "a constant is a name in capitals and a number"),
        ("A = 1; A = 2", "the constant A has two values"),
        ("def f(a): return a", "types are i32, i64 and f64, or None as the result"),
        ("def f(a: int) -> None: return", "types are i32, i64 and f64, or None as the result"),
        ("def f(a: i32 = 1) -> None: return", "parameters are plain: no defaults, no stars"),
        ("def f(*a: i32) -> None: return", "parameters are plain: no defaults, no stars"),
        ("def load8(a: i32) -> None: return", "the name load8 is taken"),
        ("async def f() -> None: return", "only functions and constants can be at the top"),
    ],
)
def test_refusals_at_the_top(source: str, text: str) -> None:
    with pytest.raises(LowLevelError) as caught:
        translate({"t.py": source})
    assert str(caught.value) == f"t.py:1: {text}"


# --- the library as a whole -----------------------------------------------------------------------


def _sets_an_error(function: Function) -> bool:
    return any(
        use == ("global", "err") and before[-1:] == b"\x24"
        for before, use in zip(function.code, function.code[1:], strict=False)
        if isinstance(before, bytes)
    )


def test_who_may_fail_is_told() -> None:
    """All that set an error, and all that call them; helpers are not called from outside."""
    functions = library()
    failing = {name for name, made in functions.items() if _sets_an_error(made)}
    while True:
        callers = {
            name
            for name, made in functions.items()
            if any(kind == "function" and called in failing for kind, called in made.uses())
        }
        if callers <= failing:
            break
        failing |= callers
    assert failing >= MAY_FAIL
    # These use shifts and conversions in ways that cannot fail.
    assert failing - MAY_FAIL == {"rt.signed", "rt.str_replace", "rt.w_cmp_f64"}


def test_copies_can_be_changed() -> None:
    library()["rt.blob"].code.clear()
    assert library()["rt.blob"].code


def test_size() -> None:
    """All of it, with an export for each function."""
    from harness.module.wasm.assembler import Assembler

    assembler = Assembler()
    for name in ("heap_base", "heap_top", "sp", "stack_base", "gc_at", "descriptors", "err",
                 "err_text", "rd", "rng"):  # fmt: skip
        assembler.global_(name, "i32", 0)
    for function in library().values():
        assembler.add(function)
        assembler.export(function.name)
    assert len(assembler.build(1)) < 12_000
