"""The watchdog: late or not by a clock that is handed in, and what an interruption leaves."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.errors import ReducerError
from harness.module import Module, ReducerContext, ScheduleAt, Time, auto_inc, column, u32, u64
from harness.server.database import Database, OutcomeKind
from harness.server.hub import Hub
from harness.server.watchdog import Watchdog
from tests.server.databases import START, call, open_database, rows, scripted

MODULE = Module("endless")


@MODULE.table()
class Thing:
    id: u32 = column(primary_key=True)
    name: str


@MODULE.table()
class Timer:
    scheduled_id: u64 = auto_inc(primary_key=True)
    scheduled_at: ScheduleAt


play = scripted(MODULE)
on_time: list[Callable[[], None]] = []


@MODULE.reducer(on_schedule=Timer)
def ring(ctx: ReducerContext, timer: Timer) -> None:
    for action in on_time:
        action()
    ctx.db[Thing].insert(Thing(id=99, name="rang"))


@MODULE.reducer
def fill(ctx: ReducerContext) -> None:
    for id in range(3):
        ctx.db[Thing].insert(Thing(id=id, name="old"))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watchdog(clock: Clock) -> Iterator[Watchdog]:
    """One whose thread does not run: the tests send its signal themselves."""
    made = Watchdog(10.0, clock)
    before = signal.signal(signal.SIGUSR1, made._interrupt)
    yield made
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def database() -> Iterator[Database]:
    opened = open_database(MODULE)
    assert call(opened, "fill").kind is OutcomeKind.COMMITTED
    yield opened
    opened.close()


def _look() -> None:
    """What the watching thread does when a reducer is late."""
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)


def _unchanged(database: Database) -> None:
    assert sorted(row.id for row in rows(database, "thing")) == [0, 1, 2]
    assert database.count("thing") == 3

    def look(ctx: ReducerContext) -> None:
        assert ctx.db[Thing].id.find(5) is None
        assert ctx.db[Thing].id.find(1) == Thing(id=1, name="old")

    outcome = play(database, look)
    assert outcome.kind is OutcomeKind.COMMITTED, list(database.logs)[-1]
    assert not outcome.changes


def test_late_is_a_matter_of_the_clock(watchdog: Watchdog, clock: Clock) -> None:
    assert not watchdog.late()
    watchdog.begin()
    assert not watchdog.late()
    clock.now += 10.0
    assert not watchdog.late()
    clock.now += 0.001
    assert watchdog.late()
    watchdog.end()
    assert not watchdog.late()
    watchdog.begin()
    assert not watchdog.late()
    watchdog.end()


def test_a_signal_in_time_or_outside_of_reducers_is_nothing(
    watchdog: Watchdog, clock: Clock, database: Database
) -> None:
    _look()
    watchdog.begin()
    assert play(database, lambda ctx: _look()).kind is OutcomeKind.COMMITTED
    clock.now += 11
    _look()  # late, but no reducer is running
    watchdog.end()
    _unchanged(database)


def test_an_endless_reducer_is_ended_and_undone(
    watchdog: Watchdog, clock: Clock, database: Database
) -> None:
    def endless(ctx: ReducerContext) -> None:
        number = 0
        while True:
            number += 1
            ctx.db[Thing].insert(Thing(id=number + 2, name="new"))
            ctx.db[Thing].id.update(Thing(id=1, name=f"changed {number}"))
            if number == 50:
                clock.now += 11
                _look()

    watchdog.begin()
    outcome = play(database, endless)
    watchdog.end()
    assert outcome.kind is OutcomeKind.CRASHED
    message = list(database.logs)[-1].message
    assert message == "ReducerTimeout: the reducer ran for more than 10 seconds"
    _unchanged(database)


@pytest.mark.parametrize("swallow", ["the error", "and return", "and refuse"])
def test_a_module_cannot_swallow_it(
    watchdog: Watchdog, clock: Clock, database: Database, swallow: str
) -> None:
    interrupted = 0

    def stubborn(ctx: ReducerContext) -> None:
        nonlocal interrupted
        clock.now += 11
        for _ in range(3 if swallow == "the error" else 1):
            try:
                ctx.db[Thing].insert(Thing(id=5, name="new"))
                _look()
            except BaseException:  # what a careless module does
                interrupted += 1
        if swallow == "and refuse":
            raise ReducerError("fine")

    watchdog.begin()
    outcome = play(database, stubborn)
    watchdog.end()
    assert interrupted == (3 if swallow == "the error" else 1)
    assert outcome.kind is (OutcomeKind.FAILED if swallow == "and refuse" else OutcomeKind.CRASHED)
    _unchanged(database)


WRITES: dict[str, Callable[[Any], Any]] = {
    "insert": lambda table: table.insert(Thing(id=5, name="new")),
    "update": lambda table: table.id.update(Thing(id=1, name="new")),
    "delete": lambda table: table.id.delete(1),
    "clear": lambda table: table.clear(),
}


@pytest.mark.parametrize("write", WRITES)
def test_an_interruption_within_a_write_waits_for_its_end(
    watchdog: Watchdog, clock: Clock, database: Database, write: str, monkeypatch: Any
) -> None:
    """The row and its note are made together, or a rollback would miss the row."""
    engine = database.stores["thing"]._engine
    execute = engine.execute
    written: list[str] = []

    def slow(sql: str, *values: Any) -> Any:
        found = execute(sql, *values)
        if not sql.startswith("SELECT") and not written:
            clock.now += 11
            _look()  # just after the change, just before it is noted
            written.append(sql)
        return found

    def change(ctx: ReducerContext) -> None:
        monkeypatch.setattr(engine, "execute", slow)
        try:
            WRITES[write](ctx.db[Thing])
        finally:
            monkeypatch.setattr(engine, "execute", execute)
        raise AssertionError("the write was not interrupted")

    database.commit()
    engine.begin()
    watchdog.begin()
    outcome = play(database, change)
    watchdog.end()
    assert len(written) == 1
    assert outcome.kind is OutcomeKind.CRASHED
    assert "ReducerTimeout" in list(database.logs)[-1].message
    _unchanged(database)


def test_scheduled_reducers_are_watched_too(
    watchdog: Watchdog, clock: Clock, database: Database
) -> None:
    def endless() -> None:
        clock.now += 11
        _look()
        raise AssertionError("it was not interrupted")

    play(
        database,
        lambda ctx: ctx.db[Timer].insert(Timer(scheduled_at=Time(START))),
    )
    hub = Hub("endless", database, clock=lambda: START.micros + 1)
    hub.watchdog = watchdog
    on_time.append(endless)
    try:
        hub.run_due()
    finally:
        on_time.clear()
    assert "ReducerTimeout" in list(database.logs)[-1].message
    assert database.count("timer") == 0
    assert not watchdog.late()
    _unchanged(database)


def test_the_thread_interrupts_the_main_one(database: Database) -> None:
    """The one test with the real thread and the real signal; it waits as long as it must."""
    watchdog = Watchdog(0.01)
    # Its thread goes on looking, and its handler stays: it never again finds a reducer late.
    watchdog.start()

    def endless(ctx: ReducerContext) -> None:
        number = 3
        while True:
            ctx.db[Thing].insert(Thing(id=number, name="new"))
            number += 1

    watchdog.begin()
    outcome = play(database, endless)
    watchdog.end()
    assert outcome.kind is OutcomeKind.CRASHED
    _unchanged(database)
