"""What reducers, views and procedures are given: who calls, when, the tables, and a log."""

from __future__ import annotations

import random
import sys
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Never, TypeVar

from harness.module.handles import Db
from harness.module.http import Http
from harness.module.queries import From
from harness.module.reading import ReadDb
from harness.wire.values import ConnectionId, Identity, Timestamp

T = TypeVar("T")


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


class _Numbers:
    """Random numbers and ids of one call."""

    __slots__ = ("_rng", "timestamp")

    timestamp: Timestamp
    _rng: random.Random | None

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


class ReducerContext(_Numbers):
    """The first parameter of every reducer.

    ``sender`` is who called and ``connection_id`` from which connection (None for schedules and
    ``init``); ``timestamp`` stands still during the call; ``identity`` is the database's own;
    ``db`` holds the tables.
    """

    __slots__ = ("connection_id", "db", "identity", "log", "sender")

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
        self._rng = None


class ProcedureContext(_Numbers):
    """The first parameter of every procedure: all that a reducer has but the tables.

    They are reached in transactions, as many as are needed::

        count = ctx.with_tx(lambda tx: tx.db[Message].count())
        with ctx.tx() as tx:
            tx.db[Message].insert(row)

    ``tx`` is a ``ReducerContext``. An error that leaves the transaction undoes it. In an ``async``
    procedure nothing may be awaited inside of one: it would keep everybody waiting.

    ``http`` asks others, in ``async`` procedures::

        rates = (await ctx.http.get("https://example.org/rates")).json()
    """

    __slots__ = ("_begin", "connection_id", "http", "identity", "log", "sender")

    def __init__(
        self,
        begin: Callable[[], AbstractContextManager[ReducerContext]],
        sender: Identity,
        connection_id: ConnectionId | None,
        timestamp: Timestamp,
        identity: Identity,
        log: Log,
        http: Http,
    ) -> None:
        self._begin = begin
        self.http = http
        self.sender = sender
        self.connection_id = connection_id
        self.timestamp = timestamp
        self.identity = identity
        self.log = log
        self._rng = None

    def tx(self) -> AbstractContextManager[ReducerContext]:
        """A transaction, committed at the end of the ``with`` block."""
        return self._begin()

    def with_tx(self, body: Callable[[ReducerContext], T]) -> T:
        """Run ``body`` in a transaction, and give what it returns.

        On servers that run several at a time it may be run again: it should change nothing but
        tables.
        """
        with self._begin() as transaction:
            return body(transaction)

    def __getattr__(self, name: str) -> Never:
        if name == "db":
            raise AttributeError("a procedure reaches tables in a transaction: ctx.with_tx(…)")
        raise AttributeError(f"a procedure's context has no {name!r}")


class AnonymousViewContext:
    """The first parameter of a view that shows everybody the same.

    ``db`` holds the tables, for reading; ``from_`` holds them as queries, for a view that returns
    one; ``identity`` is the database's own.
    """

    __slots__ = ("db", "from_", "identity")

    def __init__(self, db: ReadDb, from_: From, identity: Identity) -> None:
        self.db = db
        self.from_ = from_
        self.identity = identity

    def __getattr__(self, name: str) -> Never:
        hint = "; declare the context as ViewContext" if name == "sender" else ""
        raise AttributeError(f"an anonymous view's context has no {name!r}{hint}")


class ViewContext(AnonymousViewContext):
    """The first parameter of a view that shows each ``sender`` its own rows."""

    __slots__ = ("sender",)

    def __init__(self, db: ReadDb, from_: From, identity: Identity, sender: Identity) -> None:
        super().__init__(db, from_, identity)
        self.sender = sender
