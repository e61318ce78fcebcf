"""The codec in Python: slower than the one in C, and the same in every answer.

It runs where no C compiler was at hand, and in the tests it is the second voice against which the
C codec is held. Closures are made once for each program: one ``struct.Struct`` for each stretch of
fixed fields.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, TypeAlias

from harness.errors import DecodeError, EncodeError
from harness.wire.program import DEPTH_LIMIT, FREE_ELEMENTS, Node, Program
from harness.wire.values import Some, Tagged

Buffer: TypeAlias = "bytes | bytearray | memoryview"


class _Cursor:
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


Reader: TypeAlias = Callable[[_Cursor, int], Any]
Writer: TypeAlias = Callable[[bytearray, Any, int], None]

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
            readers.append(make_reader(node, readers, program))
            writers.append(make_writer(node, writers, program))
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

    def encode_rows(self, values: Iterable[Any]) -> list[bytes]:
        return [self.encode(value) for value in values]

    def decode(self, data: Buffer) -> Any:
        cursor = _Cursor(data)
        value = self._read(cursor, 0)
        cursor.finish()
        return value

    def decode_from(self, data: Buffer, offset: int) -> tuple[Any, int]:
        cursor = _Cursor(data)
        cursor.seek(offset)
        return self._read(cursor, 0), cursor.pos

    def decode_all(self, data: Buffer, offset: int = 0) -> list[Any]:
        cursor = _Cursor(data)
        cursor.seek(offset)
        values = []
        while cursor.pos < cursor.end:
            before = cursor.pos
            values.append(self._read(cursor, 0))
            if cursor.pos == before:
                raise DecodeError("a value without bytes cannot be counted", before)
        return values

    def decode_rows(self, data: Buffer, offsets: list[int]) -> list[Any]:
        cursor = _Cursor(data)
        size = cursor.end
        rows: list[Any] = []
        for start, stop in zip(offsets, [*offsets[1:], size], strict=False):
            if start != cursor.pos or not start <= stop <= size:
                raise DecodeError(f"row {len(rows)} is said to start at {start}", cursor.pos)
            self._append_row(cursor, rows, stop)
        cursor.end = size
        cursor.finish()
        return rows

    def decode_fixed(self, data: Buffer, size: int) -> list[Any]:
        cursor = _Cursor(data)
        length = cursor.end
        if size < 0 or (length % size if size else length):
            raise DecodeError(f"{length} bytes are not rows of {size} bytes each", 0)
        rows: list[Any] = []
        for at in range(0, length, size or 1):
            self._append_row(cursor, rows, at + size)
        return rows

    def _append_row(self, cursor: _Cursor, rows: list[Any], stop: int) -> None:
        """One row that must take exactly the bytes up to ``stop``."""
        cursor.end = stop
        rows.append(self._read(cursor, 0))
        if cursor.pos != stop:
            raise DecodeError(f"row {len(rows) - 1} is said to end at {stop}", cursor.pos)


def _refuse(value: object, expected: str) -> EncodeError:
    try:
        shown = repr(value)
    except Exception:  # a number of too many digits, or a class whose repr is broken
        shown = object.__repr__(value)
    if len(shown) > 60:
        shown = shown[:57] + "..."
    return EncodeError(f"expected {expected}, got {shown}")


def _length(value: object, size: int, unit: str) -> bytes:
    """A length or count as it is written. Raises ``EncodeError`` from 2**32 on."""
    if size > 0xFFFFFFFF:
        raise _refuse(value, f"fewer than 2**32 {unit}")
    return _U32.pack(size)


# --- one reader and one writer for each operation ------------------------------------------------


def _read_bool(node: Node, readers: list[Reader], program: Program) -> Reader:
    def read(cursor: _Cursor, depth: int) -> bool:
        pos = cursor.take(1)
        byte = cursor.data[pos]
        if byte > 1:
            raise DecodeError(f"a bool is 0 or 1, not {byte},", pos)
        return byte == 1

    return read


def _write_bool(node: Node, writers: list[Writer], program: Program) -> Writer:
    def write(out: bytearray, value: Any, depth: int) -> None:
        if value is True:
            out.append(1)
        elif value is False:
            out.append(0)
        else:
            raise _refuse(value, "bool")

    return write


def _read_int(node: Node, readers: list[Reader], program: Program) -> Reader:
    _, width, signed = node

    def read(cursor: _Cursor, depth: int) -> int:
        pos = cursor.take(width)
        return int.from_bytes(cursor.data[pos : pos + width], "little", signed=signed)

    return read


def _write_int(node: Node, writers: list[Writer], program: Program) -> Writer:
    _, width, signed = node
    name = f"{'i' if signed else 'u'}{width * 8}"

    def write(out: bytearray, value: Any, depth: int) -> None:
        if type(value) is not int and (isinstance(value, bool) or not isinstance(value, int)):
            raise _refuse(value, name)
        try:
            out += int.to_bytes(value, width, "little", signed=signed)
        except OverflowError:
            raise _refuse(value, name) from None

    return write


def _read_float(node: Node, readers: list[Reader], program: Program) -> Reader:
    width = node[1]
    unpack = _FLOATS[width].unpack_from

    def read(cursor: _Cursor, depth: int) -> Any:
        return unpack(cursor.data, cursor.take(width))[0]

    return read


def _write_float(node: Node, writers: list[Writer], program: Program) -> Writer:
    width = node[1]
    pack = _FLOATS[width].pack

    def write(out: bytearray, value: Any, depth: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _refuse(value, f"f{width * 8}")
        try:
            out += pack(float(value))
        except OverflowError:
            raise _refuse(value, f"f{width * 8}") from None

    return write


def _read_bytes(node: Node, readers: list[Reader], program: Program) -> Reader:
    def read(cursor: _Cursor, depth: int) -> bytes:
        (size,) = _U32.unpack_from(cursor.data, cursor.take(4))
        pos = cursor.take(size)
        return cursor.data[pos : pos + size]

    return read


def _write_bytes(node: Node, writers: list[Writer], program: Program) -> Writer:
    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise _refuse(value, "bytes")
        try:
            view = memoryview(value)
        except ValueError:  # a released memoryview
            raise _refuse(value, "bytes") from None
        out += _length(value, view.nbytes, "bytes")
        out += view.tobytes()

    return write


def _read_string(node: Node, readers: list[Reader], program: Program) -> Reader:
    def read(cursor: _Cursor, depth: int) -> str:
        (size,) = _U32.unpack_from(cursor.data, cursor.take(4))
        pos = cursor.take(size)
        try:
            return cursor.data[pos : pos + size].decode()
        except UnicodeDecodeError as error:
            raise DecodeError("a string is not UTF-8", pos + error.start) from None

    return read


def _write_string(node: Node, writers: list[Writer], program: Program) -> Writer:
    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, str):
            raise _refuse(value, "str")
        try:
            data = value.encode()
        except UnicodeEncodeError:
            raise _refuse(value, "text without lone surrogates") from None
        out += _length(value, len(data), "bytes")
        out += data

    return write


def _read_fixed(node: Node, readers: list[Reader], program: Program) -> Reader:
    width = node[1]

    def read(cursor: _Cursor, depth: int) -> bytes:
        pos = cursor.take(width)
        return cursor.data[pos : pos + width]

    return read


def _write_fixed(node: Node, writers: list[Writer], program: Program) -> Writer:
    width = node[1]

    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, bytes) or len(value) != width:
            raise _refuse(value, f"{width} bytes")
        out += value

    return write


def _read_uuid(node: Node, readers: list[Reader], program: Program) -> Reader:
    def read(cursor: _Cursor, depth: int) -> uuid.UUID:
        pos = cursor.take(16)
        return uuid.UUID(int=int.from_bytes(cursor.data[pos : pos + 16], "little"))

    return read


def _write_uuid(node: Node, writers: list[Writer], program: Program) -> Writer:
    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, uuid.UUID):
            raise _refuse(value, "uuid.UUID")
        try:
            out += int.to_bytes(value.int, 16, "little")
        except (AttributeError, OverflowError, TypeError):  # a subclass, or one without a number
            raise _refuse(value, "uuid.UUID") from None

    return write


def _read_array(node: Node, readers: list[Reader], program: Program) -> Reader:
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


def _write_array(node: Node, writers: list[Writer], program: Program) -> Writer:
    index = node[1]

    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, list | tuple):
            raise _refuse(value, "list")
        _check_depth(depth)
        count = len(value)
        out += _length(value, count, "elements")
        element = writers[index]
        for item in value:
            element(out, item, depth + 1)
        if len(value) != count:
            raise EncodeError("the list changed meanwhile")

    return write


def _check_depth(depth: int) -> None:
    if depth >= DEPTH_LIMIT:
        raise EncodeError(f"values are nested deeper than {DEPTH_LIMIT}")


_RUN_CODES = {
    ("bool",): "?",
    ("float", 4): "f", ("float", 8): "d",
    ("int", 1, True): "b", ("int", 2, True): "h", ("int", 4, True): "i", ("int", 8, True): "q",
    ("int", 1, False): "B", ("int", 2, False): "H", ("int", 4, False): "I", ("int", 8, False): "Q",
}  # fmt: skip
_RUN_TYPES = {"?": bool, "f": float, "d": float}


def _stretches(indexes: tuple[int, ...], program: Program) -> list[tuple[int, int, str]]:
    """Fields as (start, stop, format): at least two fixed ones, or one with an empty format."""
    codes = [_RUN_CODES.get(program[index], "") for index in indexes]
    found = []
    start = 0
    while start < len(codes):
        stop = start
        while stop < len(codes) and codes[stop]:
            stop += 1
        if stop - start >= 2:
            found.append((start, stop, "<" + "".join(codes[start:stop])))
        else:
            stop = start + 1
            found.append((start, stop, ""))
        start = stop
    return found


def _read_struct(node: Node, readers: list[Reader], program: Program) -> Reader:
    _, class_, names, indexes = node
    make = _maker(class_, names)
    steps = [
        _read_stretch(indexes[start:stop], layout, readers)
        for start, stop, layout in _stretches(indexes, program)
    ]

    def read(cursor: _Cursor, depth: int) -> Any:
        if depth >= DEPTH_LIMIT:
            raise DecodeError(f"values are nested deeper than {DEPTH_LIMIT}", cursor.pos)
        fields: list[Any] = []
        for step in steps:
            step(cursor, depth + 1, fields)
        return make(fields)

    return read


def _read_stretch(
    indexes: tuple[int, ...], layout: str, readers: list[Reader]
) -> Callable[[_Cursor, int, list[Any]], None]:
    def read_each(cursor: _Cursor, depth: int, fields: list[Any]) -> None:
        for index in indexes:
            fields.append(readers[index](cursor, depth))

    if not layout:
        return read_each
    # A byte for a bool, since "?" would take any other for true.
    packed = struct.Struct(layout.replace("?", "B"))
    bools = [at for at, code in enumerate(layout[1:]) if code == "?"]
    size = packed.size

    def read(cursor: _Cursor, depth: int, fields: list[Any]) -> None:
        pos = cursor.pos
        if size > cursor.end - pos:
            return read_each(cursor, depth, fields)  # one by one, to say at which it ends
        first = len(fields)
        fields += packed.unpack_from(cursor.data, pos)
        for at in bools:
            byte = fields[first + at]
            if byte > 1:
                del fields[first:]
                return read_each(cursor, depth, fields)
            fields[first + at] = byte == 1
        cursor.pos = pos + size
        return None

    return read


def _maker(class_: Any, names: tuple[str, ...]) -> Callable[[list[Any]], Any]:
    """From fields to value: by position, or by keyword for classes that want that."""
    if class_ is None:
        return tuple
    if getattr(class_, "__match_args__", None) == names:
        return lambda fields: class_(*fields)
    return lambda fields: class_(**dict(zip(names, fields, strict=True)))


def _write_struct(node: Node, writers: list[Writer], program: Program) -> Writer:
    _, class_, names, indexes = node
    get = _getter(names)

    def write_one(out: bytearray, at: int, item: Any, depth: int) -> None:
        try:
            writers[indexes[at]](out, item, depth)
        except EncodeError as error:
            if error.path or class_ is None:
                raise
            raise EncodeError(str(error), f"{class_.__name__}.{names[at]}") from None

    steps = [
        _write_stretch(start, stop, layout, write_one)
        for start, stop, layout in _stretches(indexes, program)
    ]

    def write(out: bytearray, value: Any, depth: int) -> None:
        _check_depth(depth)
        if isinstance(value, tuple):
            if len(value) != len(indexes):
                raise _refuse(value, f"{len(indexes)} fields")
            fields = value
        elif class_ is None or not isinstance(value, class_):
            raise _refuse(value, class_.__name__ if class_ is not None else "tuple")
        else:
            try:
                fields = get(value)
            except AttributeError:
                return write_partial(out, value, depth)
        for step in steps:
            step(out, fields, depth + 1)
        return None

    def write_partial(out: bytearray, value: Any, depth: int) -> None:
        """An instance without all fields: refused at the first that is wrong or missing."""
        for at, name in enumerate(names):
            try:
                item = getattr(value, name)
            except AttributeError:
                path = f"{class_.__name__}.{name}"
                raise EncodeError("the field is not set", path) from None
            write_one(out, at, item, depth + 1)

    return write


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """All fields at once; ``attrgetter`` gives a tuple only for two or more."""
    if len(names) >= 2:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


def _write_stretch(
    start: int, stop: int, layout: str, write_one: Callable[[bytearray, int, Any, int], None]
) -> Callable[[bytearray, tuple[Any, ...], int], None]:
    def write_each(out: bytearray, fields: tuple[Any, ...], depth: int) -> None:
        for at in range(start, stop):
            write_one(out, at, fields[at], depth)

    if not layout:
        return write_each
    pack = struct.Struct(layout).pack
    # struct would take 1 for a bool, True for a number and any object with __index__.
    exact = tuple(_RUN_TYPES.get(code, int) for code in layout[1:])

    def write(out: bytearray, fields: tuple[Any, ...], depth: int) -> None:
        part = fields[start:stop]
        if tuple(map(type, part)) == exact:
            try:
                out += pack(*part)
            except (struct.error, OverflowError):
                pass  # one by one, to say which
            else:
                return
        write_each(out, fields, depth)

    return write


def _read_enum(node: Node, readers: list[Reader], program: Program) -> Reader:
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


def _write_enum(node: Node, writers: list[Writer], program: Program) -> Writer:
    places = {member: index for index, member in enumerate(node[1])}

    def write(out: bytearray, value: Any, depth: int) -> None:
        try:
            out.append(places[value])
        except (KeyError, TypeError):
            raise _refuse(value, "a member of the enum") from None

    return write


def _read_sum(node: Node, readers: list[Reader], program: Program) -> Reader:
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


def _read_tagged(node: Node, readers: list[Reader], program: Program) -> Reader:
    _, names, indexes = node

    def read(cursor: _Cursor, depth: int) -> Tagged:
        if depth >= DEPTH_LIMIT:
            raise DecodeError(f"values are nested deeper than {DEPTH_LIMIT}", cursor.pos)
        tag = _tag(cursor, len(indexes))
        return Tagged(tag, names[tag], readers[indexes[tag]](cursor, depth + 1))

    return read


def _write_tagged(node: Node, writers: list[Writer], program: Program) -> Writer:
    indexes = node[2]

    def write(out: bytearray, value: Any, depth: int) -> None:
        _check_depth(depth)
        tag = value.tag if isinstance(value, Tagged) else None
        if not isinstance(tag, int) or not 0 <= tag < len(indexes):
            raise _refuse(value, f"Tagged with a tag below {len(indexes)}")
        out.append(tag)
        writers[indexes[tag]](out, value.value, depth + 1)

    return write


def _read_option(node: Node, readers: list[Reader], program: Program) -> Reader:
    _, index, wrapped = node

    def read(cursor: _Cursor, depth: int) -> Any:
        if depth >= DEPTH_LIMIT:
            raise DecodeError(f"values are nested deeper than {DEPTH_LIMIT}", cursor.pos)
        if _tag(cursor, 2):
            return None
        value = readers[index](cursor, depth + 1)
        return Some(value) if wrapped else value

    return read


def _write_option(node: Node, writers: list[Writer], program: Program) -> Writer:
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
