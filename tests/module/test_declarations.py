"""What declarations become: row classes, names, types, schedules."""

from __future__ import annotations

import dataclasses
import inspect
import uuid
from enum import Enum
from typing import Any

import pytest

from harness.module import (
    ConnectionId,
    Identity,
    Module,
    ScheduleAt,
    TimeDuration,
    Timestamp,
    auto_inc,
    btree,
    column,
    f32,
    hash_index,
    i8,
    i128,
    i256,
    product,
    sum_type,
    table,
    u8,
    u16,
    u32,
    u64,
    u256,
)
from harness.module.registry import snake_case
from harness.wire import codec
from harness.wire import types as t
from harness.wire.schema import IndexAlgorithm, Lifecycle

TIMERS = Module("timers")


@TIMERS.table()
class Timer:
    scheduled_id: u64 = auto_inc(primary_key=True)
    scheduled_at: ScheduleAt


@TIMERS.reducer(on_schedule=Timer)
def tick(ctx: Any, timer: Timer) -> None:
    pass


@product
class Circle:
    radius: f32


@product
class Square:
    side: f32


@product
class Nothing:
    pass


class Mood(Enum):
    GOOD = "Good"
    BAD = 7


TYPES = Module("types")
Shape = TYPES.sum_type("Shape", Circle, Square, Nothing)


@product
class Tree:
    value: i8
    children: list[Tree]


@TYPES.table()
class Everything:
    a: u256
    b: i256
    c: i128
    d: int
    e: float
    f: bool
    g: str
    h: bytes
    i: list[u16]
    j: u8 | None
    k: Identity
    l: ConnectionId  # noqa: E741  (the letters count the columns)
    m: Timestamp
    n: TimeDuration
    o: uuid.UUID
    p: Mood
    q: Circle
    r: Shape  # type: ignore[valid-type]  # made at run time
    s: Tree
    t: list[str | None] | None


# --- the row class -------------------------------------------------------------------------------


def _points() -> tuple[Module, type[Any]]:
    module = Module("m")

    @module.table(public=True)
    class Point:
        id: u32 = auto_inc(primary_key=True)
        x: u8
        y: u8 = column(default=3)

    return module, Point


def test_rows_take_keywords_only() -> None:
    _, point = _points()
    with pytest.raises(TypeError, match="positional"):
        point(1, 2, 3)
    assert point(x=1, y=2).x == 1


def test_rows_have_slots_and_can_be_changed() -> None:
    _, point = _points()
    row = point(x=1, y=2)
    row.x = 9
    assert row == point(x=9, y=2)
    assert not hasattr(row, "__dict__")
    with pytest.raises(AttributeError):
        row.z = 1


def test_auto_inc_may_be_left_out_and_other_columns_may_not() -> None:
    _, point = _points()
    assert point(x=1, y=2).id == 0
    with pytest.raises(TypeError, match="'y'"):
        point(x=1)  # the default of a column is for rows stored before it existed


def test_rows_are_copied_with_replace() -> None:
    _, point = _points()
    row = point(x=1, y=2)
    assert dataclasses.replace(row, y=5) == point(x=1, y=5)
    assert row.y == 2


def test_a_default_is_stored_as_bytes() -> None:
    module, _ = _points()
    (default,) = module.definition().tables[0].defaults
    assert (default.column, default.value) == (2, b"\x03")


def test_one_class_can_be_the_row_of_several_tables() -> None:
    module = Module("m")

    @module.table(accessor="player", public=True)
    @module.table(accessor="logged_out_player")
    class Player:
        id: u64 = auto_inc(primary_key=True)
        name: str = column(unique=True)

    definition = module.definition()
    assert [x.name for x in definition.tables] == ["logged_out_player", "player"]
    assert [x.public for x in definition.tables] == [False, True]
    assert len({x.row for x in definition.tables}) == 1
    assert [[u.name for u in x.uniques] for x in definition.tables] == [
        ["logged_out_player_id_key", "logged_out_player_name_key"],
        ["player_id_key", "player_name_key"],
    ]
    assert [x.name for x in definition.types] == ["Player"]


