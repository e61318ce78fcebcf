"""The asyncio client: a shell over ``harness.protocol``.

Calls made in one tick of the event loop leave together at its end. What a message says is applied
to the cache as a whole; then callbacks run, then the call that caused it is resolved.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from harness.client.cache import Change, TableCache
from harness.client.handles import (
    Phase,
    Reducer,
    Reducers,
    Subscription,
    TableHandle,
    Tables,
    finish,
)
from harness.client.rows import Types
from harness.client.transport import Transport
from harness.errors import (
    CallTimeout,
    ConnectionLost,
    HarnessError,
    InternalError,
    LocalProtocolError,
    QueryError,
    ReducerError,
    RemoteProtocolError,
    WireError,
)
from harness.protocol import open_connection
from harness.protocol.connection import Connection
from harness.protocol.events import (
    Applied,
    Called,
    Changed,
    Connected,
    Died,
    Ended,
    Event,
    Queried,
    Refused,
    TableRows,
)
from harness.wire.program import field_names
from harness.wire.schema import ModuleDef
from harness.wire.values import ConnectionId, Identity

_LOG = logging.getLogger("harness.client")


class Stats(msgspec.Struct):
    """What went over the wire; frames are WebSocket messages, messages the protocol's."""

    frames_in: int = 0
    frames_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    messages_in: int = 0
    calls: int = 0


class Context:
    """The first argument of row callbacks. ``event`` says what brought the change."""

    __slots__ = ("_client", "event")

    def __init__(self, client: Client, event: Event) -> None:
        self._client = client
        self.event = event

    @property
    def db(self) -> Tables:
        return self._client.db

    @property
    def reducers(self) -> Reducers:
        return self._client.reducers


