"""Column values → SQLite values, such that SQLite orders them as the type does.

Only key columns are stored this way, beside the row's own bytes: unique and indexed ones. Unsigned
64-bit numbers are shifted into SQLite's signed range; wider numbers and identities are big-endian
blobs, which compare byte by byte.
"""

from __future__ import annotations

import operator
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from harness.errors import SchemaError
from harness.wire import types as t
from harness.wire.values import ConnectionId, Identity, Tagged, TimeDuration, Timestamp

ToSql: TypeAlias = Callable[[Any], Any]
"""Raises ``TypeError`` for values of another type, and ``OverflowError`` for what is too wide."""

_OFFSET = 1 << 63


@dataclass(frozen=True, slots=True)
class Key:
    """How a key column is stored. ``least`` and ``most`` bound numbers; None has no bounds."""

    sql_type: str
    to_sql: ToSql
    least: int | None = None
    most: int | None = None

    def side(self, value: Any) -> int:
        """-1 or 1 for numbers below or above all that the column can hold, else 0."""
        if self.least is None or self.most is None:
            return 0
        return int(value > self.most) - int(value < self.least)


def _shifted(value: int) -> int:
    return operator.index(value) - _OFFSET


def _big_endian(width: int, signed: bool) -> ToSql:
    offset = 1 << (width * 8 - 1) if signed else 0
    return lambda value: (operator.index(value) + offset).to_bytes(width, "big")


def _text(value: str) -> str:
    if type(value) is not str:
        raise TypeError(f"a key of type str cannot be {value!r}")
    return value


def _blob(value: bytes) -> bytes:
    if type(value) is not bytes:
        raise TypeError(f"a key of type bytes cannot be {value!r}")
    return value


def _reversed(value: Identity | ConnectionId) -> bytes:
    return value.data[::-1]


def _uuid(value: uuid.UUID) -> bytes:
    return value.bytes


def _micros(value: Timestamp | TimeDuration) -> int:
    return value.micros


def _tag(value: Any) -> int:
    if isinstance(value, Tagged):
        return value.tag
    if isinstance(value, Enum):
        return list(type(value)).index(value)
    raise TypeError(f"a key of an enum type cannot be {value!r}")


def _integer(kind: t.Kind) -> Key:
    bits, signed = t.INTEGERS[kind]
    least = -(1 << (bits - 1)) if signed else 0
    most = (1 << (bits - 1 if signed else bits)) - 1
    if bits > 64:
        return Key("BLOB", _big_endian(bits // 8, signed), least, most)
    return Key("INTEGER", _shifted if kind is t.Kind.U64 else operator.index, least, most)


def key_of(type_: t.Type) -> Key:
    """How keys of a resolved type are stored. Raises ``SchemaError`` if it cannot be a key."""
    if isinstance(type_, t.Scalar):
        if type_.kind is t.Kind.STRING:
            return Key("TEXT", _text)
        if type_.kind is t.Kind.BOOL:
            return Key("INTEGER", operator.index, 0, 1)
        if type_.kind in t.INTEGERS:
            return _integer(type_.kind)
    if type_ in (t.IDENTITY, t.CONNECTION_ID):
        return Key("BLOB", _reversed)
    if type_ == t.UUID:
        return Key("BLOB", _uuid)
    if type_ in (t.TIMESTAMP, t.TIME_DURATION):
        return Key("INTEGER", _micros)
    if type_ == t.BYTES:
        return Key("BLOB", _blob)
    if t.is_plain_enum(type_):
        return Key("INTEGER", _tag)
    raise SchemaError("a column of this type cannot be a key")
