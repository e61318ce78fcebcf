"""The SQLite connection that all tables of a database share, and the transaction of the tick.

Nothing is written by halves, whatever happens in the middle: a failure of SQLite takes back the
whole tick and ends the database's life, and a reducer's time-out waits for the write that is under
way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.errors import StoreError

if TYPE_CHECKING:
    from harness.server.storage import TableStore

IDLE, REDUCER, WRITING = range(3)


class ReducerTimeout(BaseException):
    """A reducer ran too long. Not an ``Exception``, so that a module cannot swallow it."""


class Guard:
    """Where the main thread is, for those who interrupt it from a signal handler.

    In a reducer's own code a time-out is raised at once; during a write, after it; elsewhere not
    at all. Only plain assignments change the phase: Python runs signal handlers between calls and
    at the ends of loops, never between two assignments.
    """

    __slots__ = ("late", "phase")

    def __init__(self) -> None:
        self.phase = IDLE
        self.late: str | None = None

    def interrupt(self, reason: str) -> None:
        """End the running reducer, if there is one. Raises ``ReducerTimeout`` if it can now."""
        if self.phase == IDLE:
            return
        self.late = reason
        if self.phase == REDUCER:
            raise ReducerTimeout(reason)


#: One reducer runs at a time in a process, to its end, on the main thread.
GUARD = Guard()


class Engine:
    """Executes; opens the tick's transaction before its first write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        cursor = connection.cursor()
        self.execute: Callable[..., sqlite3.Cursor] = cursor.execute
        self.open = False
        #: Why nothing can be written any more.
        self.broken: StoreError | None = None
        #: Tables that the running reducer has changed; one may stand there twice.
        self.touched: list[TableStore] = []

    def begin(self) -> None:
        """Open the tick's transaction. Raises ``StoreError``."""
        if self.broken is not None:
            raise self.broken
        try:
            self.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise self.fail(error) from error
        self.open = True

    def write(self, sql: str, values: tuple[Any, ...] | list[Any] = ()) -> None:
        """Execute within the tick's transaction. Raises ``StoreError``."""
        if not self.open:
            self.begin()
        try:
            self.execute(sql, values)
        except sqlite3.Error as error:
            raise self.fail(error) from error

    def fetch(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """All rows of a query. Raises ``StoreError``."""
        try:
            return self.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self.fail(error) from error

    def commit(self) -> bool:
        """End the tick's transaction; whether there was one. Raises ``StoreError``."""
        if self.broken is not None:
            raise self.broken
        if not self.open:
            return False
        try:
            self.execute("COMMIT")
        except sqlite3.Error as error:
            raise self.fail(error) from error
        self.open = False
        return True

    def rollback(self) -> None:
        """Take the tick back, as far as SQLite has not done so itself."""
        self.open = False
        if self.connection.in_transaction:
            self.execute("ROLLBACK")

    def fail(self, error: sqlite3.Error) -> StoreError:
        """SQLite failed: take the tick back and refuse everything from now on."""
        if self.broken is None:
            self.broken = StoreError(f"the database cannot be used any more: {error}")
            try:
                self.rollback()
            except sqlite3.Error:
                pass  # the next opening takes it back: it was never committed
        return self.broken
