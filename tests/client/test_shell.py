"""The asyncio shell against a server that does what it is told, also what no server should do."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from harness.client import Backoff, Client
from harness.errors import (
    CallTimeout,
    ConnectError,
    ConnectionLost,
    EncodeError,
    InternalError,
    LocalProtocolError,
    QueryError,
    ReducerError,
)
from harness.protocol import SUBPROTOCOLS
from harness.wire import v2
from harness.wire.values import Err, Ok
from tests.client.scripted import (
    SQL,
    Peer,
    Scripted,
    applied,
    attach,
    change,
    ended,
    result,
    returned,
    rows,
    run,
    until_gone,
    update,
)
from tests.e2e.peer import BINARY, CONTINUATION, frame


async def greeting(peer: Peer) -> None:
    await peer.greet()
    await peer.gone()


# --- coming about --------------------------------------------------------------------------------


def test_the_handshake_offers_everything_and_shows_the_token_in_a_header() -> None:
    async def story() -> None:
        async with Scripted(greeting) as server:
            client = await attach(server, token="mine", confirmed=False, compression="Gzip")
            assert (client.protocol, client.token, client.is_connected) == ("v3", "mine", True)
            await client.close()
            [request] = server.requests
            offer = request.headers["Sec-WebSocket-Protocol"]
            assert offer == ", ".join(SUBPROTOCOLS[name] for name in ("v3", "v2", "v1"))
            assert request.headers["Authorization"] == "Bearer mine"
            assert dict(request.query) == {"compression": "Gzip", "confirmed": "false"}

    run(story)


def test_without_a_token_the_servers_is_taken() -> None:
    async def story() -> None:
        async with Scripted(greeting) as server:
            client = await attach(server, protocols=("v3",))
            assert client.token == "secret-token"
            assert "Authorization" not in server.requests[0].headers
            assert "secret" not in repr(client)
            assert "secret" not in repr(vars(client).get("_hearing"))
            await client.close()

    run(story)


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_refusal_has_its_status(status: int) -> None:
    async def story() -> None:
        async with Scripted(status) as server:
            with pytest.raises(ConnectError, match=f"refused with {status}") as caught:
                await attach(server, token="secret-token")
            assert caught.value.status == status
            assert "secret" not in str(caught.value)

    run(story)


def test_closed_before_the_greeting_is_no_disconnect() -> None:
    told: list[str] = []

    async def close(peer: Peer) -> None:
        await peer.socket.close(code=1011, message=b"no room")

    async def vanish(peer: Peer) -> None:
        peer.vanish()

    async def story() -> None:
        for script, words in ((close, "no room"), (vanish, "rejected by the module")):
            async with Scripted(script) as server:
                with pytest.raises(ConnectError, match=words) as caught:
                    await attach(server, on_disconnect=lambda client, why: told.append(why))
                assert caught.value.status is None

    run(story)
    assert told == []


def test_nobody_greets_within_the_limit() -> None:
    async def story() -> None:
        async with Scripted(until_gone) as server:
            with pytest.raises(ConnectError, match="did not greet us within"):
                await attach(server, timeout_s=0.1)

    run(story)


def test_an_end_before_the_answer_to_the_handshake() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async def story() -> None:
        listener = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        async with listener:
            server = Scripted()
            server.uri = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
            with pytest.raises(ConnectError) as caught:
                await attach(server)
            assert caught.value.status is None
        with pytest.raises(ConnectError, match="cannot be reached"):
            await attach(server)

    run(story)


@pytest.mark.parametrize("uri", ["127.0.0.1:3000", "ftp://x", "http://"])
def test_what_is_no_address(uri: str) -> None:
    async def story() -> None:
        server = Scripted()
        server.uri = uri
        with pytest.raises(ConnectError, match="is not a server"):
            await attach(server)

    run(story)


def test_protocols_that_nobody_knows() -> None:
    async def story() -> None:
        async with Scripted() as server:
            with pytest.raises(LocalProtocolError, match="v9"):
                await attach(server, protocols=("v9",))

    run(story)


# --- ending --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close 1011", "vanish", "text", "garbage", "stranger"])
def test_calls_without_an_answer_fail(how: str) -> None:
    why: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.greet()
        heard = 0
        while heard < 3:
            heard += len(await peer.hear())
        match how:
            case "close 1011":
                await peer.socket.close(code=1011, message=b"overloaded")
            case "vanish":
                peer.vanish()
            case "text":
                await peer.socket.send_str("{}")
                await peer.gone()
            case "garbage":
                await peer.socket.send_bytes(b"\0\xff")
                assert await peer.gone() == 1002
            case "stranger":
                await peer.say(result(99))
                assert await peer.gone() == 1002

    async def story() -> None:
        async with Scripted(script) as server:
            client = await attach(server, on_disconnect=lambda client, said: why.append(said))
            waiting = [
                client.reducers.reset(),
                asyncio.ensure_future(client.query(SQL)),
                client.procedures.roll(6),
            ]
            for found in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(found, ConnectionLost)
            await client.wait_closed()
            assert not client.is_connected
            with pytest.raises(LocalProtocolError):
                client.reducers.reset()
            await client.close()

    run(story)
    assert len(why) == 1
    if how == "close 1011":
        assert "1011" in why[0]
        assert "overloaded" in why[0]


def test_closing_sends_what_was_called_and_fails_who_waits() -> None:
    heard: list[Any] = []

    async def script(peer: Peer) -> None:
        await peer.greet()
        heard.extend(await peer.hear())
        assert await peer.gone() == 1000

    async def story() -> None:
        async with Scripted(script) as server:
            client = await attach(server)
            call = client.reducers.put(1, 2)
            await client.close()
            with pytest.raises(ConnectionLost, match="was closed"):
                await call
            await client.close()  # a second time does nothing

    run(story)
    assert heard == [v2.CallReducer(1, 0, "put", b"\1\0\0\0\2\0\0\0")]


def test_rows_stay_readable_after_the_end() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.hear()
        await peer.say(applied(1, (1, 10)))
        await peer.gone()

    async def story() -> None:
        async with Scripted(script) as server:
            client = await attach(server)
            subscription = await client.subscribe(SQL)
            await client.close()
            assert [(row.id, row.value) for row in client.db.item] == [(1, 10)]
            assert subscription.is_ended

    run(story)


def test_half_of_a_message_at_a_time() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        [call] = await peer.hear()
        data = b"\0" + v2.SERVER.encode(result(call.request_id))
        parts = [data[:2], data[2:9], data[9:]]
        for at, part in enumerate(parts):
            kind = CONTINUATION if at else BINARY
            peer.write(frame(kind, part, fin=at == len(parts) - 1, masked=False))
            await asyncio.sleep(0)
        await peer.gone()

    async def story() -> None:
        async with Scripted(script) as server:
            client = await attach(server)
            await client.reducers.reset()
            await client.close()

    run(story)


# --- calling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["v2", "v3"])
def test_the_calls_of_one_tick(protocol: str) -> None:
    frames: list[int] = []

    async def script(peer: Peer) -> None:
        await peer.greet()
        while sum(frames) < 5:
            messages = await peer.hear()
            frames.append(len(messages))
            for message in messages:
                await peer.say(result(message.request_id))
        await peer.gone()

    async def story() -> None:
        async with Scripted(script, protocol=protocol) as server:
            client = await attach(server)
            await asyncio.gather(*(client.reducers.put(number, 0) for number in range(5)))
            assert client.stats.frames_out == len(frames)
            await client.close()

    run(story)
    assert frames == ([5] if protocol == "v3" else [1] * 5)


def test_how_a_call_can_end() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        outcomes = [v2.ReducerErr(b"\2\0\0\0no"), v2.ReducerInternalError("trap"), None]
        calls = await peer.hear()
        await peer.say(*(result(x.request_id, y) for x, y in zip(calls, outcomes, strict=True)))
        await peer.gone()

    async def story() -> None:
        async with Scripted(script) as server:
            client = await attach(server)
            refused, crashed, done = (client.reducers.reset() for _ in range(3))
            with pytest.raises(ReducerError, match=r"^no$"):
                await refused
            with pytest.raises(InternalError, match=r"^trap$"):
                await crashed
            assert await done is None
            await client.close()

    run(story)


def test_procedures_return_values() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        calls = await peer.hear()
        assert [(x.procedure, x.args) for x in calls] == [("roll", b"\6"), ("roll", b"\7")]
        await peer.say(returned(calls[1].request_id, b"\1"), returned(calls[0].request_id, b"\0\4"))
        await peer.gone()

    async def story() -> None:
        async with Scripted(script) as server:
            client = await attach(server)
            found = await asyncio.gather(client.procedures.roll(6), client.procedures.roll(sides=7))
            assert found == [4, None]
            await client.close()

    run(story)


def test_mistakes_are_seen_before_anything_is_sent() -> None:
    async def story() -> None:
        async with Scripted(greeting) as server:
            client = await attach(server)
            with pytest.raises(AttributeError, match="did you mean 'reset'"):
                client.reducers.rest()
            with pytest.raises(AttributeError, match="did you mean 'item'"):
                client.db.itme  # noqa: B018  (the look-up is the test)
            with pytest.raises(AttributeError, match="did you mean 'by_value'"):
                client.db.item.by_valu  # noqa: B018  (the look-up is the test)
            with pytest.raises(TypeError, match=r"put\(id, value\): missing 'value'"):
                client.reducers.put(1)
            with pytest.raises(TypeError, match="3 arguments"):
                client.reducers.put(1, 2, 3)
            with pytest.raises(TypeError, match="'wrong'"):
                client.reducers.put(1, wrong=2)
            with pytest.raises(TypeError, match="'id'"):
                client.reducers.put(1, id=2, value=3)
            for value in (-1, 1 << 32, "x", None, 1.5):
                with pytest.raises(EncodeError):
                    client.reducers.put(1, value)
            with pytest.raises(LocalProtocolError, match="at least one query"):
                client.subscribe_soon()
            with pytest.raises(LocalProtocolError, match="no primary key"):
                client.db.note.on_update(print)
            assert (client.stats.calls, client.stats.frames_out) == (0, 0)
            await client.close()

    run(story)


def test_a_late_answer_is_too_late() -> None:
    """The limit is a small one; the answer comes when the call has failed, and harms nobody."""
    late = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.greet()
        [call] = await peer.hear()
        await late.wait()
        tables = [v2.QuerySetUpdate(1, [change(rows((1, 1)))])]
        outcome = v2.ReducerOk(b"", v2.TransactionUpdate(tables))
        await peer.say(result(call.request_id, outcome))
        [call] = await peer.hear()
        await peer.say(result(call.request_id))
        await peer.gone()

    async def story() -> None:
        async with Scripted(script) as server:
            client = await attach(server, call_timeout_s=0.05)
            with pytest.raises(CallTimeout, match=r"0\.05 s"):
                await client.reducers.reset()
            came = asyncio.Event()
            client.db.item.on_insert(lambda context, row: came.set())
            late.set()
            await came.wait()
            assert client.db.item.count() == 1
            await client.close()

    run(story)


# --- subscriptions and queries -------------------------------------------------------------------


def test_a_subscription_from_begin_to_end() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        assert await peer.hear() == [v2.Subscribe(1, 1, [SQL])]
        await peer.say(applied(1, (1, 10), (2, 20)))
        assert await peer.hear() == [v2.Unsubscribe(2, 1, 1)]
        await peer.say(ended(1, (1, 10), (2, 20)))
        await peer.gone()

    async def story() -> None:
        async with Scripted(script) as server:
            client = await attach(server)
            subscription = client.subscribe_soon(SQL)
            assert not subscription.is_active
            await subscription.applied
            assert subscription.is_active
            item = client.db.item
            assert (item.count(), item.id.find(2).value) == (2, 20)
            assert [row.id for row in item.by_value.filter(ge=15)] == [2]
            leaving = asyncio.ensure_future(subscription.unsubscribe())
            await asyncio.sleep(0)
            assert not subscription.is_active
            with pytest.raises(LocalProtocolError, match="ending already"):
                await subscription.unsubscribe()
            await leaving
            assert (subscription.is_ended, item.count()) == (True, 0)
            with pytest.raises(LocalProtocolError, match="has ended"):
                await subscription.unsubscribe()
            await client.close()

    run(story)


def test_a_subscription_that_is_refused() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.hear()
        await peer.say(v2.SubscriptionError(1, 1, "no such table"))
        await peer.gone()

    async def story() -> None:
        async with Scripted(script) as server:
            client = await attach(server)
            subscription = client.subscribe_soon("SELECT * FROM nothing")
            with pytest.raises(QueryError, match="no such table"):
                await subscription.applied
            assert subscription.is_ended
            assert subscription.error == "no such table"
            assert client.is_connected
            await client.close()

    run(story)


def test_one_off_queries() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        good, bad = await peer.hear()
        found = v2.QueryRows([v2.SingleTableRows("item", rows((1, 10)))])
        await peer.say(
            v2.OneOffQueryResult(bad.request_id, Err("bad SQL")),
            v2.OneOffQueryResult(good.request_id, Ok(found)),
        )
        await peer.gone()

    async def story() -> None:
        async with Scripted(script) as server:
            client = await attach(server)
            good, bad = await asyncio.gather(
                client.query(SQL), client.query("SELECT"), return_exceptions=True
            )
            assert isinstance(good, list)
            assert [(row.id, row.value) for row in good] == [(1, 10)]
            assert isinstance(bad, QueryError)
            assert client.db.item.count() == 0  # a query caches nothing
            await client.close()

    run(story)


# --- callbacks -----------------------------------------------------------------------------------


def told_by(client: Client) -> list[tuple[Any, ...]]:
    """What the callbacks of the table item are told from now on."""
    told: list[tuple[Any, ...]] = []
    item = client.db.item
    item.on_insert(lambda context, row: told.append(("insert", row.id, row.value)))
    item.on_delete(lambda context, row: told.append(("delete", row.id, row.value)))
    item.on_update(lambda context, old, new: told.append(("update", new.id, old.value, new.value)))
    return told


def test_rows_are_there_before_the_call_is_done() -> None:
    seen: list[Any] = []

    async def script(peer: Peer) -> None:
        await peer.greet()
        [call] = await peer.hear()
        tables = [
            v2.QuerySetUpdate(1, [change(rows((1, 10))), change(rows((7, 70)), table="note")])
        ]
        outcome = v2.ReducerOk(b"", v2.TransactionUpdate(tables))
        await peer.say(result(call.request_id, outcome))
        await peer.gone()

    async def story() -> None:
        async with Scripted(script) as server:
            client = await attach(server)

            @client.db.item.on_insert
            def look(context: Any, row: Any) -> None:
                # The other table of the same message is complete as well.
                seen.append(("row", call.done(), context.db.note.count(), row.value))

            @client.db.note.on_insert
            def look_too(context: Any, row: Any) -> None:
                seen.append(("note", call.done(), context.db.item.count(), row.value))

            call = client.reducers.put(1, 10)
            await call
            seen.append("done")
            await client.close()

    run(story)
    assert seen == [("row", False, 1, 10), ("note", False, 1, 70), "done"]


def test_callbacks_come_and_go_and_may_fail() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        for number in range(2):
            [call] = await peer.hear()
            tables = [v2.QuerySetUpdate(1, [change(rows((number, 0)))])]
            outcome = v2.ReducerOk(b"", v2.TransactionUpdate(tables))
            await peer.say(result(call.request_id, outcome))
        await peer.gone()

    async def story() -> None:
        async with Scripted(script) as server:
            client = await attach(server)
            errors: list[BaseException] = []
            told: list[Any] = []
            client.on_callback_error = errors.append
            both_done = asyncio.Event()

            def fail(context: Any, row: Any) -> None:
                raise ValueError(f"callback for {row.id}")

            async def later(context: Any, row: Any) -> None:
                await asyncio.sleep(0)
                told.append(("later", row.id))
                if row.id == 1:
                    both_done.set()
                    raise ValueError("in a task")

            def once(context: Any, row: Any) -> None:
                told.append(("once", row.id))
                registration.cancel()

            def twice(context: Any, row: Any) -> None:
                told.append(("twice", row.id))

            failing = client.db.item.on_insert(fail)
            registration = client.db.item.on_insert(once)
            first, _second = (client.db.item.on_insert(twice) for _ in range(2))
            client.db.item.on_insert(later)
            await client.reducers.reset()
            failing.cancel()
            for _ in range(2):  # the second time does nothing, least of all to the other one
                first.cancel()
            await client.reducers.reset()
            await both_done.wait()
            await asyncio.sleep(0)
            assert [str(error) for error in errors] == ["callback for 0", "in a task"]
            assert sorted(told) == [
                ("later", 0),
                ("later", 1),
                ("once", 0),
                ("twice", 0),
                ("twice", 0),
                ("twice", 1),
            ]
            await client.close()

    run(story)


# --- coming back ---------------------------------------------------------------------------------


class Waits:
    """A sleep that takes no time and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, delay_s: float) -> None:
        self.asked.append(delay_s)
        await asyncio.sleep(0)


