"""What the bench module's reducers leave in the tables, to the ends of their types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.errors import InternalError, ReducerError
from harness.module import Identity, load
from harness.server.testing import START, TestDatabase
from harness.wire.values import Timestamp

ALICE = Identity.from_int(0xA11CE)


@pytest.fixture(scope="module")
def bench() -> Any:
    return load("harness.module.bench")


@pytest.fixture
def db(bench: Any) -> Iterator[TestDatabase]:
    with TestDatabase(bench) as opened:
        yield opened


def item(id_: int, hp: int = 100, name: str = "sword") -> tuple[Any, ...]:
    return (id_, 1.0, -2.5, 0.0, hp, True, name)


def items(db: TestDatabase) -> dict[int, tuple[Any, ...]]:
    return {
        row.id: (row.id, row.x, row.y, row.z, row.hp, row.alive, row.name)
        for row in db.table("item").iter()
    }


def balances(db: TestDatabase) -> dict[int, int]:
    return {row.id: row.balance for row in db.table("account").iter()}


def test_items_come_change_and_go(db: TestDatabase, bench: Any) -> None:
    row_class = bench.tables[0].row
    fields = ("id", "x", "y", "z", "hp", "alive", "name")
    many = [row_class(**dict(zip(fields, item(i), strict=True))) for i in range(2, 5)]
    db.call("insert_item", *item(1))
    assert len(db.call("insert_items", many)["item"].inserts) == 3
    assert items(db) == {i: item(i) for i in range(1, 5)}
    changes = db.call("update_item", *item(2, hp=-7, name=""))["item"]
    assert (len(changes.inserts), len(changes.deletes)) == (1, 1)
    db.call("delete_item", 3)
    assert items(db) == {1: item(1), 2: item(2, hp=-7, name=""), 4: item(4)}
    assert len(db.call("clear_items")["item"].deletes) == 3
    assert db.call("clear_items") == {}
    assert items(db) == {}


@pytest.mark.parametrize("id_", [0, 2**63, 2**64 - 1])
def test_ids_use_all_64_bits(db: TestDatabase, id_: int) -> None:
    db.call("insert_item", *item(id_))
    db.call("update_item", *item(id_, hp=1))
    assert items(db) == {id_: item(id_, hp=1)}
    db.call("delete_item", id_)
    assert items(db) == {}


def test_a_batch_with_a_taken_id_changes_nothing(db: TestDatabase, bench: Any) -> None:
    row = bench.tables[0].row
    batch = [row(id=i, x=0.0, y=0.0, z=0.0, hp=1, alive=True, name="") for i in (7, 8, 1)]
    db.call("insert_item", *item(1))
    with pytest.raises(ReducerError, match="a row of item has id 1 already"):
        db.call("insert_items", batch)
    assert items(db) == {1: item(1)}


@pytest.mark.parametrize(
    ("reducer", "args", "text"),
    [
        ("update_item", item(9), "no such item 9"),
        ("delete_item", (9,), "no such item 9"),
        ("transfer", (9, 0, 1), "no such account 9"),
        ("transfer", (0, 9, 1), "no such account 9"),
        ("transfer", (8, 9, 1), "no such account 8"),
        ("transfer", (0, 1, 101), "insufficient funds"),
        ("send_message", ("",), "message must not be empty"),
        ("reject", ("any words: '\"ä\0",), "any words: '\"ä\0"),
        ("reject", ("",), ""),
    ],
)
def test_errors_in_their_words(
    db: TestDatabase, reducer: str, args: tuple[Any, ...], text: str
) -> None:
    db.call("seed_accounts", 2, 100)
    with pytest.raises(ReducerError) as caught:
        db.call(reducer, *args)
    assert str(caught.value) == text
    assert balances(db) == {0: 100, 1: 100}
    assert items(db) == {}
    assert db.table("message").count() == 0


def test_seeding_replaces_all_accounts(db: TestDatabase) -> None:
    db.call("seed_accounts", 3, 5)
    assert balances(db) == {0: 5, 1: 5, 2: 5}
    changes = db.call("seed_accounts", 2, 5)["account"]
    assert (len(changes.inserts), len(changes.deletes)) == (0, 1), "the net of it"
    db.call("seed_accounts", 1, -1)
    assert balances(db) == {0: -1}
    db.call("seed_accounts", 0, 5)
    assert balances(db) == {}


def test_transfers_keep_the_sum(db: TestDatabase) -> None:
    db.call("seed_accounts", 3, 100)
    db.call("transfer", 0, 1, 100)
    db.call("transfer", 1, 2, 50)
    assert balances(db) == {0: 0, 1: 150, 2: 150}
    assert db.call("transfer", 1, 1, 10) == {}, "to oneself: nothing changes"
    assert sum(balances(db).values()) == 300


def test_messages_have_sender_time_and_number(db: TestDatabase) -> None:
    db.call("send_message", "first", sender=ALICE)
    db.advance(1.5)
    db.call("send_message", "second", sender=ALICE)
    rows = sorted(db.table("message").iter(), key=lambda row: row.id)
    assert [(row.id, row.text, row.sender) for row in rows] == [
        (1, "first", ALICE), (2, "second", ALICE),
    ]  # fmt: skip
    assert [row.sent for row in rows] == [START, Timestamp(START.micros + 1_500_000)]


@pytest.mark.parametrize(
    ("reducer", "args"),
    [("insert_item", (1,)), ("delete_item", (-1,)), ("delete_item", ("x",)), ("no_such", ())],
)
def test_what_is_no_call(db: TestDatabase, reducer: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(InternalError, match=r"no such reducer|invalid arguments"):
        db.call(reducer, *args)
