"""A peer on a raw socket: it can keep every rule of the protocol, and break any of them."""

from __future__ import annotations

import base64
import os
import socket
import struct
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from harness.wire import compression, v1, v2
from tests.e2e.server import PATIENCE_S

V1 = v1.SUBPROTOCOL
V2 = v2.SUBPROTOCOL_V2
V3 = v2.SUBPROTOCOL_V3

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_SERVER = {V1: v1.SERVER, V2: v2.SERVER}


class Gone(Exception):
    """The server ended the connection; ``code`` is that of its close frame, or None."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(f"closed with {code} {reason!r}")
        self.code = code
        self.reason = reason


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    announced: int | None = None,
) -> bytes:
    """One WebSocket frame. ``announced`` is the length that the header claims."""
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    size = len(payload) if announced is None else announced
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, mask_bit | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    # A mask of zeros is a mask: the payload stays as it is.
    return head + (b"\0\0\0\0" if masked else b"") + payload


def handshake(
    path: str = "/v1/database/bench/subscribe?compression=None&confirmed=false",
    *,
    subprotocol: str | None = V3,
    headers: Iterable[str] = (),
) -> bytes:
    """The bytes of an upgrade request."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        *headers,
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return "\r\n".join([*lines, "", ""]).encode()


class Peer:
    """One TCP connection to the server; a WebSocket after ``upgrade``."""

    def __init__(self, address: tuple[str, int], *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(address)
        self.subprotocol = V3
        self._buffer = b""
        self._request_id = 0
        self._ready: deque[Any] = deque()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    # --- bytes ----------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read_until(self, end: bytes) -> bytes:
        """Bytes up to and with ``end``. Raises ``Gone`` if the server closes before."""
        while end not in self._buffer:
            self._more()
        head, self._buffer = self._buffer.split(end, 1)
        return head + end

    def read_all(self) -> bytes:
        """Everything until the server closes."""
        try:
            while True:
                self._more()
        except Gone:
            data, self._buffer = self._buffer, b""
            return data

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _more(self) -> None:
        try:
            data = self.socket.recv(1 << 20)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            raise Gone(None)
        self._buffer += data

    # --- WebSocket ------------------------------------------------------------------------------

    def upgrade(self, subprotocol: str = V3, **keywords: Any) -> Peer:
        """Open the WebSocket and read the greeting."""
        self.subprotocol = subprotocol
        self.send(handshake(subprotocol=subprotocol, **keywords))
        head = self.read_until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        assert subprotocol.encode() in head, head
        self.greeting = self.receive()
        return self

    def frame(self) -> tuple[bool, int, bytes]:
        """The server's next frame: last one, opcode, payload. Raises ``Gone`` after a close."""
        first, second = self._take(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._take(8))
        payload = self._take(size)
        opcode = first & 0xF
        if opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big") if payload else 1005
            raise Gone(code, payload[2:].decode())
        return bool(first & 0x80), opcode, payload

    def payload(self) -> bytes:
        """The next data message, whole. Pings are answered on the way."""
        parts = []
        while True:
            last, opcode, payload = self.frame()
            if opcode == PING:
                self.send(frame(PONG, payload))
            elif opcode != PONG:
                parts.append(payload)
                if last:
                    return b"".join(parts)

    # --- messages -------------------------------------------------------------------------------

    def tell(self, *messages: Any) -> None:
        """Send client messages of v2 or v3, a WebSocket message each."""
        self.send(b"".join(frame(BINARY, v2.CLIENT.encode(message)) for message in messages))

    def receive(self) -> Any:
        """The next server message."""
        while not self._ready:
            body = compression.unpack(self.payload())
            if self.subprotocol == V3:
                self._ready.extend(v2.SERVER.decode_all(body))
            else:
                self._ready.append(_SERVER[self.subprotocol].decode(body))
        return self._ready.popleft()

    def call(self, reducer: str, args: bytes = b"") -> v2.ReducerResult:
        """Call a reducer over v2 or v3 and read on until its answer."""
        self._request_id += 1
        self.tell(v2.CallReducer(self._request_id, 0, reducer, args))
        while True:
            message = self.receive()
            if isinstance(message, v2.ReducerResult) and message.request_id == self._request_id:
                return message

    def ended(self) -> Gone:
        """Read until the server ends the connection, and say how."""
        try:
            while True:
                self.payload()
        except Gone as gone:
            return gone