class Client:
    """One connection to one database. Made by ``harness.client.connect``."""

    def __init__(
        self,
        schema: ModuleDef,
        *,
        row_classes: Mapping[str, type[Any]] | None = None,
        call_timeout_s: float | None = None,
        on_disconnect: Callable[[Client, str], Any] | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.schema = schema
        self.stats = Stats()
        self.identity: Identity
        self.connection_id: ConnectionId
        self.token: str | None = None
        #: Called with an exception that a callback raised; logging is the default.
        self.on_callback_error: Callable[[BaseException], Any] = _log_callback
        self._on_disconnect = on_disconnect
        self._call_timeout_s = call_timeout_s
        types = Types(schema, row_classes)
        self._caches: dict[str, TableCache] = {}
        self._handles: dict[str, TableHandle] = {}
        accessors = {}
        for table in schema.tables:
            fields = field_names(types.row_class(table))
            cache = self._caches[table.name] = TableCache(table, fields, types.row_codec(table))
            handle = self._handles[table.name] = TableHandle(cache)
            accessors[table.accessor] = handle
        self.db = Tables(accessors)
        self._reducers = {
            x.name: Reducer(
                self, x.name, tuple(e.name or "" for e in x.params.elements), types.args_codec(x)
            )
            for x in schema.reducers
            if x.lifecycle is None
        }
        self.reducers = Reducers(
            {x.accessor: self._reducers[x.name] for x in schema.reducers if x.lifecycle is None}
        )
        self._transport: Transport | None = None
        self._connection: Connection | None = None
        self._early: list[bytes] = []
        self._flushing = False
        self._subscriptions: dict[int, Subscription] = {}
        self._deadlines: deque[tuple[float, int, asyncio.Future[None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False
        self._lost: HarnessError | None = None
        self._greeting: asyncio.Future[None] = self.loop.create_future()
        self._closed: asyncio.Future[None] = self.loop.create_future()
        #: Taken over by whoever reconnects: called instead of the end.
        self.on_loss: Callable[[HarnessError], bool] = lambda error: False

    # --- the connection's life -------------------------------------------------------------------

    def start(self, transport: Transport) -> None:
        """Take over a transport whose handshake is done."""
        self._transport = transport
        self._connection = open_connection(transport.subprotocol)
        early, self._early = self._early, []
        for message in early:
            self.on_message(message)

    def renew(self) -> None:
        """Be ready for another transport, with the same cache and subscriptions."""
        self._connection = None
        self._transport = None
        self._lost = None
        self._greeting = self.loop.create_future()

    async def greeted(self) -> None:
        """Wait for the server's greeting. Raises what ended the connection before it."""
        await self._greeting

    @property
    def protocol(self) -> str:
        """v1, v2 or v3."""
        return self._open().protocol

    @property
    def is_connected(self) -> bool:
        return self._connection is not None and self._lost is None and not self._closing

    async def close(self) -> None:
        """End the connection. Calls without an answer fail with ``ConnectionLost``."""
        self._closing = True
        if self._connection is not None and self._connection.queued:
            self._flush()
        if self._transport is not None:
            self._transport.close()
        else:
            self._finish(ConnectionLost("the connection was closed"))
        await self._closed

    async def wait_closed(self) -> None:
        """Wait for the end, whoever brings it about."""
        await asyncio.shield(self._closed)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def on_close(self, code: int, reason: str) -> None:
        """The transport has ended."""
        if self._lost is None:
            if self._closing:
                self._lost = ConnectionLost("the connection was closed")
            elif not self._greeting.done() and code == 1006:
                self._lost = ConnectionLost("the connection was rejected by the module")
            else:
                said = f": {reason}" if reason else ""
                self._lost = ConnectionLost(f"the server ended the connection ({code}{said})")
        self._finish(self._lost)

    def _finish(self, error: HarnessError) -> None:
        waiting = self._connection.close() if self._connection is not None else []
        for waiter in waiting:
            finish(waiter, ConnectionLost(str(error)))
        self._deadlines.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._greeting.done():
            self._greeting.set_exception(error)
            self._greeting.exception()
        if not self._closing and self.on_loss(error):
            return
        for subscription in self._subscriptions.values():
            subscription.phase = Phase.ENDED
            finish(subscription.applied, ConnectionLost(str(error)))
            finish(subscription.ended)
        self._subscriptions.clear()
        if not self._closed.done():
            self._closed.set_result(None)
            if self._on_disconnect is not None:
                self._guard(self._on_disconnect, self, str(error))

    # --- asking ----------------------------------------------------------------------------------

    def call(self, reducer: str, *args: Any, **kwargs: Any) -> asyncio.Future[None]:
        """Call a reducer by its name. Raises ``LocalProtocolError`` if the schema has none."""
        found = self._reducers.get(reducer)
        if found is None:
            raise LocalProtocolError(f"the database has no reducer {reducer!r}")
        return found(*args, **kwargs)

    def call_encoded(self, reducer: str, args: bytes) -> asyncio.Future[None]:
        """Call a reducer with BSATN arguments."""
        future: asyncio.Future[None] = self.loop.create_future()
        connection = self._connection
        if connection is None:
            raise LocalProtocolError("there is no connection")
        request_id = connection.call_reducer(reducer, args, future)
        if not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)
        self.stats.calls += 1
        if self._call_timeout_s is not None:
            self._watch(request_id, future, self._call_timeout_s)
        return future

    def encoder(self, reducer: str) -> Callable[[tuple[Any, ...]], bytes]:
        """What encodes a reducer's arguments. Raises ``LocalProtocolError`` if there is none."""
        found = self._reducers.get(reducer)
        if found is None:
            raise LocalProtocolError(f"the database has no reducer {reducer!r}")
        return found.encode

    def call_for(self, waiter: Any, reducer: str, args: bytes) -> None:
        """Call a reducer for a waiter of the caller's own, at a third of a future's cost.

        ``waiter`` has a future's ``done``, ``set_result``, ``set_exception`` and ``exception``.
        It is told as soon as the answer is applied, within the reading of its message, and may
        call again from there. Nobody watches the time.
        """
        connection = self._connection
        if connection is None:
            raise LocalProtocolError("there is no connection")
        connection.call_reducer(reducer, args, waiter)
        if not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)
        self.stats.calls += 1

    async def subscribe(self, *queries: str) -> Subscription:
        """Subscribe to queries as one set; returns when its rows are in the cache.

        Raises ``QueryError`` if the server refuses.
        """
        subscription = self.subscribe_soon(*queries)
        await subscription.applied
        return subscription

    def subscribe_soon(self, *queries: str) -> Subscription:
        """Subscribe without waiting; ``applied`` of the result is a future."""
        if not queries:
            raise LocalProtocolError("a subscription needs at least one query")
        set_id = self._open().subscribe(list(queries))
        subscription = Subscription(self, list(queries), set_id)
        self._subscriptions[set_id] = subscription
        self._flush_soon()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Ask for the end of a subscription. Raises ``LocalProtocolError`` the second time."""
        if subscription.phase in (Phase.ENDING, Phase.ENDED):
            raise LocalProtocolError("the subscription has ended or is ending already")
        self._open().unsubscribe(subscription.set_id)
        subscription.phase = Phase.ENDING
        self._flush_soon()

    async def query(self, sql: str) -> list[Any]:
        """The rows of a one-off query. Raises ``QueryError`` if the server refuses."""
        future: asyncio.Future[Any] = self.loop.create_future()
        self._open().query(sql, future)
        self._flush_soon()
        rows: list[Any] = await future
        return rows

    async def drain(self) -> None:
        """Wait while the server takes less than we send."""
        if self._transport is not None:
            await self._transport.drain()

    def _open(self) -> Connection:
        if self._connection is None:
            raise LocalProtocolError("there is no connection")
        return self._connection

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        connection, transport, stats = self._connection, self._transport, self.stats
        if connection is None or transport is None or self._lost is not None:
            return
        for payload in connection.data_to_send():
            stats.frames_out += 1
            stats.bytes_out += len(payload)
            transport.send(payload)

    # --- time-outs -------------------------------------------------------------------------------

    def _watch(self, request_id: int, future: asyncio.Future[None], timeout_s: float) -> None:
        """All calls have the same limit, so the first to be made is the first to be late."""
        self._deadlines.append((self.loop.time() + timeout_s, request_id, future))
        if self._timer is None:
            self._timer = self.loop.call_later(timeout_s, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self.loop.time()
        while self._deadlines:
            when, request_id, future = self._deadlines[0]
            if not future.done() and when > now:
                self._timer = self.loop.call_at(when, self._expire)
                return
            self._deadlines.popleft()
            if not future.done():
                self._open().forget(request_id, self.loop.create_future())
                future.set_exception(
                    CallTimeout(
                        f"no answer within {self._call_timeout_s:g} s; the outcome is unknown"
                    )
                )

    # --- hearing ---------------------------------------------------------------------------------

    def on_message(self, message: bytes) -> None:
        """A WebSocket message has come."""
        connection = self._connection
        if connection is None:
            self._early.append(message)
            return
        stats = self.stats
        stats.frames_in += 1
        stats.bytes_in += len(message)
        if self._lost is not None:
            return  # what comes after a broken rule is not believed
        events: list[Event] = []
        done = 0
        try:
            events = connection.receive(message)
            stats.messages_in += len(events)
            for event in events:
                if type(event) is Called:
                    self._called(event)
                else:
                    _HANDLERS[type(event)](self, event)
                done += 1
            if connection.violation is not None:
                self._break(connection.violation)
        except (WireError, RemoteProtocolError) as error:
            self._break(error)
            for event in events[done:]:  # answered, but nobody was told: the outcome is unknown
                if isinstance(event, Called | Queried):
                    finish(event.waiter, ConnectionLost(str(error)))

    def _called(self, event: Called) -> None:
        waiter = event.waiter
        if event.updates:
            self._apply(event.updates, event)
        if waiter.done():
            return
        if event.error is None:
            waiter.set_result(None)
        elif event.by_module:
            waiter.set_exception(ReducerError(event.error))
        else:
            waiter.set_exception(InternalError(event.error))

    def _connected(self, event: Connected) -> None:
        self.identity = event.identity
        self.connection_id = event.connection_id
        if self.token is None:
            self.token = event.token
        if not self._greeting.done():
            self._greeting.set_result(None)

    def _changed(self, event: Changed) -> None:
        self._apply(event.updates, event)

    def _applied(self, event: Applied) -> None:
        subscription = self._subscriptions[event.set_id]
        if subscription.phase is Phase.PENDING:
            subscription.phase = Phase.ACTIVE
        self._apply(event.updates, event)
        finish(subscription.applied)

    def _ended(self, event: Ended) -> None:
        subscription = self._subscriptions.pop(event.set_id)
        subscription.phase = Phase.ENDED
        self._apply(event.updates, event)
        finish(subscription.ended)

    def _refused(self, event: Refused) -> None:
        subscription = self._subscriptions.pop(event.set_id)
        subscription.phase = Phase.ENDED
        subscription.error = event.error
        finish(subscription.applied, QueryError(event.error))
        finish(subscription.ended)

    def _died(self, event: Died) -> None:
        """Sets ended without their rows leaving, and nobody tracks rows by set.

        So the cache can no longer be believed: the connection ends. With ``reconnect`` the other
        subscriptions come back, and the rows of the dead ones are gone.
        """
        for set_id in event.set_ids:
            subscription = self._subscriptions.pop(set_id, None)
            if subscription is not None:
                subscription.phase = Phase.ENDED
                subscription.error = event.error
                finish(subscription.applied, QueryError(event.error))
                finish(subscription.ended)
        self._break(RemoteProtocolError(f"the server gave up a subscription: {event.error}"))

    def _queried(self, event: Queried) -> None:
        future: asyncio.Future[Any] = event.waiter
        if future.done():
            return
        if event.error is not None:
            future.set_exception(QueryError(event.error))
            return
        rows: list[Any] = []
        for table, list_ in event.tables:
            rows += list_.decode(self._cache(table).codec)
        future.set_result(rows)

    def _cache(self, table: str) -> TableCache:
        try:
            return self._caches[table]
        except KeyError:
            raise RemoteProtocolError(
                f"the server sent rows of {table!r}, which is not in the schema"
            ) from None

    def _apply(self, updates: list[TableRows], event: Event) -> None:
        if len(updates) == 1:
            name = updates[0].table
            handle = self._handles.get(name)
            cache = self._cache(name)
            assert handle is not None
            if not handle.wanted:
                cache.apply(updates, False)
                return
            self._tell([(handle, cache.apply(updates, True))], event)
            return
        by_table: dict[str, list[TableRows]] = {}
        for update in updates:
            by_table.setdefault(update.table, []).append(update)
        told = []
        for name, parts in by_table.items():
            cache, handle = self._cache(name), self._handles[name]
            wanted = handle.wanted
            changes = cache.apply(parts, wanted)
            if wanted and changes:
                told.append((handle, changes))
        self._tell(told, event)

    def _tell(self, told: list[tuple[TableHandle, list[Change]]], event: Event) -> None:
        context = Context(self, event)
        for handle, changes in told:
            for change in changes:
                if change.old is None:
                    for callback in list(handle._inserts):
                        self._guard(callback, context, change.new)
                elif change.new is None:
                    for callback in list(handle._deletes):
                        self._guard(callback, context, change.old)
                else:
                    for callback in list(handle._updates):
                        self._guard(callback, context, change.old, change.new)

    def _guard(self, callback: Callable[..., Any], *args: Any) -> None:
        """Run a user's callback; what it raises must not stop the reader."""
        try:
            result = callback(*args)
            if inspect.isawaitable(result):
                task = asyncio.ensure_future(result)
                self._tasks.add(task)
                task.add_done_callback(self._task_done)
        except Exception as error:  # a user's code can raise anything
            self.on_callback_error(error)

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.on_callback_error(error)

    def _break(self, error: HarnessError) -> None:
        """The server broke a rule: nothing more can be believed on this connection."""
        self._lost = error
        if self._transport is not None:
            self._transport.close(1002, str(error))

    # --- reconnecting ----------------------------------------------------------------------------

    def live_queries(self) -> list[Subscription]:
        """The subscriptions that should be there again after a reconnect."""
        return [s for s in self._subscriptions.values() if s.phase in (Phase.PENDING, Phase.ACTIVE)]

    async def resubscribe(self) -> None:
        """Subscribe everything again and tell only of what is different from before."""
        again = self.live_queries()
        for ending in self._subscriptions.values():
            if ending.phase is Phase.ENDING:
                ending.phase = Phase.ENDED
                finish(ending.ended)
        self._subscriptions = {}
        if not again:
            for cache in self._caches.values():
                cache.clear()
            return
        queries = list(dict.fromkeys(query for s in again for query in s.queries))
        snapshots: dict[str, list[TableRows]] = {name: [] for name in self._caches}
        for subscription in again:
            subscription.set_id = self._open().subscribe(subscription.queries)
            self._subscriptions[subscription.set_id] = subscription
        assert queries
        collecting = _Collecting(self, set(self._subscriptions), snapshots)
        self._apply = collecting.apply  # type: ignore[method-assign]  # until all have come
        self._flush_soon()
        try:
            await collecting.done
        finally:
            del self._apply  # the class's own again
        told = []
        for name, parts in snapshots.items():
            handle = self._handles[name]
            changes = self._caches[name].replace(parts, handle.wanted)
            if changes:
                told.append((handle, changes))
        self._tell(told, Applied(0, []))


class _Collecting:
    """Keeps what comes until all sets are applied."""

    def __init__(
        self, client: Client, waiting: set[int], snapshots: dict[str, list[TableRows]]
    ) -> None:
        self._waiting = waiting
        self._snapshots = snapshots
        self.done: asyncio.Future[None] = client.loop.create_future()

    def apply(self, updates: list[TableRows], event: Event) -> None:
        for update in updates:
            self._snapshots[update.table].append(update)
        if isinstance(event, Applied):
            self._waiting.discard(event.set_id)
            if not self._waiting:
                finish(self.done)


_HANDLERS: dict[type[Any], Callable[[Client, Any], None]] = {
    Connected: Client._connected,
    Changed: Client._changed,
    Applied: Client._applied,
    Ended: Client._ended,
    Refused: Client._refused,
    Died: Client._died,
    Queried: Client._queried,
}


def _log_callback(error: BaseException) -> None:
    _LOG.error("a callback raised %r", error, exc_info=error)


def protocols_of(names: Sequence[str]) -> str:
    """The handshake's list of subprotocols. Raises ``LocalProtocolError`` for unknown names."""
    from harness.protocol import SUBPROTOCOLS

    unknown = [name for name in names if name not in SUBPROTOCOLS]
    if unknown or not names:
        raise LocalProtocolError(f"protocols are {', '.join(SUBPROTOCOLS)}, not {unknown}")
    return ", ".join(SUBPROTOCOLS[name] for name in names)
