"""Peers that break the rules, on purpose or by accident, harm nobody but themselves.

In each test a bystander's calls are answered, and the server's memory grows by a bounded amount.
The time limit of an answer bounds liveness only: what works takes milliseconds.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import WireError
from harness.wire import v1, v2
from tests.e2e.http_client import call, rows
from tests.e2e.peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    V1,
    V2,
    V3,
    Gone,
    Peer,
    frame,
    handshake,
)
from tests.e2e.server import ServerProcess

MIB = 1024 * 1024
#: The most that one test's hostility may add to the server's memory.
GROWTH_LIMIT = 64 * MIB
ANSWER_LIMIT_S = 10.0

NOOP = v2.CLIENT.encode(v2.CallReducer(1, 0, "noop", b""))
SUBSCRIBE = v2.CLIENT.encode(v2.Subscribe(2, 1, ["SELECT * FROM item WHERE hp > 3"]))


@dataclass
class Bystander:
    """Somebody else's connection."""

    peer: Peer

    def is_answered(self) -> None:
        """One call, through the same server, gets its answer."""
        result = self.peer.call("noop").result
        assert isinstance(result, v2.ReducerOk | v2.ReducerOkEmpty), result


@pytest.fixture
def bystander(server: ServerProcess) -> Iterator[Bystander]:
    """A client that keeps the rules, before, during and after; and the server's memory."""
    with Peer(server.address) as peer:
        peer.upgrade()
        peer.socket.settimeout(ANSWER_LIMIT_S)
        other = Bystander(peer)
        other.is_answered()
        before = server.rss_bytes()
        yield other
        other.is_answered()
        growth = server.rss_bytes() - before
        assert growth < GROWTH_LIMIT, f"the server grew by {growth / MIB:.0f} MiB"


def item_args(id_: int, name: str = "x") -> bytes:
    """The arguments of insert_item."""
    text = name.encode()
    return struct.pack("<QfffiBI", id_, 0, 0, 0, 1, 1, len(text)) + text


# --- frames --------------------------------------------------------------------------------------

BAD_FRAMES = {
    # what is wrong: bytes, the close codes that may answer it
    "not masked": (frame(BINARY, NOOP, masked=False), {1002}),
    "reserved bit 1": (frame(BINARY, NOOP, reserved=4), {1002}),
    "reserved bit 2": (frame(BINARY, NOOP, reserved=2), {1002}),
    "reserved bit 3": (frame(BINARY, NOOP, reserved=1), {1002}),
    "unknown data opcode": (frame(3, NOOP), {1002}),
    "unknown control opcode": (frame(0xB, b""), {1002}),
    "a length of 2^62": (frame(BINARY, b"x" * 100, announced=1 << 62), {1002, 1009}),
    "a length with its top bit set": (frame(BINARY, b"x", announced=(1 << 63) + 1), {1002, 1009}),
    "a length over 32 MiB": (frame(BINARY, b"x" * 100, announced=32 * MIB + 1), {1009}),
    "ping in fragments": (frame(PING, b"", fin=False), {1002}),
    "ping of 126 bytes": (frame(PING, b"x" * 126), {1002}),
    "continuation of nothing": (frame(CONTINUATION, NOOP), {1002}),
    "a message inside a message": (
        frame(BINARY, NOOP[:4], fin=False) + frame(BINARY, NOOP[4:]),
        {1002},
    ),
    "text that is not UTF-8": (frame(TEXT, b"\xff\xfe"), {1007, 1011}),
    "text": (frame(TEXT, b"{}"), {1011}),
    "close of one byte": (frame(CLOSE, b"x"), {1002}),
    "close code 999": (frame(CLOSE, struct.pack("!H", 999)), {1002}),
    "close code 1005": (frame(CLOSE, struct.pack("!H", 1005)), {1002}),
    "close code 5000": (frame(CLOSE, struct.pack("!H", 5000)), {1002}),
    "close reason that is not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), {1002, 1007}),
    "HTTP again": (handshake(), {1002}),
    "zeros": (b"\0" * 1_000, {1002}),
}


@pytest.mark.parametrize("wrong", BAD_FRAMES)
def test_a_bad_frame_closes_its_own_connection(
    server: ServerProcess, bystander: Bystander, wrong: str
) -> None:
    data, codes = BAD_FRAMES[wrong]
    with Peer(server.address) as peer:
        peer.upgrade()
        peer.send(data)
        bystander.is_answered()
        gone = peer.ended()
        assert gone.code in codes, gone


