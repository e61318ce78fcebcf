"""How processes did over a window: looked at now and then, with a clock that the test turns."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import numpy as np
import pytest

from harness.measure.pauses import LoopLag
from harness.measure.recorder import Window
from harness.measure.traces import Sampler
from harness.run.window import drawn


class Loop:
    """Calls back when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> Loop:
        self.waiting.append(callback)
        return self

    def cancel(self) -> None:
        self.waiting.clear()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Time, and the CPU time of the server: what the sampler is told of it."""
    made = {"at": 1_000_000_000, "cpu": 0}
    monkeypatch.setattr("harness.measure.traces.cpu_ns", lambda pid: made["cpu"])
    return made


def test_cores_memory_and_delays_between_looks(now: dict[str, int]) -> None:
    loop = Loop()
    lag = LoopLag(asyncio.new_event_loop())
    sampler = Sampler(loop, os.getpid(), 10.0, lag, clock=lambda: now["at"])  # type: ignore[arg-type]  # a loop as far as needed
    sampler.start()
    for cores, delays in ((0.5, [5, 900]), (1.0, [])):
        now["at"] += 250_000_000
        now["cpu"] += int(cores * 250_000_000)
        lag.values += delays
        loop.waiting.pop()()
    sampler.stop()
    found = {trace.name: trace for trace in sampler.traces()}
    assert found["server CPU"].values[:2] == [0.5, 1.0]
    assert found["server CPU"].times_s[:2] == [0.25, 0.5]
    assert found["loop lag"].values[:2] == [900, 0]
    assert found["server memory"].values[0] > 1_000_000
    lag._loop.close()


def test_a_server_that_cannot_be_seen_has_no_trace(now: dict[str, int]) -> None:
    loop = Loop()
    lag = LoopLag(asyncio.new_event_loop())
    sampler = Sampler(loop, None, 10.0, lag, clock=lambda: now["at"])  # type: ignore[arg-type]  # a loop as far as needed
    sampler.start()
    now["at"] += 1_000
    sampler.stop()
    assert {trace.name for trace in sampler.traces()} == {"client CPU", "client memory", "loop lag"}
    lag._loop.close()


def test_a_window_that_never_began_has_no_trace() -> None:
    lag = LoopLag(asyncio.new_event_loop())
    sampler = Sampler(Loop(), None, 1.0, lag)  # type: ignore[arg-type]  # a loop as far as needed
    sampler.stop()
    assert sampler.traces() == []
    lag._loop.close()


def test_rate_and_latency_over_the_window() -> None:
    """A hundred calls in the first half, three hundred in the second, each three times as slow."""
    done = np.concatenate([np.linspace(1, 500, 100), np.linspace(501, 1000, 300)]).astype(np.int64)
    slow = np.where(done <= 500, 10, 30)
    window = Window(0, 1000, done - slow, done - slow, done)
    found = {trace.name: trace for trace in drawn(window, each=2)}
    rate = np.array(found["rate"].values)
    assert len(rate) == 20
    assert rate.sum() * window.seconds / 20 == pytest.approx(800)
    assert rate[10:].sum() == pytest.approx(3 * rate[:10].sum(), rel=0.05)
    assert set(found["latency, median"].values[:9]) == {10.0}
    assert set(found["latency, 99 %"].values[11:]) == {30.0}


def test_too_few_samples_have_no_course() -> None:
    done = np.arange(1, 30, dtype=np.int64)
    assert drawn(Window(0, 30, done, done, done)) == []
