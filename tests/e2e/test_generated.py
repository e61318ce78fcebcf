"""A generated client against live servers: typed rows, updates, refusals; three ways to drive it.

The chat runs on the embedded server over each protocol, and compiled on a real one.
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.client import (
    Deleted,
    Err,
    Inserted,
    Ok,
    ReducerError,
    ReducerEvent,
    SchemaWarning,
    SubscribeApplied,
    Transaction,
    Updated,
)
from harness.errors import (
    CallTimeout,
    ConnectError,
    ConnectionLost,
    LocalProtocolError,
    QueryError,
    SchemaError,
)
from harness.module import compiler, load
from harness.targets.standalone import Standalone
from tests.e2e import real
from tests.e2e.server import PATIENCE_S, ServerProcess
from tests.gen import schemas


@dataclass(frozen=True)
class Place:
    uri: str
    database: str
    protocol: str


@pytest.fixture(scope="module")
def bindings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("bindings")
    with schemas.imported(schemas.made(schemas.chat()), folder) as made:
        yield made


@pytest.fixture(scope="module")
def embedded() -> Iterator[ServerProcess]:
    with ServerProcess([str(schemas.HERE / "chat.py"), "--in-memory"]) as process:
        yield process
        assert process.alive(), process.errors()


@pytest.fixture(scope="module")
def standalone() -> Iterator[Standalone]:
    wasm = compiler.build(load(schemas.HERE / "chat.py")).wasm
    with Standalone(real.server(), wasm=wasm) as server:
        yield server


@pytest.fixture(
    params=["v3", "v2", "v1", pytest.param("real", marks=pytest.mark.real)],
)
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "real":
        server = request.getfixturevalue("standalone")
        return Place(server.uri, "bench", "v1")
    return Place(request.getfixturevalue("embedded").http, "chat", request.param)


@pytest.fixture
def local(embedded: ServerProcess) -> Place:
    return Place(embedded.http, "chat", "v3")


def connect(bindings: ModuleType, place: Place, **options: Any) -> Any:
    found = {"check_schema": "strict", **options}
    return bindings.DbConnection.connect(
        place.uri, place.database, protocols=(place.protocol,), **found
    )


def run(story: Any) -> None:
    asyncio.run(asyncio.wait_for(story, 2 * PATIENCE_S))


def test_rows_updates_events_and_refusals_are_typed(bindings: ModuleType, place: Place) -> None:
    async def story() -> None:
        query, told = bindings.query, []
        async with connect(bindings, place) as ann, await connect(bindings, place) as bob:
            handle = await ann.subscribe(query.user.where(lambda u: u.online), query.message)
            assert handle.is_active
            await bob.subscribe_to_all_tables()
            me = ann.db.user.identity.find(ann.identity)
            assert me == bindings.User(identity=ann.identity, name=None, online=True)
            assert me in ann.db.user
            assert type(me) is bindings.User

            @ann.db.user.on_update
            def changed(ctx: Any, old: Any, new: Any) -> None:
                told.append((old.name, new.name, ctx.event, ctx.db is ann.db))

            heard: asyncio.Queue[Any] = asyncio.Queue()
            bob.db.message.on_insert(lambda ctx, row: heard.put_nowait((row, ctx.event)))
            await ann.reducers.set_name("Ann")
            ((before, after, event, same),) = told
            assert (before, after, same) == (None, "Ann", True)
            assert isinstance(event, ReducerEvent)
            assert event.reducer == bindings.reducers.SetName("Ann")
            with pytest.raises(ReducerError, match="Names must not be empty"):
                await ann.reducers.set_name(name="")
            assert ann.db.user.identity.find(ann.identity).name == "Ann"
            await ann.reducers.send_message(text="hello")
            row, event = await heard.get()
            assert (row.sender, row.text, event) == (ann.identity, "hello", Transaction())
            assert type(row) is bindings.Message
            with pytest.raises(QueryError):
                await ann.subscribe("SELECT * FROM nothing")
            assert ann.is_active
            await handle.unsubscribe()
            assert handle.is_ended
            assert (ann.db.user.count(), len(ann.db.message)) == (0, 0)
        assert not ann.is_active

    run(story())


def test_changes_as_a_stream(bindings: ModuleType, place: Place) -> None:
    async def story() -> None:
        async with connect(bindings, place) as conn:
            changes = conn.db.user.changes()
            handle = await conn.subscribe(
                bindings.query.user.where(lambda u: u.identity == conn.identity)
            )
            await conn.reducers.set_name("Eve")
            await handle.unsubscribe()
            found = [await anext(changes) for _ in range(3)]
            old = bindings.User(conn.identity, None, True)
            new = bindings.User(conn.identity, "Eve", True)
            assert found == [Inserted(old), Updated(old, new), Deleted(new)]
        with pytest.raises(StopAsyncIteration):
            await anext(changes)

    run(story())


def test_a_thread_of_its_own(bindings: ModuleType, place: Place) -> None:
    threads, told = set(), []
    with bindings.DbConnection.connect_sync(
        place.uri, place.database, protocols=(place.protocol,), check_schema="strict"
    ) as conn:
        conn.db.message.on_insert(lambda ctx, row: threads.add(threading.get_ident()))
        handle = conn.subscribe(bindings.query.message).result(PATIENCE_S)
        conn.reducers.send_message("one").result(PATIENCE_S)
        conn.reducers.send_message("").then(told.append)
        conn.reducers.send_message("two").then(told.append).result(PATIENCE_S)
        assert [type(x) for x in told] == [Err, Ok]
        assert str(told[0].value) == "Messages must not be empty"
        with pytest.raises(ReducerError):
            conn.reducers.send_message("").result(PATIENCE_S)
        assert {"one", "two"} <= {row.text for row in list(conn.db.message)}
        assert conn.run(conn.db.message.count) >= 2
        assert threads == {next(iter(threads))} != {threading.get_ident()}
        wrong: list[BaseException] = []

        def waits(ctx: Any, row: Any) -> None:
            try:
                conn.reducers.send_message("never").result(1)
            except LocalProtocolError as error:
                wrong.append(error)

        conn.db.message.on_insert(waits)
        conn.reducers.send_message("three").result(PATIENCE_S)
        handle.unsubscribe().result(PATIENCE_S)
        assert "waiting here would keep the answer from coming" in str(wrong[0])
        conn.disconnect()  # the end of `with` does it again
    assert not conn.is_active
    with pytest.raises(LocalProtocolError):
        conn.reducers.send_message("gone")


def test_frames(bindings: ModuleType, local: Place) -> None:
    """Rows change and callbacks run in ``frame_tick`` alone, in the thread that calls it."""
    told: list[Any] = []
    conn = (
        bindings.DbConnection.builder()
        .with_uri(local.uri)
        .with_database_name(local.database)
        .with_compression("gzip")
        .with_light_mode(False)
        .with_strict_schema()
        .on_connect(lambda conn, identity, token: told.append(("connected", identity, bool(token))))
        .on_disconnect(lambda conn, error: told.append(("gone", error)))
        .build()
    )
    conn.db.message.on_insert(lambda ctx, row: told.append((row.text, threading.get_ident())))
    with pytest.raises(LocalProtocolError, match="there is no connection"):
        conn.reducers.send_message("early")
    conn.frame_tick()
    assert told == [("connected", conn.identity, True)]
    applied: list[Any] = []
    conn.subscription_builder().on_applied(lambda ctx: applied.append(ctx.event)).subscribe(
        bindings.query.message
    )
    while not applied:
        conn.frame_tick()
    assert applied == [SubscribeApplied()]
    told.clear()
    call = conn.reducers.send_message("frame")
    assert not told
    while not call.done():
        conn.frame_tick()
    assert told == [("frame", threading.get_ident())]
    conn.disconnect()
    assert told[-1] == ("gone", None)


def test_the_builder_drives_asyncio_too(bindings: ModuleType, local: Place) -> None:
    async def story() -> None:
        builder = bindings.DbConnection.builder().with_uri(local.uri)
        conn = builder.with_database_name(local.database).build()
        conn.db.user.on_insert(lambda ctx, row: conn.disconnect())
        running = asyncio.ensure_future(conn.run_async())
        while not conn.is_active:
            await asyncio.sleep(0)
        conn.subscribe(bindings.query.user)
        await running

    run(story())


def test_errors_of_subscriptions_have_their_callback(bindings: ModuleType, local: Place) -> None:
    async def story() -> None:
        told: list[Any] = []
        async with connect(bindings, local) as conn:
            builder = conn.subscription_builder().on_error(
                lambda ctx, e: told.append((ctx.event, e))
            )
            handle = builder.subscribe("SELECT * FROM nothing")
            with pytest.raises(QueryError):
                await handle
            ((event, error),) = told
            assert event.message == str(error)
            assert isinstance(error, QueryError)

    run(story())


def test_a_lost_connection_fails_what_waits(bindings: ModuleType) -> None:
    async def story() -> None:
        ends: list[Any] = []
        with ServerProcess([str(schemas.HERE / "chat.py"), "--in-memory"]) as server:
            place = Place(server.http, "chat", "v3")
            conn = await connect(bindings, place, on_disconnect=lambda c, e: ends.append(e))
            changes = conn.db.user.changes()
            call = conn.reducers.send_message("never")
            server.kill()
            with pytest.raises(ConnectionLost):
                await call
            await conn.wait_closed()
        assert [type(x) for x in ends] == [ConnectionLost]
        with pytest.raises(StopAsyncIteration):
            await anext(changes)

    run(story())


def test_time_limits(bindings: ModuleType, local: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that does not come in time is a ``CallTimeout``; the connection goes on."""

    async def story() -> None:
        async with connect(bindings, local) as conn:
            with monkeypatch.context() as patch:
                patch.setattr(conn.client, "_flush_soon", lambda: None)  # nothing leaves
                call = conn.reducers.with_options(timeout=0.01).send_message("late")
                with pytest.raises(CallTimeout, match="no answer within 0"):
                    await call
            await conn.reducers.send_message("in time")

    run(story())