def test_a_table_extends_a_product() -> None:
    module = Module("m")

    @product
    class Base:
        x: u8

    @module.table()
    class Child(Base):
        id: u64 = auto_inc(primary_key=True)

    (table_def,) = module.definition().tables
    row = module.definition().row_type(table_def)
    assert [element.name for element in row.elements] == ["x", "id"]
    assert table_def.primary_key == 1
    assert Child(x=4).id == 0


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Item", "item"),
        ("PurgeTimer", "purge_timer"),
        ("HTTPServer", "http_server"),
        ("already_snake", "already_snake"),
        ("V2Item", "v2_item"),
    ],
)
def test_snake_case(written: str, name: str) -> None:
    assert snake_case(written) == name


def test_generated_names() -> None:
    module = Module("m")

    @module.table(
        name="thing",
        indexes=[btree("by_both", "left", "right"), hash_index("fast", "right")],
    )
    class PlayingThing:
        id: u32 = auto_inc(primary_key=True)
        code: str = column(unique=True)
        left: u8 = column(index="btree")
        right: u8

    @module.reducer
    def DoIt(ctx: Any, some: u8) -> None:
        pass

    definition = module.definition()
    (made,) = definition.tables
    assert (made.name, made.accessor) == ("thing", "playing_thing")
    assert [(x.name, x.accessor, x.algorithm, x.columns) for x in made.indexes] == [
        ("thing_id_idx_btree", "id", IndexAlgorithm.BTREE, (0,)),
        ("thing_code_idx_btree", "code", IndexAlgorithm.BTREE, (1,)),
        ("thing_left_idx_btree", "left", IndexAlgorithm.BTREE, (2,)),
        ("thing_left_right_idx_btree", "by_both", IndexAlgorithm.BTREE, (2, 3)),
        ("thing_right_idx_hash", "fast", IndexAlgorithm.HASH, (3,)),
    ]
    assert [x.name for x in made.uniques] == ["thing_id_key", "thing_code_key"]
    assert [x.name for x in made.sequences] == ["thing_id_seq"]
    assert (definition.reducers[0].name, definition.reducers[0].accessor) == ("do_it", "DoIt")
    assert definition.types[0].name == "PlayingThing"


def test_a_column_can_have_another_name_on_the_wire() -> None:
    module = Module("m")

    @module.table(indexes=[btree("by_kind", "kind", "id")])
    class Thing:
        id: u32 = auto_inc(primary_key=True, name="thing_id")
        kind: u8 = column(name="class")

    (made,) = module.definition().tables
    row = module.definition().row_type(made)
    assert [element.name for element in row.elements] == ["thing_id", "class"]
    assert [x.name for x in made.indexes] == [
        "thing_thing_id_idx_btree",
        "thing_class_thing_id_idx_btree",
    ]
    assert made.uniques[0].name == "thing_thing_id_key"
    assert made.sequences[0].name == "thing_thing_id_seq"
    compiled = module.compiled
    rows = codec.compile(t.Ref(made.row), compiled.definition.typespace, compiled.bindings)
    assert rows.decode(rows.encode(Thing(id=5, kind=6))) == Thing(id=5, kind=6)


# --- reducers ------------------------------------------------------------------------------------


def test_reducers_stay_ordinary_functions() -> None:
    module = Module("m")
    seen = []

    @module.reducer
    def remember(ctx: Any, text: str, count: u8 = 1) -> None:
        seen.append((ctx, text, count))

    remember("context", text="hi")
    assert seen == [("context", "hi", 1)]
    assert inspect.isfunction(remember)


