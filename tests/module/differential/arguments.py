"""Seeded values of any algebraic type, with a taste for those that break things."""

from __future__ import annotations

import random
import struct
from typing import Any

from harness.wire import types as t
from harness.wire.schema import ModuleDef, ReducerDef
from harness.wire.values import ConnectionId, Interval, TimeDuration, Timestamp
from tests.module.differential.agree import SENDERS, Call, Caller

TEXTS = (
    "", "a", "b", "ab", "abc", "Zürich", "日本語", "🎲 dice", "a\0b", "{x}", "%s", "'\"\\", "\n",
    " ", "x" * 100, "é" * 40, "e\u0301", "\U0010ffff", "\x7f\x80",
)  # fmt: skip
FLOATS = (
    0.0, -0.0, 1.0, -1.0, 0.5, 0.1, -2.5, 1.5, 3.0, 1e16, 1e-5, 1e22, 123456.789, 1e300, -1e-300,
    5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), 2.0**53, 2.0**63, 1 / 3,
)  # fmt: skip
MICROS = (0, 1, -1, 1_767_225_600_000_000, 2**62)


class Values:
    """Makes values; the same seed makes the same ones."""

    def __init__(self, seed: int, definition: ModuleDef, bindings: Any) -> None:
        self.rng = random.Random(seed)
        self._space = definition.typespace
        self._bindings = bindings

    def value(self, type_: t.Type, depth: int = 0) -> Any:
        """A value that the type's codec takes."""
        rng = self.rng
        if type_ == t.IDENTITY:
            return rng.choice(SENDERS)
        if type_ == t.CONNECTION_ID:
            return ConnectionId.from_int(rng.choice((0, 1, 77 << 64)))
        if type_ == t.TIMESTAMP:
            return Timestamp(rng.choice(MICROS))
        if type_ == t.TIME_DURATION:
            return TimeDuration(rng.choice(MICROS))
        if type_ == t.SCHEDULE_AT:
            return Interval(TimeDuration(rng.choice((10**12, 10**13))))
        if type_ == t.BYTES:
            return rng.randbytes(rng.choice((0, 1, 5, 40)))
        if isinstance(type_, t.Scalar):
            return self.scalar(type_.kind)
        if isinstance(type_, t.Array):
            count = rng.choice((0, 1, 2, 3, 7)) if depth < 2 else 0
            return [self.value(type_.element, depth + 1) for _ in range(count)]
        if isinstance(type_, t.Ref):
            return self.bound(type_, depth)
        inner = t.option_payload(type_)
        assert inner is not None, type_
        return None if rng.random() < 0.3 else self.value(inner, depth + 1)

    def bound(self, ref: t.Ref, depth: int) -> Any:
        class_ = self._bindings[ref.index]
        type_ = self._space.resolve(ref)
        if t.is_plain_enum(type_):
            return self.rng.choice(list(class_))
        assert isinstance(type_, t.Product)
        names = class_.__match_args__ or class_.__slots__
        values = [self.value(element.type, depth + 1) for element in type_.elements]
        return class_(**dict(zip(names, values, strict=True)))

    def scalar(self, kind: t.Kind) -> Any:
        rng = self.rng
        if kind is t.Kind.STRING:
            if rng.random() < 0.7:
                return rng.choice(TEXTS)
            return "".join(rng.choice("abcxyzäß☃𝄞 {}") for _ in range(rng.randrange(30)))
        if kind is t.Kind.BOOL:
            return rng.random() < 0.5
        if kind in (t.Kind.F32, t.Kind.F64):
            number = rng.choice(FLOATS) if rng.random() < 0.6 else rng.uniform(-1000, 1000)
            return as_f32(number) if kind is t.Kind.F32 else number
        bits, signed = t.INTEGERS[kind]
        low = -(1 << (bits - 1)) if signed else 0
        high = (1 << (bits - signed)) - 1
        drawn = rng.random()
        if drawn < 0.6:
            number = rng.choice((0, 1, 2, 3, 4, 5, 7, 10, 100, -1, -2, -3, -7, -100))
        elif drawn < 0.8:
            number = rng.choice((low, low + 1, high, high - 1))
        else:
            number = rng.randint(low, high)
        return min(max(number, low), high)


def as_f32(number: float) -> float:
    """The nearest number of 32 bits, or infinity."""
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
    return rounded


def seeded_calls(module: Any, seed: int, count: int) -> list[Call]:
    """Calls to all public reducers of a module, in a seeded order with seeded arguments."""
    compiled = module.compiled
    values = Values(seed, compiled.definition, compiled.bindings)
    caller = Caller(module)
    public: list[ReducerDef] = [r for r in compiled.definition.reducers if not r.private]
    made = []
    for _ in range(count):
        reducer = values.rng.choice(public)
        args = [values.value(element.type) for element in reducer.params.elements]
        sender = values.rng.choice(SENDERS)
        made.append(caller(reducer.name, *args, sender=sender))
    return made
