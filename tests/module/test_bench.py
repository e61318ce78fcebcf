"""The bench module's contract: others drive it too, so every name and type is fixed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.module import Module, load
from harness.server.database import Database, OutcomeKind
from harness.wire import types as t
from tests.server.databases import ALICE, START, call, open_database, rows


@pytest.fixture(scope="module")
def bench() -> Module:
    return load("harness.module.bench")


@pytest.fixture
def database(bench: Module) -> Iterator[Database]:
    opened = open_database(bench)
    yield opened
    opened.close()


ITEM = {
    "id": t.U64, "x": t.F32, "y": t.F32, "z": t.F32, "hp": t.I32, "alive": t.BOOL, "name": t.STRING,
}  # fmt: skip
COLUMNS: dict[str, dict[str, t.Type]] = {
    "item": ITEM,
    "account": {"id": t.U32, "balance": t.I64},
    "message": {"id": t.U64, "sender": t.IDENTITY, "sent": t.TIMESTAMP, "text": t.STRING},
}
PARAMETERS: dict[str, dict[str, t.Type]] = {
    "noop": {},
    "insert_item": ITEM,
    "insert_items": {"items": t.Array(t.Ref(0))},
    "update_item": ITEM,
    "delete_item": {"id": t.U64},
    "clear_items": {},
    "seed_accounts": {"count": t.U32, "balance": t.I64},
    "transfer": {"sender": t.U32, "receiver": t.U32, "amount": t.I64},
    "send_message": {"text": t.STRING},
    "reject": {"reason": t.STRING},
}


def test_tables(bench: Module) -> None:
    definition = bench.definition()
    found = {
        table.name: {x.name: x.type for x in definition.row_type(table).elements}
        for table in definition.tables
    }
    assert found == COLUMNS
    assert [list(columns) for columns in found.values()] == [list(x) for x in COLUMNS.values()]
    for table in definition.tables:
        assert table.public
        assert not table.event
        assert table.primary_key == 0
        assert table.accessor == table.name
        assert [unique.columns for unique in table.uniques] == [(0,)]
        assert [index.columns for index in table.indexes] == [(0,)]
        sequences = [sequence.column for sequence in table.sequences]
        assert sequences == ([0] if table.name == "message" else [])
    assert {x.name for x in definition.types} == {"Item", "Account", "Message"}


def test_reducers(bench: Module) -> None:
    definition = bench.definition()
    item = definition.table("item").row
    found = {x.name: {e.name: e.type for e in x.params.elements} for x in definition.reducers}
    wanted = {**PARAMETERS, "insert_items": {"items": t.Array(t.Ref(item))}}
    assert found == wanted
    assert [list(x) for x in found.values()] == [list(wanted[name]) for name in found]
    assert not any(x.private or x.lifecycle for x in definition.reducers)


def _item(id: int, **changes: Any) -> tuple[Any, ...]:
    row = {"id": id, "x": 0.5, "y": 1.5, "z": -2.0, "hp": -3, "alive": True, "name": "n", **changes}
    return tuple(row.values())


def _values(row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in row.__slots__)


def _ok(database: Database, reducer: str, *args: Any) -> None:
    outcome = call(database, reducer, *args)
    assert outcome.kind is OutcomeKind.COMMITTED, outcome.error


def _refused(database: Database, reducer: str, *args: Any) -> str:
    outcome = call(database, reducer, *args)
    assert outcome.kind is OutcomeKind.FAILED
    return outcome.error


def test_noop_does_nothing(database: Database) -> None:
    assert not call(database, "noop").changes


def test_items(database: Database, bench: Module) -> None:
    item_class = bench.tables[0].row
    _ok(database, "insert_item", *_item(2**64 - 1))
    _ok(
        database,
        "insert_items",
        [item_class(**dict(zip(ITEM, _item(i), strict=True))) for i in (1, 2)],
    )
    assert sorted(map(_values, rows(database, "item"))) == [_item(i) for i in (1, 2, 2**64 - 1)]
    _ok(database, "update_item", *_item(1, hp=9))
    assert _item(1, hp=9) in map(_values, rows(database, "item"))
    _ok(database, "delete_item", 2**64 - 1)
    assert database.count("item") == 2
    _ok(database, "clear_items")
    assert database.count("item") == 0


def test_what_items_refuse(database: Database) -> None:
    assert _refused(database, "delete_item", 7) == "no such item 7"
    assert _refused(database, "update_item", *_item(8)) == "no such item 8"
    _ok(database, "insert_item", *_item(1))
    _ok(database, "insert_item", *_item(1))  # the same row again is nothing
    assert "item" in _refused(database, "insert_item", *_item(1, hp=0))
    assert database.count("item") == 1


def _balances(database: Database) -> dict[int, int]:
    return {row.id: row.balance for row in rows(database, "account")}


def test_accounts(database: Database) -> None:
    _ok(database, "seed_accounts", 5, 100)
    _ok(database, "seed_accounts", 3, 10)
    assert _balances(database) == {0: 10, 1: 10, 2: 10}
    _ok(database, "transfer", 0, 2, 10)
    assert _balances(database) == {0: 0, 1: 10, 2: 20}
    _ok(database, "transfer", 1, 1, 10)
    assert _balances(database) == {0: 0, 1: 10, 2: 20}
    assert _refused(database, "transfer", 0, 1, 1) == "insufficient funds"
    assert _refused(database, "transfer", 9, 1, 1) == "no such account 9"
    assert _refused(database, "transfer", 1, 9, 1) == "no such account 9"
    assert _balances(database) == {0: 0, 1: 10, 2: 20}
    _ok(database, "seed_accounts", 0, 1)
    assert _balances(database) == {}


def test_messages(database: Database) -> None:
    _ok(database, "send_message", "hi")
    _ok(database, "send_message", "hi")
    assert _refused(database, "send_message", "") == "message must not be empty"
    found = sorted((x.id, x.sender, x.sent, x.text) for x in rows(database, "message"))
    assert found == [(1, ALICE, START, "hi"), (2, ALICE, START, "hi")]


@pytest.mark.parametrize("reason", ["", "no", "𝄞\0\n"])
def test_reject_says_what_it_is_told(database: Database, reason: str) -> None:
    assert _refused(database, "reject", reason) == reason
