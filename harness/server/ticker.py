"""The heartbeat of one hub on an event loop: commits, syncs, checkpoints, schedules.

A commit happens at the end of every tick in which something was done and only writes; syncs to disk
run in a thread, one at a time, and cover all commits before them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from harness.errors import HarnessError, InternalError
from harness.module.http import HttpRequest, HttpResponse
from harness.server.hub import Hub
from harness.server.outgoing import Outgoing
from harness.server.procedures import Steps

#: A write-ahead log longer than this is folded into the database, in bytes.
CHECKPOINT_BYTES = 8 * 1024 * 1024


class Ticker:
    """Drives a hub. ``on_failure`` is told when storage fails: nothing can be promised then.

    ``outgoing`` sends the HTTP requests of its procedures.
    """

    def __init__(
        self,
        hub: Hub,
        loop: asyncio.AbstractEventLoop,
        on_failure: Callable[[Exception], None],
        outgoing: Outgoing,
    ) -> None:
        self._hub = hub
        self._outgoing = outgoing
        self._loop = loop
        self._on_failure = on_failure
        self._scheduled = False
        self._syncing: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[tuple[int, Callable[[], None]]] = []
        self._stopped = False
        self._tasks: set[asyncio.Task[Any]] = set()
        hub.on_ready = self.schedule
        hub.procedures.spawn = self.spawn
        hub.procedures.fetch = self.fetch

    def schedule(self) -> None:
        """End the tick as soon as what is already due has run."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.end)

    def end(self) -> None:
        """Commit and send; begin a sync if somebody waits for one."""
        self._scheduled = False
        if self._stopped:
            return
        try:
            wanted = self._hub.end_tick()
        except HarnessError as error:
            self._on_failure(error)
            return
        if wanted or self._waiting or self._hub.database.wal_bytes > CHECKPOINT_BYTES:
            self._sync()
        self._plan_due()

    def when_durable(self, then: Callable[[], None]) -> None:
        """Call ``then`` once everything committed so far is on disk."""
        self._waiting.append((self._hub.database.position, then))
        self._sync()

    def _sync(self) -> None:
        if self._syncing is None and not self._stopped:
            database = self._hub.database
            position = database.position
            self._syncing = self._loop.run_in_executor(None, self._work)
            self._syncing.add_done_callback(lambda done: self._synced(done, position))

    def _work(self) -> None:
        database = self._hub.database
        database.sync()
        if database.wal_bytes > CHECKPOINT_BYTES:
            database.checkpoint()

    def _synced(self, done: asyncio.Future[None], position: int) -> None:
        self._syncing = None
        if self._stopped:
            return
        error = done.exception()
        if error is not None:
            self._on_failure(error if isinstance(error, Exception) else RuntimeError(str(error)))
            return
        more = self._hub.synced(position)
        ready = [then for wanted, then in self._waiting if wanted <= position]
        self._waiting = [item for item in self._waiting if item[0] > position]
        for then in ready:
            then()
        if more or self._waiting:
            self._sync()

    def _plan_due(self) -> None:
        """Set the timer to the next scheduled reducer."""
        due = self._hub.database.next_due()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            delay = max(0.0, (due.micros - self._hub.clock()) / 1_000_000)
            self._timer = self._loop.call_later(min(delay, 3600.0), self._run_due)

    def _run_due(self) -> None:
        self._timer = None
        self._hub.run_due()
        self.schedule()

    def spawn(
        self, steps: Steps, limit_s: float, then: Callable[[Any, BaseException | None], None]
    ) -> None:
        """Run a procedure beside everything else, for so many seconds at the most."""
        task = self._loop.create_task(steps)
        timer = self._loop.call_later(limit_s, task.cancel)
        self._tasks.add(task)

        def ended(task: asyncio.Task[Any]) -> None:
            timer.cancel()
            self._tasks.discard(task)
            error: BaseException | None = None
            if task.cancelled():
                error = InternalError(f"the procedure did not end within {limit_s:g} s")
            else:
                error = task.exception()
            if self._stopped:
                return
            try:
                then(None if error else task.result(), error)
            except HarnessError as failed:
                self._on_failure(failed)

        task.add_done_callback(ended)

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        """Send a procedure's request beside it: what is done for it is no step of the module's."""
        task = self._loop.create_task(self._outgoing.fetch(request))
        try:
            return await task
        finally:
            task.cancel()

    def halt(self, then: Callable[[], None]) -> None:
        """Commit what is left, and do nothing any more; ``then`` when no thread works on it."""
        self.end()
        if self._timer is not None:  # the end of a tick has set it
            self._timer.cancel()
        self._cancel()
        self._stopped = True
        waiting, self._waiting = self._waiting, []
        for _, answer in waiting:
            answer()
        if self._syncing is None:
            then()
        else:
            self._syncing.add_done_callback(lambda done: then())

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        """Commit and sync what is left."""
        if self._timer is not None:
            self._timer.cancel()
        self._hub.end_tick()
        self._cancel()
        self._stopped = True
        if self._syncing is not None:
            await asyncio.wait([self._syncing])
        self._hub.database.sync()
