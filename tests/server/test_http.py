"""HTTP as bytes: whole, byte by byte, pipelined, and too much of everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.server import http
from harness.server.http import HttpConnection, HttpError, Request, Response

GET = b"GET /v1/ping?a=1&b=x%20y&a=2 HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/database/d/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


def one(data: bytes) -> Request | HttpError:
    (found,) = HttpConnection().feed(data)
    return found


@pytest.mark.parametrize("data", [GET, POST, CHUNKED], ids=["get", "post", "chunked"])
def test_whole_and_byte_by_byte(data: bytes) -> None:
    whole = one(data)
    assert isinstance(whole, Request)
    connection = HttpConnection()
    assert [r for byte in data for r in connection.feed(bytes([byte]))] == [whole]


def test_the_parts_of_a_request() -> None:
    request = one(GET)
    assert isinstance(request, Request)
    assert (request.method, request.path) == ("GET", "/v1/ping")
    assert request.query == {"a": "2", "b": "x y"}
    assert not request.upgrade
    body = one(POST)
    assert isinstance(body, Request)
    assert body.body == b"abc"


def test_pipelined_requests_come_one_after_another() -> None:
    connection = HttpConnection()
    (first,) = connection.feed(GET + POST + GET)
    assert isinstance(first, Request)
    assert b"200" in connection.respond(Response(200))
    (second,) = connection.next()
    assert isinstance(second, Request)
    assert second.body == b"abc"
    assert b"content-length: 0" in connection.respond(Response(200)).lower()
    assert len(list(connection.next())) == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nx" + b"y" * http.MAX_HEAD + b"\r\n", 431),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2097153\r\n\r\n", 413),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /?" + b"a=1&" * 100 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
)
def test_refused(data: bytes, status: int) -> None:
    found = one(data)
    assert isinstance(found, HttpError)
    assert found.status == status


def test_a_chunked_body_is_bounded_as_well() -> None:
    connection = HttpConnection()
    head = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    found = list(connection.feed(head))
    chunk = b"80000\r\n" + b"x" * 0x80000 + b"\r\n"
    for _ in range(5):
        if not found:
            found = list(connection.feed(chunk))
    (error,) = found
    assert isinstance(error, HttpError)
    assert error.status == 413


def test_a_module_may_be_larger_than_other_bodies() -> None:
    connection = HttpConnection()
    head = b"PUT /v1/database/d HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"
    assert list(connection.feed(head)) == []
    (request,) = connection.feed(b"x" * 3_000_000)
    assert isinstance(request, Request)
    assert len(request.body) == 3_000_000


def test_switching_hands_over_what_came_behind() -> None:
    connection = HttpConnection()
    upgrade = (
        b"GET /w HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nEARLY"
    )
    (request,) = connection.feed(upgrade)
    assert isinstance(request, Request)
    assert request.upgrade
    head, rest = connection.switch([("upgrade", "websocket"), ("connection", "upgrade")])
    assert head.startswith(b"HTTP/1.1 101")
    assert rest == b"EARLY"


@given(st.binary(max_size=300))
def test_any_bytes_are_requests_or_one_error(data: bytes) -> None:
    connection = HttpConnection()
    for found in connection.feed(data):
        assert isinstance(found, Request | HttpError)
