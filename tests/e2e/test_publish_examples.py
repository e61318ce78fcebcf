"""The examples as a user runs them: published to the embedded server and to a real one, and used.

What compiles does the same on both, through the client that was generated for it; what does not is
what the embedded server has more. Each example's own client is run as well, and its words compared.
"""

from __future__ import annotations

import asyncio
import io
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from harness.client import Http, ReducerError, connect
from harness.client.rows import types_of
from harness.errors import CallError, QueryError
from harness.module import compiler, load
from harness.module.collecting import collect
from harness.module.examples.chat import client as chat_client
from harness.module.examples.chat import module_bindings as chat
from harness.module.examples.inventory import client as inventory_client
from harness.module.examples.inventory import module_bindings as inventory
from harness.module.examples.world import client as world_client
from harness.module.examples.world import module_bindings as world
from harness.targets.standalone import Standalone
from harness.wire import schema_json
from harness.wire.schema import ModuleDef
from harness.wire.values import Interval, TimeDuration
from tests.e2e import real
from tests.e2e.http_client import ask
from tests.e2e.publishing import Home, call, owner, put, rows
from tests.e2e.server import PATIENCE_S, ServerProcess

EXAMPLES = "harness.module.examples"


@dataclass(frozen=True)
class Place:
    """A server that has the examples. ``inventory`` is the database with the inventory's tables."""

    uri: str
    inventory: str

    def published(self, home: Home, *modules: str) -> Place:
        for module in modules:
            name = module.rpartition(".")[2]
            code, out, err = home.harness(
                "publish", name, "-m", f"{EXAMPLES}.{module}", "-s", self.uri
            )
            assert code == 0, err
            assert out.startswith(f"Created new database {name}, identity: c200")
        return self


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One user for all tests here."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        yield Home(folder)


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[ServerProcess]:
    with home.server() as found:
        yield found
        assert found.stop() == 0, found.errors()
        assert "Traceback" not in found.errors()


@pytest.fixture(scope="module")
def embedded(home: Home, server: ServerProcess) -> Place:
    return Place(server.http, "inventory").published(home, "chat", "world", "inventory")


@pytest.fixture(scope="module")
def standalone(home: Home) -> Iterator[Place]:
    with Standalone(real.server()) as found:
        yield Place(found.uri, "stock").published(home, "chat", "world", "inventory.stock")


@pytest.fixture(params=["embedded", pytest.param("standalone", marks=pytest.mark.real)])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def run(story: Any) -> None:
    asyncio.run(asyncio.wait_for(story, 2 * PATIENCE_S))


async def refused(pending: Any) -> str:
    """The module's own words."""
    with pytest.raises(ReducerError) as caught:
        await pending
    return str(caught.value)


# --- the chat ------------------------------------------------------------------------------------


def test_the_chat(place: Place) -> None:
    async def story() -> None:
        options: Any = {"check_schema": "strict"}
        async with (
            await chat.DbConnection.connect(place.uri, "chat", **options) as ada,
            await chat.DbConnection.connect(place.uri, "chat", **options) as bob,
        ):
            me = ada.identity
            await ada.subscribe(chat.query.user, chat.query.message.where(lambda m: m.sender == me))
            await bob.subscribe(chat.query.message)
            assert ada.db.user.identity.find(ada.identity) == chat.User(me, None, True)
            assert bob.identity in {user.identity for user in ada.db.user if user.online}
            heard: asyncio.Queue[chat.Message] = asyncio.Queue()
            changes: list[tuple[chat.User, chat.User]] = []
            bob.db.message.on_insert(lambda ctx, row: heard.put_nowait(row))
            ada.db.user.on_update(lambda ctx, old, new: changes.append((old, new)))

            await ada.reducers.set_name("  Ada ")
            assert changes == [(chat.User(me, None, True), chat.User(me, "Ada", True))]
            await ada.reducers.send_message("hello")
            (message,) = ada.db.message.iter()
            assert type(message) is chat.Message
            assert (message.sender, message.text) == (me, "hello")
            assert await heard.get() == message

            said = await refused(bob.reducers.take_back(message.id))
            assert said == "only who sent a message takes it back"
            assert await refused(bob.reducers.take_back(9_999)) == "there is no message 9999"
            await ada.reducers.take_back(message.id)
            assert ada.db.message.count() == 0
            for reducer, text, said in (
                (ada.reducers.set_name, " ", "a name must not be empty"),
                (ada.reducers.set_name, "x" * 33, "a name has at most 32 characters, not 33"),
                (ada.reducers.send_message, "", "a message must not be empty"),
                (ada.reducers.send_message, "é" * 2001,
                 "a message has at most 2000 characters, not 2001"),
            ):  # fmt: skip
                assert await refused(reducer(text)) == said
            gone = asyncio.Event()
            identity = bob.identity

            @ada.db.user.on_update
            def see(ctx: chat.EventContext, old: chat.User, new: chat.User) -> None:
                if new.identity == identity and old.online and not new.online:
                    gone.set()

            await bob.close()
            await gone.wait()

    run(story())


