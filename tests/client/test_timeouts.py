"""One timer for all calls, with a clock that the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from harness.client.timeouts import Deadlines


class Timer:
    def __init__(self, when: float, act: Callable[[], None]) -> None:
        self.when = when
        self.act = act
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """As much of an event loop as deadlines need."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, act: Callable[[], None]) -> Timer:
        return self.call_at(self.now + delay, act)

    def call_at(self, when: float, act: Callable[[], None]) -> Timer:
        self.timers.append(Timer(when, act))
        return self.timers[-1]

    def turn(self, now: float) -> None:
        """Let time pass, and run what is due."""
        self.now = now
        due = [timer for timer in self.timers if timer.when <= now and not timer.cancelled]
        self.timers = [timer for timer in self.timers if timer not in due]
        for timer in due:
            timer.act()

    @property
    def running(self) -> list[float]:
        return [timer.when for timer in self.timers if not timer.cancelled]


class Scene:
    def __init__(self, limit_s: float = 10.0) -> None:
        self.clock = Clock()
        self.late: list[int] = []
        self.deadlines = Deadlines(self.clock, limit_s, self._expire)  # type: ignore[arg-type]  # a clock is enough

    def _expire(self, request_id: int, future: asyncio.Future[Any]) -> None:
        self.late.append(request_id)
        future.cancel()

    def call(self, request_id: int) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.deadlines.watch(request_id, future)
        return future


def play(story: Callable[[Scene], None]) -> None:
    async def run() -> None:
        story(Scene())

    asyncio.run(run())


def test_only_the_late_ones_expire_and_each_in_its_time() -> None:
    def story(scene: Scene) -> None:
        scene.call(1)
        scene.clock.turn(4)
        quick = scene.call(2)
        scene.call(3)
        scene.clock.turn(6)
        quick.set_result(None)
        scene.clock.turn(9.9)
        assert scene.late == []
        scene.clock.turn(10)
        assert scene.late == [1]
        scene.clock.turn(13.9)
        assert scene.late == [1]
        scene.clock.turn(14)
        assert scene.late == [1, 3]
        assert scene.clock.running == []

    play(story)


def test_there_is_one_timer_for_all() -> None:
    def story(scene: Scene) -> None:
        for number in range(100):
            scene.call(number)
        assert scene.clock.running == [10]
        scene.clock.turn(20)
        assert scene.late == list(range(100))

    play(story)


def test_finished_calls_do_not_pile_up() -> None:
    def story(scene: Scene) -> None:
        for number in range(1000):
            scene.call(number).set_result(None)
        assert len(scene.deadlines) == 1
        scene.clock.turn(10)
        assert scene.late == []
        assert (len(scene.deadlines), scene.clock.running) == (0, [])

    play(story)


def test_cleared_is_forgotten() -> None:
    def story(scene: Scene) -> None:
        scene.call(1)
        scene.deadlines.clear()
        assert scene.clock.running == []
        scene.clock.turn(10)
        assert scene.late == []
        scene.call(2)
        scene.clock.turn(20)
        assert scene.late == [2]

    play(story)
