"""Floats as decimal text: the shortest that reads back the same, or a fixed number of digits.

Exact arithmetic on long numbers: 48 words of 32 bits, low first. The digits come by the method of
Steele and White (1990) and Dragon4: a fraction R / S, and how far the neighbouring floats are.
"""

from __future__ import annotations

from harness.module.wasm.intrinsics import (
    bits,
    clz,
    copy,
    divu,
    f64,
    fill,
    g,
    i32,
    i64,
    load32u,
    ltu,
    shru,
    store8,
    store32l,
    u64,
)
from harness.module.wasm.sources.floats import FRACTION, HIDDEN, INFINITE
from harness.module.wasm.sources.texts import from_bytes

#: Bytes of a long number.
LONG = 192


def long_set(at: i32, value: i64) -> None:
    """Make a long number of a word."""
    fill(at, 0, LONG)
    store32l(at, value)
    store32l(at, shru(value, 32), 4)


def long_times(at: i32, factor: i64) -> None:
    """Multiply by less than 2**31."""
    carry: i64 = 0
    end = at + LONG
    while ltu(at, end):
        carry += load32u(at) * factor
        store32l(at, carry)
        carry = shru(carry, 32)
        at += 4


def long_shift(at: i32, n: i32) -> None:
    """Multiply by ``2**n``."""
    words = (n >> 5) << 2
    if words:
        copy(at + words, at, LONG - words)
        fill(at, 0, words)
    long_times(at, u64(1 << (n & 15)))
    if n & 16:
        long_times(at, 65536)


def long_ten(at: i32, n: i32) -> None:
    """Multiply by ``10**n``."""
    while n >= 9:
        long_times(at, 1000000000)
        n -= 9
    while n > 0:
        long_times(at, 10)
        n -= 1


def long_add(at: i32, other: i32) -> None:
    """Add another."""
    carry: i64 = 0
    end = at + LONG
    while ltu(at, end):
        carry += load32u(at) + load32u(other)
        store32l(at, carry)
        carry = shru(carry, 32)
        at += 4
        other += 4


def long_sub(at: i32, other: i32) -> None:
    """Subtract another, which is not larger."""
    borrow: i64 = 0
    end = at + LONG
    while ltu(at, end):
        borrow += load32u(at) - load32u(other)
        store32l(at, borrow)
        borrow = borrow >> 32
        at += 4
        other += 4


def long_cmp(at: i32, other: i32) -> i32:
    """-1, 0 or 1."""
    place = LONG
    while place:
        place -= 4
        a = load32u(at + place)
        b = load32u(other + place)
        if a != b:
            return (a > b) - (a < b)
    return 0


def long_digit(at: i32, divisor: i32) -> i32:
    """The quotient, which is below 10; the rest stays."""
    digit = 0
    while long_cmp(at, divisor) >= 0:
        long_sub(at, divisor)
        digit += 1
    return digit


def digit_count(x: f64) -> i32:
    """About how many digits stand before the point: exact, or one too few."""
    exponent = i32((bits(x) & INFINITE) >> 52) - 1022
    if (bits(x) & INFINITE) == 0:
        # A subnormal number: its first digit decides.
        exponent = -1010 - i32(clz(bits(x)))
    return estimate(exponent - 1)


def estimate(exponent: i32) -> i32:
    """``floor(exponent * log10(2))``, plus one, less a little: 0.30102921 and 0.00095."""
    return ((exponent * 315652 - 1000) >> 20) + 1


def shortest(x: f64, to: i32) -> i32:
    """Write the digits of a positive float; where its point is, as ``0.digits * 10**n``.

    How many digits there are is left in ``rd``.
    """
    rest = g.scratch + 1024
    unit = rest + LONG
    above = unit + LONG
    below = above + LONG
    total = below + LONG
    raw = bits(x)
    mantissa = raw & FRACTION
    exponent = i32((raw & INFINITE) >> 52) - 1075
    # The float below is nearer if this one is a power of two.
    edge = mantissa == 0 and exponent > -1074
    if exponent == -1075:
        exponent = -1074
    else:
        mantissa |= HIDDEN
    even = i32(mantissa & 1) == 0
    long_set(rest, mantissa)
    long_set(unit, 1)
    long_set(above, 1)
    long_set(below, 1)
    long_shift(rest, 1 + edge)
    long_shift(unit, 1 + edge)
    long_shift(above, edge)
    if exponent >= 0:
        long_shift(rest, exponent)
        long_shift(above, exponent)
        long_shift(below, exponent)
    else:
        long_shift(unit, 0 - exponent)
    point = digit_count(x)
    if point >= 0:
        long_ten(unit, point)
    else:
        long_ten(rest, 0 - point)
        long_ten(above, 0 - point)
        long_ten(below, 0 - point)
    copy(total, rest, LONG)
    long_add(total, above)
    if long_cmp(total, unit) >= 1 - even:
        point += 1
    else:
        long_times(rest, 10)
        long_times(above, 10)
        long_times(below, 10)
    count = 0
    while True:
        digit = long_digit(rest, unit)
        low = long_cmp(rest, below) < even
        copy(total, rest, LONG)
        long_add(total, above)
        high = long_cmp(total, unit) > 0 - even
        if low or high:
            if low and high:
                long_times(rest, 2)
                half = long_cmp(rest, unit)
                high = half > 0 or (half == 0 and (digit & 1) == 1)
            store8(to + count, 48 + digit + high)
            g.rd = count + 1
            return point
        store8(to + count, 48 + digit)
        count += 1
        long_times(rest, 10)
        long_times(above, 10)
        long_times(below, 10)


