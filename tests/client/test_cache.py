"""The cache against a model that keeps every delivery in a multiset, and knows nothing else."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.cache import Change, TableCache
from harness.client.indexes import Index
from harness.errors import DecodeError, RemoteProtocolError
from harness.protocol.events import TableRows
from harness.wire import codec as codecs
from harness.wire import types as t
from harness.wire.rows import EMPTY, RowList, row_list
from harness.wire.schema import IndexAlgorithm, IndexDef, TableDef, UniqueDef

T = TypeVar("T")


class Row(msgspec.Struct, frozen=True):
    id: int
    group: int
    level: float


TYPE = t.Product((t.Element("id", t.U8), t.Element("group", t.U8), t.Element("level", t.F32)))
CODEC = codecs.compile(t.Ref(0), t.Typespace((TYPE,)), {0: Row})
BY_GROUP = IndexDef("by_group", "by_group", IndexAlgorithm.BTREE, (1, 2))


def cache(*, key: bool, event: bool = False) -> TableCache:
    unique = (UniqueDef("id", (0,)),) if key else ()
    definition = TableDef(
        "t", "t", 0, 0 if key else None, (BY_GROUP,), unique, public=True, event=event
    )
    return TableCache(definition, ("id", "group", "level"), CODEC)


def rows(*values: Row) -> TableRows:
    """What a message says of rows that come."""
    return TableRows("t", row_list(CODEC.encode_rows(values)), EMPTY)


def update(inserts: Iterable[Row], deletes: Iterable[Row]) -> TableRows:
    came, went = CODEC.encode_rows(inserts), CODEC.encode_rows(deletes)
    return TableRows("t", row_list(came), row_list(went))


def bag(values: Iterable[T]) -> Counter[T]:
    return Counter(values)


# --- the law -------------------------------------------------------------------------------------

Query = Callable[[Row], bool]

#: Overlapping on purpose: most rows match several.
QUERIES: list[Query] = [
    lambda row: True,
    lambda row: row.group < 2,
    lambda row: row.group > 0,
    lambda row: row.level >= 1.0,
    lambda row: row.id % 2 == 0,
]

one_row = st.builds(Row, st.integers(0, 5), st.integers(0, 3), st.sampled_from([0.0, 1.0, 2.5]))


class Server:
    """Two tables, the queries of one client, and what a server says: one delivery per query."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[Any, Row]] = {"keyed": {}, "plain": {}}
        self.active: dict[str, Counter[int]] = {"keyed": Counter(), "plain": Counter()}

    def subscribe(self, table: str, numbers: list[int]) -> list[TableRows]:
        self.active[table].update(numbers)
        stored = self.stored[table].values()
        return [update(filter(QUERIES[number], stored), []) for number in numbers]

    def unsubscribe(self, table: str, number: int) -> list[TableRows]:
        self.active[table][number] -= 1
        return [update([], filter(QUERIES[number], self.stored[table].values()))]

    def commit(self, table: str, put: list[Row], drop: list[int]) -> list[TableRows]:
        """A transaction; a row of the same key is replaced, an equal row stays what it is."""
        before = dict(self.stored[table])
        after = dict(before)
        for number in drop:
            for key in [key for key, row in after.items() if row.id == number]:
                del after[key]
        for row in put:
            after[row.id if table == "keyed" else row] = row
        self.stored[table] = after
        gone = [row for key, row in before.items() if after.get(key) != row]
        come = [row for key, row in after.items() if before.get(key) != row]
        return [
            update(filter(QUERIES[number], come), filter(QUERIES[number], gone))
            for number in self.active[table].elements()
        ]

    def matching(self, table: str) -> set[Row]:
        active = [QUERIES[number] for number, count in self.active[table].items() if count]
        return {row for row in self.stored[table].values() if any(q(row) for q in active)}


step = st.one_of(
    st.tuples(st.just("subscribe"), st.lists(st.integers(0, 4), min_size=1, max_size=3)),
    st.tuples(st.just("unsubscribe"), st.integers(0, 10)),
    st.tuples(
        st.just("commit"), st.tuples(st.lists(one_row, max_size=4), st.lists(st.integers(0, 5)))
    ),
)


