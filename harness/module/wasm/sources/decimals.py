"""Floats as decimal text: the shortest that reads back the same, or a fixed number of digits.

Exact arithmetic on long numbers of ``size`` bytes, low word first. The digits come by the method of
Steele and White (1990) as in Burger and Dybvig (1996): a fraction rest / unit, and how far away the
middles to the neighbouring floats are.
"""

from __future__ import annotations

from harness.module.wasm.intrinsics import (
    bits,
    chars,
    clz,
    copy,
    divu,
    f64,
    fabs,
    fill,
    i32,
    i64,
    integer,
    load8,
    load32u,
    ltu,
    shru,
    store8,
    store16,
    store32l,
    store64,
    trunc,
    u64,
)
from harness.module.wasm.sources.floats import FRACTION, HIDDEN
from harness.module.wasm.sources.memory import room
from harness.module.wasm.sources.texts import digits_before, from_bytes, letters, str_concat, str_s


def long_set(at: i32, size: i32, value: i64) -> None:
    """Make a long number of an i64."""
    fill(at, 0, size)
    store64(at, value)


def long_times(at: i32, size: i32, factor: i64, carry: i64) -> None:
    """Multiply by less than 2**32 and add as little."""
    end = at + size
    while ltu(at, end):
        carry += load32u(at) * factor
        store32l(at, carry)
        carry = shru(carry, 32)
        at += 4


def long_shift(at: i32, size: i32, n: i32) -> None:
    """Multiply by ``2**n``."""
    nbytes = (n >> 5) << 2
    copy(at + nbytes, at, size - nbytes)
    fill(at, 0, nbytes)
    long_times(at, size, u64(1 << (n & 31)), 0)


def long_tens(at: i32, size: i32, n: i32) -> None:
    """Multiply by ``10**n``."""
    while n >= 9:
        long_times(at, size, 1000000000, 0)
        n -= 9
    while n > 0:
        long_times(at, size, 10, 0)
        n -= 1


def long_add(to: i32, size: i32, a: i32, b: i32, sign: i64) -> None:
    """``a + b`` or, with the sign -1, ``a - b``, which is not negative."""
    carry: i64 = 0
    end = to + size
    while ltu(to, end):
        carry += load32u(a) + load32u(b) * sign
        store32l(to, carry)
        carry = carry >> 32
        to += 4
        a += 4
        b += 4


def long_cmp(a: i32, size: i32, b: i32) -> i32:
    """-1, 0 or 1."""
    while size:
        size -= 4
        x = load32u(a + size)
        y = load32u(b + size)
        if x != y:
            return -1 if x < y else 1
    return 0


def long_digit(at: i32, size: i32, divisor: i32) -> i32:
    """The quotient, which is below 10; the rest stays."""
    digit = 0
    while long_cmp(at, size, divisor) >= 0:
        long_add(at, size, at, divisor, -1)
        digit += 1
    return digit


def long_bit(at: i32, n: i32) -> i32:
    return (load8(at + (n >> 3)) >> (n & 7)) & 1


def long_rounded(at: i32, size: i32, n: i32) -> None:
    """Divide by ``2**n`` to the nearest, halves to even; ``n`` is not 0.

    The number has to be below half of ``2**(8 * size)``.
    """
    if n >= size << 3:
        fill(at, 0, size)
        return
    up = long_bit(at, n - 1)
    if up and long_bit(at, n) == 0:
        lower = 0
        while lower < n - 1 and long_bit(at, lower) == 0:
            lower += 1
        up = lower < n - 1
    nbytes = (n >> 5) << 2
    copy(at, at + nbytes, size - nbytes)
    fill(at + size - nbytes, 0, nbytes)
    shift = u64(n & 31)
    place = size
    above: i64 = 0
    while place:
        place -= 4
        above = (above << 32) | load32u(at + place)
        store32l(at + place, shru(above, shift))
    long_times(at, size, 1, u64(up))


def long_over_ten(at: i32, size: i32) -> i32:
    """Divide by ten; the rest."""
    rest: i64 = 0
    while size:
        size -= 4
        rest = (rest << 32) | load32u(at + size)
        quotient = divu(rest, 10)
        store32l(at + size, quotient)
        rest -= quotient * 10
    return i32(rest)


def parts(x: f64) -> tuple[i64, i32]:
    """The whole number and the power of two that a float is the product of."""
    exponent = i32(bits(x) >> 52) & 2047
    if exponent == 0:
        return bits(x) & FRACTION, -1074
    return (bits(x) & FRACTION) | HIDDEN, exponent - 1075


