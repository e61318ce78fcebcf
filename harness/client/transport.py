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

from harness.errors import ConnectError

#: Server messages have no limit of their own; this bounds what a broken one can make us keep.
MAX_MESSAGE = 1 << 30

OnMessage = Callable[[bytes], None]
OnClose = Callable[[int, str], None]


class Transport(WSListener):
    """One WebSocket. ``on_close`` gets the close code (1006 without one) and reason."""

    def __init__(self, on_message: OnMessage, on_close: OnClose) -> None:
        self._on_message = on_message
        self._on_close = on_close
        self._transport: PicowsTransport | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._code, self._reason = 1006, ""
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
                self.close(1009, "message too big")
            elif frame.fin:
                message, self._parts, self._size = b"".join(self._parts), [], 0
                self._on_message(message)
        elif kind is WSMsgType.CLOSE:
            code = frame.get_close_code()
            self._code = int(code.value if isinstance(code, WSCloseCode) else code)
            self._reason = (frame.get_close_message() or b"").decode(errors="replace")
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

    @property
    def subprotocol(self) -> str:
        """What the server chose."""
        assert self._transport is not None
        headers = self._transport.response.headers
        return str(headers.get("Sec-WebSocket-Protocol") or "")

    def send(self, message: bytes) -> None:
        assert self._transport is not None
        self._transport.send(WSMsgType.BINARY, message)

    async def drain(self) -> None:
        """Wait until the peer has taken enough of what was sent."""
        await self._writable.wait()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye and end, at once."""
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        if not transport.is_close_frame_sent:
            known = {item.value: item for item in WSCloseCode}
            transport.send_close(known.get(code, WSCloseCode.OK), reason.encode()[:123])
        transport.disconnect()


async def open_transport(
    url: str,
    headers: Iterable[tuple[str, str]],
    on_message: OnMessage,
    on_close: OnClose,
    timeout_s: float,
) -> Transport:
    """Connect and shake hands.

    Raises ``ConnectError`` with the HTTP status and the server's text if it refuses, and without a
    status if nobody answers within ``timeout_s`` seconds.
    """
    shown = url.partition("?")[0]  # a query can hold a token
    try:
        _, listener = await asyncio.wait_for(
            ws_connect(
                lambda: Transport(on_message, on_close),
                url,
                extra_headers=list(headers),
                max_frame_size=MAX_MESSAGE,
                websocket_handshake_timeout=None,
                max_redirects=0,
                use_aiofastnet=False,
            ),
            timeout_s,
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
        raise ConnectError(f"{shown} did not answer within {timeout_s:g} s") from None
    except (OSError, WSError) as error:
        raise ConnectError(f"{shown} cannot be reached: {error}") from error
    assert isinstance(listener, Transport)
    return listener
