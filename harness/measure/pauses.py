"""What holds the client up: garbage collections and an event loop that comes late."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable

from harness.records import Pauses

#: Seconds between looks at the loop.
LOOK_EVERY_S = 0.01


class _Durations:
    def __init__(self) -> None:
        self.values: list[int] = []

    def clear(self) -> None:
        """Forget what was seen: the warm-up is over."""
        self.values.clear()

    def summary(self) -> Pauses:
        """What was seen since the last ``clear``, in nanoseconds."""
        values = self.values
        return Pauses(count=len(values), total_ns=sum(values), max_ns=max(values, default=0))


class GcWatch(_Durations):
    """Notes how long each garbage collection of this process took."""

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        super().__init__()
        self._clock = clock
        self._began = 0

    def __enter__(self) -> GcWatch:
        gc.callbacks.append(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._see)

    def _see(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = self._clock()
        elif self._began:
            self.values.append(self._clock() - self._began)


class LoopLag(_Durations):
    """Notes how much later than asked the event loop calls back."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        every_s: float = LOOK_EVERY_S,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        super().__init__()
        self._loop = loop
        self._every_s = every_s
        self._clock = clock
        self._due = 0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> LoopLag:
        self._arm()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self._due = self._clock() + int(self._every_s * 1e9)
        self._timer = self._loop.call_later(self._every_s, self._look)

    def _look(self) -> None:
        self.values.append(max(0, self._clock() - self._due))
        self._arm()
