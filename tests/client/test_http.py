"""HTTP answers as servers should not give them, and what goes out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from harness.client import http as module
from harness.client.http import Http
from harness.errors import (
    ConnectError,
    ConnectionLost,
    DecodeError,
    HarnessError,
    InternalError,
    QueryError,
    ReducerError,
    RemoteProtocolError,
    SchemaError,
)
from harness.wire import types as t

SQL = (
    '[{"schema":{"elements":[{"name":{"some":"id"},"algebraic_type":{"U32":[]}},'
    '{"name":{"none":[]},"algebraic_type":{"String":[]}}]},"rows":[[1,"a"],[2,"b"]]}]'
)


def ask(
    story: Callable[[Http], Awaitable[Any]],
    *,
    status: int = 200,
    body: str | bytes = b"",
    token: str | None = None,
) -> tuple[Any, web.Request, bytes]:
    """What comes of a story with a server of one answer, and the last request that it got."""

    async def served() -> tuple[Any, web.Request, bytes]:
        got: list[tuple[web.Request, bytes]] = []

        async def answer(request: web.Request) -> web.Response:
            got.append((request, await request.read()))
            return web.Response(status=status, body=body)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            async with Http(f"http://{host}:{port}", token) as http:
                found = await story(http)
            return found, *got[-1]
        finally:
            await runner.cleanup()

    return asyncio.run(served())


def test_requests_say_what_the_routes_want() -> None:
    _, request, body = ask(lambda http: http.call("my db", "a/b", [1, "x"]), token="secret")
    assert (request.method, request.raw_path) == ("POST", "/v1/database/my%20db/call/a%2Fb")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Bearer secret"
    assert body == b'[1, "x"]'
    _, request, body = ask(lambda http: http.publish("db", b"\0asm", clear=True), body="{}")
    assert (request.method, request.raw_path) == ("PUT", "/v1/database/db?clear=true")
    assert body == b"\0asm"
    assert "Authorization" not in request.headers
    _, request, _ = ask(lambda http: http.delete("db"))
    assert (request.method, request.raw_path) == ("DELETE", "/v1/database/db")
    _, request, body = ask(lambda http: http.sql("db", "SELECT 'ä'"), body="[]")
    assert (request.raw_path, body) == ("/v1/database/db/sql", "SELECT 'ä'".encode())


def test_rows_have_columns_and_types() -> None:
    (found, *_) = ask(lambda http: http.sql("db", "SELECT"), body=SQL)
    (result,) = found
    assert result.columns == ("id", "")
    assert result.rows == [[1, "a"], [2, "b"]]
    assert result.stats == {}
    assert result.type == t.Product((t.Element("id", t.U32), t.Element(None, t.STRING)))


def test_a_log_is_one_object_a_line() -> None:
    found, request, _ = ask(
        lambda http: http.logs("db", 7), body='{"level":"Info","message":"hi"}\n{"ts":1}\n\n'
    )
    assert found == [{"level": "Info", "message": "hi"}, {"ts": 1}]
    assert request.raw_path == "/v1/database/db/logs?num_lines=7"


def test_a_line_of_a_log_may_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    line = b'{"message":"' + b"x" * 500_000 + b'"}\n'
    found, request, _ = ask(lambda http: http.logs("db", None), body=line * 2 + b'{"ts":1}')
    assert [len(x.get("message", "")) for x in found] == [500_000, 500_000, 0]
    assert request.raw_path == "/v1/database/db/logs"
    monkeypatch.setattr(module, "MAX_LINE", 100_000)
    with pytest.raises(RemoteProtocolError, match="a line of more than 100000 bytes"):
        ask(lambda http: http.logs("db", None), body=line)


def test_a_log_that_breaks_off() -> None:
    """What came is given; then there is a sentence about the server, not about its HTTP."""

    async def breaks(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"ts":1}\n{"ts"')
        assert request.transport is not None
        request.transport.close()
        return response

    async def story() -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", breaks)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            async with Http(f"http://{host}:{port}") as http:
                records = http.follow_logs("db")
                assert await anext(records) == {"ts": 1}
                with pytest.raises(ConnectionLost, match=f":{port} ended within the log"):
                    await anext(records)
        finally:
            await runner.cleanup()

    asyncio.run(story())


@pytest.mark.parametrize("line", [b"7\n", b'"x"\n', b"[]\n", b"null\n"])
def test_what_is_no_record(line: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="a line that is no record"):
        ask(lambda http: anext(http.follow_logs("db")), body=line)


@pytest.mark.parametrize(
    ("status", "error"),
    [(530, ReducerError), (400, InternalError), (404, InternalError), (402, InternalError),
     (403, ConnectError), (401, ConnectError)],
)  # fmt: skip
def test_statuses_of_a_call(status: int, error: type[HarnessError]) -> None:
    with pytest.raises(error, match="the text") as caught:
        ask(lambda http: http.call("db", "add", []), status=status, body="the text")
    if isinstance(caught.value, ConnectError):
        assert caught.value.status == status


def test_statuses_of_sql() -> None:
    with pytest.raises(QueryError, match=r"^no such table$"):
        ask(lambda http: http.sql("db", "SELECT"), status=400, body="no such table")
    with pytest.raises(ConnectError, match="401"):
        ask(lambda http: http.sql("db", "SELECT"), status=401)


@pytest.mark.parametrize("body", ["", "{", "nonsense", b"\xff"])
def test_what_is_no_json(body: str | bytes) -> None:
    for story in (
        lambda http: http.identity(),
        lambda http: http.health(),
        lambda http: http.sql("db", "SELECT"),
        lambda http: http.schema("db"),
    ):
        with pytest.raises(DecodeError):
            ask(story, body=body)


@pytest.mark.parametrize("body", ["[]", "7", "null", '{"identity":"x"}'])
def test_an_identity_that_is_none(body: str) -> None:
    for story in (lambda http: http.identity(), lambda http: http.websocket_token()):
        with pytest.raises(RemoteProtocolError, match="is no object with"):
            ask(story, body=body)


@pytest.mark.parametrize(
    "body",
    ["7", "null", "[7]", "[{}]", '[{"schema":{},"rows":[]}]', '[{"schema":{"elements":[]}}]',
     '[{"schema":{"elements":[7]},"rows":[]}]', '[{"schema":{"elements":7},"rows":[]}]'],
)  # fmt: skip
def test_sql_answers_that_make_no_sense(body: str) -> None:
    with pytest.raises(RemoteProtocolError, match="makes no sense"):
        ask(lambda http: http.sql("db", "SELECT"), body=body)


def test_a_schema_that_is_none() -> None:
    with pytest.raises(SchemaError):
        ask(lambda http: http.schema("db"), body='{"tables": 7}')


def test_an_answer_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER", 1000)
    with pytest.raises(RemoteProtocolError, match="more than 1000 bytes"):
        ask(lambda http: http.metrics(), body=b"x" * 5000)
    assert ask(lambda http: http.metrics(), body=b"x" * 1000)[0] == "x" * 1000


def test_what_is_no_address() -> None:
    async def story() -> None:
        async with Http("nowhere at all") as http:
            with pytest.raises(ConnectError, match="cannot be reached"):
                await http.ping()

    asyncio.run(story())
