"""Sessions of protocols v2 and v3: query sets, and answers that name their request."""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING, Any

from harness.errors import DecodeError, SqlError
from harness.server.session import SLICE, Session
from harness.server.subscriptions import LivePlan, PlanDelta, row_list_bytes, text_bytes
from harness.wire import v2
from harness.wire.compression import pack

if TYPE_CHECKING:
    from harness.server.hub import Transaction
    from harness.server.procedures import Returned

#: Messages are packed into one payload until the next would exceed this many bytes
#: (`subscribe.rs` of SpacetimeDB 2.8).
BATCH = 512 * 1024
#: Payloads up to this size are decoded in one go.
_SMALL = 64 * 1024

_U32 = struct.Struct("<I")
_RESULT = struct.Struct("<BIqB")
_OK_EMPTY = bytes(8)  # no return value, no query sets


class SessionV2(Session):
    """One message in a WebSocket message."""

    subprotocol = v2.SUBPROTOCOL_V2
    several = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sets: dict[int, list[LivePlan[Session]]] = {}
        self._payloads: deque[bytes] = deque()
        self._offset = 0
        self._one_by_one = False
        self._waiting: deque[v2.ClientMessage] = deque()

    # --- in --------------------------------------------------------------------------------------

    def receive(self, payload: bytes | str) -> None:
        if isinstance(payload, str):
            raise DecodeError("this protocol is binary; a text message came", 0)
        if not payload:
            raise DecodeError("a client message has no bytes", 0)
        self._payloads.append(payload)
        self.backlog += len(payload)

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._payloads)

    def work(self) -> bool:
        waiting = self._waiting
        for _ in range(SLICE):
            if not waiting and not self._decode():
                return False
            if self.full:
                return True
            message = waiting.popleft()
            _HANDLERS[type(message)](self, message)
        return bool(waiting or self._payloads)

    def _decode(self) -> bool:
        """Decode the next payload, or a piece of it; False if there is none."""
        if not self._payloads:
            return False
        payload = self._payloads[0]
        if not self.several:
            # Bytes after the message are ignored, as the real server does.
            self._waiting.append(v2.CLIENT.decode_from(payload, 0)[0])
        elif len(payload) <= _SMALL and not self._one_by_one:
            try:
                self._waiting.extend(v2.CLIENT.decode_all(payload))
            except DecodeError:
                # The messages before the bad one count: find them one by one.
                self._one_by_one = True
                return self._decode()
        else:
            message, self._offset = v2.CLIENT.decode_from(payload, self._offset)
            self._waiting.append(message)
            if self._offset < len(payload):
                return True
            self._offset, self._one_by_one = 0, False
        self._payloads.popleft()
        self.backlog -= len(payload)
        return True

    def _tell(self, message: bytes) -> None:
        self.say(message, len(message))

    def _call(self, message: v2.CallReducer) -> None:
        if message.flags:
            raise DecodeError(f"{message.flags} is not a known call flag", 5)
        self.hub.call(self, message.reducer, message.args, message.request_id)

    def _procedure(self, message: v2.CallProcedure) -> None:
        if message.flags:
            raise DecodeError(f"{message.flags} is not a known call flag", 5)
        request_id = message.request_id
        self.hub.call_procedure(
            message.procedure, message.args, self.identity, self.connection_id,
            lambda returned: self._returned(request_id, returned),
        )  # fmt: skip

    def _returned(self, request_id: int, returned: Returned) -> None:
        status: v2.Returned | v2.ProcedureInternalError
        if returned.value is not None:
            status = v2.Returned(returned.value)
        else:
            status = v2.ProcedureInternalError(returned.error)
        result = v2.ProcedureResult(status, returned.timestamp, returned.duration, request_id)
        self._tell(v2.SERVER.encode(result))

    def _subscribe(self, message: v2.Subscribe) -> None:
        set_id = message.query_set_id
        try:
            if set_id in self._sets:
                raise SqlError(f"query set id {set_id} is already in use")
            plans = self.hub.plans(message.query_strings, self)
            tables = [(plan.table, plan.rows(self.hub.rows)) for plan in plans]
        except SqlError as error:
            self._subscription_error(message.request_id, set_id, str(error))
            return
        self._sets[set_id] = [self.hub.registry.add(plan, self, set_id) for plan in plans]
        head = struct.pack("<BII", 1, message.request_id, set_id)
        self._tell(head + query_rows_bytes(tables))

    def _unsubscribe(self, message: v2.Unsubscribe) -> None:
        if message.flags > 1:
            raise DecodeError(f"{message.flags} is not a known unsubscribe flag", 9)
        set_id = message.query_set_id
        live = self._sets.pop(set_id, None)
        if live is None:
            self._subscription_error(
                message.request_id, set_id, f"Subscription not found: query set {set_id}"
            )
            return
        for plan in live:
            self.hub.registry.remove(plan, self, set_id)
        head = struct.pack("<BII", 2, message.request_id, set_id)
        if not message.flags:
            self._tell(head + b"\x01")
            return
        tables = [(plan.plan.table, plan.plan.rows(self.hub.rows)) for plan in live]
        self._tell(head + b"\x00" + query_rows_bytes(tables))

    def died(self, set_id: int, reason: str) -> None:
        for plan in self._sets.pop(set_id, []):
            self.hub.registry.remove(plan, self, set_id)
        self._subscription_error(None, set_id, reason)

    def _subscription_error(self, request_id: int | None, set_id: int, text: str) -> None:
        self._tell(v2.SERVER.encode(v2.SubscriptionError(request_id, set_id, text)))

    def _one_off(self, message: v2.OneOffQuery) -> None:
        head = _U32.pack(message.request_id)
        try:
            plan = self.hub.one_off(message.query_string, self)
            body = query_rows_bytes([(plan.table, plan.rows(self.hub.rows))], keep_empty=True)
        except SqlError as error:
            self._tell(b"\x05" + head + b"\x01" + text_bytes(str(error)))
            return
        self._tell(b"\x05" + head + b"\x00" + body)

    # --- out -------------------------------------------------------------------------------------

    def greet(self) -> None:
        self._tell(
            v2.SERVER.encode(v2.InitialConnection(self.identity, self.connection_id, self.token))
        )

    def committed(
        self, transaction: Transaction, mine: list[tuple[int, PlanDelta]], *, caller: bool
    ) -> None:
        update = _update_bytes(mine)
        if caller:
            head = _RESULT.pack(6, transaction.request_id, transaction.timestamp.micros, 0)
            self._tell(head + (b"\x00\x00\x00\x00" + update if mine else _OK_EMPTY))
        else:
            self._tell(transaction.shared(update, lambda: b"\x04" + update))

    def refused(self, transaction: Transaction) -> None:
        text = text_bytes(transaction.error)
        refused = transaction.refused_by_module
        head = _RESULT.pack(
            6, transaction.request_id, transaction.timestamp.micros, 2 if refused else 3
        )
        # A module's own text travels as the bytes of a BSATN string, a host's as a string.
        self._tell(head + (_U32.pack(len(text)) + text if refused else text))

    def payloads(self, shared: dict[Any, bytes]) -> list[bytes]:
        messages, self.outbox, self.pending = self.outbox, [], 0
        if len(messages) == 1 or not self.several:
            return [self._pack(message, shared) for message in messages]
        found: list[bytes] = []
        batch: list[bytes] = []
        size = 0
        for message in messages:
            if batch and size + len(message) > BATCH:
                found.append(pack(b"".join(batch), self.compression))
                batch, size = [], 0
            batch.append(message)
            size += len(message)
        found.append(pack(b"".join(batch), self.compression))
        return found

    def _pack(self, message: bytes, shared: dict[Any, bytes]) -> bytes:
        key = (id(message), self.compression)
        payload = shared.get(key)
        if payload is None:
            payload = shared[key] = pack(message, self.compression)
            # The message is kept as well, or its id could be given to another one.
            shared[payload] = message
        return payload

    def live_plans(self) -> list[tuple[LivePlan[Session], int]]:
        return [(live, set_id) for set_id, plans in self._sets.items() for live in plans]


