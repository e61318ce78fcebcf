"""Tables against a dict that does the same: any key type, any order of operations, any failure."""

from __future__ import annotations

import dataclasses
import math
import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InternalError, ReducerError
from harness.module import (
    ConnectionId,
    Identity,
    Module,
    ReducerContext,
    UniqueConstraintViolation,
    auto_inc,
    btree,
    column,
    hash_index,
    i8,
    i16,
    i32,
    i64,
    i128,
    i256,
    u8,
    u16,
    u32,
    u64,
    u128,
    u256,
)
from harness.server.storage import CACHED_ROWS
from harness.server.testing import TestDatabase


class Colour(Enum):
    """Declared in another order than its names have."""

    RED = "red"
    BLUE = "blue"
    AMBER = "amber"


def integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    """Mostly at the ends and around the middle, where signs and orders go wrong."""
    least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    middle = (least + most) // 2
    edges = [least, least + 1, middle - 1, middle, middle + 1, most - 1, most]
    return st.one_of(st.sampled_from(edges), st.integers(least, most))


TEXTS = st.one_of(
    st.sampled_from(["", "\0", "a", "a\0", "a\0b", "A", "ä", "z", "￿", "\U00010000", "it's", '"']),
    st.text(max_size=4),
)
#: Key types with their values and what Python orders them by.
KEYS: dict[str, tuple[Any, st.SearchStrategy[Any], Callable[[Any], Any]]] = {
    "bool": (bool, st.booleans(), int),
    "str": (str, TEXTS, lambda text: text.encode()),
    "Identity": (Identity, integers(256, signed=False).map(Identity.from_int), int),
    "ConnectionId": (ConnectionId, integers(128, signed=False).map(ConnectionId.from_int), int),
    "UUID": (uuid.UUID, integers(128, signed=False).map(lambda n: uuid.UUID(int=n)), int),
    "enum": (Colour, st.sampled_from(Colour), list(Colour).index),
} | {
    name: (annotation, integers(int(name[1:]), signed=name[0] == "i"), int)
    for name, annotation in {
        "i8": i8, "i16": i16, "i32": i32, "i64": i64, "i128": i128, "i256": i256,
        "u8": u8, "u16": u16, "u32": u32, "u64": u64, "u128": u128, "u256": u256,
    }.items()
}  # fmt: skip

#: Values that compare oddly as numbers and must come back bit by bit.
WEIGHTS = st.sampled_from([0.0, -0.0, 1.5, math.inf, -math.inf, math.nan])

each_key = pytest.mark.parametrize("kind", KEYS)

Step = Callable[[ReducerContext], None]


@dataclass
class Rig:
    """A module with one table over a key type, and a reducer that does what the test says."""

    kind: str
    keyed: bool = True
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        key_type, self.keys, self.order = KEYS[self.kind]
        module = self.module = Module(f"rig_{self.kind}")
        body: dict[str, Any] = {
            "__annotations__": {"key": key_type, "mark": i16, "twin": key_type, "weight": float},
            "__module__": __name__,
        }
        if self.keyed:
            body["key"] = column(primary_key=True)
        indexes = [btree("by_twin", "twin"), btree("by_mark", "mark", "twin")]
        self.row = module.table(name="thing", indexes=indexes)(type("Thing", (), body))

        @module.reducer
        def run(ctx: ReducerContext) -> None:
            for step in self.steps:
                step(ctx)

    def make(self, key: Any, mark: int, twin: Any, weight: float) -> Any:
        return self.row(key=key, mark=mark, twin=twin, weight=weight)

    def rows(self) -> st.SearchStrategy[Any]:
        marks = st.integers(-2, 2)
        return st.builds(self.make, self.keys, marks, self.keys, WEIGHTS)

    def run(self, db: TestDatabase, *steps: Step) -> Any:
        self.steps[:] = steps
        return db.call("run")


RIGS = {kind: Rig(kind) for kind in KEYS}
BAGS = {kind: Rig(kind, keyed=False) for kind in ("u64", "str")}


def image(row: Any) -> tuple[Any, ...]:
    """A row's values such that equal means identical: floats by their bits."""
    values = dataclasses.astuple(row)
    return tuple(struct.pack("<d", x) if isinstance(x, float) else x for x in values)