def test_another_database_is_noticed(bindings: ModuleType, local: Place, tmp_path: Path) -> None:
    with schemas.imported(schemas.made(schemas.bench()), tmp_path) as bench:

        async def strict() -> None:
            with pytest.raises(SchemaError) as caught:
                await connect(bench, local)
            said = str(caught.value)
            assert "the database 'chat' is not what this code was generated for" in said
            assert "table 'account' is gone" in said
            assert "run `harness generate` again" in said

        async def warned() -> None:
            with pytest.warns(SchemaWarning, match="table 'account' is gone"):
                async with connect(bench, local, check_schema="warn") as conn:
                    assert conn.is_active

        async def silent() -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                async with connect(bench, local, check_schema="off"):
                    pass

        for story in (strict, warned, silent):
            run(story())


def test_there_may_be_no_server(bindings: ModuleType) -> None:
    async def story() -> None:
        told: list[Any] = []
        builder = bindings.DbConnection.builder().on_connect_error(told.append)
        with pytest.raises(ConnectError):
            await builder.with_uri("http://127.0.0.1:1").with_database_name("x").connect()
        assert [type(x) for x in told] == [ConnectError]

    run(story())
    with pytest.raises(ConnectError):
        bindings.DbConnection.connect_sync("http://127.0.0.1:1", "x")
    with pytest.raises(LocalProtocolError, match="needs with_uri"):
        bindings.DbConnection.builder().build()


