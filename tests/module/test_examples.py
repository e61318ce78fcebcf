"""The example modules: what they do natively, and that they do the same when compiled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from harness.errors import InternalError, ReducerError
from harness.module import Module, load
from harness.server.testing import DATABASE, START, TestDatabase
from harness.wire.values import ConnectionId
from tests.module.differential.agree import ALICE, BOB, Call, Compiled, Seen, agree
from tests.module.differential.world_calls import Player

CALLS = 10_000


@pytest.fixture(scope="module")
def module() -> Module:
    return load("harness.module.examples.world")


@pytest.fixture
def world(module: Module) -> Iterator[TestDatabase]:
    with TestDatabase(module) as database:
        yield database


# --- what it does --------------------------------------------------------------------------------


def test_a_transfer_is_in_both_histories(world: TestDatabase) -> None:
    world.call("open_account", 1, 100, None, sender=ALICE)
    world.call("open_account", 2, 0, "empty", sender=BOB)
    world.call("transfer", 1, 2, 30)
    history = [
        (entry.account, entry.seq, entry.amount, entry.balance, entry.text)
        for account in (1, 2)
        for entry in world.table("entry").by_account.filter(account)
    ]
    assert history == [
        (1, 1, 100, 100, "opened"),
        (1, 2, -30, 70, "to 2"),
        (2, 1, 0, 0, "opened"),
        (2, 2, 30, 30, "from 1"),
    ]
    world.call("audit", 1)
    world.call("forget", 1, 2)
    first = next(world.table("entry").by_account.filter(1))
    assert (first.seq, first.amount, first.text) == (0, 100, "1 entry")


REFUSED = [
    ("transfer", (1, 9, 5), "there is no account 9"),
    ("transfer", (1, 2, 500), "account 1 lacks 400 of 500"),
    ("transfer", (1, 2, 0), "an amount is positive, not 0"),
    ("open_account", (1, 5, None), "account 1 is taken"),
    ("forget", (2, 1), "account 2 has no entry before 1"),
    ("push", ([],), "none of 0 bodies is there"),
    ("throw", (1, 0), "dice have sides"),
]


@pytest.mark.parametrize(("reducer", "args", "text"), REFUSED)
def test_refusals(world: TestDatabase, reducer: str, args: tuple[object, ...], text: str) -> None:
    world.call("open_account", 1, 100, None)
    world.call("open_account", 2, 0, None)
    with pytest.raises(ReducerError, match=text):
        world.call(reducer, *args)


def test_a_balance_has_a_limit(world: TestDatabase) -> None:
    world.call("open_account", 1, 10**9, None)
    world.call("open_account", 2, 10**9, None)
    with pytest.raises(InternalError, match="AssertionError: the balance of 2 would be 1000000001"):
        world.call("transfer", 1, 2, 1)
    assert [account.balance for account in world.table("account").iter()] == [10**9] * 2


def test_sessions_come_and_go(world: TestDatabase) -> None:
    connection = ConnectionId.from_int(7)
    world.connect(ALICE, connection)
    assert [session.player for session in world.table("session").iter()] == [ALICE]
    world.disconnect(ALICE, connection)
    assert world.table("session").count() == 0


def test_the_comet_moves_with_the_clock_only(world: TestDatabase) -> None:
    ticker = next(world.table("ticker").iter())
    with pytest.raises(ReducerError, match="only the clock ticks"):
        world.call("tick", ticker)
    world.advance(2.05)
    comet = world.table("comet").id.find(0)
    assert comet.ticks == 20
    assert 95 < (comet.position.x**2 + comet.position.y**2) ** 0.5 < 105


# --- natively and compiled -----------------------------------------------------------------------


def world_calls(module: Module, count: int) -> list[Call]:
    """Seeded calls with visitors that come and go in between."""
    made: list[Call] = []
    for place, call in enumerate(Player(module, seed=3).calls(count)):
        if place % 100 == 0:
            connection = ConnectionId.from_int(place // 200 + 1)
            name = "disconnect" if place % 200 else "connect"
            made.append(Call(name, sender=ALICE, connection_id=connection, hook=True))
        made.append(call)
    return made


def assert_varied(seen: list[Seen]) -> None:
    """The calls exercise the module: each way to succeed and to fail is taken often."""
    kinds = Counter(each.kind for each in seen)
    assert kinds["committed"] > len(seen) * 0.4
    assert kinds["failed"] > len(seen) * 0.1
    assert len({each.text for each in seen}) > len(seen) / 100
    assert any("took" in message for each in seen for _, message in each.log)
    assert any(each.panic for each in seen)


@pytest.mark.parametrize("count", [2_000, pytest.param(CALLS, marks=pytest.mark.slow)])
def test_calls_give_the_same_natively_and_compiled(module: Module, count: int) -> None:
    calls = world_calls(module, count)
    assert_varied(agree(module, calls, rows_every=500))


def test_ticks_give_the_same_natively_and_compiled(module: Module) -> None:
    """The schedule's call is an ordinary one, with the database as its sender."""
    compiled = Compiled(module)
    assert compiled.start().kind == "committed"
    (ticker,) = compiled.rows("ticker")
    with TestDatabase(module) as database:
        assert database.database.all_rows("ticker") == [ticker]
        database.advance(2.05)
        ticks = database.table("comet").id.find(0).ticks
        for _ in range(ticks):
            call = Call("tick", ticker, sender=DATABASE)
            assert compiled.run(call, database.now).kind == "committed"
        assert compiled.rows("comet") == database.database.all_rows("comet")
    refused = compiled.run(Call("tick", ticker, sender=ALICE), START)
    assert refused.text == "only the clock ticks"
