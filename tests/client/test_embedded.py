"""The client against the embedded server in its own process: WebSocket and HTTP together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness.client import Client, Http, connect
from harness.errors import ConnectError, InternalError, QueryError, ReducerError
from tests.client.scripted import run
from tests.e2e.server import ServerProcess

each = pytest.mark.parametrize("protocol", ["v3", "v2", "v1"])


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process
        assert process.alive(), f"the server died:\n{process.errors()}"


async def attach(server: ServerProcess, protocol: str, **options: Any) -> Client:
    client = await connect(server.uri, "bench", protocols=(protocol,), confirmed=False, **options)
    await client.reducers.clear_items()
    return client


def item(number: int, hp: int = 5) -> dict[str, Any]:
    place = {"x": 1.0, "y": 2.0, "z": 3.0}
    return {"id": number, **place, "hp": hp, "alive": True, "name": f"item {number}"}


@each
@pytest.mark.parametrize("compression", ["None", "Gzip", "Brotli"])
def test_rows_come_change_and_go(server: ServerProcess, protocol: str, compression: str) -> None:
    async def story() -> None:
        client = await attach(server, protocol, compression=compression)
        assert client.protocol == protocol
        made = [client.reducers.insert_item(**item(number)) for number in range(100)]
        await asyncio.gather(*made)
        subscription = await client.subscribe("SELECT * FROM item")
        assert sorted(row.id for row in client.db.item) == list(range(100))
        told: list[Any] = []
        client.db.item.on_insert(lambda context, row: told.append(("insert", row.id)))
        client.db.item.on_update(
            lambda context, old, new: told.append(("update", new.id, old.hp, new.hp))
        )
        client.db.item.on_delete(lambda context, row: told.append(("delete", row.id)))
        await client.reducers.insert_item(**item(100))
        await client.reducers.update_item(**item(100, hp=6))
        assert client.db.item.id.find(100).hp == 6
        await client.reducers.delete_item(100)
        assert told == [("insert", 100), ("update", 100, 5, 6), ("delete", 100)]
        await subscription.unsubscribe()
        assert client.db.item.count() == 0
        assert len(told) == 3 + 100
        await client.close()

    run(story)


@each
def test_overlapping_subscriptions(server: ServerProcess, protocol: str) -> None:
    async def story() -> None:
        client = await attach(server, protocol)
        await asyncio.gather(*(client.reducers.insert_item(**item(x)) for x in range(4)))
        everything = await client.subscribe("SELECT * FROM item")
        told: list[Any] = []
        client.db.item.on_insert(lambda context, row: told.append(("insert", row.id)))
        client.db.item.on_delete(lambda context, row: told.append(("delete", row.id)))
        some = await client.subscribe("SELECT * FROM item WHERE id >= 2")
        await everything.unsubscribe()
        assert sorted(row.id for row in client.db.item) == [2, 3]
        assert sorted(told) == [("delete", 0), ("delete", 1)]
        await some.unsubscribe()
        assert client.db.item.count() == 0
        await client.close()

    run(story)


@each
def test_another_client_hears_of_it(server: ServerProcess, protocol: str) -> None:
    async def story() -> None:
        writer, reader = await attach(server, protocol), await attach(server, protocol)
        assert writer.identity != reader.identity
        came = asyncio.Event()
        await reader.subscribe("SELECT * FROM item")
        reader.db.item.on_insert(lambda context, row: came.set())
        await writer.reducers.insert_item(**item(7))
        await came.wait()
        assert reader.db.item.id.find(7).name == "item 7"
        assert writer.db.item.count() == 0
        await writer.close()
        await reader.close()

    run(story)


@each
def test_refusals_of_every_kind(server: ServerProcess, protocol: str) -> None:
    async def story() -> None:
        client = await attach(server, protocol)
        with pytest.raises(ReducerError, match=r"^no such item 12345$"):
            await client.reducers.delete_item(12345)
        with pytest.raises(InternalError):
            await client.call_encoded("nothing_of_this_name", b"")
        with pytest.raises(InternalError):
            await client.call_encoded("delete_item", b"\x01")
        with pytest.raises(QueryError):
            await client.subscribe("SELECT * FROM nothing")
        with pytest.raises(QueryError):
            await client.query("SELECT")
        await client.reducers.insert_item(**item(3))
        [row] = await client.query("SELECT * FROM item WHERE id = 3")
        assert row.name == "item 3"
        assert await client.query("SELECT * FROM item WHERE id = 4") == []
        await client.close()

    run(story)


@each
def test_a_token_is_who_we_are(server: ServerProcess, protocol: str) -> None:
    async def story() -> None:
        async with Http(server.http) as http:
            identity, token = await http.identity()
        client = await attach(server, protocol, token=token)
        assert client.identity.to_hex() == identity
        await client.close()
        with pytest.raises(ConnectError) as caught:
            await attach(server, protocol, token="not a token")
        assert caught.value.status == 401
        assert "not a token" not in str(caught.value)

    run(story)


def test_the_server_chooses_the_newest_and_knows_its_databases(server: ServerProcess) -> None:
    async def story() -> None:
        async with connect(server.uri, "bench") as client:
            assert client.protocol == "v3"
            schema = client.schema
        with pytest.raises(ConnectError) as caught:
            await connect(server.uri, "nobody", schema=schema)
        assert caught.value.status == 404

    run(story)


# --- HTTP ----------------------------------------------------------------------------------------


def test_both_forms_of_the_schema_say_the_same(server: ServerProcess) -> None:
    async def story() -> None:
        async with Http(server.http) as http:
            nine, ten = await http.schema("bench", 9), await http.schema("bench", 10)
        names = {table.name for table in nine.tables}
        assert {"item", "account", "message"} <= names
        assert names == {table.name for table in ten.tables}
        assert nine.reducer("transfer").params == ten.reducer("transfer").params

    run(story)


def test_calls_and_sql(server: ServerProcess) -> None:
    async def story() -> None:
        async with Http(server.http) as http:
            await http.call("bench", "clear_items", [])
            await http.call("bench", "insert_item", [1, 1.0, 2.0, 3.0, 5, True, "it's"])
            await http.call("bench", "insert_item", item(2))
            [found] = await http.sql("bench", "SELECT id, name FROM item WHERE id = 1")
            assert found.columns == ("id", "name")
            assert found.rows == [[1, "it's"]]
            with pytest.raises(ReducerError, match="no such item 9"):
                await http.call("bench", "delete_item", [9])
            with pytest.raises(InternalError):
                await http.call("bench", "nothing", [])
            with pytest.raises(InternalError):
                await http.call("bench", "delete_item", ["x"])
            with pytest.raises(QueryError):
                await http.sql("bench", "SELEC")

    run(story)


def test_errors_have_their_status_and_no_token(server: ServerProcess) -> None:
    async def story() -> None:
        async with Http(server.http) as http:
            _, token = await http.identity()
        async with Http(server.http, token) as http:
            await http.ping()
            assert token not in repr(http)
            with pytest.raises(ConnectError) as caught:
                await http.schema("nobody")
            assert caught.value.status == 404
            with pytest.raises(ConnectError) as caught:  # the log is the owner's
                await http.logs("bench")
            assert caught.value.status == 403
            with pytest.raises(ConnectError) as caught:
                await anext(http.follow_logs("bench"))
            assert caught.value.status == 403
        async with Http(server.http, "not a token") as http:
            with pytest.raises(ConnectError) as caught:
                await http.logs("bench")
            assert caught.value.status == 401
            assert "not a token" not in str(caught.value)

    run(story)


def test_following_a_log() -> None:
    """Lines come as they are written, also in pieces; leaving ends the request."""

    async def story() -> None:
        more, left = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"GET /v1/database/db/logs?num_lines=5&follow=true " in head
            line = json.dumps({"message": "ä"}, ensure_ascii=False).encode() + b"\n"
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + line + line[:14])
            await more.wait()
            writer.write(line[14:])
            await reader.read()
            left.set()
            writer.close()

        listener = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with listener:
            port = listener.sockets[0].getsockname()[1]
            async with Http(f"http://127.0.0.1:{port}") as http:
                lines = http.follow_logs("db", 5)
                assert (await anext(lines))["message"] == "ä"
                more.set()
                assert (await anext(lines))["message"] == "ä"
                await lines.aclose()
                await left.wait()

    run(story)


def test_a_server_that_is_not_there() -> None:
    async def story() -> None:
        listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        listener.close()
        await listener.wait_closed()
        async with Http(f"ws://127.0.0.1:{port}/") as http:
            assert repr(http) == f"Http('http://127.0.0.1:{port}')"
            for ask in (http.ping, lambda: anext(http.follow_logs("db"))):
                with pytest.raises(ConnectError, match="cannot be reached"):
                    await ask()

    run(story)
