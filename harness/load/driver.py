"""Keeps operations going on one event loop and writes down when each began and ended.

An operation is begun by calling ``issue``, which hands out the next one of the workload and returns
its future; ``StopIteration`` says that there is none left. Futures need ``add_done_callback`` and
``exception``, as asyncio's have. The closed loop costs one callback for each operation and nothing
else: what the generator does between two operations is part of what it measures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from harness.errors import CallTimeout, HarnessError
from harness.load.alarm import Alarm, clock_ns
from harness.measure.recorder import REFUSED, SUCCEEDED, TIMED_OUT, Recorder
from harness.records import LoadShape

#: Begins the next operation and returns its future. Raises StopIteration at the workload's end.
Issue: TypeAlias = Callable[[], Any]

#: Turns of the loop after which what was asked has left.
_TURNS_BETWEEN_HALVES = 3


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
            self.finished.set_exception(error)
        return REFUSED


async def closed_loop(issues: Sequence[Issue], recorder: Recorder, shape: LoadShape) -> Load:
    """Keep ``shape.in_flight`` operations outstanding for each of the ``issues``.

    Returns when every operation has ended; raises what an operation failed with if it is no
    expected error.
    """
    load = Load(recorder, shape)
    lanes = [_lane(issue, load) for issue in issues for _ in range(shape.in_flight)]
    # In two halves, of which one is with the server while the other is with us. Begun all at once
    # they would stay together for ever: asked in one frame, answered in one frame, with the server
    # idle while we work and the other way round.
    load.under_way += 1  # the halves to come
    for half in (lanes[::2], lanes[1::2]):
        for begin in half:
            begin()
        for _ in range(_TURNS_BETWEEN_HALVES):
            await asyncio.sleep(0)
    load.under_way -= 1
    load.settle()
    await load.finished
    return load


def _lane(issue: Issue, load: Load) -> Callable[[], None]:
    """One of the operations in flight: its end begins the next. Local names, for speed."""
    recorder, stop_ns, clock = load.recorder, load.stop_ns, clock_ns
    intended, sent, done = recorder.intended, recorder.sent, recorder.done
    outcome = recorder.outcome
    began = 0

    def begin() -> None:
        nonlocal began
        if load.left <= 0:
            return
        began = clock()
        try:
            future = issue()
        except StopIteration:
            load.left = 0
            return
        load.left -= 1
        load.under_way += 1
        recorder.asked += 1
        future.add_done_callback(ended)

    def ended(future: Any) -> None:
        nonlocal began
        now = clock()
        error = future.exception()
        at = recorder.count
        intended[at] = sent[at] = began
        done[at] = now
        outcome[at] = SUCCEEDED if error is None else load.outcome(error)
        recorder.count = at + 1
        if now < stop_ns and load.left > 0:
            try:
                future = issue()
            except StopIteration:
                load.left = 0
            else:
                began = now
                load.left -= 1
                recorder.asked += 1
                future.add_done_callback(ended)
                return
        load.under_way -= 1
        load.settle()

    return begin


async def open_loop(
    issues: Sequence[Issue], recorder: Recorder, shape: LoadShape, plan: Iterator[int]
) -> Load:
    """Begin operations when the plan says, in turn over the ``issues``, whatever is outstanding.

    An operation that comes late, because the loop was busy, is sent late and its intended time
    stays what it was.
    """
    load = Load(recorder, shape)
    loop = asyncio.get_running_loop()
    turn = 0
    due = next(plan, None)
    load.under_way = 1  # the plan itself, until it is exhausted

    def send_due() -> None:
        nonlocal turn, due
        while due is not None:
            now = clock_ns()
            intended_ns = load.start_ns + due
            if intended_ns > now:
                alarm.set(intended_ns - now)
                return
            due = next(plan, None)
            try:
                future = issues[turn % len(issues)]()
            except StopIteration:
                due = None
                break
            turn += 1
            recorder.asked += 1
            load.under_way += 1
            future.add_done_callback(_ender(load, intended_ns, now))
            load.left -= 1
            if load.left <= 0:
                due = None
        load.under_way -= 1
        load.settle()

    alarm = Alarm(loop, send_due)
    try:
        send_due()
        await load.finished
    finally:
        alarm.close()
    return load


def _ender(load: Load, intended_ns: int, sent_ns: int) -> Callable[[Any], None]:
    def ended(future: Any) -> None:
        now = clock_ns()
        error = future.exception()
        kind = SUCCEEDED if error is None else load.outcome(error)
        load.recorder.add(intended_ns, sent_ns, now, kind)
        load.under_way -= 1
        load.settle()

    return ended
