"""A changed module on stored data: what is followed, and what is refused without a trace."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import SchemaError
from harness.module import (
    Identity,
    Module,
    ReducerContext,
    ReducerError,
    ScheduleAt,
    auto_inc,
    btree,
    column,
    product,
    u8,
    u16,
    u32,
    u64,
)
from harness.server.database import Database, OutcomeKind
from tests.server.databases import call, open_database, rows

Declare = Callable[[Module], None]


def _module(*declare: Declare) -> Module:
    module = Module("changing")
    for one in declare:
        one(module)

    @module.reducer
    def fill(ctx: ReducerContext) -> None:
        thing = ctx.db.thing
        row = thing._store.row_class
        for id in range(1, 4):
            thing.insert(row(id=id, name=f"n{id}", level=id))

    return module


def _thing(module: Module) -> None:
    @module.table(public=True, indexes=[btree("by_level", "level", "name")])
    class Thing:
        id: u32 = column(primary_key=True)
        name: str = column(unique=True)
        level: u8


def _other(module: Module) -> None:
    @module.table()
    class Other:
        x: u8 = column(unique=True)


# --- what is followed ----------------------------------------------------------------------------


def _appended(module: Module) -> None:
    @module.table()
    class Thing:
        id: u32 = column(primary_key=True)
        name: str = column(unique=True)
        level: u8
        note: str | None = column(default="new")
        more: u16 = column(default=513, index="btree")


def _fewer_keys(module: Module) -> None:
    @module.table()
    class Thing:
        id: u32 = column(primary_key=True)
        name: str
        level: u8


def _no_keys(module: Module) -> None:
    @module.table()
    class Thing:
        id: u32
        name: str
        level: u8


def _more_indexes(module: Module) -> None:
    @module.table(indexes=[btree("by_both", "name", "level")])
    class Thing:
        id: u32 = column(primary_key=True)
        name: str = column(unique=True)
        level: u8 = column(index="btree")


def _numbered(module: Module) -> None:
    @module.table()
    class Thing:
        id: u32 = auto_inc(primary_key=True)
        name: str = column(unique=True)
        level: u8


def _hidden(module: Module) -> None:
    @module.table(public=False)
    class Thing:
        id: u32 = column(primary_key=True)
        name: str = column(unique=True)
        level: u8


FOLLOWED: dict[str, tuple[Declare, ...]] = {
    "nothing": (_thing,),
    "a new table": (_thing, _other),
    "appended columns with defaults": (_appended,),
    "unique dropped": (_fewer_keys,),
    "all keys dropped": (_no_keys,),
    "other indexes": (_more_indexes,),
    "auto_inc added": (_numbered,),
    "visibility": (_hidden,),
}


def _filled(path: Path, *declare: Declare) -> None:
    database = open_database(_module(*declare), path)
    assert call(database, "fill").kind is OutcomeKind.COMMITTED
    database.close()


@pytest.mark.parametrize("change", FOLLOWED)
def test_followed_changes_keep_every_row(change: str, tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    _filled(path, _thing)
    for _ in range(2):  # and the changed one opens again
        database = open_database(_module(*FOLLOWED[change]), path)
        found = sorted((row.id, row.name, row.level) for row in rows(database, "thing"))
        assert found == [(1, "n1", 1), (2, "n2", 2), (3, "n3", 3)]
        assert database.count("thing") == 3
        database.close()


def test_appended_columns_have_their_defaults_and_indexes(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    _filled(path, _thing)
    module = _module(_appended)

    @module.reducer
    def look(ctx: ReducerContext) -> None:
        assert [row.id for row in ctx.db.thing.more.filter(513)] == [1, 2, 3]
        assert ctx.db.thing.name.find("n2").note == "new"

    database = open_database(module, path)
    assert call(database, "look").kind is OutcomeKind.COMMITTED, list(database.logs)
    database.close()


def test_a_new_sequence_goes_on_behind_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    _filled(path, _thing)
    module = _module(_numbered)

    @module.reducer
    def add(ctx: ReducerContext) -> None:
        row = ctx.db.thing._store.row_class
        ctx.db.thing.insert(row(name="fresh", level=0))

    database = open_database(module, path)
    assert call(database, "add").kind is OutcomeKind.COMMITTED, list(database.logs)
    (fresh,) = [row for row in rows(database, "thing") if row.name == "fresh"]
    assert fresh.id == 4
    database.close()


def test_dropped_unique_columns_take_equal_values(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    _filled(path, _thing)
    module = _module(_fewer_keys)

    @module.reducer
    def add(ctx: ReducerContext) -> None:
        row = ctx.db.thing._store.row_class
        ctx.db.thing.insert(row(id=9, name="n1", level=0))

    database = open_database(module, path)
    assert call(database, "add").kind is OutcomeKind.COMMITTED
    assert database.count("thing") == 4
    database.close()


def test_an_empty_table_may_go(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    _filled(path, _thing, _other)
    database = open_database(_module(_thing), path)
    assert list(database.stores) == ["thing"]
    database.close()
    database = open_database(_module(_thing, _other), path)  # and come back
    assert database.count("other") == 0
    database.close()


def test_init_does_not_run_again(tmp_path: Path) -> None:
    _filled(tmp_path / "data.db", _thing)
    module = _module(_thing, _other)

    @module.init
    def start(ctx: ReducerContext) -> None:
        raise ReducerError("this is no new database")

    open_database(module, tmp_path / "data.db").close()


# --- what is refused -----------------------------------------------------------------------------


def _row(annotations: dict[str, Any], **marks: Any) -> Declare:
    """A table ``thing`` with these columns."""

    def declare(module: Module) -> None:
        body = {"__annotations__": annotations, "__module__": __name__, **marks}
        module.table()(type("Thing", (), body))

    return declare


def _key() -> Any:
    return column(primary_key=True)


def _unique() -> Any:
    return column(unique=True)


def _scheduled(module: Module) -> None:
    class Thing:
        id: u64 = auto_inc(primary_key=True)
        at: ScheduleAt

    row = module.table()(Thing)

    def tick(ctx: Any, thing: Any) -> None: ...

    tick.__annotations__ = {"thing": row}
    module.reducer(on_schedule=row)(tick)


def _unscheduled(module: Module) -> None:
    @module.table()
    class Thing:
        id: u64 = auto_inc(primary_key=True)
        at: ScheduleAt


def _event(module: Module) -> None:
    module.table(event=True)(
        type(
            "Thing",
            (),
            {
                "__annotations__": {"id": u32, "name": str, "level": u8},
                "__module__": __name__,
                "id": _key(),
                "name": _unique(),
            },
        )
    )


@product
class Inner:
    a: u8


@product
class Longer:
    a: u8
    b: u8


COLUMNS = "its columns were changed, removed or reordered"
REFUSED: dict[str, tuple[Declare, str]] = {
    "removed": (_row({"id": u32, "name": str}, id=_key(), name=_unique()), COLUMNS),
    "renamed": (
        _row({"id": u32, "title": str, "level": u8}, id=_key(), title=_unique()),
        COLUMNS,
    ),
    "retyped": (
        _row({"id": u32, "name": str, "level": u16}, id=_key(), name=_unique()),
        COLUMNS,
    ),
    "reordered": (
        _row({"name": str, "id": u32, "level": u8}, id=_key(), name=_unique()),
        COLUMNS,
    ),
    "in the middle": (
        _row(
            {"id": u32, "new": u8, "name": str, "level": u8},
            id=_key(),
            name=_unique(),
            new=column(default=1),
        ),
        COLUMNS,
    ),
    "without a default": (
        _row({"id": u32, "name": str, "level": u8, "new": u8}, id=_key(), name=_unique()),
        "the new column 'new' has no default; write column(default=…)",
    ),
    "a new unique column": (
        _row({"id": u32, "name": str, "level": u8}, id=_key(), name=_unique(), level=_unique()),
        "column 'level' became unique",
    ),
    "an event table": (_event, "it became event"),
    "gone": (_other, "table 'thing' is gone from the module and has 3 rows"),
}


def _content(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def _refused(module: Module, path: Path) -> str:
    """The refusal; nothing of the file may have changed."""
    _content(path)  # folds the log in, if there is one
    before, dump = path.read_bytes(), _content(path)
    with pytest.raises(SchemaError) as caught:
        open_database(module, path)
    assert _content(path) == dump
    assert path.read_bytes() == before
    text = str(caught.value)
    assert text.startswith("the module does not fit the stored data: ")
    assert text.endswith("Use another data directory, or change the module back")
    return text


@pytest.mark.parametrize("change", REFUSED)
def test_refused_changes_leave_every_byte(change: str, tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    _filled(path, _thing)
    declare, says = REFUSED[change]
    text = _refused(_module(declare), path)
    assert says in text
    assert "'thing'" in text
    database = open_database(_module(_thing), path)
    assert database.count("thing") == 3
    database.close()


@pytest.mark.parametrize("towards", ["scheduled", "not scheduled"])
def test_a_table_cannot_become_scheduled_or_stop_to_be(towards: str, tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    ways = [_module(_unscheduled), _module(_scheduled)]
    before, after = ways if towards == "scheduled" else reversed(ways)
    open_database(before, path).close()
    assert "scheduled" in _refused(after, path)


def test_a_change_deep_inside_a_type_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    open_database(_module(_row({"id": u32, "inner": list[Inner]})), path).close()
    changed = _module(_row({"id": u32, "inner": list[Longer]}))
    assert COLUMNS in _refused(changed, path)


def test_all_refusals_are_said_and_good_changes_are_not_made(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    _filled(path, _thing, _other)

    def wrong_other(module: Module) -> None:
        @module.table()
        class Other:
            x: u16

        @module.table()
        class Third:
            who: Identity

    text = _refused(_module(REFUSED["removed"][0], wrong_other), path)
    assert "table 'thing'" in text
    assert "table 'other'" in text


def test_a_module_that_is_wrong_touches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    module = _module(_row({"x": dict}))
    with pytest.raises(SchemaError, match="dict has no SpacetimeDB type"):
        Database.open(module, path, identity=Identity.from_int(1), owner=Identity.from_int(1))
    assert not path.exists()
