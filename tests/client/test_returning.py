"""Coming back after a loss: when, with what, and what the callbacks hear of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from harness.client.returning import Backoff, Rejected, Returner
from harness.errors import (
    ConnectError,
    ConnectionLost,
    HarnessError,
    LocalProtocolError,
    QueryError,
)
from tests.client.scene import Scene, Wire, changed, encoded, plain, play, snapshot, tick, update
from tests.client.test_client import done


class Comeback:
    """A scene whose client returns; each attempt does what the plan says next."""

    def __init__(self, *plan: HarnessError | None, **options: Any) -> None:
        self.stage = Scene(**options)
        self.waits: list[float] = []
        self.attempts = 0
        self._plan = list(plan)
        self.stage.client.returner = Returner(
            self.stage.client, self._attach, Backoff(sleep=self._sleep, rng=Certain())
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    async def _attach(self) -> None:
        self.attempts += 1
        outcome = self._plan.pop(0) if self._plan else None
        self.stage.client.renew()
        await asyncio.sleep(0)
        if outcome is not None:
            raise outcome
        self.stage.attach(Wire())

    async def subscribed(self, **tables: list[Any]) -> Any:
        """One subscription to everything, with these rows."""
        handle = self.stage.client.subscribe_soon("SELECT * FROM p", "SELECT * FROM t")
        await tick()
        self.stage.said()
        self.stage.say(snapshot(handle.set_id, **tables))
        return handle

    async def lose(self) -> None:
        """The connection ends; what returns has happened when this returns."""
        self.stage.client.on_close(1006, "")
        await until(lambda: not self.busy)

    @property
    def busy(self) -> bool:
        client = self.stage.client
        return not (client.is_connected and client._hearing.renewal) and not client._closed.done()


class Certain(random.Random):
    """Jitter without chance: always the whole wait."""

    def random(self) -> float:
        return 1.0


async def until(holds: Callable[[], object]) -> None:
    """Let things happen until something holds; a bound instead of a clock."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to hold")


