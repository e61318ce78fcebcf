"""HTTP without I/O: requests in, responses out, for one connection. h11 does the parsing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import h11

from harness.module import program

#: A request's line and headers may have this many bytes.
MAX_HEAD = 256 * 1024
#: Its target may have this many bytes, and it may have so many headers.
MAX_TARGET = 64 * 1024
MAX_HEADERS = 128
#: A body may have this many bytes, unless its route allows more.
MAX_BODY = 2 * 1024 * 1024
#: Where programs are sent to, which may be larger.
_PROGRAMS = re.compile(rb"/v1/database(/[^/]*(/pre_publish|/reset)?)?")
#: The most that any route allows: a program to publish.
MAX_PUBLISH = program.LIMIT
#: One request may have this many query parameters.
MAX_PARAMETERS = 64

_REASONS = {status.value: status.phrase for status in HTTPStatus}

CORS = [
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "GET, POST, PUT, DELETE, OPTIONS"),
    ("access-control-allow-headers", "authorization, accept, content-type"),
    ("access-control-expose-headers", "spacetime-identity, spacetime-identity-token"),
]


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``query`` has the last value of each parameter, ``path`` is decoded."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""

    @property
    def upgrade(self) -> bool:
        """Whether the peer asks for a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"


@dataclass(slots=True)
class Response:
    """One response; ``stream`` says that the body follows in pieces until the connection ends."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    stream: bool = False


def text(status: int, message: str) -> Response:
    """A response in words."""
    return Response(status, message.encode(), [("content-type", "text/plain; charset=utf-8")])


def as_json(value: Any, status: int = 200) -> Response:
    """A JSON response."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return Response(status, body, [("content-type", "application/json")])


class HttpError(Exception):
    """Ends the handling of a request with this response."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class HttpConnection:
    """The server's side of one HTTP connection."""

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._head: h11.Request | None = None
        self._body: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Request | HttpError]:
        """Requests completed by ``data``; b"" means that the peer will send no more.

        After an ``HttpError`` answer it and close.
        """
        try:
            self._h11.receive_data(data)
            yield from self._events()
        except h11.RemoteProtocolError as error:
            yield HttpError(error.error_status_hint, f"not valid HTTP: {error}")

    def next(self) -> Iterator[Request | HttpError]:
        """Requests that were pipelined behind the one just answered."""
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            try:
                yield from self._events()
            except h11.RemoteProtocolError as error:
                yield HttpError(error.error_status_hint, f"not valid HTTP: {error}")

    def _events(self) -> Iterator[Request | HttpError]:
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return
            if isinstance(event, h11.Request):
                self._head, self._body, self._size = event, [], 0
                if len(event.target) > MAX_TARGET:
                    yield HttpError(414, f"the target is longer than {MAX_TARGET} bytes")
                    return
                if len(event.headers) > MAX_HEADERS:
                    yield HttpError(431, f"a request may have {MAX_HEADERS} headers")
                    return
                announced = dict(event.headers).get(b"content-length", b"0")
                if int(announced) > self._limit():
                    yield HttpError(413, f"the body is larger than {self._limit()} bytes")
                    return
            elif isinstance(event, h11.Data):
                self._size += len(event.data)
                if self._size > self._limit():
                    yield HttpError(413, f"the body is larger than {self._limit()} bytes")
                    return
                self._body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                yield self._request()
                return
            elif isinstance(event, h11.ConnectionClosed):
                return

    def _limit(self) -> int:
        assert self._head is not None
        path = self._head.target.split(b"?")[0]
        publishing = self._head.method in (b"PUT", b"POST") and _PROGRAMS.fullmatch(path)
        return MAX_PUBLISH if publishing else MAX_BODY

    def _request(self) -> Request | HttpError:
        head = self._head
        assert head is not None
        try:
            parts = urlsplit(head.target.decode("ascii"))
            pairs = parse_qs(parts.query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
            path = unquote(parts.path, errors="strict")
        except ValueError:
            return HttpError(400, "the request's target is malformed")
        return Request(
            method=head.method.decode("ascii"),
            path=path,
            query={name: values[-1] for name, values in pairs.items()},
            headers={
                name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers
            },
            body=b"".join(self._body),
        )

    @property
    def wants_continue(self) -> bool:
        """Whether the peer waits for ``100 Continue`` before it sends its body."""
        return self._h11.they_are_waiting_for_100_continue

    def go_on(self) -> bytes:
        """``100 Continue``."""
        info = h11.InformationalResponse(status_code=100, headers=[])
        return self._h11.send(info) or b""

    def respond(self, response: Response) -> bytes:
        """The bytes of a response; of its head only, if it streams."""
        headers = [*response.headers, *CORS]
        if response.stream:
            headers.append(("connection", "close"))
        else:
            headers.append(("content-length", str(len(response.body))))
        reason = _REASONS.get(response.status, "")
        head = h11.Response(status_code=response.status, headers=headers, reason=reason.encode())
        parts = [self._h11.send(head) or b""]
        if not response.stream:
            parts.append(self._h11.send(h11.Data(data=response.body)) or b"")
            parts.append(self._h11.send(h11.EndOfMessage()) or b"")
        return b"".join(parts)

    def piece(self, data: bytes) -> bytes:
        """A piece of a streamed body."""
        return self._h11.send(h11.Data(data=data)) or b""

    def switch(self, headers: list[tuple[str, str]]) -> tuple[bytes, bytes]:
        """``101 Switching Protocols``, and what the peer sent behind its request already."""
        response = h11.InformationalResponse(status_code=101, headers=headers)
        return self._h11.send(response) or b"", self._h11.trailing_data[0]

    @property
    def must_close(self) -> bool:
        """Whether the connection ends with the response just sent."""
        return self._h11.our_state in (h11.MUST_CLOSE, h11.CLOSED, h11.ERROR)

    @property
    def can_respond(self) -> bool:
        """Whether a response can still be sent."""
        return self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE)
