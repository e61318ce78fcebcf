"""The examples as a user runs them: published to the embedded server and to a real one, and used.

What compiles does the same on both; what does not is what the embedded server has more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.client import Client, Http, connect
from harness.client.tables import TableHandle
from harness.errors import CallError
from harness.module import compiler, load
from harness.targets.standalone import Standalone
from harness.wire import schema_json
from harness.wire.schema import ModuleDef
from tests.e2e import real
from tests.e2e.http_client import ask
from tests.e2e.publishing import Home, call, home, owner, put, rows
from tests.e2e.server import ServerProcess

__all__ = ["home"]

EXAMPLES = "harness.module.examples"


@pytest.fixture
def server(home: Home) -> Iterator[ServerProcess]:
    with home.server() as found:
        yield found
        assert found.stop() == 0, found.errors()


@pytest.fixture(scope="module")
def standalone() -> Iterator[Standalone]:
    with Standalone(real.server()) as found:
        yield found


def publish(home: Home, uri: str, name: str, module: str) -> None:
    code, out, err = home.harness("publish", name, "-m", f"{EXAMPLES}.{module}", "-s", uri)
    assert code == 0, err
    assert out.startswith(f"Created new database {name}, identity: c200")


def told(table: TableHandle) -> list[str]:
    """What the table's callbacks say from now on."""
    seen: list[str] = []
    table.on_insert(lambda context, row: seen.append(f"+{row}"))
    table.on_update(lambda context, old, new: seen.append(f"{old} -> {new}"))
    table.on_delete(lambda context, row: seen.append(f"-{row}"))
    return seen


async def refused(client: Client, reducer: str, *args: Any) -> str:
    with pytest.raises(CallError) as caught:  # protocol v1 does not say whose text it is
        await client.call(reducer, *args)
    return str(caught.value)


# --- the chat ------------------------------------------------------------------------------------


async def chat(uri: str) -> None:
    async with connect(uri, "chat") as ada, connect(uri, "chat") as bob:
        await ada.subscribe("SELECT * FROM user", "SELECT * FROM message")
        await bob.subscribe("SELECT * FROM message")
        online = {row.identity for row in ada.db.user.iter() if row.online}
        assert {ada.identity, bob.identity} <= online
        heard: list[str] = []
        came = asyncio.Event()

        @bob.db.message.on_insert
        def hear(context: Any, row: Any) -> None:
            heard.append(row.text)
            came.set()

        await ada.call("set_name", "  Ada ")
        assert ada.db.user.identity.find(ada.identity).name == "Ada"
        await ada.call("send_message", "hello")
        await asyncio.wait_for(came.wait(), 20)
        assert heard == ["hello"]
        (message,) = ada.db.message.iter()
        assert (message.sender, message.text) == (ada.identity, "hello")
        assert (
            await refused(bob, "take_back", message.id) == "only who sent a message takes it back"
        )
        assert await refused(bob, "take_back", 99) == "there is no message 99"
        await ada.call("take_back", message.id)
        assert ada.db.message.count() == 0
        for reducer, text, said in (
            ("set_name", " ", "a name must not be empty"),
            ("set_name", "x" * 33, "a name has at most 32 characters, not 33"),
            ("send_message", "", "a message must not be empty"),
            ("send_message", "é" * 2001, "a message has at most 2000 characters, not 2001"),
        ):
            assert await refused(ada, reducer, text) == said
        (broom,) = await _broom(uri)
        with pytest.raises(CallError):  # private here, and refused by the module on a real one
            await ada.call("sweep", broom)
        gone = asyncio.Event()
        identity = bob.identity

        @ada.db.user.on_update
        def see(context: Any, old: Any, new: Any) -> None:
            if new.identity == identity and not new.online:
                gone.set()

        await bob.close()
        await asyncio.wait_for(gone.wait(), 20)


async def _broom(uri: str) -> list[Any]:
    async with Http(uri) as http:
        schema = await http.schema("chat")
    from harness.client.rows import types_of
    from harness.wire.values import Interval, TimeDuration

    row = types_of(schema).row_class(schema.table("broom"))
    return [row(scheduled_id=1, scheduled_at=Interval(TimeDuration(60_000_000)))]


def test_the_chat_on_the_embedded_server(home: Home, server: ServerProcess) -> None:
    publish(home, server.http, "chat", "chat")
    asyncio.run(chat(server.http))


@pytest.mark.real
def test_the_chat_on_a_real_server(home: Home, standalone: Standalone) -> None:
    publish(home, standalone.uri, "chat", "chat")
    asyncio.run(chat(standalone.uri))


# --- the inventory -------------------------------------------------------------------------------


