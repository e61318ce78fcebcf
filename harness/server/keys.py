"""Column values ⇄ SQLite values, such that SQLite orders them as the type does.

Only key columns are stored this way, beside the row's own bytes: unique and indexed ones. Unsigned
64-bit numbers are shifted into SQLite's signed range; wider numbers and identities are big-endian
blobs, which compare byte by byte.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeAlias

from harness.errors import SchemaError
from harness.wire import types as t
from harness.wire.values import ConnectionId, Identity, Tagged, TimeDuration, Timestamp

ToSql: TypeAlias = Callable[[Any], Any]

_OFFSET = 1 << 63


def _same(value: Any) -> Any:
    return value


def _shifted(value: int) -> int:
    return value - _OFFSET


def _big_endian(width: int, signed: bool) -> ToSql:
    offset = 1 << (width * 8 - 1) if signed else 0
    return lambda value: (value + offset).to_bytes(width, "big")


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
    return int(value)


def to_sql(type_: t.Type) -> tuple[str, ToSql]:
    """The SQLite column type for keys of ``type_``, and the function that makes its values.

    Raises ``SchemaError`` for types that cannot be keys.
    """
    if isinstance(type_, t.Scalar):
        if type_.kind is t.Kind.STRING:
            return "TEXT", _same
        if type_.kind is t.Kind.BOOL:
            return "INTEGER", int
        if type_.kind is t.Kind.U64:
            return "INTEGER", _shifted
        if type_.kind in t.INTEGERS:
            bits, signed = t.INTEGERS[type_.kind]
            return ("INTEGER", _same) if bits <= 64 else ("BLOB", _big_endian(bits // 8, signed))
    if type_ in (t.IDENTITY, t.CONNECTION_ID):
        return "BLOB", _reversed
    if type_ == t.UUID:
        return "BLOB", _uuid
    if type_ in (t.TIMESTAMP, t.TIME_DURATION):
        return "INTEGER", _micros
    if type_ == t.BYTES:
        return "BLOB", _same
    if t.is_plain_enum(type_):
        return "INTEGER", _tag
    raise SchemaError("a column of this type cannot be a key")
