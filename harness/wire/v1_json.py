"""The text form of protocol v1: the messages of ``v1`` as SATS-JSON.

Rows and arguments are JSON inside JSON strings, and only those who know the schema can write them:
callers pass the converters. Identities and connection ids have their special forms.

Source: `crates/client-api-messages/src/websocket/v1.rs` of SpacetimeDB 2.8.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from harness.errors import DecodeError, WireError
from harness.wire import v1
from harness.wire.jsontext import dumps, loads
from harness.wire.rows import RowList, row_list
from harness.wire.values import ConnectionId, Identity, TimeDuration, Timestamp

#: (table, row bytes) → JSON text, and back.
RowToJson: TypeAlias = Callable[[str, bytes], str]
RowFromJson: TypeAlias = Callable[[str, Any], bytes]
#: (reducer, argument bytes) → JSON text, and back from parsed JSON.
ArgsToJson: TypeAlias = Callable[[str, bytes], str]
ArgsFromJson: TypeAlias = Callable[[str, Any], bytes]

# --- client → server -----------------------------------------------------------------------------


def decode_client(text: str, args_from_json: ArgsFromJson) -> v1.ClientMessage:
    """A client message. Raises ``DecodeError`` for what is none."""
    name, fields = _variant(loads(text))
    try:
        match name:
            case "CallReducer":
                reducer = _text(fields["reducer"])
                args = args_from_json(reducer, _inner(fields["args"]))
                return v1.CallReducer(
                    reducer, args, _u32(fields["request_id"]), _u32(fields.get("flags", 0))
                )
            case "CallProcedure":
                return v1.CallProcedure(
                    _text(fields["procedure"]), b"", _u32(fields["request_id"]), 0
                )
            case "Subscribe":
                return v1.Subscribe(_texts(fields["query_strings"]), _u32(fields["request_id"]))
            case "OneOffQuery":
                message_id = fields["message_id"]
                data = (
                    bytes(message_id) if isinstance(message_id, list) else bytes.fromhex(message_id)
                )
                return v1.OneOffQuery(data, _text(fields["query_string"]))
            case "SubscribeSingle":
                return v1.SubscribeSingle(
                    _text(fields["query"]), _u32(fields["request_id"]), _query_id(fields)
                )
            case "SubscribeMulti":
                return v1.SubscribeMulti(
                    _texts(fields["query_strings"]), _u32(fields["request_id"]), _query_id(fields)
                )
            case "Unsubscribe":
                return v1.Unsubscribe(_u32(fields["request_id"]), _query_id(fields))
            case "UnsubscribeMulti":
                return v1.UnsubscribeMulti(_u32(fields["request_id"]), _query_id(fields))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DecodeError(f"the message {name} is malformed ({error!r})", 0) from None
    raise DecodeError(f"{name!r} is not a client message", 0)


def encode_client(message: v1.ClientMessage, args_to_json: ArgsToJson) -> str:
    """A client message as text."""
    fields: dict[str, Any] = {}
    for name in message.__struct_fields__:
        value = getattr(message, name)
        fields[name] = {"id": value} if name == "query_id" else value
    match message:
        case v1.CallReducer():
            fields["args"] = args_to_json(message.reducer, message.args)
        case v1.CallProcedure():
            fields["args"] = args_to_json(message.procedure, message.args)
        case v1.OneOffQuery():
            fields["message_id"] = message.message_id.hex()
    return dumps({type(message).__name__: fields})


def _variant(json: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(json, dict) and len(json) == 1:
        ((name, fields),) = json.items()
        if isinstance(fields, dict):
            return name, fields
    raise DecodeError("a message is an object with one key, its name", 0)


def _inner(args: Any) -> Any:
    """Arguments: JSON in a string."""
    return loads(args) if isinstance(args, str) else args


def _query_id(fields: dict[str, Any]) -> int:
    value = fields["query_id"]
    if isinstance(value, dict):
        value = value["id"]
    elif isinstance(value, list):
        (value,) = value
    return _u32(value)


def _u32(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 32:
        raise ValueError(f"{value!r} is not a u32")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return [_text(item) for item in value]


# --- server → client -----------------------------------------------------------------------------


def encode_server(
    message: v1.ServerMessage, row_to_json: RowToJson, args_to_json: ArgsToJson
) -> str:
    """A server message as text."""
    return dumps({type(message).__name__: _Writer(row_to_json, args_to_json).fields(message)})


class _Writer:
    def __init__(self, row_to_json: RowToJson, args_to_json: ArgsToJson) -> None:
        self._row = row_to_json
        self._args = args_to_json

    def fields(self, message: Any) -> dict[str, Any]:
        shown = {
            name: self.value(name, getattr(message, name)) for name in message.__struct_fields__
        }
        if isinstance(message, v1.SubscriptionError):
            # Options, and its query id is a plain number.
            for name in ("request_id", "query_id", "table_id"):
                number = getattr(message, name)
                shown[name] = {"none": []} if number is None else {"some": number}
        elif isinstance(message, v1.OneOffQueryResponse) and message.error is not None:
            shown["error"] = {"some": message.error}
        return shown

    def value(self, name: str, value: Any) -> Any:
        match value:
            case Identity():
                return {"__identity__": f"0x{int(value):x}"}
            case ConnectionId():
                return {"__connection_id__": int(value)}
            case Timestamp():
                return {"__timestamp_micros_since_unix_epoch__": value.micros}
            case TimeDuration():
                return {"__time_duration_micros__": value.micros}
            case v1.Committed():
                return {"Committed": self.fields(value.update)}
            case v1.Failed():
                return {"Failed": value.error}
            case v1.OutOfEnergy():
                return {"OutOfEnergy": []}
            case v1.Returned():
                return {"Returned": value.value.decode()}
            case v1.ProcedureInternalError():
                return {"InternalError": value.error}
            case v1.ReducerCallInfo():
                return {
                    "reducer_name": value.reducer_name,
                    "reducer_id": value.reducer_id,
                    "args": self._args(value.reducer_name, value.args),
                    "request_id": value.request_id,
                }
            case v1.TableUpdate():
                return self.table(value)
            case v1.OneOffTable():
                rows = [self._row(value.table_name, row) for row in value.rows.slices()]
                return {"table_name": value.table_name, "rows": rows}
            case v1.DatabaseUpdate() | v1.SubscribeRows():
                return self.fields(value)
        return self.plain(name, value)

    def plain(self, name: str, value: Any) -> Any:
        if value is None:
            return {"none": []}
        if name == "query_id" and isinstance(value, int):
            return {"id": value}
        if name == "energy_quanta_used":
            return {"quanta": value}
        if name == "message_id":
            return value.hex()
        if isinstance(value, list):
            return [self.value("", item) for item in value]
        return value

    def table(self, table: v1.TableUpdate) -> dict[str, Any]:
        name = table.table_name
        updates = []
        for update in table.updates:
            if not isinstance(update, v1.QueryUpdate):
                raise WireError("compressed updates have no text form")
            deletes = [self._row(name, row) for row in update.deletes.slices()]
            inserts = [self._row(name, row) for row in update.inserts.slices()]
            updates.append({"deletes": deletes, "inserts": inserts})
        return {
            "table_id": table.table_id,
            "table_name": name,
            "num_rows": table.num_rows,
            "updates": updates,
        }


def decode_server(text: str, row_from_json: RowFromJson) -> v1.ServerMessage:
    """A server message from text; rows become bytes again. Raises ``DecodeError``.

    The arguments in ``ReducerCallInfo`` stay JSON text, as bytes.
    """
    name, fields = _variant(loads(text))
    class_ = _SERVER_MESSAGES.get(name)
    if class_ is None:
        raise DecodeError(f"{name!r} is not a server message", 0)
    try:
        reader = _Reader(row_from_json)
        values = {x: reader.value(x, fields.get(x)) for x in class_.__struct_fields__}
        if class_ is v1.SubscriptionError:
            values["query_id"] = reader.option(fields.get("query_id"))
        message: v1.ServerMessage = class_(**values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DecodeError(f"the message {name} is malformed ({error!r})", 0) from None
    return message


class _Reader:
    def __init__(self, row_from_json: RowFromJson) -> None:
        self._row = row_from_json

    def value(self, name: str, json: Any) -> Any:
        match name:
            case "identity" | "caller_identity":
                return Identity.from_int(int(json["__identity__"], 16))
            case "connection_id" | "caller_connection_id":
                return ConnectionId.from_int(json["__connection_id__"])
            case "timestamp":
                return Timestamp(json["__timestamp_micros_since_unix_epoch__"])
            case "total_host_execution_duration":
                return TimeDuration(json["__time_duration_micros__"])
            case "database_update" | "update":
                return self.database_update(json)
            case "status":
                return self.status(json)
            case "reducer_call":
                args = json["args"].encode()
                return v1.ReducerCallInfo(
                    json["reducer_name"], json["reducer_id"], args, json["request_id"]
                )
            case "energy_quanta_used":
                return json["quanta"]
            case "query_id":
                return _query_id({"query_id": json})
            case "message_id":
                return bytes.fromhex(json)
            case "rows":
                return v1.SubscribeRows(
                    json["table_id"], json["table_name"], self.table(json["table_rows"])
                )
            case "tables":
                return [
                    v1.OneOffTable(x["table_name"], self.rows(x["table_name"], x["rows"]))
                    for x in json
                ]
            case "error":
                return json if isinstance(json, str) else self.option(json)
            case "request_id" | "table_id":
                return json if isinstance(json, int) else self.option(json)
        return json

    def option(self, json: Any) -> Any:
        if json is None or (isinstance(json, dict) and "none" in json):
            return None
        return json["some"] if isinstance(json, dict) else json

    def status(self, json: Any) -> Any:
        ((name, payload),) = json.items()
        match name:
            case "Committed":
                return v1.Committed(self.database_update(payload))
            case "Failed":
                return v1.Failed(payload)
            case "OutOfEnergy":
                return v1.OutOfEnergy()
            case "Returned":
                return v1.Returned(payload.encode())
            case "InternalError":
                return v1.ProcedureInternalError(payload)
        raise ValueError(f"unknown status {name!r}")

    def database_update(self, json: Any) -> v1.DatabaseUpdate:
        return v1.DatabaseUpdate([self.table(x) for x in json["tables"]])

    def table(self, json: Any) -> v1.TableUpdate:
        name = json["table_name"]
        updates: list[v1.QueryUpdate | v1.BrotliUpdate | v1.GzipUpdate] = [
            v1.QueryUpdate(self.rows(name, x["deletes"]), self.rows(name, x["inserts"]))
            for x in json["updates"]
        ]
        return v1.TableUpdate(json["table_id"], name, json["num_rows"], updates)

    def rows(self, table: str, rows: list[str]) -> RowList:
        return row_list([self._row(table, loads(row)) for row in rows])


_SERVER_MESSAGES: dict[str, Any] = {
    class_.__name__: class_
    for class_ in (
        v1.InitialSubscription, v1.TransactionUpdate, v1.TransactionUpdateLight, v1.IdentityToken,
        v1.OneOffQueryResponse, v1.SubscribeApplied, v1.UnsubscribeApplied, v1.SubscriptionError,
        v1.SubscribeMultiApplied, v1.UnsubscribeMultiApplied, v1.ProcedureResult,
    )
}  # fmt: skip
