"""Protocol v1 in its binary form, the client's side.

Three traps, all from the protocol's own making. The request id in a transaction is the original
caller's, so a call is recognised as ours by the connection id first. A call that is rejected before
it ran is answered with request id 0: it is the oldest of that name. And an error without any id
means that every subscription is dead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.errors import RemoteProtocolError
from harness.protocol.connection import Connection, SetState, Step
from harness.protocol.events import (
    Applied,
    Called,
    CalledAlike,
    Changed,
    Connected,
    Died,
    Ended,
    Event,
    Queried,
    Refused,
    Returned,
    TableRows,
)
from harness.wire import v1
from harness.wire.compression import brotli_body, gzip_body, unpack
from harness.wire.values import ConnectionId

_NOTHING: list[TableRows] = []


class ConnectionV1(Connection):
    """One message in a payload."""

    protocol = "v1"
    version = 1

    def __init__(self) -> None:
        super().__init__()
        self._me: ConnectionId | None = None
        self._bytes_of_me = b""
        #: The reducers that were called and gave no answer yet, by request id.
        self._called: dict[int, str] = self._outbox.names

    # --- asking ----------------------------------------------------------------------------------

    def _call(self, request_id: int, name: str, args: bytes) -> bytes:
        self._called[request_id] = name
        return v1.CLIENT.encode(v1.CallReducer(name, args, request_id, 0))

    def subscribe(self, queries: list[str]) -> int:
        set_id = self._new_set()
        self._say(v1.SubscribeMulti(queries, self._request_id(), set_id))
        return set_id

    def unsubscribe(self, set_id: int) -> None:
        self._check_open()
        self._set_step(set_id, Step.UNSUBSCRIBE)
        self._say(v1.UnsubscribeMulti(self._request_id(), set_id))

    def call_procedure(self, name: str, args: bytes, waiter: Any) -> int:
        self._check_open()
        self._check_size(args)
        request_id = self._request_id()
        self._procedures[request_id] = waiter
        self._say(v1.CallProcedure(name, args, request_id, 0))
        return request_id

    def query(self, sql: str, waiter: Any) -> int:
        self._check_open()
        request_id = self._request_id()
        self._queries[request_id] = waiter
        self._say(v1.OneOffQuery(request_id.to_bytes(4, "little"), sql))
        return request_id

    def _say(self, message: v1.ClientMessage) -> None:
        self._outbox.say(v1.CLIENT.encode(message))

    def data_to_send(self) -> list[bytes]:
        return self._outbox.take()

    # --- hearing ---------------------------------------------------------------------------------

    def _hear(self, payload: bytes, found: list[Event]) -> None:
        # By far the most frequent message, read without being taken apart.
        plain = self._outbox.committed(payload, self._bytes_of_me) if self._bytes_of_me else None
        if plain is not None:
            found.append(CalledAlike([plain[0]], plain[1], None, None))
            return
        message = v1.SERVER.decode(unpack(payload))
        handler = _HANDLERS.get(type(message))
        if handler is None:
            raise RemoteProtocolError(f"{type(message).__name__} came, which nobody asked for")
        if not isinstance(message, v1.IdentityToken):
            self._check_greeted()
        event = handler(self, message)
        if event is not None:
            found.append(event)

    def _identity_token(self, message: v1.IdentityToken) -> Event:
        self._greet()
        self._me = message.connection_id
        self._bytes_of_me = message.connection_id.data
        return Connected(message.identity, message.connection_id, message.token)

    def _transaction(self, message: v1.TransactionUpdate) -> Event | None:
        status = message.status
        updates = _updates(status.update) if isinstance(status, v1.Committed) else _NOTHING
        if message.caller_connection_id != self._me:
            return Changed(updates) if updates else None
        info = message.reducer_call
        request_id = info.request_id
        if not request_id and isinstance(status, v1.Failed):
            request_id = self._oldest(info.reducer_name)
        if request_id not in self.calls:
            if updates:
                return Changed(updates)  # a lifecycle reducer or SQL of our own connection
            return None
        waiter = self.calls.pop(request_id)
        self._called.pop(request_id, None)
        if isinstance(status, v1.Committed):
            return Called(waiter, updates, message.timestamp)
        if isinstance(status, v1.Failed):
            # 1.2.0 answers a refusal as it answers a call that never ran, with the request id 0;
            # but then it names what it ran, and says what that cost.
            ran = bool(info.request_id or info.args or message.energy_quanta_used)
            return Called(waiter, _NOTHING, message.timestamp, status.error, ran)
        return Called(waiter, _NOTHING, message.timestamp, "the reducer ran out of energy")

    def _oldest(self, name: str) -> int:
        return next((number for number, called in self._called.items() if called == name), 0)

    def _light(self, message: v1.TransactionUpdateLight) -> Event:
        return Changed(_updates(message.update))

    def _applied(self, message: v1.SubscribeMultiApplied) -> Event:
        self._set_step(message.query_id, Step.APPLIED)
        return Applied(message.query_id, _updates(message.update))

    def _ended(self, message: v1.UnsubscribeMultiApplied) -> Event:
        self._set_step(message.query_id, Step.ENDED)
        return Ended(message.query_id, _updates(message.update))

    def _subscription_error(self, message: v1.SubscriptionError) -> Event | None:
        if message.query_id is None:
            dead = list(self._sets)
            self._sets.clear()
            return Died(dead, message.error)
        if message.query_id in self._given_up:
            self._given_up.discard(message.query_id)
            return None
        if self._sets.get(message.query_id) in (SetState.APPLIED, SetState.LEAVING):
            self._set_step(message.query_id, Step.DIED)
            return Died([message.query_id], message.error)
        self._set_step(message.query_id, Step.REFUSED)
        return Refused(message.query_id, message.error)

    def _one_off(self, message: v1.OneOffQueryResponse) -> Event:
        waiter = self._query_waiter(int.from_bytes(message.message_id, "little"))
        tables = [(table.table_name, table.rows) for table in message.tables]
        return Queried(waiter, tables, message.error)

    def _procedure_result(self, message: v1.ProcedureResult) -> Event:
        waiter = self._procedure_waiter(message.request_id)
        status = message.status
        if isinstance(status, v1.Returned):
            return Returned(waiter, status.value)
        if isinstance(status, v1.ProcedureInternalError):
            return Returned(waiter, b"", status.error)
        return Returned(waiter, b"", "the procedure ran out of energy")


_HANDLERS: dict[type[Any], Callable[[ConnectionV1, Any], Event | None]] = {
    v1.IdentityToken: ConnectionV1._identity_token,
    v1.TransactionUpdate: ConnectionV1._transaction,
    v1.TransactionUpdateLight: ConnectionV1._light,
    v1.SubscribeMultiApplied: ConnectionV1._applied,
    v1.UnsubscribeMultiApplied: ConnectionV1._ended,
    v1.SubscriptionError: ConnectionV1._subscription_error,
    v1.OneOffQueryResponse: ConnectionV1._one_off,
    v1.ProcedureResult: ConnectionV1._procedure_result,
}


def _updates(update: v1.DatabaseUpdate) -> list[TableRows]:
    found = []
    for table in update.tables:
        for part in table.updates:
            if isinstance(part, v1.BrotliUpdate):
                part = v1.QUERY_UPDATE.decode(brotli_body(part.data))
            elif isinstance(part, v1.GzipUpdate):
                part = v1.QUERY_UPDATE.decode(gzip_body(part.data))
            found.append(TableRows(table.table_name, part.inserts, part.deletes))
    return found
