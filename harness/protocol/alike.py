"""Answers that differ in nothing but id, time and one inserted row, read all at once.

A busy v3 connection brings its answers in payloads of many, and most of them are alike: the calls
were committed and changed nothing for the caller, or each inserted one row of the same length into
the same table. Such a payload is read by columns. Its first message is decoded as always; that all
others have the same bytes, but for those that may differ, is compared, so nothing is believed that
decoding each by itself would refuse.
"""

from __future__ import annotations

import os
import struct
from functools import lru_cache
from typing import NamedTuple

from harness.errors import DecodeError
from harness.wire import v2
from harness.wire.rows import FixedSize, RowList, RowOffsets

#: Fewer messages than this are not worth it.
FEWEST = 4

#: The tags of a reducer's result and of its success; where the latter stands, after id and time.
_RESULT, _OK, _OUTCOME_AT = 6, 0, 13
#: Bytes of an empty row list, by the kind of its hint: tag, hint, length.
_EMPTY_BYTES = {FixedSize: 1 + 2 + 4, RowOffsets: 1 + 4 + 4}


class Alike(NamedTuple):
    """The answers' ids; ``times`` are their times (i64, microseconds, little-endian, back to back).

    ``rows`` are the rows of ``table`` that they brought, if they did.
    """

    ids: list[int]
    times: bytes
    table: str | None
    rows: RowList | None


def read(payload: bytes) -> Alike | None:
    """What an uncompressed payload says, if it is such a one; None leaves it to others."""
    if payload[:2] != b"\x00\x06" or payload[_OUTCOME_AT + 1 : _OUTCOME_AT + 2] != b"\x00":
        return None
    try:
        first, end = v2.SERVER.decode_from(payload, 1)
    except DecodeError:
        return None
    size = end - 1
    count, rest = divmod(len(payload) - 1, size)
    if rest or count < FEWEST:
        return None
    sets = first.result.transaction_update.query_sets
    if not sets:
        found = columns(payload, 1, size, size, 0)
        return None if found is None else Alike(found[0], found[1], None, None)
    one = _one_row(sets)
    if one is None:
        return None
    table, row, tail = one
    found = columns(payload, 1, size, size - tail - row, row)
    if found is None:
        return None
    ids, times, data = found
    hint = FixedSize(row) if row <= 0xFFFF else RowOffsets(list(range(0, len(data), row)))
    return Alike(ids, times, table, RowList(hint, data))


def _columns(
    payload: bytes, start: int, size: int, row_at: int, row_size: int, /
) -> tuple[list[int], bytes, bytes] | None:
    """Of messages of ``size`` bytes from ``start`` on: ids, times and rows, each back to back.

    ``row_at`` is where in a message the row of ``row_size`` bytes stands. None if they differ in
    anything else. Raises ``ValueError`` if the payload does not consist of such messages.
    """
    tail = size - row_at - row_size
    if row_at < _OUTCOME_AT or tail < 0 or row_size < 0 or (len(payload) - start) % size:
        raise ValueError("these are no messages of one size")
    if start == len(payload):
        return [], b"", b""
    layout = _layout(row_at - _OUTCOME_AT, row_size, tail)
    tags, ids, times, heads, rows, tails = zip(*layout.iter_unpack(payload[start:]), strict=True)
    if not (_same(tags) and _same(heads) and _same(tails)):
        return None
    return list(ids), b"".join(times), b"".join(rows)


def _one_row(sets: list[v2.QuerySetUpdate]) -> tuple[str, int, int] | None:
    """Table, length of the row, length of what follows it; None if it is not one inserted row."""
    if len(sets) != 1 or len(sets[0].tables) != 1 or len(sets[0].tables[0].rows) != 1:
        return None
    table = sets[0].tables[0]
    part = table.rows[0]
    if not isinstance(part, v2.PersistentTable) or part.deletes.rows_data:
        return None
    hint, data, left = part.inserts.size_hint, part.inserts.rows_data, part.deletes.size_hint
    single = hint.size == len(data) if isinstance(hint, FixedSize) else hint.offsets == [0]
    if not data or not single or (isinstance(left, RowOffsets) and left.offsets):
        return None
    return table.table_name, len(data), _EMPTY_BYTES[type(left)]


@lru_cache(maxsize=64)
def _layout(*sizes: int) -> struct.Struct:
    """Tag, id, time, and then parts of these sizes."""
    return struct.Struct("<1sI8s" + "".join(f"{size}s" for size in sizes))


def _same(values: tuple[bytes, ...]) -> bool:
    return values.count(values[0]) == len(values)


try:
    if os.environ.get("HARNESS_PURE_PYTHON"):
        raise ImportError
    from harness.protocol import _outbox
except ImportError:
    columns = _columns
else:
    columns = _outbox.columns
