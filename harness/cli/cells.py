"""Values that a server sent as text in a table or a line, harmless to the terminal."""

from __future__ import annotations

import json
from typing import Any

from harness.errors import SchemaError
from harness.wire import jsontext
from harness.wire import types as t
from harness.wire.values import Timestamp

_NUMBERS = (t.IDENTITY, t.CONNECTION_ID)


def harmless(text: str, keep: str = "") -> str:
    """A foreign text without anything that a terminal would obey: escaped, but for ``keep``."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in keep else ascii(letter)[1:-1] for letter in text
    )


#: For types without references.
_NOWHERE = t.Typespace()


def cell(value: Any, type_: t.Type, typespace: t.Typespace = _NOWHERE) -> str:
    """A positional value of SATS-JSON in words: ``0xc2…``, ``2026-01-31T10:00:00Z``, ``(none)``."""
    try:
        return harmless(_cell(value, type_, typespace))
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError,
            RecursionError, SchemaError):  # fmt: skip
        return harmless(jsontext.dumps(value))  # it is not what its type says; it is shown anyhow


def _cell(value: Any, type_: t.Type, space: t.Typespace) -> str:
    type_ = space.resolve(type_)
    if type_ in _NUMBERS:
        number = str(_only(value))
        return number if number.startswith("0x") else f"0x{int(number):032x}"
    if type_ == t.TIMESTAMP:
        return moment(_only(value))
    if type_ == t.TIME_DURATION:
        return f"{_only(value) / 1_000_000:g} s"
    if isinstance(type_, t.Scalar):
        if isinstance(value, str):
            return value
        return json.dumps(value)
    if type_ == t.BYTES:
        return f"0x{value if isinstance(value, str) else bytes(value).hex()}"
    if isinstance(type_, t.Array):
        return f"[{', '.join(_cell(each, type_.element, space) for each in value)}]"
    if isinstance(type_, t.Sum):
        return _sum(value, type_, space)
    if isinstance(type_, t.Product):
        values = list(value.values()) if isinstance(value, dict) else value
        fields = zip(type_.elements, values, strict=True)
        return f"({', '.join(f'{x.name} = {_cell(each, x.type, space)}' for x, each in fields)})"
    return jsontext.dumps(value)


def _only(value: Any) -> Any:
    """What is in a product of one field."""
    (found,) = value.values() if isinstance(value, dict) else value
    return found


def _sum(value: Any, type_: t.Sum, space: t.Typespace) -> str:
    if isinstance(value, dict):
        ((name, payload),) = value.items()
        variant = {x.name: x for x in type_.variants}[name]
    else:
        tag, payload = value
        variant = type_.variants[tag]
    if t.option_payload(type_) is not None:
        return "(none)" if variant.type == t.UNIT else _cell(payload, variant.type, space)
    if variant.type == t.UNIT:
        return str(variant.name)
    return f"{variant.name}({_cell(payload, variant.type, space)})"


def moment(micros: int) -> str:
    """Microseconds since the epoch as a date and time in UTC; the number if there is no such."""
    try:
        found = Timestamp(micros).to_datetime()
    except (OverflowError, ValueError):
        return f"{micros} µs"
    return found.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def is_number(type_: t.Type) -> bool:
    """Whether a column of this type is set flush right."""
    return isinstance(type_, t.Scalar) and type_.kind not in (t.Kind.STRING, t.Kind.BOOL)
