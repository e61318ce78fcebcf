"""A whole module as its author writes and tests it: the chat of the quick start."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import ReducerError, SchemaError
from harness.module import (
    ConnectionId,
    Identity,
    Module,
    ReducerContext,
    ScheduleAt,
    Timestamp,
    auto_inc,
    btree,
    client_connected,
    client_disconnected,
    column,
    init,
    load,
    reducer,
    table,
    u64,
)
from harness.module.context import Log
from harness.module.handles import Db
from harness.module.registry import default_module
from harness.server.testing import START, TestDatabase

ALICE, BOB = Identity.from_int(0xA), Identity.from_int(0xB)
HERE = ConnectionId.from_int(1)


@table(public=True)
class User:
    identity: Identity = column(primary_key=True)
    name: str | None
    online: bool


@table(public=True, indexes=[btree("by_sender", "sender", "sent")])
class Message:
    id: u64 = auto_inc(primary_key=True)
    sender: Identity
    sent: Timestamp
    text: str


@table()
class PurgeTimer:
    scheduled_id: u64 = auto_inc(primary_key=True)
    scheduled_at: ScheduleAt


@init
def setup(ctx: ReducerContext) -> None:
    ctx.db[PurgeTimer].insert(PurgeTimer(scheduled_at=ScheduleAt.interval(60.0)))


@client_connected
def connected(ctx: ReducerContext) -> None:
    user = ctx.db.user.identity.find(ctx.sender)
    if user is None:
        ctx.db.user.insert(User(identity=ctx.sender, name=None, online=True))
    else:
        ctx.db.user.identity.update(dataclasses.replace(user, online=True))


@client_disconnected
def disconnected(ctx: ReducerContext) -> None:
    if user := ctx.db.user.identity.find(ctx.sender):
        ctx.db.user.identity.update(dataclasses.replace(user, online=False))


@reducer
def set_name(ctx: ReducerContext, name: str) -> None:
    if not name:
        raise ReducerError("Names must not be empty")
    user = ctx.db.user.identity.find(ctx.sender)
    if user is None:
        raise ReducerError("Cannot set name for unknown user")
    ctx.db.user.identity.update(dataclasses.replace(user, name=name))


@reducer
def send_message(ctx: ReducerContext, text: str) -> None:
    if not text:
        raise ReducerError("Messages must not be empty")
    ctx.db[Message].insert(Message(sender=ctx.sender, sent=ctx.timestamp, text=text))


@reducer(on_schedule=PurgeTimer)
def purge(ctx: ReducerContext, timer: PurgeTimer) -> None:
    ctx.db.message.clear()


@pytest.fixture
def db() -> Iterator[TestDatabase]:
    with TestDatabase(default_module(__name__)) as opened:
        yield opened


def test_users(db: TestDatabase) -> None:
    db.connect(ALICE, HERE)
    db.call("set_name", "Alice", sender=ALICE)
    db.disconnect(ALICE, HERE)
    assert list(db.table("user").iter()) == [User(identity=ALICE, name="Alice", online=False)]
    with pytest.raises(ReducerError, match="Cannot set name for unknown user"):
        db.call("set_name", "Bob", sender=BOB)


def test_messages_of_one_sender_in_order(db: TestDatabase) -> None:
    for sender, text in ((ALICE, "one"), (BOB, "two"), (ALICE, "three")):
        db.call("send_message", text, sender=sender)
        db.advance(1.0)
    by_sender = db.table("message").by_sender
    assert [row.text for row in by_sender.filter(ALICE)] == ["one", "three"]
    later = Timestamp(START.micros + 1_000_000)
    assert [row.text for row in by_sender.filter(ALICE, ge=later)] == ["three"]
    assert [row.text for row in by_sender.filter((ALICE,), lt=later)] == ["one"]


def test_messages_go_after_a_minute(db: TestDatabase) -> None:
    db.call("send_message", "gone soon", sender=ALICE)
    db.advance(59.0)
    assert db.table("message").count() == 1
    db.advance(1.0)
    assert db.table("message").count() == 0


def test_reducers_are_functions() -> None:
    with pytest.raises(ReducerError, match="Messages must not be empty"):
        send_message(_context(START), text="")


def test_a_column_without_a_type_is_refused_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(
        "from harness.module import column, table, u8\n"
        "@table()\nclass A:\n    x: u8\n    y = column(unique=True)\n"
    )
    with pytest.raises(SchemaError, match=r"column 'y' of A has no type \(.*wrong.py:\d+\)"):
        load(path)


def _context(now: Timestamp) -> ReducerContext:
    return ReducerContext(Db({}), ALICE, None, now, BOB, Log(lambda *record: None))


def test_ids_from_the_context() -> None:
    context = _context(START)
    made = [make() for make in (context.new_uuid_v4, context.new_uuid_v7) for _ in range(2)]
    assert [made_.version for made_ in made] == [4, 4, 7, 7]
    assert {made_.variant for made_ in made} == {uuid.RFC_4122}
    assert len(set(made)) == 4
    assert _context(START).new_uuid_v4() == made[0], "the same call gives the same"
    assert made[2].int >> 80 == START.micros // 1000


def test_ids_sort_by_time() -> None:
    times = [START.micros + offset for offset in (0, 1, 999, 1000, 10**9)]
    made = [_context(Timestamp(micros)).new_uuid_v7() for micros in times]
    assert made == sorted(made)


def test_explicit_modules_keep_to_themselves() -> None:
    alone = Module("alone")

    @alone.table()
    class Thing:
        x: u64

    assert [found.name for found in alone.tables] == ["thing"]
    assert "thing" not in [found.name for found in default_module(__name__).tables]
