"""Samples as raw integers in arrays that were allocated before the load began."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from harness.stats.histogram import Histogram

#: Outcomes of a sample.
SUCCEEDED, REFUSED, TIMED_OUT = 0, 1, 2

Times = NDArray[np.int64]


class Recorder:
    """Finished operations, in the order of their ends.

    Drivers write into the columns directly, at ``count``, and raise it: a method call for each
    sample would cost more than the rest. Times are nanoseconds of one monotonic clock.
    """

    __slots__ = ("asked", "capacity", "count", "done", "first_error", "intended", "outcome", "sent")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.intended = array("q", bytes(8 * capacity))
        self.sent = array("q", bytes(8 * capacity))
        self.done = array("q", bytes(8 * capacity))
        self.outcome = bytearray(capacity)
        self.count = 0
        self.asked = 0
        self.first_error = ""

    def add(self, intended_ns: int, sent_ns: int, done_ns: int, outcome: int = SUCCEEDED) -> None:
        """Note one finished operation. Raises ``IndexError`` beyond the capacity."""
        at = self.count
        self.intended[at] = intended_ns
        self.sent[at] = sent_ns
        self.done[at] = done_ns
        self.outcome[at] = outcome
        self.count = at + 1

    def fail(self, error: BaseException) -> None:
        """Remember the first failure's text."""
        if not self.first_error:
            self.first_error = str(error) or type(error).__name__

    def window(self, start_ns: int, end_ns: int) -> Window:
        """The samples that ended after ``start_ns`` and up to ``end_ns``."""
        done = np.frombuffer(self.done, np.int64)[: self.count]
        inside = (done > start_ns) & (done <= end_ns)
        return Window(
            start_ns,
            end_ns,
            np.frombuffer(self.intended, np.int64)[: self.count][inside],
            np.frombuffer(self.sent, np.int64)[: self.count][inside],
            done[inside],
        )

    def outcomes(self) -> tuple[int, int, int]:
        """How many succeeded, were refused, timed out: of all, warm-up included."""
        found = np.bincount(np.frombuffer(self.outcome, np.uint8)[: self.count], minlength=3)
        return int(found[0]), int(found[1]), int(found[2])


class Window:
    """The samples that count. Failed ones are among them, at the time at which they failed."""

    __slots__ = ("done", "end_ns", "intended", "sent", "start_ns")

    def __init__(
        self, start_ns: int, end_ns: int, intended: Times, sent: Times, done: Times
    ) -> None:
        self.start_ns, self.end_ns = start_ns, end_ns
        self.intended, self.sent, self.done = intended, sent, done

    @property
    def seconds(self) -> float:
        """How long the window is."""
        return (self.end_ns - self.start_ns) / 1e9

    def latency(self) -> Histogram:
        """What callers waited, from when the plan said to start."""
        return Histogram.of(self.done - self.intended)

    def service(self) -> Histogram:
        """From the send to the answer."""
        return Histogram.of(self.done - self.sent)

    def lateness(self) -> Histogram:
        """How much later than planned the operations were sent."""
        return Histogram.of(np.maximum(self.sent - self.intended, 0))
