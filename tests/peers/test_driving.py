"""The common half of peers in Python: what is asked is done, counted and told, whatever happens."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
import pytest

from harness.peers import driving
from harness.peers.driving import Peer, Window
from harness.peers.exchange import Request, Result
from harness.peers.rows import digest, row


class Fake:
    """A client that keeps its rows in a list; some of its calls fail."""

    protocol = "v3"

    def __init__(self, fails: Callable[[int], bool] = lambda number: False) -> None:
        self.fails = fails
        self.held: list[Any] = []
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.subscribed: list[str] = []
        self.under_way = self.most = self.closed = 0

    def call(self, reducer: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any) -> None:
            self.calls.append((reducer, arguments))
            number = len(self.calls)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await asyncio.sleep(0)
            self.under_way -= 1
            if self.fails(number):
                raise ValueError(f"call {number} failed")
            if reducer == "insert_item":
                self.held.append(arguments)

        return call

    async def subscribe(self, query: str) -> None:
        self.subscribed.append(query)

    def rows(self) -> Iterable[Any]:
        return self.held

    async def close(self) -> None:
        self.closed += 1


class Telling(Fake):
    """One that tells by callback as well."""

    def begin(self, reducer: str) -> driving.Begin:
        call = self.call(reducer)

        def begin(waiter: driving.Waiter, arguments: tuple[Any, ...]) -> None:
            task = asyncio.ensure_future(call(*arguments))
            task.add_done_callback(
                lambda task: (
                    waiter.set_exception(task.exception())  # type: ignore[arg-type]  # there is one
                    if task.exception()
                    else waiter.set_result(None)
                )
            )

        return begin


def perform(fake: Fake, **what: Any) -> tuple[Result, list[Any]]:
    """The result of a request, and the lines told before it."""
    request = msgspec.to_builtins(Request(uri="", **{"in_flight": 4, **what}))
    out = io.StringIO()

    async def connect(asked: dict[str, Any]) -> Fake:
        assert asked is request
        return fake

    found = asyncio.run(Peer(request, connect, out).perform())  # type: ignore[arg-type]  # has all of it
    result = msgspec.convert({**found, "versions": {"package": "fake"}}, Result, strict=True)
    return result, [json.loads(line) for line in out.getvalue().splitlines()]


MARKS = [{"mark": "begin"}, {"mark": "end"}]


@pytest.mark.parametrize("kind", [Fake, Telling])
@pytest.mark.parametrize("awaited", [False, True])
def test_inserts_are_those_of_the_model(kind: type[Fake], awaited: bool) -> None:
    fake = kind()
    result, told = perform(
        fake, do="insert", warmup=6, operations=10, rows=100, seed=3, subscribed=True,
        awaited=awaited,
    )  # fmt: skip
    assert told == MARKS
    assert (result.calls, result.all_calls, result.errors) == (10, 16, 0)
    assert sorted(fake.held) == [row(id, 3) for id in range(100, 116)]
    assert (result.rows, result.digest) == digest(fake.held)
    assert fake.subscribed == ["SELECT * FROM item"]
    assert fake.most == 4
    assert fake.closed == 1
    assert result.wall_ns > 0


@pytest.mark.parametrize("kind", [Fake, Telling])
def test_failures_are_counted_and_the_first_one_told(kind: type[Fake]) -> None:
    result, _ = perform(kind(lambda number: number in (3, 9)), do="noop", warmup=5, operations=15)
    assert (result.calls, result.all_calls, result.errors) == (14, 18, 2)
    assert result.first_error == "ValueError: call 3 failed"


@pytest.mark.parametrize("kind", [Fake, Telling])
def test_a_peer_of_which_everything_fails_gives_up(kind: type[Fake]) -> None:
    fake = kind(lambda number: True)
    result, _ = perform(fake, do="noop", warmup=50, operations=10_000)
    assert result.calls == 0
    assert driving.MOST_ERRORS <= result.errors <= driving.MOST_ERRORS + 4
    assert len(fake.calls) == result.errors


def test_time_ends_what_operations_do_not() -> None:
    fake = Fake()
    result, _ = perform(fake, do="noop", operations=200_000, seconds=0.05)
    assert 0 < result.calls < 200_000
    assert result.calls == len(fake.calls)


def test_nothing_to_do_is_nothing_done() -> None:
    result, told = perform(Fake(), do="noop")
    assert (result.calls, told) == (0, MARKS)


def test_connections_are_timed_one_by_one() -> None:
    fake = Fake()
    result, told = perform(fake, do="connect", warmup=2, operations=5)
    assert len(result.times_ns) == 5
    assert fake.closed == 7
    assert told == MARKS


def test_a_subscription_is_weighed() -> None:
    fake = Fake()
    fake.held = [row(id) for id in range(7)]
    result, _ = perform(fake, do="subscribe", rows=7)
    assert (result.rows, result.digest) == digest(fake.held)
    assert fake.subscribed == ["SELECT * FROM item"]
    assert result.rss_before > 0
    assert result.rss_after > 0


def test_idleness_is_a_window() -> None:
    result, told = perform(Fake(), do="idle", seconds=0.01)
    assert result.wall_ns >= 10_000_000
    assert told == MARKS


def test_what_is_told_is_outside_of_the_window() -> None:
    class Slow(io.StringIO):
        def write(self, text: str) -> int:
            seen.append((window._start, window._end))
            return super().write(text)

    seen: list[Any] = []
    window = Window(Slow())
    window.begin()
    window.end()
    assert seen[0] == ((0, 0), (0, 0))
    assert seen[1][1] != (0, 0)
