"""Procedures: their values, their transactions, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import InternalError, ReducerError
from harness.module import Module, ProcedureContext, ReducerContext, column, u32
from harness.server.database import interrupt
from harness.server.engine import GUARD, ReducerTimeout
from harness.server.hub import Hub
from harness.server.outcome import CRASH
from harness.server.procedures import LIMIT, Returned
from harness.server.testing import TestDatabase
from harness.wire import codec as codecs
from harness.wire import v1, v2
from tests.server.databases import ALICE, CONNECTION, open_database
from tests.server.peers import NOW, PeerV1, PeerV2
from tests.server.shop import Kind, Total, shop


def shop_hub() -> Hub:
    return Hub("shop", open_database(shop()), clock=lambda: NOW)


def encoded(hub: Hub, procedure: str, *args: Any) -> bytes:
    found = hub.database.procedure(procedure)
    assert found is not None
    return found.arguments.encode(args)


def ask(hub: Hub, procedure: str, *args: Any) -> Any:
    """Its value, or the text of what went wrong."""
    ended: list[Returned] = []
    data = encoded(hub, procedure, *args)
    hub.call_procedure(procedure, data, ALICE, CONNECTION, ended.append)
    (returned,) = ended
    found = hub.database.procedure(procedure)
    assert found is not None
    return returned.error if returned.value is None else found.returns.decode(returned.value)


def test_a_value_and_a_transaction() -> None:
    hub = shop_hub()
    assert ask(hub, "stock_up", Kind.tool, [3, 4]) == [1, 2]
    assert hub.database.count("item") == 2
    assert hub.transactions == 1
    assert ask(hub, "nothing") == ()
    assert ask(hub, "stock_up", Kind.food, []) == "nothing to eat"


def test_each_transaction_stands_for_itself() -> None:
    hub = shop_hub()
    assert ask(hub, "two_steps", False) == 2
    assert ask(hub, "two_steps", True) == "the second one failed"
    assert hub.database.count("item") == 3, "the first of the two is there"


def test_over_v2_the_changes_come_before_the_value() -> None:
    hub = shop_hub()
    client = PeerV2(hub, 1, identity=ALICE)
    client.ask(v2.Subscribe(1, 1, ["SELECT * FROM item"]))
    data = encoded(hub, "stock_up", Kind.tool, [3])
    update, result = client.ask(v2.CallProcedure(5, 0, "stock_up", data))
    assert len(client.sets(update)[1][0][1]) == 1
    assert (result.request_id, result.status) == (5, v2.Returned(b"\1\0\0\0" + b"\1" + bytes(7)))
    assert result.timestamp.micros == NOW
    failed, unknown, wrong = client.ask(
        v2.CallProcedure(6, 0, "stock_up", encoded(hub, "stock_up", Kind.food, [])),
        v2.CallProcedure(7, 0, "stock_down", b""),
        v2.CallProcedure(8, 0, "stock_up", b"\7"),
    )
    assert failed.status == v2.ProcedureInternalError("nothing to eat")
    assert unknown.status == v2.ProcedureInternalError("no such procedure: 'stock_down'")
    assert "invalid arguments for procedure stock_up: " in wrong.status.error
    assert [x.timestamp.micros for x in (failed, unknown, wrong)] == [0, 0, 0]


def test_over_v1() -> None:
    hub = shop_hub()
    client = PeerV1(hub, 1, identity=ALICE)
    client.received()
    data = encoded(hub, "two_steps", False)
    (result,) = client.ask(v1.CallProcedure("two_steps", data, 9, 0))
    assert (result.request_id, result.status) == (9, v1.Returned(b"\2" + bytes(7)))


def test_a_reducer_of_another_name_and_a_procedure_of_none() -> None:
    hub = shop_hub()
    client = PeerV2(hub, 1, identity=ALICE)
    client.received()
    (result,) = client.ask(v2.CallReducer(1, 0, "two_steps", b"\0"))
    assert "no such reducer" in str(result.result)


# --- how they end --------------------------------------------------------------------------------


def playing() -> tuple[Module, Callable[..., str]]:
    """A module with a procedure that runs a closure; and how to call it."""
    module = Module("playing")
    scripts: list[Callable[[ProcedureContext], Any]] = []

    @module.table(public=True)
    class Thing:
        id: u32 = column(primary_key=True)

    @module.reducer
    def put(ctx: ReducerContext, id: u32) -> None:
        ctx.db.thing.insert(Thing(id=id))

    @module.procedure
    def play(ctx: ProcedureContext) -> u32:
        return scripts.pop()(ctx)  # type: ignore[no-any-return]  # whatever the closure gives

    def run(hub: Hub, script: Callable[[ProcedureContext, type[Any]], Any]) -> str:
        scripts.append(lambda ctx: script(ctx, Thing))
        return str(ask(hub, "play"))

    return module, run


def _raise(error: BaseException) -> Any:
    raise error


def _nested(ctx: ProcedureContext, thing: Any) -> Any:
    with ctx.tx() as outer:
        outer.db.thing.insert(thing(id=1))
        return ctx.with_tx(lambda inner: inner.db.thing.insert(thing(id=2)).id)


def _left_open(ctx: ProcedureContext, thing: Any) -> Any:
    ctx.tx().__enter__().db.thing.insert(thing(id=1))
    return 1


def _goes_on(ctx: ProcedureContext, thing: Any) -> Any:
    try:
        interrupt("too long")
    except ReducerTimeout:
        pass
    return ctx.with_tx(lambda tx: tx.db.thing.insert(thing(id=1)).id)


def _after_the_end(ctx: ProcedureContext, thing: Any) -> Any:
    with ctx.tx() as tx:
        pass
    tx.db.thing.insert(thing(id=1))
    return 1


ENDS: dict[str, tuple[Callable[[ProcedureContext, Any], Any], str, str]] = {
    "crash": (lambda ctx, thing: 1 // 0, CRASH, "ZeroDivisionError"),
    "exit": (lambda ctx, thing: _raise(SystemExit(3)), CRASH, "SystemExit"),
    "refusal": (lambda ctx, thing: _raise(ReducerError("no")), "no", ""),
    "a value of another type": (lambda ctx, thing: "one", CRASH, "EncodeError"),
    "a value that does not fit": (lambda ctx, thing: -1, CRASH, "EncodeError"),
    "tables without a transaction": (
        lambda ctx, thing: ctx.db, CRASH, "a procedure reaches tables in a transaction",
    ),
    "one transaction in another": (_nested, CRASH, "they do not stand in each other"),
    "a time-out that it swallows": (_goes_on, CRASH, "ReducerTimeout: too long"),
    "a transaction left open": (_left_open, CRASH, "outside of a transaction"),
    "a transaction used after its end": (_after_the_end, CRASH, "outside of a transaction"),
}  # fmt: skip


@pytest.mark.parametrize("how", ENDS)
def test_what_goes_wrong_leaves_nothing(how: str) -> None:
    module, run = playing()
    hub = Hub("playing", open_database(module), clock=lambda: NOW)
    script, said, logged = ENDS[how]
    assert run(hub, script) == said
    if logged:
        assert logged in list(hub.database.logs)[-1].message
    assert hub.database.count("thing") == 0
    assert (
        run(hub, lambda ctx, thing: ctx.with_tx(lambda tx: tx.db.thing.insert(thing(id=7)).id))
        == "7"
    )
    hub.end_tick()
    assert hub.database.count("thing") == 1


def test_a_database_that_was_replaced_meanwhile() -> None:
    module, run = playing()
    hub = Hub("playing", open_database(module), clock=lambda: NOW)
    before = hub.database

    def script(ctx: ProcedureContext, thing: Any) -> Any:
        hub.adopt(before.succeed(module, program=""))
        return ctx.with_tx(lambda tx: tx.db.thing.count())

    assert run(hub, script) == CRASH
    assert "was updated or deleted while the procedure ran" in list(before.logs)[-1].message


# --- async ---------------------------------------------------------------------------------------


def test_in_a_test_of_the_module() -> None:
    with TestDatabase(shop()) as db:
        assert db.procedure("stock_up", Kind.tool, [1], sender=ALICE) == [1]
        assert db.procedure("slowly", 3) == Total(kind=Kind.food, pieces=3)
        assert db.table("item").count() == 4
        with pytest.raises(ReducerError, match="nothing to eat"):
            db.procedure("stock_up", Kind.food, [])
        with pytest.raises(InternalError, match="no such procedure: 'x'"):
            db.procedure("x")


def waiting(body: Callable[[ProcedureContext, Any], Any]) -> Module:
    module = Module("waiting")

    @module.table(public=True)
    class Thing:
        id: u32 = column(primary_key=True)

    @module.procedure
    async def play(ctx: ProcedureContext) -> u32:
        return await body(ctx, Thing)  # type: ignore[no-any-return]  # whatever the closure gives

    return module


async def _waits_inside(ctx: ProcedureContext, thing: Any) -> Any:
    with ctx.tx() as tx:
        tx.db.thing.insert(thing(id=1))
        await asyncio.sleep(0)
    return 1


async def _goes_on_after_it(ctx: ProcedureContext, thing: Any) -> Any:
    try:
        await _waits_inside(ctx, thing)
    except InternalError:
        pass
    return ctx.with_tx(lambda tx: tx.db.thing.count())


async def _goes_on_too_long(ctx: ProcedureContext, thing: Any) -> Any:
    await asyncio.sleep(0)
    try:
        interrupt("too long")
    except ReducerTimeout:
        return 1


async def _exits(ctx: ProcedureContext, thing: Any) -> Any:
    await asyncio.sleep(0)
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("body", "said"),
    [(_waits_inside, "may not wait inside of a transaction"),
     (_exits, "the procedure raised SystemExit"), (_goes_on_too_long, "too long")],
)  # fmt: skip
def test_what_an_async_one_may_not(body: Any, said: str) -> None:
    with TestDatabase(waiting(body)) as db:
        with pytest.raises(InternalError, match=said):
            db.procedure("play")
        assert db.table("thing").count() == 0


def test_what_came_late_elsewhere_is_nothing_to_it() -> None:
    """A reducer's time-out between the last step and the end."""
    hub = Hub("waiting", open_database(waiting(_goes_on_after_it)), clock=lambda: NOW)
    ended: list[Returned] = []

    def spawn(steps: Any, limit_s: float, then: Any) -> None:
        value = None
        while True:
            try:
                steps.send(None)
            except StopIteration as stopped:
                value = stopped.value
                break
        GUARD.late = "somebody else's"
        then(value, None)

    hub.procedures.spawn = spawn
    try:
        hub.call_procedure("play", b"", ALICE, CONNECTION, ended.append)
    finally:
        GUARD.late = None
    assert [returned.error for returned in ended] == [""]


def test_an_async_one_may_go_on_after_it() -> None:
    with TestDatabase(waiting(_goes_on_after_it)) as db:
        assert db.procedure("play") == 0


def test_so_many_wait_and_no_more() -> None:
    hub = Hub("waiting", open_database(waiting(_exits)), clock=lambda: NOW)
    held: list[Any] = []
    hub.procedures.spawn = lambda steps, limit_s, then: held.append((steps, then))
    ended: list[Returned] = []
    for _ in range(LIMIT + 1):
        hub.call_procedure("play", b"", ALICE, CONNECTION, ended.append)
    assert [returned.error for returned in ended] == [
        f"{LIMIT} procedures are under way; try again"
    ]
    for steps, then in held:
        steps.close()
        then(7, None)
    assert [x.value for x in ended[1:]] == [codecs.compile(_u32()).encode(7)] * LIMIT
    hub.call_procedure("play", b"", ALICE, CONNECTION, ended.append)
    assert len(held) == LIMIT + 1
    held[-1][0].close()


def _u32() -> Any:
    from harness.wire import types as t

    return t.U32