def test_waits_double_up_to_a_limit_and_are_jittered() -> None:
    backoff = Backoff(rng=Certain())
    assert [backoff.delay_s(attempt) for attempt in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert backoff.delay_s(10_000) == 30
    waits = {Backoff(rng=random.Random(seed)).delay_s(3) for seed in range(50)}
    assert len(waits) > 40
    assert all(4 <= wait <= 8 for wait in waits)


def test_only_real_changes_are_told() -> None:
    async def scene() -> None:
        back = Comeback()
        handle = await back.subscribed(p=[(1, 10), (2, 20), (3, 30)], t=[7, 8])
        rows, others = back.stage.record("p"), back.stage.record("t")
        await back.lose()
        assert sorted(map(plain, back.stage.client.db.p)) == [(1, 10), (2, 20), (3, 30)]
        (said,) = back.stage.said()
        assert said.query_strings == ["SELECT * FROM p", "SELECT * FROM t"]
        back.stage.say(snapshot(said.query_set_id, p=[(1, 10), (2, 21), (4, 40)], t=[8, 9]))
        await tick()
        assert sorted(rows) == [("+", 4, 40), ("-", 3, 30), ("=", (2, 20), (2, 21))]
        assert sorted(others) == [("+", 9), ("-", 7)]
        assert handle.is_active
        assert back.stage.client.stats.reconnects == 1
        back.stage.say(changed(update("p", dels=[(4, 40)])))
        assert rows[-1] == ("-", 4, 40)

    play(scene)


def test_references_are_counted_anew() -> None:
    async def scene() -> None:
        back = Comeback()
        await back.subscribed(t=[1])
        second = await back.subscribed(t=[1])
        await back.lose()
        sets = [message.query_set_id for message in back.stage.said()]
        for set_id in sets:
            back.stage.say(snapshot(set_id, t=[1]))
        await tick()
        ending = asyncio.ensure_future(second.unsubscribe())
        await tick()
        back.stage.say(back.stage.script.ended(second.set_id, encoded(1)))
        await ending
        assert back.stage.client.db.t.count() == 1

    play(scene)


def test_attempts_go_on_with_growing_waits() -> None:
    async def scene() -> None:
        refusals = [ConnectError("nobody there"), ConnectError("busy", 503), ConnectionLost("x")]
        back = Comeback(*refusals)
        await back.subscribed(t=[1])
        await back.lose()
        assert (back.attempts, back.waits) == (4, [1, 2, 4, 8])
        back.stage.say(snapshot(back.stage.said()[0].query_set_id, t=[1]))
        await until(lambda: back.stage.client.stats.reconnects)
        await back.lose()
        assert back.waits[4:] == [1]  # success starts the waits again

    play(scene)


@pytest.mark.parametrize(
    "refusal",
    [ConnectError("bad token", 401), ConnectError("not found", 404), Rejected("rejected")],
    ids=str,
)
def test_some_refusals_are_final(refusal: ConnectError) -> None:
    async def scene() -> None:
        reasons: list[str] = []
        back = Comeback(refusal, on_disconnect=lambda client, reason: reasons.append(reason))
        handle = await back.subscribed(t=[1])
        await back.lose()
        await back.stage.client.wait_closed()
        assert back.attempts == 1
        assert reasons == [str(refusal)]
        assert handle.is_ended
        assert back.stage.client.db.t.count() == 1

    play(scene)


def test_a_loss_before_all_is_there_is_tried_again() -> None:
    async def scene() -> None:
        back = Comeback()
        await back.subscribed(t=[1, 2])
        heard = back.stage.record("t")
        await back.lose()
        first = back.stage.said()[0]
        back.stage.say(changed(update("t", [9])))
        await back.lose()
        assert heard == []  # half a snapshot is none
        again = back.stage.said()[0]
        assert again.query_strings == first.query_strings
        back.stage.say(snapshot(again.query_set_id, t=[2]))
        await tick()
        assert heard == [("-", 1)]

    play(scene)


def test_rows_of_other_tables_end_the_attempts() -> None:
    """The module was changed meanwhile: no attempt would ever be able to read its rows."""

    async def scene() -> None:
        ended: list[str] = []
        back = Comeback(on_disconnect=lambda client, reason: ended.append(reason))
        handle = await back.subscribed(t=[1])
        await back.lose()
        (again,) = back.stage.said()
        back.stage.say(snapshot(again.query_set_id, t=[(1, 2)]))  # a column more
        await until(lambda: ended)
        assert "generate it anew with `harness generate`" in ended[0]
        assert handle.is_ended
        with pytest.raises(LocalProtocolError, match="there is no connection: "):
            back.stage.client.call("add", 1)
        assert back.attempts == 1

    play(scene)


def test_a_query_that_is_refused_now_ends_alone() -> None:
    async def scene() -> None:
        back = Comeback()
        kept, refused = await back.subscribed(t=[1]), await back.subscribed(t=[2])
        heard = back.stage.record("t")
        await back.lose()
        one, two = back.stage.said()
        back.stage.say(back.stage.script.set_refused(two.query_set_id, "no such table"))
        assert heard == []
        back.stage.say(snapshot(one.query_set_id, t=[1]))
        await tick()
        assert heard == [("-", 2)]
        assert kept.is_active
        assert (refused.is_ended, refused.error) == (True, "no such table")

    play(scene)


def test_a_subscription_that_was_still_pending_is_asked_again() -> None:
    async def scene() -> None:
        back = Comeback()
        good = back.stage.client.subscribe_soon("SELECT * FROM t")
        bad = back.stage.client.subscribe_soon("SELECT * FROM nowhere")
        await back.lose()
        one, two = back.stage.said()
        back.stage.say(snapshot(one.query_set_id, t=[1]))
        back.stage.say(back.stage.script.set_refused(two.query_set_id, "no such table"))
        await good.applied
        with pytest.raises(QueryError):
            await bad.applied
        assert back.stage.client.db.t.count() == 1

    play(scene)


def test_between_two_connections() -> None:
    """Calls are refused, what waited is lost, and a subscription can still be ended."""

    async def scene() -> None:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        back = Comeback()
        back.stage.client.returner = Returner(
            back.stage.client, back._attach, Backoff(sleep=_wait_for(gate), rng=Certain())
        )
        kept, ended = await back.subscribed(t=[1]), await back.subscribed(t=[2])
        call = back.stage.client.reducers.add(1)
        back.stage.client.on_close(1006, "")
        with pytest.raises(ConnectionLost):
            await call
        with pytest.raises(LocalProtocolError, match="no connection"):
            back.stage.client.reducers.add(2)
        await ended.unsubscribe()
        assert ended.is_ended
        gate.set_result(None)
        await until(lambda: not back.busy)
        (said,) = back.stage.said()
        heard = back.stage.record("t")
        back.stage.say(snapshot(said.query_set_id, t=[1]))
        await tick()
        assert heard == [("-", 2)]
        assert kept.is_active

    play(scene)


def test_calls_answered_during_the_snapshot_wait_for_its_rows() -> None:
    async def scene() -> None:
        back = Comeback()
        await back.subscribed(t=[1])
        await back.lose()
        call = back.stage.client.reducers.add(5)
        lost = back.stage.client.reducers.add(6)
        await tick()
        subscribe, add, _ = back.stage.said()
        back.stage.say(done(add.request_id, update("t", [5])))
        await tick()
        assert not call.done()
        back.stage.say(snapshot(subscribe.query_set_id, t=[1]))
        assert await call is None
        assert sorted(map(plain, back.stage.client.db.t)) == [(1,), (5,)]
        await back.lose()
        with pytest.raises(ConnectionLost):
            await lost

    play(scene)


def test_without_subscriptions_the_rows_of_dead_ones_leave() -> None:
    async def scene() -> None:
        back = Comeback()
        await back.subscribed(t=[1])
        heard = back.stage.record("t")
        back.stage.say(back.stage.script.set_died(1, "broke"))
        await until(lambda: back.stage.client.stats.reconnects)
        assert heard == [("-", 1)]
        assert back.stage.said() == []

    play(scene)


def test_closing_ends_the_attempts() -> None:
    async def scene() -> None:
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        back = Comeback()
        back.stage.client.returner = Returner(
            back.stage.client, back._attach, Backoff(sleep=_wait_for(never))
        )
        await back.subscribed(t=[1])
        back.stage.client.on_close(1006, "")
        await tick()
        await back.stage.client.close()
        assert back.attempts == 0

    play(scene)


def test_closing_during_the_snapshot() -> None:
    async def scene() -> None:
        back = Comeback()
        handle = await back.subscribed(t=[1])
        await back.lose()
        await back.stage.client.close()
        assert handle.is_ended

    play(scene)


def _wait_for(future: asyncio.Future[None]) -> Callable[[float], Awaitable[Any]]:
    async def sleep(seconds: float) -> None:
        await asyncio.shield(future)

    return sleep