async def stock(uri: str, database: str) -> None:
    """What both servers have: the tables and the reducers."""
    async with connect(uri, database) as client:
        await client.subscribe("SELECT * FROM product", "SELECT * FROM stock")
        await client.call("define", "saw", "a saw", 2_500, 4)
        await client.call("define", "nail", "a nail", 2, 100)
        await client.call("receive", "north", "saw", 5)
        await client.call("receive", "north", "saw", 2)
        await client.call("move", "saw", "north", "south", 3)
        await client.call("borrow", "north", "saw", 1)
        left = sorted((row.store, row.sku, row.pieces) for row in client.db.stock.iter())
        assert left == [("north", "saw", 3), ("south", "saw", 3)]
        for reducer, args, said in (
            ("receive", ("north", "gun", 1), "there is no product gun"),
            ("receive", ("north", "saw", 0), "nothing came in"),
            ("receive", ("north", "nail", 2_000_000),
             "north has no room for 2000000 of nail; 1000000 is the most"),
            ("move", ("saw", "south", "south", 1), "south has it already"),
            ("move", ("saw", "south", "north", 4), "south has 3 of saw, not 4"),
            ("borrow", ("north", "nail", 1), "north has 0 of nail, not 1"),
            ("bring_back", (7,), "you have no loan 7"),
            ("define", ("", "x", 1, 1), "a product has a sku and a name"),
        ):  # fmt: skip
            assert await refused(client, reducer, *args) == said
        await client.call("bring_back", 1)
        await client.call("move", "saw", "south", "north", 3)
        left = sorted((row.store, row.sku, row.pieces) for row in client.db.stock.iter())
        assert left == [("north", "saw", 7)]


async def views(uri: str) -> None:
    async with Http(uri) as http:  # V9, which clients take by themselves, has no keys of views
        schema = await http.schema("inventory", version=10)
    connected = [connect(uri, "inventory", schema=schema) for _ in range(2)]
    async with connected[0] as ada, connected[1] as bob:
        for client in (ada, bob):
            await client.subscribe(
                "SELECT * FROM mine", "SELECT * FROM runs_out", "SELECT * FROM most_wanted"
            )
        with pytest.raises(CallError):  # private: a holder sees its own loans and no others
            await ada.subscribe("SELECT * FROM loan")
        loans, others, short = told(ada.db.mine), told(bob.db.mine), told(ada.db.runs_out)
        await ada.call("borrow", "north", "saw", 2)
        await ada.call("borrow", "north", "saw", 3)
        assert [row.pieces for row in ada.db.mine.iter()] == [2, 3]
        assert len(loans) == 2
        assert [(row.id, row.pieces) for row in ada.db.runs_out.iter()] == [("north/saw", 2)]
        await ada.call("receive", "north", "saw", 1)
        # The view has a key, so its rows are updated.
        assert len(short) == 2
        assert "pieces=2" in short[1].partition(" -> ")[0]
        assert "pieces=3" in short[1].partition(" -> ")[2]
        assert [row.sku for row in ada.db.most_wanted.iter()] == ["saw"]
        first = next(ada.db.mine.iter()).id
        await ada.call("bring_back", first)
        assert len(loans) == 3
        await bob.call("borrow", "north", "saw", 1)  # and by then bob has been told all of before
        assert [row.pieces for row in bob.db.mine.iter()] == [1]
        assert len(others) == 1

        found = await ada.procedures.worth("north")
        assert (found.store, found.products, found.cents) == ("north", 1, 4 * 2_500)
        await ada.call("receive", "north", "nail", 7)
        await ada.subscribe("SELECT * FROM stock WHERE store = 'north'")
        assert await ada.procedures.fill_up("north") == 1
        # The procedure's transactions have come before its value.
        assert {row.sku: row.pieces for row in ada.db.stock.iter()} == {"saw": 4, "nail": 200}
        assert ada.db.runs_out.count() == 0


def test_the_inventory_on_the_embedded_server(home: Home, server: ServerProcess) -> None:
    publish(home, server.http, "inventory", "inventory")
    asyncio.run(stock(server.http, "inventory"))
    asyncio.run(views(server.http))
    answer = call(server, "inventory", "worth", "north")
    assert (answer.status, answer.json) == (200, ["north", 2, 10_400])
    assert answer.headers["content-type"] == "application/json"
    assert call(server, "inventory", "worth", 7).status == 400
    assert call(server, "inventory", "worth", "nowhere").json == ["nowhere", 0, 0]
    assert call(server, "inventory", "worths", "x").status == 404
    assert call(server, "inventory", "open_store", "north").status == 200
    assert call(server, "inventory", "open_store", "north").text == "there is a store north"
    assert rows(server, "inventory", "SELECT * FROM mine") == []  # the owner holds nothing
    assert rows(server, "inventory", "SELECT sku FROM most_wanted") == [["saw"]]
    schema = ask(server, "GET", "/v1/database/inventory/schema?version=10").json
    sections = {
        name: payload for section in schema["sections"] for name, payload in section.items()
    }
    assert [view["source_name"] for view in sections["Views"]] == [
        "mine",
        "runs_out",
        "most_wanted",
    ]
    log = ask(server, "GET", "/v1/database/inventory/logs", None, owner(server)).text
    assert "north: filled up 1 products" in log


