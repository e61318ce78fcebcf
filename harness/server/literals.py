"""SQL literals → values of a column's type."""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from harness.errors import SqlError
from harness.server.sql import Literal
from harness.wire import types as t
from harness.wire.values import ConnectionId, Identity, TimeDuration, Timestamp

_F32 = struct.Struct("<f")


def value_of(literal: Literal, type_: t.Type, sender: Identity, column: str) -> Any:
    """The value that ``literal`` means in a column of ``type_``.

    ``sender`` is what ``:sender`` stands for. Raises ``SqlError`` naming the column if the literal
    is of another kind, out of range or malformed, or if such columns cannot be compared at all.
    """
    reader = _READERS.get(type_)
    if reader is None:
        raise SqlError(f"column {column!r} cannot be compared with a literal")
    kinds, name, read = reader
    if literal.kind == "sender" and type_ == t.IDENTITY:
        return sender
    if literal.kind not in kinds:
        raise SqlError(f"column {column!r} is {name}; {literal.text!r} is a {literal.kind} literal")
    try:
        return read(literal.text)
    except (ValueError, OverflowError, InvalidOperation) as error:
        raise SqlError(f"{literal.text!r} is no {name} for column {column!r}: {error}") from None


def is_comparable(type_: t.Type) -> bool:
    """Whether columns of this type can be compared at all."""
    return type_ in _READERS


def _integer(kind: t.Kind) -> Callable[[str], int]:
    bits, signed = t.INTEGERS[kind]
    least = -(1 << (bits - 1)) if signed else 0
    most = (1 << (bits - 1 if signed else bits)) - 1

    def read(text: str) -> int:
        number = Decimal(text)
        if abs(number.adjusted()) > 80:
            raise ValueError("far out of range")
        whole = int(number)
        if whole != number:
            raise ValueError("not a whole number")
        if not least <= whole <= most:
            raise ValueError(f"outside {least} … {most}")
        return whole

    return read


def _f32(text: str) -> float:
    number = float(text)
    rounded: float = _F32.unpack(_F32.pack(number))[0]
    return rounded


def _timestamp(text: str) -> Timestamp:
    when = dt.datetime.fromisoformat(text)
    return Timestamp.from_datetime(when if when.tzinfo else when.replace(tzinfo=dt.UTC))


_HEX = ("hex", "string")
_READERS: dict[t.Type, tuple[tuple[str, ...], str, Callable[[str], Any]]] = {
    t.BOOL: (("bool",), "Bool", lambda text: text.upper() == "TRUE"),
    t.STRING: (("string",), "String", str),
    t.F32: (("number",), "F32", _f32),
    t.F64: (("number",), "F64", float),
    t.BYTES: (_HEX, "bytes", bytes.fromhex),
    t.IDENTITY: (_HEX, "Identity", Identity.from_hex),
    t.CONNECTION_ID: (_HEX, "ConnectionId", ConnectionId.from_hex),
    t.UUID: (_HEX, "Uuid", uuid.UUID),
    t.TIMESTAMP: (("string",), "Timestamp", _timestamp),
    t.TIME_DURATION: (("number",), "TimeDuration", lambda text: TimeDuration(int(text))),
    **{t.Scalar(kind): (("number",), kind.name, _integer(kind)) for kind in t.INTEGERS},
}
