"""How the processes of a run did over its window: a look at them every so often.

A look costs the client's loop some 13 µs on a core of its own, and more on a busy one: two clocks
and two files of ``/proc``. They are 50 ms apart at the least, and forty in a window at the most.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import NamedTuple

from harness.measure.pauses import LoopLag
from harness.measure.processes import cpu_ns, rss_bytes
from harness.records import Trace

#: Looks at the most, and the shortest time between two of them.
_MOST, _LEAST_S = 40, 0.05
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class _Look(NamedTuple):
    at_ns: int
    cpu_ns: tuple[int | None, int | None]
    rss_bytes: tuple[int | None, int | None]
    #: How many delays of the loop had been seen.
    delays: int


class Sampler:
    """Looks at client and server (if it can be seen) while the window lasts; ``lag`` sees delays.

    ``clock`` gives nanoseconds of the clock that the samples of the load have.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        server_pid: int | None,
        window_s: float,
        lag: LoopLag,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._loop, self._clock, self._lag = loop, clock, lag
        self._pids = os.getpid(), server_pid
        self._every_s = max(window_s / _MOST, _LEAST_S)
        self._looks: list[_Look] = []
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """The window begins."""
        self._looks.clear()
        self._look()

    def stop(self) -> None:
        """The window ends, with a last look."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._looks.append(self._read())

    def _look(self) -> None:
        self._looks.append(self._read())
        self._timer = self._loop.call_later(self._every_s, self._look)

    def _read(self) -> _Look:
        client, server = self._pids
        return _Look(
            self._clock(),
            (_cpu(client), _cpu(server)),
            (_memory(client), _memory(server)),
            len(self._lag.values),
        )

    def traces(self) -> list[Trace]:
        """Cores kept busy between looks, memory at each, the loop's longest delay between them.

        Nothing of a process that cannot be seen.
        """
        if len(self._looks) < 2:
            return []
        began = self._looks[0].at_ns
        made = []
        for side, name in enumerate(("client", "server")):
            busy, memory = _Drawn(), _Drawn()
            for before, after in zip(self._looks, self._looks[1:], strict=False):
                at_s = (after.at_ns - began) / 1e9
                spent = after.at_ns - before.at_ns
                first, last = before.cpu_ns[side], after.cpu_ns[side]
                if first is not None and last is not None and spent > 0:
                    busy.add(at_s, (last - first) / spent)
                held = after.rss_bytes[side]
                if held is not None:
                    memory.add(at_s, held)
            made += [busy.named(f"{name} CPU", "cores"), memory.named(f"{name} memory", "bytes")]
        delays = _Drawn()
        for before, after in zip(self._looks, self._looks[1:], strict=False):
            seen = self._lag.values[before.delays : after.delays]
            delays.add((after.at_ns - began) / 1e9, max(seen, default=0))
        made.append(delays.named("loop lag", "ns"))
        return [trace for trace in made if trace.values]


class _Drawn:
    """Points of a trace while it is made."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._values: list[float] = []

    def add(self, at_s: float, value: float) -> None:
        self._times.append(round(at_s, 4))
        self._values.append(float(f"{value:.5g}"))

    def named(self, name: str, unit: str) -> Trace:
        return Trace(name=name, unit=unit, times_s=self._times, values=self._values)


def _cpu(pid: int | None) -> int | None:
    try:
        return None if pid is None else cpu_ns(pid)
    except ProcessLookupError:
        return None


def _memory(pid: int | None) -> int | None:
    """Resident bytes; from the file that Linux has for it, which is ten times as quick."""
    if pid is None:
        return None
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        pass
    try:
        return rss_bytes(pid)
    except ProcessLookupError:
        return None
