"""Integers of 64 and 128 bits, and where they meet floats, against Python's own."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.module.wasm.machine import Machine, halves

LEAST, MOST = -(1 << 127), (1 << 127) - 1
CORNERS = [
    sign * (1 << bits) + step
    for bits in (0, 1, 31, 32, 52, 53, 54, 63, 64, 65, 95, 126) for step in (-1, 0, 1)
    for sign in (1, -1)
]  # fmt: skip
WIDE = st.one_of(
    st.sampled_from([*CORNERS, LEAST, LEAST + 1, MOST]),
    st.integers(LEAST, MOST),
    st.integers(-(1 << 63), (1 << 64) - 1),
    st.integers(-100, 100),
)
SMALL = st.one_of(
    st.sampled_from([-(1 << 63), (1 << 63) - 1]),
    st.integers(-(1 << 63), (1 << 63) - 1), st.integers(-50, 50),
)  # fmt: skip
OVERFLOW, DIVISION, NAN, INFINITE, SHIFT = 3, 4, 6, 7, 11


def agrees(machine: Machine, name: str, expected: int, *values: int) -> None:
    """The library gives what Python gives, or says that it has more than 128 bits."""
    if LEAST <= expected <= MOST:
        assert machine.wide(name, *values) == expected
    else:
        assert machine.failing(name, *values) == OVERFLOW


@pytest.mark.parametrize("name", ["add", "sub", "mul"])
@given(a=WIDE, b=WIDE)
def test_arithmetic(machine: Machine, name: str, a: int, b: int) -> None:
    expected = getattr(operator, name)(a, b)
    agrees(machine, f"w_{name}", expected, *halves(a), *halves(b))


def test_products_at_the_edge(machine: Machine) -> None:
    for a in (*CORNERS, LEAST, MOST):
        if a:
            for edge in (LEAST, MOST):
                for b in {edge // a - 1, edge // a, edge // a + 1} - {
                    LEAST - 1,
                    MOST + 1,
                    MOST + 2,
                }:
                    agrees(machine, "w_mul", a * b, *halves(a), *halves(b))


@pytest.mark.parametrize("name", ["floordiv", "mod"])
@given(a=WIDE, b=WIDE)
@example(a=LEAST, b=-1)
@example(a=LEAST, b=LEAST)
@example(a=5, b=0)
def test_division(machine: Machine, name: str, a: int, b: int) -> None:
    if b == 0:
        assert machine.failing(f"w_{name}", *halves(a), 0, 0) == DIVISION
    else:
        agrees(machine, f"w_{name}", getattr(operator, name)(a, b), *halves(a), *halves(b))


@pytest.mark.parametrize("name", ["floordiv", "mod"])
@given(a=SMALL, b=SMALL)
@example(a=7, b=0)
def test_division_of_one_word(machine: Machine, name: str, a: int, b: int) -> None:
    if b == 0:
        assert machine.failing(f"s_{name}", a, b) == DIVISION
    elif not (a == -(1 << 63) and b == -1):
        assert machine.call(f"s_{name}", a, b) == getattr(operator, name)(a, b)


@given(WIDE)
@example(LEAST)
def test_negation(machine: Machine, a: int) -> None:
    agrees(machine, "w_neg", -a, *halves(a))


@given(WIDE, WIDE)
def test_comparison(machine: Machine, a: int, b: int) -> None:
    assert machine.call("w_cmp", *halves(a), *halves(b)) == (a > b) - (a < b)
    assert machine.call("w_cmp", *halves(a), *halves(a)) == 0


@given(WIDE, st.one_of(st.integers(-2, 140), SMALL))
def test_shifts(machine: Machine, a: int, n: int) -> None:
    if n < 0:
        assert machine.failing("w_shl", *halves(a), n) == SHIFT
        assert machine.failing("w_shr", *halves(a), n) == SHIFT
        return
    agrees(machine, "w_shl", a << min(n, 300), *halves(a), n)
    agrees(machine, "w_shr", a >> min(n, 300), *halves(a), n)


@given(st.one_of(st.integers(-20, 20), WIDE), st.integers(0, 130))
@example(-2, 127)
@example(2, 127)
@example(-1, (1 << 63) - 1)
@example(0, 0)
def test_powers(machine: Machine, a: int, n: int) -> None:
    expected = a**n if n < 200 else -1
    agrees(machine, "w_pow", expected, *halves(a), n)


@given(WIDE)
@example(LEAST)
@example(10**18)
@example(-(10**36))
def test_text(machine: Machine, a: int) -> None:
    machine.reset()
    assert machine.text("str_w", *halves(a)) == str(a)


@given(SMALL)
def test_text_of_one_word(machine: Machine, a: int) -> None:
    machine.reset()
    assert machine.text("str_s", a) == str(a)
    assert machine.text("str_u", a) == str(a % (1 << 64))


# --- with floats ----------------------------------------------------------------------------------


@given(WIDE)
@example((1 << 53) + 1)
@example(((1 << 54) + 2) << 70)
@example((((1 << 54) + 2) << 70) + 1)
def test_to_float(machine: Machine, a: int) -> None:
    assert machine.call("w_to_f64", *halves(a)) == float(a)


@given(WIDE, WIDE)
@example(0, -5)
@example(1, 3)
@example(LEAST, 1)
@example(MOST, LEAST)
def test_true_division(machine: Machine, a: int, b: int) -> None:
    if b == 0:
        assert machine.failing("w_div_f64", *halves(a), 0, 0) == 16
        return
    found, expected = machine.call("w_div_f64", *halves(a), *halves(b)), a / b
    assert (found, math.copysign(1, found)) == (expected, math.copysign(1, expected))


FLOATS = st.one_of(
    st.floats(),
    st.floats(-1e39, 1e39),
    WIDE.map(float),
    st.integers(-(10**6), 10**6).map(lambda n: n / 4),
    st.sampled_from([2.0**127, -(2.0**127), math.nextafter(-(2.0**127), -math.inf)]),
)


@pytest.mark.parametrize(
    ("name", "python"),
    [("w_from_f64", int), ("f_floor_w", math.floor), ("f_ceil_w", math.ceil), ("f_round_w", round)],
)
@given(x=FLOATS)
def test_from_float(machine: Machine, name: str, python: Callable[[float], int], x: float) -> None:
    if math.isnan(x):
        assert machine.failing(name, x) == NAN
    elif math.isinf(x):
        assert machine.failing(name, x) == INFINITE
    else:
        agrees(machine, name, python(x), x)


@given(WIDE, FLOATS)
@example(1 << 53, 2.0**53)
@example((1 << 53) + 1, 2.0**53)
@example(LEAST, -(2.0**127))
@example(MOST, 2.0**127)
@example(0, 0.5)
@example(0, -0.5)
@example(1, math.nan)
def test_comparison_with_a_float(machine: Machine, a: int, x: float) -> None:
    expected = 2 if math.isnan(x) else (a > x) - (a < x)
    assert machine.call("w_cmp_f64", *halves(a), x) == expected


def _same(found: float, expected: float) -> bool:
    if math.isnan(expected):
        return math.isnan(found)
    return (found, math.copysign(1, found)) == (expected, math.copysign(1, expected))


@pytest.mark.parametrize(
    ("name", "operation", "zero"),
    [("div", operator.truediv, 10), ("floordiv", operator.floordiv, 12), ("mod", operator.mod, 20)],
)
@given(a=FLOATS, b=FLOATS)
@example(a=5.0, b=0.0)
@example(a=5e-324, b=1.7e308)
@example(a=1.7e308, b=5e-324)
@example(a=-1e-320, b=3e-322)
@example(a=1.0, b=math.inf)
@example(a=-1.0, b=math.inf)
@example(a=-0.0, b=3.0)
@example(a=1.0, b=0.1)
def test_float_division(
    machine: Machine, name: str, operation: Callable[[Any, Any], Any], zero: int, a: float, b: float
) -> None:
    if b == 0.0:
        assert machine.failing(f"f_{name}", a, b) == zero
    else:
        assert _same(machine.call(f"f_{name}", a, b), operation(a, b))


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(5e-324, 1e300))
def test_the_rest_is_exact(machine: Machine, a: float, b: float) -> None:
    found = Fraction(machine.call("fmod", a, b))
    assert found == Fraction(a) - int(Fraction(a) / Fraction(b)) * Fraction(b)
