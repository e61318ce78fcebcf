"""What is asked and not answered yet: messages to be sent, and who waits for which answer.

The outbox in C runs if it was built, its twin in Python otherwise; ``HARNESS_PURE_PYTHON`` in the
environment asks for the latter.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Any, TypeAlias

#: What a connection does with calls that are not plain ones: name, arguments, waiter → request id.
Slowly: TypeAlias = Callable[[str, bytes, Any], int]

#: Arguments up to this many bytes need no look at the limits of a message.
LARGE = 1 << 20
LAST_ID = (1 << 32) - 1

_HEAD = struct.Struct("<BIBI")
_FOOT = struct.Struct("<IB")
#: How a plain answer of v1 begins: uncompressed, a transaction, committed, of no table.
_PLAIN = b"\0\1\0\0\0\0\0"
_CONNECTION = slice(47, 63)
_U32 = struct.Struct("<I")


class PyOutbox:
    """``version`` 1 or 2 says how a call is written: as in protocol v1, or as in v2 and v3."""

    def __init__(self, version: int, slowly: Slowly) -> None:
        if version not in (1, 2):
            raise ValueError("the version is 1 or 2")
        #: Calls that wait for an answer, by request id.
        self.waiting: dict[int, Any] = {}
        #: The reducers of those, for v1.
        self.names: dict[int, str] = {}
        self.queue: list[bytes] = []
        #: Calls since somebody set it to 0.
        self.made = 0
        self.last_id = 0
        #: Whether calls can be made without a look at the rules; else ``slowly`` makes them.
        self.plain = True
        self._slowly = slowly
        self._version = version

    def call(self, name: str, args: bytes, waiter: Any, /) -> int:
        """Queue a call; its request id. ``args`` is the BSATN product of the arguments."""
        request_id = self.last_id + 1
        if not self.plain or request_id > LAST_ID or len(args) > LARGE:
            return self._slowly(name, args, waiter)
        self.queue.append(self._message(request_id, name.encode(), args))
        self.waiting[request_id] = waiter
        if self._version == 1:
            self.names[request_id] = name
        self.last_id = request_id
        self.made += 1
        return request_id

    def say(self, message: bytes, /) -> None:
        """Queue a message."""
        self.queue.append(message)

    def take(self) -> list[bytes]:
        """What was queued since the last time."""
        queue, self.queue = self.queue, []
        return queue

    def answered(self, ids: list[int], /) -> list[Any] | None:
        """The waiters of these calls, who wait no longer.

        None, and nothing is done, if one of them is nobody's or comes twice.
        """
        if len(set(ids)) < len(ids) or not self.waiting.keys() >= set(ids):
            return None
        return list(map(self.waiting.pop, ids))

    def committed(self, payload: bytes, connection_id: bytes, /) -> tuple[Any, bytes] | None:
        """Whose call of protocol v1 this says was committed, without rows, and when it was.

        The waiter, who waits no longer, and the time (i64, microseconds, little-endian). None, and
        nothing is done, if the payload says anything else, or of another connection's call.
        """
        if payload[:7] != _PLAIN or payload[_CONNECTION] != connection_id or len(payload) < 67:
            return None
        (name_size,) = _U32.unpack_from(payload, 63)
        args_at = 67 + name_size + 4
        if args_at + 4 > len(payload):
            return None
        id_at = args_at + 4 + _U32.unpack_from(payload, args_at)[0]
        if id_at != len(payload) - 4 - 16 - 8:
            return None
        (request_id,) = _U32.unpack_from(payload, id_at)
        name = self.names.get(request_id)
        if name is None or request_id not in self.waiting:
            return None
        if payload[67 : 67 + name_size] != name.encode():
            return None
        del self.names[request_id]
        return self.waiting.pop(request_id), payload[7:15]

    def _message(self, request_id: int, name: bytes, args: bytes) -> bytes:
        if self._version == 2:
            head = _HEAD.pack(3, request_id, 0, len(name)) + name
            return head + _U32.pack(len(args)) + args
        head = b"\0" + _U32.pack(len(name)) + name + _U32.pack(len(args)) + args
        return head + _FOOT.pack(request_id, 0)


def _choose() -> type[PyOutbox]:
    if os.environ.get("HARNESS_PURE_PYTHON"):
        return PyOutbox
    try:
        from harness.protocol._outbox import Outbox as found
    except ImportError:
        return PyOutbox
    return found


Outbox = _choose()
