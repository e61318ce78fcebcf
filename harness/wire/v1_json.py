"""The text form of protocol v1: the messages of ``v1`` as SATS-JSON.

Rows and arguments are JSON inside JSON strings, which only those who know the schema can read and
write: callers pass the converters.

Source: `crates/client-api-messages/src/websocket/v1.rs` of SpacetimeDB 2.8.3.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from harness.errors import EncodeError
from harness.wire import types as t
from harness.wire import v1
from harness.wire.jsontext import dumps, loads
from harness.wire.program import Binding, SumBinding, field_names
from harness.wire.rows import RowList, row_list
from harness.wire.satsjson import JsonCodec, compile_json

RowToJson: TypeAlias = Callable[[str, bytes], str]
"""(table, the row's bytes) → JSON text."""

RowFromJson: TypeAlias = Callable[[str, Any], bytes]
"""(table, parsed JSON) → the row's bytes."""

ArgsToJson: TypeAlias = Callable[[str, bytes], str]
"""(reducer or procedure, its arguments' bytes) → JSON text."""

ArgsFromJson: TypeAlias = Callable[[str, Any], bytes]
"""(reducer or procedure, parsed JSON) → its arguments' bytes."""


def encode_client(message: v1.ClientMessage, args_to_json: ArgsToJson) -> str:
    """A client message as text. Raises ``EncodeError`` for fields that do not fit."""
    return dumps(_codec("ClientMessage").to_json(_Writer(_no_rows, args_to_json).convert(message)))


def decode_client(text: str | bytes, args_from_json: ArgsFromJson) -> v1.ClientMessage:
    """A client message. Raises ``WireError`` for what is none, and what the converter raises."""
    json = loads(text)
    if isinstance(json, dict) and isinstance(call := json.get("CallReducer"), dict):
        call.setdefault("flags", 0)  # older clients do not send it
    shadow = _codec("ClientMessage").from_json(json)
    message: v1.ClientMessage = _Reader(_no_rows, args_from_json).convert(shadow)
    return message


def encode_server(
    message: v1.ServerMessage, row_to_json: RowToJson, args_to_json: ArgsToJson
) -> str:
    """A server message as text.

    Raises ``WireError`` for row lists that lie, and for compressed updates: they have no text form.
    """
    shadow = _Writer(row_to_json, args_to_json).convert(message)
    return dumps(_codec("ServerMessage").to_json(shadow))


def decode_server(text: str | bytes, row_from_json: RowFromJson) -> v1.ServerMessage:
    """A server message; its rows become bytes again. Raises ``WireError`` for what is none.

    The arguments in ``ReducerCallInfo`` and the value in ``Returned`` stay JSON text, as bytes.
    """
    shadow = _codec("ServerMessage").from_json(loads(text))
    message: v1.ServerMessage = _Reader(row_from_json, None).convert(shadow)
    return message


def _no_rows(table: str, row: Any) -> Any:
    raise EncodeError(f"a client message holds no rows, such as one of {table!r}")


# --- messages as the text form has them -----------------------------------------------------------
#
# The types of the binary messages with what differs in text: rows and arguments are strings, query
# ids and energy are products of one number, updates are not compressable, and a status holds its
# payload without a product around it. Their values, of the same classes, are called shadows here.

_DIFFERENT: dict[tuple[str, t.Type], t.Type] = {
    ("args", t.BYTES): t.STRING,
    ("value", t.BYTES): t.STRING,
    ("query_id", t.U32): t.product(id=t.U32),
    ("energy_quanta_used", t.U128): t.product(quanta=t.U128),
}
_STATUSES = ("UpdateStatus", "ProcedureStatus")


@functools.cache
def _codec(name: str) -> JsonCodec:
    builder = v1.TYPES
    space: list[t.Type] = []
    bindings: dict[int, Binding] = dict(builder.bindings)
    places = {known: place for place, known in enumerate(builder.names)}
    for place, (known, type_) in enumerate(zip(builder.names, builder.types, strict=True)):
        if known == "RowList":
            type_ = t.Array(t.STRING)
            del bindings[place]
        elif known == "CompressableQueryUpdate":
            type_ = t.Ref(places["QueryUpdate"])
            del bindings[place]
        elif isinstance(type_, t.Product):
            type_ = t.Product(tuple(map(_text_field, type_.elements)))
        elif known in _STATUSES and isinstance(type_, t.Sum):
            binding = builder.bindings[place]
            assert isinstance(binding, SumBinding)
            bindings[place] = SumBinding(binding.classes, (False,) * len(binding.classes))
            type_ = t.Sum(tuple(_bare(variant, builder.types) for variant in type_.variants))
        space.append(type_)
    return compile_json(t.Ref(places[name]), t.Typespace(tuple(space)), bindings)


def _text_field(element: t.Element) -> t.Element:
    type_ = _DIFFERENT.get((element.name or "", element.type), element.type)
    return t.Element(element.name, type_)


def _bare(variant: t.Variant, space: list[t.Type]) -> t.Variant:
    """``Failed(String)``, not ``Failed{error: String}``: the one field of the payload's product."""
    product = space[variant.type.index] if isinstance(variant.type, t.Ref) else variant.type
    if isinstance(product, t.Product) and product.elements:
        return t.Variant(variant.name, _text_field(product.elements[0]).type)
    return variant


# --- messages ⇄ shadows ---------------------------------------------------------------------------


def _rebuilt(value: Any, change: Callable[[str, Any], Any]) -> Any:
    return type(value)(**{x: change(x, getattr(value, x)) for x in field_names(type(value))})


def _called(value: Any) -> str:
    """Whose arguments a message holds."""
    if isinstance(value, v1.CallProcedure):
        return value.procedure
    name: str = value.reducer if isinstance(value, v1.CallReducer) else value.reducer_name
    return name


class _Writer:
    """From messages to shadows."""

    def __init__(self, row: RowToJson, args: ArgsToJson) -> None:
        self._row = row
        self._args = args

    def convert(self, value: Any, table: str = "") -> Any:
        if isinstance(value, list):
            return [self.convert(item, table) for item in value]
        if isinstance(value, RowList):
            return [self._row(table, row) for row in value.slices()]
        if isinstance(value, v1.BrotliUpdate | v1.GzipUpdate):
            raise EncodeError("compressed updates have no text form")
        if isinstance(value, v1.Returned):
            return v1.Returned(_as_text(value.value))  # type: ignore[arg-type]  # a shadow
        if not isinstance(value, msgspec.Struct):
            return value
        inside = getattr(value, "table_name", table)
        if isinstance(value, v1.SubscriptionError):
            return value

        def change(name: str, item: Any) -> Any:
            if name == "args":
                return self._args(_called(value), item)
            if name in ("query_id", "energy_quanta_used"):
                return (item,)
            return self.convert(item, inside)

        return _rebuilt(value, change)


def _as_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise EncodeError("the value of a procedure is not JSON text") from None


class _Reader:
    """From shadows to messages."""

    def __init__(self, row: RowFromJson, args: ArgsFromJson | None) -> None:
        self._row = row
        self._args = args

    def convert(self, value: Any, table: str = "") -> Any:
        if isinstance(value, list):
            return [self.convert(item, table) for item in value]
        if isinstance(value, v1.Returned):
            return v1.Returned(value.value.encode())  # type: ignore[attr-defined]  # a shadow
        if not isinstance(value, msgspec.Struct) or isinstance(value, v1.SubscriptionError):
            return value
        inside = getattr(value, "table_name", table)
        is_rows = isinstance(value, v1.QueryUpdate | v1.OneOffTable)

        def change(name: str, item: Any) -> Any:
            if name == "args":
                if self._args is None:
                    return item.encode()
                return self._args(_called(value), loads(item))
            if name in ("query_id", "energy_quanta_used"):
                return item[0]
            if is_rows and isinstance(item, list):
                return row_list([self._row(inside, loads(row)) for row in item])
            return self.convert(item, inside)

        return _rebuilt(value, change)
