"""What a client said on one connection: HTTP request, WebSocket frames, messages and their faults.

Pure: bytes in, facts out. The frames are those of RFC 6455, section 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from harness.errors import DecodeError, WireError
from harness.targets.rows import Item
from harness.wire import v1, v2
from harness.wire.annotations import TypeBuilder

#: Bytes of a head, and of a message, that are kept; more than that is a fault.
MOST_HEAD = 64 << 10
MOST_MESSAGE = 1 << 20
#: Bytes of a faulty message that are shown.
SHOWN = 16
_TEXT, _BINARY, _CLOSE = 1, 2, 8

_rows = TypeBuilder()
#: The arguments of the reducers that are measured, by name.
_ARGUMENTS = {"insert_item": _rows.codec(_rows.product(Item))}


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its WebSocket opcode, 1 for text and 2 for binary, and its payload."""

    opcode: int
    payload: bytes


@dataclass(slots=True)
class Frames:
    """Reads one side of a connection: its HTTP head, then its frames."""

    head: str | None = None
    messages: list[Message] = field(default_factory=list)
    #: Code and reason of a close frame.
    closed: tuple[int, str] | None = None
    fault: str | None = None
    _rest: bytearray = field(default_factory=bytearray)
    _parts: bytearray = field(default_factory=bytearray)
    _opcode: int = 0

    def receive(self, data: bytes) -> None:
        """More bytes of this side. After a fault nothing more is read."""
        if self.fault is not None:
            return
        self._rest += data
        if self.head is None:
            end = self._rest.find(b"\r\n\r\n")
            if end < 0:
                if len(self._rest) > MOST_HEAD:
                    self.fault = f"a head of more than {MOST_HEAD} bytes"
                return
            self.head = self._rest[:end].decode("latin-1")
            del self._rest[: end + 4]
        while self.upgraded and self.fault is None and self._frame():
            pass

    @property
    def upgraded(self) -> bool:
        """Whether the head asks for, or grants, a WebSocket."""
        return self.header("upgrade").lower() == "websocket"

    @property
    def first_line(self) -> str:
        """The request, or the status."""
        return (self.head or "").partition("\r\n")[0]

    def header(self, name: str) -> str:
        """The value of a header; empty if it is not there."""
        for line in (self.head or "").split("\r\n")[1:]:
            found, _, value = line.partition(":")
            if found.strip().lower() == name:
                return value.strip()
        return ""

    def _frame(self) -> bool:
        """Take one frame; whether there was a whole one."""
        data = self._rest
        if len(data) < 2:
            return False
        size, at = data[1] & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(data) < at + width:
                return False
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        if size > MOST_MESSAGE or len(self._parts) + size > MOST_MESSAGE:
            self.fault = f"a message of more than {MOST_MESSAGE:,} bytes"
            return False
        mask = data[at : at + 4] if data[1] & 0x80 else b""
        at += len(mask)
        if len(data) < at + size or (data[1] & 0x80 and len(mask) < 4):
            return False
        payload = bytes(data[at : at + size])
        if mask:
            key = (bytes(mask) * (size // 4 + 1))[:size]
            payload = (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)
        first = data[0]
        del data[: at + size]
        self._take(first & 0x0F, bool(first & 0x80), payload)
        return True

    def _take(self, opcode: int, final: bool, payload: bytes) -> None:
        if opcode >= _CLOSE:
            if opcode == _CLOSE:
                code = int.from_bytes(payload[:2]) if len(payload) >= 2 else 1005
                self.closed = code, payload[2:].decode(errors="replace")
            return
        self._opcode = opcode or self._opcode
        self._parts += payload
        if final:
            self.messages.append(Message(self._opcode, bytes(self._parts)))
            self._parts.clear()


def codec_of(subprotocol: str) -> tuple[Any, str] | None:
    """The codec of client messages in this subprotocol, and its name; None for a text one."""
    return {
        v1.SUBPROTOCOL: (v1.CLIENT, "v1"),
        v2.SUBPROTOCOL_V2: (v2.CLIENT, "v2"),
        v2.SUBPROTOCOL_V3: (v2.CLIENT, "v3"),
    }.get(subprotocol)


@dataclass(frozen=True, slots=True)
class Fault:
    """The first message of a connection that is not what the protocol says, and why."""

    number: int
    message: Message
    why: str

    def __str__(self) -> str:
        kind = "text" if self.message.opcode == _TEXT else "binary"
        size = len(self.message.payload)
        return (
            f"message {self.number} ({kind}, {size:,} bytes, beginning "
            f"{self.message.payload[:SHOWN].hex(' ')}) {self.why}"
        )


def first_fault(messages: list[Message], subprotocol: str) -> Fault | None:
    """The first message that is not BSATN of this subprotocol, with its arguments."""
    found = codec_of(subprotocol)
    for number, message in enumerate(messages, 1):
        if found is None:
            return Fault(number, message, f"is in {subprotocol or 'no subprotocol'}, not in BSATN")
        codec, name = found
        if message.opcode != _BINARY:
            return Fault(number, message, f"is no binary message, as {name} wants")
        try:
            decoded = decode(codec, name, message.payload)
        except WireError as error:
            return Fault(number, message, f"does not decode as {name}: {error}")
        for one in decoded:
            why = _argument_fault(one)
            if why is not None:
                return Fault(number, message, why)
    return None


def decode(codec: Any, name: str, payload: bytes) -> list[Any]:
    """The messages in a payload: several are allowed in v3, one in the others.

    Raises ``DecodeError``.
    """
    if name != "v3":
        return [codec.decode(payload)]
    found: list[Any] = codec.decode_all(payload)
    if not found:
        raise DecodeError("an empty message", 0)
    return found


def calls(messages: list[Message], subprotocol: str) -> int:
    """How many calls of reducers the messages hold, as far as they decode."""
    found = codec_of(subprotocol)
    if found is None:
        return 0
    count = 0
    for message in messages:
        try:
            decoded = decode(*found, message.payload)
        except WireError:
            continue
        count += sum(isinstance(one, v1.CallReducer | v2.CallReducer) for one in decoded)
    return count


def _argument_fault(message: msgspec.Struct) -> str | None:
    if not isinstance(message, v1.CallReducer | v2.CallReducer):
        return None
    if message.reducer == "noop":
        if not message.args:
            return None
        why = f"{len(message.args)} bytes for no parameters"
    elif message.reducer in _ARGUMENTS:
        try:
            _ARGUMENTS[message.reducer].decode(message.args)
            return None
        except WireError as error:
            why = f"{message.args[:SHOWN].hex(' ')}: {error}"
    else:
        return None
    return f"has arguments of {message.reducer} that are not BSATN: {why}"
