"""WebSocket frames of many messages, to be written at once.

A message a frame and a system call a frame costs more than all else about a short message. Source:
RFC 6455, 5.2 and 5.3; a client's frames are masked, each with four bytes that nobody can foretell.
"""

from __future__ import annotations

import os
import struct

_BINARY = 0x82
_MASKED = 0x80
_SHORT = struct.Struct(">BB")
_MIDDLE = struct.Struct(">BBH")
_LONG = struct.Struct(">BBQ")


def _frames(messages: list[bytes], masks: bytes, /) -> bytes:
    """The client frames of binary messages, back to back; ``masks`` has four bytes for each."""
    if len(masks) != 4 * len(messages):
        raise ValueError("each message needs a mask of 4 bytes")
    parts = []
    for at, message in enumerate(messages):
        mask, size = masks[4 * at : 4 * at + 4], len(message)
        if size < 126:
            parts.append(_SHORT.pack(_BINARY, _MASKED | size))
        elif size < 65536:
            parts.append(_MIDDLE.pack(_BINARY, _MASKED | 126, size))
        else:
            parts.append(_LONG.pack(_BINARY, _MASKED | 127, size))
        parts.append(mask)
        repeated = (mask * (size // 4 + 1))[:size]
        masked = int.from_bytes(message, "little") ^ int.from_bytes(repeated, "little")
        parts.append(masked.to_bytes(size, "little"))
    return b"".join(parts)


try:
    if os.environ.get("HARNESS_PURE_PYTHON"):
        raise ImportError
    from harness.client import _frames as _in_c
except ImportError:
    frames = _frames
else:
    frames = _in_c.frames


def together(messages: list[bytes]) -> bytes:
    """The frames of these messages, with fresh masks."""
    return frames(messages, os.urandom(4 * len(messages)))
