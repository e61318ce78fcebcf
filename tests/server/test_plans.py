"""Plans: what incremental evaluation says must be what full evaluation says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import SqlError
from harness.server import plans, sql
from harness.server.plans import Catalog, Changed, Plan
from harness.server.subscriptions import Registry
from harness.wire import types as t
from harness.wire.schema import IndexAlgorithm, IndexDef, ModuleDef, TableDef, UniqueDef
from harness.wire.values import Identity

ALICE = Identity.from_int(1)


def _table(name: str, row: int, indexed: tuple[int, ...] = (), *, public: bool = True) -> TableDef:
    indexes = tuple(
        IndexDef(f"{name}_{i}_idx_btree", None, IndexAlgorithm.BTREE, (i,)) for i in (0, *indexed)
    )
    return TableDef(name, name, row, 0, indexes, (UniqueDef(f"{name}_key", (0,)),), public=public)


MODULE = ModuleDef(
    typespace=t.Typespace(
        (
            t.product(id=t.U32, owner=t.U8, score=t.I32, live=t.BOOL, who=t.IDENTITY, x=t.F32),
            t.product(id=t.U8, level=t.I32),
        )
    ),
    tables=(_table("thing", 0, (1,)), _table("owner", 1), _table("secret", 1, public=False)),
)
CATALOG = Catalog(MODULE)


@dataclass
class Store:
    """Encoded rows in sets, searched by decoding them all."""

    rows: dict[str, set[bytes]] = field(default_factory=lambda: {"thing": set(), "owner": set()})

    def all_rows(self, table: str) -> list[bytes]:
        return list(self.rows[table])

    def lookup(self, table: str, column: int, value: Any) -> list[bytes]:
        decode = CATALOG.table(table, ALICE, owner=True).codec.decode
        return [data for data in self.rows[table] if decode(data)[column] == value]


@dataclass
class Changes:
    inserts: list[bytes]
    deletes: list[bytes]


def make_plan(text: str, *, owner: bool = False) -> Plan:
    statement = sql.parse(text)
    assert isinstance(statement, sql.Select)
    return plans.plan(statement, CATALOG, ALICE, owner=owner)


QUERIES = [
    "SELECT * FROM thing",
    "SELECT * FROM thing WHERE owner = 1",
    "SELECT * FROM thing WHERE id = 3",
    "SELECT * FROM thing WHERE score > 0 AND (live OR owner <> 2)",
    "SELECT * FROM thing WHERE NOT (score <= 1) OR who = :sender",
    "SELECT thing.* FROM thing JOIN owner ON thing.owner = owner.id",
    "SELECT thing.* FROM thing JOIN owner ON thing.owner = owner.id WHERE owner.level > 1",
    "SELECT o.* FROM thing t JOIN owner o ON t.owner = o.id WHERE t.score > 0",
    "SELECT o.* FROM owner o JOIN thing t ON t.owner = o.id WHERE o.id = 1",
    "SELECT t.* FROM thing t JOIN owner o ON t.owner = o.id WHERE t.live OR o.level = 2",
    "SELECT a.* FROM thing a JOIN thing b ON a.owner = b.owner WHERE b.score = 1",
    "SELECT * FROM thing WHERE TRUE AND FALSE",
    "SELECT * FROM thing WHERE score <= score AND NOT (score <> score)",
    "SELECT t.* FROM thing t JOIN owner o ON t.owner = o.id WHERE t.score > o.level",
    "SELECT o.* FROM thing t JOIN owner o ON t.owner = o.id WHERE t.score < o.level OR t.live",
]

things = st.tuples(
    st.integers(0, 9),
    st.integers(0, 3),
    st.integers(-2, 2),
    st.booleans(),
    st.sampled_from([ALICE, Identity.from_int(2)]),
    st.sampled_from([0.0, 1.5]),
)
owners = st.tuples(st.integers(0, 3), st.integers(0, 3))
transactions = st.lists(
    st.lists(
        st.one_of(st.tuples(st.just("thing"), things), st.tuples(st.just("owner"), owners)),
        max_size=6,
    ),
    max_size=8,
)


def commit(store: Store, upserts: list[tuple[str, Any]]) -> dict[str, Changes]:
    """Insert rows, or delete them if they are there; a taken key is replaced."""
    before = {name: set(rows) for name, rows in store.rows.items()}
    for table, row in upserts:
        info = CATALOG.table(table, ALICE, owner=True)
        data = info.codec.encode(row)
        if data in store.rows[table]:
            store.rows[table].discard(data)
            continue
        for taken in store.lookup(table, 0, row[0]):
            store.rows[table].discard(taken)
        store.rows[table].add(data)
    changes = {}
    for name, rows in store.rows.items():
        inserts, deletes = list(rows - before[name]), list(before[name] - rows)
        if inserts or deletes:
            changes[name] = Changes(inserts, deletes)
    return changes


@pytest.mark.parametrize("query", QUERIES)
@given(history=transactions)
@settings(max_examples=60, deadline=None)
def test_differences_add_up_to_the_whole(query: str, history: list[Any]) -> None:
    plan = make_plan(query)
    store = Store()
    registry: Registry[str] = Registry()
    registry.add(plan, "session", 1)
    kept: Counter[bytes] = Counter()
    for upserts in history:
        changes = commit(store, upserts)
        died: list[Any] = []
        for _, delta in registry.deltas(store, Changed(dict(changes)), died):
            kept.update(delta.inserts)
            kept.subtract(delta.deletes)
        assert not died
        assert min(kept.values(), default=0) >= 0
        assert +kept == Counter(plan.rows(store)), upserts


def test_equal_questions_share_a_plan() -> None:
    registry: Registry[str] = Registry()
    first = registry.add(make_plan("SELECT * FROM thing WHERE owner = 1"), "a", 1)
    second = registry.add(make_plan("select * from  thing where owner=1"), "b", 1)
    assert first is second
    assert list(first.subscribers) == [("a", 1), ("b", 1)]
    registry.remove(first, "a", 1)
    registry.remove(first, "b", 1)
    assert len(registry) == 0
    assert registry._watchers == {}


def test_only_candidates_are_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand plans with another key cost a change nothing."""
    registry: Registry[int] = Registry()
    for key in range(1000):
        registry.add(make_plan(f"SELECT * FROM thing WHERE id = {key}"), key, 1)
    evaluated: list[Plan] = []
    delta = Plan.delta

    def counting(self: Plan, *args: Any) -> Any:
        evaluated.append(self)
        return delta(self, *args)

    monkeypatch.setattr(Plan, "delta", counting)
    store = Store()
    changes = commit(store, [("thing", (7, 1, 1, True, ALICE, 0.0))])
    told = [live for live, _ in registry.deltas(store, Changed(dict(changes)), [])]
    assert [list(live.subscribers) for live in told] == [[(7, 1)]]
    assert len(evaluated) == 1


