"""CPU time and memory of any process of this user, in nanoseconds and bytes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeAlias

import psutil

from harness.records import ResourceUse


def cpu_ns(pid: int) -> int:
    """CPU time that a process has used, all threads, user and system.

    Linux keeps a clock for each process with nanoseconds; its number is made from the pid as
    ``clock_getcpuclockid(3)`` does. Elsewhere the system's ticks (10 ms) must do. Raises
    ``ProcessLookupError`` if there is no such process.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except (OSError, OverflowError):
        pass
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error as error:
        raise ProcessLookupError(f"no process {pid}") from error
    return int((times.user + times.system) * 1e9)


#: Of each thread by its number: nanoseconds for which it ran, and for which it was ready to run
#: and had no core.
Threads: TypeAlias = dict[int, tuple[int, int]]


def threads(pid: int) -> Threads:
    """The threads of a process; empty if the system does not tell.

    Source: the first two fields of Linux's ``/proc/<pid>/task/<thread>/schedstat``.
    """
    found: Threads = {}
    try:
        names = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for name in names:
        try:
            with open(f"/proc/{pid}/task/{name}/schedstat") as file:
                ran, waited, *_ = file.read().split()
            found[int(name)] = int(ran), int(waited)
        except (OSError, ValueError):
            continue  # it has just ended
    return found


def busiest(before: Threads, after: Threads) -> tuple[int, int] | None:
    """What the busiest thread did in between: nanoseconds run and waited; None without threads."""
    nothing = (0, 0)
    did = [
        (ran - before.get(number, nothing)[0], waited - before.get(number, nothing)[1])
        for number, (ran, waited) in after.items()
    ]
    return max(did, key=sum, default=None)


def rss_bytes(pid: int) -> int:
    """Memory that a process holds. Raises ``ProcessLookupError`` if there is no such process."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error as error:
        raise ProcessLookupError(f"no process {pid}") from error


def uss_bytes(pid: int) -> int | None:
    """Memory that a process shares with no other; None if the system does not tell."""
    try:
        return int(psutil.Process(pid).memory_full_info().uss)
    except (psutil.Error, AttributeError):
        return None


class Meter:
    """What one process uses between ``start`` and ``stop``; None for one that cannot be seen."""

    def __init__(self, pid: int | None, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self._pid = pid
        self._clock = clock
        self._start: tuple[int, int, Threads] | None = None
        self.use: ResourceUse | None = None

    def start(self) -> None:
        """The window begins."""
        self._start = self._read()

    def stop(self) -> None:
        """The window ends; ``use`` is set."""
        end = self._read()
        if self._start is None or end is None or self._pid is None:
            return
        try:
            rss = rss_bytes(self._pid)
        except ProcessLookupError:
            return
        most = busiest(self._start[2], end[2])
        self.use = ResourceUse(
            wall_ns=end[0] - self._start[0],
            cpu_ns=end[1] - self._start[1],
            rss_bytes=rss,
            waited_ns=None if most is None else most[1],
            busiest_ns=None if most is None else sum(most),
            uss_bytes=uss_bytes(self._pid),
        )

    def _read(self) -> tuple[int, int, Threads] | None:
        if self._pid is None:
            return None
        try:
            return self._clock(), cpu_ns(self._pid), threads(self._pid)
        except ProcessLookupError:
            return None


class Others:
    """CPU time that everything but the measured processes took between ``start`` and ``stop``."""

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self._clock = clock
        self._start: tuple[int, int] | None = None
        #: Cores kept busy by others; None without a window or where the system does not tell.
        self.cores: float | None = None

    def start(self) -> None:
        """The window begins."""
        self._start = self._clock(), machine_cpu_ns()

    def stop(self, *measured: ResourceUse | None) -> None:
        """The window ends; what the measured processes used in it is theirs."""
        if self._start is None:
            return
        wall = self._clock() - self._start[0]
        ours = sum(use.cpu_ns for use in measured if use is not None)
        if wall > 0:
            # The machine's count has ticks, the processes' has none: it may come out below zero.
            self.cores = max(0.0, (machine_cpu_ns() - self._start[1] - ours) / wall)


def machine_cpu_ns() -> int:
    """CPU time of all processes of this machine, and what its host took away from it."""
    times = psutil.cpu_times()
    counted = ("user", "nice", "system", "irq", "softirq", "steal")
    return int(sum(getattr(times, name, 0.0) for name in counted) * 1e9)
