"""Scheduled rows: called when their time comes, and the time is handed in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.module import (
    Interval,
    Module,
    ReducerContext,
    ReducerError,
    ScheduleAt,
    Time,
    TimeDuration,
    Timestamp,
    auto_inc,
    u64,
)
from harness.server.database import Database, OutcomeKind
from tests.server.databases import SELF, START, call, open_database, rows, scripted

MODULE = Module("clockwork")


@MODULE.table()
class Timer:
    scheduled_id: u64 = auto_inc(primary_key=True)
    scheduled_at: ScheduleAt
    label: str


@MODULE.table()
class Rang:
    label: str
    when: Timestamp


play = scripted(MODULE)


@MODULE.reducer(on_schedule=Timer)
def ring(ctx: ReducerContext, timer: Timer) -> None:
    assert ctx.sender == ctx.identity == SELF
    assert ctx.connection_id is None
    ctx.db[Rang].insert(Rang(label=timer.label, when=ctx.timestamp))
    if timer.label == "refuse":
        raise ReducerError("not now")
    if timer.label == "crash":
        raise ValueError("broken")
    if timer.label == "delete yourself":
        ctx.db[Timer].scheduled_id.delete(timer.scheduled_id)
    if timer.label.startswith("delete others"):
        ctx.db[Timer].clear()


def after(micros: int) -> Timestamp:
    return Timestamp(START.micros + micros)


@pytest.fixture
def database() -> Any:
    opened = open_database(MODULE)
    yield opened
    opened.close()


def plan(database: Database, label: str, at: Interval | Time) -> None:
    outcome = play(database, lambda ctx: ctx.db[Timer].insert(Timer(scheduled_at=at, label=label)))
    assert outcome.kind is OutcomeKind.COMMITTED


def once(micros: int) -> Time:
    return Time(after(micros))


def every(micros: int) -> Interval:
    return Interval(TimeDuration(micros))


def rang(database: Database) -> list[tuple[int, str]]:
    return sorted((row.when.micros - START.micros, row.label) for row in rows(database, "rang"))


def run(database: Database, micros: int) -> list[OutcomeKind]:
    return [outcome.kind for outcome in database.run_due(after(micros))]


def test_nothing_is_due_without_rows(database: Database) -> None:
    assert database.next_due() is None
    assert run(database, 10**12) == []


def test_once_means_once_and_the_row_goes(database: Database) -> None:
    plan(database, "a", once(1000))
    assert database.next_due() == after(1000)
    assert run(database, 999) == []
    outcomes = list(database.run_due(after(1005)))
    assert [sorted(outcome.changes) for outcome in outcomes] == [["rang"], ["timer"]]
    assert rang(database) == [(1005, "a")]
    assert database.count("timer") == 0
    assert database.next_due() is None
    assert run(database, 10**9) == []


def test_the_past_is_due_at_once(database: Database) -> None:
    plan(database, "late", once(-(10**12)))
    assert run(database, 0) == [OutcomeKind.COMMITTED] * 2
    assert rang(database) == [(0, "late")]


def test_an_interval_comes_again_and_its_row_stays(database: Database) -> None:
    plan(database, "tick", every(5000))
    for moment in (4999, 5000, 9999, 10_000, 31_000, 35_999, 36_000):
        run(database, moment)
    assert rang(database) == [(5000, "tick"), (10_000, "tick"), (31_000, "tick"), (36_000, "tick")]
    assert database.count("timer") == 1


@pytest.mark.parametrize("micros", [0, -5])
def test_an_interval_of_nothing_leaves_time_for_others(database: Database, micros: int) -> None:
    plan(database, "tick", every(micros))
    assert len(run(database, 0)) == 0
    assert run(database, 1000) == [OutcomeKind.COMMITTED]
    assert run(database, 1000) == []
    assert database.next_due() == after(2000)


def test_the_earliest_comes_first(database: Database) -> None:
    for label, moment in (("b", 20), ("a", 10), ("c", 30)):
        plan(database, label, once(moment))
    order = [
        database.stores["rang"].decode(outcome.changes["rang"].inserts[0]).label
        for outcome in database.run_due(after(25))
        if "rang" in outcome.changes
    ]
    assert order == ["a", "b"]
    assert database.next_due() == after(30)


def test_a_deleted_row_is_not_called(database: Database) -> None:
    plan(database, "a", once(10))
    plan(database, "b", every(10))
    play(database, lambda ctx: ctx.db[Timer].clear())
    assert database.next_due() is None
    assert run(database, 100) == []
    assert rang(database) == []


def test_a_deletion_that_is_rolled_back_deletes_nothing(database: Database) -> None:
    plan(database, "a", once(10))

    def fail(ctx: ReducerContext) -> None:
        ctx.db[Timer].clear()
        raise ReducerError("no")

    assert play(database, fail).kind is OutcomeKind.FAILED
    assert database.next_due() == after(10)
    run(database, 10)
    assert rang(database) == [(10, "a")]


def test_a_planning_that_is_rolled_back_plans_nothing(database: Database) -> None:
    def fail(ctx: ReducerContext) -> None:
        ctx.db[Timer].insert(Timer(scheduled_at=once(10), label="a"))
        raise ReducerError("no")

    assert play(database, fail).kind is OutcomeKind.FAILED
    assert database.next_due() is None


def test_a_changed_row_is_called_at_its_new_time(database: Database) -> None:
    plan(database, "a", once(10))

    def move(ctx: ReducerContext) -> None:
        (timer,) = ctx.db[Timer].iter()
        timer.scheduled_at = once(50)
        ctx.db[Timer].scheduled_id.update(timer)

    play(database, move)
    assert database.next_due() == after(50)
    assert run(database, 49) == []
    run(database, 50)
    assert rang(database) == [(50, "a")]


def test_one_reducer_may_delete_what_is_due_with_it(database: Database) -> None:
    plan(database, "delete others", once(10))
    plan(database, "never", once(11))
    run(database, 20)
    assert rang(database) == [(20, "delete others")]
    assert database.count("timer") == 0


@pytest.mark.parametrize("at", [once(10), every(10_000)])
def test_a_row_may_delete_itself(database: Database, at: Interval | Time) -> None:
    plan(database, "delete yourself", at)
    run(database, 10_000)
    run(database, 30_000)
    assert rang(database) == [(10_000, "delete yourself")]
    assert database.next_due() is None


@pytest.mark.parametrize(
    ("label", "kind", "level"),
    [("refuse", OutcomeKind.FAILED, "Error"), ("crash", OutcomeKind.CRASHED, "Panic")],
)
def test_a_failed_call_is_logged_and_its_time_has_passed(
    database: Database, label: str, kind: OutcomeKind, level: str
) -> None:
    plan(database, label, once(10))
    assert run(database, 10) == [kind, OutcomeKind.COMMITTED]
    assert rang(database) == []
    assert database.count("timer") == 0
    record = list(database.logs)[-1]
    assert (record.level, record.function) == (level, "ring")


def test_an_interval_goes_on_after_a_failure(database: Database) -> None:
    plan(database, "crash", every(10_000))
    assert run(database, 10_000) == [OutcomeKind.CRASHED]
    assert database.next_due() == after(20_000)


def test_rows_are_planned_again_when_the_database_opens(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    database = open_database(MODULE, path)
    plan(database, "once", once(10_000))
    plan(database, "again", every(5_000))
    database.close()
    database = open_database(MODULE, path, now=after(1_000_000))
    assert database.next_due() == after(10_000)
    run(database, 1_000_000)
    run(database, 1_005_000)
    assert rang(database) == [(1_000_000, "once"), (1_005_000, "again")]
    database.close()


def test_clients_cannot_call_scheduled_reducers(database: Database) -> None:
    row = Timer(scheduled_at=once(1), label="forged")
    outcome = call(database, "ring", row)
    assert (outcome.kind, outcome.error) == (OutcomeKind.REJECTED, "reducer 'ring' is private")
