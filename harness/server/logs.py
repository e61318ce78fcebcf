"""The module's log: the last records, and those who follow it."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

#: So many records are kept.
KEEP = 10_000
#: A longer message is cut.
MESSAGE_LIMIT = 16_384

Follower = Callable[["LogRecord"], None]


class LogRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record; ``ts`` in microseconds since the epoch. None is left out when it is shown."""

    level: str
    ts: int
    message: str
    target: str | None = None
    filename: str | None = None
    line_number: int | None = None
    function: str | None = None
    trace: list[str] | None = None

    def as_dict(self) -> dict[str, Any]:
        return msgspec.structs.asdict(self)


class Logs:
    """A ring of records."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._records: deque[LogRecord] = deque(maxlen=KEEP)
        self._followers: dict[Follower, None] = {}

    def __iter__(self) -> Iterator[LogRecord]:
        return iter(list(self._records))

    def write(
        self,
        level: str,
        ts: int,
        message: str,
        *,
        filename: str | None = None,
        line_number: int | None = None,
        function: str | None = None,
        trace: list[str] | None = None,
    ) -> None:
        """Keep a record and hand it to the followers."""
        if len(message) > MESSAGE_LIMIT:
            message = message[:MESSAGE_LIMIT] + "…"
        record = LogRecord(level, ts, message, self._target, filename, line_number, function, trace)
        self._records.append(record)
        for follower in list(self._followers):
            follower(record)

    def crash(self, ts: int, reducer: str, error: BaseException) -> None:
        """Keep what a reducer raised, with the place and the way there."""
        frames = traceback.extract_tb(error.__traceback__)[1:]  # without the one that called it
        last = frames[-1] if frames else None
        self.write(
            "Panic",
            ts,
            f"{type(error).__name__}: {error}",
            filename=last.filename if last else None,
            line_number=last.lineno if last else None,
            function=reducer,
            trace=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        )

    def follow(self, follower: Follower) -> None:
        self._followers[follower] = None

    def unfollow(self, follower: Follower) -> None:
        self._followers.pop(follower, None)
