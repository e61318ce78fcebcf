"""Integers of 128 bits, two words each, low first: exact, or an error."""

from __future__ import annotations

from harness.module.wasm.intrinsics import (
    clz,
    divs,
    divu,
    f64,
    fill,
    from_bits,
    g,
    geu,
    i32,
    i64,
    ltu,
    rems,
    remu,
    shru,
    store8,
    u64,
    unsigned_float,
)
from harness.module.wasm.sources.memory import room
from harness.module.wasm.sources.texts import digits_before, from_bytes, str_s

MOST_NEGATIVE = -9223372036854775808


def s_floordiv(a: i64, b: i64) -> i64:
    """``a // b``."""
    if b == 0:
        g.err = 4
        return 0
    quotient = divs(a, b)
    rest = rems(a, b)
    if rest != 0 and (rest ^ b) < 0:
        quotient -= 1
    return quotient


def s_mod(a: i64, b: i64) -> i64:
    """``a % b``."""
    if b == 0:
        g.err = 4
        return 0
    rest = rems(a, b)
    if rest != 0 and (rest ^ b) < 0:
        rest += b
    return rest


def w_add(alo: i64, ahi: i64, blo: i64, bhi: i64) -> tuple[i64, i64]:
    """``a + b``."""
    lo = alo + blo
    hi = ahi + bhi + u64(ltu(lo, alo))
    if ((ahi ^ hi) & (bhi ^ hi)) < 0:
        g.err = 3
    return lo, hi


def w_sub(alo: i64, ahi: i64, blo: i64, bhi: i64) -> tuple[i64, i64]:
    """``a - b``."""
    lo = alo - blo
    hi = ahi - bhi - u64(ltu(alo, blo))
    if ((ahi ^ bhi) & (ahi ^ hi)) < 0:
        g.err = 3
    return lo, hi


def negated(lo: i64, hi: i64) -> tuple[i64, i64]:
    """``-x``, wrapping around."""
    return 0 - lo, 0 - hi - u64(lo != 0)


def w_neg(lo: i64, hi: i64) -> tuple[i64, i64]:
    """``-x``."""
    if lo == 0 and hi == MOST_NEGATIVE:
        g.err = 3
        return 0, 0
    return negated(lo, hi)


def magnitude(lo: i64, hi: i64) -> tuple[i64, i64]:
    """``abs(x)``, without a sign."""
    if hi < 0:
        return negated(lo, hi)
    return lo, hi


def signed(lo: i64, hi: i64, negative: i32) -> tuple[i64, i64]:
    """A magnitude with a sign; one that is too large is an error."""
    if hi < 0 and not (negative and hi == MOST_NEGATIVE and lo == 0):
        g.err = 3
    if negative:
        return negated(lo, hi)
    return lo, hi


def times(a: i64, b: i64) -> tuple[i64, i64]:
    """The product of two words without a sign."""
    al = a & 4294967295
    ah = shru(a, 32)
    bl = b & 4294967295
    bh = shru(b, 32)
    low = al * bl
    middle = ah * bl + shru(low, 32)
    other = al * bh + (middle & 4294967295)
    return (other << 32) | (low & 4294967295), ah * bh + shru(middle, 32) + shru(other, 32)


def w_mul(alo: i64, ahi: i64, blo: i64, bhi: i64) -> tuple[i64, i64]:
    """``a * b``."""
    negative = (ahi ^ bhi) < 0
    alo, ahi = magnitude(alo, ahi)
    blo, bhi = magnitude(blo, bhi)
    if ahi != 0 and bhi != 0:
        g.err = 3
        return 0, 0
    lo, hi = times(alo, blo)
    # At most one of the two crosswise products is not 0.
    cross, beyond = times(ahi | bhi, select_word(ahi != 0, blo, alo))
    if ahi == 0 and bhi == 0:
        cross = 0
        beyond = 0
    whole = hi + cross
    if beyond != 0 or ltu(whole, hi):
        g.err = 3
        return 0, 0
    return signed(lo, whole, negative)


def select_word(condition: i32, yes: i64, no: i64) -> i64:
    if condition:
        return yes
    return no


def divided(alo: i64, ahi: i64, blo: i64, bhi: i64) -> tuple[i64, i64, i64, i64]:
    """Quotient and rest of magnitudes; the divisor is not 0."""
    if (ahi | bhi) == 0:
        return divu(alo, blo), 0, remu(alo, blo), 0
    rlo: i64 = 0
    rhi: i64 = 0
    left = 128
    while left:
        left -= 1
        rhi = (rhi << 1) | shru(rlo, 63)
        rlo = (rlo << 1) | shru(ahi, 63)
        ahi = (ahi << 1) | shru(alo, 63)
        alo = alo << 1
        if at_least(rlo, rhi, blo, bhi):
            rhi = rhi - bhi - u64(ltu(rlo, blo))
            rlo -= blo
            alo |= 1
    return alo, ahi, rlo, rhi


def at_least(alo: i64, ahi: i64, blo: i64, bhi: i64) -> i32:
    """``a >= b``, without signs."""
    if ahi == bhi:
        return geu(alo, blo)
    return geu(ahi, bhi)


def w_floordiv(alo: i64, ahi: i64, blo: i64, bhi: i64) -> tuple[i64, i64]:
    """``a // b``."""
    if (blo | bhi) == 0:
        g.err = 4
        return 0, 0
    negative = (ahi ^ bhi) < 0
    alo, ahi = magnitude(alo, ahi)
    blo, bhi = magnitude(blo, bhi)
    qlo, qhi, rlo, rhi = divided(alo, ahi, blo, bhi)
    if negative and (rlo | rhi) != 0:
        qlo += 1
        qhi += u64(qlo == 0)
    return signed(qlo, qhi, negative)


