"""``random.Random``: the Mersenne Twister, seeded and drawn from as CPython does.

Source: M. Matsumoto and T. Nishimura, mt19937ar (2002), and CPython's Modules/_randommodule.c. The
state is 624 words and the place of the next one.
"""

from __future__ import annotations

from harness.module.wasm.intrinsics import (
    clz,
    f64,
    g,
    geu,
    i32,
    i64,
    load32,
    shru,
    store32,
    u64,
    unsigned_float,
)

WORDS = 624
PLACE = 2496


def state_of(place: i32) -> i32:
    return load32(g.rng + place * 4)


def keep_state(place: i32, value: i32) -> None:
    store32(g.rng + place * 4, value)


def mixed(place: i32, factor: i32) -> i32:
    before = state_of(place - 1)
    return state_of(place) ^ ((before ^ shru(before, 30)) * factor)


def rng_seed(seed: i64) -> None:
    """``Random(seed)``."""
    if seed < 0:
        seed = 0 - seed
    low = i32(seed)
    high = i32(shru(seed, 32))
    used = 1 + (high != 0)
    keep_state(0, 19650218)
    place = 1
    while place < WORDS:
        before = state_of(place - 1)
        keep_state(place, (before ^ shru(before, 30)) * 1812433253 + place)
        place += 1
    place = 1
    key = 0
    left = WORDS
    while left:
        value = low
        if key:
            value = high
        keep_state(place, mixed(place, 1664525) + value + key)
        place += 1
        key += 1
        if place >= WORDS:
            keep_state(0, state_of(WORDS - 1))
            place = 1
        if key >= used:
            key = 0
        left -= 1
    left = WORDS - 1
    while left:
        keep_state(place, mixed(place, 1566083941) - place)
        place += 1
        if place >= WORDS:
            keep_state(0, state_of(WORDS - 1))
            place = 1
        left -= 1
    keep_state(0, -2147483648)
    store32(g.rng + PLACE, WORDS)


def renew() -> None:
    """The next 624 words."""
    place = 0
    while place < WORDS:
        next_ = place + 1
        if next_ == WORDS:
            next_ = 0
        far = place + 397
        if far >= WORDS:
            far -= WORDS
        joined = (state_of(place) & -2147483648) | (state_of(next_) & 2147483647)
        made = state_of(far) ^ shru(joined, 1)
        if joined & 1:
            made ^= -1727483681
        keep_state(place, made)
        place += 1
    store32(g.rng + PLACE, 0)


def rng_u32() -> i64:
    """32 random bits."""
    if load32(g.rng + PLACE) >= WORDS:
        renew()
    place = load32(g.rng + PLACE)
    store32(g.rng + PLACE, place + 1)
    made = state_of(place)
    made ^= shru(made, 11)
    made ^= (made << 7) & -1658038656
    made ^= (made << 15) & -272236544
    return u64(made ^ shru(made, 18))


def rng_random() -> f64:
    """``random()``."""
    a = shru(rng_u32(), 5)
    b = shru(rng_u32(), 6)
    return (unsigned_float(a) * 67108864.0 + unsigned_float(b)) * 1.1102230246251565e-16


def rng_bits(count: i32) -> i64:
    """``getrandbits(count)``, of 1 … 64 bits."""
    low = rng_u32()
    if count <= 32:
        return shru(low, u64(32 - count))
    return low | (shru(rng_u32(), u64(64 - count)) << 32)


def rng_below(limit: i64) -> i64:
    """``_randbelow(limit)``; the limit has no sign and is not 0."""
    count = 64 - i32(clz(limit))
    found = rng_bits(count)
    while geu(found, limit):
        found = rng_bits(count)
    return found


def rng_shuffle(list_: i32, size: i32) -> None:
    """``shuffle(list)`` of items of so many bytes."""
    place = load32(list_, 4) - 1
    items = load32(list_, 8) + 8
    while place > 0:
        a = items + place * size
        b = items + i32(rng_below(u64(place + 1))) * size
        left = size
        while left:
            left -= 4
            kept = load32(a + left)
            store32(a + left, load32(b + left))
            store32(b + left, kept)
        place -= 1
