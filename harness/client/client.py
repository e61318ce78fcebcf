"""The asyncio client: a shell over ``harness.protocol``.

Calls made in one tick of the event loop leave together at its end. What a message says is applied
to the cache as a whole; then callbacks run, then the call that caused it is resolved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from harness.client.calling import Function, Functions
from harness.client.hearing import Hearing, Renewal
from harness.client.names import nearest
from harness.client.returning import Returner
from harness.client.rows import types_of
from harness.client.store import Store
from harness.client.subscriptions import Phase, Subscription, finish
from harness.client.tables import Tables
from harness.client.timeouts import Deadlines
from harness.client.transport import Transport
from harness.errors import (
    CallTimeout,
    ConnectionLost,
    HarnessError,
    LocalProtocolError,
    RemoteProtocolError,
    WireError,
)
from harness.protocol import open_connection
from harness.protocol.connection import Connection
from harness.protocol.events import Connected, Event
from harness.wire.schema import ModuleDef
from harness.wire.values import ConnectionId, Identity

#: Seconds for the goodbye: what is still to be sent, and the end of the socket.
CLOSE_TIMEOUT_S = 5.0


class Stats(msgspec.Struct):
    """What went over the wire; frames are WebSocket messages, messages the protocol's."""

    frames_in: int = 0
    frames_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    messages_in: int = 0
    messages_out: int = 0
    calls: int = 0
    reconnects: int = 0


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
    def reducers(self) -> Functions:
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
        types = types_of(schema, row_classes)
        self.store = Store(types)
        self.db = self.store.tables
        self._hearing = Hearing(self.store, self._greeted, lambda event: Context(self, event))
        self._reducers = {
            x.name: Function(x.name, types.parameters(x), types.args_codec(x), self.call_encoded)
            for x in schema.reducers
            if x.lifecycle is None
        }
        self.reducers = Functions(
            "reducer",
            {x.accessor: self._reducers[x.name] for x in schema.reducers if x.lifecycle is None},
        )
        self._results = {x.name: types.result_codec(x) for x in schema.procedures}
        self.procedures = Functions(
            "procedure",
            {
                x.accessor: Function(
                    x.name, types.parameters(x), types.args_codec(x), self._call_procedure
                )
                for x in schema.procedures
            },
        )
        self._on_disconnect = on_disconnect
        self._deadlines = (
            None
            if call_timeout_s is None
            else Deadlines(self.loop, call_timeout_s, self._call_expired)
        )
        self._transport: Transport | None = None
        self._connection: Connection | None = None
        self._early: list[bytes] = []
        self._flushing = False
        self._closing = False
        self._lost: HarnessError | None = None
        self._greeting: asyncio.Future[None] = self.loop.create_future()
        self._closed: asyncio.Future[None] = self.loop.create_future()
        self._protocol = ""
        #: Between a loss and the new subscriptions: what is subscribed now is asked for with them.
        self._between = False
        #: Brings the connection back after a loss, if that is wanted.
        self.returner: Returner | None = None

    @property
    def on_callback_error(self) -> Callable[[BaseException], Any]:
        """Called with an exception that a callback raised; logging is the default."""
        return self.store.on_callback_error

    @on_callback_error.setter
    def on_callback_error(self, callback: Callable[[BaseException], Any]) -> None:
        self.store.on_callback_error = callback

    # --- the connection's life -------------------------------------------------------------------

    def start(self, transport: Transport) -> None:
        """Take over a transport whose handshake is done."""
        self._lost = None
        self._connection = open_connection(transport.subprotocol)
        self._protocol = self._connection.protocol
        self._transport = transport
        early, self._early = self._early, []
        for message in early:
            self.on_message(message)

    def renew(self) -> None:
        """Be ready for another transport, with the same cache and subscriptions."""
        self._connection = self._transport = None
        self._early.clear()
        self._greeting = self.loop.create_future()

    async def greeted(self) -> None:
        """Wait for the server's greeting. Raises what ended the connection before it."""
        await self._greeting

    @property
    def protocol(self) -> str:
        """The protocol that the server chose: v1, v2 or v3."""
        return self._protocol

    @property
    def is_connected(self) -> bool:
        """Whether calls can be made now."""
        return self._connection is not None and self._lost is None and not self._closing

    async def close(self) -> None:
        """End the connection; what was called before is still sent.

        Calls without an answer fail with ``ConnectionLost``. A peer that does not even take what is
        sent is given a few seconds.
        """
        if not self._closing and not self._closed.done():
            self._closing = True
            if self.returner is not None:
                await self.returner.stop()
            self._flush()
            if self._transport is None:
                self._finish(ConnectionLost("the connection was closed"))
            else:
                self._open().goodbye()
                self._transport.close()
                self.loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait for the end, whoever brings it about."""
        await asyncio.shield(self._closed)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def on_close(self, code: int, reason: str) -> None:
        """The transport has ended."""
        error = self._lost
        if error is None:
            said = f"{code}: {reason}" if reason else str(code)
            if self._closing:
                error = ConnectionLost("the connection was closed")
            else:
                error = ConnectionLost(f"the server ended the connection ({said})")
            self._lost = error
        self.detach(error)
        if not self._greeting.done():
            self._greeting.set_exception(error)
            self._greeting.exception()  # it may be that nobody waits for it any more
        elif self.returner is not None and not self._closing:
            self._between = True
            self.returner.lost()
        else:
            self._finish(error)

    def detach(self, error: HarnessError) -> None:
        """There is no transport any more: nobody who waits for an answer will get one."""
        connection, self._connection, self._transport = self._connection, None, None
        for waiter in connection.close() if connection is not None else ():
            finish(waiter, ConnectionLost(str(error)))
        if self._deadlines is not None:
            self._deadlines.clear()
        if self._hearing.renewal is not None:
            self._hearing.renewal.fail(error)

    def give_up(self, error: HarnessError) -> None:
        """The connection will not come back."""
        self._finish(error)

    def _finish(self, error: HarnessError) -> None:
        if self._closed.done():
            return
        subscriptions = list(self._hearing.subscriptions.values())
        self._hearing.subscriptions.clear()
        for subscription in subscriptions:
            subscription.over(ConnectionLost(str(error)))
        self._closed.set_result(None)
        if self._on_disconnect is not None:
            self.store.run(self._on_disconnect, self, str(error))

    # --- hearing ---------------------------------------------------------------------------------

    def on_message(self, message: bytes) -> None:
        """A WebSocket message has come."""
        connection = self._connection
        if connection is None:
            self._early.append(message)  # read together with the answer to the handshake
            return
        if self._lost is not None:
            return  # nothing is believed after a broken rule
        stats = self.stats
        stats.frames_in += 1
        stats.bytes_in += len(message)
        try:
            events = connection.receive(message)
            stats.messages_in += len(events)
            self._hearing.hear(events)
            if connection.violation is not None:
                raise connection.violation
        except (WireError, RemoteProtocolError) as error:
            self._lost = error
            if self._transport is not None:
                self._transport.close(1002, str(error))

    def _greeted(self, event: Connected) -> None:
        self.identity = event.identity
        self.connection_id = event.connection_id
        if self.token is None:
            self.token = event.token
        if not self._greeting.done():
            self._greeting.set_result(None)

    async def resubscribe(self) -> None:
        """After a reconnect: subscribe everything again, and tell only of what has changed.

        Raises ``ConnectionLost`` if the connection ends before all is there.
        """
        hearing = self._hearing
        again = []
        for subscription in hearing.subscriptions.values():
            if subscription.phase is Phase.ENDING:
                subscription.over()
            else:
                again.append(subscription)
        hearing.subscriptions.clear()
        if self._connection is None:
            hearing.subscriptions.update((x.set_id, x) for x in again)
            raise self._lost or ConnectionLost("the connection was lost")
        self._between = False
        for subscription in again:
            subscription.set_id = self._connection.subscribe(subscription.queries)
            hearing.subscriptions[subscription.set_id] = subscription
        renewal = Renewal(hearing, set(hearing.subscriptions), self.loop)
        if not renewal.done.done():
            hearing.renewal = renewal
            self._flush()
        await renewal.done

    # --- asking ----------------------------------------------------------------------------------

    def call(self, reducer: str, *args: Any, **kwargs: Any) -> asyncio.Future[None]:
        """Call a reducer by its name. Raises ``AttributeError`` if the schema has none."""
        return self._reducer(reducer)(*args, **kwargs)

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
        if self._deadlines is not None:
            self._deadlines.watch(request_id, future)
        return future

    def encoder(self, reducer: str) -> Callable[[tuple[Any, ...]], bytes]:
        """What encodes a reducer's arguments. Raises ``AttributeError`` if there is none."""
        return self._reducer(reducer).encode

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

    def _call_procedure(self, name: str, args: bytes) -> asyncio.Future[Any]:
        answer: asyncio.Future[bytes] = self.loop.create_future()
        self._open().call_procedure(name, args, answer)
        self._flush_soon()
        return asyncio.ensure_future(self._decoded(answer, name))

    async def _decoded(self, answer: asyncio.Future[bytes], procedure: str) -> Any:
        return self._results[procedure].decode(await answer)

    async def subscribe(self, *queries: str) -> Subscription:
        """Subscribe to queries as one set; returns when its rows are in the cache.

        Raises ``QueryError`` if the server refuses.
        """
        subscription = self.subscribe_soon(*queries)
        await asyncio.shield(subscription.applied)
        return subscription

    def subscribe_soon(self, *queries: str) -> Subscription:
        """Subscribe without waiting; ``applied`` of the result is a future."""
        if not queries:
            raise LocalProtocolError("a subscription needs at least one query")
        if self._between:
            set_id = min(0, *self._hearing.subscriptions, 0) - 1  # until there is a real one
        else:
            set_id = self._open().subscribe(list(queries))
        subscription = Subscription(list(queries), set_id, self.loop, self._unsubscribe)
        self._hearing.subscriptions[set_id] = subscription
        self._flush_soon()
        return subscription

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

    def _unsubscribe(self, subscription: Subscription) -> None:
        if subscription.phase in (Phase.ENDING, Phase.ENDED):
            raise LocalProtocolError("the subscription has ended or is ending already")
        if self._connection is None or self._between:
            # Between two connections: it will not be asked for again, and its rows leave then.
            self._hearing.subscriptions.pop(subscription.set_id, None)
            subscription.over()
            return
        self._connection.unsubscribe(subscription.set_id)
        subscription.phase = Phase.ENDING
        self._flush_soon()

    def _reducer(self, name: str) -> Function:
        try:
            return self._reducers[name]
        except KeyError:
            raise AttributeError(nearest("reducer", name, self._reducers)) from None

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
        stats.messages_out += connection.queued
        for payload in connection.data_to_send():
            stats.frames_out += 1
            stats.bytes_out += len(payload)
            transport.send(payload)

    def _call_expired(self, request_id: int, future: asyncio.Future[Any]) -> None:
        assert self._deadlines is not None
        self._open().forget(request_id, self.loop.create_future())
        limit_s = self._deadlines.limit_s
        future.set_exception(CallTimeout(f"no answer within {limit_s:g} s; the outcome is unknown"))