REFUSED = [
    ("SELECT * FROM nothing", "no such table: `nothing`"),
    ("SELECT * FROM secret", "no such table: `secret`"),
    ("SELECT * FROM thing WHERE nothing = 1", "no column 'nothing'"),
    ("SELECT * FROM thing WHERE owner = 300", "outside 0 … 255"),
    ("SELECT * FROM thing WHERE owner = score", "columns 'owner' and 'score' cannot be compared"),
    ("SELECT * FROM thing WHERE owner = 1.5", "not a whole number"),
    ("SELECT * FROM thing WHERE owner = 'x'", "is U8; 'x' is a string"),
    ("SELECT * FROM thing WHERE who = 0xabc", "expected 64"),
    ("SELECT x.* FROM thing", "'x' is not a table"),
    ("SELECT * FROM thing JOIN owner ON thing.owner = owner.id", "whose rows"),
    ("SELECT thing.* FROM thing JOIN owner ON thing.score = owner.level", "needs an index"),
    ("SELECT thing.* FROM thing JOIN owner ON thing.id = owner.id", "the same type"),
    ("SELECT thing.* FROM thing JOIN thing ON thing.id = thing.id", "give one an alias"),
    ("SELECT t.* FROM thing t JOIN owner o ON t.owner = t.owner", "of its two tables"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(SqlError, match=message):
        make_plan(text)


def test_the_owner_reads_private_tables() -> None:
    assert make_plan("SELECT * FROM secret", owner=True).table == "secret"


def test_a_query_that_examines_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    commit(store, [("thing", (i, 0, 0, True, ALICE, 0.0)) for i in range(10)])
    monkeypatch.setattr(plans._Budget, "__init__", lambda self: setattr(self, "left", 5))
    with pytest.raises(SqlError, match="looks at more than"):
        make_plan("SELECT * FROM thing WHERE score = 0").rows(store)
