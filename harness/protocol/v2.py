"""Protocols v2 and v3, the client's side."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from harness.errors import DecodeError, RemoteProtocolError
from harness.protocol import alike
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
from harness.wire import v2
from harness.wire.compression import unpack
from harness.wire.values import Err, Timestamp

#: Messages of one flush are packed into payloads up to this many bytes, as official clients do.
BATCH = 256 * 1024

_U32 = struct.Struct("<I")
_NOTHING: list[TableRows] = []


class ConnectionV2(Connection):
    """One message in a payload."""

    protocol = "v2"
    version = 2

    # --- asking ----------------------------------------------------------------------------------

    def _call(self, request_id: int, name: str, args: bytes) -> bytes:
        return v2.CLIENT.encode(v2.CallReducer(request_id, 0, name, args))

    def subscribe(self, queries: list[str]) -> int:
        set_id = self._new_set()
        self._say(v2.Subscribe(self._request_id(), set_id, queries))
        return set_id

    def unsubscribe(self, set_id: int) -> None:
        self._check_open()
        self._set_step(set_id, Step.UNSUBSCRIBE)
        # The rows that leave are always asked for: nobody here tracks rows by set.
        self._say(v2.Unsubscribe(self._request_id(), set_id, 1))

    def call_procedure(self, name: str, args: bytes, waiter: Any) -> int:
        self._check_open()
        self._check_size(args)
        request_id = self._request_id()
        self._procedures[request_id] = waiter
        self._say(v2.CallProcedure(request_id, 0, name, args))
        return request_id

    def query(self, sql: str, waiter: Any) -> int:
        self._check_open()
        request_id = self._request_id()
        self._queries[request_id] = waiter
        self._say(v2.OneOffQuery(request_id, sql))
        return request_id

    def _say(self, message: v2.ClientMessage) -> None:
        self._outbox.say(v2.CLIENT.encode(message))

    def data_to_send(self) -> list[bytes]:
        return self._outbox.take()

    # --- hearing ---------------------------------------------------------------------------------

    def _hear(self, payload: bytes, found: list[Event]) -> None:
        calls, tell = self.calls, found.append
        for message in self._messages(payload):
            if type(message) is not v2.ReducerResult:
                event = self._other(message)
                if event is not None:
                    tell(event)
                continue
            # By far the most frequent message: no call of its own for it.
            request_id, result = message.request_id, message.result
            if request_id not in calls:
                raise self._unasked(request_id)
            if type(result) is v2.ReducerOk and self._greeted:
                sets = result.transaction_update.query_sets
                updates = _updates(sets) if sets else _NOTHING
                tell(Called(calls.pop(request_id), updates, message.timestamp))
            else:
                self._check_greeted()
                event = _other_outcome(calls[request_id], result, message.timestamp)
                del calls[request_id]  # only now: what does not decode is no answer
                tell(event)

    def _unasked(self, request_id: int) -> RemoteProtocolError:
        return RemoteProtocolError(f"an answer came to call {request_id}, which nobody made")

    def _messages(self, payload: bytes) -> list[Any]:
        return [v2.SERVER.decode(unpack(payload))]

    def _other(self, message: Any) -> Event | None:
        if type(message) is not v2.InitialConnection:
            self._check_greeted()
        return _HANDLERS[type(message)](self, message)

    def _initial_connection(self, message: v2.InitialConnection) -> Event:
        self._greet()
        return Connected(message.identity, message.connection_id, message.token)

    def _subscribe_applied(self, message: v2.SubscribeApplied) -> Event:
        self._set_step(message.query_set_id, Step.APPLIED)
        return Applied(message.query_set_id, _snapshot(message.rows))

    def _unsubscribe_applied(self, message: v2.UnsubscribeApplied) -> Event:
        self._set_step(message.query_set_id, Step.ENDED)
        if message.rows is None:
            raise RemoteProtocolError("the rows that leave were asked for and did not come")
        leaving = [TableRows(x.table, None, x.rows) for x in message.rows.tables]
        return Ended(message.query_set_id, leaving)

    def _subscription_error(self, message: v2.SubscriptionError) -> Event | None:
        if message.query_set_id in self._given_up:
            self._given_up.discard(message.query_set_id)
            return None
        leaving = self._sets.get(message.query_set_id) is SetState.LEAVING
        if message.request_id is None or leaving:  # refused to leave: nobody keeps it up any more
            self._set_step(message.query_set_id, Step.DIED)
            return Died([message.query_set_id], message.error)
        self._set_step(message.query_set_id, Step.REFUSED)
        return Refused(message.query_set_id, message.error)

    def _transaction_update(self, message: v2.TransactionUpdate) -> Event:
        return Changed(_updates(message.query_sets))

    def _one_off(self, message: v2.OneOffQueryResult) -> Event:
        waiter = self._query_waiter(message.request_id)
        if isinstance(message.result, Err):
            return Queried(waiter, [], message.result.value)
        return Queried(waiter, [(x.table, x.rows) for x in message.result.value.tables])

    def _procedure_result(self, message: v2.ProcedureResult) -> Event:
        waiter = self._procedure_waiter(message.request_id)
        if isinstance(message.status, v2.ProcedureInternalError):
            return Returned(waiter, b"", message.status.error)
        return Returned(waiter, message.status.value)


class ConnectionV3(ConnectionV2):
    """One or more messages in a payload, both ways."""

    protocol = "v3"

    def data_to_send(self) -> list[bytes]:
        queue = self._outbox.take()
        if len(queue) < 2:
            return queue
        if sum(map(len, queue)) <= BATCH:
            return [b"".join(queue)]
        payloads: list[bytes] = []
        batch: list[bytes] = []
        size = 0
        for message in queue:
            if batch and size + len(message) > BATCH:
                payloads.append(b"".join(batch))
                batch, size = [], 0
            batch.append(message)
            size += len(message)
        payloads.append(b"".join(batch))
        return payloads

    def _hear(self, payload: bytes, found: list[Event]) -> None:
        same = alike.read(payload) if self._greeted else None
        if same is not None:
            waiters = self._outbox.answered(same.ids)
            if waiters is not None:  # each was asked, and asked once
                found.append(CalledAlike(waiters, same.times, same.table, same.rows))
                return
        super()._hear(payload, found)

    def _messages(self, payload: bytes) -> list[Any]:
        if len(payload) > 1 and payload[0] == 0:
            return v2.SERVER.decode_all(payload, 1)  # no copy
        body = unpack(payload)
        if not body:
            raise DecodeError("a payload holds no message", 0)
        return v2.SERVER.decode_all(body)


_HANDLERS: dict[type[Any], Callable[[ConnectionV2, Any], Event | None]] = {
    v2.InitialConnection: ConnectionV2._initial_connection,
    v2.SubscribeApplied: ConnectionV2._subscribe_applied,
    v2.UnsubscribeApplied: ConnectionV2._unsubscribe_applied,
    v2.SubscriptionError: ConnectionV2._subscription_error,
    v2.TransactionUpdate: ConnectionV2._transaction_update,
    v2.OneOffQueryResult: ConnectionV2._one_off,
    v2.ProcedureResult: ConnectionV2._procedure_result,
}


def _other_outcome(waiter: Any, result: Any, timestamp: Timestamp) -> Called:
    match result:
        case v2.ReducerOkEmpty():  # defined, but no server sends it
            return Called(waiter, _NOTHING, timestamp)
        case v2.ReducerErr(data):
            return Called(waiter, _NOTHING, timestamp, _error_text(data), True)
        case v2.ReducerInternalError(error):
            return Called(waiter, _NOTHING, timestamp, error)
    raise RemoteProtocolError(f"{type(result).__name__} is no outcome of a call")


def _error_text(data: bytes) -> str:
    """A module's error: the bytes of a BSATN string."""
    if len(data) < 4 or _U32.unpack_from(data)[0] != len(data) - 4:
        raise DecodeError("a module's error is not a string", 0)
    try:
        return data[4:].decode()
    except UnicodeDecodeError as error:
        raise DecodeError("a module's error is not UTF-8", 4 + error.start) from None


def _snapshot(rows: v2.QueryRows) -> list[TableRows]:
    return [TableRows(x.table, x.rows, None) for x in rows.tables]


def _updates(sets: list[v2.QuerySetUpdate]) -> list[TableRows]:
    found = []
    for query_set in sets:
        for table in query_set.tables:
            name = table.table_name
            for rows in table.rows:
                if type(rows) is v2.PersistentTable:
                    found.append(TableRows(name, rows.inserts, rows.deletes))
                else:
                    found.append(TableRows(name, rows.events, None, True))  # type: ignore[union-attr]  # the other variant
    return found
