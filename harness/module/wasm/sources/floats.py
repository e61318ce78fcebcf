"""Floats as Python has them: division, remainders, rounding to integers, comparison with them."""

from __future__ import annotations

from harness.module.wasm.intrinsics import (
    bits,
    ceil,
    clz,
    copysign,
    f64,
    fabs,
    floor,
    from_bits,
    g,
    i32,
    i64,
    integer,
    nearest,
    trunc,
)
from harness.module.wasm.sources.wide import MOST_NEGATIVE, negated, up, w_cmp

INFINITE = 9218868437227405312
FRACTION = 4503599627370495
HIDDEN = 4503599627370496


def f_div(a: f64, b: f64) -> f64:
    """``a / b``."""
    if b == 0.0:
        g.err = 10
    return a / b


def mantissa_of(x: i64) -> i64:
    """The digits of a float that is not 0, with the first one at bit 52."""
    fraction = x & FRACTION
    if (x & INFINITE) == 0:
        return fraction << (clz(fraction) - 11)
    return fraction | HIDDEN


def exponent_of(x: i64) -> i64:
    """The exponent that goes with ``mantissa_of``."""
    found = (x & INFINITE) >> 52
    if found == 0:
        return 12 - clz(x & FRACTION)
    return found


def fmod(a: f64, b: f64) -> f64:
    """C's fmod, which is exact; ``b`` is not 0."""
    x = bits(fabs(a))
    y = bits(fabs(b))
    if x >= INFINITE or y > INFINITE:
        return a * b / (a * b)
    if x < y or y == INFINITE:
        return a
    if x == y:
        return copysign(0.0, a)
    if x == 0:
        return a
    rest = mantissa_of(x)
    divisor = mantissa_of(y)
    exponent = exponent_of(x)
    least = exponent_of(y)
    while exponent > least:
        if rest >= divisor:
            rest -= divisor
        rest = rest << 1
        exponent -= 1
    if rest >= divisor:
        rest -= divisor
    if rest == 0:
        return copysign(0.0, a)
    while rest < HIDDEN:
        rest = rest << 1
        exponent -= 1
    if exponent > 0:
        return copysign(from_bits((rest & FRACTION) | (exponent << 52)), a)
    return copysign(from_bits(rest >> (1 - exponent)), a)


def f_mod(a: f64, b: f64) -> f64:
    """``a % b``."""
    if b == 0.0:
        g.err = 20
        return 0.0
    rest = fmod(a, b)
    if rest == 0.0:
        return copysign(0.0, b)
    if (b < 0.0) != (rest < 0.0):
        rest = rest + b
    return rest


def f_floordiv(a: f64, b: f64) -> f64:
    """``a // b``, by the steps that CPython takes."""
    if b == 0.0:
        g.err = 12
        return 0.0
    rest = fmod(a, b)
    quotient = (a - rest) / b
    if rest != 0.0 and (b < 0.0) != (rest < 0.0):
        quotient = quotient - 1.0
    if quotient == 0.0:
        return copysign(0.0, a / b)
    whole = floor(quotient)
    if quotient - whole > 0.5:
        whole = whole + 1.0
    return whole


def w_from_f64(x: f64) -> tuple[i64, i64]:
    """``int(x)``."""
    if x != x:
        g.err = 6
        return 0, 0
    if fabs(x) < 9223372036854775808.0:
        small = integer(x)
        return small, small >> 63
    raw = bits(x)
    shift = ((raw & INFINITE) >> 52) - 1075
    if shift == 972:
        g.err = 7
        return 0, 0
    if x == -170141183460469231731687303715884105728.0:
        return 0, MOST_NEGATIVE
    if shift > 74:
        g.err = 3
        return 0, 0
    lo, hi = up((raw & FRACTION) | HIDDEN, 0, shift)
    if raw < 0:
        return negated(lo, hi)
    return lo, hi


def f_floor_w(x: f64) -> tuple[i64, i64]:
    """``math.floor(x)``."""
    return w_from_f64(floor(x))


def f_ceil_w(x: f64) -> tuple[i64, i64]:
    """``math.ceil(x)``."""
    return w_from_f64(ceil(x))


def f_round_w(x: f64) -> tuple[i64, i64]:
    """``round(x)``."""
    return w_from_f64(nearest(x))


def w_cmp_f64(lo: i64, hi: i64, x: f64) -> i32:
    """-1, 0 or 1 as an integer is below, at or above a float; 2 if that is not a number."""
    if x != x:
        return 2
    if fabs(x) >= 170141183460469231731687303715884105728.0:
        if x < -170141183460469231731687303715884105728.0:
            return 1
        if x > 0.0:
            return -1
        return (lo != 0 or hi != MOST_NEGATIVE) == 1
    whole = trunc(x)
    wlo, whi = w_from_f64(whole)
    found = w_cmp(lo, hi, wlo, whi)
    if found != 0:
        return found
    return (x < whole) - (x > whole)
