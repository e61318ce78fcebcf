"""What a client says is heard: right bytes have no fault, each kind of wrong ones its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.peers import adapter as adapters
from harness.peers.exchange import Request
from harness.peers.process import Peer, ask
from harness.run.client_frames import Frames, Message, calls, first_fault
from harness.run.client_relay import Relay
from harness.targets.embedded import Embedded
from harness.wire import v1, v2

PEERS = Path(adapters.__file__).parent
V1, V3 = v1.SUBPROTOCOL, v2.SUBPROTOCOL_V3
CALL = v1.CLIENT.encode(v1.CallReducer("noop", b"", 1, 0))
NEW = v2.CLIENT.encode(v2.CallReducer(1, 0, "noop", b""))
HEAD = b"GET /x HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"


@pytest.mark.parametrize(
    ("opcode", "payload", "subprotocol", "said"),
    [
        (2, CALL, V1, None),
        (2, NEW + NEW, V3, None),
        (2, b'{"CallReducer": {}}', V1, "beginning 7b 22 43 61 .* does not decode as v1"),
        (2, b"\x13\x00" + CALL, V1, "beginning 13 00 00 .* does not decode as v1"),
        (2, CALL + b"\x00", V1, "does not decode as v1"),
        (2, b"", V3, "does not decode as v3: an empty message"),
        (1, CALL, V1, "is no binary message"),
        (1, b"{}", v1.SUBPROTOCOL_JSON, "is in v1.json.spacetimedb, not in BSATN"),
        (2, v1.CLIENT.encode(v1.CallReducer("noop", b"[]", 1, 0)), V1, "2 bytes for no parameters"),
        (2, v1.CLIENT.encode(v1.CallReducer("insert_item", b"[1]", 1, 0)), V1,
         "arguments of insert_item that are not BSATN: 5b 31 5d"),
    ],
)  # fmt: skip
def test_faults(opcode: int, payload: bytes, subprotocol: str, said: str | None) -> None:
    found = first_fault([Message(opcode, payload)], subprotocol)
    if said is None:
        assert found is None
    else:
        import re

        assert found is not None
        assert re.search(said, str(found)), str(found)


def test_the_first_wrong_message_is_named() -> None:
    found = first_fault([Message(2, CALL), Message(2, b"\xff"), Message(2, b"")], V1)
    assert found is not None
    assert found.number == 2
    assert str(found).startswith("message 2 (binary, 1 bytes, beginning ff) does not decode")


def test_calls_are_counted_in_messages_of_several() -> None:
    assert calls([Message(2, NEW + NEW), Message(2, NEW), Message(2, b"\xff")], V3) == 3


def masked(payload: bytes, first: int = 0x82, key: bytes = b"\x01\x02\x03\x04") -> bytes:
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
    hidden = bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
    return bytes([first]) + length + key + hidden


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_frames_are_read_whole_however_they_come(step: int) -> None:
    """Short, long and empty ones, one in two parts with a ping between, and the end."""
    data = HEAD + masked(b"a" * 5) + masked(b"b" * 500) + masked(b"")
    data += masked(b"first ", 0x02) + masked(b"ping", 0x89) + masked(b"second", 0x80)
    data += masked((1007).to_bytes(2) + b"why", 0x88)
    frames = Frames()
    for at in range(0, len(data), step):
        frames.receive(data[at : at + step])
    assert [message.payload for message in frames.messages] == [
        b"aaaaa", b"b" * 500, b"", b"first second",
    ]  # fmt: skip
    assert {message.opcode for message in frames.messages} == {2}
    assert frames.closed == (1007, "why")
    assert frames.fault is None


def test_what_is_too_large_is_not_kept() -> None:
    frames = Frames()
    frames.receive(HEAD + b"\x82\xff" + (1 << 40).to_bytes(8))
    assert frames.fault == "a message of more than 1,048,576 bytes"


@pytest.mark.parametrize("protocol", ["v1", "v2", "v3"])
def test_our_own_client_says_nothing_wrong(protocol: str) -> None:
    """Through the relay, as any client: its calls arrive, decode, and are as many as it claims."""
    command = [sys.executable, "-I", str(PEERS / "adapter_process.py")]
    own = Peer("own", [*command, str(PEERS / "clients" / "own.py"), "spacetimedb-harness"])
    with Embedded() as server, Relay(server.uri) as relay:
        asked = Request(
            do="insert", subscribed=True, in_flight=4, uri=relay.uri,
            protocol=protocol, warmup=2, operations=20,
        )  # fmt: skip
        result = ask(own, asked).result
    assert (result.all_calls, result.errors, result.rows) == (22, 0, 22)
    (heard,) = [heard for heard in relay.heard if heard.client.upgraded]
    assert first_fault(heard.client.messages, heard.subprotocol) is None
    assert calls(heard.client.messages, heard.subprotocol) == 22
