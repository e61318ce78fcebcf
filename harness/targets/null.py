"""The null target: a process that acknowledges every call and does nothing.

What the generator reaches against it is what the generator can reach at all. It speaks v3, v2 and
v1 as far as an acknowledgement goes: subscriptions and queries have no rows. As a target of its own
it is the negative control of the oracle.

``python -m harness.targets.null`` prints its URI and ends on SIGTERM or when stdin does.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from websockets.utils import accept_key

from harness.wire import v1, v2
from harness.wire.values import ConnectionId, Identity, Ok, TimeDuration, Timestamp

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

_IDENTITY = Identity.from_int(1)
_TOKEN = "null"  # noqa: S105  (opaque to clients; nothing here checks it)
#: ReducerResult with the outcome "committed, no rows": tag, request id, time, outcome.
_ACK = struct.Struct("<BIqB")
_NOTHING = v1.DatabaseUpdate([])
_NO_TIME = TimeDuration(0)


def answers_v2(payload: bytes) -> list[bytes]:
    """The answer to each message of a v2 or v3 payload."""
    now = time.time_ns() // 1000
    return [_answer_v2(message, now) for message in v2.CLIENT.decode_all(payload)]


def _answer_v2(message: v2.ClientMessage, now: int) -> bytes:
    if type(message) is v2.CallReducer:
        return _ACK.pack(6, message.request_id, now, 1)
    if isinstance(message, v2.Subscribe):
        return v2.SERVER.encode(
            v2.SubscribeApplied(message.request_id, message.query_set_id, v2.QueryRows([]))
        )
    if isinstance(message, v2.Unsubscribe):
        return v2.SERVER.encode(
            v2.UnsubscribeApplied(message.request_id, message.query_set_id, None)
        )
    if isinstance(message, v2.OneOffQuery):
        return v2.SERVER.encode(v2.OneOffQueryResult(message.request_id, Ok(v2.QueryRows([]))))
    return v2.SERVER.encode(
        v2.ProcedureResult(
            v2.ProcedureInternalError("none here"), Timestamp(now), _NO_TIME, message.request_id
        )
    )


def answer_v1(message: v1.ClientMessage, connection_id: ConnectionId) -> bytes:
    """The answer to one v1 message."""
    answer: v1.ServerMessage
    match message:
        case v1.CallReducer():
            call = v1.ReducerCallInfo(message.reducer, 0, message.args, message.request_id)
            answer = v1.TransactionUpdate(
                v1.Committed(_NOTHING), Timestamp(time.time_ns() // 1000), _IDENTITY,
                connection_id, call, 0, _NO_TIME,
            )  # fmt: skip
        case v1.Subscribe():
            answer = v1.InitialSubscription(_NOTHING, message.request_id, _NO_TIME)
        case v1.SubscribeMulti():
            answer = v1.SubscribeMultiApplied(message.request_id, 0, message.query_id, _NOTHING)
        case v1.UnsubscribeMulti():
            answer = v1.UnsubscribeMultiApplied(message.request_id, 0, message.query_id, _NOTHING)
        case v1.OneOffQuery():
            answer = v1.OneOffQueryResponse(message.message_id, None, [], _NO_TIME)
        case _:
            answer = v1.SubscriptionError(0, message.request_id, None, None, "none here")
    return v1.SERVER.encode(answer)


def frame(payload: bytes) -> bytes:
    """An unmasked binary frame with the payload and its prefix "not compressed"."""
    size = len(payload) + 1
    if size < 126:
        return bytes((0x82, size, 0)) + payload
    if size < 65_536:
        return struct.pack("!BBHB", 0x82, 126, size, 0) + payload
    return struct.pack("!BBQB", 0x82, 127, size, 0) + payload


class NullConnection(asyncio.Protocol):
    """HTTP requests, and after an upgrade WebSocket frames, without any check."""

    def __init__(self, schema: Callable[[str], bytes]) -> None:
        self._schema = schema
        self._transport: asyncio.Transport
        self._buffer = b""
        self._protocol = ""
        self._parts: list[bytes] = []
        self._connection_id = ConnectionId.from_int(1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is none

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        while not self._protocol and self._request():
            pass
        if self._protocol:
            self._frames()

    # --- WebSocket -------------------------------------------------------------------------------

    def _frames(self) -> None:
        data, at = self._buffer, 0
        out: list[bytes] = []
        while len(data) - at >= 6:
            size, head = data[at + 1] & 0x7F, 2
            if size == 126:
                size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            elif size == 127:
                if len(data) - at < 14:
                    break
                size, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
            start = at + head + 4
            if len(data) < start + size:
                break
            payload = apply_mask(data[start : start + size], data[start - 4 : start])
            self._frame(data[at], payload, out)
            at = start + size
        self._buffer = data[at:]
        if out:
            self._transport.write(b"".join(out))

    def _frame(self, first: int, payload: bytes, out: list[bytes]) -> None:
        opcode = first & 0x0F
        if opcode == 8:
            out.append(b"\x88" + bytes((len(payload),)) + payload)
            self._transport.write(b"".join(out))
            out.clear()
            self._transport.close()
        elif opcode == 9:
            out.append(b"\x8a" + bytes((len(payload),)) + payload)
        elif opcode <= 2:
            self._parts.append(payload)
            if first & 0x80:
                whole = b"".join(self._parts)
                self._parts.clear()
                self._message(whole, out)

    def _message(self, payload: bytes, out: list[bytes]) -> None:
        if self._protocol == v1.SUBPROTOCOL:
            out.append(frame(answer_v1(v1.CLIENT.decode(payload), self._connection_id)))
        elif self._protocol == v2.SUBPROTOCOL_V3:
            out.append(frame(b"".join(answers_v2(payload))))
        else:
            out.extend(map(frame, answers_v2(payload)))

    # --- HTTP ------------------------------------------------------------------------------------

    def _request(self) -> bool:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        size = int(headers.get("content-length", "0"))
        if len(rest) < size:
            return False
        self._buffer = rest[size:]
        target = first.split(" ")[1]
        if headers.get("upgrade", "").lower() == "websocket":
            self._upgrade(headers, target)
        else:
            self._respond(target)
        return True

    def _upgrade(self, headers: dict[str, str], target: str) -> None:
        offered = headers.get("sec-websocket-protocol", "")
        known = (v2.SUBPROTOCOL_V3, v2.SUBPROTOCOL_V2, v1.SUBPROTOCOL)
        self._protocol = next((name for name in known if name in offered), v1.SUBPROTOCOL)
        asked = parse_qs(urlsplit(target).query).get("connection_id")
        if asked:
            self._connection_id = ConnectionId.from_hex(asked[0])
        hello: Any
        if self._protocol == v1.SUBPROTOCOL:
            hello = v1.SERVER.encode(v1.IdentityToken(_IDENTITY, _TOKEN, self._connection_id))
        else:
            hello = v2.SERVER.encode(v2.InitialConnection(_IDENTITY, self._connection_id, _TOKEN))
        self._transport.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(headers['sec-websocket-key'])}\r\n"
            f"Sec-WebSocket-Protocol: {self._protocol}\r\n\r\n".encode()
            + frame(hello)
        )

    def _respond(self, target: str) -> None:
        path = urlsplit(target).path
        body: bytes
        if path.endswith("/schema"):
            body = self._schema(parse_qs(urlsplit(target).query).get("version", ["9"])[0])
        elif path.endswith("/sql"):
            empty = {"schema": {"elements": []}, "rows": [], "total_duration_micros": 0}
            body = json.dumps([empty]).encode()
        elif path.endswith("/identity"):
            body = json.dumps({"identity": _IDENTITY.to_hex(), "token": _TOKEN}).encode()
        elif path.endswith("/metrics"):
            body = b"spacetime_num_txns_total 0\n"
        elif path.endswith("/health"):
            body = b'{"version":"null"}'
        else:
            body = b""
        self._transport.write(
            f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: application/json\r\n\r\n".encode()
            + body
        )


def bench_schema(version: str) -> bytes:
    """The bench module's definition as a server serves it."""
    from harness.module import load
    from harness.wire import schema_json

    definition = load("harness.module.bench").definition()
    write = schema_json.to_v10 if version == "10" else schema_json.to_v9
    return json.dumps(write(definition)).encode()


async def serve() -> None:
    """Listen on a free port of the loopback until told to end."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(
        lambda: NullConnection(bench_schema), "127.0.0.1", 0, backlog=2048
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    if os.environ.get("HARNESS_DIE_WITH_PARENT"):
        loop.add_reader(sys.stdin.fileno(), _end_with_stdin, stopped)
    await stopped.wait()
    server.close()


def _end_with_stdin(stopped: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stopped.set()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
