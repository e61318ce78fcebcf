"""The prefix byte: every kind comes back, damage and bombs are refused."""

from __future__ import annotations

import gzip

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DecodeError
from harness.wire import compression
from harness.wire.compression import THRESHOLD, Compression, pack, unpack


@pytest.mark.parametrize("kind", Compression)
@pytest.mark.parametrize("size", [0, 1, THRESHOLD, THRESHOLD + 1, 100_000])
def test_every_body_comes_back(kind: Compression, size: int) -> None:
    body = b"row " * (size // 4) + b"x" * (size % 4)
    packed = pack(body, kind)
    assert unpack(packed) == body
    plain = kind is Compression.NONE or size <= THRESHOLD
    assert packed[0] == (0 if plain else {Compression.BROTLI: 1, Compression.GZIP: 2}[kind])


def test_streams_of_other_packers_are_read() -> None:
    body = bytes(range(256)) * 20
    assert unpack(b"\x01" + brotli.compress(body)) == body
    assert unpack(b"\x02" + gzip.compress(body)) == body


BOMB = bytes(1 << 22)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"", "a server message has no bytes"),
        (b"\x03abc", "3 is not a known compression"),
        (b"\x01", "a Brotli stream does not end with the message"),
        (b"\x01" + brotli.compress(BOMB)[:-1], "a Brotli stream"),
        (b"\x01\xff\xff\xff\xff", "a Brotli stream is damaged"),
        (b"\x02", "a gzip stream does not end with the message"),
        (b"\x02abc", "a gzip stream is damaged"),
        (
            b"\x02" + gzip.compress(b"abc", mtime=0) + b"x",
            "a gzip stream does not end with the message",
        ),
        (b"\x01" + brotli.compress(BOMB), "a message decompresses to more than 2097152 bytes"),
        (
            b"\x02" + gzip.compress(BOMB, mtime=0),
            "a message decompresses to more than 2097152 bytes",
        ),
    ],
)
def test_damage_and_bombs_are_refused(message: bytes, words: str) -> None:
    with pytest.raises(DecodeError, match=words):
        unpack(message, limit=1 << 21)


@given(data=st.binary(max_size=200), at=st.integers(0, 300), kind=st.sampled_from([1, 2]))
def test_any_stream_is_refused_or_read(data: bytes, at: int, kind: int) -> None:
    valid = {1: brotli.compress, 2: gzip.compress}[kind](b"row " * 600)
    try:
        unpack(bytes([kind]) + valid[:at] + data)
    except DecodeError:
        pass
    assert compression.THRESHOLD == 1024
