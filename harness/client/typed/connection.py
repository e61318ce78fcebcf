"""Connections of generated code: a typed shell over ``harness.client.Client``.

The same connection can live in an asyncio program, in a thread of its own, or be turned by hand a
frame at a time; what differs is who runs its event loop (``driving``).
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar

from harness.client.client import Client
from harness.client.names import nearest
from harness.client.query import AnyQuery, select_all
from harness.client.schema import Module
from harness.client.store import Store
from harness.client.typed import events as e
from harness.client.typed.calls import Call, ProceduresBase, ReducersBase
from harness.client.typed.driving import Driver
from harness.client.typed.pending import Pending
from harness.client.typed.subscribing import SubscriptionBuilder, SubscriptionHandle, texts
from harness.client.typed.tables import TablesBase, end_all
from harness.errors import ConnectionLost, HarnessError, LocalProtocolError, SchemaError
from harness.protocol import events as protocol_events
from harness.wire.schema_submodules import joined
from harness.wire.values import ConnectionId, Identity

if TYPE_CHECKING:
    from types import TracebackType

    from harness.client.connecting import Connecting, Way
    from harness.client.returning import Backoff
    from harness.client.typed.building import Builder

T = TypeVar("T")
Ctx = TypeVar("Ctx")
CheckSchema = Literal["off", "warn", "strict"]

_LOG = logging.getLogger("harness.client")


class SchemaWarning(UserWarning):
    """The database is not what the code was generated for."""


@dataclass(frozen=True, slots=True)
class Remote:
    """The parts that generated code puts together."""

    module: Module
    tables: type[TablesBase]
    reducers: type[ReducersBase]
    procedures: type[ProceduresBase]
    context: type[ContextBase]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a connection is to be made, and who hears of its beginning and end."""

    way: Way
    call_timeout_s: float | None = None
    check_schema: CheckSchema = "warn"
    on_connect: list[Callable[..., Any]] = field(default_factory=list)
    on_connect_error: list[Callable[..., Any]] = field(default_factory=list)
    on_disconnect: list[Callable[..., Any]] = field(default_factory=list)


class ContextBase:
    """Base of the generated ``EventContext``: the first argument of callbacks."""

    def __init__(self, connection: DbConnectionBase[Any], event: Any) -> None:
        self.db: Any = connection.db
        self.reducers: Any = connection.reducers
        self.procedures: Any = connection.procedures
        #: What brought the change; matched by class.
        self.event: Any = event


