"""The compression prefix byte of server messages.

A body longer than ``THRESHOLD`` bytes is compressed as the connection asked; the prefix says with
what. Decompression is bounded: the output may be at most ``limit`` bytes, so that a small message
cannot fill the memory.
"""

from __future__ import annotations

import zlib
from enum import Enum

import brotli

from harness.errors import DecodeError

#: Bodies up to this many bytes are never compressed (`messages.rs` of SpacetimeDB 1.2 and 2.8).
THRESHOLD = 1024

#: The most bytes that one message may decompress to.
LIMIT = 1 << 30

_CHUNK = 1 << 20


class Compression(Enum):
    """What a connection asks for; the value is the URL parameter's spelling."""

    NONE = "None"
    GZIP = "Gzip"
    BROTLI = "Brotli"


_PREFIX = {Compression.NONE: b"\x00", Compression.BROTLI: b"\x01", Compression.GZIP: b"\x02"}


def pack(body: bytes, compression: Compression) -> bytes:
    """The prefix byte and the body, compressed if it is longer than the threshold."""
    if compression is Compression.NONE or len(body) <= THRESHOLD:
        return b"\x00" + body
    if compression is Compression.GZIP:
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        return _PREFIX[compression] + packer.compress(body) + packer.flush()
    return _PREFIX[compression] + bytes(brotli.compress(body, quality=1))


def unpack(message: bytes, limit: int = LIMIT) -> bytes:
    """The body of a server message. Raises ``DecodeError`` for a bad prefix, stream or size."""
    if not message:
        raise DecodeError("a server message has no bytes", 0)
    prefix = message[0]
    if prefix == 0:
        return message[1:]
    if prefix == 1:
        return brotli_body(message[1:], limit)
    if prefix == 2:
        return gzip_body(message[1:], limit)
    raise DecodeError(f"{prefix} is not a known compression", 0)


def gzip_body(data: bytes, limit: int = LIMIT) -> bytes:
    """One whole gzip stream. Raises ``DecodeError``."""
    unpacker = zlib.decompressobj(31)
    try:
        body = unpacker.decompress(data, limit)
    except zlib.error as error:
        raise DecodeError(f"a gzip stream is damaged ({error})", 1) from None
    if unpacker.unconsumed_tail:
        raise DecodeError(f"a message decompresses to more than {limit} bytes", 1)
    if not unpacker.eof or unpacker.unused_data:
        raise DecodeError("a gzip stream does not end with the message", 1)
    return body


def brotli_body(data: bytes, limit: int = LIMIT) -> bytes:
    """One whole Brotli stream. Raises ``DecodeError``."""
    unpacker = brotli.Decompressor()
    parts: list[bytes] = []
    size = 0
    try:
        part = unpacker.process(data, output_buffer_limit=_CHUNK)
        while True:
            parts.append(part)
            size += len(part)
            if size > limit:
                raise DecodeError(f"a message decompresses to more than {limit} bytes", 1)
            if unpacker.is_finished() or (not part and unpacker.can_accept_more_data()):
                break
            part = unpacker.process(b"", output_buffer_limit=_CHUNK)
    except brotli.error as error:
        raise DecodeError(f"a Brotli stream is damaged ({error})", 1) from None
    if not unpacker.is_finished():
        raise DecodeError("a Brotli stream does not end with the message", 1)
    return b"".join(parts)