def test_a_message_in_fragments_over_the_limit_is_refused(
    server: ServerProcess, bystander: Bystander
) -> None:
    with Peer(server.address) as peer:
        peer.upgrade()
        with contextlib.suppress(OSError):  # the server may close while we still send
            peer.send(frame(BINARY, b"", fin=False))
            for _ in range(40):
                peer.send(frame(CONTINUATION, b"x" * MIB, fin=False))
        bystander.is_answered()
        assert peer.ended().code in (1009, None)


def test_endless_empty_fragments_are_refused(server: ServerProcess, bystander: Bystander) -> None:
    with Peer(server.address) as peer:
        peer.upgrade()
        with contextlib.suppress(OSError):
            peer.send(frame(BINARY, b"", fin=False))
            for _ in range(100):
                peer.send(frame(CONTINUATION, b"", fin=False) * 1_000)
        bystander.is_answered()
        assert peer.ended().code in (1009, None)


def test_fragments_with_a_ping_between_them_are_fine(
    server: ServerProcess, bystander: Bystander
) -> None:
    with Peer(server.address) as peer:
        peer.upgrade()
        peer.send(frame(BINARY, NOOP[:3], fin=False) + frame(PING, b"hello"))
        assert peer.frame() == (True, PONG, b"hello")
        peer.send(frame(CONTINUATION, NOOP[3:5], fin=False) + frame(CONTINUATION, NOOP[5:]))
        assert isinstance(peer.receive(), v2.ReducerResult)


def test_a_close_is_echoed(server: ServerProcess, bystander: Bystander) -> None:
    with Peer(server.address) as peer:
        peer.upgrade()
        peer.send(frame(CLOSE, struct.pack("!H", 4001) + b"enough"))
        assert peer.ended().code == 4001


# --- messages ------------------------------------------------------------------------------------

BAD_MESSAGES = {
    "empty": b"",
    "unknown tag": b"\x09",
    "cut short": NOOP[:-1],
    "flags": v2.CLIENT.encode(v2.CallReducer(1, 7, "noop", b"")),
    "four billion queries": b"\x00" + struct.pack("<III", 1, 1, 0xFFFFFFFF),
    "a string of four billion bytes": b"\x02" + struct.pack("<II", 1, 0xFFFFFFFF) + b"x",
    "a name that is not UTF-8": b"\x03" + struct.pack("<IBI", 1, 0, 2) + b"\xff\xff" + bytes(4),
}


@pytest.mark.parametrize("protocol", [V2, V3])
@pytest.mark.parametrize("wrong", BAD_MESSAGES)
def test_a_bad_message_closes_its_own_connection(
    server: ServerProcess, bystander: Bystander, wrong: str, protocol: str
) -> None:
    with Peer(server.address) as peer:
        peer.upgrade(protocol)
        peer.send(frame(BINARY, BAD_MESSAGES[wrong]))
        bystander.is_answered()
        gone = peer.ended()
        assert gone.code == 1011, gone
        assert gone.reason


def test_what_came_before_a_bad_message_is_done(
    server: ServerProcess, bystander: Bystander
) -> None:
    assert call(server, "clear_items").status == 200
    with Peer(server.address) as peer:
        peer.upgrade()
        good = v2.CLIENT.encode(v2.CallReducer(1, 0, "insert_item", item_args(1)))
        peer.send(frame(BINARY, good + b"\x09 nonsense"))
        gone = peer.ended()
        assert gone.code == 1011, gone
    result = bystander.peer.call("delete_item", struct.pack("<Q", 1)).result
    assert not isinstance(result, v2.ReducerErr), result


def test_bytes_after_a_message_of_v2_are_ignored(
    server: ServerProcess, bystander: Bystander
) -> None:
    with Peer(server.address) as peer:
        peer.upgrade(V2)
        peer.send(frame(BINARY, NOOP + b"and more"))
        assert isinstance(peer.receive(), v2.ReducerResult)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"Nothing":{}}', "[" * 100_000, "1" * 10_000])
def test_bad_json_closes_its_own_connection(
    server: ServerProcess, bystander: Bystander, text: str
) -> None:
    with Peer(server.address) as peer:
        peer.send(handshake(subprotocol="v1.json.spacetimedb"))
        assert b" 101 " in peer.read_until(b"\r\n\r\n")
        peer.payload()  # who we are
        peer.send(frame(TEXT, text.encode()))
        assert peer.ended().code == 1011


