"""Sessions of protocol v1, binary and text.

Rows are counted for each distinct query of a connection, whatever the number of query ids that
contain it: a second id for a live query brings no rows, and they leave with the last id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from harness.errors import DecodeError, SqlError
from harness.server.plans import Plan
from harness.server.session import SLICE, Session
from harness.server.subscriptions import LivePlan, PlanDelta
from harness.wire import v1, v1_json
from harness.wire.compression import pack
from harness.wire.rows import EMPTY, row_list

if TYPE_CHECKING:
    from harness.server.hub import Transaction
    from harness.server.procedures import Returned

_NO_REDUCER = (1 << 32) - 1
#: The legacy ``Subscribe`` has no query id: its plans are kept under this one.
_LEGACY = -1


class SessionV1(Session):
    """The binary form."""

    subprotocol = v1.SUBPROTOCOL
    events = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ids: dict[int, list[LivePlan[Session]]] = {}
        self._single: set[int] = set()
        self._uses: dict[LivePlan[Session], int] = {}
        self._waiting: deque[bytes | str] = deque()

    # --- in --------------------------------------------------------------------------------------

    def receive(self, payload: bytes | str) -> None:
        self._waiting.append(payload)
        self.backlog += len(payload)

    @property
    def has_work(self) -> bool:
        return bool(self._waiting)

    def work(self) -> bool:
        for _ in range(SLICE):
            if not self._waiting:
                return False
            if self.full:
                return True
            payload = self._waiting.popleft()
            self.backlog -= len(payload)
            message = self._decode(payload)
            _HANDLERS[type(message)](self, message)
        return bool(self._waiting)

    def _decode(self, payload: bytes | str) -> v1.ClientMessage:
        # The frame's kind says how to read it, not the subprotocol.
        if isinstance(payload, str):
            return v1_json.decode_client(payload, self.hub.args_from_json)
        if not payload:
            raise DecodeError("a client message has no bytes", 0)
        message: v1.ClientMessage = v1.CLIENT.decode_from(payload, 0)[0]
        return message

    def _tell(self, message: v1.ServerMessage) -> None:
        self.say(message, _about(message))

    def _call(self, message: v1.CallReducer) -> None:
        if message.flags > 1:
            raise DecodeError(f"{message.flags} is not a known call flag", 0)
        self.hub.call(
            self, message.reducer, message.args, message.request_id, quiet=message.flags == 1
        )

    def _procedure(self, message: v1.CallProcedure) -> None:
        request_id = message.request_id
        self.hub.call_procedure(
            message.procedure, message.args, self.identity, self.connection_id,
            lambda returned: self._returned(message.procedure, request_id, returned),
        )  # fmt: skip

    def _returned(self, procedure: str, request_id: int, returned: Returned) -> None:
        status: v1.Returned | v1.ProcedureInternalError
        if returned.value is not None:
            status = v1.Returned(self._value(procedure, returned.value))
        else:
            status = v1.ProcedureInternalError(returned.error)
        self._tell(v1.ProcedureResult(status, returned.timestamp, returned.duration, request_id))

    def _value(self, procedure: str, value: bytes) -> bytes:
        """A procedure's value as this protocol has it."""
        return value

    def _subscribe_legacy(self, message: v1.Subscribe) -> None:
        try:
            plans = self.hub.plans(message.query_strings, self)
            tables = self._snapshot(plans)
        except SqlError as error:
            self._error(message.request_id, None, str(error))
            return
        self._drop(self._ids.pop(_LEGACY, []))
        self._ids[_LEGACY] = [self._watch(plan) for plan in plans]
        self._tell(
            v1.InitialSubscription(
                v1.DatabaseUpdate(tables), message.request_id, self.hub.elapsed()
            )
        )

    def _subscribe_multi(self, message: v1.SubscribeMulti) -> None:
        fresh = self._subscribe(message.request_id, message.query_id, message.query_strings)
        if fresh is not None:
            self._tell(
                v1.SubscribeMultiApplied(
                    message.request_id,
                    self.hub.elapsed().micros,
                    message.query_id,
                    v1.DatabaseUpdate(fresh),
                )
            )

    def _subscribe_single(self, message: v1.SubscribeSingle) -> None:
        fresh = self._subscribe(message.request_id, message.query_id, [message.query])
        if fresh is None:
            return
        self._single.add(message.query_id)
        self._tell(
            v1.SubscribeApplied(
                message.request_id,
                self.hub.elapsed().micros,
                message.query_id,
                self._rows_of_one(message.query_id, fresh),
            )
        )

    def _subscribe(
        self, request_id: int, query_id: int, queries: list[str]
    ) -> list[v1.TableUpdate] | None:
        """Watch the queries; the rows of those that are new to this connection."""
        try:
            if query_id in self._ids:
                raise SqlError(f"query id {query_id} is already in use")
            plans = self.hub.plans(queries, self)
            known = {live.plan.key for live in self._uses}
            fresh = self._snapshot(plan for plan in plans if plan.key not in known)
        except SqlError as error:
            self._error(request_id, query_id, str(error))
            return None
        self._ids[query_id] = [self._watch(plan) for plan in plans]
        return fresh

    def _unsubscribe_multi(self, message: v1.UnsubscribeMulti) -> None:
        left = self._unsubscribe(message.request_id, message.query_id)
        if left is not None:
            self._tell(
                v1.UnsubscribeMultiApplied(
                    message.request_id,
                    self.hub.elapsed().micros,
                    message.query_id,
                    v1.DatabaseUpdate(left),
                )
            )

    def _unsubscribe_single(self, message: v1.Unsubscribe) -> None:
        live = self._ids.get(message.query_id, [])
        left = self._unsubscribe(message.request_id, message.query_id)
        if left is not None:
            self._single.discard(message.query_id)
            rows = self._one_table(live[0].plan, left)
            micros = self.hub.elapsed().micros
            self._tell(v1.UnsubscribeApplied(message.request_id, micros, message.query_id, rows))

    def _unsubscribe(self, request_id: int, query_id: int) -> list[v1.TableUpdate] | None:
        live = self._ids.pop(query_id, None)
        if live is None:
            self._error(request_id, query_id, f"Subscription not found: query id {query_id}")
            return None
        return [
            self._table(plan.plan, deletes=plan.plan.rows(self.hub.rows))
            for plan in self._drop(live)
        ]

    def _one_off(self, message: v1.OneOffQuery) -> None:
        error, tables = None, []
        try:
            plan = self.hub.one_off(message.query_string, self)
            rows = plan.rows(self.hub.rows)
            tables = [v1.OneOffTable(plan.table, row_list(rows))]
        except SqlError as refused:
            error = str(refused)
        self._tell(v1.OneOffQueryResponse(message.message_id, error, tables, self.hub.elapsed()))

    # --- what is watched -------------------------------------------------------------------------

    def _watch(self, plan: Plan) -> LivePlan[Session]:
        live = self.hub.registry.add(plan, self, 0)
        self._uses[live] = self._uses.get(live, 0) + 1
        return live

    def _drop(self, lives: list[LivePlan[Session]]) -> list[LivePlan[Session]]:
        """End one use of each; those that are not watched any more."""
        ended = []
        for live in lives:
            self._uses[live] -= 1
            if not self._uses[live]:
                del self._uses[live]
                self.hub.registry.remove(live, self, 0)
                ended.append(live)
        return ended

    def died(self, set_id: int, reason: str) -> None:
        # Protocol v1 knows no smaller unit: every subscription of the connection ends.
        for live in list(self._uses):
            self.hub.registry.remove(live, self, 0)
        self._uses.clear()
        self._ids.clear()
        self._single.clear()
        self._error(None, None, reason)

    def live_plans(self) -> list[tuple[LivePlan[Session], int]]:
        return [(live, 0) for live in self._uses]

    # --- out -------------------------------------------------------------------------------------

    def _error(self, request_id: int | None, query_id: int | None, text: str) -> None:
        self._tell(
            v1.SubscriptionError(self.hub.elapsed().micros, request_id, query_id, None, text)
        )

    def _snapshot(self, plans: Iterable[Plan]) -> list[v1.TableUpdate]:
        found = ((plan, plan.rows(self.hub.rows)) for plan in plans)
        return [self._table(plan, inserts=rows) for plan, rows in found if rows]

    def _table(
        self, plan: Plan, *, inserts: list[bytes] | None = None, deletes: list[bytes] | None = None
    ) -> v1.TableUpdate:
        inserts, deletes = inserts or [], deletes or []
        update = v1.QueryUpdate(
            row_list(deletes) if deletes else EMPTY, row_list(inserts) if inserts else EMPTY
        )
        number = self.hub.table_id(plan.table)
        return v1.TableUpdate(number, plan.table, len(inserts) + len(deletes), [update])

    def _rows_of_one(self, query_id: int, tables: list[v1.TableUpdate]) -> v1.SubscribeRows:
        return self._one_table(self._ids[query_id][0].plan, tables)

    def _one_table(self, plan: Plan, tables: list[v1.TableUpdate]) -> v1.SubscribeRows:
        table = tables[0] if tables else self._table(plan)
        return v1.SubscribeRows(table.table_id, table.table_name, table)

    def greet(self) -> None:
        self._tell(v1.IdentityToken(self.identity, self.token, self.connection_id))

    def committed(
        self, transaction: Transaction, mine: list[tuple[int, PlanDelta]], *, caller: bool
    ) -> None:
        if caller and transaction.quiet and not mine:
            return
        deltas = [delta for _, delta in mine]
        light = self.light and not caller
        key = (light, *map(id, deltas))
        self._tell(transaction.shared(key, lambda: self._update(transaction, deltas, light)))

    def _update(
        self, transaction: Transaction, deltas: list[PlanDelta], light: bool
    ) -> v1.ServerMessage:
        by_table: dict[str, list[PlanDelta]] = {}
        for delta in deltas:
            by_table.setdefault(delta.table, []).append(delta)
        tables = []
        for name, parts in by_table.items():
            rows = sum(len(part.inserts) + len(part.deletes) for part in parts)
            updates: list[v1.QueryUpdate | v1.BrotliUpdate | v1.GzipUpdate] = [
                v1.QueryUpdate(row_list(part.deletes), row_list(part.inserts)) for part in parts
            ]
            tables.append(v1.TableUpdate(self.hub.table_id(name), name, rows, updates))
        update = v1.DatabaseUpdate(tables)
        if light:
            return v1.TransactionUpdateLight(transaction.request_id, update)
        return self._transaction(transaction, v1.Committed(update))

    def _transaction(
        self, transaction: Transaction, status: v1.Committed | v1.Failed
    ) -> v1.TransactionUpdate:
        rejected = transaction.rejected
        info = v1.ReducerCallInfo(
            transaction.reducer,
            _NO_REDUCER if rejected else self.hub.reducer_id(transaction.reducer),
            b"" if rejected else transaction.args,
            0 if rejected else transaction.request_id,
        )
        return v1.TransactionUpdate(
            status,
            transaction.timestamp,
            transaction.sender,
            transaction.connection_id,
            info,
            0,
            transaction.duration,
        )

    def refused(self, transaction: Transaction) -> None:
        if not transaction.quiet or transaction.rejected:
            self._tell(self._transaction(transaction, v1.Failed(transaction.error)))

    def payloads(self, shared: dict[Any, bytes]) -> list[bytes]:
        messages, self.outbox, self.pending = self.outbox, [], 0
        return [self._payload(message, shared) for message in messages]

    def _payload(self, message: v1.ServerMessage, shared: dict[Any, Any]) -> bytes:
        key = (id(message), self.subprotocol, self.compression)
        found: bytes | None = shared.get(key)
        if found is None:
            found = shared[key] = self._encode(message)
            # The message is kept as well, or its id could be given to another one.
            shared[(key, "kept")] = message
        return found

    def _encode(self, message: v1.ServerMessage) -> bytes:
        return pack(v1.SERVER.encode(message), self.compression)


