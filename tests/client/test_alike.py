"""Many answers at once leave the same rows, tell the same and answer the same as one by one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ConnectionLost
from harness.wire import v2
from tests.client.scene import Scene, Wire, play, snapshot, tick, update
from tests.client.test_client import done

ROWS = [(1, 10), (2, 20), (3, 20), (4, 40), (5, 50)]


async def called(stage: Scene, count: int) -> tuple[list[Any], list[int]]:
    """That many calls that were sent: their futures and their ids."""
    futures = [stage.client.reducers.add(number) for number in range(count)]
    await tick()
    said = [x for x in stage.said() if isinstance(x, v2.CallReducer)]
    return futures, [message.request_id for message in said]


def inserting(ids: list[int], rows: list[Any], table: str = "p") -> list[v2.ReducerResult]:
    return [done(id, update(table, [row])) for id, row in zip(ids, rows, strict=True)]


def test_rows_are_applied_and_all_are_answered() -> None:
    async def scene() -> None:
        stage = Scene()
        futures, ids = await called(stage, 5)
        before = stage.client.stats.messages_in
        stage.say(*inserting(ids, ROWS))
        assert sorted((row.id, row.hp) for row in stage.client.db.p) == ROWS
        assert await asyncio.gather(*futures) == [None] * 5
        assert stage.client.stats.messages_in - before == 5

    play(scene)


def test_callbacks_hear_of_each_row_with_its_own_event() -> None:
    async def scene() -> None:
        stage = Scene()
        futures, ids = await called(stage, 5)
        heard: list[Any] = []
        stage.client.db.p.on_insert(
            lambda context, row: heard.append((row.id, len(context.event.updates)))
        )
        stage.say(*inserting(ids, ROWS))
        assert heard == [(row[0], 1) for row in ROWS]
        await asyncio.gather(*futures)

    play(scene)


def test_events_are_told_and_not_kept() -> None:
    async def scene() -> None:
        stage = Scene()
        _, ids = await called(stage, 5)
        heard = stage.record("e")
        stage.say(*inserting(ids, [1, 2, 3, 4, 5], "e"))
        assert heard == [("+", number) for number in range(1, 6)]
        assert stage.client.db.e.count() == 0

    play(scene)


def test_indexes_follow() -> None:
    async def scene() -> None:
        stage = Scene()
        _, ids = await called(stage, 5)
        assert list(stage.client.db.p.by_hp.filter(20)) == []
        stage.say(*inserting(ids, ROWS))
        assert sorted(row.id for row in stage.client.db.p.by_hp.filter(20)) == [2, 3]

    play(scene)


def test_a_waiter_may_call_again_from_its_answer() -> None:
    class Waiter:
        def __init__(self, stage: Scene) -> None:
            self.stage, self.answers = stage, 0

        def done(self) -> bool:
            return False

        def set_result(self, result: Any) -> None:
            self.answers += 1
            self.stage.client.call_for(self, "noop", b"")

    async def scene() -> None:
        stage = Scene()
        waiter = Waiter(stage)
        for _ in range(6):
            stage.client.call_for(waiter, "noop", b"")
        for round_ in range(1, 4):
            await tick()
            stage.say(*(done(message.request_id) for message in stage.said()))
            assert waiter.answers == 6 * round_

    play(scene)


@pytest.mark.parametrize("table", ["nowhere", "p"])
def test_rows_that_cannot_be_are_the_end(table: str) -> None:
    """Rows of `p` have eight bytes; and there is no table `nowhere`."""

    async def scene() -> None:
        stage = Scene()
        futures, ids = await called(stage, 5)
        stage.say(*inserting(ids, [1, 2, 3, 4, 5], table))
        for future in futures:
            with pytest.raises(ConnectionLost):
                await future

    play(scene)


def test_after_a_reconnect_answers_wait_for_the_snapshot() -> None:
    async def scene() -> None:
        stage = Scene()
        stage.client.subscribe_soon("SELECT * FROM p")
        await tick()
        stage.said()
        stage.say(snapshot(1, p=[(9, 9)]))
        stage.client.renew()
        stage.attach(Wire())
        again = asyncio.ensure_future(stage.client.resubscribe())
        futures, ids = await called(stage, 6)
        stage.say(*(done(id) for id in ids))
        await tick()
        assert not any(future.done() for future in futures)
        stage.say(snapshot(1, p=[(9, 9), (8, 8)]))
        await again
        assert await asyncio.gather(*futures) == [None] * 6
        assert sorted(row.id for row in stage.client.db.p) == [8, 9]

    play(scene)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3)), min_size=4, max_size=12))
def test_the_same_rows_as_one_by_one(rows: list[tuple[int, int]]) -> None:
    """Keys may repeat, within the payload and with what was there before."""
    found = []

    async def scene(at_once: bool) -> None:
        stage = Scene()
        stage.client.subscribe_soon("SELECT * FROM p")
        await tick()
        stage.said()
        stage.say(snapshot(1, p=[(1, 1)]))
        _, ids = await called(stage, len(rows))
        answers = inserting(ids, rows)
        for part in [answers] if at_once else [[answer] for answer in answers]:
            stage.say(*part)
        cache = stage.client.store.caches["p"]
        rows_held = sorted((row.id, row.hp) for row in cache)
        found.append((rows_held, sorted(cache._extra.items())))

    play(lambda: scene(True))
    play(lambda: scene(False))
    assert found[0] == found[1]
