"""The database for modules' own tests: calls, clients, and a clock that is moved by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InternalError, ReducerError, SchemaError
from harness.module import (
    ConnectionId,
    Identity,
    Interval,
    Module,
    ReducerContext,
    ScheduleAt,
    Time,
    TimeDuration,
    Timestamp,
    auto_inc,
    column,
    u64,
)
from harness.server.outcome import OutcomeKind
from harness.server.testing import DATABASE, OWNER, START, TestDatabase

ALICE = Identity.from_int(5)
HERE = ConnectionId.from_int(6)

CHAT = Module("chat")


@CHAT.table(public=True)
class User:
    identity: Identity = column(primary_key=True)
    online: bool


@CHAT.table()
class Timer:
    scheduled_id: u64 = auto_inc(primary_key=True)
    scheduled_at: ScheduleAt


@CHAT.table()
class Tick:
    id: u64 = auto_inc(primary_key=True)
    when: Timestamp
    who: Identity


@CHAT.client_connected
def connected(ctx: ReducerContext) -> None:
    assert ctx.connection_id == HERE
    if ctx.sender == OWNER:
        raise ReducerError("the owner stays at home")
    ctx.db.user.identity.insert_or_update(User(identity=ctx.sender, online=True))


@CHAT.client_disconnected
def disconnected(ctx: ReducerContext) -> None:
    ctx.db.user.identity.update(User(identity=ctx.sender, online=False))


@CHAT.reducer
def plan(ctx: ReducerContext, at: ScheduleAt) -> None:
    ctx.db[Timer].insert(Timer(scheduled_at=at))


@CHAT.reducer
def cancel(ctx: ReducerContext) -> None:
    ctx.db[Timer].clear()


@CHAT.reducer
def crash(ctx: ReducerContext) -> None:
    ctx.log.info("about to divide")
    raise ZeroDivisionError("by nothing")


@CHAT.reducer(on_schedule=Timer)
def tick(ctx: ReducerContext, timer: Timer) -> None:
    ctx.db[Tick].insert(Tick(when=ctx.timestamp, who=ctx.sender))


def seconds(db: TestDatabase) -> list[float]:
    """When the ticks came, in seconds after the start."""
    return sorted((row.when.micros - START.micros) / 1e6 for row in db.table("tick").iter())


def test_clients_come_and_go() -> None:
    with TestDatabase(CHAT) as db:
        db.connect(ALICE, HERE)
        assert db.table("user").identity.find(ALICE).online
        db.disconnect(ALICE, HERE)
        assert not db.table("user").identity.find(ALICE).online
        with pytest.raises(ReducerError, match="the owner stays at home"):
            db.connect(OWNER, HERE)


def test_a_crash_says_what_the_log_says() -> None:
    with TestDatabase(CHAT) as db:
        with pytest.raises(InternalError, match="ZeroDivisionError: by nothing"):
            db.call("crash")
        assert db.log == ["about to divide", "ZeroDivisionError: by nothing"]


def test_the_clock_is_moved_by_hand() -> None:
    with TestDatabase(CHAT) as db:
        db.call("plan", Interval(TimeDuration.from_seconds(1.0)))
        assert db.advance(0.9) == []
        outcomes = db.advance(2.2)
        assert [outcome.kind for outcome in outcomes] == [OutcomeKind.COMMITTED] * 3
        assert seconds(db) == [1.0, 2.0, 3.0]
        assert {row.who for row in db.table("tick").iter()} == {DATABASE}
        assert list(db.table(Tick).iter()) == list(db.table("tick").iter())
        db.call("cancel")
        assert db.advance(100.0) == []


def test_a_time_comes_once() -> None:
    with TestDatabase(CHAT) as db:
        db.call("plan", Time(Timestamp(START.micros + 2_500_000)))
        db.advance(10.0)
        assert seconds(db) == [2.5]
        assert db.table("timer").count() == 0


def test_a_time_that_has_passed_comes_at_once() -> None:
    with TestDatabase(CHAT) as db:
        db.call("plan", Time(Timestamp(0)))
        db.advance(0.0)
        assert seconds(db) == [0.0]


def test_data_stays_with_a_path(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with TestDatabase(CHAT, path=path) as db:
        db.connect(ALICE, HERE)
        db.call("plan", Interval(TimeDuration.from_seconds(1.0)))
    with TestDatabase(CHAT, path=path) as db:
        assert db.table("user").identity.find(ALICE).online
        db.advance(1.0)
        assert seconds(db) == [1.0], "schedules are taken up again"


def test_a_wrong_module_is_refused() -> None:
    module = Module("wrong")

    @module.table(name="select")
    class Anything:
        x: u64

    with pytest.raises(SchemaError, match="select"):
        TestDatabase(module)