def special(x: f64) -> i32:
    """The text of what is no finite number, or 0."""
    at = g.scratch + 512
    if x != x:
        store32l(at, 7233902)
        return from_bytes(at, 3)
    if (bits(x) & INFINITE) == INFINITE:
        store32l(at, 1718511917)
        if x > 0.0:
            return from_bytes(at + 1, 3)
        return from_bytes(at, 4)
    return 0


def str_f64(x: f64) -> i32:
    """``repr(x)``."""
    found = special(x)
    if found:
        return found
    at = g.scratch + 512
    start = at
    digits = g.scratch + 640
    if bits(x) < 0:
        store8(at, 45)
        at += 1
    if x == 0.0:
        store32l(at, 3157552)
        return from_bytes(start, at + 3 - start)
    point = shortest(positive(x), digits)
    count = g.rd
    if point > 16 or point < -3:
        return from_bytes(start, scientific(at, digits, count, point - 1) - start)
    if point <= 0:
        store32l(at, 11824)
        at += 2
        fill(at, 48, 0 - point)
        at -= point
        copy(at, digits, count)
        return from_bytes(start, at + count - start)
    if count <= point:
        copy(at, digits, count)
        fill(at + count, 48, point - count)
        at += point
        store32l(at, 12334)
        return from_bytes(start, at + 2 - start)
    copy(at, digits, point)
    store8(at + point, 46)
    copy(at + point + 1, digits + point, count - point)
    return from_bytes(start, at + count + 1 - start)


def positive(x: f64) -> f64:
    if x < 0.0:
        return -x
    return x


def scientific(at: i32, digits: i32, count: i32, exponent: i32) -> i32:
    """Write ``d.ddde+dd``; the address after it."""
    copy(at, digits, 1)
    at += 1
    if count > 1:
        store8(at, 46)
        copy(at + 1, digits + 1, count - 1)
        at += count
    store8(at, 101)
    store8(at, 43, 1)
    if exponent < 0:
        store8(at, 45, 1)
        exponent = 0 - exponent
    at += 2
    if exponent >= 100:
        store8(at, 48 + hundreds(exponent))
        at += 1
        exponent -= 100 * hundreds(exponent)
    tens = 0
    while exponent >= 10:
        exponent -= 10
        tens += 1
    store8(at, 48 + tens)
    store8(at, 48 + exponent, 1)
    return at + 2


def hundreds(value: i32) -> i32:
    return (value >= 100) + (value >= 200) + (value >= 300)


def str_fixed(x: f64, places: i32) -> i32:
    """``format(x, ".<places>f")``: the exact value, rounded, halves to even."""
    found = special(x)
    if found:
        return found
    number = g.scratch + 1024
    one = number + LONG
    half = one + LONG
    raw = bits(x)
    mantissa = raw & FRACTION
    exponent = i32((raw & INFINITE) >> 52) - 1075
    if exponent == -1075:
        exponent = -1074
    else:
        mantissa |= HIDDEN
    long_set(number, mantissa)
    long_ten(number, places)
    if exponent >= 0:
        long_shift(number, exponent)
    elif exponent > -1200:
        long_set(one, 1)
        long_shift(one, 0 - exponent)
        long_round(number, one, half, 0 - exponent)
    end = g.scratch + 1000
    at = end
    written = 0
    while written <= places or not is_zero(number):
        if written == places and places > 0:
            at -= 1
            store8(at, 46)
        at -= 1
        store8(at, 48 + i32(long_over_ten(number)))
        written += 1
    if raw < 0:
        at -= 1
        store8(at, 45)
    return from_bytes(at, end - at)


def long_round(number: i32, one: i32, rest: i32, shift: i32) -> None:
    """Divide by ``2**shift``, which is in ``one``, to the nearest, halves to even."""
    copy(rest, number, LONG)
    long_down(number, shift)
    copy(one, number, LONG)
    long_shift(one, shift)
    long_sub(rest, one)
    long_times(rest, 2)
    long_set(one, 1)
    long_shift(one, shift)
    order = long_cmp(rest, one)
    odd = i32(load32u(number) & 1)
    if order > 0 or (order == 0 and odd == 1):
        long_set(one, 1)
        long_add(number, one)


def long_down(at: i32, n: i32) -> None:
    """Divide by ``2**n``, downwards."""
    words = (n >> 5) << 2
    if words >= LONG:
        fill(at, 0, LONG)
        return
    if words:
        copy(at, at + words, LONG - words)
        fill(at + LONG - words, 0, words)
    shift = u64(n & 31)
    place = at
    end = at + LONG - 4
    while ltu(place, end):
        both = load32u(place) | (load32u(place, 4) << 32)
        store32l(place, shru(both, shift))
        place += 4
    store32l(place, shru(load32u(place), shift))


def long_over_ten(at: i32) -> i64:
    """Divide by ten; the rest."""
    rest: i64 = 0
    place = LONG
    while place:
        place -= 4
        whole = (rest << 32) | load32u(at + place)
        quotient = divu(whole, 10)
        store32l(at + place, quotient)
        rest = whole - quotient * 10
    return rest


def is_zero(at: i32) -> i32:
    end = at + LONG
    while ltu(at, end):
        if load32u(at) != 0:
            return 0
        at += 4
    return 1
