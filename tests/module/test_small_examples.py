"""The chat and the inventory: what they do natively, and that compiled they do the same."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from harness.errors import ReducerError, SqlError
from harness.module import Module, load
from harness.server.testing import TestDatabase
from harness.wire.values import ConnectionId
from tests.module.differential.agree import ALICE, BOB, Call, Caller, agree

HERE = ConnectionId.from_int(7)
SENDERS = (ALICE, BOB)


@pytest.fixture(scope="module")
def chat() -> Module:
    return load("harness.module.examples.chat")


@pytest.fixture(scope="module")
def stock() -> Module:
    return load("harness.module.examples.inventory.stock")


def chat_calls(module: Module, seed: int, count: int) -> list[Call]:
    """Seeded calls that make sense more often than not, visitors included."""
    rng, caller = random.Random(seed), Caller(module)
    made: list[Call] = []
    for _ in range(count):
        sender = rng.choice(SENDERS)
        match rng.randrange(6):
            case 0:
                kind = rng.choice(("connect", "disconnect"))
                made.append(Call(kind, sender=sender, connection_id=HERE, hook=True))
            case 1:
                name = rng.choice(("Ada", "  Bob ", "", " ", "ü" * 32, "x" * 33))
                made.append(caller("set_name", name, sender=sender))
            case 2:
                made.append(caller("take_back", rng.randrange(1, 20), sender=sender))
            case _:
                text = rng.choice(("hello", "", "\t", "größer 🎲", "y" * 2_001))
                made.append(caller("send_message", text, sender=sender))
    return made


def stock_calls(module: Module, seed: int, count: int) -> list[Call]:
    rng, caller = random.Random(seed), Caller(module)

    def sku() -> str:
        return rng.choice(("saw", "nail", "glue", "gun"))

    def store() -> str:
        return rng.choice(("north", "south"))

    draws: list[tuple[str, Any]] = [
        ("define", lambda: (rng.choice(("saw", "nail", "glue", "")), "it", rng.randrange(99), 5)),
        ("receive", lambda: (store(), sku(), rng.choice((0, 1, 9, 40, 999_999)))),
        ("move", lambda: (sku(), store(), store(), rng.randrange(0, 30))),
        ("borrow", lambda: (store(), sku(), rng.randrange(0, 9))),
        ("bring_back", lambda: (rng.randrange(1, 60),)),
    ]
    picked = (draws[rng.randrange(len(draws))] for _ in range(count))
    return [caller(name, *draw(), sender=rng.choice(SENDERS)) for name, draw in picked]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_chat_does_the_same_natively_and_compiled(chat: Module, seed: int) -> None:
    seen = agree(chat, chat_calls(chat, seed, 400), rows_every=100)
    kinds = Counter(each.kind for each in seen)
    assert kinds["committed"] > 80
    assert kinds["failed"] > 80
    assert len({each.text for each in seen}) >= 6


@pytest.mark.parametrize("seed", [1, 2])
def test_the_stock_does_the_same_natively_and_compiled(stock: Module, seed: int) -> None:
    seen = agree(stock, stock_calls(stock, seed, 600), rows_every=150)
    kinds = Counter(each.kind for each in seen)
    assert kinds["committed"] > 100
    assert kinds["failed"] > 100
    assert len({each.text for each in seen}) >= 10


def test_old_messages_are_swept(chat: Module) -> None:
    with TestDatabase(chat) as db:
        for minute in range(12):
            db.call("send_message", str(minute), sender=ALICE)
            db.advance(60.0)
        # Those of the last ten minutes are there; the sweeps said what they took.
        assert [row.text for row in db.table("message").by_time.filter()] == [
            str(minute) for minute in range(2, 12)
        ]
        assert db.log == ["swept 1 messages"] * 2


@pytest.fixture
def shop() -> Any:
    with TestDatabase(load("harness.module.examples.inventory")) as db:
        db.call("define", "saw", "a saw", 2_500, 4)
        db.call("define", "nail", "a nail", 2, 100)
        db.call("receive", "north", "saw", 6)
        db.call("receive", "north", "nail", 50)
        yield db


def test_each_sees_what_it_holds_itself(shop: TestDatabase) -> None:
    shop.call("borrow", "north", "saw", 1, sender=ALICE)
    shop.call("borrow", "north", "saw", 2, sender=BOB)
    assert [(row.sku, row.pieces) for row in shop.view("mine", sender=ALICE)] == [("saw", 1)]
    assert [(row.sku, row.pieces) for row in shop.view("mine", sender=BOB)] == [("saw", 2)]


def test_what_runs_out(shop: TestDatabase) -> None:
    assert [row.id for row in shop.view("runs_out")] == ["north/nail"]
    shop.call("borrow", "north", "saw", 3)
    assert [(row.id, row.pieces, row.least) for row in shop.view("runs_out")] == [
        ("north/saw", 3, 4), ("north/nail", 50, 100),
    ]  # fmt: skip
    assert shop.procedure("fill_up", "north") == 2
    assert shop.view("runs_out") == []
    assert shop.procedure("worth", "north").cents == 8 * 2_500 + 200 * 2
    assert shop.procedure("fill_up", "south") == 0


def test_what_is_most_wanted(shop: TestDatabase) -> None:
    assert shop.view("most_wanted") == []
    shop.call("borrow", "north", "nail", 2)
    shop.call("borrow", "north", "saw", 2)
    assert [row.sku for row in shop.view("most_wanted")] == ["nail"]  # the first by name
    shop.call("borrow", "north", "saw", 1)
    assert [row.sku for row in shop.view("most_wanted")] == ["saw"]


def test_what_is_dear(shop: TestDatabase) -> None:
    assert [row.sku for row in shop.view("dear")] == ["saw"]
    shop.call("define", "saw", "a saw", 999, 4)
    assert shop.view("dear") == []


def test_it_refuses(shop: TestDatabase) -> None:
    shop.call("open_store", "north")
    with pytest.raises(ReducerError, match="there is a store north"):
        shop.call("open_store", "north")
    with pytest.raises(SqlError, match="there is no view 'loans'"):
        shop.view("loans")
