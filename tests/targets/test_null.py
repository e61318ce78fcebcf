"""The null target acknowledges whatever comes, in every protocol and in pieces."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client import Http, connect
from harness.client.client import Client
from harness.errors import ReducerError, TargetError
from harness.targets import null
from harness.targets.embedded import Null
from harness.targets.process import ServerProcess
from harness.wire import v2
from harness.wire.values import ConnectionId


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True


HELLO = (
    b"GET /v1/database/bench/subscribe?compression=None HTTP/1.1\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: v2.bsatn.spacetimedb, v3.bsatn.spacetimedb\r\n\r\n"
)


def masked(payload: bytes, opcode: int = 2) -> bytes:
    size = len(payload)
    head = bytes((0x80 | opcode, 0x80 | size)) if size < 126 else (
        bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    )  # fmt: skip
    mask = b"\x01\x02\x03\x04"
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def call(request_id: int, size: int = 5) -> bytes:
    return v2.CLIENT.encode(v2.CallReducer(request_id, 0, "noop", bytes(size)))


def answers(sent: bytes, cut: int) -> list[Any]:
    connection, wire = null.NullConnection(lambda version: b"{}"), Wire()
    connection.connection_made(wire)  # type: ignore[arg-type]  # as much of it as is used
    for at in range(0, len(sent), cut):
        connection.data_received(sent[at : at + cut])
    written = b"".join(wire.written)
    head, _, frames = written.partition(b"\r\n\r\n")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # the example of RFC 6455, 1.3
    found: list[Any] = []
    while frames:
        size, start = frames[1], 2
        if size == 126:
            size, start = int.from_bytes(frames[2:4], "big"), 4
        payload = frames[start : start + size]
        assert payload[0] == 0
        found += v2.SERVER.decode_all(payload[1:])
        frames = frames[start + size :]
    return found


@given(st.integers(1, 300), st.integers(0, 200))
def test_every_call_is_acknowledged_however_the_bytes_come(cut: int, size: int) -> None:
    sent = HELLO + masked(call(7, size)) + masked(call(8) + call(9))
    hello, *acks = answers(sent, cut)
    assert isinstance(hello, v2.InitialConnection)
    assert [ack.request_id for ack in acks] == [7, 8, 9]
    assert {type(ack.result) for ack in acks} == {v2.ReducerOkEmpty}


def test_other_messages_are_answered_without_rows() -> None:
    messages: list[v2.ClientMessage] = [
        v2.Subscribe(1, 2, ["SELECT * FROM item"]),
        v2.Unsubscribe(3, 2, 0),
        v2.OneOffQuery(4, "SELECT * FROM item"),
        v2.CallProcedure(5, 0, "p", b""),
    ]
    payload = b"".join(map(v2.CLIENT.encode, messages))
    found = [v2.SERVER.decode(answer) for answer in null.answers_v2(payload)]
    assert [answer.request_id for answer in found] == [1, 3, 4, 5]


@pytest.mark.parametrize("protocol", ["v3", "v2", "v1"])
def test_our_client_believes_it(protocol: str) -> None:
    async def go(uri: str) -> None:
        client: Client
        async with connect(uri, "bench", protocols=(protocol,), confirmed=False) as client:
            assert client.protocol == protocol
            await asyncio.gather(*(client.call("noop") for _ in range(100)))
            await client.call("insert_item", 1, 0.5, 0.5, 0.5, 1, True, "x")
            await client.subscribe("SELECT * FROM item")
            assert client.db.item.count() == 0
            assert await client.query("SELECT * FROM item") == []
        async with Http(uri) as http:
            assert (await http.sql("bench", "SELECT * FROM item"))[0].rows == []

    with Null() as server:
        asyncio.run(go(server.uri))
        assert server.alive()
    assert not server.alive()


def test_acknowledgement_is_not_obedience() -> None:
    """Even what must fail is acknowledged: only the oracle can tell."""

    async def go(uri: str) -> None:
        async with connect(uri, "bench") as client:
            await client.call("reject", "always")

    with Null() as server:
        asyncio.run(go(server.uri))
    assert issubclass(ReducerError, Exception)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('no room')", "said 'nothing', not its URI: no room"),
        ("print('hello', flush=True)", "said 'hello', not its URI"),
    ],
)
def test_a_server_that_does_not_start_is_an_expected_error(program: str, said: str) -> None:
    import sys

    with pytest.raises(TargetError, match=said):
        ServerProcess("odd", [sys.executable, "-c", program]).start()


def test_a_program_that_is_not_there_is_an_expected_error() -> None:
    with pytest.raises(TargetError, match="cannot be started"):
        ServerProcess("odd", ["/nowhere/server"]).start()


def test_the_description_names_the_process() -> None:
    with Null() as server:
        found = server.describe()
        assert found.pid == server.pid
        assert found.exe
        assert len(found.exe_sha256 or "") == 64
        assert found.uri == server.uri
        assert server.death() is None


def test_the_connection_id_asked_for_is_used() -> None:
    connection, wire = null.NullConnection(lambda version: b"{}"), Wire()
    connection.connection_made(wire)  # type: ignore[arg-type]  # as much of it as is used
    asked = ConnectionId.from_int(77)
    connection.data_received(
        HELLO.replace(b"compression=None", f"connection_id={asked.to_hex()}".encode())
    )
    payload = b"".join(wire.written).partition(b"\r\n\r\n")[2]
    assert v2.SERVER.decode(payload[3:]).connection_id == asked
