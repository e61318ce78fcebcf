"""Floats as text, digit by digit as Python writes them."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.module.wasm.machine import Machine

TABLE = [
    (0.0, "0.0"), (-0.0, "-0.0"), (1.0, "1.0"), (-1.5, "-1.5"), (0.1, "0.1"),
    (0.30000000000000004, "0.30000000000000004"), (123456.789, "123456.789"),
    # The decimal point stands where the number's first digit is not too far from it.
    (0.0001, "0.0001"), (0.00001, "1e-05"), (1e15, "1000000000000000.0"),
    (9999999999999998.0, "9999999999999998.0"), (1e16, "1e+16"), (1.5e16, "1.5e+16"),
    (1e100, "1e+100"), (1.7976931348623157e308, "1.7976931348623157e+308"),
    (2.2250738585072014e-308, "2.2250738585072014e-308"), (5e-324, "5e-324"),
    # A power of two: the float below is nearer than the one above.
    (9007199254740992.0, "9007199254740992.0"), (2.0**-44, "5.684341886080802e-14"),
    (9.5367431640625e-07, "9.5367431640625e-07"), (9e-265, "9e-265"),
    (float("inf"), "inf"), (float("-inf"), "-inf"), (float("nan"), "nan"),
]  # fmt: skip


def text(machine: Machine, x: float) -> str:
    machine.reset()
    return machine.text("str_f64", x)


@pytest.mark.parametrize(("x", "expected"), TABLE)
def test_table(machine: Machine, x: float, expected: str) -> None:
    assert text(machine, x) == expected == repr(x)


def test_thousands_of_bit_patterns(machine: Machine) -> None:
    draw = random.Random(7)
    for _ in range(4_000):
        (x,) = struct.unpack("<d", draw.randbytes(8))
        assert text(machine, x) == repr(x)


def test_powers_of_two_and_ten_and_their_neighbours(machine: Machine) -> None:
    for power in [2.0**n for n in range(-1074, 1024)] + [float(f"1e{n}") for n in range(-323, 309)]:
        (bits,) = struct.unpack("<q", struct.pack("<d", power))
        for near in (bits - 1, bits, bits + 1):
            (x,) = struct.unpack("<d", struct.pack("<q", near))
            assert text(machine, x) == repr(x)


@given(st.floats())
def test_any(machine: Machine, x: float) -> None:
    assert text(machine, x) == repr(x)


@given(st.integers(0, 10**17), st.integers(0, 25))
def test_short_decimals(machine: Machine, digits: int, places: int) -> None:
    x = digits / 10**places
    assert text(machine, x) == repr(x)


@pytest.mark.parametrize(
    ("x", "places", "expected"),
    [
        (0.5, 0, "0"), (1.5, 0, "2"), (2.5, 0, "2"), (0.125, 2, "0.12"), (0.375, 2, "0.38"),
        # The exact value decides: 2.675 lies a little below what is written.
        (2.675, 2, "2.67"), (1.005, 2, "1.00"), (-0.001, 2, "-0.00"), (0.0, 3, "0.000"),
        (999.9999, 2, "1000.00"), (5e-324, 5, "0.00000"), (1e22, 1, "10000000000000000000000.0"),
        (float("nan"), 2, "nan"), (float("-inf"), 2, "-inf"),
    ],
)  # fmt: skip
def test_fixed_table(machine: Machine, x: float, places: int, expected: str) -> None:
    machine.reset()
    assert machine.text("str_fixed", x, places) == expected == f"{x:.{places}f}"


@given(st.floats(), st.integers(0, 40))
def test_fixed(machine: Machine, x: float, places: int) -> None:
    machine.reset()
    assert machine.text("str_fixed", x, places) == f"{x:.{places}f}"


@given(st.integers(-(10**9), 10**9), st.integers(0, 12), st.integers(0, 6))
def test_fixed_halves(machine: Machine, number: int, eighths: int, places: int) -> None:
    x = number + eighths / 8
    machine.reset()
    assert machine.text("str_fixed", x, places) == f"{x:.{places}f}"


@pytest.mark.parametrize("places", [100, 340, 1074, 1500])
@pytest.mark.parametrize("x", [5e-324, 1.7976931348623157e308, 0.1, -1e-200])
def test_fixed_to_the_end(machine: Machine, x: float, places: int) -> None:
    machine.reset()
    assert machine.text("str_fixed", x, places) == f"{x:.{places}f}"