def test_the_delays_double_up_to_the_limit() -> None:
    backoff = Backoff(first_s=1.0, most_s=30.0, rng=random.Random(5))
    for attempt, whole in enumerate([1, 2, 4, 8, 16, 30, 30]):
        assert whole / 2 <= backoff.delay_s(attempt) <= whole
    assert 15 <= backoff.delay_s(100_000) <= 30


def test_after_a_reconnect_only_real_changes_are_told() -> None:
    async def first(peer: Peer) -> None:
        await peer.greet()
        await peer.hear()
        await peer.say(applied(1, (1, 10), (2, 20), (3, 30)))
        await peer.hear()
        peer.vanish()

    async def second(peer: Peer) -> None:
        await peer.greet()
        [again] = await peer.hear()
        assert again.query_strings == [SQL]
        await peer.say(applied(again.query_set_id, (2, 20), (3, 33), (4, 40)))
        await peer.say(update(change(rows((5, 50)))))
        await peer.gone()

    async def story() -> None:
        waits = Waits()
        async with Scripted(first, 503, second) as server:
            client = await attach(server, reconnect=Backoff(sleep=waits))
            subscription = await client.subscribe(SQL)
            told = told_by(client)
            came = asyncio.Event()
            client.db.item.on_insert(lambda context, row: row.id == 5 and came.set())
            with pytest.raises(ConnectionLost):
                await client.reducers.reset()
            await came.wait()
            assert sorted(told) == [
                ("delete", 1, 10),
                ("insert", 4, 40),
                ("insert", 5, 50),
                ("update", 3, 30, 33),
            ]
            assert subscription.is_active
            assert len(waits.asked) == 2
            assert waits.asked[1] >= 1.0 >= waits.asked[0]
            # Who was anonymous keeps the identity that the server gave.
            assert server.requests[2].headers["Authorization"] == "Bearer secret-token"
            await client.close()

    run(story)