def test_bad_arguments_are_refused_and_the_connection_lives(
    server: ServerProcess, bystander: Bystander
) -> None:
    with Peer(server.address) as peer:
        peer.upgrade()
        for reducer, args in [
            ("noop", b"x"),
            ("transfer", b""),
            ("transfer", b"\0" * 17),
            ("insert_items", b"\xff\xff\xff\xff"),
            ("no_such_reducer", b""),
            ("", b""),
            ("x" * 100_000, b""),
        ]:
            answer = peer.call(reducer, args)
            assert isinstance(answer.result, v2.ReducerInternalError), (reducer, answer)
        peer.call("noop")


VALID = [
    NOOP,
    SUBSCRIBE,
    v2.CLIENT.encode(v2.Unsubscribe(3, 1, 1)),
    v2.CLIENT.encode(v2.OneOffQuery(4, "SELECT * FROM account")),
    v2.CLIENT.encode(v2.CallProcedure(5, 0, "nothing", b"")),
    v2.CLIENT.encode(v2.CallReducer(6, 0, "insert_item", item_args(6))),
]
VALID_V1 = [
    v1.CLIENT.encode(v1.CallReducer("noop", b"", 1, 0)),
    v1.CLIENT.encode(v1.SubscribeMulti(["SELECT * FROM item"], 1, 1)),
    v1.CLIENT.encode(v1.UnsubscribeMulti(1, 1)),
    v1.CLIENT.encode(v1.OneOffQuery(b"id", "SELECT * FROM account")),
]


