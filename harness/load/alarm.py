"""An alarm for event loops that keeps to microseconds.

The loops' own timers keep to milliseconds, which is longer than most answers take. Linux has timers
that are files; the loop watches the file. Elsewhere the loop's timers must do, and the recorded
lateness shows it.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Alarm:
    """Calls back once, a given time after it was set; setting it again replaces the time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._timer: asyncio.TimerHandle | None = None
        self._file = -1
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._file = self._libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self._file >= 0:
            loop.add_reader(self._file, self._ring)

    def set(self, after_ns: int) -> None:
        """Ring after this many nanoseconds; at once (in the loop's next turn) for 0 or less."""
        if self._file < 0:
            self._cancel()
            self._timer = self._loop.call_later(max(0, after_ns) / 1e9, self._callback)
            return
        seconds, nanoseconds = divmod(max(1, after_ns), 1_000_000_000)  # 0 would disarm it
        setting = _Setting(_Timespec(0, 0), _Timespec(seconds, nanoseconds))
        self._libc.timerfd_settime(self._file, 0, ctypes.byref(setting), None)

    def close(self) -> None:
        """Never ring again."""
        self._cancel()
        if self._file >= 0:
            self._loop.remove_reader(self._file)
            os.close(self._file)
            self._file = -1

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:
            return  # set anew since it rang
        self._callback()


#: The clock that alarms and recorders share.
clock_ns = time.perf_counter_ns
