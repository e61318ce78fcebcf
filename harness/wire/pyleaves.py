"""Reading and writing of scalars, strings and enums in Python; see ``pycodec``.

Each function makes a closure for one node of a program.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from typing import Any, TypeAlias

from harness.errors import DecodeError, EncodeError
from harness.wire.program import FREE_ELEMENTS, Node, Program

Buffer: TypeAlias = "bytes | bytearray | memoryview"


class Cursor:
    """Where a decoder stands in one buffer."""

    __slots__ = ("data", "end", "free", "pos")

    def __init__(self, data: Buffer) -> None:
        self.data = data if type(data) is bytes else bytes(data)
        self.pos = 0
        self.end = len(self.data)
        self.free = FREE_ELEMENTS + self.end

    def seek(self, offset: int) -> None:
        if not 0 <= offset <= self.end:
            raise DecodeError(f"offset {offset} is outside the {self.end} bytes", 0)
        self.pos = offset

    def take(self, size: int) -> int:
        """Move on by ``size`` bytes; the place before. Raises if the buffer ends sooner."""
        pos = self.pos
        if size > self.end - pos:
            raise DecodeError(f"stream ends after {self.end - pos} bytes, expected {size},", pos)
        self.pos = pos + size
        return pos

    def finish(self) -> None:
        """Raises if bytes are left."""
        if self.pos != self.end:
            raise DecodeError(f"{self.end - self.pos} bytes are left over", self.pos)


Reader: TypeAlias = Callable[[Cursor, int], Any]
Writer: TypeAlias = Callable[[bytearray, Any, int], None]

U32 = struct.Struct("<I")
_FLOATS = {4: struct.Struct("<f"), 8: struct.Struct("<d")}


def refuse(value: object, expected: str) -> EncodeError:
    try:
        shown = repr(value)
    except Exception:  # a number of too many digits, or a class whose repr is broken
        shown = object.__repr__(value)
    if len(shown) > 60:
        shown = shown[:57] + "..."
    return EncodeError(f"expected {expected}, got {shown}")


def length_prefix(value: object, size: int, unit: str) -> bytes:
    """A length or count as it is written. Raises ``EncodeError`` from 2**32 on."""
    if size > 0xFFFFFFFF:
        raise refuse(value, f"fewer than 2**32 {unit}")
    return U32.pack(size)


def read_bool(node: Node, readers: list[Reader], program: Program) -> Reader:
    def read(cursor: Cursor, depth: int) -> bool:
        pos = cursor.take(1)
        byte = cursor.data[pos]
        if byte > 1:
            raise DecodeError(f"a bool is 0 or 1, not {byte},", pos)
        return byte == 1

    return read


def write_bool(node: Node, writers: list[Writer], program: Program) -> Writer:
    def write(out: bytearray, value: Any, depth: int) -> None:
        if value is True:
            out.append(1)
        elif value is False:
            out.append(0)
        else:
            raise refuse(value, "bool")

    return write


def read_int(node: Node, readers: list[Reader], program: Program) -> Reader:
    _, width, signed = node

    def read(cursor: Cursor, depth: int) -> int:
        pos = cursor.take(width)
        return int.from_bytes(cursor.data[pos : pos + width], "little", signed=signed)

    return read


def write_int(node: Node, writers: list[Writer], program: Program) -> Writer:
    _, width, signed = node
    name = f"{'i' if signed else 'u'}{width * 8}"

    def write(out: bytearray, value: Any, depth: int) -> None:
        if type(value) is not int and (isinstance(value, bool) or not isinstance(value, int)):
            raise refuse(value, name)
        try:
            out += int.to_bytes(value, width, "little", signed=signed)
        except OverflowError:
            raise refuse(value, name) from None

    return write


def read_float(node: Node, readers: list[Reader], program: Program) -> Reader:
    width = node[1]
    unpack = _FLOATS[width].unpack_from

    def read(cursor: Cursor, depth: int) -> Any:
        return unpack(cursor.data, cursor.take(width))[0]

    return read


def write_float(node: Node, writers: list[Writer], program: Program) -> Writer:
    width = node[1]
    pack = _FLOATS[width].pack

    def write(out: bytearray, value: Any, depth: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refuse(value, f"f{width * 8}")
        try:
            out += pack(float(value))
        except OverflowError:
            raise refuse(value, f"f{width * 8}") from None

    return write


def read_bytes(node: Node, readers: list[Reader], program: Program) -> Reader:
    def read(cursor: Cursor, depth: int) -> bytes:
        (size,) = U32.unpack_from(cursor.data, cursor.take(4))
        pos = cursor.take(size)
        return cursor.data[pos : pos + size]

    return read


def write_bytes(node: Node, writers: list[Writer], program: Program) -> Writer:
    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise refuse(value, "bytes")
        try:
            view = memoryview(value)
        except ValueError:  # a released memoryview
            raise refuse(value, "bytes") from None
        out += length_prefix(value, view.nbytes, "bytes")
        out += view.tobytes()

    return write


def read_string(node: Node, readers: list[Reader], program: Program) -> Reader:
    def read(cursor: Cursor, depth: int) -> str:
        (size,) = U32.unpack_from(cursor.data, cursor.take(4))
        pos = cursor.take(size)
        try:
            return cursor.data[pos : pos + size].decode()
        except UnicodeDecodeError as error:
            raise DecodeError("a string is not UTF-8", pos + error.start) from None

    return read


def write_string(node: Node, writers: list[Writer], program: Program) -> Writer:
    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, str):
            raise refuse(value, "str")
        try:
            data = value.encode()
        except UnicodeEncodeError:
            raise refuse(value, "text without lone surrogates") from None
        out += length_prefix(value, len(data), "bytes")
        out += data

    return write


def read_fixed(node: Node, readers: list[Reader], program: Program) -> Reader:
    width = node[1]

    def read(cursor: Cursor, depth: int) -> bytes:
        pos = cursor.take(width)
        return cursor.data[pos : pos + width]

    return read


def write_fixed(node: Node, writers: list[Writer], program: Program) -> Writer:
    width = node[1]

    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, bytes) or len(value) != width:
            raise refuse(value, f"{width} bytes")
        out += value

    return write


def read_uuid(node: Node, readers: list[Reader], program: Program) -> Reader:
    def read(cursor: Cursor, depth: int) -> uuid.UUID:
        pos = cursor.take(16)
        return uuid.UUID(int=int.from_bytes(cursor.data[pos : pos + 16], "little"))

    return read


def write_uuid(node: Node, writers: list[Writer], program: Program) -> Writer:
    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, uuid.UUID):
            raise refuse(value, "uuid.UUID")
        try:
            out += int.to_bytes(value.int, 16, "little")
        except (AttributeError, OverflowError, TypeError):  # a subclass, or one without a number
            raise refuse(value, "uuid.UUID") from None

    return write


def read_enum(node: Node, readers: list[Reader], program: Program) -> Reader:
    members = node[1]

    def read(cursor: Cursor, depth: int) -> Any:
        return members[read_tag(cursor, len(members))]

    return read


def read_tag(cursor: Cursor, count: int) -> int:
    pos = cursor.take(1)
    tag = cursor.data[pos]
    if tag >= count:
        raise DecodeError(f"tag {tag} is outside the {count} variants", pos)
    return tag


def write_enum(node: Node, writers: list[Writer], program: Program) -> Writer:
    places = {member: index for index, member in enumerate(node[1])}

    def write(out: bytearray, value: Any, depth: int) -> None:
        try:
            out.append(places[value])
        except (KeyError, TypeError):
            raise refuse(value, "a member of the enum") from None

    return write
