"""Messages of protocol v1, binary form.

Field order is wire order, and the order of the classes in the two sums is the order of their tags.
The same classes serve the text form, whose JSON is in ``v1_json``.

Source: `crates/client-api-messages/src/websocket.rs` of SpacetimeDB 1.2.0 and `websocket/v1.rs`
of 2.8.3.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from harness.wire import rows
from harness.wire.annotations import TypeBuilder, u8, u32, u64, u128
from harness.wire.rows import RowList
from harness.wire.values import ConnectionId, Identity, TimeDuration, Timestamp

SUBPROTOCOL = "v1.bsatn.spacetimedb"
SUBPROTOCOL_JSON = "v1.json.spacetimedb"

# --- client → server -----------------------------------------------------------------------------


class CallReducer(msgspec.Struct, frozen=True):
    """``flags`` 0 asks for an answer in any case, 1 for none on success."""

    reducer: str
    args: bytes
    request_id: u32
    flags: u8


class Subscribe(msgspec.Struct, frozen=True):
    """Legacy: replaces everything that was subscribed this way before."""

    query_strings: list[str]
    request_id: u32


class OneOffQuery(msgspec.Struct, frozen=True):
    message_id: bytes
    query_string: str


class SubscribeSingle(msgspec.Struct, frozen=True):
    query: str
    request_id: u32
    query_id: u32


class SubscribeMulti(msgspec.Struct, frozen=True):
    query_strings: list[str]
    request_id: u32
    query_id: u32


class Unsubscribe(msgspec.Struct, frozen=True):
    request_id: u32
    query_id: u32


class UnsubscribeMulti(msgspec.Struct, frozen=True):
    request_id: u32
    query_id: u32


class CallProcedure(msgspec.Struct, frozen=True):
    """Servers from 1.8 on; ``flags`` must be 0."""

    procedure: str
    args: bytes
    request_id: u32
    flags: u8


ClientMessage: TypeAlias = (
    CallReducer
    | Subscribe
    | OneOffQuery
    | SubscribeSingle
    | SubscribeMulti
    | Unsubscribe
    | UnsubscribeMulti
    | CallProcedure
)

# --- parts of server messages --------------------------------------------------------------------


class QueryUpdate(msgspec.Struct, frozen=True):
    deletes: RowList
    inserts: RowList


class BrotliUpdate(msgspec.Struct, frozen=True):
    """A QueryUpdate compressed by itself; servers up to 1.1 send these."""

    data: bytes


class GzipUpdate(msgspec.Struct, frozen=True):
    """A QueryUpdate compressed by itself; servers up to 1.1 send these."""

    data: bytes


class TableUpdate(msgspec.Struct, frozen=True):
    table_id: u32
    table_name: str
    num_rows: u64
    updates: list[QueryUpdate | BrotliUpdate | GzipUpdate]


class DatabaseUpdate(msgspec.Struct, frozen=True):
    tables: list[TableUpdate]


class Committed(msgspec.Struct, frozen=True):
    update: DatabaseUpdate


class Failed(msgspec.Struct, frozen=True):
    error: str


class OutOfEnergy(msgspec.Struct, frozen=True):
    pass


class ReducerCallInfo(msgspec.Struct, frozen=True):
    """In every receiver's copy, ``request_id`` is the original caller's."""

    reducer_name: str
    reducer_id: u32
    args: bytes
    request_id: u32


class SubscribeRows(msgspec.Struct, frozen=True):
    table_id: u32
    table_name: str
    table_rows: TableUpdate


class OneOffTable(msgspec.Struct, frozen=True):
    table_name: str
    rows: RowList


class Returned(msgspec.Struct, frozen=True):
    value: bytes


class ProcedureInternalError(msgspec.Struct, frozen=True):
    error: str


# --- server → client -----------------------------------------------------------------------------


class InitialSubscription(msgspec.Struct, frozen=True):
    database_update: DatabaseUpdate
    request_id: u32
    total_host_execution_duration: TimeDuration


class TransactionUpdate(msgspec.Struct, frozen=True):
    status: Committed | Failed | OutOfEnergy
    timestamp: Timestamp
    caller_identity: Identity
    caller_connection_id: ConnectionId
    reducer_call: ReducerCallInfo
    energy_quanta_used: u128
    total_host_execution_duration: TimeDuration


class TransactionUpdateLight(msgspec.Struct, frozen=True):
    request_id: u32
    update: DatabaseUpdate


class IdentityToken(msgspec.Struct, frozen=True):
    identity: Identity
    token: str
    connection_id: ConnectionId


class OneOffQueryResponse(msgspec.Struct, frozen=True):
    message_id: bytes
    error: str | None
    tables: list[OneOffTable]
    total_host_execution_duration: TimeDuration


class SubscribeApplied(msgspec.Struct, frozen=True):
    request_id: u32
    total_host_execution_duration_micros: u64
    query_id: u32
    rows: SubscribeRows


class UnsubscribeApplied(msgspec.Struct, frozen=True):
    request_id: u32
    total_host_execution_duration_micros: u64
    query_id: u32
    rows: SubscribeRows


class SubscriptionError(msgspec.Struct, frozen=True):
    """Without any id: every subscription of the connection is dead."""

    total_host_execution_duration_micros: u64
    request_id: u32 | None
    query_id: u32 | None
    table_id: u32 | None
    error: str


class SubscribeMultiApplied(msgspec.Struct, frozen=True):
    request_id: u32
    total_host_execution_duration_micros: u64
    query_id: u32
    update: DatabaseUpdate


class UnsubscribeMultiApplied(msgspec.Struct, frozen=True):
    request_id: u32
    total_host_execution_duration_micros: u64
    query_id: u32
    update: DatabaseUpdate


class ProcedureResult(msgspec.Struct, frozen=True):
    status: Returned | OutOfEnergy | ProcedureInternalError
    timestamp: Timestamp
    total_host_execution_duration: TimeDuration
    request_id: u32


ServerMessage: TypeAlias = (
    InitialSubscription
    | TransactionUpdate
    | TransactionUpdateLight
    | IdentityToken
    | OneOffQueryResponse
    | SubscribeApplied
    | UnsubscribeApplied
    | SubscriptionError
    | SubscribeMultiApplied
    | UnsubscribeMultiApplied
    | ProcedureResult
)

#: The types of all messages and their parts, by name.
TYPES = TypeBuilder()
rows.register(TYPES)
# A product of one byte array has the bytes of the array itself, so all three are flat.
TYPES.sum(
    "CompressableQueryUpdate",
    [("Uncompressed", QueryUpdate), ("Brotli", BrotliUpdate), ("Gzip", GzipUpdate)],
)
TYPES.sum(
    "UpdateStatus", [("Committed", Committed), ("Failed", Failed), ("OutOfEnergy", OutOfEnergy)]
)
TYPES.sum(
    "ProcedureStatus",
    [
        ("Returned", Returned),
        ("OutOfEnergy", OutOfEnergy),
        ("InternalError", ProcedureInternalError),
    ],
)

#: One client message.
CLIENT = TYPES.codec(
    TYPES.sum(
        "ClientMessage",
        [
            ("CallReducer", CallReducer),
            ("Subscribe", Subscribe),
            ("OneOffQuery", OneOffQuery),
            ("SubscribeSingle", SubscribeSingle),
            ("SubscribeMulti", SubscribeMulti),
            ("Unsubscribe", Unsubscribe),
            ("UnsubscribeMulti", UnsubscribeMulti),
            ("CallProcedure", CallProcedure),
        ],
    )
)

#: One server message, after the compression prefix and decompression.
SERVER = TYPES.codec(
    TYPES.sum(
        "ServerMessage",
        [
            ("InitialSubscription", InitialSubscription),
            ("TransactionUpdate", TransactionUpdate),
            ("TransactionUpdateLight", TransactionUpdateLight),
            ("IdentityToken", IdentityToken),
            ("OneOffQueryResponse", OneOffQueryResponse),
            ("SubscribeApplied", SubscribeApplied),
            ("UnsubscribeApplied", UnsubscribeApplied),
            ("SubscriptionError", SubscriptionError),
            ("SubscribeMultiApplied", SubscribeMultiApplied),
            ("UnsubscribeMultiApplied", UnsubscribeMultiApplied),
            ("ProcedureResult", ProcedureResult),
        ],
    )
)

#: What a BrotliUpdate or GzipUpdate decompresses to.
QUERY_UPDATE = TYPES.codec(TYPES.product(QueryUpdate))
