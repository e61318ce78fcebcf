"""What a server would say, as bytes: one script for each protocol, all with the same methods."""

from __future__ import annotations

from typing import Any

from harness.protocol import SUBPROTOCOLS, open_connection
from harness.protocol.connection import Connection
from harness.wire import v1, v2
from harness.wire.compression import Compression, pack
from harness.wire.rows import EMPTY, RowList, row_list
from harness.wire.values import ConnectionId, Err, Identity, Ok, TimeDuration, Timestamp

ME = Identity.from_int(7)
HERE = ConnectionId.from_int(0x11)
ELSEWHERE = ConnectionId.from_int(0x22)
NOW = Timestamp(1_700_000_000_000_000)
ZERO = TimeDuration(0)
PROTOCOLS = ["v3", "v2", "v1"]


def rows(*values: int) -> RowList:
    """Rows of one u32 each."""
    return row_list([value.to_bytes(4, "little") for value in values])


class ScriptV2:
    """A server of v2; v3 says the same things, and more than one in a payload."""

    def greeting(self) -> Any:
        return v2.InitialConnection(ME, HERE, "token")

    def done(self, request_id: int, name: str = "", ins: RowList = EMPTY) -> Any:
        sets = [v2.QuerySetUpdate(1, [self._table(ins, EMPTY)])] if ins.rows_data else []
        return v2.ReducerResult(request_id, NOW, v2.ReducerOk(b"", v2.TransactionUpdate(sets)))

    def refused(self, request_id: int, name: str, text: str) -> Any:
        data = text.encode()
        error = len(data).to_bytes(4, "little") + data
        return v2.ReducerResult(request_id, NOW, v2.ReducerErr(error))

    def rejected(self, request_id: int, name: str, text: str) -> Any:
        return v2.ReducerResult(request_id, NOW, v2.ReducerInternalError(text))

    def changed(self, ins: RowList = EMPTY, dels: RowList = EMPTY) -> Any:
        return v2.TransactionUpdate([v2.QuerySetUpdate(1, [self._table(ins, dels)])])

    def applied(self, set_id: int, ins: RowList = EMPTY) -> Any:
        return v2.SubscribeApplied(1, set_id, v2.QueryRows([v2.SingleTableRows("t", ins)]))

    def ended(self, set_id: int, dels: RowList = EMPTY) -> Any:
        return v2.UnsubscribeApplied(2, set_id, v2.QueryRows([v2.SingleTableRows("t", dels)]))

    def set_refused(self, set_id: int, text: str) -> Any:
        return v2.SubscriptionError(1, set_id, text)

    def set_died(self, set_id: int, text: str) -> Any:
        return v2.SubscriptionError(None, set_id, text)

    def answer(self, request_id: int, found: RowList) -> Any:
        tables = v2.QueryRows([v2.SingleTableRows("t", found)])
        return v2.OneOffQueryResult(request_id, Ok(tables))

    def no_answer(self, request_id: int, text: str) -> Any:
        return v2.OneOffQueryResult(request_id, Err(text))

    def returned(self, request_id: int, value: bytes) -> Any:
        return v2.ProcedureResult(v2.Returned(value), NOW, ZERO, request_id)

    def failed(self, request_id: int, text: str) -> Any:
        return v2.ProcedureResult(v2.ProcedureInternalError(text), NOW, ZERO, request_id)

    def payload(self, *messages: Any, compression: Compression = Compression.NONE) -> bytes:
        return pack(b"".join(map(v2.SERVER.encode, messages)), compression)

    def heard(self, payload: bytes) -> list[Any]:
        """What a client said."""
        return v2.CLIENT.decode_all(payload)

    def _table(self, ins: RowList, dels: RowList) -> v2.TableUpdate:
        return v2.TableUpdate("t", [v2.PersistentTable(ins, dels)])


class ScriptV1:
    """A server of v1."""

    def greeting(self) -> Any:
        return v1.IdentityToken(ME, "token", HERE)

    def transaction(
        self, status: Any, request_id: int, name: str = "", caller: ConnectionId = HERE
    ) -> Any:
        info = v1.ReducerCallInfo(name, 0, b"", request_id)
        return v1.TransactionUpdate(status, NOW, ME, caller, info, 0, ZERO)

    def done(self, request_id: int, name: str = "", ins: RowList = EMPTY) -> Any:
        update = self.update(ins) if ins.rows_data else v1.DatabaseUpdate([])
        return self.transaction(v1.Committed(update), request_id, name)

    def refused(self, request_id: int, name: str, text: str) -> Any:
        return self.transaction(v1.Failed(text), request_id, name)

    def rejected(self, request_id: int, name: str, text: str) -> Any:
        return self.transaction(v1.Failed(text), 0, name)

    def changed(self, ins: RowList = EMPTY, dels: RowList = EMPTY) -> Any:
        # Another caller's request id means nothing to us: it may equal one of ours.
        return self.transaction(v1.Committed(self.update(ins, dels)), 1, "other", ELSEWHERE)

    def applied(self, set_id: int, ins: RowList = EMPTY) -> Any:
        return v1.SubscribeMultiApplied(1, 0, set_id, self.update(ins))

    def ended(self, set_id: int, dels: RowList = EMPTY) -> Any:
        return v1.UnsubscribeMultiApplied(2, 0, set_id, self.update(EMPTY, dels))

    def set_refused(self, set_id: int, text: str) -> Any:
        return v1.SubscriptionError(0, 1, set_id, None, text)

    def set_died(self, set_id: int, text: str) -> Any:
        return v1.SubscriptionError(0, None, None, None, text)

    def answer(self, request_id: int, found: RowList) -> Any:
        table = v1.OneOffTable("t", found)
        return v1.OneOffQueryResponse(request_id.to_bytes(4, "little"), None, [table], ZERO)

    def no_answer(self, request_id: int, text: str) -> Any:
        return v1.OneOffQueryResponse(request_id.to_bytes(4, "little"), text, [], ZERO)

    def returned(self, request_id: int, value: bytes) -> Any:
        return v1.ProcedureResult(v1.Returned(value), NOW, ZERO, request_id)

    def failed(self, request_id: int, text: str) -> Any:
        return v1.ProcedureResult(v1.ProcedureInternalError(text), NOW, ZERO, request_id)

    def payload(self, message: Any, compression: Compression = Compression.NONE) -> bytes:
        return pack(v1.SERVER.encode(message), compression)

    def heard(self, payload: bytes) -> list[Any]:
        """What a client said."""
        return [v1.CLIENT.decode(payload)]

    def update(self, ins: RowList = EMPTY, dels: RowList = EMPTY) -> v1.DatabaseUpdate:
        part = v1.QueryUpdate(dels, ins)
        return v1.DatabaseUpdate([v1.TableUpdate(4097, "t", len(ins) + len(dels), [part])])


def pair(protocol: str) -> tuple[Connection, Any]:
    """A connection that was greeted, and the script of its server."""
    connection = open_connection(SUBPROTOCOLS[protocol])
    script = ScriptV1() if protocol == "v1" else ScriptV2()
    connection.receive(script.payload(script.greeting()))
    return connection, script