class SessionV1Json(SessionV1):
    """The text form: the same messages as JSON, never compressed."""

    subprotocol = v1.SUBPROTOCOL_JSON
    text = True

    def _value(self, procedure: str, value: bytes) -> bytes:
        return self.hub.returned_to_json(procedure, value).encode()

    def _encode(self, message: v1.ServerMessage) -> bytes:
        text: str = v1_json.encode_server(message, self.hub.row_to_json, self.hub.args_to_json)
        return text.encode()


_HANDLERS: dict[type[Any], Callable[[Any, Any], None]] = {
    v1.CallReducer: SessionV1._call,
    v1.CallProcedure: SessionV1._procedure,
    v1.Subscribe: SessionV1._subscribe_legacy,
    v1.SubscribeMulti: SessionV1._subscribe_multi,
    v1.SubscribeSingle: SessionV1._subscribe_single,
    v1.Unsubscribe: SessionV1._unsubscribe_single,
    v1.UnsubscribeMulti: SessionV1._unsubscribe_multi,
    v1.OneOffQuery: SessionV1._one_off,
}


def _about(message: v1.ServerMessage) -> int:
    """About how many bytes a message will have: its rows, and something for the rest."""
    match message:
        case v1.TransactionUpdate(v1.Committed(update)):
            tables = update.tables
        case v1.InitialSubscription():
            tables = message.database_update.tables
        case (
            v1.TransactionUpdateLight() | v1.SubscribeMultiApplied() | v1.UnsubscribeMultiApplied()
        ):
            tables = message.update.tables
        case v1.SubscribeApplied() | v1.UnsubscribeApplied():
            tables = [message.rows.table_rows]
        case v1.OneOffQueryResponse():
            return 100 + sum(len(table.rows.rows_data) for table in message.tables)
        case _:
            return 200
    size = 200
    for table in tables:
        for part in table.updates:
            if isinstance(part, v1.QueryUpdate):
                size += len(part.inserts.rows_data) + len(part.deletes.rows_data)
    return size
