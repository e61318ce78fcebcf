"""The seam to the WebSocket library: another library costs this page.

A transport connects, hands whole binary messages to ``on_message``, tells once of the end to
``on_close``, and takes messages to send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    ws_connect,
)
from picows import WSTransport as PicowsTransport

from harness.client.frames import together
from harness.errors import ConnectError

#: The close code of an end without a word (RFC 6455, 7.4.1).
NO_CLOSE = 1006

#: The most bytes of a reason in a close frame (RFC 6455, 5.5: 125 with the code).
MAX_REASON = 123

#: Seconds without a sign of life until we ask for one, and until the lack of it is the end; as the
#: Rust SDK does (`sdks/rust/src/websocket.rs` of SpacetimeDB 2.8).
IDLE_S = 30.0

#: Server messages have no limit of their own; this bounds what a broken one can make us keep.
MAX_MESSAGE = 1 << 30

#: Messages are written together until they have so many bytes.
BATCH = 256 * 1024

OnMessage = Callable[[bytes], None]
OnClose = Callable[[int, str], None]


class Transport(WSListener):
    """One WebSocket. ``on_close`` gets the close code (1006 without one) and reason."""

    def __init__(self, on_message: OnMessage, on_close: OnClose) -> None:
        self._on_message: Callable[..., None] = on_message
        self._on_close: Callable[..., None] = on_close
        self._transport: PicowsTransport | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._code, self._reason = NO_CLOSE, ""
        self._writable = asyncio.Event()
        self._writable.set()

    # --- what picows calls -----------------------------------------------------------------------

    def on_ws_connected(self, transport: PicowsTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: PicowsTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is WSMsgType.BINARY and frame.fin:
            self._on_message(frame.get_payload_as_bytes())
        elif kind is WSMsgType.BINARY or kind is WSMsgType.CONTINUATION:
            part = frame.get_payload_as_bytes()
            self._parts.append(part)
            self._size += len(part)
            if self._size > MAX_MESSAGE:
                self._code, self._reason = 1009, f"a message of more than {MAX_MESSAGE} bytes"
                self.close(1009, "message too big")
            elif frame.fin:
                message, self._parts, self._size = b"".join(self._parts), [], 0
                self._on_message(message)
        elif kind is WSMsgType.TEXT:
            self._code, self._reason = 1003, "it sent text"
            self.close(1003, "text has no meaning here")
        elif kind is WSMsgType.CLOSE:
            code = frame.get_close_code()
            self._code = int(code.value if isinstance(code, WSCloseCode) else code)
            self._reason = (frame.get_close_message() or b"").decode(errors="replace")
            if not transport.is_close_frame_sent:
                transport.send_close(code if self._code else WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: PicowsTransport) -> None:
        self._writable.set()
        self._on_close(self._code, self._reason)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # --- what the client calls -------------------------------------------------------------------

    async def open(self, url: str, headers: Iterable[tuple[str, str]], limit_s: float) -> None:
        """Connect and shake hands.

        Raises ``ConnectError`` with the HTTP status and the server's text if it refuses, and
        ``TimeoutError`` after ``limit_s`` seconds.
        """
        shown = url.partition("?")[0]  # a query can hold a token
        try:
            _, listener = await ws_connect(
                lambda: self,
                url,
                extra_headers=list(headers),
                max_frame_size=MAX_MESSAGE,
                websocket_handshake_timeout=limit_s,
                max_redirects=0,
                use_aiofastnet=False,
                enable_auto_ping=True,
                auto_ping_idle_timeout=IDLE_S,
                auto_ping_reply_timeout=IDLE_S,
            )
        except WSHandshakeError as error:
            status = getattr(error.response, "status", None)
            code = int(status) if status is not None else None
            body = (error.raw_body or b"").decode(errors="replace").strip()
            text = f"{shown} refused the connection"
            if code is not None:
                text += f" with status {code}"
            raise ConnectError(f"{text}: {body or error}", code) from error
        except TimeoutError:
            raise
        except (OSError, WSError) as error:
            raise ConnectError(f"{shown} cannot be reached: {error}") from error
        if listener is not self:  # what ws_connect makes of an end before the answer
            raise ConnectError(f"{shown} ended the connection before it answered")

    @property
    def subprotocol(self) -> str:
        """What the server chose."""
        headers = self._picows().response.headers
        return str(headers.get("Sec-WebSocket-Protocol") or "")

    @property
    def close_code(self) -> int:
        """Why it ended; ``NO_CLOSE`` without a word."""
        return self._code

    def send(self, messages: list[bytes]) -> None:
        """Send binary messages, short ones in one write; what the peer does not take is kept."""
        transport = self._picows()
        if len(messages) == 1:
            transport.send(WSMsgType.BINARY, messages[0])
            return
        batch: list[bytes] = []
        size = 0
        for message in messages:
            batch.append(message)
            size += len(message)
            if size >= BATCH:
                self._write(transport, batch)
                batch, size = [], 0
        if batch:
            self._write(transport, batch)

    def _write(self, transport: PicowsTransport, batch: list[bytes]) -> None:
        if not (transport.is_close_frame_sent or transport.is_disconnected):
            transport.underlying_transport.write(together(batch))

    async def drain(self) -> None:
        """Wait until the peer has taken enough of what was sent."""
        await self._writable.wait()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye, and end when everything is sent."""
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        if not transport.is_close_frame_sent:
            words = reason.encode()[:MAX_REASON].decode(errors="ignore").encode()
            transport.send_close(_CODES.get(code, WSCloseCode.OK), words)
        transport.disconnect()

    def abort(self) -> None:
        """End at once, whatever was not sent yet."""
        if self._transport is not None:
            self._transport.disconnect(False)

    def abandon(self) -> None:
        """End at once, and tell nobody."""
        self._on_message = self._on_close = _nobody
        self.abort()

    def _picows(self) -> PicowsTransport:
        assert self._transport is not None, "the transport is not open"
        return self._transport


_CODES = {item.value: item for item in WSCloseCode}


def _nobody(*_: object) -> None:
    """Hears what comes after the end."""