def test_lifecycle_reducers_are_private_and_known() -> None:
    module = Module("m")

    @module.init
    def start(ctx: Any) -> None: ...

    @module.client_connected
    def hello(ctx: Any) -> None: ...

    @module.client_disconnected
    def bye(ctx: Any) -> None: ...

    @module.reducer
    def work(ctx: Any) -> None: ...

    found = {x.name: (x.lifecycle, x.private) for x in module.definition().reducers}
    assert found == {
        "start": (Lifecycle.INIT, True),
        "hello": (Lifecycle.ON_CONNECT, True),
        "bye": (Lifecycle.ON_DISCONNECT, True),
        "work": (None, False),
    }


def test_a_definition_follows_later_declarations() -> None:
    module, _ = _points()
    assert not module.definition().reducers

    @module.reducer
    def later(ctx: Any) -> None: ...

    assert [x.name for x in module.definition().reducers] == ["later"]


def test_scheduled_tables() -> None:
    definition = TIMERS.definition()
    (timer,) = definition.tables
    assert timer.schedule is not None
    assert (timer.schedule.name, timer.schedule.column, timer.schedule.function) == (
        "timer_sched", 1, "tick",
    )  # fmt: skip
    assert definition.reducers[0].private
    assert definition.reducers[0].params == t.product(timer=t.Ref(timer.row))


# --- types ---------------------------------------------------------------------------------------


def test_annotations_become_types() -> None:
    definition = TYPES.definition()
    names = {x.name: t.Ref(x.type) for x in definition.types}
    row = definition.row_type(definition.tables[0])
    assert {element.name: element.type for element in row.elements} == {
        "a": t.U256, "b": t.I256, "c": t.I128, "d": t.I64, "e": t.F64, "f": t.BOOL,
        "g": t.STRING, "h": t.BYTES, "i": t.Array(t.U16), "j": t.option(t.U8),
        "k": t.IDENTITY, "l": t.CONNECTION_ID, "m": t.TIMESTAMP, "n": t.TIME_DURATION,
        "o": t.UUID, "p": names["Mood"], "q": names["Circle"], "r": names["Shape"],
        "s": names["Tree"], "t": t.option(t.Array(t.option(t.STRING))),
    }  # fmt: skip
    resolve = definition.typespace.resolve
    assert resolve(names["Mood"]) == t.Sum((t.Variant("Good", t.UNIT), t.Variant("BAD", t.UNIT)))
    shape = resolve(names["Shape"])
    assert isinstance(shape, t.Sum)
    assert [x.name for x in shape.variants] == ["Circle", "Square", "Nothing"]
    assert shape.variants[2].type == t.UNIT
    assert resolve(names["Tree"]) == t.product(value=t.I8, children=t.Array(names["Tree"]))


@pytest.mark.parametrize("shape", [Circle(radius=1.5), Square(side=2.0), Nothing()])
@pytest.mark.parametrize("mood", list(Mood))
def test_values_of_all_types_come_back(shape: Any, mood: Mood) -> None:
    compiled = TYPES.compiled
    made = compiled.definition.tables[0]
    rows = codec.compile(t.Ref(made.row), compiled.definition.typespace, compiled.bindings)
    leaf = Tree(value=-1, children=[])
    row = Everything(
        a=2**255, b=-(2**255), c=-(2**127), d=-1, e=0.5, f=True, g="\0 ü 𝄞", h=b"\0\xff",
        i=[1, 65535], j=None, k=Identity.from_int(2**255), l=ConnectionId.from_int(1),
        m=Timestamp(-5), n=TimeDuration(-6), o=uuid.UUID(int=2**127), p=mood,
        q=Circle(radius=0.25), r=shape, s=Tree(value=3, children=[leaf, leaf]), t=[None, "x"],
    )  # fmt: skip
    assert rows.decode(rows.encode(row)) == row


def test_bare_decorators_fill_the_module_of_their_file() -> None:
    from harness.module.registry import default_module

    @table(accessor="bare_thing")
    class Bare:
        x: u8

    @product
    class One:
        x: u8

    @product
    class Two:
        x: u8

    sum_type("BareSum", One, Two)
    mine = default_module(__name__)
    assert mine.tables[-1].row is Bare
    assert mine.contents.sums[-1].name == "BareSum"
