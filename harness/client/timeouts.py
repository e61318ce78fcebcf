"""The time-outs of all calls of a connection, with one timer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any


class Deadlines:
    """Calls ``expire(request_id, future)`` for futures that are not done after ``limit_s`` seconds.

    All have the same limit, so the first to be watched is the first to be late: a queue will do.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit_s: float,
        expire: Callable[[int, asyncio.Future[Any]], None],
    ) -> None:
        self.limit_s = limit_s
        self._loop = loop
        self._expire = expire
        self._queue: deque[tuple[float, int, asyncio.Future[Any]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, request_id: int, future: asyncio.Future[Any]) -> None:
        """From now on."""
        queue = self._queue
        while queue and queue[0][2].done():  # or finished calls would pile up for the whole limit
            queue.popleft()
        queue.append((self._loop.time() + self.limit_s, request_id, future))
        if self._timer is None:
            self._timer = self._loop.call_later(self.limit_s, self._look)

    def clear(self) -> None:
        """Watch nothing any more."""
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __len__(self) -> int:
        return len(self._queue)

    def _look(self) -> None:
        self._timer = None
        queue, now = self._queue, self._loop.time()
        while queue:
            when, request_id, future = queue[0]
            if not future.done() and when > now:
                self._timer = self._loop.call_at(when, self._look)
                return
            queue.popleft()
            if not future.done():
                self._expire(request_id, future)