def expected(before: set[Row], after: set[Row], keyed: bool) -> Counter[Change]:
    """The difference, with an update where a key is on both sides."""
    gone, come = before - after, after - before
    found: Counter[Change] = Counter()
    if keyed:
        old, new = {row.id: row for row in gone}, {row.id: row for row in come}
        for key in old.keys() | new.keys():
            found[Change(old.get(key), new.get(key))] += 1
        return found
    return Counter([Change(row, None) for row in gone] + [Change(None, row) for row in come])


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("indexed", [True, False])
@given(steps=st.lists(st.tuples(st.sampled_from(["keyed", "plain"]), step), max_size=12))
def test_the_cache_holds_what_the_queries_match(
    steps: list[tuple[str, tuple[str, Any]]], wanted: bool, indexed: bool
) -> None:
    server = Server()
    caches = {"keyed": cache(key=True), "plain": cache(key=False)}
    if indexed:
        for one in caches.values():
            one.index((1, 2))
    for table, (what, how) in steps:
        before = set(caches[table])
        if what == "subscribe":
            said = server.subscribe(table, how)
        elif what == "unsubscribe":
            active = list(server.active[table].elements())
            if not active:
                continue
            said = server.unsubscribe(table, active[how % len(active)])
        else:
            said = server.commit(table, *how)
        if not said:
            continue
        changes = caches[table].apply(said, wanted)
        held = list(caches[table])
        assert set(held) == server.matching(table)
        assert len(held) == len(set(held))
        if wanted:
            assert bag(changes) == expected(before, set(held), table == "keyed")
        if indexed:
            index = caches[table].index((1, 2))
            for group in range(4):
                assert set(index.filter((group,))) == {row for row in held if row.group == group}


# --- single messages -----------------------------------------------------------------------------

A, A2, B = Row(1, 0, 1.0), Row(1, 0, 2.0), Row(2, 1, 1.0)
both = pytest.mark.parametrize("key", [True, False], ids=["keyed", "plain"])

#: (held, inserts, deletes, changes of a table with a key, of one without)
MESSAGES: list[tuple[list[Row], list[Row], list[Row], list[Change], list[Change]]] = [
    ([], [A], [], [Change(None, A)], [Change(None, A)]),
    ([A], [], [A], [Change(A, None)], [Change(A, None)]),
    ([A], [A2], [A], [Change(A, A2)], [Change(A, None), Change(None, A2)]),
    ([A], [A], [A], [], []),
    ([A], [A], [], [], []),
    ([A, A], [], [A], [], []),
    ([A, A], [], [A, A], [Change(A, None)], [Change(A, None)]),
    ([A, A], [A2], [A, A], [Change(A, A2)], [Change(A, None), Change(None, A2)]),
    ([A], [A2, A2], [A], [Change(A, A2)], [Change(A, None), Change(None, A2)]),
    ([], [A, A], [], [Change(None, A)], [Change(None, A)]),
    ([], [A], [A], [], []),
    ([A], [B], [A], [Change(A, None), Change(None, B)], [Change(A, None), Change(None, B)]),
]


@both
@pytest.mark.parametrize(("held", "inserts", "deletes", "keyed", "plain"), MESSAGES)
def test_one_message(
    key: bool,
    held: list[Row],
    inserts: list[Row],
    deletes: list[Row],
    keyed: list[Change],
    plain: list[Change],
) -> None:
    table = cache(key=key)
    if held:
        table.apply([rows(*held)], False)
    assert bag(table.apply([update(inserts, deletes)], True)) == bag(keyed if key else plain)


@both
def test_several_updates_of_one_message_are_one(key: bool) -> None:
    table = cache(key=key)
    table.apply([rows(A), rows(A, B)], False)
    said = [update([A2], [A]), update([A2], [A]), update([], [B])]
    changes = table.apply(said, True)
    updated = [Change(A, A2)] if key else [Change(A, None), Change(None, A2)]
    assert bag(changes) == bag([*updated, Change(B, None)])
    assert list(table) == [A2]


@both
@pytest.mark.parametrize(
    ("held", "deletes"), [([], [A]), ([A], [A, A]), ([A, A, B], [A, A, A])], ids=str
)
def test_a_row_that_leaves_without_having_come(
    key: bool, held: list[Row], deletes: list[Row]
) -> None:
    table = cache(key=key)
    if held:
        table.apply([rows(*held)], False)
    with pytest.raises(RemoteProtocolError, match="that never came"):
        table.apply([update([], deletes)], True)