def test_only_the_clock_sweeps(place: Place) -> None:
    """The reducer of a schedule is private on ours, and refused by the module on a real one."""

    async def story() -> None:
        async with Http(place.uri) as http:
            schema = await http.schema("chat")
        row = types_of(schema).row_class(schema.table("broom"))
        broom = row(scheduled_id=1, scheduled_at=Interval(TimeDuration(60_000_000)))
        async with connect(place.uri, "chat") as client:
            with pytest.raises(CallError):
                await client.call("sweep", broom)

    run(story())


def counted(said: str) -> tuple[int, list[str]]:
    """How many messages there were when a client of the chat came, and its further lines."""
    first, *lines = said.splitlines()
    match = re.fullmatch(r"[1-9]\d* here; (\d+) messages so far", first)
    assert match is not None, first
    return int(match[1]), [line for line in lines if not re.fullmatch(r"\* \w{8} .*", line)]


def test_the_client_of_the_chat(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names and messages come back from the server; who comes later reads what was said."""
    where = ["--server", place.uri]
    assert chat_client.main([*where, "--name", "Ann", "--say", "good morning"]) == 0
    said = capsys.readouterr().out
    before, lines = counted(said)
    assert re.search(r"^\* [0-9a-f]{8} is now called Ann$", said, re.MULTILINE)
    history, own = lines[:before], lines[before:]
    assert own == ["Ann: good morning"]

    monkeypatch.setattr(sys, "stdin", ["one\n", "\n", "two"])
    assert chat_client.main([*where, "--name", "Bea"]) == 0
    found, lines = counted(capsys.readouterr().out)
    assert found == before + 1
    assert lines == [
        *history, "Ann: good morning", "Bea: one", "! a message must not be empty", "Bea: two",
    ]  # fmt: skip

    assert chat_client.main([*where, "--say", " "]) == 1
    assert capsys.readouterr().err == f"chat at {place.uri}: a message must not be empty\n"


# --- the world -----------------------------------------------------------------------------------

ZERO = world.Vector2(0.0, 0.0)


def test_the_world(place: Place) -> None:
    async def story() -> None:
        async with await world.DbConnection.connect(
            place.uri, "world", check_schema="strict"
        ) as conn:
            query, call = world.query, conn.reducers
            await conn.subscribe(
                query.body.where(lambda b: (b.level == 200) | (b.id == 7_003)), query.session,
                query.comet,
            )  # fmt: skip
            session = conn.db.session.connection.find(conn.connection_id)
            assert type(session) is world.Session
            assert session.player == conn.identity
            step = world.Vector2(1.5, -2.0)
            for id, level in ((7_001, 200), (7_002, 201), (7_003, 201)):
                await call.spawn(id, level, position=ZERO, velocity=step)
            assert {body.id for body in conn.db.body} == {7_001, 7_003}  # what was asked for
            changes: list[tuple[world.Body, world.Body]] = []
            conn.db.body.on_update(lambda ctx, old, new: changes.append((old, new)))
            force = world.Vector2(0.5, 0.0)
            await call.push([world.Push(7_001, force), world.Push(7_002, force)])
            old = world.Body(7_001, 200, ZERO, step, 0)
            new = world.Body(7_001, 200, ZERO, world.Vector2(2.0, -2.0), 0)
            assert changes == [(old, new)]
            changes.clear()
            await call.play(steps=2)
            assert {(type(b), type(a)) for b, a in changes} == {(world.Body, world.Body)}
            moved = conn.db.body.id.find(7_001)
            assert moved is not None
            assert moved.position == world.Vector2(4.0, -4.0)
            assert [body.id for body in conn.db.body.by_level.filter(200)] == [7_001]

            assert await refused(call.push([world.Push(9, force)])) == "none of 1 bodies is there"
            far = world.Vector2(float("nan"), 0.0)
            said = await refused(call.spawn(9, 0, position=far, velocity=ZERO))
            assert said.lower() == "nan is outside of the world"
            await conn.subscribe(query.account.where(lambda a: a.id == 70))
            await call.open_account(70, balance=5, note="by test")
            account = conn.db.account.id.find(70)
            assert account == world.Account(70, conn.identity, 5, 1, "by test")
            assert await refused(call.transfer(70, 71, 1)) == "there is no account 71"

            ticks: asyncio.Queue[tuple[world.Comet, world.Comet]] = asyncio.Queue()
            conn.db.comet.on_update(lambda ctx, old, new: ticks.put_nowait((old, new)))
            for _ in range(2):  # the schedule's, not ours
                before, after = await ticks.get()
                assert (type(before), type(after)) == (world.Comet, world.Comet)
                assert after.ticks == before.ticks + 1
                assert after.position != before.position

    run(story())


def test_the_client_of_the_world(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--server", place.uri, "--level", "9", "--body", "900"]
    assert world_client.main([*where, "--ticks", "2"]) == 0
    said = capsys.readouterr().out
    assert re.sub(r"tick \d+: comet \(.*\) -> \(.*\)", "tick", said).splitlines() == [
        "level 9 has 0 bodies",
        "refused, as it should be: 500.0 is outside of the world",
        "body 900: (0.0, 0.0) -> (0.0, 0.0)",
        "tick",
        "body 900: (0.0, 0.0) -> (25.0, -3.0)",
        "tick",
        "body 900: (25.0, -3.0) -> (50.0, -6.0)",
        "after 2 ticks body 900 is at (50.0, -6.0)",
    ]
    ticks = re.findall(r"tick (\d+): comet (\(.*\)) -> (\(.*\))", said)
    assert int(ticks[1][0]) == int(ticks[0][0]) + 1
    assert ticks[1][1] == ticks[0][2]  # where the comet was is where it had come to


# --- the inventory -------------------------------------------------------------------------------


def test_the_stock(place: Place) -> None:
    """What both servers have: the tables and the reducers."""

    async def story() -> None:
        async with await inventory.DbConnection.connect(
            place.uri, place.inventory, check_schema="off"
        ) as conn:
            call, query = conn.reducers, inventory.query
            here = query.stock.where(lambda s: (s.store == "east") | (s.store == "west"))
            await conn.subscribe(here, here.right_semijoin(
                query.product, lambda s, p: s.sku.joins(p.sku)
            ))  # fmt: skip
            changes: list[tuple[inventory.Stock, inventory.Stock]] = []
            conn.db.stock.on_update(lambda ctx, old, new: changes.append((old, new)))
            await call.define("hoe", "a hoe", price=2_500, least=4)
            await call.define("peg", "a peg", price=2, least=100)
            await call.receive("east", "hoe", 5)
            await call.receive("east", "hoe", 2)
            ((old, new),) = changes
            assert type(new) is inventory.Stock
            assert (old.pieces, new.pieces, new.id) == (5, 7, old.id)
            # The join has what is in stock, and no more.
            assert list(conn.db.product) == [inventory.Product("hoe", "a hoe", 2_500, 4)]
            await call.move("hoe", "east", "west", 3)
            await call.borrow("east", "hoe", 1)
            assert left(conn) == [("east", "hoe", 3), ("west", "hoe", 3)]
            assert [row.pieces for row in conn.db.stock.by_store.filter(("west", "hoe"))] == [3]
            for pending, said in (
                (call.receive("east", "gun", 1), "there is no product gun"),
                (call.receive("east", "hoe", 0), "nothing came in"),
                (call.receive("east", "peg", 2_000_000),
                 "east has no room for 2000000 of peg; 1000000 is the most"),
                (call.move("hoe", "west", "west", 1), "west has it already"),
                (call.move("hoe", "west", "east", 4), "west has 3 of hoe, not 4"),
                (call.borrow("east", "peg", 1), "east has 0 of peg, not 1"),
                (call.bring_back(9_999), "you have no loan 9999"),
                (call.define("", "x", 1, 1), "a product has a sku and a name"),
            ):  # fmt: skip
                assert await refused(pending) == said
            await call.move("hoe", "west", "east", 3)
            assert left(conn) == [("east", "hoe", 6)]

    run(story())


def left(conn: inventory.DbConnection) -> list[tuple[str, str, int]]:
    return sorted((row.store, row.sku, row.pieces) for row in conn.db.stock)


def test_the_views(embedded: Place, server: ServerProcess) -> None:
    async def story() -> None:
        query, uri = inventory.query, embedded.uri
        async with (
            await inventory.DbConnection.connect(uri, "inventory", check_schema="strict") as ada,
            await inventory.DbConnection.connect(uri, "inventory") as bob,
        ):
            call = ada.reducers
            await call.define("axe", "an axe", price=1_000, least=4)
            await call.define("pin", "a pin", price=2, least=100)
            await call.receive("isle", "axe", 8)
            for conn in (ada, bob):
                await conn.subscribe(
                    query.mine, query.runs_out.where(lambda r: r.store == "isle"),
                    query.most_wanted, query.dear,
                )  # fmt: skip
            with pytest.raises(QueryError):  # private: a holder sees its own loans and no others
                await ada.subscribe("SELECT * FROM loan")
            loans, others, short = told(ada.db.mine), told(bob.db.mine), told(ada.db.runs_out)
            for pieces in (2, 3, 1):
                await call.borrow("isle", "axe", pieces)
            assert {type(row) for row in ada.db.mine} == {inventory.Loan}
            assert sorted(row.pieces for row in ada.db.mine) == [1, 2, 3]
            assert [change for change, *_ in loans] == ["insert"] * 3
            first = loans[0][1]
            assert ada.db.mine.id.find(first.id) == first
            await call.bring_back(first.id)
            assert loans[3:] == [("delete", first)]
            # The view has a key, so its rows are updated.
            three, two = (inventory.Short("isle/axe", "isle", "an axe", n, 4) for n in (3, 2))
            assert short == [("insert", three), ("update", three, two), ("delete", two)]
            axe = inventory.Product("axe", "an axe", 1_000, 4)
            assert list(ada.db.most_wanted) == [axe]
            assert ada.db.dear.sku.find("axe") == axe
            assert ada.db.dear.sku.find("pin") is None
            prices = told(ada.db.dear)
            for price in (1_200, 999):  # the query's rows have the key of its table
                await call.define("axe", "an axe", price, least=4)
            dearer = inventory.Product("axe", "an axe", 1_200, 4)
            assert prices == [("update", axe, dearer), ("delete", dearer)]
            await call.define("axe", "an axe", 1_000, least=4)

            ask = ada.procedures
            assert await ask.look_for("axe", "isle") == inventory.AvailabilityHere(
                inventory.Here(4)
            )
            assert await ask.look_for("axe", "mainland") == inventory.AvailabilityElsewhere(
                inventory.Elsewhere(["isle"])
            )
            assert await ask.look_for("pin", "isle") == inventory.AvailabilityNowhere()
            assert await ask.worth("isle") == inventory.Worth("isle", 1, 4 * 1_000)
            await call.receive("isle", "pin", 7)
            assert ada.db.runs_out.id.find("isle/pin") is not None
            await ada.subscribe(query.stock.where(lambda s: s.store == "isle"))
            assert await ask.fill_up("isle") == 1
            # The procedure's transactions have come before its value.
            assert left(ada) == [("isle", "axe", 4), ("isle", "pin", 200)]
            assert ada.db.runs_out.count() == 0
            await bob.reducers.borrow("isle", "axe", 1)  # and by then bob has been told of all
            assert [(change, row.pieces) for change, row in others] == [("insert", 1)]

    run(story())
    assert rows(server, "inventory", "SELECT sku FROM most_wanted") == [["axe"]]
    assert rows(server, "inventory", "SELECT * FROM mine") == []  # the owner holds nothing


def told(table: Any) -> list[tuple[Any, ...]]:
    """What the table's callbacks say from now on."""
    seen: list[tuple[Any, ...]] = []
    table.on_insert(lambda ctx, row: seen.append(("insert", row)))
    table.on_update(lambda ctx, old, new: seen.append(("update", old, new)))
    table.on_delete(lambda ctx, row: seen.append(("delete", row)))
    return seen


def test_the_inventory_over_http(embedded: Place, server: ServerProcess) -> None:
    for reducer, *args in (
        ("define", "cap", "a cap", 3, 10), ("receive", "stall", "cap", 7), ("open_store", "stall"),
    ):  # fmt: skip
        assert call(server, "inventory", reducer, *args).status == 200
    assert call(server, "inventory", "open_store", "stall").text == "there is a store stall"
    answer = call(server, "inventory", "worth", "stall")
    assert (answer.status, answer.json) == (200, ["stall", 1, 21])
    assert answer.headers["content-type"] == "application/json"
    assert call(server, "inventory", "worth", 7).status == 400
    assert call(server, "inventory", "worth", "nowhere").json == ["nowhere", 0, 0]
    assert call(server, "inventory", "worths", "x").status == 404
    assert call(server, "inventory", "look_for", "cap", "stall").json == [0, [7]]
    assert call(server, "inventory", "look_for", "cup", "stall").text == "there is no product cup"
    assert call(server, "inventory", "fill_up", "stall").json == 1
    log = ask(server, "GET", "/v1/database/inventory/logs", None, owner(server)).text
    assert "stall: filled up 1 products" in log


TABLES = """\
shop: 3 of saw
shop: 3 -> 5 of saw
shop: 50 of nail
refused, as it should be: shop has 5 of saw, not 1000
shop has 50 of a nail, 100 cents
shop has 5 of a saw, 12500 cents
"""
VIEWS = """\
shop: 5 -> 3 of saw
I have 2 of saw from shop
shop runs out of a saw: 3 of 4
shop: 3 -> 2 of saw
I have 1 of saw from shop
shop runs out of a saw: 3 -> 2 of 4
shop: 2 -> 4 of saw
shop has enough of a saw
there are 4 here
try shop
shop: 2 products, worth 10100 cents
shop: 50 -> 200 of nail
shop has enough of a nail
shop: 1 products were filled up
"""


def test_the_client_of_the_inventory(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """On servers without views it goes without them."""
    where = ["--server", place.uri, "--database", place.inventory, "--store", "shop"]
    assert inventory_client.main(where) == 0
    more = VIEWS if place.inventory == "inventory" else "no views here: that is all\n"
    assert capsys.readouterr().out == TABLES + more


# --- the clients as programs ---------------------------------------------------------------------

CLIENTS = {"chat": chat_client, "world": world_client, "inventory": inventory_client}


@pytest.mark.parametrize("example", CLIENTS)
def test_a_client_says_what_is_wrong_in_a_sentence(
    example: str, embedded: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    main = CLIENTS[example].main
    assert main(["--server", embedded.uri, "--database", "nothing"]) == 1
    assert main(["--server", "no server"]) == 1
    missing, wrong = capsys.readouterr().err.splitlines()
    assert missing.startswith(f"nothing at {embedded.uri}: ")
    assert missing.endswith("status 404: `nothing` not found")
    assert wrong == f"{example} at no server: 'no server' is not a server: write http://HOST:PORT"
    with pytest.raises(SystemExit) as usage:
        main(["--nonsense"])
    assert usage.value.code == 2
    with pytest.raises(SystemExit) as helped:
        main(["--help"])
    assert helped.value.code == 0
    said = capsys.readouterr().out
    assert f"usage: python -m {EXAMPLES}.{example}.client " in said
    assert "Exit codes: 0 " in said


def test_a_client_is_a_program(embedded: Place) -> None:
    command = [sys.executable, "-m", f"{EXAMPLES}.chat.client", "--server", embedded.uri]
    done = subprocess.run(
        command, input="typed\n", capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"[0-9a-f]{8}: typed", done.stdout.splitlines()[-1])


class Saying(io.StringIO):
    """Standard output that does something, once, when a line of a kind is printed."""

    def __init__(self, beginning: str, then: Callable[[], object]) -> None:
        super().__init__()
        self._beginning, self._then = beginning, [then]

    def write(self, text: str) -> int:
        if text.startswith(self._beginning) and self._then:
            self._then.pop()()
        return super().write(text)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_control_c_ends_a_client(embedded: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it waits for keys, for a tick, for an answer: exit code 130 and no traceback."""

    def typed() -> Iterator[str]:
        yield "one"
        interrupt()

    monkeypatch.setattr(sys, "stdin", typed())
    assert chat_client.main(["--server", embedded.uri]) == 130
    monkeypatch.setattr(sys, "stdout", Saying("tick", interrupt))
    assert world_client.main(["--server", embedded.uri, "--ticks", "1000000"]) == 130
    monkeypatch.setattr(sys, "stdout", Saying("quay: ", interrupt))
    assert inventory_client.main(["--server", embedded.uri, "--store", "quay"]) == 130


def test_a_client_ends_with_its_database(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It does not wait for what cannot come any more."""

    def delete() -> None:
        assert ask(server, "DELETE", "/v1/database/gone", None, owner(server)).status == 200

    where = ["--server", server.http, "--database", "gone"]
    assert put(server, "gone", collect(f"{EXAMPLES}.world")).status == 200
    monkeypatch.setattr(sys, "stdout", Saying("tick", delete))
    assert world_client.main([*where, "--ticks", "1000000"]) == 1

    heard = threading.Event()

    def typed() -> Iterator[str]:
        delete()
        assert heard.wait(PATIENCE_S)
        yield "into the void"

    assert put(server, "gone", collect(f"{EXAMPLES}.chat")).status == 200
    monkeypatch.setattr(sys, "stdin", typed())
    monkeypatch.setattr(sys, "stdout", Saying("* nothing more will come: ", heard.set))
    assert chat_client.main(where) == 1
    ends = capsys.readouterr().err.splitlines()
    assert len(ends) == 2
    assert all(line.startswith(f"gone at {server.http}: ") for line in ends), ends


# --- what they declare, by every way -------------------------------------------------------------


@pytest.mark.parametrize("module", ["chat", "world", "inventory"])
def test_a_server_says_what_the_module_says(
    module: str, embedded: Place, server: ServerProcess
) -> None:
    """So code generated from either is the same."""
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
def test_a_real_server_says_it_too(module: str, standalone: Place) -> None:
    built = compiler.build(load(f"{EXAMPLES}.{module}")).definition
    ours = schema_json.from_json(schema_json.to_v9(built))

    async def theirs() -> ModuleDef:
        async with Http(standalone.uri) as http:
            return await http.schema(module.rpartition(".")[2])

    assert by_name(asyncio.run(theirs())) == by_name(ours)
