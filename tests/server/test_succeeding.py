"""A database that goes on with another module while it is open: all of it, or as if nothing was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import SchemaError, StoreError
from harness.module import Module, ReducerContext, ReducerError, auto_inc, column, u8, u32
from harness.server.compatibility import broken
from harness.server.database import Database, OutcomeKind
from harness.server.hub import Hub
from harness.server.journal import Journal
from harness.wire import types as t
from harness.wire import v2
from harness.wire.schema import ProcedureDef, ViewDef
from tests.server.databases import ALICE, call, open_database, rows
from tests.server.peers import NOW, PeerV2
from tests.server.test_migration import FOLLOWED, REFUSED, _module, _thing

each = pytest.mark.parametrize("place", ["memory", "file"])


def opened(place: str, tmp_path: Path, module: Module) -> Database:
    return open_database(module, None if place == "memory" else tmp_path / "data.db")


@each
@pytest.mark.parametrize("change", FOLLOWED)
def test_what_is_followed_is_followed_alive(change: str, place: str, tmp_path: Path) -> None:
    database = opened(place, tmp_path, _module(_thing))
    assert call(database, "fill").kind is OutcomeKind.COMMITTED  # and its tick is still open
    module = _module(*FOLLOWED[change])
    new = database.succeed(module, program="p" * 64)
    found = sorted((row.id, row.name, row.level) for row in rows(new, "thing"))
    assert found == [(1, "n1", 1), (2, "n2", 2), (3, "n3", 3)]
    assert (new.count("thing"), new.position > database.position - 1) == (3, True)
    assert new.logs is database.logs
    assert database.transactions.retired
    new.commit()
    new.sync()
    new.close()
    if place == "file":
        again = open_database(module, tmp_path / "data.db")
        assert again.count("thing") == 3
        again.close()


@each
@pytest.mark.parametrize("change", REFUSED)
def test_what_is_refused_changes_nothing(change: str, place: str, tmp_path: Path) -> None:
    database = opened(place, tmp_path, _module(_thing))
    call(database, "fill")
    declare, says = REFUSED[change]
    before = sorted(database.all_rows("thing"))
    with pytest.raises(SchemaError) as caught:
        database.succeed(_module(declare), program="")
    assert says in str(caught.value)
    assert not database.transactions.retired
    assert sorted(database.all_rows("thing")) == before
    # It goes on: what it keeps in memory is still what the tables hold.
    assert call(database, "fill").kind is OutcomeKind.COMMITTED
    assert database.count("thing") == 3
    assert database.stores["thing"].find(0, 2).name == "n2"
    database.close()


def counting(start: Callable[[ReducerContext], None] | None = None) -> Module:
    module = Module("counting")

    @module.table(public=True)
    class Count:
        id: u32 = auto_inc(primary_key=True)
        by: u8

    @module.reducer
    def add(ctx: ReducerContext, by: u8) -> None:
        ctx.db.count.insert(Count(by=by))

    @module.init
    def begin(ctx: ReducerContext) -> None:
        ctx.db.count.insert(Count(by=0))
        if start is not None:
            start(ctx)

    return module


@each
def test_numbers_go_on_and_init_does_not_run_again(place: str, tmp_path: Path) -> None:
    database = opened(place, tmp_path, counting())
    for by in range(3):
        database = database.succeed(counting(), program="")
        call(database, "add", by)
    found = sorted((row.id, row.by) for row in rows(database, "count"))
    assert [by for _, by in found] == [0, 0, 1, 2]
    assert len({id for id, _ in found}) == 4
    database.close()


@each
def test_cleared_it_begins_anew(place: str, tmp_path: Path) -> None:
    database = opened(place, tmp_path, counting())
    for by in (1, 2):
        call(database, "add", by)

    @(other := Module("other")).table(public=True)
    class Other:
        id: u32 = column(primary_key=True)

    @other.init
    def begin(ctx: ReducerContext) -> None:
        ctx.db.other.insert(Other(id=9))

    def refuse(ctx: ReducerContext) -> None:
        raise ReducerError("not today")

    with pytest.raises(SchemaError, match="init failed: not today"):
        database.succeed(counting(refuse), program="", clear=True)
    assert database.count("count") == 3
    call(database, "add", 3)
    database = database.succeed(other, program="", clear=True)
    assert [row.id for row in rows(database, "other")] == [9]
    database = database.succeed(counting(), program="", clear=True)
    assert [(row.id, row.by) for row in rows(database, "count")] == [(1, 0)]
    database.close()


def test_a_disk_that_fails_behind_the_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables are the new module's by then: the old one must not touch them any more."""
    database = opened("file", tmp_path, counting())

    def fail(self: Any) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(Journal, "sync", fail)
    with pytest.raises(StoreError, match="the disk is gone"):
        database.succeed(counting(), program="")
    with pytest.raises(StoreError, match="cannot be used any more"):
        call(database, "add", 1)
    monkeypatch.undo()
    database.close()
    again = opened("file", tmp_path, counting())
    assert again.count("count") == 1
    again.close()