@both
def test_rows_of_another_type(key: bool) -> None:
    broken = TableRows("t", row_list([b"\x01\x02\x03"]), EMPTY)
    with pytest.raises(DecodeError):
        cache(key=key).apply([broken], True)


@both
def test_a_nan_is_no_change(key: bool) -> None:
    """Another query that matches the row brings it again: nothing has happened to it."""
    nan = CODEC.decode(b"\x01\x00" + struct.pack("<f", float("nan")))
    table = cache(key=key)
    assert len(table.apply([rows(nan)], True)) == 1
    assert table.apply([rows(nan)], True) == []
    assert table.apply([update([nan], [nan])], True) == []
    assert table.replace([rows(nan)], True) == []


@both
def test_event_rows_are_told_and_not_kept(key: bool) -> None:
    for table, said in (
        (cache(key=key), TableRows("t", row_list(CODEC.encode_rows([A, A])), None, True)),
        (cache(key=key, event=True), rows(A, A)),
    ):
        assert table.apply([said], True) == [Change(None, A)] * 2
        assert list(table) == []


def test_a_row_that_goes_and_comes_is_the_one_that_came() -> None:
    """Even if it is not the one that was held, which no honest server says."""
    table = cache(key=True)
    table.apply([rows(A)], True)
    assert table.apply([update([A2], [A2])], True) == [Change(A, A2)]
    assert list(table) == [A2]
    table.apply([update([A, B], [A])], False)
    assert sorted(table, key=lambda row: row.id) == [A, B]


# --- the fast path -------------------------------------------------------------------------------


class Plodding(TableCache):
    """The slow twin: it counts references, whatever comes."""

    def _apply_quickly(
        self, inserts: RowList | None, deletes: RowList | None, wanted: bool
    ) -> list[Change] | None:
        return None


@both
@given(
    messages=st.lists(
        st.tuples(st.lists(one_row, max_size=4), st.lists(one_row, max_size=4)), max_size=6
    ),
    wanted=st.booleans(),
    indexed=st.booleans(),
)
def test_the_fast_path_equals_the_slow_one(
    key: bool, messages: list[tuple[list[Row], list[Row]]], wanted: bool, indexed: bool
) -> None:
    """Whatever the messages: the same rows, counts, indexes and changes, or the same refusal."""
    fast, slow = cache(key=key), cache(key=key)
    slow.__class__ = Plodding
    if indexed:
        fast.index((1,))
        slow.index((1,))
    for come, gone in messages:
        said = update(come, gone)
        try:
            expected = slow.apply([said], wanted)
        except RemoteProtocolError:
            with pytest.raises(RemoteProtocolError):
                fast.apply([said], wanted)
            return
        assert bag(fast.apply([said], wanted)) == bag(expected)
        assert fast.rows == slow.rows
        assert fast._extra == slow._extra
        if indexed:
            for row in fast:
                found = fast.index((1,)).equal((row.group,))
                assert bag(found) == bag(slow.index((1,)).equal((row.group,)))


@both
def test_the_fast_path_is_taken(key: bool) -> None:
    """The negative control: else the test above would compare a path with itself."""

    def quick(said: TableRows, wanted: bool) -> bool:
        return table._apply_quickly(said.inserts, said.deletes, wanted) is not None

    table, other = cache(key=key), Row(200, 1, 1.0)
    assert quick(rows(A), True)
    assert quick(rows(B, other), False)
    assert not quick(rows(B), True)  # it is there already
    assert not quick(rows(B, other), False)
    assert quick(update([], [A, B]), False)
    assert not quick(rows(A, B), True)  # many, and somebody wants to hear of them
    assert quick(update([A], []), True)
    assert quick(update([], [A]), True)
    assert not quick(rows(A, A), False)


# --- looking things up ---------------------------------------------------------------------------

bound = st.none() | st.integers(0, 4)