@pytest.mark.real
def test_the_stock_on_a_real_server(home: Home, standalone: Standalone) -> None:
    publish(home, standalone.uri, "stock", "inventory.stock")
    asyncio.run(stock(standalone.uri, "stock"))


# --- what they declare, by every way -------------------------------------------------------------


@pytest.mark.parametrize("module", ["chat", "world", "inventory"])
def test_a_server_says_what_the_module_says(module: str, home: Home, server: ServerProcess) -> None:
    """So code generated from either is the same."""
    publish(home, server.http, module, module)
    definition = load(f"{EXAMPLES}.{module}").definition()
    base = f"/v1/database/{module}/schema?version="
    assert ask(server, "GET", f"{base}9").json == schema_json.to_v9(definition)
    assert ask(server, "GET", f"{base}10").json == schema_json.to_v10(definition)
    assert ask(server, "GET", f"{base}11").status == 400


def by_name(module: ModuleDef) -> ModuleDef:
    """With all that real servers sort in their order."""

    def ordered(found: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(sorted(found, key=lambda x: x.name))

    tables = (
        replace(x, indexes=ordered(x.indexes), uniques=ordered(x.uniques)) for x in module.tables
    )
    return replace(module, tables=ordered(tables), types=ordered(module.types))


@pytest.mark.real
@pytest.mark.parametrize("module", ["chat", "world", "inventory.stock"])
def test_a_real_server_says_it_too(module: str, home: Home, standalone: Standalone) -> None:
    name = f"says-{module.replace('.', '-')}"
    publish(home, standalone.uri, name, module)
    built = compiler.build(load(f"{EXAMPLES}.{module}")).definition
    ours = schema_json.from_json(schema_json.to_v9(built))

    async def theirs() -> ModuleDef:
        async with Http(standalone.uri) as http:
            return await http.schema(name)

    assert by_name(asyncio.run(theirs())) == by_name(ours)


# --- procedures that wait ------------------------------------------------------------------------

WAITING = """
import asyncio
from harness.module import ProcedureContext, ReducerContext, auto_inc, procedure, reducer, table
from harness.module import u32

@table(public=True)
class Thing:
    id: u32 = auto_inc(primary_key=True)

@reducer
def add(ctx: ReducerContext) -> None:
    ctx.db[Thing].insert(Thing())

@procedure
async def until(ctx: ProcedureContext, things: u32) -> u32:
    while True:
        with ctx.tx() as tx:
            count = tx.db[Thing].count()
        if count >= things:
            return count
        await asyncio.sleep(0.01)

@procedure
async def for_ever(ctx: ProcedureContext) -> u32:
    await asyncio.sleep(1e6)
    return 1

@procedure
def loops(ctx: ProcedureContext) -> u32:
    with ctx.tx() as tx:
        tx.db[Thing].insert(Thing())
    while True:
        pass
"""


def test_others_are_served_while_a_procedure_waits(home: Home, server: ServerProcess) -> None:
    async def story() -> None:
        async with connect(server.http, "waiting") as client:
            waiting = [asyncio.ensure_future(client.procedures.until(n)) for n in (1, 2)]
            over_http = asyncio.create_task(asyncio.to_thread(call, server, "waiting", "until", 2))
            never = asyncio.ensure_future(client.procedures.for_ever())
            await client.call("add")
            assert await waiting[0] >= 1
            assert not waiting[1].done()
            await client.call("add")
            assert await waiting[1] == 2
            assert (await over_http).json == 2
            # An update ends none that only waits, and the server stops in spite of it.
            module = home.write("waiting.py", f"{WAITING}\n")
            assert (await asyncio.to_thread(put, server, "waiting", module)).status == 200
            assert not never.done()
            never.cancel()

    assert put(server, "waiting", home.write("waiting.py", WAITING)).status == 200
    asyncio.run(story())


@pytest.mark.slow
def test_a_procedure_without_end(home: Home, server: ServerProcess) -> None:
    """As for a reducer, ten seconds are enough; its first transaction stays."""
    put(server, "waiting", home.write("waiting.py", WAITING))
    answer = call(server, "waiting", "loops")
    assert (answer.status, answer.text) == (530, "The instance encountered a fatal error.")
    assert rows(server, "waiting", "SELECT * FROM thing") == [[1]]
