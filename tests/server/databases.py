"""Databases for tests: opened on any module, called with Python values, driven by closures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.module import Module, ReducerContext, ReducerError
from harness.server.database import Database, Outcome, OutcomeKind, ReducerTimeout
from harness.wire.values import ConnectionId, Identity, Timestamp

OWNER = Identity.from_int(0xA)
ALICE = Identity.from_int(0xB)
SELF = Identity.from_int(0xC0FFEE)
CONNECTION = ConnectionId.from_int(7)
START = Timestamp(1_700_000_000_000_000)

#: How a reducer can end: well, with the module's own error, with a bug, or by the clock.
ENDS: dict[str, BaseException | None] = {
    "commit": None,
    "refuse": ReducerError("no"),
    "crash": ZeroDivisionError("boom"),
    "time out": ReducerTimeout("too long"),
}
KINDS = {
    "commit": OutcomeKind.COMMITTED,
    "refuse": OutcomeKind.FAILED,
    "crash": OutcomeKind.CRASHED,
    "time out": OutcomeKind.CRASHED,
}


def scripted(module: Module) -> Callable[[Database, Callable[[ReducerContext], Any]], Outcome]:
    """Give the module a reducer that runs a closure; returns how to call it."""
    waiting: list[Callable[[ReducerContext], Any]] = []

    @module.reducer(name="play_script")
    def play_script(ctx: ReducerContext) -> None:
        waiting.pop()(ctx)

    def play(database: Database, script: Callable[[ReducerContext], Any]) -> Outcome:
        waiting.append(script)
        return call(database, "play_script")

    return play


def open_database(module: Module, path: Path | None = None, *, now: Timestamp = START) -> Database:
    return Database.open(module, path, identity=SELF, owner=OWNER, now=now)


def call(
    database: Database,
    reducer: str,
    *args: Any,
    sender: Identity = ALICE,
    now: Timestamp = START,
) -> Outcome:
    return database.call_values(
        reducer, args, sender=sender, connection_id=CONNECTION, timestamp=now
    )


def rows(database: Database, table: str) -> list[Any]:
    """All rows of a table, decoded, in no order that counts."""
    store = database.stores[table]
    return [store.decode(data) for data in database.all_rows(table)]