def test_answers_of_before_are_sent_after_it() -> None:
    hub = Hub("counting", open_database(counting()), clock=lambda: NOW)
    client = PeerV2(hub, 1, identity=ALICE)
    client.received()
    client.send(client.call("add", 1), v2.Subscribe(1, 1, ["SELECT * FROM count"]))
    assert hub.adopt(hub.database.succeed(counting(), program=""))
    result, applied = client.received()
    assert isinstance(result, v2.ReducerResult)
    assert len(client.rows(applied.rows)[0][1]) == 2
    (answer,) = client.ask(client.call("add", 2, request_id=5))
    assert len(client.sets(answer.result.transaction_update)[1][0][1]) == 1


# --- who may stay --------------------------------------------------------------------------------


def shop(**changes: Any) -> Module:
    """A module of which each part can be another."""
    module = Module("shop")
    said = {"public": True, "kind": u32, "unique": True, "index": "btree", "more": False,
            "params": u32, "reducer": True, "extra": False} | changes  # fmt: skip
    fields: dict[str, Any] = {"id": u32, "level": said["kind"], "name": str}
    marks: dict[str, Any] = {
        "id": column(primary_key=True),
        "level": column(index=said["index"]),
        "name": column(unique=said["unique"]),
    }
    if said["more"]:
        fields["note"], marks["note"] = str, column(default="")
    row = type("Thing", (), {"__annotations__": fields, **marks})
    row = module.table(public=said["public"])(row)
    if said["extra"]:
        module.table()(type("Extra", (), {"__annotations__": {"x": u32}}))

    def go(ctx: ReducerContext, by: Any) -> None: ...

    go.__annotations__ = {"ctx": ReducerContext, "by": said["params"], "return": None}
    if said["reducer"]:
        module.reducer(go)
    return module


@pytest.mark.parametrize(
    ("changes", "stays"),
    [
        ({}, True),
        ({"extra": True}, True),
        ({"public": False}, False),
        ({"kind": u8}, False),
        ({"unique": False}, False),
        ({"index": None}, False),
        ({"more": True}, False),
        ({"params": u8}, False),
        ({"reducer": False}, False),
    ],
)
def test_clients_stay_where_all_that_they_know_is_still_there(
    changes: dict[str, Any], stays: bool
) -> None:
    old, new = shop().definition(), shop(**changes).definition()
    assert (not broken(old, new)) is stays
    assert broken(new, new) == []


ASK = ProcedureDef("ask", "ask", t.Product(()), t.UNIT)
ALL = ViewDef("all", "all", 0, True, True, t.Product(()), t.Array(t.UNIT))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (ASK, replace(ASK, private=True), "procedure 'ask' takes, gives or allows something else"),
        (ASK, replace(ASK, returns=t.BOOL), "procedure 'ask' takes, gives or allows"),
        (ALL, replace(ALL, public=False), "view 'all' takes, gives or allows something else"),
        (ALL, replace(ALL, anonymous=False), "view 'all' takes, gives or allows"),
        (ALL, replace(ALL, primary_key=("id",)), "view 'all' takes, gives or allows"),
        (ALL, replace(ALL, index=7), None),
    ],
)
def test_procedures_and_views_that_clients_know(
    old: ProcedureDef | ViewDef, new: ProcedureDef | ViewDef, reason: str | None
) -> None:
    place = "procedures" if old is ASK else "views"
    before, after = (replace(shop().definition(), **{place: (x,)}) for x in (old, new))
    found = broken(before, after)
    assert (reason is None and found == []) or (reason is not None and reason in found[0])