class SessionV3(SessionV2):
    """One or more messages in a WebSocket message, both ways."""

    subprotocol = v2.SUBPROTOCOL_V3
    several = True


_HANDLERS: dict[type[Any], Any] = {
    v2.CallReducer: SessionV2._call,
    v2.CallProcedure: SessionV2._procedure,
    v2.Subscribe: SessionV2._subscribe,
    v2.Unsubscribe: SessionV2._unsubscribe,
    v2.OneOffQuery: SessionV2._one_off,
}


def query_rows_bytes(tables: list[tuple[str, list[bytes]]], *, keep_empty: bool = False) -> bytes:
    """``QueryRows``: tables without rows are left out of snapshots."""
    kept = [(name, rows) for name, rows in tables if rows or keep_empty]
    parts = [_U32.pack(len(kept))]
    for name, rows in kept:
        parts += (text_bytes(name), row_list_bytes(rows))
    return b"".join(parts)


def _table_rows(delta: PlanDelta) -> bytes:
    """``TableUpdateRows``: inserts and deletes, or events."""
    if delta.event:
        return b"\x01" + row_list_bytes(delta.inserts)
    return b"\x00" + row_list_bytes(delta.inserts) + row_list_bytes(delta.deletes)


def _one_set(set_id: int, delta: PlanDelta) -> bytes:
    """The query sets of an update in which one plan of one set changed: by far the most common."""
    return b"".join(
        (
            struct.pack("<III", 1, set_id, 1),
            delta.name_bytes,
            b"\x01\x00\x00\x00",
            delta.encoded("v2", _table_rows),
        )
    )


def _update_bytes(mine: list[tuple[int, PlanDelta]]) -> bytes:
    """``TransactionUpdate``: sets by ascending id, each with its tables by name."""
    if len(mine) == 1:
        set_id, delta = mine[0]
        return delta.encoded(set_id, lambda d: _one_set(set_id, d))
    sets: dict[int, dict[bytes, list[PlanDelta]]] = {}
    for set_id, delta in mine:
        sets.setdefault(set_id, {}).setdefault(delta.name_bytes, []).append(delta)
    parts = [_U32.pack(len(sets))]
    for set_id in sorted(sets):
        tables = sets[set_id]
        parts.append(struct.pack("<II", set_id, len(tables)))
        for name in sorted(tables):
            parts += (name, _U32.pack(len(tables[name])))
            parts += (delta.encoded("v2", _table_rows) for delta in tables[name])
    return b"".join(parts)
