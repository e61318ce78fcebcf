"""The asyncio client: a shell over ``harness.protocol``.

Calls made in one tick of the event loop leave together at its end. What a message says is applied
to the cache as a whole; then callbacks run, then the call that caused it is resolved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from harness.client.answers import maker
from harness.client.calling import Function, Functions
from harness.client.hearing import Hearing, Renewal
from harness.client.link import Link
from harness.client.names import nearest
from harness.client.returning import Returner
from harness.client.rows import Types, types_of
from harness.client.store import Store
from harness.client.subscriptions import Phase, Subscription
from harness.client.tables import Tables
from harness.client.timeouts import Deadlines
from harness.errors import (
    CallTimeout,
    ConnectionLost,
    HarnessError,
    LocalProtocolError,
)
from harness.protocol.events import Connected, Event
from harness.wire.schema import ModuleDef
from harness.wire.values import ConnectionId, Identity


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


class Client(Link):
    """One connection to one database. Made by ``harness.client.connect``."""

    def __init__(
        self,
        schema: ModuleDef,
        *,
        row_classes: Mapping[str, type[Any]] | None = None,
        call_timeout_s: float | None = None,
        on_disconnect: Callable[[Client, str], Any] | None = None,
        types: Types | None = None,
        store: Store | None = None,
        context: Callable[[Event], Any] | None = None,
    ) -> None:
        """``types``, ``store`` and ``context`` are those of generated code, if there is any."""
        super().__init__()
        self._answer: Callable[[], asyncio.Future[Any]] = maker(self.loop)
        self.schema = schema
        self.identity: Identity
        self.connection_id: ConnectionId
        self.token: str | None = None
        types = types if types is not None else types_of(schema, row_classes)
        self.store = store if store is not None else Store(types)
        self.db = Tables(self.store.accessors)
        self._hearing = Hearing(
            self.store, self._greeted, context or (lambda event: Context(self, event))
        )
        self._reducers = {
            x.name: Function(x.name, types.parameters(x), types.args_codec(x), self.call_encoded)
            for x in schema.reducers
            if x.lifecycle is None
        }
        self.reducers = Functions(
            "reducer",
            {
                x.accessor: self._reducers[x.name].quick(self._port)
                for x in schema.reducers
                if x.lifecycle is None
            },
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
        self._plain_calls = call_timeout_s is None
        self._closed: asyncio.Future[None] = self.loop.create_future()
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

    # --- the end ---------------------------------------------------------------------------------

    @property
    def closing(self) -> bool:
        """Whether we have ended the connection ourselves."""
        return self._closing

    async def close(self) -> None:
        """End the connection; what was called before is still sent.

        Calls without an answer fail with ``ConnectionLost``. A peer that does not even take what is
        sent is given a few seconds.
        """
        if not self._closing and not self._closed.done():
            self._closing = True
            if self.returner is not None:
                await self.returner.stop()
            if not self._goodbye():
                self._finish(ConnectionLost("the connection was closed"))
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait for the end, whoever brings it about."""
        await asyncio.shield(self._closed)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def _hear(self, events: list[Event]) -> None:
        self._hearing.hear(events)

    def _detached(self, error: HarnessError) -> None:
        if self._deadlines is not None:
            self._deadlines.clear()
        if self._hearing.renewal is not None:
            self._hearing.renewal.fail(error)

    def _ended(self, error: HarnessError) -> None:
        if self.returner is not None and not self._closing:
            self._between = True
            self.returner.lost()
        else:
            self._finish(error)

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
        connection = self._connection
        if connection is None:
            raise self.unconnected()
        future = self._answer()
        request_id = connection.call_reducer(reducer, args, future)
        if not self._port.flushing:
            self._flush_soon()
        if self._deadlines is not None:
            self._deadlines.watch(request_id, future)
        return future

    def encoder(self, reducer: str) -> Callable[[tuple[Any, ...]], bytes]:
        """What encodes a reducer's arguments. Raises ``AttributeError`` if there is none."""
        return self._reducer(reducer).encode

    def call_for(self, waiter: Any, reducer: str, args: bytes) -> int:
        """Call a reducer for a waiter of the caller's own, at a third of a future's cost.

        ``waiter`` has a future's ``done``, ``set_result``, ``set_exception`` and ``exception``.
        It is told as soon as the answer is applied, within the reading of its message, and may
        call again from there. Nobody watches the time: see ``forget``. Gives the request's id.
        """
        connection = self._connection
        if connection is None:
            raise self.unconnected()
        request_id = connection.call_reducer(reducer, args, waiter)
        if not self._port.flushing:
            self._flush_soon()
        return request_id

    def procedure_for(self, waiter: Any, procedure: str, args: bytes) -> None:
        """Call a procedure for a waiter of the caller's own, which gets the BSATN of its value."""
        self._open().call_procedure(procedure, args, waiter)
        self._flush_soon()

    def forget(self, request_id: int) -> None:
        """Whatever answers the call ``request_id`` is nobody's any more."""
        if self._connection is not None:
            self._connection.forget(request_id, self.loop.create_future())

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

    def _call_expired(self, request_id: int, future: asyncio.Future[Any]) -> None:
        assert self._deadlines is not None
        self.forget(request_id)
        limit_s = self._deadlines.limit_s
        future.set_exception(CallTimeout(f"no answer within {limit_s:g} s; the outcome is unknown"))
