"""The driver keeps what it promises: so many in flight, every end counted, plans kept to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import CallTimeout, ConnectionLost, ReducerError
from harness.load import driver
from harness.measure.recorder import Recorder
from harness.records import LoadShape

Failure = Callable[[int], BaseException | None]


class Echo:
    """Answers each operation a loop turn later, and knows how many were outstanding."""

    def __init__(self, limit: int = 10**9, failure: Failure = lambda number: None) -> None:
        self.begun = self.outstanding = self.most = 0
        self.limit, self.failure = limit, failure

    def issue(self, waiter: driver.Waiter) -> None:
        if self.begun >= self.limit:
            raise StopIteration
        self.begun += 1
        self.outstanding += 1
        self.most = max(self.most, self.outstanding)
        loop = asyncio.get_running_loop()
        loop.call_soon(self._answer, waiter, self.failure(self.begun))

    def _answer(self, waiter: driver.Waiter, error: BaseException | None) -> None:
        self.outstanding -= 1
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)


def closed(echo: Echo, connections: int = 1, **shape: Any) -> Recorder:
    recorder = Recorder(10_000)

    async def go() -> None:
        issues = [echo.issue] * connections
        await driver.closed_loop(issues, recorder, LoadShape(connections=connections, **shape))

    asyncio.run(go())
    return recorder


@pytest.mark.parametrize("in_flight", [1, 7, 64])
@pytest.mark.parametrize("connections", [1, 3])
def test_a_closed_loop_keeps_its_number_in_flight(in_flight: int, connections: int) -> None:
    echo = Echo()
    recorder = closed(
        echo, connections, in_flight=in_flight, operations=1_000, duration_s=60, warmup_s=0
    )
    assert echo.most == in_flight * connections
    assert recorder.asked == recorder.count == echo.begun == 1_000
    assert recorder.outcomes() == (1_000, 0, 0)


def test_a_closed_loop_ends_with_its_workload() -> None:
    recorder = closed(Echo(limit=10), in_flight=4, duration_s=60)
    assert recorder.asked == recorder.count == 10


def test_a_workload_without_operations_ends_at_once() -> None:
    assert closed(Echo(limit=0), in_flight=4, duration_s=60).asked == 0


def test_the_capacity_ends_the_load() -> None:
    recorder = Recorder(5)

    async def go() -> None:
        await driver.closed_loop([Echo().issue], recorder, LoadShape(in_flight=2, duration_s=60))

    asyncio.run(go())
    assert recorder.count == 5


def test_failures_are_samples() -> None:
    errors = {3: ReducerError("no such item 3"), 5: CallTimeout("late"), 6: ReducerError("other")}
    recorder = closed(Echo(failure=errors.get), in_flight=2, operations=10, duration_s=60)
    assert recorder.outcomes() == (7, 2, 1)
    assert recorder.first_error == "no such item 3"
    assert recorder.window(0, 2**62).latency().count == 10


def test_what_nobody_expected_ends_the_load() -> None:
    with pytest.raises(ZeroDivisionError):
        closed(Echo(failure={3: ZeroDivisionError()}.get), in_flight=2, duration_s=60)


def test_operations_without_an_answer_time_out_and_the_load_goes_on() -> None:
    """The first two of ten are never answered: each is a sample, and its place is taken."""
    held: list[driver.Waiter] = []

    class Silent(Echo):
        def issue(self, waiter: driver.Waiter) -> None:
            super().issue(waiter)

        def _answer(self, waiter: driver.Waiter, error: BaseException | None) -> None:
            if len(held) < 2:
                held.append(waiter)
            else:
                super()._answer(waiter, error)

    recorder = closed(Silent(), in_flight=2, operations=10, duration_s=60, timeout_s=0.01)
    assert recorder.outcomes() == (8, 0, 2)
    assert recorder.first_error == "no answer within 0.01 s"
    # An answer that comes after all finds nobody waiting.
    assert all(waiter.done() for waiter in held)


def test_a_lost_connection_ends_the_load() -> None:
    class Lost(Echo):
        def issue(self, waiter: driver.Waiter) -> None:
            if self.begun >= 5:
                raise ConnectionLost("the server is gone")
            super().issue(waiter)

    recorder = closed(Lost(), in_flight=2, duration_s=60)
    assert recorder.asked == recorder.count == 6
    assert recorder.outcomes() == (5, 1, 0)
    assert recorder.first_error == "the server is gone"


def test_samples_follow_each_other() -> None:
    recorder = closed(Echo(), in_flight=1, operations=50, duration_s=60)
    for at in range(50):
        assert recorder.intended[at] == recorder.sent[at] <= recorder.done[at]
    # The next begins when the one before ends: no time is lost between them.
    assert list(recorder.sent[1:50]) == list(recorder.done[:49])


def opened(echo: Echo, plan: list[int], before: Callable[[], None] = lambda: None) -> Recorder:
    recorder = Recorder(1_000)

    async def go() -> driver.Load:
        asyncio.get_running_loop().call_soon(before)
        shape = LoadShape(rate_per_s=1, duration_s=60)
        return await driver.open_loop([echo.issue], recorder, shape, iter(plan))

    load = asyncio.run(go())
    recorder.intended[: recorder.count] = type(recorder.intended)(
        "q", (x - load.start_ns for x in recorder.intended[: recorder.count])
    )
    return recorder


def test_an_open_loop_keeps_to_its_plan() -> None:
    plan = [k * 100_000 for k in range(100)]
    recorder = opened(Echo(), plan)
    assert sorted(recorder.intended[: recorder.count]) == plan
    assert recorder.asked == 100


def test_late_operations_keep_their_intended_time() -> None:
    """The loop is held up: what was due in the meantime is sent late, and says so."""
    import time

    held_ns = 20_000_000
    recorder = opened(Echo(), [0, 1_000_000, 2_000_000], lambda: time.sleep(held_ns / 1e9))
    assert sorted(recorder.intended[:3]) == [0, 1_000_000, 2_000_000]


def test_an_open_loop_waits_for_nobody() -> None:
    echo = Echo()
    opened(echo, [0] * 50)
    assert echo.most == 50


def test_an_empty_plan_ends_at_once() -> None:
    assert opened(Echo(), []).asked == 0