@both
@given(
    held=st.lists(one_row, max_size=12, unique_by=lambda row: row.id),
    group=st.none() | st.integers(0, 3),
    ends=st.fixed_dictionaries({"ge": bound, "gt": bound, "le": bound, "lt": bound}),
)
def test_an_index_equals_a_scan(
    key: bool, held: list[Row], group: int | None, ends: dict[str, int | None]
) -> None:
    table = cache(key=key)
    table.apply([rows(*held)], False)
    index = table.index((1, 2))

    def within(value: float) -> bool:
        ge, gt, le, lt = (ends[name] for name in ("ge", "gt", "le", "lt"))
        return (
            (ge is None or value >= ge)
            and (gt is None or value > gt)
            and (le is None or value <= le)
            and (lt is None or value < lt)
        )

    prefix = () if group is None else (group,)
    found = list(index.filter(prefix, **ends))
    if group is None:
        assert Counter(found) == Counter(row for row in held if within(row.group))
    else:
        scan = [row for row in held if row.group == group and within(row.level)]
        assert Counter(found) == Counter(scan)
    order = [(row.group, row.level) for row in found]
    assert order == sorted(order)
    for row in held:
        whole = Counter(index.filter((row.group, row.level)))
        assert whole == Counter(x for x in held if (x.group, x.level) == (row.group, row.level))


def test_find_by_key_and_by_another_unique_column() -> None:
    table = cache(key=True)
    table.apply([rows(A, B)], False)
    assert table.find(0, 1) == A
    assert table.find(0, 9) is None
    assert table.find(1, 1) == B
    assert table.find(1, 9) is None


@pytest.mark.parametrize(
    ("prefix", "ends"), [((0, 1.0, 2), {}), ((0, 1.0), {"ge": 1})], ids=["too many", "no field"]
)
def test_what_an_index_cannot_do(prefix: tuple[Any, ...], ends: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="an index of 2 fields"):
        list(Index(("group", "level")).filter(prefix, **ends))


# --- after a reconnect ---------------------------------------------------------------------------


@both
@given(data=st.data())
def test_replacing_tells_the_difference(key: bool, data: st.DataObject) -> None:
    distinct = st.lists(one_row, max_size=6, unique_by=lambda row: row.id)
    before, after = data.draw(distinct), data.draw(distinct)
    twice = data.draw(st.booleans())
    table = cache(key=key)
    table.apply([rows(*before)], False)
    table.index((1, 2))
    said = [rows(*after)] * (2 if twice else 1)
    changes = table.replace(said, True)
    assert bag(changes) == expected(set(before), set(after), key)
    assert set(table) == set(after)
    assert Counter(table.index((1, 2)).filter(())) == Counter(after)
    for _ in said:  # the references are those of the snapshot
        table.apply([update([], after)], False)
    assert list(table) == []


@both
def test_replacing_for_nobody_replaces_all_the_same(key: bool) -> None:
    table = cache(key=key)
    table.apply([rows(A)], False)
    assert table.replace([rows(B)], False) == []
    assert list(table) == [B]
    assert table.replace([], True) == [Change(B, None)]


# --- rows without bytes --------------------------------------------------------------------------


class Nothing(msgspec.Struct, frozen=True):
    """A row of a table without columns, or of columns without bytes."""


def test_rows_without_bytes_are_rows() -> None:
    made = codecs.compile(t.Ref(0), t.Typespace((t.UNIT,)), {0: Nothing})
    held = TableCache(TableDef("t", "t", 0, public=True), (), made)
    one, two = row_list([b""]), row_list([b"", b""])
    assert held.apply([TableRows("t", one, EMPTY)], True) == [Change(None, Nothing())]
    assert held.apply([TableRows("t", two, EMPTY)], True) == []  # the same row, counted
    assert list(held) == [Nothing()]
    assert held.apply([TableRows("t", EMPTY, two)], True) == []
    assert held.apply([TableRows("t", EMPTY, one)], True) == [Change(Nothing(), None)]
    with pytest.raises(RemoteProtocolError, match="leaves that never came"):
        held.apply([TableRows("t", EMPTY, one)], True)


# --- indexes -------------------------------------------------------------------------------------


def test_an_index_over_what_has_no_order() -> None:
    """Members of an enum are found by equality, and all of them in some order."""
    index = Index(("group", "id"))
    colours = Enum("colours", ["RED", "BLUE"])  # type: ignore[misc]  # made here
    found = [Row(1, colours.RED, 0.0), Row(2, colours.BLUE, 0.0), Row(3, colours.RED, 0.0)]  # type: ignore[arg-type]  # any value
    for row in found:
        index.add(row)
    assert list(index.filter((colours.RED,))) == [found[0], found[2]]
    assert list(index.filter((colours.RED,), ge=2)) == [found[2]]
    assert list(index.filter(())) == found