class DbConnectionBase(Generic[Ctx]):
    """Base of the generated ``DbConnection``: ``connect``, ``connect_sync`` or ``builder``."""

    _remote: ClassVar[Remote]

    def __init__(self, settings: Settings) -> None:
        remote = self._remote
        self._settings = settings
        self._call_timeout_s = settings.call_timeout_s
        self._store = Store(remote.module.codecs, remote.module.handles)
        self._driver = Driver(self._store.run)
        self._client: Client | None = None
        self._closed: Pending[None] = Pending(self._driver, "the end of the connection")
        self._encoders: dict[type[Any], tuple[str, Callable[[Any], bytes]]] = {}
        self.db: Any = remote.tables(self._store.accessors)
        self.reducers: Any = remote.reducers(self)
        self.procedures: Any = remote.procedures(self)

    def __repr__(self) -> str:
        way = self._settings.way
        state = "connected" if self.is_active else "not connected"
        return f"<DbConnection to {way.database!r} at {way.uri}: {state}>"

    if not TYPE_CHECKING:  # a type checker must not believe in every name

        def __getattr__(self, name: str) -> Any:
            known = [x for x in (*dir(type(self)), *vars(self)) if not x.startswith("_")]
            raise AttributeError(nearest("attribute", name, known))

    # --- beginnings ------------------------------------------------------------------------------

    @classmethod
    def connect(
        cls,
        uri: str,
        database: str,
        *,
        token: str | None = None,
        compression: str = "None",
        confirmed: bool | None = None,
        light: bool = False,
        protocols: Sequence[str] = ("v3", "v2", "v1"),
        timeout_s: float = 10.0,
        call_timeout_s: float | None = None,
        reconnect: Backoff | None = None,
        on_disconnect: Callable[[Self, Exception | None], Any] | None = None,
        check_schema: CheckSchema = "warn",
    ) -> Connecting[Self]:
        """Connect in the event loop that runs: ``await`` it, or use it in ``async with``.

        Args:
            uri: of the server; ``http``, ``https``, ``ws`` or ``wss``.
            database: its name, or its identity in hexadecimal.
            token: who we are; without one the server makes a new identity.
            compression: what the server may use: ``None``, ``Gzip`` or ``Brotli``.
            confirmed: whether answers wait until they are on disk; None leaves it to the server.
            light: over v1, leave out whose reducer made a change.
            protocols: what is offered; the server chooses.
            timeout_s: seconds for all of it: TCP, handshake, greeting.
            call_timeout_s: seconds after which a call fails with ``CallTimeout``; None: never.
            reconnect: come back after a loss; None ends the connection.
            on_disconnect: called with the connection and the error, None if we ended it.
            check_schema: ``warn`` compares the database with the generated code and warns of
                differences with a ``SchemaWarning``; ``strict`` raises ``SchemaError``; ``off``
                saves the request.

        Raises ``ConnectError``, with the HTTP status if the server refused.
        """
        from harness.client.connecting import Connecting, Way

        way = Way(
            uri, database, token, compression, confirmed, light, protocols, timeout_s, reconnect
        )
        ends: list[Callable[..., Any]] = [] if on_disconnect is None else [on_disconnect]
        settings = Settings(way, call_timeout_s, check_schema, on_disconnect=ends)

        async def make() -> Self:
            connection = cls(settings)
            connection._driver.here()
            await connection._start()
            return connection

        return Connecting(make)

    @classmethod
    def connect_sync(
        cls,
        uri: str,
        database: str,
        *,
        token: str | None = None,
        compression: str = "None",
        confirmed: bool | None = None,
        protocols: Sequence[str] = ("v3", "v2", "v1"),
        timeout_s: float = 10.0,
        call_timeout_s: float | None = None,
        reconnect: Backoff | None = None,
        on_disconnect: Callable[[Self, Exception | None], Any] | None = None,
        check_schema: CheckSchema = "warn",
        frames: bool = False,
    ) -> Self:
        """Connect without asyncio; use it in ``with``. Arguments and errors as for ``connect``.

        The connection lives in a thread of its own, where callbacks run; ``result`` of calls and
        subscriptions waits for them. Rows are read from any thread, but a loop over a table that
        changes meanwhile raises ``RuntimeError``: take ``list(table)``, or ``conn.run(function)``.

        With ``frames`` there is no thread: ``frame_tick`` does what is to be done, and callbacks
        run and rows change in it alone.
        """
        from harness.client.connecting import Way

        way = Way(
            uri, database, token, compression, confirmed, False, protocols, timeout_s, reconnect
        )
        ends: list[Callable[..., Any]] = [] if on_disconnect is None else [on_disconnect]
        connection = cls(Settings(way, call_timeout_s, check_schema, on_disconnect=ends))
        connection._begin(by_hand=frames)
        return connection

    @classmethod
    def builder(cls) -> Builder[Self]:
        """The official SDKs' way: ``builder().with_uri(…).with_database_name(…).build()``."""
        from harness.client.typed.building import Builder

        return Builder(cls)

    def _begin(self, *, by_hand: bool) -> None:
        """Start in a loop of our own, and wait for it."""
        driver = self._driver
        if by_hand:
            driver.by_hand()
        else:
            driver.in_a_thread()
        try:
            driver.complete(self._start(), "the connection")
        except BaseException:
            driver.end()
            raise

    async def _start(self) -> None:
        """Connect in this event loop. Raises ``ConnectError`` and ``SchemaError``."""
        settings = self._settings
        module = self._remote.module
        client = Client(
            module.definition,
            types=module.codecs,
            store=self._store,
            context=self._event_context,
            on_disconnect=self._disconnected,
        )
        check = None
        if settings.check_schema != "off":
            check = asyncio.ensure_future(self._differences())
        try:
            await settings.way.go(client, settings.way.timeout_s)
            self._client = client
            if check is not None:
                await self._judge(await check)
        except BaseException as error:
            if check is not None:
                check.cancel()
            if isinstance(error, HarnessError):
                for failed in settings.on_connect_error:
                    self._driver.run(failed, error)
            raise
        for connected in settings.on_connect:
            self._driver.run(connected, self, client.identity, client.token)

    async def _differences(self) -> list[str] | None:
        """What is not as generated; None if the server does not say."""
        from harness.client.typed.likeness import differences

        known = self._remote.module.definition
        # V9, which every server knows, says nothing of submodules; names of what is in them have
        # dots.
        named = [x.name for x in known.tables] + [x.name for x in known.reducers]
        named += [x.name for x in known.procedures]
        version = 10 if any("." in name for name in named) else 9
        try:
            served = joined(await self._settings.way.schema(version))
        except HarnessError as error:
            _LOG.debug("the schema could not be compared: %s", error)
            return None
        return differences(known, served)

    async def _judge(self, found: list[str] | None) -> None:
        """Raises ``SchemaError`` if the schema has to be the same and is not."""
        if not found:
            return
        database = self._settings.way.database
        more = f", and {len(found) - 3} more differences" if len(found) > 3 else ""
        text = (
            f"the database {database!r} is not what this code was generated for: "
            f"{'; '.join(found[:3])}{more}; run `harness generate` again"
        )
        if self._settings.check_schema == "strict":
            assert self._client is not None
            await self._client.close()
            raise SchemaError(text)
        warnings.warn(text, SchemaWarning, stacklevel=2)

    # --- the end ---------------------------------------------------------------------------------

    async def close(self) -> None:
        """End the connection; what was called before is still sent.

        Calls without an answer fail with ``ConnectionLost``.
        """
        if self._client is not None:
            await self._client.close()

    async def wait_closed(self) -> None:
        """Wait for the end, whoever brings it about."""
        await self._closed

    def disconnect(self) -> None:
        """End the connection; returns at once, except in ``with``, which waits.

        A second time does nothing.
        """
        driver = self._driver
        if self._client is None or driver.loop is None or driver.loop.is_closed():
            return
        if not driver.owns_loop:
            driver.soon(lambda: driver.run(self.close))
        elif not driver.loop.is_running() or not driver.is_here():
            driver.complete(self.close(), "the end")
            driver.end()
        else:  # in a callback of our own thread
            driver.soon(lambda: driver.run(self.close))

    def join(self, timeout: float | None = None) -> None:
        """Wait in this thread for the end, whoever brings it about; see ``Pending.result``."""
        self._closed.result(timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        at: TracebackType | None,
    ) -> None:  # fmt: skip
        await self.close()

    def __enter__(self) -> Self:
        if not self._driver.owns_loop:
            raise LocalProtocolError("`with` is for connect_sync(); write `async with` here")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        at: TracebackType | None,
    ) -> None:  # fmt: skip
        self.disconnect()

    def _disconnected(self, client: Client, reason: str) -> None:
        error = None if client.closing else ConnectionLost(reason)
        end_all(self._store.caches.values(), ConnectionLost(reason))
        for ended in self._settings.on_disconnect:
            self._driver.run(ended, self, error)
        self._closed.set_result(None)

    # --- driving it ------------------------------------------------------------------------------

    async def run_async(self) -> None:
        """Connect, for a connection that ``build`` made, and run until it ends."""
        self._driver.here()
        await self._start()
        await self.wait_closed()

    def run_threaded(self) -> None:
        """Connect, for a connection that ``build`` made, in a thread of its own."""
        self._begin(by_hand=False)

    def frame_tick(self) -> None:
        """Handle what has come, run callbacks, send what is to be sent; waits for nothing.

        The first one connects, for a connection that ``build`` made.
        """
        if self._driver.loop is None:
            self._begin(by_hand=True)
        self._driver.tick()

    def run(self, function: Callable[[], T]) -> T:
        """Run a function in the connection's thread, where no row changes meanwhile."""

        async def work() -> T:
            return function()

        if self._driver.is_here():
            return function()
        return self._driver.complete(work(), "the function")

    # --- what it is ------------------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        """Whether calls can be made now."""
        return self._client is not None and self._client.is_connected

    @property
    def identity(self) -> Identity:
        """Who we are. Raises ``LocalProtocolError`` before the connection is there."""
        return self.client.identity

    @property
    def connection_id(self) -> ConnectionId:
        """Which connection this is. Raises ``LocalProtocolError`` before it is there."""
        return self.client.connection_id

    @property
    def token(self) -> str | None:
        """What proves to the server that it is us, the next time."""
        return self.client.token

    @property
    def client(self) -> Client:
        """The client under it. Raises ``LocalProtocolError`` before the connection is there."""
        if self._client is None:
            raise LocalProtocolError("there is no connection yet")
        return self._client

    @property
    def on_callback_error(self) -> Callable[[BaseException], Any]:
        """Called with an exception that a callback raised; logging is the default."""
        return self._store.on_callback_error

    @on_callback_error.setter
    def on_callback_error(self, callback: Callable[[BaseException], Any]) -> None:
        self._store.on_callback_error = callback

    # --- asking ----------------------------------------------------------------------------------

    def subscribe(self, *queries: str | AnyQuery) -> SubscriptionHandle:
        """Subscribe to queries together: typed ones, or SQL. ``await`` it, or take its ``result``.

        Raises ``QueryError`` there if the server refuses; one bad query fails only its handle.
        """
        found = texts(queries)
        if not found:
            raise LocalProtocolError("a subscription needs at least one query")
        return SubscriptionHandle(self, found)

    def subscribe_to_all_tables(self) -> SubscriptionHandle:
        """Subscribe to every row of every table that the generated code knows."""
        return self.subscribe(*self._all_tables())

    def subscription_builder(self) -> SubscriptionBuilder[Ctx]:
        """With callbacks: ``.on_applied(f).on_error(g).subscribe(query.user)``."""
        return SubscriptionBuilder(self)

    def _all_tables(self) -> list[str]:
        return [select_all(x.name) for x in self._remote.module.tables]

    # --- for the parts ---------------------------------------------------------------------------

    def _open(self) -> Client:
        if self._client is None:
            raise LocalProtocolError("there is no connection")
        return self._client

    def _reducer(self, args: type[Any]) -> tuple[str, Callable[[Any], bytes]]:
        found = self._encoders.get(args)
        if found is None:
            module = self._remote.module
            found = self._encoders[args] = module.reducer(args).name, module.encoder(args)
        return found

    def _procedure(self, name: str) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
        codecs = self._remote.module.codecs
        procedure = next(x for x in codecs.schema.procedures if x.name == name)
        return codecs.args_codec(procedure).encode, codecs.result_codec(procedure).decode

    def _event_context(self, event: protocol_events.Event) -> Any:
        return self._context(_event(event))

    def _context(self, event: Any) -> Any:
        return self._remote.context(self, event)


def _event(event: protocol_events.Event) -> Any:
    """What generated code hears of an event of the protocol that changed rows."""
    if isinstance(event, protocol_events.Called) and isinstance(event.waiter, Call):
        return e.ReducerEvent(event.waiter.args, event.timestamp)
    if isinstance(event, protocol_events.Applied):
        return e.SubscribeApplied()
    if isinstance(event, protocol_events.Ended):
        return e.UnsubscribeApplied()
    return e.Transaction()