class Twin:
    """What the table must hold: rows by key, or by themselves where there is no key."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.rows: dict[Any, Any] = {}

    def name(self, row: Any) -> Any:
        return row.key if self.rig.keyed else image(row)

    def insert(self, row: Any) -> bool:
        old = self.rows.setdefault(self.name(row), row)
        return image(old) == image(row)

    def images(self) -> set[Any]:
        return {image(row) for row in self.rows.values()}


def check(db: TestDatabase, twin: Twin) -> None:
    table = db.table("thing")
    found = [image(row) for row in table.iter()]
    assert len(found) == len(set(found))
    assert set(found) == twin.images()
    assert table.count() == len(twin.rows) == db.database.count("thing")


def operation(rig: Rig) -> st.SearchStrategy[tuple[str, Any]]:
    rows, keys = rig.rows(), rig.keys
    operations = [
        st.tuples(st.just("insert"), rows), st.tuples(st.just("insert"), rows),
        st.tuples(st.just("delete_row"), rows), st.tuples(st.just("by_mark"), st.integers(-2, 2)),
        st.tuples(st.just("clear"), st.none()),
    ]  # fmt: skip
    if rig.keyed:
        operations += [
            st.tuples(st.just("update"), rows), st.tuples(st.just("update"), rows),
            st.tuples(st.just("delete"), keys), st.tuples(st.just("find"), keys),
            st.tuples(st.just("insert_or_update"), rows),
        ]  # fmt: skip
    return st.one_of(operations)


def perform(ctx: ReducerContext, twin: Twin, name: str, value: Any) -> None:
    """One operation on table and twin, which must agree on what it says."""
    table, rows = ctx.db.thing, twin.rows
    if name == "insert":
        if twin.insert(value):
            assert image(table.insert(value)) == image(value)
        else:
            assert table.try_insert(value) is None
    elif name == "update":
        if value.key in rows:
            rows[value.key] = table.key.update(value)
        else:
            with pytest.raises(ReducerError, match="no row of thing has key"):
                table.key.update(value)
    elif name == "insert_or_update":
        rows[value.key] = table.key.insert_or_update(value)
    elif name == "delete":
        assert table.key.delete(value) == (rows.pop(value, None) is not None)
    elif name == "find":
        found = table.key.find(value)
        assert (found and image(found)) == (rows.get(value) and image(rows[value]))
    elif name == "delete_row":
        old = rows.get(twin.name(value))
        there = old is not None and image(old) == image(value)
        if there:
            del rows[twin.name(value)]
        assert table.delete(value) == there
    elif name == "by_mark":
        gone = [key for key, row in rows.items() if row.mark == value]
        assert table.by_mark.delete(value) == len(gone)
        for key in gone:
            del rows[key]
    else:
        assert table.clear() == len(rows)
        rows.clear()


@st.composite
def histories(draw: st.DrawFn, rig: Rig) -> list[tuple[bool, list[tuple[str, Any]]]]:
    """Transactions: operations, and whether the reducer fails after them."""
    pool = draw(st.lists(rig.rows(), min_size=1, max_size=5))
    # Rows meet often: most are taken from a small pool, with another mark.
    again = st.builds(
        lambda row, mark: dataclasses.replace(row, mark=mark),
        st.sampled_from(pool), st.integers(-2, 2),
    )  # fmt: skip

    def familiar(step: tuple[str, Any]) -> st.SearchStrategy[tuple[str, Any]]:
        name, value = step
        if dataclasses.is_dataclass(value):
            return st.tuples(st.just(name), again)
        if name in ("delete", "find"):
            return st.tuples(st.just(name), again.map(lambda row: row.key))
        return st.just(step)

    step = st.one_of(operation(rig), operation(rig).flatmap(familiar))
    return draw(st.lists(st.tuples(st.booleans(), st.lists(step, max_size=6)), max_size=6))


class Enough(Exception):
    """What the failing reducers raise; a class of its own, so that nothing else passes for it."""


def replay(rig: Rig, data: st.DataObject) -> None:
    twin = Twin(rig)
    with TestDatabase(rig.module) as db:
        for fails, operations in data.draw(histories(rig)):
            before = dict(twin.rows)
            images = twin.images()

            def play(
                ctx: ReducerContext, operations: Any = operations, fails: bool = fails
            ) -> None:
                for name, value in operations:
                    perform(ctx, twin, name, value)
                if fails:
                    raise Enough

            if fails:
                with pytest.raises(InternalError, match=r"^Enough"):
                    rig.run(db, play)
                twin.rows = before
            else:
                changes = rig.run(db, play).get("thing")
                decode = db.database.stores["thing"].decode
                inserts = [image(decode(x)) for x in changes.inserts] if changes else []
                deletes = [image(decode(x)) for x in changes.deletes] if changes else []
                assert set(inserts) == twin.images() - images
                assert set(deletes) == images - twin.images()
                assert len(inserts) == len(set(inserts))
                assert len(deletes) == len(set(deletes))
            check(db, twin)


@each_key
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_table_is_a_dict(kind: str, data: st.DataObject) -> None:
    replay(RIGS[kind], data)


@pytest.mark.parametrize("kind", BAGS)
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_a_table_without_key_is_a_set(kind: str, data: st.DataObject) -> None:
    replay(BAGS[kind], data)


@each_key
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_ranges_follow_the_order_of_the_type(kind: str, data: st.DataObject) -> None:
    rig = RIGS[kind]
    rows = data.draw(st.lists(rig.rows(), max_size=12, unique_by=lambda row: row.key))
    mark = data.draw(st.one_of(st.none(), st.integers(-2, 2)))
    low = data.draw(st.sampled_from([None, "ge", "gt"]))
    high = data.draw(st.sampled_from([None, "le", "lt"]))
    ends = {name: data.draw(rig.keys) for name in (low, high) if name}
    order = rig.order

    def inside(row: Any) -> bool:
        place = order(row.twin)
        return (
            (mark is None or row.mark == mark)
            and ("ge" not in ends or place >= order(ends["ge"]))
            and ("gt" not in ends or place > order(ends["gt"]))
            and ("le" not in ends or place <= order(ends["le"]))
            and ("lt" not in ends or place < order(ends["lt"]))
        )

    with TestDatabase(rig.module) as db:
        for row in rows:
            rig.run(db, lambda ctx, row=row: ctx.db.thing.insert(row))
        table = db.table("thing")
        if mark is None:
            found = list(table.by_twin.filter(**ends))
        else:
            found = list(table.by_mark.filter(mark, **ends))
        assert [order(row.twin) for row in found] == sorted(
            order(row.twin) for row in rows if inside(row)
        )
        assert {image(row) for row in found} == {image(row) for row in rows if inside(row)}


def test_a_negative_control_of_the_twin() -> None:
    """The comparison that all tests above rest on sees a row too many, and one changed."""
    rig = RIGS["u64"]
    row = rig.make(1, 0, 1, 0.0)
    with TestDatabase(rig.module) as db:
        rig.run(db, lambda ctx: ctx.db.thing.insert(row))
        for wrong in ([], [rig.make(1, 0, 1, -0.0)], [row, rig.make(2, 0, 1, 0.0)]):
            twin = Twin(rig)
            for other in wrong:
                twin.insert(other)
            with pytest.raises(AssertionError):
                check(db, twin)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ({"ge": -1}, [0, 5, 2**64 - 1]),
        ({"gt": -(2**70)}, [0, 5, 2**64 - 1]),
        ({"ge": 2**64}, []),
        ({"gt": 2**64 - 1}, []),
        ({"le": 2**70}, [0, 5, 2**64 - 1]),
        ({"lt": 0}, []),
        ({"le": -1}, []),
        ({"ge": 2**63, "lt": 2**64}, [2**64 - 1]),
        ({"gt": 0, "le": 2**63}, [5]),
    ],
)
def test_ends_beyond_the_type(ends: dict[str, int], expected: list[int]) -> None:
    rig = RIGS["u64"]
    with TestDatabase(rig.module) as db:
        for number in (5, 2**64 - 1, 0):
            row = rig.make(number, 0, number, 0.0)
            rig.run(db, lambda ctx, row=row: ctx.db.thing.insert(row))
        assert [row.twin for row in db.table("thing").by_twin.filter(**ends)] == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [("u64", 2**64), ("u64", -1), ("u8", 300), ("i256", 2**255), ("u128", -1), ("str", "\ud800")],
)
def test_nothing_is_found_beyond_the_type(kind: str, value: Any) -> None:
    rig = RIGS[kind]
    with TestDatabase(rig.module) as db:
        table = db.table("thing")
        assert table.key.find(value) is None
        assert table.key.delete(value) is False
        assert list(table.by_twin.filter(value)) == []
        assert db.database.lookup("thing", 0, value) == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [("u64", "5"), ("u32", 5.0), ("u32", "5"), ("str", 5), ("i128", "x"), ("enum", 0)],
)
def test_a_value_of_another_type_finds_nothing_by_accident(kind: str, value: Any) -> None:
    """SQLite would turn the text 5 into the number."""
    with TestDatabase(RIGS[kind].module) as db, pytest.raises(TypeError):
        db.table("thing").key.find(value)


PAIRS = Module("pairs")


@PAIRS.table()
class Pair:
    left: u32 = column(primary_key=True)
    right: str = column(unique=True)


PLAN: list[Step] = []


@PAIRS.reducer
def run(ctx: ReducerContext) -> None:
    for step in PLAN:
        step(ctx)


def pairs(db: TestDatabase, *steps: Step) -> Any:
    PLAN[:] = steps
    return db.call("run")


def test_two_unique_columns() -> None:
    with TestDatabase(PAIRS) as db:
        pairs(db, lambda ctx: ctx.db.pair.insert(Pair(left=1, right="a")))
        pairs(db, lambda ctx: ctx.db.pair.insert(Pair(left=2, right="b")))
        for taken, text in (
            (Pair(left=1, right="c"), "a row of pair has left 1 already"),
            (Pair(left=3, right="a"), "a row of pair has right a already"),
        ):
            with pytest.raises(ReducerError, match=text):
                pairs(db, lambda ctx, row=taken: ctx.db.pair.insert(row))
        with pytest.raises(ReducerError, match="a row of pair has right b already"):
            pairs(db, lambda ctx: ctx.db.pair.left.update(Pair(left=1, right="b")))
        table = db.table("pair")
        assert table.right.find("b") == Pair(left=2, right="b")
        assert sorted(row.left for row in table.iter()) == [1, 2]
        changes = pairs(db, lambda ctx: ctx.db.pair.right.delete("b"))
        assert len(changes["pair"].deletes) == 1
        assert table.left.find(2) is None
        assert table.count() == 1


def test_a_refused_row_leaves_the_transaction_alive() -> None:
    def clash(ctx: ReducerContext) -> None:
        ctx.db.pair.insert(Pair(left=1, right="a"))
        with pytest.raises(UniqueConstraintViolation):
            ctx.db.pair.insert(Pair(left=2, right="a"))
        ctx.db.pair.insert(Pair(left=2, right="b"))

    with TestDatabase(PAIRS) as db:
        changes = pairs(db, clash)
        assert len(changes["pair"].inserts) == 2


def test_keys_that_wander_are_brought_back() -> None:
    """Undoing meets keys that have changed hands in the meantime."""

    def swap(ctx: ReducerContext) -> None:
        table = ctx.db.pair
        for left in (1, 2):
            table.left.delete(left)
        table.insert(Pair(left=1, right="b"))
        table.insert(Pair(left=2, right="a"))
        table.left.update(Pair(left=2, right="c"))
        raise ReducerError("back")

    with TestDatabase(PAIRS) as db:
        pairs(db, lambda ctx: ctx.db.pair.insert(Pair(left=1, right="a")))
        pairs(db, lambda ctx: ctx.db.pair.insert(Pair(left=2, right="b")))
        with pytest.raises(ReducerError, match="back"):
            pairs(db, swap)
        rows = sorted(db.table("pair").iter(), key=lambda row: row.left)
        assert rows == [Pair(left=1, right="a"), Pair(left=2, right="b")]
        assert db.table("pair").count() == 2


def test_more_rows_than_are_kept_at_hand() -> None:
    number = CACHED_ROWS + 100

    def fill(ctx: ReducerContext) -> None:
        for left in range(number):
            ctx.db.pair.insert(Pair(left=left, right=f"{left}"))

    def look(ctx: ReducerContext) -> None:
        for _ in range(2):
            for left in range(number):
                assert ctx.db.pair.left.find(left).right == f"{left}"

    with TestDatabase(PAIRS) as db:
        pairs(db, fill)
        pairs(db, look)


def test_hash_indexes_find_whole_keys_only() -> None:
    module = Module("hashes")

    @module.table(indexes=[hash_index("by_both", "a", "b")])
    class Thing:
        a: u32
        b: str

    with TestDatabase(module) as db:
        by_both = db.table("thing").by_both
        assert list(by_both.filter(1, "x")) == []
        for ask in (
            lambda: by_both.filter(1),
            lambda: by_both.filter(1, ge="x"),
            lambda: by_both.delete(),
        ):
            with pytest.raises(ValueError, match="a hash index finds whole keys only"):
                ask()


def test_names_that_differ_in_capitals_only() -> None:
    """SQLite does not tell them apart."""
    module = Module("capitals")
    indexes = [btree("by_both", "a", "b")]
    body = {"a": u32, "b": u32}
    for name in ("thing", "Thing", "i0_1_thing"):
        module.table(name=name, accessor=f"{name}_x", indexes=indexes)(
            type(f"Row{name}", (), {"__annotations__": body, "__module__": __name__})
        )
    with TestDatabase(module) as db:
        assert [db.database.count(name) for name in ("thing", "Thing", "i0_1_thing")] == [0, 0, 0]


def test_a_table_without_columns_holds_one_row() -> None:
    module = Module("unit")

    @module.table()
    class Nothing:
        pass

    @module.reducer
    def add(ctx: ReducerContext) -> None:
        ctx.db[Nothing].insert(Nothing())
        ctx.db[Nothing].insert(Nothing())

    with TestDatabase(module) as db:
        assert db.call("add")["nothing"].inserts == [b""]
        assert list(db.table("nothing").iter()) == [Nothing()]


COUNTERS = Module("counters")


@COUNTERS.table()
class Ticket:
    id: u64 = auto_inc(primary_key=True)
    text: str


@COUNTERS.table()
class Tiny:
    id: u8 = auto_inc(primary_key=True)
    text: str


@COUNTERS.reducer
def draw(ctx: ReducerContext, count: u32, fails: bool) -> None:
    for i in range(count):
        given = Ticket(text=f"{i}")
        drawn = ctx.db[Ticket].insert(given)
        assert drawn.id > 0
        assert given.id == 0, "the caller's own row stays as it was"
    if fails:
        raise ReducerError("no")


@COUNTERS.reducer
def draw_tiny(ctx: ReducerContext, count: u32) -> None:
    for i in range(count):
        ctx.db[Tiny].insert(Tiny(text=f"{i}"))


@COUNTERS.reducer
def put(ctx: ReducerContext, id: u64) -> None:
    ctx.db[Ticket].insert(Ticket(id=id, text="put"))


def ids(db: TestDatabase, table: str = "ticket") -> list[int]:
    return sorted(row.id for row in db.table(table).iter())


def test_numbers_start_at_one_and_are_not_given_twice() -> None:
    with TestDatabase(COUNTERS) as db:
        db.call("draw", 3, False)
        assert ids(db) == [1, 2, 3]
        with pytest.raises(ReducerError):
            db.call("draw", 2, True)
        db.call("draw", 1, False)
        assert ids(db) == [1, 2, 3, 6], "numbers of a failed call are gone"
        db.call("put", 2**64 - 1)
        assert ids(db)[-1] == 2**64 - 1, "a number that is given is kept"


def test_numbers_go_on_behind_the_block_after_a_restart(tmp_path: Any) -> None:
    path = tmp_path / "db"
    with TestDatabase(COUNTERS, path=path) as db:
        db.call("draw", 5000, False)
    with TestDatabase(COUNTERS, path=path) as db:
        db.call("draw", 1, False)
        assert ids(db) == [*range(1, 5001), 2 * 4096 + 1]


def test_a_small_column_uses_all_its_numbers(tmp_path: Any) -> None:
    path = tmp_path / "db"
    with TestDatabase(COUNTERS, path=path) as db:
        db.call("draw_tiny", 100)
    with TestDatabase(COUNTERS, path=path) as db:
        db.call("draw_tiny", 155)
        assert ids(db, "tiny") == list(range(1, 256))
        with pytest.raises(ReducerError, match="tiny_id_seq has no number left after 255"):
            db.call("draw_tiny", 1)
        assert db.table("tiny").count() == 255
