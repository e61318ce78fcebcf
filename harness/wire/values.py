"""Values that have no built-in Python type: identities, instants, durations, sums.

All are frozen and hashable. Identity and ConnectionId keep the bytes as they are on the wire
(little-endian), since most are only ever compared and passed on; printing reverses them.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

import msgspec

from harness.wire import types

T = TypeVar("T")
E = TypeVar("E")

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class _Number(msgspec.Struct, frozen=True, gc=False):
    """An unsigned number that is printed as big-endian hexadecimal."""

    data: bytes  # as on the wire: little-endian
    WIDTH: ClassVar[int] = 0

    def __int__(self) -> int:
        return int.from_bytes(self.data, "little")

    def __lt__(self, other: Self) -> bool:
        return self.data[::-1] < other.data[::-1]

    def __le__(self, other: Self) -> bool:
        return self.data[::-1] <= other.data[::-1]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.to_hex()})"

    def __str__(self) -> str:
        return self.to_hex()

    def to_hex(self) -> str:
        """All digits, big-endian, without prefix."""
        return self.data[::-1].hex()

    @classmethod
    def from_int(cls, number: int) -> Self:
        """Raises OverflowError if the number is negative or too wide."""
        return cls(number.to_bytes(cls.WIDTH, "little"))

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Exactly ``2 * WIDTH`` digits, ``0x`` allowed. Raises ValueError otherwise."""
        digits = text.removeprefix("0x")
        if len(digits) != 2 * cls.WIDTH:
            raise ValueError(f"expected {2 * cls.WIDTH} hexadecimal digits, got {len(digits)}")
        return cls(bytes.fromhex(digits)[::-1])


class Identity(_Number, frozen=True, gc=False):
    """Who: a user or a database; 32 bytes."""

    WIDTH: ClassVar[int] = 32


class ConnectionId(_Number, frozen=True, gc=False):
    """Which connection; 16 bytes. All zero means none."""

    WIDTH: ClassVar[int] = 16


class Timestamp(msgspec.Struct, frozen=True, order=True, gc=False):
    """An instant, in microseconds since the Unix epoch.

    A span is added to it and taken from it; two instants are a span apart.
    """

    micros: int

    def to_datetime(self) -> dt.datetime:
        """Aware, UTC, exact. Raises OverflowError outside the years 1 … 9999."""
        return _EPOCH + dt.timedelta(microseconds=self.micros)

    @classmethod
    def from_datetime(cls, when: dt.datetime) -> Timestamp:
        """Raises ValueError for a datetime without a time zone."""
        if when.tzinfo is None:
            raise ValueError("a datetime without a time zone is not an instant; attach one")
        return cls((when - _EPOCH) // _MICROSECOND)

    def __add__(self, span: TimeDuration) -> Timestamp:
        if isinstance(span, TimeDuration):
            return Timestamp(self.micros + span.micros)
        return NotImplemented

    @overload
    def __sub__(self, other: TimeDuration) -> Timestamp: ...
    @overload
    def __sub__(self, other: Timestamp) -> TimeDuration: ...
    def __sub__(self, other: TimeDuration | Timestamp) -> TimeDuration | Timestamp:
        if isinstance(other, TimeDuration):
            return Timestamp(self.micros - other.micros)
        if isinstance(other, Timestamp):
            return TimeDuration(self.micros - other.micros)
        return NotImplemented


class TimeDuration(msgspec.Struct, frozen=True, order=True, gc=False):
    """A signed span, in microseconds."""

    micros: int

    def to_timedelta(self) -> dt.timedelta:
        """Exact. Raises OverflowError beyond what timedelta holds."""
        return dt.timedelta(microseconds=self.micros)

    @classmethod
    def from_timedelta(cls, span: dt.timedelta) -> TimeDuration:
        return cls(span // _MICROSECOND)

    @classmethod
    def from_seconds(cls, seconds: float) -> TimeDuration:
        return cls(round(seconds * 1_000_000))

    def __add__(self, other: TimeDuration) -> TimeDuration:
        if isinstance(other, TimeDuration):
            return TimeDuration(self.micros + other.micros)
        return NotImplemented

    def __sub__(self, other: TimeDuration) -> TimeDuration:
        if isinstance(other, TimeDuration):
            return TimeDuration(self.micros - other.micros)
        return NotImplemented


class Interval(msgspec.Struct, frozen=True, gc=False):
    """ScheduleAt: again and again, this far apart."""

    value: TimeDuration


class Time(msgspec.Struct, frozen=True, gc=False):
    """ScheduleAt: once, at this instant."""

    value: Timestamp


class Some(msgspec.Struct, Generic[T], frozen=True):
    """A present option whose payload could itself be None: Option<Option<T>>, Option<()>."""

    value: T


class Ok(msgspec.Struct, Generic[T], frozen=True):
    """The good side of a Result."""

    value: T


class Err(msgspec.Struct, Generic[E], frozen=True):
    """The bad side of a Result."""

    value: E


class Tagged(msgspec.Struct, frozen=True):
    """A variant of a sum for which no Python class was given."""

    tag: int
    name: str | None
    value: Any


#: The special types: shape → (class, name of its one field).
SPECIAL: dict[types.Type, tuple[type[Any], str]] = {
    types.IDENTITY: (Identity, "data"),
    types.CONNECTION_ID: (ConnectionId, "data"),
    types.TIMESTAMP: (Timestamp, "micros"),
    types.TIME_DURATION: (TimeDuration, "micros"),
}
