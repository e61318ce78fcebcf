"""Keeps operations going on one event loop and writes down when each began and ended.

An operation is begun by calling ``issue`` with a waiter, which is told of its end;
``StopIteration`` says that the workload has no more. A waiter is as much of a future as a client
needs, without what makes futures dear: what the generator does between two operations is part of
what it measures.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from harness.errors import CallTimeout, HarnessError
from harness.load.alarm import Alarm, clock_ns
from harness.measure.recorder import REFUSED, SUCCEEDED, TIMED_OUT, Recorder
from harness.records import LoadShape

#: Begins the next operation and tells the waiter of its end. Raises StopIteration at the workload's
#: end.
Issue: TypeAlias = "Callable[[Waiter], None]"

#: Turns of the loop after which what was asked has left.
_TURNS_BETWEEN_HALVES = 3
#: Seconds between looks for operations that are over their time.
_LOOK_EVERY_S = 0.05


class Load:
    """One load: when it began, when its window was, and when it is over."""

    def __init__(self, recorder: Recorder, shape: LoadShape) -> None:
        self.recorder = recorder
        self.shape = shape
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.start_ns = clock_ns()
        self.window_ns = self.start_ns + int(shape.warmup_s * 1e9)
        self.stop_ns = self.window_ns + int(shape.duration_s * 1e9)
        self.left = recorder.capacity
        if shape.operations is not None:
            self.left = min(self.left, shape.operations)
        self.under_way = 0

    def settle(self) -> None:
        """Called when an operation has ended and none was begun in its place."""
        if not self.under_way and not self.finished.done():
            self.finished.set_result(None)

    def outcome(self, error: BaseException) -> int:
        """How an operation failed. Anything but a refusal or a time-out ends the load."""
        self.recorder.fail(error)
        if isinstance(error, CallTimeout):
            return TIMED_OUT
        if not isinstance(error, HarnessError) and not self.finished.done():
            self.left = 0
            self.finished.set_exception(error)
        return REFUSED


class Waiter:
    """Told of the end of one operation after the other.

    With ``again`` the end of one begins the next: one of the operations in flight of a closed loop.
    """

    __slots__ = ("_over", "again", "intended_ns", "issue", "load", "sent_ns")

    def __init__(self, load: Load, issue: Issue, again: bool) -> None:
        self.load = load
        self.issue = issue
        self.again = again
        self.intended_ns = self.sent_ns = 0
        self._over = False

    # --- what a client calls ---------------------------------------------------------------------

    def done(self) -> bool:
        """Whether nobody waits any more."""
        return self._over

    def set_result(self, result: Any) -> None:
        """The operation succeeded."""
        self._ended(SUCCEEDED)

    def set_exception(self, error: BaseException) -> None:
        """The operation failed."""
        self._ended(self.load.outcome(error))

    def exception(self) -> None:
        """Futures are asked for this so that nobody misses an error; here nobody can."""

    # --- what the driver calls -------------------------------------------------------------------

    def begin(self, intended_ns: int, now: int) -> None:
        """Begin an operation that was meant to begin at ``intended_ns``."""
        load = self.load
        if load.left <= 0:
            return
        self.intended_ns, self.sent_ns = intended_ns, now
        load.left -= 1
        load.under_way += 1
        load.recorder.asked += 1
        try:
            self.issue(self)
        except StopIteration:
            self._over = True
            load.left = 0
            load.under_way -= 1
            load.recorder.asked -= 1
        except HarnessError as error:
            # The connection is gone, or the operation cannot be said: no other will do better.
            self.again = False
            load.left = 0
            self._ended(load.outcome(error))

    def expire(self, now: int, limit_ns: int) -> bool:
        """Give up an operation that takes longer than ``limit_ns``; whether it was."""
        if self._over or not self.intended_ns or now - self.sent_ns <= limit_ns:
            return False
        again, self.again = self.again, False
        self.load.recorder.fail(CallTimeout(f"no answer within {limit_ns / 1e9:g} s"))
        self._ended(TIMED_OUT)
        return again

    def _ended(self, outcome: int) -> None:
        now = clock_ns()
        load = self.load
        recorder = load.recorder
        at = recorder.count
        recorder.intended[at] = self.intended_ns
        recorder.sent[at] = self.sent_ns
        recorder.done[at] = now
        if outcome:
            recorder.outcome[at] = outcome
        recorder.count = at + 1
        load.under_way -= 1
        if self.again and now < load.stop_ns and load.left > 0:
            self.begin(now, now)
        else:
            self._over = True
        if not load.under_way:
            load.settle()


async def closed_loop(issues: Sequence[Issue], recorder: Recorder, shape: LoadShape) -> Load:
    """Keep ``shape.in_flight`` operations outstanding for each of the ``issues``.

    Returns when every operation has ended; raises what an operation failed with if it is no
    expected error.
    """
    load = Load(recorder, shape)
    lanes = [Waiter(load, issue, True) for issue in issues for _ in range(shape.in_flight)]
    expiry = _Expiry(load, lanes)
    # In two halves, of which one is with the server while the other is with us. Begun all at once
    # they would stay together for ever: asked in one frame, answered in one frame, with the server
    # idle while we work and the other way round.
    load.under_way += 1  # the halves to come
    for half in (lanes[::2], lanes[1::2]):
        for lane in half:
            now = clock_ns()
            lane.begin(now, now)
        for _ in range(_TURNS_BETWEEN_HALVES):
            await asyncio.sleep(0)
    load.under_way -= 1
    load.settle()
    try:
        await load.finished
    finally:
        expiry.close()
    return load


async def open_loop(
    issues: Sequence[Issue], recorder: Recorder, shape: LoadShape, plan: Iterator[int]
) -> Load:
    """Begin operations when the plan says, in turn over the ``issues``, whatever is outstanding.

    An operation that comes late, because the loop was busy, is sent late and its intended time
    stays what it was.
    """
    load = Load(recorder, shape)
    waiting: deque[Waiter] = deque()
    turn, due = 0, next(plan, None)
    load.under_way = 1  # the plan itself, until it is exhausted

    def send_due() -> None:
        nonlocal turn, due
        while due is not None and load.left > 0:
            now = clock_ns()
            intended_ns = load.start_ns + due
            if intended_ns > now:
                alarm.set(intended_ns - now)
                return
            due = next(plan, None)
            waiter = Waiter(load, issues[turn % len(issues)], False)
            turn += 1
            waiting.append(waiter)
            waiter.begin(intended_ns, now)
        load.under_way -= 1
        load.settle()

    alarm = Alarm(asyncio.get_running_loop(), send_due)
    expiry = _Expiry(load, waiting)
    try:
        send_due()
        await load.finished
    finally:
        expiry.close()
        alarm.close()
    return load


class _Expiry:
    """Gives up operations that are over their time; a lane of a closed loop gets a successor."""

    def __init__(self, load: Load, waiting: list[Waiter] | deque[Waiter]) -> None:
        self._load = load
        self._waiting = waiting
        self._limit_ns = int(load.shape.timeout_s * 1e9)
        self._loop = asyncio.get_running_loop()
        self._arm()

    def close(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _arm(self) -> None:
        every_s = min(_LOOK_EVERY_S, self._load.shape.timeout_s)
        self._timer = self._loop.call_later(every_s, self._look)

    def _look(self) -> None:
        now = clock_ns()
        waiting = self._waiting
        if isinstance(waiting, deque):
            while waiting and waiting[0].done():
                waiting.popleft()
            for waiter in list(waiting):
                waiter.expire(now, self._limit_ns)
        else:
            for at, lane in enumerate(waiting):
                if lane.expire(now, self._limit_ns) and now < self._load.stop_ns:
                    waiting[at] = Waiter(self._load, lane.issue, True)
                    waiting[at].begin(now, now)
        self._arm()
