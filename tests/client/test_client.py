"""The client over a scripted server: calls, subscriptions, callbacks, violations, the end."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from harness.client.store import Store
from harness.client.subscriptions import Phase
from harness.errors import (
    CallTimeout,
    ConnectionLost,
    EncodeError,
    InternalError,
    LocalProtocolError,
    QueryError,
    ReducerError,
)
from harness.wire import v2
from tests.client.scene import Scene, changed, encoded, plain, play, snapshot, tick, update
from tests.protocol.script import HERE, ME, NOW, PROTOCOLS

each = pytest.mark.parametrize("protocol", PROTOCOLS)


def done(request_id: int, *tables: v2.TableUpdate) -> v2.ReducerResult:
    """The answer to our own call, with what it changed."""
    sets = [v2.QuerySetUpdate(1, list(tables))] if tables else []
    return v2.ReducerResult(request_id, NOW, v2.ReducerOk(b"", v2.TransactionUpdate(sets)))


@each
def test_who_we_are(protocol: str) -> None:
    async def scene() -> None:
        client = Scene(protocol).client
        await client.greeted()
        assert (client.identity, client.connection_id) == (ME, HERE)
        assert (client.token, client.protocol, client.is_connected) == ("token", protocol, True)

    play(scene)


def test_a_token_of_ones_own_is_kept() -> None:
    """The server may echo one that is good for a minute only."""

    async def scene() -> None:
        stage = Scene()
        stage.client.renew()
        stage.client.token = "mine"
        stage.attach(stage.wire)
        assert stage.client.token == "mine"

    play(scene)


@each
def test_calls_of_one_tick_leave_together(protocol: str) -> None:
    async def scene() -> None:
        stage = Scene(protocol)
        futures = [stage.client.reducers.add(number) for number in range(10)]
        futures.append(stage.client.call("add", v=10))
        assert stage.wire.sent == []
        await tick()
        assert len(stage.wire.sent) == (1 if protocol == "v3" else 11)
        said = stage.said()
        assert [int.from_bytes(message.args, "little") for message in said] == list(range(11))
        for message in reversed(said):
            stage.say(stage.script.done(message.request_id, "add"))
        assert await asyncio.gather(*futures) == [None] * 11
        stats = stage.client.stats
        assert (stats.messages_out, stats.messages_in, stats.calls) == (11, 12, 11)
        assert (stats.frames_out, stats.frames_in) == (1 if protocol == "v3" else 11, 12)

    play(scene)


@each
def test_refusals_are_errors_with_the_text(protocol: str) -> None:
    async def scene() -> None:
        stage = Scene(protocol)
        first, second = stage.client.reducers.add(1), stage.client.reducers.add(2)
        await tick()
        one, two = stage.said()
        stage.say(stage.script.refused(two.request_id, "add", "insufficient funds"))
        with pytest.raises(ReducerError, match=r"^insufficient funds$"):
            await second
        stage.say(stage.script.rejected(one.request_id, "add", "no such reducer"))
        with pytest.raises(InternalError, match=r"^no such reducer$"):
            await first

    play(scene)


def test_mistakes_of_the_caller_are_told_at_the_call() -> None:
    async def scene() -> None:
        stage = Scene()
        reducers = stage.client.reducers
        with pytest.raises(AttributeError, match="no reducer 'transfr'; did you mean 'transfer'"):
            reducers.transfr(1, 2, 3)
        with pytest.raises(AttributeError, match="did you mean 'transfer'"):
            stage.client.call("transfr", 1, 2, 3)
        with pytest.raises(AttributeError, match="no reducer 'hello'"):
            reducers.hello()  # only the host calls it
        with pytest.raises(TypeError, match=r"transfer\(giver, taker, amount\): missing 'amount'"):
            reducers.transfer(1, 2)
        with pytest.raises(TypeError, match="unknown or repeated 'giver'"):
            reducers.transfer(1, 2, 3, giver=4)
        with pytest.raises(TypeError, match="4 arguments"):
            reducers.transfer(1, 2, 3, 4)
        with pytest.raises(EncodeError):
            reducers.add(-1)
        with pytest.raises(EncodeError):
            reducers.add("one")
        with pytest.raises(AttributeError, match="no table 'q'"):
            _ = stage.client.db.q
        with pytest.raises(AttributeError, match="did you mean 'by_hp'"):
            _ = stage.client.db.p.by_h
        await tick()
        assert stage.said() == []
        call = reducers.transfer(1, amount=3, taker=2)
        await tick()
        assert stage.said()[0].args == bytes.fromhex("01000000 02000000 0300000000000000")
        call.cancel()

    play(scene)


def test_rows_are_there_before_the_caller_hears() -> None:
    async def scene() -> None:
        stage = Scene()
        order: list[Any] = []
        stage.client.db.p.on_insert(lambda _, row: order.append(row.hp))
        call = stage.client.reducers.add(1)
        call.add_done_callback(lambda _: order.append(stage.client.db.p.count()))
        await tick()
        stage.say(done(1, update("p", [(1, 10)])))
        await tick()
        assert order == [10, 1]

    play(scene)


def test_procedures_return_values() -> None:
    async def scene() -> None:
        stage = Scene()
        good, bad = stage.client.procedures.roll(6), stage.client.procedures.roll(sides=0)
        await tick()
        said = stage.said()
        assert [message.args for message in said] == [b"\6", b"\0"]
        stage.say(stage.script.failed(said[1].request_id, "no sides"))
        stage.say(stage.script.returned(said[0].request_id, b"\4"))
        assert await good == 4
        with pytest.raises(InternalError, match="no sides"):
            await bad

    play(scene)


@each
def test_a_subscription_from_begin_to_end(protocol: str) -> None:
    async def scene() -> None:
        stage = Scene(protocol)
        heard = stage.record("t")
        coming = asyncio.ensure_future(stage.client.subscribe("SELECT * FROM t"))
        await tick()
        assert stage.said()[0].query_strings == ["SELECT * FROM t"]
        stage.say(stage.script.applied(1, encoded(1, 2)))
        handle = await coming
        assert (handle.is_active, handle.is_ended) == (True, False)
        assert sorted(map(plain, stage.client.db.t)) == [(1,), (2,)]
        stage.say(stage.script.changed(encoded(3), encoded(1)))
        assert heard == [("+", 1), ("+", 2), ("+", 3), ("-", 1)]
        ending = asyncio.ensure_future(handle.unsubscribe())
        await tick()
        assert not handle.is_active
        stage.say(stage.script.ended(1, encoded(2, 3)))
        await ending
        assert handle.is_ended
        assert stage.client.db.t.count() == 0
        with pytest.raises(LocalProtocolError, match="ended or is ending"):
            await handle.unsubscribe()

    play(scene)


@each
def test_a_refused_subscription(protocol: str) -> None:
    async def scene() -> None:
        stage = Scene(protocol)
        handle = stage.client.subscribe_soon("SELECT * FROM nowhere")
        await tick()
        stage.say(stage.script.set_refused(1, "no such table"))
        with pytest.raises(QueryError, match="no such table"):
            await handle.applied
        assert (handle.is_ended, handle.error) == (True, "no such table")
        assert stage.client.is_connected  # one refusal concerns nobody else

    play(scene)


def test_nothing_to_subscribe() -> None:
    async def scene() -> None:
        with pytest.raises(LocalProtocolError, match="at least one query"):
            await Scene().client.subscribe()

    play(scene)


@each
def test_a_query_gives_rows(protocol: str) -> None:
    async def scene() -> None:
        stage = Scene(protocol)
        rows = asyncio.ensure_future(stage.client.query("SELECT * FROM t"))
        bad = asyncio.ensure_future(stage.client.query("SELEC"))
        await tick()
        stage.say(stage.script.answer(1, encoded(7, 8)))
        stage.say(stage.script.no_answer(2, "syntax"))
        assert [plain(row) for row in await rows] == [(7,), (8,)]
        with pytest.raises(QueryError, match="syntax"):
            await bad
        assert stage.client.db.t.count() == 0  # a query leaves nothing behind

    play(scene)


def test_callbacks_see_the_whole_message() -> None:
    async def scene() -> None:
        stage = Scene()
        client = stage.client
        client.subscribe_soon("SELECT * FROM p", "SELECT * FROM t")
        await tick()
        stage.say(snapshot(1, p=[(1, 10)], t=[5]))
        seen: list[Any] = []

        def look(*_: Any) -> None:
            seen.append((sorted(map(plain, client.db.p)), sorted(map(plain, client.db.t))))

        client.db.p.on_update(look)
        client.db.t.on_insert(look)
        stage.say(changed(update("p", [(1, 11)], [(1, 10)]), update("t", [6])))
        assert seen == [([(1, 11)], [(5,), (6,)])] * 2

    play(scene)


def test_a_view_looks_like_a_table() -> None:
    async def scene() -> None:
        stage = Scene()
        heard = stage.record("best")
        stage.client.subscribe_soon("SELECT * FROM best")
        await tick()
        stage.say(snapshot(1, best=[(1, 10)]))
        stage.say(changed(update("best", [(1, 11)], [(1, 10)])))
        assert heard == [("+", 1, 10), ("=", (1, 10), (1, 11))]
        assert stage.client.db.best.id.find(1).hp == 11

    play(scene)


def test_events_are_told_and_not_kept() -> None:
    async def scene() -> None:
        stage = Scene()
        heard = stage.record("e")
        event = v2.TableUpdate("e", [v2.EventTable(encoded(1, 1))])
        stage.say(changed(event))
        assert heard == [("+", 1), ("+", 1)]
        assert len(stage.client.db.e) == 0

    play(scene)


def test_callbacks_may_be_coroutines_and_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        stage = Scene()
        heard: list[Any] = []
        failures: list[BaseException] = []

        @stage.client.db.t.on_insert
        def wrong(context: Any, row: Any) -> None:
            raise ValueError("of the callback")

        @stage.client.db.t.on_insert
        async def later(context: Any, row: Any) -> None:
            await asyncio.sleep(0)
            heard.append((row.id, context.db.t.count(), type(context.event).__name__))
            await context.reducers.add(row.id)
            raise KeyError("of the task")

        with caplog.at_level(logging.ERROR, "harness.client"):
            stage.say(changed(update("t", [1])))
        assert "of the callback" in caplog.text
        stage.client.on_callback_error = failures.append
        stage.say(changed(update("t", [2])))
        await tick()
        stage.say(done(1), done(2))
        await tick()
        assert heard == [(1, 2, "Changed"), (2, 2, "Changed")]
        assert sorted(map(str, failures)) == ["'of the task'"] * 2 + ["of the callback"]
        assert stage.client.is_connected
        wrong.cancel()
        later.cancel()
        later.cancel()
        stage.say(changed(update("t", [3])))
        await tick()
        assert len(heard) == 2

    play(scene)


def test_a_failing_error_handler_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        stage = Scene()

        def handler(error: BaseException) -> None:
            raise RuntimeError("of the handler")

        def wrong(*_: Any) -> None:
            raise ValueError("of the callback")

        stage.client.on_callback_error = handler
        stage.client.db.t.on_insert(wrong)
        with caplog.at_level(logging.ERROR, "harness.client"):
            stage.say(changed(update("t", [1])))
        assert "of the handler" in caplog.text
        assert stage.client.db.t.count() == 1

    play(scene)


def test_cancelling_one_registration_leaves_its_twin() -> None:
    async def scene() -> None:
        stage = Scene()
        heard: list[Any] = []

        def hear(_: Any, row: Any) -> None:
            heard.append(row.id)

        first = stage.client.db.t.on_insert(hear)
        stage.client.db.t.on_insert(hear)
        first.cancel()
        first.cancel()
        stage.say(changed(update("t", [1])))
        assert heard == [1]

    play(scene)


def test_updates_need_a_primary_key() -> None:
    async def scene() -> None:
        with pytest.raises(LocalProtocolError, match="no primary key"):
            Scene().client.db.t.on_update(print)

    play(scene)


def test_indexes_follow_the_rows() -> None:
    async def scene() -> None:
        db = (stage := Scene()).client.db
        stage.say(changed(update("p", [(1, 10), (2, 20), (3, 20)])))
        assert sorted(map(plain, db.p.by_hp.filter(20))) == [(2, 20), (3, 20)]
        assert [plain(row) for row in db.p.by_hp.filter(ge=5, lt=20)] == [(1, 10)]
        stage.say(changed(update("p", [(2, 10)], [(2, 20)])))
        assert sorted(map(plain, db.p.by_hp.filter(10))) == [(1, 10), (2, 10)]
        assert plain(db.p.id.find(2)) == (2, 10)
        assert db.p.id.find(9) is None
        assert [plain(row) for row in db.p.id.filter(3)] == [(3, 20)]

    play(scene)


# --- violations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        changed(update("t", dels=[1])),
        changed(update("nowhere", [1])),
        changed(v2.TableUpdate("t", [v2.PersistentTable(encoded((1, 2)), encoded())])),
        done(99),
        snapshot(9, t=[1]),
    ],
    ids=["unknown row", "unknown table", "rows of another type", "unknown call", "unknown set"],
)
def test_a_broken_rule_ends_the_connection(message: Any) -> None:
    async def scene() -> None:
        reasons: list[str] = []
        stage = Scene(on_disconnect=lambda client, reason: reasons.append(reason))
        before, after = stage.client.reducers.add(1), stage.client.reducers.add(2)
        pending = stage.client.subscribe_soon("SELECT * FROM t")
        await tick()
        stage.say(done(1), message, done(2))
        assert await before is None
        assert stage.wire.closed is not None
        assert stage.wire.closed[0] == 1002
        stage.say(changed(update("p", [(1, 1)])))  # read together with the rest, and not believed
        await tick()
        with pytest.raises(ConnectionLost):
            await after
        with pytest.raises(ConnectionLost):
            await pending.applied
        await stage.client.wait_closed()
        assert stage.client.db.p.count() == 0
        assert len(reasons) == 1

    play(scene)


def test_whoever_was_answered_but_not_told_hears_of_the_loss() -> None:
    """The rows of the first answer are bad, so nothing of the payload after it is handled."""

    async def scene() -> None:
        stage = Scene()
        first, second = stage.client.reducers.add(1), stage.client.reducers.add(2)
        query = asyncio.ensure_future(stage.client.query("SELECT * FROM t"))
        await tick()
        stage.say(done(1, update("t", dels=[7])), done(2), stage.script.answer(3, encoded(1)))
        for waiting in (first, second, query):
            with pytest.raises(ConnectionLost, match="never came"):
                await waiting

    play(scene)


def test_a_dead_subscription_ends_the_connection() -> None:
    async def scene() -> None:
        stage = Scene()
        handle = stage.client.subscribe_soon("SELECT * FROM t")
        await tick()
        stage.say(snapshot(1, t=[1]))
        stage.say(stage.script.set_died(1, "evaluation failed"))
        await stage.client.wait_closed()
        assert (handle.phase, handle.error) == (Phase.ENDED, "evaluation failed")

    play(scene)


def test_what_comes_before_start_is_not_lost() -> None:
    """The greeting can come in one piece with the answer to the handshake."""

    async def scene() -> None:
        stage = Scene()
        stage.client.renew()
        stage.client.on_message(stage.script.payload(stage.script.greeting()))
        stage.client.on_message(stage.script.payload(changed(update("t", [1]))))
        assert stage.client.db.t.count() == 0
        stage.client.start(stage.wire)  # type: ignore[arg-type]  # has all that a client uses
        await stage.client.greeted()
        assert stage.client.db.t.count() == 1

    play(scene)


# --- time and the end ----------------------------------------------------------------------------


def test_late_calls_time_out_and_their_answers_change_rows_all_the_same() -> None:
    async def scene() -> None:
        stage = Scene(call_timeout_s=0.01)
        late = stage.client.reducers.add(1)
        with pytest.raises(CallTimeout, match=r"0\.01 s"):
            await late
        stage.say(done(1, update("t", [1])))
        assert stage.client.db.t.count() == 1
        assert stage.client.is_connected
        quick = stage.client.reducers.add(2)
        await tick()
        stage.say(done(2))
        assert await quick is None

    play(scene)


def test_a_caller_may_lose_interest() -> None:
    async def scene() -> None:
        stage = Scene()
        call = stage.client.reducers.add(1)
        query = asyncio.ensure_future(stage.client.query("SELECT * FROM t"))
        await tick()
        call.cancel()
        query.cancel()
        stage.say(done(1, update("t", [1])), stage.script.answer(2, encoded(1)))
        assert stage.client.db.t.count() == 1
        assert stage.client.is_connected

    play(scene)


def test_closing_sends_what_was_called_and_fails_what_waits() -> None:
    async def scene() -> None:
        reasons: list[str] = []
        stage = Scene(on_disconnect=lambda client, reason: reasons.append(reason))
        stage.say(changed(update("t", [1])))
        call = stage.client.reducers.add(1)
        closing = asyncio.ensure_future(stage.client.close())
        await tick()
        assert [message.args for message in stage.said()] == [b"\1\0\0\0"]
        await closing
        with pytest.raises(ConnectionLost, match="was closed"):
            await call
        assert reasons == ["the connection was closed"]
        assert stage.client.db.t.count() == 1  # the rows stay readable
        assert not stage.client.is_connected
        with pytest.raises(LocalProtocolError, match="no connection"):
            stage.client.reducers.add(2)
        await stage.client.close()  # again does no harm
        assert len(reasons) == 1

    play(scene)


def test_a_peer_that_takes_nothing_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        stage = Scene()
        monkeypatch.setattr(stage.wire, "close", lambda code=1000, reason="": None)
        await stage.client.close()
        assert stage.wire.aborted

    monkeypatch.setattr("harness.client.link.CLOSE_TIMEOUT_S", 0.0)
    play(scene)


def test_the_servers_reason_is_told() -> None:
    async def scene() -> None:
        stage = Scene()
        call = stage.client.reducers.add(1)
        stage.client.on_close(1011, "cannot decode")
        with pytest.raises(ConnectionLost, match="1011: cannot decode"):
            await call
        await stage.client.wait_closed()

    play(scene)


def test_a_waiter_of_ones_own() -> None:
    class Waiter:
        result: Any = "nothing yet"

        def done(self) -> bool:
            return False

        def set_result(self, value: Any) -> None:
            self.result = value

        def set_exception(self, error: BaseException) -> None:
            self.result = error

        def exception(self) -> None:
            return None

    async def scene() -> None:
        stage = Scene()
        args = stage.client.encoder("add")((7,))
        told, left = Waiter(), Waiter()
        stage.client.call_for(told, "add", args)
        stage.client.call_for(left, "add", args)
        await tick()
        stage.say(done(1))
        assert told.result is None
        await stage.client.close()
        assert isinstance(left.result, ConnectionLost)
        with pytest.raises(AttributeError):
            stage.client.encoder("ad")

    play(scene)


def test_connections_of_one_schema_share_classes_and_not_rows() -> None:
    async def scene() -> None:
        first, second = Scene(), Scene()
        for stage in (first, second):
            stage.say(changed(update("t", [1])))
        (one,), (other,) = first.client.db.t, second.client.db.t
        assert type(one) is type(other)
        assert isinstance(first.client.store, Store)
        assert first.client.store is not second.client.store
        first.say(changed(update("t", dels=[1])))
        assert (first.client.db.t.count(), second.client.db.t.count()) == (0, 1)

    play(scene)
