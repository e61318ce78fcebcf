"""Row lists: how messages carry the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from harness.errors import DecodeError
from harness.wire.annotations import u16, u64
from harness.wire.codec import Codec


class FixedSize(msgspec.Struct, frozen=True, gc=False):
    """All rows have this many bytes."""

    size: u16


class RowOffsets(msgspec.Struct, frozen=True, gc=False):
    """Where each row starts in the data."""

    offsets: list[u64]


RowSizeHint: TypeAlias = FixedSize | RowOffsets


class RowList(msgspec.Struct, frozen=True, gc=False):
    """Rows back to back, and how to tell them apart."""

    size_hint: RowSizeHint
    rows_data: bytes

    def __len__(self) -> int:
        hint = self.size_hint
        if isinstance(hint, RowOffsets):
            return len(hint.offsets)
        return len(self.rows_data) // hint.size if hint.size else 0

    def decode(self, codec: Codec) -> list[Any]:
        """The rows as values. Raises ``DecodeError`` if hint, data and type disagree."""
        hint = self.size_hint
        if isinstance(hint, RowOffsets):
            return codec.decode_rows(self.rows_data, hint.offsets)
        # A server before 1.4 may announce size 0 for rows without bytes: no rows then.
        return codec.decode_fixed(self.rows_data, hint.size)

    def slices(self) -> list[bytes]:
        """The bytes of each row. Raises ``DecodeError`` for a hint that does not fit."""
        data, hint = self.rows_data, self.size_hint
        if isinstance(hint, FixedSize):
            self._check_fixed(hint.size)
            if len(data) == hint.size:
                return [data] if data else []
            step = hint.size or 1
            return [data[at : at + step] for at in range(0, len(data), step)]
        starts = hint.offsets
        if not starts:
            if data:
                raise DecodeError(f"{len(data)} bytes belong to no row", 0)
            return []
        ends = [*starts[1:], len(data)]
        if starts[0] != 0 or any(a > b for a, b in zip(starts, ends, strict=True)):
            raise DecodeError("row offsets do not ascend from 0 to the end of the data", 0)
        return [data[a:b] for a, b in zip(starts, ends, strict=True)]

    def _check_fixed(self, size: int) -> None:
        if (size == 0 and self.rows_data) or (size and len(self.rows_data) % size):
            raise DecodeError(f"{len(self.rows_data)} bytes are not rows of {size} bytes each", 0)


EMPTY = RowList(RowOffsets([]), b"")


def row_list(rows: Sequence[bytes]) -> RowList:
    """Encoded rows as a list, with the shorter of the two hints that fits.

    Equal lengths up to 65,535 bytes give ``FixedSize``, as servers since 1.4 do; rows without
    bytes need offsets, since their number could not be told otherwise.
    """
    if not rows:
        return EMPTY
    first = len(rows[0])
    if 0 < first <= 0xFFFF and all(len(row) == first for row in rows):
        return RowList(FixedSize(first), b"".join(rows))
    offsets, at = [], 0
    for row in rows:
        offsets.append(at)
        at += len(row)
    return RowList(RowOffsets(offsets), b"".join(rows))


def register(builder: Any) -> None:
    """Tell a type builder about the union inside a row list."""
    builder.sum("RowSizeHint", [("FixedSize", FixedSize), ("RowOffsets", RowOffsets)], flat=False)
