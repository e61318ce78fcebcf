"""What a connection has to tell after it was fed bytes."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple, TypeAlias

import msgspec

from harness.wire.rows import EMPTY, RowList, row_list
from harness.wire.values import ConnectionId, Identity, Timestamp


class TableRows(NamedTuple):
    """Rows of one table that came and went; ``event`` rows are only told of, never kept."""

    table: str
    inserts: RowList | None
    deletes: RowList | None
    event: bool = False


class Connected(msgspec.Struct, frozen=True):
    """The server's greeting."""

    identity: Identity
    connection_id: ConnectionId
    token: str

    def __repr__(self) -> str:
        return f"Connected({self.identity}, {self.connection_id})"  # a token is nobody's business


class Called(msgspec.Struct, frozen=True, gc=False):
    """A call was answered. ``waiter`` is what the caller gave; ``error`` None means committed.

    ``by_module`` says whose words the error is: the module's, or the host's.
    """

    waiter: Any
    updates: list[TableRows]
    timestamp: Timestamp | None
    error: str | None = None
    by_module: bool = False


class CalledAlike(msgspec.Struct, frozen=True, gc=False):
    """Many calls were committed; each changed nothing for us, or inserted one row of ``table``.

    Says the same as ``each``, in less time. ``times`` are microseconds as i64, little-endian, back
    to back, ``rows`` one for each call.
    """

    waiters: list[Any]
    times: bytes
    table: str | None
    rows: RowList | None

    def each(self) -> list[Called]:
        """What is said of each call, in order."""
        times = struct.unpack(f"<{len(self.waiters)}q", self.times)
        if self.table is None or self.rows is None:
            return [
                Called(waiter, [], Timestamp(micros))
                for waiter, micros in zip(self.waiters, times, strict=True)
            ]
        return [
            Called(waiter, [TableRows(self.table, row_list([row]), EMPTY)], Timestamp(micros))
            for waiter, row, micros in zip(self.waiters, self.rows.slices(), times, strict=True)
        ]


class Changed(msgspec.Struct, frozen=True, gc=False):
    """Somebody else's transaction changed what we watch."""

    updates: list[TableRows]


class Applied(msgspec.Struct, frozen=True):
    """A subscription begins; these rows match now."""

    set_id: int
    updates: list[TableRows]


class Ended(msgspec.Struct, frozen=True):
    """A subscription has ended as asked; these rows leave."""

    set_id: int
    updates: list[TableRows]


class Refused(msgspec.Struct, frozen=True):
    """A subscription was refused: nothing was applied."""

    set_id: int
    error: str


class Died(msgspec.Struct, frozen=True):
    """An applied subscription could not be kept up; ``set_ids`` have ended without their rows."""

    set_ids: list[int]
    error: str


class Queried(msgspec.Struct, frozen=True):
    """A one-off query was answered."""

    waiter: Any
    tables: list[tuple[str, RowList]]
    error: str | None = None


class Returned(msgspec.Struct, frozen=True):
    """A procedure was answered; ``value`` is BSATN. ``error`` None means that it returned."""

    waiter: Any
    value: bytes
    error: str | None = None


Event: TypeAlias = (
    Connected
    | Called
    | CalledAlike
    | Changed
    | Applied
    | Ended
    | Refused
    | Died
    | Queried
    | Returned
)