def test_lost_again_before_all_rows_were_there() -> None:
    async def first(peer: Peer) -> None:
        await peer.greet()
        await peer.hear()
        await peer.say(applied(1, (1, 10)))
        await peer.socket.close()

    async def second(peer: Peer) -> None:
        await peer.greet()
        await peer.hear()
        await peer.socket.close(code=1011)

    async def third(peer: Peer) -> None:
        await peer.greet()
        [again] = await peer.hear()
        await peer.say(applied(again.query_set_id, (1, 11)))
        await peer.gone()

    async def story() -> None:
        async with Scripted(first, second, third) as server:
            client = await attach(server, reconnect=Backoff(sleep=Waits()))
            changed = asyncio.Event()
            client.db.item.on_update(lambda context, old, new: changed.set())
            await client.subscribe(SQL)
            await changed.wait()
            assert [row.value for row in client.db.item] == [11]
            await client.close()

    run(story)


def test_a_refusal_is_final_and_a_close_ends_the_attempts() -> None:
    why: list[str] = []

    async def drop(peer: Peer) -> None:
        await peer.greet()
        await peer.hear()
        await peer.socket.close()

    async def story() -> None:
        async with Scripted(drop, 401) as server:
            client = await attach(
                server,
                reconnect=Backoff(sleep=Waits()),
                on_disconnect=lambda client, said: why.append(said),
            )
            lost = client.reducers.reset()
            await client.wait_closed()
            assert isinstance(lost.exception(), ConnectionLost)
            assert len(server.requests) == 2
        assert "401" in why[0]

        async with Scripted(drop) as server:
            asleep = asyncio.Event()

            async def forever(delay_s: float) -> None:
                asleep.set()
                await asyncio.Event().wait()

            client = await attach(server, reconnect=Backoff(sleep=forever))
            lost = client.reducers.reset()
            await asleep.wait()
            assert isinstance(lost.exception(), ConnectionLost)
            await client.close()
            assert len(server.requests) == 1

    run(story)


