"""WebSocket without I/O: the handshake, frames in, frames out.

The `websockets` package parses and enforces RFC 6455: masking, reserved bits, lengths announced
before anything is allocated, control frames, UTF-8, close codes. Outgoing data frames are written
here, so that one frame can be shared by all its receivers.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterator

from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol, State

#: A client message may have this many bytes (`subscribe.rs` of SpacetimeDB 1.2 and 2.8).
MAX_MESSAGE = 32 * 1024 * 1024
#: A message may come in so many fragments; more are a way to waste our time.
MAX_FRAGMENTS = 65_536

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


def accept_key(key: str) -> str:
    """``Sec-WebSocket-Accept`` for a ``Sec-WebSocket-Key``. Raises ValueError if malformed."""
    if len(base64.b64decode(key, validate=True)) != 16:
        raise ValueError("Sec-WebSocket-Key must be 16 bytes in base64")
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def data_frame(payload: bytes, *, text: bool = False) -> bytes:
    """One whole unmasked data frame."""
    first = 0x81 if text else 0x82
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


class FrameReader:
    """The receiving half of an open connection, and its control frames."""

    def __init__(self) -> None:
        self._protocol = Protocol(SERVER, state=State.OPEN, max_size=MAX_MESSAGE)
        self._parts: list[bytes] = []
        self._text = False

    def feed(self, data: bytes) -> Iterator[bytes | str]:
        """The messages completed by ``data``.

        Protocol violations end the connection: look at ``data_to_send`` and ``done`` afterwards.
        """
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            if not isinstance(frame, Frame) or frame.opcode in _CONTROL:
                continue
            if frame.opcode is not Opcode.CONT:
                self._text = frame.opcode is Opcode.TEXT
                if frame.fin:
                    message = self._message(bytes(frame.data))
                    if message is not None:
                        yield message
                    continue
            self._parts.append(bytes(frame.data))
            if len(self._parts) > MAX_FRAGMENTS:
                self.fail(1009, f"a message has more than {MAX_FRAGMENTS} fragments")
                return
            if frame.fin:
                whole, self._parts = b"".join(self._parts), []
                message = self._message(whole)
                if message is not None:
                    yield message

    def _message(self, data: bytes) -> bytes | str | None:
        if not self._text:
            return data
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.fail(1007, "a text message is not UTF-8")
            return None

    def eof(self) -> None:
        """The peer will send no more."""
        self._protocol.receive_eof()

    def ping(self) -> None:
        """Ask for a sign of life."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake; a reason is cut to what a frame can hold."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, _cut(reason))

    def fail(self, code: int, reason: str) -> None:
        """End the connection because the peer broke a rule."""
        if self._protocol.state is State.OPEN:
            self._protocol.fail(code, _cut(reason))

    def data_to_send(self) -> list[bytes]:
        """Control frames to write; an empty item means: then close the writing side."""
        return self._protocol.data_to_send()

    @property
    def closing(self) -> bool:
        """Whether a close frame was sent or received: no data frames any more."""
        return self._protocol.state is not State.OPEN

    @property
    def done(self) -> bool:
        """Whether the TCP connection should be closed now."""
        return self._protocol.close_expected()


_CONTROL = {Opcode.PING, Opcode.PONG, Opcode.CLOSE}


def _cut(reason: str) -> str:
    """RFC 6455, 5.5: a control frame holds 125 bytes, two of them for the code."""
    return reason.encode()[:123].decode(errors="ignore")
