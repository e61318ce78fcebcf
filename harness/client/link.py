"""One transport after another: the half of a client that sends bytes and reads them.

What is sent in one tick of the event loop leaves together at its end.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

import msgspec

from harness.client.answers import Port
from harness.client.subscriptions import finish
from harness.client.transport import Transport
from harness.errors import (
    ConnectionLost,
    HarnessError,
    LocalProtocolError,
    RemoteProtocolError,
    WireError,
)
from harness.protocol import open_connection
from harness.protocol.connection import Connection
from harness.protocol.events import CalledAlike, Event

#: Seconds for the goodbye: what is still to be sent, and the end of the socket.
CLOSE_TIMEOUT_S = 5.0


class Stats(msgspec.Struct):
    """What went over the wire; frames are WebSocket messages, messages the protocol's.

    Outgoing things are counted when they leave, at the end of a tick.
    """

    frames_in: int = 0
    frames_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    messages_in: int = 0
    messages_out: int = 0
    calls: int = 0
    reconnects: int = 0


class Link(ABC):
    """A transport and its protocol; when it ends, there can be another."""

    #: Whether calls need nothing but to be queued.
    _plain_calls = True

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.stats = Stats()
        self._transport: Transport | None = None
        self._connection: Connection | None = None
        self._early: list[bytes] = []
        #: What calls are handed to; shared by all that call.
        self._port = Port(self.loop, self._flush_soon)
        self._closing = False
        self._lost: HarnessError | None = None
        self._greeting: asyncio.Future[None] = self.loop.create_future()
        self._protocol = ""
        self._abort: asyncio.TimerHandle | None = None

    # --- what a client makes of it ---------------------------------------------------------------

    @abstractmethod
    def _hear(self, events: list[Event]) -> None:
        """Handle what a message said. Raises ``DecodeError`` or ``RemoteProtocolError``."""

    @abstractmethod
    def _detached(self, error: HarnessError) -> None:
        """There is no transport any more."""

    @abstractmethod
    def _ended(self, error: HarnessError) -> None:
        """A connection that was greeted has ended."""

    # --- from the handshake to the end -----------------------------------------------------------

    def start(self, transport: Transport) -> None:
        """Take over a transport whose handshake is done."""
        self._lost = None
        self._connection = open_connection(transport.subprotocol)
        self._protocol = self._connection.protocol
        if self._plain_calls:
            self._port.call = self._connection.call_reducer
        self._transport = transport
        early, self._early = self._early, []
        for message in early:
            self.on_message(message)

    def renew(self) -> None:
        """Be ready for another transport, with the same cache and subscriptions."""
        self._connection = self._transport = self._port.call = None
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

    def _goodbye(self) -> bool:
        """Send what is queued and end; False if there is nothing to end."""
        self._closing = True
        self._flush()
        transport = self._transport
        if transport is None:
            return False
        self._open().goodbye()
        transport.close()
        self._abort = self.loop.call_later(CLOSE_TIMEOUT_S, transport.abort)
        return True

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
        else:
            self._ended(error)

    def detach(self, error: HarnessError) -> None:
        """There is no transport any more: nobody who waits for an answer will get one."""
        connection, self._connection, self._transport = self._connection, None, None
        self._port.call = None
        for waiter in connection.close() if connection is not None else ():
            finish(waiter, ConnectionLost(str(error)))
        if self._abort is not None:
            self._abort.cancel()
        self._detached(error)

    # --- bytes -----------------------------------------------------------------------------------

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
            stats.messages_in += (
                len(events[0].waiters)
                if len(events) == 1 and type(events[0]) is CalledAlike
                else len(events)
            )
            self._hear(events)
            if connection.violation is not None:
                raise connection.violation
        except (WireError, RemoteProtocolError) as error:
            self._lost = error
            if self._transport is not None:
                self._transport.close(1002, str(error))

    async def drain(self) -> None:
        """Wait while the server takes less than we send."""
        if self._transport is not None:
            await self._transport.drain()

    def _open(self) -> Connection:
        if self._connection is None:
            raise self.unconnected()
        return self._connection

    def unconnected(self) -> LocalProtocolError:
        """What is raised where nothing can be sent: that there is no connection, and why."""
        why = "" if self._lost is None else f": {self._lost}"
        return LocalProtocolError(f"there is no connection{why}")

    def _flush_soon(self) -> None:
        if not self._port.flushing:
            self._port.flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._port.flushing = False
        connection, transport, stats = self._connection, self._transport, self.stats
        if connection is None or transport is None or self._lost is not None:
            return
        stats.messages_out += connection.queued
        stats.calls += connection.calls_made()
        payloads = connection.data_to_send()
        if payloads:
            stats.frames_out += len(payloads)
            stats.bytes_out += sum(map(len, payloads))
            transport.send(payloads)
