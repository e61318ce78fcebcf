"""The codec in Python: slower than the one in C, and the same in every answer.

It runs where no C compiler was at hand, and in the tests it is the second voice against which the
C codec is held. Closures are made once for each program: one ``struct.Struct`` for each stretch of
fixed fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from harness.errors import DecodeError
from harness.wire import pyleaves as leaves
from harness.wire import pynodes as nodes
from harness.wire.program import Program
from harness.wire.pyleaves import Buffer, Cursor, Reader, Writer


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
        cursor = Cursor(data)
        value = self._read(cursor, 0)
        cursor.finish()
        return value

    def decode_from(self, data: Buffer, offset: int) -> tuple[Any, int]:
        cursor = Cursor(data)
        cursor.seek(offset)
        return self._read(cursor, 0), cursor.pos

    def decode_all(self, data: Buffer, offset: int = 0) -> list[Any]:
        cursor = Cursor(data)
        cursor.seek(offset)
        values = []
        while cursor.pos < cursor.end:
            before = cursor.pos
            values.append(self._read(cursor, 0))
            if cursor.pos == before:
                raise DecodeError("a value without bytes cannot be counted", before)
        return values

    def decode_rows(self, data: Buffer, offsets: list[int]) -> list[Any]:
        cursor = Cursor(data)
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
        cursor = Cursor(data)
        length = cursor.end
        if size < 0 or (length % size if size else length):
            raise DecodeError(f"{length} bytes are not rows of {size} bytes each", 0)
        rows: list[Any] = []
        for at in range(0, length, size or 1):
            self._append_row(cursor, rows, at + size)
        return rows

    def _append_row(self, cursor: Cursor, rows: list[Any], stop: int) -> None:
        """One row that must take exactly the bytes up to ``stop``."""
        cursor.end = stop
        rows.append(self._read(cursor, 0))
        if cursor.pos != stop:
            raise DecodeError(f"row {len(rows) - 1} is said to end at {stop}", cursor.pos)


_MAKERS: dict[str, tuple[Callable[..., Reader], Callable[..., Writer]]] = {
    "bool": (leaves.read_bool, leaves.write_bool),
    "int": (leaves.read_int, leaves.write_int),
    "float": (leaves.read_float, leaves.write_float),
    "string": (leaves.read_string, leaves.write_string),
    "bytes": (leaves.read_bytes, leaves.write_bytes),
    "fixed": (leaves.read_fixed, leaves.write_fixed),
    "uuid": (leaves.read_uuid, leaves.write_uuid),
    "array": (nodes.read_array, nodes.write_array),
    "struct": (nodes.read_struct, nodes.write_struct),
    "enum": (leaves.read_enum, leaves.write_enum),
    "sum": (nodes.read_sum, nodes.write_sum),
    "tagged": (nodes.read_tagged, nodes.write_tagged),
    "option": (nodes.read_option, nodes.write_option),
}
