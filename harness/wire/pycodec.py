"""The codec in Python: slower than the one in C, and the same in every answer.

It runs where no C compiler was at hand, and in the tests it is the second voice against which the
C codec is held. Closures are made once for each program: one ``struct.Struct`` for each stretch of
fixed fields.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from harness.errors import DecodeError, EncodeError
from harness.wire.program import DEPTH_LIMIT, Node, Program
from harness.wire.values import Some, Tagged

#: Arrays of elements without bytes: so many more than the buffer has bytes, in all.
FREE_ELEMENTS = 1024


class _Cursor:
    """Where a decoder stands in one buffer."""

    __slots__ = ("data", "end", "free", "pos")

    def __init__(self, data: bytes, pos: int) -> None:
        self.data = data
        self.pos = pos
        self.end = len(data)
        self.free = FREE_ELEMENTS + len(data)

    def take(self, size: int) -> int:
        """Move on by ``size`` bytes; the place before. Raises if the buffer ends sooner."""
        pos = self.pos
        if size > self.end - pos:
            raise DecodeError(f"stream ends after {self.end - pos} bytes, expected {size},", pos)
        self.pos = pos + size
        return pos


Reader: TypeAlias = Callable[[_Cursor, int], Any]
Writer: TypeAlias = Callable[[Any, Any, int], None]

_U32 = struct.Struct("<I")
_FLOATS = {4: struct.Struct("<f"), 8: struct.Struct("<d")}


class Codec:
    """Encode and decode the values of one program. See ``harness.wire.codec``."""

    __slots__ = ("_read", "_write")

    def __init__(self, program: Program) -> None:
        readers: list[Reader] = []
        writers: list[Writer] = []
        for node in program:
            make_reader, make_writer = _MAKERS[node[0]]
            readers.append(make_reader(node, readers))
            if node[0] == "sum":
                writers.append(_write_sum(node, writers, program))
            else:
                writers.append(make_writer(node, writers))
        self._read = readers[0]
        self._write = writers[0]

    def encode(self, value: Any) -> bytes:
        out = bytearray()
        self._write(out, value, 0)
        return bytes(out)

    def encode_all(self, values: Iterable[Any]) -> bytes:
        out = bytearray()
        for value in values:
            self._write(out, value, 0)
        return bytes(out)

    def decode(self, data: bytes) -> Any:
        cursor = _Cursor(data, 0)
        value = self._read(cursor, 0)
        if cursor.pos != cursor.end:
            raise DecodeError(f"{cursor.end - cursor.pos} bytes are left over", cursor.pos)
        return value

    def decode_from(self, data: bytes, offset: int) -> tuple[Any, int]:
        cursor = _Cursor(data, _start(data, offset))
        return self._read(cursor, 0), cursor.pos

    def decode_all(self, data: bytes, offset: int = 0) -> list[Any]:
        cursor = _Cursor(data, _start(data, offset))
        values = []
        while cursor.pos < cursor.end:
            before = cursor.pos
            values.append(self._read(cursor, 0))
            if cursor.pos == before:
                raise DecodeError("a value without bytes cannot be counted", before)
        return values

    def decode_rows(self, data: bytes, offsets: list[int]) -> list[Any]:
        cursor = _Cursor(data, 0)
        rows = []
        for start, end in zip(offsets, [*offsets[1:], len(data)], strict=True):
            if start != cursor.pos or not start <= end <= len(data):
                raise DecodeError(f"row {len(rows)} is said to start at {start}", cursor.pos)
            cursor.end = end
            rows.append(self._read(cursor, 0))
            if cursor.pos != end:
                raise DecodeError(f"row {len(rows) - 1} is said to end at {end}", cursor.pos)
        if cursor.pos != len(data):
            raise DecodeError(f"{len(data) - cursor.pos} bytes are left over", cursor.pos)
        return rows


def _start(data: bytes, offset: int) -> int:
    if not 0 <= offset <= len(data):
        raise DecodeError(f"offset {offset} is outside the {len(data)} bytes", 0)
    return offset


def _refuse(value: object, expected: str) -> EncodeError:
    shown = repr(value)
    if len(shown) > 60:
        shown = shown[:57] + "..."
    return EncodeError(f"expected {expected}, got {shown}")


# --- one reader and one writer for each operation ------------------------------------------------


def _read_bool(node: Node, readers: list[Reader]) -> Reader:
    def read(cursor: _Cursor, depth: int) -> bool:
        pos = cursor.take(1)
        byte = cursor.data[pos]
        if byte > 1:
            raise DecodeError(f"a bool is 0 or 1, not {byte},", pos)
        return byte == 1

    return read


def _write_bool(node: Node, writers: list[Writer]) -> Writer:
    def write(out: bytearray, value: Any, depth: int) -> None:
        if value is True:
            out.append(1)
        elif value is False:
            out.append(0)
        else:
            raise _refuse(value, "bool")

    return write


def _read_int(node: Node, readers: list[Reader]) -> Reader:
    _, width, signed = node

    def read(cursor: _Cursor, depth: int) -> int:
        pos = cursor.take(width)
        return int.from_bytes(cursor.data[pos : pos + width], "little", signed=signed)

    return read


def _write_int(node: Node, writers: list[Writer]) -> Writer:
    _, width, signed = node
    name = f"{'i' if signed else 'u'}{width * 8}"

    def write(out: bytearray, value: Any, depth: int) -> None:
        if type(value) is not int:
            if isinstance(value, bool) or not isinstance(value, int):
                raise _refuse(value, name)
            value = int(value)
        try:
            out += value.to_bytes(width, "little", signed=signed)
        except OverflowError:
            raise _refuse(value, name) from None

    return write


def _read_float(node: Node, readers: list[Reader]) -> Reader:
    width = node[1]
    unpack = _FLOATS[width].unpack_from

    def read(cursor: _Cursor, depth: int) -> Any:
        return unpack(cursor.data, cursor.take(width))[0]

    return read


def _write_float(node: Node, writers: list[Writer]) -> Writer:
    width = node[1]
    pack = _FLOATS[width].pack

    def write(out: bytearray, value: Any, depth: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _refuse(value, f"f{width * 8}")
        try:
            out += pack(value)
        except OverflowError:
            raise _refuse(value, f"f{width * 8}") from None

    return write


def _read_bytes(node: Node, readers: list[Reader]) -> Reader:
    def read(cursor: _Cursor, depth: int) -> bytes:
        (size,) = _U32.unpack_from(cursor.data, cursor.take(4))
        pos = cursor.take(size)
        return cursor.data[pos : pos + size]

    return read


def _write_bytes(node: Node, writers: list[Writer]) -> Writer:
    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise _refuse(value, "bytes")
        out += _U32.pack(len(value))
        out += value

    return write


def _read_string(node: Node, readers: list[Reader]) -> Reader:
    def read(cursor: _Cursor, depth: int) -> str:
        (size,) = _U32.unpack_from(cursor.data, cursor.take(4))
        pos = cursor.take(size)
        try:
            return cursor.data[pos : pos + size].decode()
        except UnicodeDecodeError as error:
            raise DecodeError("a string is not UTF-8", pos + error.start) from None

    return read


def _write_string(node: Node, writers: list[Writer]) -> Writer:
    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, str):
            raise _refuse(value, "str")
        try:
            data = value.encode()
        except UnicodeEncodeError:
            raise _refuse(value, "text without lone surrogates") from None
        out += _U32.pack(len(data))
        out += data

    return write


def _read_fixed(node: Node, readers: list[Reader]) -> Reader:
    width = node[1]

    def read(cursor: _Cursor, depth: int) -> bytes:
        pos = cursor.take(width)
        return cursor.data[pos : pos + width]

    return read


def _write_fixed(node: Node, writers: list[Writer]) -> Writer:
    width = node[1]

    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, bytes) or len(value) != width:
            raise _refuse(value, f"{width} bytes")
        out += value

    return write


def _read_uuid(node: Node, readers: list[Reader]) -> Reader:
    def read(cursor: _Cursor, depth: int) -> uuid.UUID:
        pos = cursor.take(16)
        return uuid.UUID(int=int.from_bytes(cursor.data[pos : pos + 16], "little"))

    return read


def _write_uuid(node: Node, writers: list[Writer]) -> Writer:
    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, uuid.UUID):
            raise _refuse(value, "uuid.UUID")
        out += value.int.to_bytes(16, "little")

    return write


def _read_array(node: Node, readers: list[Reader]) -> Reader:
    _, index, least = node

    def read(cursor: _Cursor, depth: int) -> list[Any]:
        start = cursor.take(4)
        (count,) = _U32.unpack_from(cursor.data, start)
        if least == 0:
            cursor.free -= count
            if cursor.free < 0:
                raise DecodeError(f"an array claims {count} elements without bytes", start)
        elif count * least > cursor.end - cursor.pos:
            raise DecodeError(
                f"an array claims {count} elements of at least {least} bytes "
                f"where {cursor.end - cursor.pos} bytes are left",
                start,
            )
        if depth >= DEPTH_LIMIT:
            raise DecodeError(f"values are nested deeper than {DEPTH_LIMIT}", start)
        element = readers[index]
        return [element(cursor, depth + 1) for _ in range(count)]

    return read


def _write_array(node: Node, writers: list[Writer]) -> Writer:
    index = node[1]

    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, list | tuple):
            raise _refuse(value, "list")
        _check_depth(depth)
        out += _U32.pack(len(value))
        element = writers[index]
        for item in value:
            element(out, item, depth + 1)

    return write


def _check_depth(depth: int) -> None:
    if depth >= DEPTH_LIMIT:
        raise EncodeError(f"values are nested deeper than {DEPTH_LIMIT}")


def _read_struct(node: Node, readers: list[Reader]) -> Reader:
    _, class_, _, indexes = node

    def read(cursor: _Cursor, depth: int) -> Any:
        if depth >= DEPTH_LIMIT:
            raise DecodeError(f"values are nested deeper than {DEPTH_LIMIT}", cursor.pos)
        fields = [readers[index](cursor, depth + 1) for index in indexes]
        return tuple(fields) if class_ is None else make(*fields)

    make = _maker(class_, node[2]) if class_ is not None else tuple
    return read


def _maker(class_: Any, names: tuple[str, ...]) -> Callable[..., Any]:
    """Positional construction, also of classes whose fields are keyword-only."""
    if getattr(class_, "__match_args__", None) == names:
        return class_  # type: ignore[no-any-return]  # a class is a callable

    def make(*fields: Any) -> Any:
        return class_(**dict(zip(names, fields, strict=True)))

    return make


def _write_struct(node: Node, writers: list[Writer]) -> Writer:
    _, class_, names, indexes = node

    def write(out: bytearray, value: Any, depth: int) -> None:
        _check_depth(depth)
        if isinstance(value, tuple):
            if len(value) != len(indexes):
                raise _refuse(value, f"{len(indexes)} fields")
            fields = value
        elif class_ is None or not isinstance(value, class_):
            raise _refuse(value, class_.__name__ if class_ is not None else "tuple")
        else:
            fields = tuple(getattr(value, name) for name in names)
        for index, name, item in zip(indexes, names, fields, strict=True):
            try:
                writers[index](out, item, depth + 1)
            except EncodeError as error:
                if error.path or class_ is None:
                    raise
                raise EncodeError(str(error), f"{class_.__name__}.{name}") from None

    return write


def _read_enum(node: Node, readers: list[Reader]) -> Reader:
    members = node[1]

    def read(cursor: _Cursor, depth: int) -> Any:
        return members[_tag(cursor, len(members))]

    return read


def _tag(cursor: _Cursor, count: int) -> int:
    pos = cursor.take(1)
    tag = cursor.data[pos]
    if tag >= count:
        raise DecodeError(f"tag {tag} is outside the {count} variants", pos)
    return tag


def _write_enum(node: Node, writers: list[Writer]) -> Writer:
    places = {member: index for index, member in enumerate(node[1])}

    def write(out: bytearray, value: Any, depth: int) -> None:
        try:
            out.append(places[value])
        except (KeyError, TypeError):
            raise _refuse(value, "a member of the enum") from None

    return write


def _read_sum(node: Node, readers: list[Reader]) -> Reader:
    indexes = node[1]

    def read(cursor: _Cursor, depth: int) -> Any:
        return readers[indexes[_tag(cursor, len(indexes))]](cursor, depth)

    return read


def _write_sum(node: Node, writers: list[Writer], program: Program) -> Writer:
    indexes = node[1]
    tags = {program[index][1]: tag for tag, index in enumerate(indexes)}

    def write(out: bytearray, value: Any, depth: int) -> None:
        tag = tags.get(type(value))
        if tag is None:
            raise _refuse(value, "one of " + ", ".join(c.__name__ for c in tags))
        out.append(tag)
        writers[indexes[tag]](out, value, depth)

    return write


def _read_tagged(node: Node, readers: list[Reader]) -> Reader:
    _, names, indexes = node

    def read(cursor: _Cursor, depth: int) -> Tagged:
        if depth >= DEPTH_LIMIT:
            raise DecodeError(f"values are nested deeper than {DEPTH_LIMIT}", cursor.pos)
        tag = _tag(cursor, len(indexes))
        return Tagged(tag, names[tag], readers[indexes[tag]](cursor, depth + 1))

    return read


def _write_tagged(node: Node, writers: list[Writer]) -> Writer:
    indexes = node[2]

    def write(out: bytearray, value: Any, depth: int) -> None:
        _check_depth(depth)
        if not isinstance(value, Tagged) or not 0 <= value.tag < len(indexes):
            raise _refuse(value, f"Tagged with a tag below {len(indexes)}")
        out.append(value.tag)
        writers[indexes[value.tag]](out, value.value, depth + 1)

    return write


def _read_option(node: Node, readers: list[Reader]) -> Reader:
    _, index, wrapped = node

    def read(cursor: _Cursor, depth: int) -> Any:
        if depth >= DEPTH_LIMIT:
            raise DecodeError(f"values are nested deeper than {DEPTH_LIMIT}", cursor.pos)
        if _tag(cursor, 2):
            return None
        value = readers[index](cursor, depth + 1)
        return Some(value) if wrapped else value

    return read


def _write_option(node: Node, writers: list[Writer]) -> Writer:
    _, index, wrapped = node

    def write(out: bytearray, value: Any, depth: int) -> None:
        _check_depth(depth)
        if value is None:
            out.append(1)
            return
        if wrapped:
            if not isinstance(value, Some):
                raise _refuse(value, "Some or None")
            value = value.value
        out.append(0)
        writers[index](out, value, depth + 1)

    return write


_MAKERS: dict[str, tuple[Callable[..., Reader], Callable[..., Writer]]] = {
    "bool": (_read_bool, _write_bool),
    "int": (_read_int, _write_int),
    "float": (_read_float, _write_float),
    "string": (_read_string, _write_string),
    "bytes": (_read_bytes, _write_bytes),
    "fixed": (_read_fixed, _write_fixed),
    "uuid": (_read_uuid, _write_uuid),
    "array": (_read_array, _write_array),
    "struct": (_read_struct, _write_struct),
    "enum": (_read_enum, _write_enum),
    "sum": (_read_sum, _write_sum),
    "tagged": (_read_tagged, _write_tagged),
    "option": (_read_option, _write_option),
}