def w_mod(alo: i64, ahi: i64, blo: i64, bhi: i64) -> tuple[i64, i64]:
    """``a % b``."""
    if (blo | bhi) == 0:
        g.err = 4
        return 0, 0
    different = (ahi ^ bhi) < 0
    below = bhi < 0
    alo, ahi = magnitude(alo, ahi)
    blo, bhi = magnitude(blo, bhi)
    _lo, _hi, rlo, rhi = divided(alo, ahi, blo, bhi)
    if different and (rlo | rhi) != 0:
        rhi = bhi - rhi - u64(ltu(blo, rlo))
        rlo = blo - rlo
    if below:
        return negated(rlo, rhi)
    return rlo, rhi


def w_cmp(alo: i64, ahi: i64, blo: i64, bhi: i64) -> i32:
    """-1, 0 or 1."""
    if ahi != bhi:
        return (ahi > bhi) - (ahi < bhi)
    return ltu(blo, alo) - ltu(alo, blo)


def up(lo: i64, hi: i64, n: i64) -> tuple[i64, i64]:
    """Shifted left by 0 … 127 bits, wrapping around."""
    if n == 0:
        return lo, hi
    if n >= 64:
        return 0, lo << (n - 64)
    return lo << n, (hi << n) | shru(lo, 64 - n)


def w_shl(lo: i64, hi: i64, n: i64) -> tuple[i64, i64]:
    """``x << n``."""
    if n < 0:
        g.err = 11
        return 0, 0
    if (lo | hi) == 0:
        return 0, 0
    if n > 127:
        g.err = 3
        return 0, 0
    made, top = up(lo, hi, n)
    back, above = w_shr(made, top, n)
    if back != lo or above != hi:
        g.err = 3
    return made, top


def w_shr(lo: i64, hi: i64, n: i64) -> tuple[i64, i64]:
    """``x >> n``."""
    if n < 0:
        g.err = 11
        return 0, 0
    if n > 127:
        return hi >> 63, hi >> 63
    if n == 0:
        return lo, hi
    if n >= 64:
        return hi >> (n - 64), hi >> 63
    return shru(lo, n) | (hi << (64 - n)), hi >> n


def w_pow(lo: i64, hi: i64, n: i64) -> tuple[i64, i64]:
    """``x ** n``; ``n`` is not negative."""
    rlo: i64 = 1
    rhi: i64 = 0
    if lo == 1 and hi == 0:
        return rlo, rhi
    if (lo == 0 and hi == 0) or (lo == -1 and hi == -1):
        # The only other bases that may be multiplied for ever.
        if n == 0:
            return rlo, rhi
        if lo == 0 or (n & 1) == 1:
            return lo, hi
        return rlo, rhi
    while n > 0:
        if (n & 1) == 1:
            rlo, rhi = w_mul(rlo, rhi, lo, hi)
        n = n >> 1
        if n > 0:
            lo, hi = w_mul(lo, hi, lo, hi)
        if g.err:
            return 0, 0
    return rlo, rhi


def str_w(lo: i64, hi: i64) -> i32:
    """``str(x)``."""
    if hi == lo >> 63:
        return str_s(lo)
    negative = hi < 0
    lo, hi = magnitude(lo, hi)
    end = room(64) + 64
    at = end
    while hi != 0:
        lo, hi, rest, _ = divided(lo, hi, 1000000000000000000, 0)
        begin = digits_before(at, rest)
        at -= 18
        fill(at, 48, begin - at)
    at = digits_before(at, lo)
    if negative:
        at -= 1
        store8(at, 45)
    return from_bytes(at, end - at)


def scaled(mantissa: i64, exponent: i64) -> f64:
    """A word without a sign times a power of two from -1000 to 900."""
    return unsigned_float(mantissa) * from_bits((exponent + 1023) << 52)


def magnitude_to_f64(lo: i64, hi: i64) -> f64:
    """Rounded to the nearest, halves to even."""
    if hi == 0:
        return unsigned_float(lo)
    shift = 64 - clz(hi)
    if shift == 64:
        return scaled(hi | u64(lo != 0), 64)
    top = (hi << (64 - shift)) | shru(lo, shift)
    # What is shifted out matters only by being there.
    return scaled(top | u64((lo << (64 - shift)) != 0), shift)


def w_to_f64(lo: i64, hi: i64) -> f64:
    """``float(x)``."""
    if hi < 0:
        lo, hi = negated(lo, hi)
        return -magnitude_to_f64(lo, hi)
    return magnitude_to_f64(lo, hi)


def w_div_f64(alo: i64, ahi: i64, blo: i64, bhi: i64) -> f64:
    """``a / b``, correctly rounded."""
    if (blo | bhi) == 0:
        g.err = 16
        return 0.0
    negative = (ahi ^ bhi) < 0
    alo, ahi = magnitude(alo, ahi)
    blo, bhi = magnitude(blo, bhi)
    qlo, qhi, rlo, rhi = divided(alo, ahi, blo, bhi)
    exponent: i64 = 0
    # Further bits of the quotient, until there are more than a float has.
    while qhi == 0 and qlo >= 0 and (qlo | rlo | rhi) != 0:
        qlo = qlo << 1
        rhi = (rhi << 1) | shru(rlo, 63)
        rlo = rlo << 1
        if at_least(rlo, rhi, blo, bhi):
            rhi = rhi - bhi - u64(ltu(rlo, blo))
            rlo -= blo
            qlo |= 1
        exponent -= 1
    qlo |= u64((rlo | rhi) != 0)
    found = magnitude_to_f64(qlo, qhi) * from_bits((exponent + 1023) << 52)
    if negative:
        return -found
    return found