@st.composite
def payloads(draw: st.DrawFn, valid: list[bytes]) -> bytes:
    """Random bytes, or messages with some of their bytes changed, lost or doubled."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(valid), min_size=1, max_size=4))))
    for _ in range(draw(st.integers(0, 6))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        if draw(st.booleans()):
            data[at] = draw(st.integers(0, 255))
        elif draw(st.booleans()):
            del data[at]
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 16))]
    return bytes(data)


@pytest.mark.parametrize(("protocol", "valid"), [(V1, VALID_V1), (V2, VALID), (V3, VALID)])
def test_random_messages(
    server: ServerProcess, bystander: Bystander, protocol: str, valid: list[bytes]
) -> None:
    codec = v1.CLIENT if protocol == V1 else v2.CLIENT
    last_id = 0xFFFF_FFFE
    if protocol == V1:
        last = codec.encode(v1.CallReducer("noop", b"", last_id, 0))
    else:
        last = codec.encode(v2.CallReducer(last_id, 0, "noop", b""))

    def is_readable(data: bytes) -> bool:
        try:
            if protocol == V3:
                return bool(codec.decode_all(data))
            codec.decode_from(data, 0)
        except WireError:
            return False
        return True

    def is_last(message: Any) -> bool:
        if isinstance(message, v1.TransactionUpdate):
            return message.reducer_call.request_id == last_id
        return isinstance(message, v2.ReducerResult) and message.request_id == last_id

    @settings(max_examples=100)
    @given(payloads(valid))
    def send(data: bytes) -> None:
        code = None
        with Peer(server.address) as peer:
            peer.upgrade(protocol)
            peer.send(frame(BINARY, data) + frame(BINARY, last))
            try:
                while not is_last(peer.receive()):
                    pass
            except Gone as gone:
                code = gone.code
        assert code in (None, 1011)
        assert is_readable(data) or code == 1011
        bystander.is_answered()

    send()


def test_what_came_before_a_close_is_done(server: ServerProcess, bystander: Bystander) -> None:
    """As a client does that calls a reducer and leaves at once."""
    bystander.peer.call("clear_items")
    with Peer(server.address) as peer:
        peer.upgrade()
        insert = v2.CLIENT.encode(v2.CallReducer(1, 0, "insert_item", item_args(77)))
        peer.send(frame(BINARY, insert) + frame(CLOSE, struct.pack("!H", 1000)))
        assert peer.ended().code == 1000
    assert rows(server, "SELECT id FROM item") == [[77]]


def test_random_bytes_instead_of_frames(server: ServerProcess, bystander: Bystander) -> None:
    @settings(max_examples=100)
    @given(st.binary(min_size=1, max_size=300))
    def send(data: bytes) -> None:
        with Peer(server.address) as peer:
            peer.upgrade()
            peer.send(data)
            peer.socket.shutdown(socket.SHUT_WR)
            peer.ended()
        bystander.is_answered()

    send()


# --- HTTP ----------------------------------------------------------------------------------------

GARBAGE = {
    "nothing but line ends": b"\r\n\r\n\r\n\r\n",
    "words": b"hello there, are you a server?\r\n\r\n",
    "zeros": b"\0" * 100_000,
    "TLS": bytes.fromhex("1603010200010001fc0303") + b"\x5a" * 500,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /v1/ping\r\n\r\n",
    "a bad header": b"GET /v1/ping HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n",
    "a null in a header": b"GET /v1/ping HTTP/1.1\r\nHost: x\r\na: b\0c\r\n\r\n",
    "two lengths": b"POST /v1/identity HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    b"Content-Length: 2\r\n\r\nxx",
    "a negative length": b"POST /v1/identity HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "an absurd length": b"POST /v1/identity HTTP/1.1\r\nHost: x\r\nContent-Length: "
    + b"9" * 5_000
    + b"\r\n\r\n",
    "chunks of nonsense": b"POST /v1/identity HTTP/1.1\r\nHost: x\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a chunk that is huge": b"POST /v1/identity HTTP/1.1\r\nHost: x\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n",
    "a path that is not UTF-8": b"GET /v1/database/%ff%fe/schema?version=9 HTTP/1.1\r\n"
    b"Host: x\r\nConnection: close\r\n\r\n",
    "an upgrade with a body": handshake(headers=["Content-Length: 5"]) + b"hello",
}


@pytest.mark.parametrize("wrong", GARBAGE)
def test_garbage_instead_of_http(server: ServerProcess, bystander: Bystander, wrong: str) -> None:
    with Peer(server.address) as peer:
        with contextlib.suppress(OSError):
            peer.send(GARBAGE[wrong])
            peer.socket.shutdown(socket.SHUT_WR)
        bystander.is_answered()
        answer = peer.read_all()
        # Refused in words, or dropped; never taken for a request that succeeded.
        assert not answer.startswith(b"HTTP/1.1 200"), answer


def test_random_bytes_instead_of_http(server: ServerProcess, bystander: Bystander) -> None:
    @settings(max_examples=100)
    @given(st.binary(min_size=1, max_size=300), st.integers(0, len(handshake())))
    def send(data: bytes, at: int) -> None:
        with Peer(server.address) as peer:
            peer.send(handshake()[:at] + data)
            peer.socket.shutdown(socket.SHUT_WR)
            peer.read_all()
        bystander.is_answered()

    send()


def test_a_handshake_that_stops_half_way(server: ServerProcess, bystander: Bystander) -> None:
    whole = handshake()
    with contextlib.ExitStack() as stack:
        for size in range(0, len(whole), 4):
            peer = stack.enter_context(Peer(server.address))
            peer.send(whole[:size])
        bystander.is_answered()


def test_connections_that_are_torn_down(server: ServerProcess, bystander: Bystander) -> None:
    for i in range(200):
        with Peer(server.address) as peer:
            if i % 2:
                peer.upgrade()
                peer.send(frame(BINARY, SUBSCRIBE + NOOP)[: i % 40])
            else:
                peer.send(handshake()[:i])
            # Closing with unsent data forgotten sends a reset.
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    bystander.is_answered()


# --- slow and silent -----------------------------------------------------------------------------


def test_silent_peers(server: ServerProcess, bystander: Bystander) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(Peer(server.address))
        for _ in range(100):
            stack.enter_context(Peer(server.address)).upgrade()
        bystander.is_answered()


def test_a_byte_at_a_time(server: ServerProcess, bystander: Bystander) -> None:
    def trickle(peer: Peer, data: bytes) -> None:
        for i in range(len(data)):
            peer.send(data[i : i + 1])
            if i % 16 == 0:
                bystander.is_answered()

    with Peer(server.address) as peer:
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        trickle(peer, handshake())
        assert b" 101 " in peer.read_until(b"\r\n\r\n")
        assert isinstance(peer.receive(), v2.InitialConnection)
        trickle(peer, frame(BINARY, NOOP))
        assert isinstance(peer.receive(), v2.ReducerResult)


def flood(peer: Peer, data: bytes, times: int) -> Callable[[], None]:
    """Send without ever reading, beside the test; call the result to end it.

    The server may stop reading or hang up: both are its right.
    """
    peer.socket.settimeout(1.0)

    def send() -> None:
        with contextlib.suppress(OSError):
            for _ in range(times):
                peer.socket.sendall(data)

    thread = threading.Thread(target=send)
    thread.start()
    return thread.join


def test_twenty_thousand_calls_without_reading(server: ServerProcess, bystander: Bystander) -> None:
    with Peer(server.address) as peer:
        peer.upgrade()
        calls = [
            frame(BINARY, v2.CLIENT.encode(v2.CallReducer(i, 0, "noop", b"")))
            for i in range(20_000)
        ]
        finished = flood(peer, b"".join(calls), 1)
        for _ in range(20):
            bystander.is_answered()
        finished()
        peer.socket.settimeout(ANSWER_LIMIT_S)
        answered, how = 0, None
        try:
            while answered < 20_000:
                assert isinstance(peer.receive(), v2.ReducerResult)
                answered += 1
        except Gone as gone:
            how = gone.code
        assert answered == 20_000 or how == 1013, (answered, how)


ALL_ITEMS = "SELECT * FROM item"
SCHEMA = b"GET /v1/database/bench/schema?version=10 HTTP/1.1\r\nHost: x\r\n\r\n"


def messages(made: Iterable[v2.ClientMessage]) -> bytes:
    return b"".join(frame(BINARY, v2.CLIENT.encode(message)) for message in made)


FLOODS = {
    # what is sent without end: protocol (None for HTTP), bytes that are repeated
    "pings": (V3, frame(PING, b"x" * 125) * 1_000),
    "queries, v3": (V3, messages(v2.OneOffQuery(i, ALL_ITEMS) for i in range(1_000))),
    "queries, v2": (V2, messages(v2.OneOffQuery(i, ALL_ITEMS) for i in range(1_000))),
    "subscriptions": (V3, messages(v2.Subscribe(i, i, [ALL_ITEMS]) for i in range(1_000))),
    "one subscription": (
        V3,
        messages([v2.Subscribe(1, 1, [ALL_ITEMS]), v2.Unsubscribe(2, 1, 1)]) * 500,
    ),
    "requests": (None, SCHEMA * 1_000),
    "SQL": (
        None,
        b"POST /v1/database/bench/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n"
        b"SELECT * FROM item" * 1_000,
    ),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_without_reading(server: ServerProcess, bystander: Bystander, kind: str) -> None:
    """Each answer is some hundred kilobytes, if it is one about rows; none is ever read."""
    protocol, data = FLOODS[kind]
    batch = struct.pack("<I", 2_000) + b"".join(item_args(i, "y" * 100) for i in range(2_000))
    bystander.peer.call("clear_items")
    bystander.peer.call("insert_items", batch)
    with Peer(server.address, receive_buffer=4096) as peer:
        if protocol is not None:
            peer.upgrade(protocol)
        finished = flood(peer, data, 300)
        try:
            for _ in range(20):
                bystander.is_answered()
        finally:
            finished()
        bystander.is_answered()


def test_a_subscriber_that_never_reads_is_dropped(
    server: ServerProcess, bystander: Bystander
) -> None:
    """Twice the limit of what the server keeps for one peer, and then some, is broadcast."""
    batch = struct.pack("<I", 100) + b"".join(item_args(id_, "z" * 2_000) for id_ in range(100))
    bystander.peer.call("clear_items")
    with (
        Peer(server.address, receive_buffer=4096) as deaf,
        Peer(server.address) as listening,
    ):
        for peer in (deaf, listening):
            peer.upgrade()
            peer.send(frame(BINARY, v2.CLIENT.encode(v2.Subscribe(1, 1, ["SELECT * FROM item"]))))
        assert isinstance(listening.receive(), v2.SubscribeApplied)
        for _ in range(120):  # 400 kB a round
            bystander.peer.call("insert_items", batch)
            assert isinstance(listening.receive(), v2.TransactionUpdate)
            bystander.peer.call("clear_items")
            assert isinstance(listening.receive(), v2.TransactionUpdate)
        # What it finds, when it reads at last, is an end.
        assert deaf.ended().code in (1008, 1013, None)
        assert isinstance(listening.call("noop").result, v2.ReducerOk | v2.ReducerOkEmpty)


@pytest.mark.slow
def test_a_reducer_without_end_is_ended(server: ServerProcess) -> None:
    """Reducers run one at a time: others wait, but not for ever, and nothing is left of it."""
    assert call(server, "seed_accounts", 3, 7).status == 200
    with Peer(server.address) as greedy, Peer(server.address) as other:
        greedy.upgrade()
        other.upgrade()
        endless = v2.CallReducer(1, 0, "seed_accounts", struct.pack("<Iq", 0xFFFFFFFF, 1))
        greedy.tell(endless)
        assert isinstance(other.call("noop").result, v2.ReducerOk | v2.ReducerOkEmpty)
        assert isinstance(greedy.receive().result, v2.ReducerInternalError)
    assert sorted(rows(server, "SELECT * FROM account")) == [[0, 7], [1, 7], [2, 7]]
