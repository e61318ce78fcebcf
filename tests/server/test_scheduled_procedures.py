"""Scheduled procedures: called when their row is due, which is gone by then if it was for once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import InternalError
from harness.module import (
    Interval,
    Module,
    ProcedureContext,
    ReducerContext,
    ReducerError,
    ScheduleAt,
    Time,
    TimeDuration,
    Timestamp,
    auto_inc,
    u64,
)
from harness.server.hub import Hub
from harness.server.outcome import OutcomeKind
from harness.server.procedures import Returned
from harness.server.testing import START, TestDatabase
from harness.wire import schema_json, v2
from tests.server.databases import ALICE, CONNECTION, OWNER, call, open_database
from tests.server.peers import PeerV2

Body = Callable[[ProcedureContext, Any], None]


def clockwork(body: Body | None = None, *, is_async: bool = False) -> Module:
    """A module whose jobs note that they ran and how many jobs were planned then."""
    module = Module("clockwork")

    @module.table(public=True)
    class Job:
        scheduled_id: u64 = auto_inc(primary_key=True)
        scheduled_at: ScheduleAt
        label: str

    @module.table(public=True)
    class Done:
        id: u64 = auto_inc(primary_key=True)
        when: Timestamp
        label: str
        jobs: u64

    @module.reducer
    def plan(ctx: ReducerContext, at: ScheduleAt, label: str) -> None:
        ctx.db[Job].insert(Job(scheduled_at=at, label=label))

    @module.reducer
    def cancel(ctx: ReducerContext) -> None:
        ctx.db[Job].clear()

    def note(ctx: ProcedureContext, job: Job) -> None:
        with ctx.tx() as tx:
            assert tx.sender == ctx.sender == ctx.identity
            count = tx.db[Job].count()
            tx.db[Done].insert(Done(when=ctx.timestamp, label=job.label, jobs=count))
        if body is not None:
            body(ctx, job)

    if is_async:

        @module.procedure(on_schedule=Job)
        async def run(ctx: ProcedureContext, job: Job) -> None:
            await asyncio.sleep(0)
            note(ctx, job)

    else:
        module.procedure(note, name="run", on_schedule=Job)
    return module


def once(seconds: int) -> Time:
    return Time(Timestamp(START.micros + seconds * 1_000_000))


def every(seconds: int) -> Interval:
    return Interval(TimeDuration(seconds * 1_000_000))


def done(db: TestDatabase) -> list[tuple[int, str, int]]:
    """(seconds since the start, label, jobs that were planned)."""
    return [
        ((row.when.micros - START.micros) // 1_000_000, row.label, row.jobs)
        for row in sorted(db.table("done").iter(), key=lambda row: row.id)
    ]


@pytest.mark.parametrize("is_async", [False, True])
def test_once_is_gone_before_and_an_interval_stays(is_async: bool) -> None:
    with TestDatabase(clockwork(is_async=is_async)) as db:
        db.call("plan", once(3), "once")
        db.call("plan", every(2), "tick")
        outcomes = db.advance(5)
        assert done(db) == [(2, "tick", 2), (3, "once", 1), (4, "tick", 1)]
        # What came of it: the procedures' transactions, and the row that went before its call.
        assert [sorted(x.changes) for x in outcomes] == [["done"], ["job"], ["done"], ["done"]]
        db.call("cancel")
        assert db.advance(100) == []


def refuses(ctx: ProcedureContext, job: Any) -> None:
    raise ReducerError(f"no {job.label} today")


def crashes(ctx: ProcedureContext, job: Any) -> None:
    raise ValueError("broken")


@pytest.mark.parametrize(
    ("body", "said"), [(refuses, "no once today"), (crashes, "ValueError: broken")]
)
def test_what_goes_wrong_is_in_the_log_once_and_is_not_tried_again(body: Body, said: str) -> None:
    with TestDatabase(clockwork(body)) as db:
        db.call("plan", once(1), "once")
        db.advance(60)
        (text,) = db.log
        assert said in text
        (record,) = db.database.logs
        assert record.as_dict()["level"] in ("Error", "Panic")
        assert len(done(db)) == 1, "the transaction before the error stands"


def test_an_interval_goes_on_after_an_error() -> None:
    with TestDatabase(clockwork(refuses)) as db:
        db.call("plan", every(1), "tick")
        db.advance(3)
        assert [second for second, _, _ in done(db)] == [1, 2, 3]
        assert len(db.log) == 3


def test_clients_may_not_call_it_and_the_owner_may() -> None:
    hub = Hub("clockwork", open_database(clockwork()))
    found = hub.database.procedure("run")
    assert found is not None
    row = next(x.row for x in hub.database.module.tables if x.name == "job")
    args = found.arguments.encode((row(scheduled_at=once(1), label="by hand"),))
    ended: list[Returned] = []
    hub.call_procedure("run", args, ALICE, CONNECTION, ended.append)
    assert (ended[0].refused, ended[0].error) == (True, "procedure 'run' is private")
    assert hub.database.count("done") == 0
    # For the owner it is a procedure like any other; this one insists on who it is called by.
    hub.call_procedure("run", args, OWNER, CONNECTION, ended.append)
    assert not ended[1].refused
    assert "AssertionError" in list(hub.database.logs)[-1].message


def scheduled_hub() -> tuple[Hub, list[int], list[Any]]:
    """A hub with its clock, and what its async procedures would run, not yet run."""
    now = [START.micros]
    hub = Hub("clockwork", open_database(clockwork(is_async=True)), clock=lambda: now[0])
    under_way: list[Any] = []
    hub.procedures.spawn = lambda steps, limit_s, then: under_way.append((steps, then))
    return hub, now, under_way


def finish(under_way: list[Any]) -> None:
    steps, then = under_way.pop(0)
    while True:
        try:
            steps.send(None)
        except StopIteration:
            break
    then((), None)


def test_who_watches_sees_the_row_go_and_then_what_the_procedure_did() -> None:
    hub, now, under_way = scheduled_hub()
    client = PeerV2(hub, 1, identity=ALICE)
    client.ask(v2.Subscribe(1, 1, ["SELECT * FROM job", "SELECT * FROM done"]))
    call(hub.database, "plan", once(1), "once")
    now[0] += 1_000_000
    hub.run_due()
    (gone,) = client.received()
    assert [(table, came) for table, came, _ in client.sets(gone)[1]] == [("job", [])]
    finish(under_way)
    (made,) = client.received()
    ((table, rows, _),) = client.sets(made)[1]
    assert (table, rows[0][2:]) == ("done", ("once", 0))


def test_a_call_that_takes_long_is_not_overtaken_by_the_next() -> None:
    hub, now, under_way = scheduled_hub()
    told: list[int] = []
    hub.on_ready = lambda: told.append(1)
    assert call(hub.database, "plan", every(2), "tick").kind is OutcomeKind.COMMITTED
    now[0] += 2_100_000
    hub.run_due()
    now[0] += 5_000_000
    hub.run_due()
    assert (len(under_way), hub.database.next_due()) == (1, None)
    told.clear()
    finish(under_way)
    assert told, "the ticker looks when the next one is due"
    due = hub.database.next_due()
    assert due is not None
    assert due.micros < now[0], "it is late already"
    hub.run_due()
    call(hub.database, "cancel")
    finish(under_way)
    assert hub.database.next_due() is None, "its row went while it ran"


def test_a_call_that_outlives_its_database() -> None:
    """Its next time is not looked for in tables that are closed."""
    hub, now, under_way = scheduled_hub()
    call(hub.database, "plan", every(2), "tick")
    now[0] += 2_100_000
    hub.run_due()
    hub.database.close()
    with pytest.raises(InternalError, match="updated or deleted") as refused:
        finish(under_way[:])
    _, then = under_way.pop()
    then(None, refused.value)
    assert hub.database.next_due() is None


def test_the_definition_names_it() -> None:
    for form in ("to_v10", "to_v9"):
        written = getattr(schema_json, form)(clockwork().definition())
        read = schema_json.from_json(written)
        schedule = read.table("job").schedule
        assert schedule is not None
        assert (schedule.function, schedule.column) == ("run", 1)
        # V9 has no place for what is private.
        assert [x.private for x in read.procedures] == [form == "to_v10"]