def test_subscribed_and_unsubscribed_between_two_connections() -> None:
    """The new connection counts its sets from 1 again, and knows nothing of the old ones."""
    subscribed = asyncio.Event()

    async def first(peer: Peer) -> None:
        await peer.greet()
        for set_id in (1, 2):
            await peer.hear()
            await peer.say(applied(set_id, (1, 10)))
        peer.vanish()

    async def second(peer: Peer) -> None:
        await subscribed.wait()
        await peer.greet()
        again = await peer.hear()
        assert [message.query_strings for message in again] == [[SQL], ["SELECT * FROM note"]]
        kept, added = (message.query_set_id for message in again)
        await peer.say(applied(kept, (1, 10)), v2.SubscribeApplied(1, added, v2.QueryRows([])))
        await peer.gone()

    async def story() -> None:
        async with Scripted(first, second) as server:
            client = await attach(server, reconnect=Backoff(sleep=Waits()))
            kept, given_up = [await client.subscribe(SQL) for _ in range(2)]
            while len(server.requests) < 2 or not client.is_connected:
                await asyncio.sleep(0)
            # The second handshake is done, and the greeting has not come.
            added = client.subscribe_soon("SELECT * FROM note")
            await given_up.unsubscribe()
            subscribed.set()
            await added.applied
            assert (kept.is_active, added.is_active, given_up.is_ended) == (True, True, True)
            await client.close()

    run(story)
