"""Frames as bytes: whole, byte by byte, with a tail, and broken in every way we know."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.server.frames import MAX_MESSAGE, FrameReader, accept_key, data_frame

MASK = b"\x01\x02\x03\x04"


def client_frame(first: int, payload: bytes, *, announce: int | None = None) -> bytes:
    """A masked frame; ``announce`` overrides the length in its header."""
    size = len(payload) if announce is None else announce
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    masked = bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))
    return head + MASK + masked


GOOD = [
    ("binary", client_frame(0x82, b"abc"), [b"abc"]),
    ("empty", client_frame(0x82, b""), [b""]),
    ("text", client_frame(0x81, "grüß".encode()), ["grüß"]),
    ("long", client_frame(0x82, b"x" * 300), [b"x" * 300]),
    ("very long", client_frame(0x82, b"x" * 70_000), [b"x" * 70_000]),
    ("fragments", client_frame(0x02, b"a") + client_frame(0x80, b"b"), [b"ab"]),
    (
        "a ping between fragments",
        client_frame(0x02, b"a") + client_frame(0x89, b"?") + client_frame(0x80, b"b"),
        [b"ab"],
    ),
    ("two messages", client_frame(0x82, b"a") + client_frame(0x82, b"b"), [b"a", b"b"]),
]


@pytest.mark.parametrize(("data", "messages"), [row[1:] for row in GOOD], ids=[r[0] for r in GOOD])
def test_whole_by_byte_and_with_a_tail(data: bytes, messages: list[bytes | str]) -> None:
    assert list(FrameReader().feed(data)) == messages
    if len(data) < 1000:
        reader = FrameReader()
        assert [m for byte in data for m in reader.feed(bytes([byte]))] == messages
    reader = FrameReader()
    assert list(reader.feed(data + client_frame(0x82, b"tail")[:3])) == messages
    assert list(reader.feed(client_frame(0x82, b"tail")[3:])) == [b"tail"]
    assert not reader.closing


BAD = [
    ("not masked", b"\x82\x01a", 1002),
    ("reserved bit", client_frame(0xC2, b"a"), 1002),
    ("unknown opcode", client_frame(0x83, b"a"), 1002),
    ("continuation without start", client_frame(0x80, b"a"), 1002),
    ("start inside a message", client_frame(0x02, b"a") + client_frame(0x82, b"b"), 1002),
    ("fragmented ping", client_frame(0x09, b""), 1002),
    ("long ping", client_frame(0x89, b"x" * 126), 1002),
    ("bad UTF-8", client_frame(0x81, b"\xff"), 1007),
    ("too long", client_frame(0x82, b"", announce=MAX_MESSAGE + 1), 1009),
    ("absurdly long", client_frame(0x82, b"", announce=1 << 62), 1009),
    ("bad close code", client_frame(0x88, struct.pack("!H", 1005)), 1002),
]


@pytest.mark.parametrize(("data", "code"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_violations_close_with_their_code(data: bytes, code: int) -> None:
    reader = FrameReader()
    assert list(reader.feed(data)) == []
    assert reader.closing
    sent = b"".join(reader.data_to_send())
    assert sent[0] == 0x88
    assert struct.unpack("!H", sent[2:4])[0] == code


@given(st.binary(max_size=400))
def test_any_bytes_are_messages_or_an_end(data: bytes) -> None:
    reader = FrameReader()
    for message in reader.feed(data):
        assert isinstance(message, bytes | str)
    reader.data_to_send()


@given(st.binary(max_size=70_000))
def test_our_frames_announce_their_length(payload: bytes) -> None:
    from websockets.client import ClientProtocol
    from websockets.protocol import State
    from websockets.uri import parse_uri

    client = ClientProtocol(parse_uri("ws://x/"), state=State.OPEN)
    client.receive_data(data_frame(payload))
    (frame,) = client.events_received()
    assert frame.data == payload  # type: ignore[union-attr]  # the only event is a frame


def test_the_key_of_the_standard() -> None:
    # RFC 6455, 1.3.
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    for bad in ("", "short", "dGhlIHNhbXBsZSBub25jZQ", "!" * 24):
        with pytest.raises(ValueError, match=r"."):
            accept_key(bad)


def test_a_reason_is_cut_to_fit() -> None:
    reader = FrameReader()
    reader.close(1011, "ü" * 200)
    sent = b"".join(reader.data_to_send())
    assert sent[1] <= 125
    sent[4:].decode()