def test_names_that_are_not_there(bindings: ModuleType, local: Place) -> None:
    async def story() -> None:
        async with connect(bindings, local) as conn:
            for wrong, said in (
                (lambda: conn.db.usr, "no table 'usr'; did you mean 'user'"),
                (lambda: conn.db.user.identty, "did you mean 'identity'"),
                (lambda: conn.reducers.set_nam, "no reducer 'set_nam'; did you mean 'set_name'"),
                (lambda: conn.subscrib, "did you mean 'subscribe"),
            ):
                with pytest.raises(AttributeError, match=said):
                    wrong()

    run(story())


def test_the_worked_example_runs(
    bindings: ModuleType, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the documentation has it: decorators, a match over reducers, sorting by time."""

    async def main() -> None:
        r = bindings.reducers

        def describe(call: Any) -> str:
            match call:
                case r.SendMessage(text=text):
                    return f"said {text!r}"
                case r.SetName(name=name):
                    return f"became {name!r}"
            raise AssertionError(call)

        async with await connect(bindings, place) as conn:

            @conn.db.message.on_insert
            async def _print(ctx: Any, message: Any) -> None:
                match ctx.event:
                    case ReducerEvent(reducer=call):
                        print(describe(call))

            await conn.subscribe(
                bindings.query.user.where(lambda u: u.online), bindings.query.message
            )
            await conn.reducers.send_message(text="hello there")
            texts = [m.text for m in sorted(conn.db.message, key=lambda m: m.sent)]
            assert texts[-1] == "hello there"
            await asyncio.sleep(0)

    run(main())
    assert capsys.readouterr().out == "said 'hello there'\n"
