"""Reading and writing of arrays, structs, sums and options in Python; see ``pycodec``.

Each function makes a closure for one node of a program. Other nodes are looked up when they are
first needed, since a type may contain itself.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from harness.errors import DecodeError, EncodeError
from harness.wire.program import DEPTH_LIMIT, Node, Program
from harness.wire.pyleaves import U32, Cursor, Reader, Writer, length_prefix, read_tag, refuse
from harness.wire.values import Some, Tagged


def read_array(node: Node, readers: list[Reader], program: Program) -> Reader:
    _, index, least = node

    def read(cursor: Cursor, depth: int) -> list[Any]:
        start = cursor.take(4)
        (count,) = U32.unpack_from(cursor.data, start)
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


def write_array(node: Node, writers: list[Writer], program: Program) -> Writer:
    index = node[1]

    def write(out: bytearray, value: Any, depth: int) -> None:
        if not isinstance(value, list | tuple):
            raise refuse(value, "list")
        check_depth(depth)
        count = len(value)
        out += length_prefix(value, count, "elements")
        element = writers[index]
        for item in value:
            element(out, item, depth + 1)
        if len(value) != count:
            raise EncodeError("the list changed meanwhile")

    return write


def check_depth(depth: int) -> None:
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


def read_struct(node: Node, readers: list[Reader], program: Program) -> Reader:
    _, class_, names, indexes = node
    make = _maker(class_, names)
    steps = [
        _read_stretch(indexes[start:stop], layout, readers)
        for start, stop, layout in _stretches(indexes, program)
    ]

    def read(cursor: Cursor, depth: int) -> Any:
        if depth >= DEPTH_LIMIT:
            raise DecodeError(f"values are nested deeper than {DEPTH_LIMIT}", cursor.pos)
        fields: list[Any] = []
        for step in steps:
            step(cursor, depth + 1, fields)
        return make(fields)

    return read


def _read_stretch(
    indexes: tuple[int, ...], layout: str, readers: list[Reader]
) -> Callable[[Cursor, int, list[Any]], None]:
    def read_each(cursor: Cursor, depth: int, fields: list[Any]) -> None:
        for index in indexes:
            fields.append(readers[index](cursor, depth))

    if not layout:
        return read_each
    # A byte for a bool, since "?" would take any other for true.
    packed = struct.Struct(layout.replace("?", "B"))
    bools = [at for at, code in enumerate(layout[1:]) if code == "?"]
    size = packed.size

    def read(cursor: Cursor, depth: int, fields: list[Any]) -> None:
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


def write_struct(node: Node, writers: list[Writer], program: Program) -> Writer:
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
        check_depth(depth)
        if isinstance(value, tuple):
            if len(value) != len(indexes):
                raise refuse(value, f"{len(indexes)} fields")
            fields = value
        elif class_ is None or not isinstance(value, class_):
            raise refuse(value, class_.__name__ if class_ is not None else "tuple")
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


def read_sum(node: Node, readers: list[Reader], program: Program) -> Reader:
    indexes = node[1]

    def read(cursor: Cursor, depth: int) -> Any:
        return readers[indexes[read_tag(cursor, len(indexes))]](cursor, depth)

    return read


def write_sum(node: Node, writers: list[Writer], program: Program) -> Writer:
    indexes = node[1]
    tags = {program[index][1]: tag for tag, index in enumerate(indexes)}

    def write(out: bytearray, value: Any, depth: int) -> None:
        tag = tags.get(type(value))
        if tag is None:
            raise refuse(value, "one of " + ", ".join(c.__name__ for c in tags))
        out.append(tag)
        writers[indexes[tag]](out, value, depth)

    return write


def read_tagged(node: Node, readers: list[Reader], program: Program) -> Reader:
    _, names, indexes = node

    def read(cursor: Cursor, depth: int) -> Tagged:
        if depth >= DEPTH_LIMIT:
            raise DecodeError(f"values are nested deeper than {DEPTH_LIMIT}", cursor.pos)
        tag = read_tag(cursor, len(indexes))
        return Tagged(tag, names[tag], readers[indexes[tag]](cursor, depth + 1))

    return read


def write_tagged(node: Node, writers: list[Writer], program: Program) -> Writer:
    indexes = node[2]

    def write(out: bytearray, value: Any, depth: int) -> None:
        check_depth(depth)
        tag = value.tag if isinstance(value, Tagged) else None
        if not isinstance(tag, int) or not 0 <= tag < len(indexes):
            raise refuse(value, f"Tagged with a tag below {len(indexes)}")
        out.append(tag)
        writers[indexes[tag]](out, value.value, depth + 1)

    return write


def read_option(node: Node, readers: list[Reader], program: Program) -> Reader:
    _, index, wrapped = node

    def read(cursor: Cursor, depth: int) -> Any:
        if depth >= DEPTH_LIMIT:
            raise DecodeError(f"values are nested deeper than {DEPTH_LIMIT}", cursor.pos)
        if read_tag(cursor, 2):
            return None
        value = readers[index](cursor, depth + 1)
        return Some(value) if wrapped else value

    return read


def write_option(node: Node, writers: list[Writer], program: Program) -> Writer:
    _, index, wrapped = node

    def write(out: bytearray, value: Any, depth: int) -> None:
        check_depth(depth)
        if value is None:
            out.append(1)
            return
        if wrapped:
            if not isinstance(value, Some):
                raise refuse(value, "Some or None")
            value = value.value
        out.append(0)
        writers[index](out, value, depth + 1)

    return write
