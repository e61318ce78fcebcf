"""The asyncio shell: sockets in, bytes to the sans-I/O parts, bytes out.

One port for HTTP and WebSocket. Everything a peer can do is bounded: heads, bodies, messages, time
to send a request, what we keep for a peer that does not read, and how much of its work is done
before others get their turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from harness.errors import SqlError, WireError
from harness.server import http
from harness.server.admission import Admission, From
from harness.server.auth import AuthError
from harness.server.frames import FrameReader, accept_key, data_frame
from harness.server.host import Host, new_connection_id
from harness.server.outgoing import Outgoing, Reach
from harness.server.publishing import Publisher
from harness.server.routes import Server, dispatch, identified, json_line
from harness.server.session import Session
from harness.server.session_v1 import SessionV1, SessionV1Json
from harness.server.session_v2 import SessionV2, SessionV3
from harness.server.ticker import Ticker
from harness.server.trial import IMPORT_S
from harness.wire.compression import Compression
from harness.wire.values import ConnectionId

if TYPE_CHECKING:
    from harness.server.hub import Hub

#: What a peer may leave unread, in bytes, before a further message drops it.
OUTGOING_LIMIT = 16 * 1024 * 1024
#: What a peer may have sent ahead of our handling it, in bytes, before we stop reading.
INCOMING_LIMIT = 1024 * 1024
#: With more than this unread by a peer, in bytes, none of its requests is handled.
WRITE_HIGH = 256 * 1024
#: So many connections may be open.
CONNECTION_LIMIT = 10_000
#: Seconds for a whole HTTP request to come in.
REQUEST_TIMEOUT_S = 30.0
#: Seconds between pings; a peer silent for two of them is dropped.
PING_INTERVAL_S = 15.0
#: Seconds that a peer gets to answer a close.
CLOSE_TIMEOUT_S = 2.0

#: The server's preference, whatever order the client lists.
PROTOCOLS: dict[str, type[Session]] = {
    class_.subprotocol: class_ for class_ in (SessionV3, SessionV2, SessionV1, SessionV1Json)
}


class Listener:
    """All connections of one server."""

    def __init__(
        self,
        host: Host,
        loop: asyncio.AbstractEventLoop,
        *,
        publish_from: From = From.LOOPBACK,
        import_s: float = IMPORT_S,
        http_to: Reach = Reach.PUBLIC,
    ) -> None:
        self.host = host
        self._outgoing = Outgoing(http_to)
        self.loop = loop
        self.publish_from = publish_from
        self.publisher = Publisher(host, import_s)
        self.server = Server(host, Admission(host.owner, publish_from), self.publisher)
        self.connections: set[Connection] = set()
        self.failure: asyncio.Future[None] = loop.create_future()
        self.tickers: dict[Hub, Ticker] = {}
        self._later: set[asyncio.Task[None]] = set()
        host.opened, host.dropped, host.closing = self._opened, self._dropped, self._closing
        for hub in host.hubs.values():
            self._opened(hub)
        self._sweeper: asyncio.TimerHandle | None = None
        self._server: asyncio.Server | None = None

    async def start(self, address: str, port: int) -> tuple[str, int]:
        """Listen; the address and port that were bound. Raises OSError."""
        self._server = await self.loop.create_server(
            lambda: Connection(self), address, port, backlog=2048
        )
        self._sweep()
        for ticker in self.tickers.values():
            ticker.schedule()
        bound: tuple[Any, ...] = self._server.sockets[0].getsockname()
        address = str(bound[0])
        self.server.admission = Admission(self.host.owner, self.publish_from, address)
        return address, int(bound[1])

    async def stop(self) -> None:
        """Close all connections, commit, sync."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        for task in self._later:
            task.cancel()
        if self._later:
            await asyncio.wait(self._later)
        for connection in list(self.connections):
            connection.close(1001, "module exited")
        await asyncio.sleep(0)
        for ticker in self.tickers.values():
            await ticker.stop()
        for connection in list(self.connections):
            connection.abort()
        for hub in self.host.hubs.values():
            hub.database.close()
        self.host.shelf.close()

    def _opened(self, hub: Hub) -> None:
        ticker = self.tickers[hub] = Ticker(hub, self.loop, self._fail, self._outgoing)
        ticker.schedule()

    def _dropped(self, hub: Hub) -> None:
        for connection in list(self.connections):
            connection.let_go(hub)

    def _closing(self, hub: Hub, end: Callable[[], None]) -> None:
        for connection in list(self.connections):
            connection.stop_following(hub)
        self.tickers.pop(hub).halt(end)

    def answer_later(
        self, coming: Coroutine[Any, Any, http.Response], then: Callable[[http.Response], None]
    ) -> None:
        """Wait for an answer without keeping anybody else waiting."""

        async def wait() -> None:
            then(await coming)

        task = self.loop.create_task(wait())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _fail(self, error: Exception) -> None:
        if not self.failure.done():
            self.failure.set_exception(error)

    def _sweep(self) -> None:
        """Once a second: drop those who are late, ping those who are silent."""
        now = time.monotonic()
        for connection in list(self.connections):
            connection.look(now)
        self._sweeper = self.loop.call_later(1.0, self._sweep)