def shortest(x: f64, to: i32) -> tuple[i32, i32]:
    """Write the digits of a positive float.

    How many there are, and where the point is: n of ``0.digits * 10**n``.
    """
    mantissa, exponent = parts(x)
    size = (shru(exponent if exponent > 0 else 0 - exponent, 5) + 4) << 2
    rest = to + 24
    unit = rest + size
    above = unit + size
    below = above + size
    total = below + size
    # The float below is nearer if this one is a power of two.
    edge = mantissa == HIDDEN and exponent > -1074
    high = exponent if exponent > 0 else 0
    long_set(rest, size, mantissa)
    long_shift(rest, size, high + 1 + edge)
    long_set(unit, size, 1)
    long_shift(unit, size, high - exponent + 1 + edge)
    long_set(below, size, 1)
    long_shift(below, size, high)
    copy(above, below, size)
    long_shift(above, size, edge)
    # log10(2), times 2**20: exact enough for the exponents that there are.
    point = (((exponent + 63 - i32(clz(mantissa))) * 315653) >> 20) + 1
    long_tens(unit, size, point)
    long_tens(rest, size, 0 - point)
    long_tens(above, size, 0 - point)
    long_tens(below, size, 0 - point)
    # Readers round to even: then the middles belong to this float.
    even = i32(mantissa & 1) == 0
    long_add(total, size, rest, above, 1)
    if long_cmp(total, size, unit) + even > 0:
        point += 1
        long_times(unit, size, 10, 0)
    count = 0
    while True:
        long_times(rest, size, 10, 0)
        long_times(above, size, 10, 0)
        long_times(below, size, 10, 0)
        digit = long_digit(rest, size, unit)
        low = long_cmp(rest, size, below) < even
        long_add(total, size, rest, above, 1)
        up = long_cmp(total, size, unit) + even > 0
        if low and up:
            long_times(rest, size, 2, 0)
            half = long_cmp(rest, size, unit)
            up = half + (digit & 1) > 0
        store8(to + count, 48 + digit + up)
        count += 1
        if low or up:
            return count, point


def special(x: f64) -> i32:
    """The text of what is no finite number, or None."""
    if x != x:
        return letters(chars("nan"), 3)
    if x - x == 0.0:
        return 0
    return letters(chars("inf"), 3) if x > 0.0 else letters(chars("-inf"), 4)


def str_f64(x: f64) -> i32:
    """``repr(x)``."""
    found = special(x)
    if found:
        return found
    if trunc(x) == x and fabs(x) < 9007199254740992.0 and (x != 0.0 or bits(x) == 0):
        return str_concat(str_s(integer(x)), letters(chars(".0"), 2))
    start = room(1024)
    at = start
    digits = start + 64
    if bits(x) < 0:
        store8(at, 45)
        at += 1
    if x == 0.0:
        store32l(at, chars("0.0"))
        return from_bytes(start, at + 3 - start)
    count, point = shortest(fabs(x), digits)
    if point > 16 or point < -3:
        return from_bytes(start, scientific(at, digits, count, point - 1) - start)
    if point <= 0:
        fill(at, 48, 2 - point)
        store8(at, 46, 1)
        copy(at + 2 - point, digits, count)
        return from_bytes(start, at + 2 - point + count - start)
    # So many digits or zeros before the point, and at least one behind it.
    fill(digits + count, 48, 24)
    if count <= point:
        count = point + 1
    copy(at, digits, point)
    store8(at + point, 46)
    copy(at + point + 1, digits + point, count - point)
    return from_bytes(start, at + count + 1 - start)


def scientific(at: i32, digits: i32, count: i32, exponent: i32) -> i32:
    """Write ``d.ddde+dd``; the address after it."""
    store8(at, load8(digits))
    at += 1
    if count > 1:
        store8(at, 46)
        copy(at + 1, digits + 1, count - 1)
        at += count
    store16(at, 11109 if exponent > 0 else 11621)
    if exponent < 0:
        exponent = 0 - exponent
    end = at + (5 if exponent > 99 else 4)
    store8(at, 48, 2)
    _ = digits_before(end, u64(exponent))
    return end


def str_fixed(x: f64, places: i32) -> i32:
    """``format(x, ".<places>f")``: the exact value, rounded, halves to even."""
    found = special(x)
    if found:
        return found
    mantissa, exponent = parts(x)
    high = exponent if exponent > 0 else 0
    # log2(10) is below 107 / 32.
    size = (shru(high + shru(places * 107, 5), 5) + 3) << 2
    number = room(size + places + 512)
    long_set(number, size, mantissa)
    long_tens(number, size, places)
    long_shift(number, size, high)
    if exponent < 0:
        long_rounded(number, size, 0 - exponent)
    # At most 309 digits, a point and a sign before the places.
    end = number + size + places + 400
    at = end
    while at >= end - places - (places > 0) or not long_zero(number, size):
        if places and at == end - places:
            at -= 1
            store8(at, 46)
        at -= 1
        store8(at, 48 + long_over_ten(number, size))
    if bits(x) < 0:
        at -= 1
        store8(at, 45)
    return from_bytes(at, end - at)


def long_zero(at: i32, size: i32) -> i32:
    end = at + size
    while ltu(at, end):
        if load32u(at) != 0:
            return 0
        at += 4
    return 1
