"""Messages of protocols v2 and v3.

v3 is v2 with one or more messages in a WebSocket message: ``decode_all`` reads either. Field order
is wire order, and the order of the classes in the two sums is the order of their tags.

Source: `crates/client-api-messages/src/websocket/v2.rs` of SpacetimeDB 2.0.1 and 2.8.3.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from harness.wire import rows
from harness.wire.annotations import TypeBuilder, u8, u32
from harness.wire.rows import RowList
from harness.wire.values import ConnectionId, Err, Identity, Ok, TimeDuration, Timestamp

SUBPROTOCOL_V2 = "v2.bsatn.spacetimedb"
SUBPROTOCOL_V3 = "v3.bsatn.spacetimedb"

# --- client → server -----------------------------------------------------------------------------


class Subscribe(msgspec.Struct, frozen=True, gc=False):
    request_id: u32
    query_set_id: u32
    query_strings: list[str]


class Unsubscribe(msgspec.Struct, frozen=True, gc=False):
    """``flags`` 1 asks for the rows that leave; 0 does not."""

    request_id: u32
    query_set_id: u32
    flags: u8


class OneOffQuery(msgspec.Struct, frozen=True, gc=False):
    request_id: u32
    query_string: str


class CallReducer(msgspec.Struct, frozen=True, gc=False):
    """``flags`` must be 0; ``args`` is the BSATN product of the parameters."""

    request_id: u32
    flags: u8
    reducer: str
    args: bytes


class CallProcedure(msgspec.Struct, frozen=True, gc=False):
    """``flags`` must be 0."""

    request_id: u32
    flags: u8
    procedure: str
    args: bytes


ClientMessage: TypeAlias = Subscribe | Unsubscribe | OneOffQuery | CallReducer | CallProcedure

# --- parts of server messages --------------------------------------------------------------------


class SingleTableRows(msgspec.Struct, frozen=True, gc=False):
    table: str
    rows: RowList


class QueryRows(msgspec.Struct, frozen=True, gc=False):
    tables: list[SingleTableRows]


class PersistentTable(msgspec.Struct, frozen=True, gc=False):
    inserts: RowList
    deletes: RowList


class EventTable(msgspec.Struct, frozen=True, gc=False):
    events: RowList


class TableUpdate(msgspec.Struct, frozen=True, gc=False):
    table_name: str
    rows: list[PersistentTable | EventTable]


class QuerySetUpdate(msgspec.Struct, frozen=True, gc=False):
    query_set_id: u32
    tables: list[TableUpdate]


class ReducerOk(msgspec.Struct, frozen=True, gc=False):
    """Committed; the update holds what changed in the caller's own query sets."""

    ret_value: bytes
    transaction_update: TransactionUpdate


class ReducerOkEmpty(msgspec.Struct, frozen=True, gc=False):
    """Committed without any row for the caller."""


class ReducerErr(msgspec.Struct, frozen=True, gc=False):
    """The module refused; the bytes are a BSATN string."""

    error: bytes


class ReducerInternalError(msgspec.Struct, frozen=True, gc=False):
    """The host refused, or the reducer crashed."""

    error: str


class Returned(msgspec.Struct, frozen=True, gc=False):
    value: bytes


class ProcedureInternalError(msgspec.Struct, frozen=True, gc=False):
    error: str


# --- server → client -----------------------------------------------------------------------------


class InitialConnection(msgspec.Struct, frozen=True, gc=False):
    identity: Identity
    connection_id: ConnectionId
    token: str


class SubscribeApplied(msgspec.Struct, frozen=True, gc=False):
    request_id: u32
    query_set_id: u32
    rows: QueryRows


class UnsubscribeApplied(msgspec.Struct, frozen=True, gc=False):
    request_id: u32
    query_set_id: u32
    rows: QueryRows | None


class SubscriptionError(msgspec.Struct, frozen=True, gc=False):
    """Without a request id: a set that was applied has died since."""

    request_id: u32 | None
    query_set_id: u32
    error: str


class TransactionUpdate(msgspec.Struct, frozen=True, gc=False):
    query_sets: list[QuerySetUpdate]


class OneOffQueryResult(msgspec.Struct, frozen=True, gc=False):
    request_id: u32
    result: Ok[QueryRows] | Err[str]


class ReducerResult(msgspec.Struct, frozen=True, gc=False):
    request_id: u32
    timestamp: Timestamp
    result: ReducerOk | ReducerOkEmpty | ReducerErr | ReducerInternalError


class ProcedureResult(msgspec.Struct, frozen=True, gc=False):
    status: Returned | ProcedureInternalError
    timestamp: Timestamp
    total_host_execution_duration: TimeDuration
    request_id: u32


ServerMessage: TypeAlias = (
    InitialConnection
    | SubscribeApplied
    | UnsubscribeApplied
    | SubscriptionError
    | TransactionUpdate
    | OneOffQueryResult
    | ReducerResult
    | ProcedureResult
)

#: The types of all messages and their parts, by name.
TYPES = TypeBuilder()
rows.register(TYPES)
TYPES.sum("TableUpdateRows", [("PersistentTable", PersistentTable), ("EventTable", EventTable)])
TYPES.sum("ProcedureStatus", [("Returned", Returned), ("InternalError", ProcedureInternalError)])
TYPES.sum(
    "ReducerOutcome",
    [
        ("Ok", ReducerOk),
        ("OkEmpty", ReducerOkEmpty),
        ("Err", ReducerErr),
        ("InternalError", ReducerInternalError),
    ],
)

#: One client message.
CLIENT = TYPES.codec(
    TYPES.sum(
        "ClientMessage",
        [
            ("Subscribe", Subscribe),
            ("Unsubscribe", Unsubscribe),
            ("OneOffQuery", OneOffQuery),
            ("CallReducer", CallReducer),
            ("CallProcedure", CallProcedure),
        ],
    )
)

#: One server message, after the compression prefix and decompression.
SERVER = TYPES.codec(
    TYPES.sum(
        "ServerMessage",
        [
            ("InitialConnection", InitialConnection),
            ("SubscribeApplied", SubscribeApplied),
            ("UnsubscribeApplied", UnsubscribeApplied),
            ("SubscriptionError", SubscriptionError),
            ("TransactionUpdate", TransactionUpdate),
            ("OneOffQueryResult", OneOffQueryResult),
            ("ReducerResult", ReducerResult),
            ("ProcedureResult", ProcedureResult),
        ],
    )
)