class Connection(asyncio.Protocol):
    """One socket: HTTP first, perhaps a WebSocket later."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._transport: asyncio.Transport
        self._http = http.HttpConnection()
        self._reader: FrameReader | None = None
        self._session: Session | None = None
        self._hub: Hub | None = None
        self._busy = False
        self._scheduled = False
        self._paused = False
        self._unread = False
        self._closing_at: float | None = None
        self._heard = self._asked = time.monotonic()
        self._follower: Any = None
        self._refused_at: float | None = None

    # --- the transport's side --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's, so this cannot be checked.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH, low=WRITE_HIGH // 4)
        if len(self._listener.connections) >= CONNECTION_LIMIT:
            self._transport.abort()
            return
        self._listener.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._refused_at is not None:
            return
        if self._reader is not None:
            self._heard = time.monotonic()
            self._receive(self._reader, data)
        else:
            self._requests(self._http.feed(data))
            if self._reader is None and self._http.wants_continue:
                self._transport.write(self._http.go_on())

    def pause_writing(self) -> None:
        self._unread = True

    def resume_writing(self) -> None:
        self._unread = False
        self._work_soon()

    def eof_received(self) -> bool:
        if self._reader is not None:
            self._reader.eof()
            self._control(self._reader)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.connections.discard(self)
        if self._follower is not None:
            assert self._hub is not None
            self._hub.database.logs.unfollow(self._follower)
        # What the peer asked for and did not get is dropped with it.
        session, self._session = self._session, None
        if session is not None and self._hub is not None:
            self._hub.disconnect(session)
            self._listener.tickers[self._hub].schedule()

    # --- HTTP ------------------------------------------------------------------------------------

    def _requests(self, found: Any) -> None:
        for request in found:
            self._busy = False
            if isinstance(request, http.HttpError):
                self._refuse(request.status, str(request))
                return
            if request.upgrade:
                self._upgrade(request)
                return
            response = dispatch(self._listener.server, request)
            self._busy = True
            if isinstance(response, http.Response):
                self._answer(request, response)
            else:
                self._listener.answer_later(response, partial(self._answer, request))
            return

    def _answer(self, request: http.Request, response: http.Response) -> None:
        """Send a response once its transaction is committed, or on disk if that was asked for."""
        parts = request.path.split("/")
        hub = self._listener.host.find(parts[3]) if len(parts) > 3 else None
        if hub is None or request.method == "GET":
            self._send(response)
            if response.stream and hub is not None:
                self._follow(hub)
            return
        ticker = self._listener.tickers[hub]
        ticker.end()
        durable = request.query.get("confirmed", "true" if parts[-1] == "sql" else "false")
        if durable == "true" and hub.database.position > hub.durable:
            ticker.when_durable(lambda: self._send(response))
        else:
            self._send(response)

    def _send(self, response: http.Response) -> None:
        if self._transport.is_closing() or not self._http.can_respond:
            return
        self._transport.write(self._http.respond(response))
        self._asked = time.monotonic()
        self._busy = False
        if response.stream:
            self._transport.write(self._http.piece(response.body))
        elif self._http.must_close:
            self._transport.close()
        else:
            # In a turn of its own, so that a thousand pipelined requests do not recurse.
            self._listener.loop.call_soon(lambda: self._requests(self._http.next()))

    def _refuse(self, status: int, message: str) -> None:
        if self._http.can_respond:
            response = http.text(status, message)
            response.headers.append(("connection", "close"))
            self._transport.write(self._http.respond(response))
        # The peer may still be sending: closing now would reset the connection, and the reset can
        # overtake the answer. What comes is read and dropped until the peer ends, or time does.
        self._refused_at = time.monotonic()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _follow(self, hub: Hub) -> None:
        self._hub = hub
        self._follower = lambda record: self._follow_one(json_line(record))
        hub.database.logs.follow(self._follower)

    def _follow_one(self, line: bytes) -> None:
        if self._transport.get_write_buffer_size() > OUTGOING_LIMIT:
            self._transport.abort()
        elif not self._transport.is_closing():
            self._transport.write(self._http.piece(line))

    # --- the handshake ---------------------------------------------------------------------------

    def _upgrade(self, request: http.Request) -> None:
        try:
            session, hub, headers = self._open_session(request)
        except http.HttpError as error:
            self._refuse(error.status, str(error))
            return
        head, rest = self._http.switch(headers)
        self._transport.write(head)
        self._reader = FrameReader()
        self._session, self._hub = session, hub
        self._heard = time.monotonic()
        session.sink = self._write
        refusal = hub.connect(session)
        self._listener.tickers[hub].schedule()
        if refusal is not None:
            # As real servers do: no frame, no close code.
            self._session = None
            self._transport.close()
        elif rest:
            self._receive(self._reader, rest)

    def _open_session(self, request: http.Request) -> tuple[Session, Hub, list[tuple[str, str]]]:
        host, query = self._listener.host, request.query
        parts = request.path.split("/")
        if len(parts) != 5 or parts[1:3] != ["v1", "database"] or parts[4] != "subscribe":
            raise http.HttpError(404, f"no such route: {request.path}")
        if request.method != "GET":
            raise http.HttpError(405, "a WebSocket needs GET")
        hub = host.find(parts[3])
        if hub is None:
            why = host.broken_by(parts[3])
            if why is not None:
                raise http.HttpError(503, f"the database {parts[3]} cannot be served: {why}")
            raise http.HttpError(404, f"`{parts[3]}` not found")
        if request.headers.get("sec-websocket-version") != "13":
            raise http.HttpError(400, "Sec-WebSocket-Version must be 13")
        try:
            accept = accept_key(request.headers.get("sec-websocket-key", ""))
        except ValueError as error:
            raise http.HttpError(400, str(error)) from None
        offered = [x.strip() for x in request.headers.get("sec-websocket-protocol", "").split(",")]
        chosen = next((name for name in PROTOCOLS if name in offered), None)
        if chosen is None:
            raise http.HttpError(400, "no valid protocol selected")
        try:
            caller = host.caller_or_new(request.headers, query)
        except AuthError as error:
            raise http.HttpError(error.status, str(error)) from None
        default = "true" if PROTOCOLS[chosen] in (SessionV2, SessionV3) else "false"
        session = PROTOCOLS[chosen](
            hub,
            caller.identity,
            _connection_id(query),
            caller.token,
            owner=caller.identity == host.owner,
            compression=_one_of(query, "compression", "Brotli", _COMPRESSIONS),
            confirmed=_one_of(query, "confirmed", default, _BOOLEANS),
            light=_one_of(query, "light", "false", _BOOLEANS),
        )
        response = http.Response()
        identified(response, caller)
        headers = [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", accept),
            ("sec-websocket-protocol", chosen),
            *response.headers,
        ]
        return session, hub, headers

    # --- WebSocket -------------------------------------------------------------------------------

    def _receive(self, reader: FrameReader, data: bytes) -> None:
        session = self._session
        if session is None:
            return
        try:
            for message in reader.feed(data):
                session.receive(message)
        except WireError as error:
            self._work()
            self.close(1011, str(error))
        if not self._scheduled:
            self._work()
        else:
            self._pause_reading(session.backlog > INCOMING_LIMIT)
        # What came before a close is done before the close is answered.
        if not (self._scheduled and reader.closing):
            self._control(reader)

    def _work(self) -> None:
        """Do a slice of what the peer asked for; come back for the rest after the others."""
        self._scheduled = False
        session, reader = self._session, self._reader
        if session is None or reader is None:
            return
        if self._unread or session.full:
            # Its answers leave first; ``resume_writing`` or ``_write`` comes back here.
            self._pause_reading(session.backlog > INCOMING_LIMIT)
            return
        try:
            more = session.work()
        except WireError as error:
            self.close(1011, str(error))
            return
        except SqlError as error:  # a query that died in the middle of an update
            self.close(1011, str(error))
            return
        if more:
            self._work_soon()
        elif reader.closing:
            self._control(reader)
        self._pause_reading(session.backlog > INCOMING_LIMIT)

    def _work_soon(self) -> None:
        """Come back to the rest after the others had their turn."""
        if not self._scheduled and self._session is not None:
            self._scheduled = True
            self._listener.loop.call_soon(self._work)

    def _pause_reading(self, pause: bool) -> None:
        if pause != self._paused and not self._transport.is_closing():
            self._paused = pause
            if pause:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _write(self, payloads: list[bytes]) -> None:
        """Send data messages, unless the peer does not read."""
        transport, reader, session = self._transport, self._reader, self._session
        if reader is None or session is None or reader.closing or transport.is_closing():
            return
        if transport.get_write_buffer_size() > OUTGOING_LIMIT:
            transport.abort()
            return
        text = session.text
        if len(payloads) == 1:
            transport.write(data_frame(payloads[0], text=text))
        else:
            transport.write(b"".join([data_frame(payload, text=text) for payload in payloads]))
        if session.has_work and not self._unread:
            self._work_soon()

    def _control(self, reader: FrameReader) -> None:
        for data in reader.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
        if reader.closing and self._closing_at is None:
            self._closing_at = time.monotonic()
        if reader.done:
            self._transport.close()

    def close(self, code: int, reason: str) -> None:
        """Flush what is ready and begin to close."""
        if self._reader is None or self._session is None or self._hub is None:
            self._transport.close()
            return
        self._listener.tickers[self._hub].end()
        self._reader.close(code, reason)
        self._control(self._reader)

    def let_go(self, hub: Hub) -> None:
        """End a session of this database, which is not there any more as the client knows it."""
        session = self._session
        if self._hub is not hub or session is None:
            return
        self.close(1001, "the database was replaced or deleted")
        self._session = None
        hub.disconnect(session)

    def stop_following(self, hub: Hub) -> None:
        """End a log that is followed: nothing will be added to it."""
        if self._hub is hub and self._follower is not None:
            self._transport.close()

    def abort(self) -> None:
        """End at once."""
        self._transport.abort()

    def look(self, now: float) -> None:
        """Called once a second with the monotonic time in seconds."""
        if self._refused_at is not None:
            if now - self._refused_at > CLOSE_TIMEOUT_S:
                self._transport.abort()
        elif self._reader is None:
            if not self._busy and self._follower is None and now - self._asked > REQUEST_TIMEOUT_S:
                self._transport.abort()
        elif self._closing_at is not None:
            if now - self._closing_at > CLOSE_TIMEOUT_S:
                self._transport.abort()
        elif now - self._heard > 2 * PING_INTERVAL_S:
            self._transport.abort()
        elif now - self._heard > PING_INTERVAL_S:
            self._reader.ping()
            self._control(self._reader)


_COMPRESSIONS = {item.value: item for item in Compression}
_BOOLEANS = {"true": True, "false": False}


def _one_of(query: dict[str, str], name: str, default: str, known: dict[str, Any]) -> Any:
    value = query.get(name, default)
    if value not in known:
        raise http.HttpError(400, f"{name} must be one of {', '.join(known)}, not {value!r}")
    return known[value]


def _connection_id(query: dict[str, str]) -> ConnectionId:
    text = query.get("connection_id")
    if text is None:
        return new_connection_id()
    try:
        connection_id = ConnectionId.from_hex(text)
    except ValueError as error:
        raise http.HttpError(400, f"connection_id is malformed: {error}") from None
    if not int(connection_id):
        raise http.HttpError(400, "connection_id must not be zero")
    return connection_id
