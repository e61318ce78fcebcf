"""What a reducer is given: who calls, when, the tables, and a log."""

from __future__ import annotations

import random
import sys
import uuid
from collections.abc import Callable

from harness.module.handles import Db
from harness.wire.values import ConnectionId, Identity, Timestamp


class Log:
    """The module's log. Records carry the place they were made at."""

    __slots__ = ("_write",)

    def __init__(self, write: Callable[[str, str, str, int, str], None]) -> None:
        self._write = write

    def error(self, message: str) -> None:
        self._record("Error", message)

    def warn(self, message: str) -> None:
        self._record("Warn", message)

    def info(self, message: str) -> None:
        self._record("Info", message)

    def debug(self, message: str) -> None:
        self._record("Debug", message)

    def trace(self, message: str) -> None:
        self._record("Trace", message)

    def _record(self, level: str, message: str) -> None:
        frame = sys._getframe(2)
        code = frame.f_code
        self._write(level, str(message), code.co_filename, frame.f_lineno, code.co_name)


class ReducerContext:
    """The first parameter of every reducer.

    ``sender`` is who called and ``connection_id`` from which connection (None for schedules and
    ``init``); ``timestamp`` stands still during the call; ``identity`` is the database's own;
    ``db`` holds the tables.
    """

    __slots__ = ("_rng", "connection_id", "db", "identity", "log", "sender", "timestamp")

    def __init__(
        self,
        db: Db,
        sender: Identity,
        connection_id: ConnectionId | None,
        timestamp: Timestamp,
        identity: Identity,
        log: Log,
    ) -> None:
        self.db = db
        self.sender = sender
        self.connection_id = connection_id
        self.timestamp = timestamp
        self.identity = identity
        self.log = log
        self._rng: random.Random | None = None

    @property
    def rng(self) -> random.Random:
        """Random numbers that depend on the timestamp only: the same call gives the same."""
        if self._rng is None:
            self._rng = random.Random(self.timestamp.micros)
        return self._rng

    def new_uuid_v4(self) -> uuid.UUID:
        """A random id, from ``rng``."""
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def new_uuid_v7(self) -> uuid.UUID:
        """An id that sorts by the call's time, in microseconds; the rest is from ``rng``.

        RFC 9562, 5.7, with the finer part of the time in ``rand_a`` (6.2, method 3).
        """
        millis, micros = divmod(self.timestamp.micros, 1000)
        time = (millis & (1 << 48) - 1) << 80 | 7 << 76 | micros << 64
        return uuid.UUID(int=time | 2 << 62 | self.rng.getrandbits(62))
