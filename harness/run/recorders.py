"""Profilers within a process, alike to those who switch them on and off.

Only the standard library is needed to import this: ``profiled.py`` loads it by its path, into
processes of any environment.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Protocol

#: How often a second of CPU time is sampled. Systems round it to their ticks, often 250 a second.
RATE = 1_000
#: CPU time of another thread that is worth a sample; below it lies what sampling itself costs.
_LEAST_NS = 50_000
#: Deeper stacks keep their innermost calls.
_DEEPEST = 200
_HERE = os.path.abspath(__file__)
#: Files whose calls surround the program, and are none of it.
_OURS = (_HERE, os.path.join(os.path.dirname(_HERE), "profiled.py"), runpy.__file__)
_RUNPY = "<frozen runpy>"


class Recorder(Protocol):
    """A profiler that can be switched on and off; ``fine`` if that may happen each millisecond."""

    fine: bool

    def begin(self, group: str) -> None: ...
    def end(self) -> None: ...
    def found(self) -> dict[str, Any]: ...


class Names:
    """Frames by number, as they are written."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, str, int], int] = {}

    def number(self, name: str, file: str, line: int) -> int:
        return self.numbers.setdefault((name, file, line), len(self.numbers))

    def of_code(self, code: CodeType, module: str | None) -> int:
        return self.number(code.co_qualname, _short(code.co_filename, module), code.co_firstlineno)

    def written(self) -> list[tuple[str, str, int]]:
        return list(self.numbers)


def _short(file: str, module: str | None = None) -> str:
    """A file as its path within its package, the same wherever it is installed."""
    if file.startswith("<"):
        return file
    parts = file.replace("\\", "/").split("/")
    if module is not None:
        depth = module.count(".") + (2 if parts[-1] == "__init__.py" else 1)
        return "/".join(parts[-depth:])
    for place in sorted(sys.path, key=len, reverse=True):
        if place and file.startswith(place.rstrip(os.sep) + os.sep):
            return file[len(place.rstrip(os.sep)) + 1 :].replace("\\", "/")
    # An editable installation may be found by a hook, not on the path.
    return "/".join(parts[parts.index("harness") :]) if "harness" in parts else parts[-1]


def _module(frame: FrameType) -> str | None:
    name = frame.f_globals.get("__name__")
    if name == "__main__":
        name = getattr(frame.f_globals.get("__spec__"), "name", None)
    return name if isinstance(name, str) else None


class Sampler:
    """Looks at the stacks at ticks of the process' CPU time; each sample weighs what was used.

    The weight is the CPU time of the thread since its last sample, by the thread's own clock, so
    what ticks are missed or late loses nothing. Time in C is laid to the Python that called it.
    Python lets the main thread alone look; other threads are seen as often as it comes round, which
    under an event loop is at once.
    """

    fine = True

    def __init__(self, rate: int) -> None:
        self._period = 1 / rate
        self._main = threading.main_thread().ident
        self._on, self._group = False, ""
        self._codes: dict[int, tuple[CodeType, str | None]] = {}
        self._stacks: dict[tuple[str, tuple[int, ...]], list[int]] = {}
        self._last: dict[int | None, int] = {}
        self._left = 0
        self._cpu = self._used = 0
        signal.signal(signal.SIGPROF, self._tick)
        signal.siginterrupt(signal.SIGPROF, False)

    def begin(self, group: str) -> None:
        self._group = group
        self._last = {thread: _cpu_of(thread) for thread in sys._current_frames()}
        self._cpu = time.process_time_ns()
        if not self._on and not self._used:
            signal.setitimer(signal.ITIMER_PROF, self._period, self._period)
        self._last[self._main] = time.thread_time_ns()
        self._on = True

    def end(self) -> None:
        if not self._on:
            return
        self._on = False
        # What was used since the last sample is laid to the first one of the next window.
        self._left += time.thread_time_ns() - self._last[self._main]
        self._used += max(1, time.process_time_ns() - self._cpu)

    def _tick(self, number: int, frame: FrameType | None) -> None:
        if not self._on:
            return
        now = time.thread_time_ns()
        spent = now - self._last[self._main] + self._left
        self._left = 0
        if frame is not None and spent > 0:
            self._add(frame, spent)
        others = sys._current_frames() if len(threading._active) > 1 else {}  # type: ignore[attr-defined]  # counted at no cost
        for thread, its in others.items():
            if thread != self._main:
                clock = _cpu_of(thread)
                used = clock - self._last.get(thread, clock)
                if used > _LEAST_NS or thread not in self._last:
                    self._last[thread] = clock
                if used > _LEAST_NS:
                    self._add(its, used)
        # What looking costs is not part of what is looked at.
        self._last[self._main] = time.thread_time_ns()

    def _add(self, frame: FrameType, spent: int) -> None:
        stack: list[int] = []
        at: FrameType | None = frame
        while at is not None and len(stack) < _DEEPEST:
            code = at.f_code
            key = id(code)
            if key not in self._codes:
                self._codes[key] = code, _module(at)  # keeps the code, and with it its id
            stack.append(key)
            at = at.f_back
        sums = self._stacks.setdefault((self._group, tuple(stack)), [0, 0])
        sums[0] += spent
        sums[1] += 1

    def found(self) -> dict[str, Any]:
        signal.setitimer(signal.ITIMER_PROF, 0)
        names = Names()
        stacks = []
        for (group, keys), (spent, count) in self._stacks.items():
            numbers = [
                names.of_code(*self._codes[key])
                for key in reversed(keys)
                if self._codes[key][0].co_filename not in (*_OURS, _RUNPY)
            ]
            stacks.append([group, numbers, spent, count])
        return {
            "unit": "ns", "frames": names.written(), "stacks": stacks,
            "samples": sum(stack[3] for stack in stacks), "cpu_ns": self._used,
        }  # fmt: skip


def _cpu_of(thread: int | None) -> int:
    """A thread's CPU clock. Only for threads that hold a Python frame, which are alive."""
    if thread is None or not hasattr(time, "pthread_getcpuclockid"):
        return 0
    try:
        return time.clock_gettime_ns(time.pthread_getcpuclockid(thread))
    except OSError:
        return 0  # it is about to end


class Traced:
    """cProfile, of the main thread, by its CPU clock."""

    fine = True

    def __init__(self) -> None:
        import cProfile

        self._new: Callable[[], Any] = lambda: cProfile.Profile(time.thread_time_ns, 1e-9)
        self._profiles: dict[str, Any] = {}
        self._now: Any = None

    def begin(self, group: str) -> None:
        if group not in self._profiles:
            self._profiles[group] = self._new()
        self._now = self._profiles[group]
        self._now.enable()

    def end(self) -> None:
        if self._now is not None:
            self._now.disable()

    def found(self) -> dict[str, Any]:
        names = Names()
        modules = {
            getattr(module, "__file__", None): name
            for name, module in list(sys.modules.items()) if name != "__main__"
        }  # fmt: skip

        def number(code: Any) -> int:
            if isinstance(code, str):  # a function in C, as `<built-in method time.time>`
                return names.number(code.split(" at 0x")[0].strip("<>"), "C", 0)
            return names.of_code(code, modules.get(code.co_filename))

        def ours(code: Any) -> bool:
            """What surrounds the window, and what switches the profiler off."""
            if isinstance(code, str):
                return "_lsprof.Profiler" in code
            return code.co_filename in (*_OURS, _RUNPY)

        calls, count = [], 0
        for group, profile in self._profiles.items():
            for entry in profile.getstats():
                if ours(entry.code):
                    continue
                caller = number(entry.code)
                count += entry.callcount
                calls.append([group, caller, None, entry.callcount, entry.inlinetime * 1e9, 0.0])
                for sub in [sub for sub in entry.calls or () if not ours(sub.code)]:
                    calls.append([group, caller, number(sub.code), sub.callcount, 0.0,
                                  sub.totaltime * 1e9])  # fmt: skip
        return {"unit": "ns", "frames": names.written(), "calls": calls, "samples": count}


class Pyinstrument:
    """pyinstrument: stacks at ticks of the wall clock."""

    fine = False

    def __init__(self, rate: int) -> None:
        from pyinstrument import Profiler

        self._profiler = Profiler(interval=1 / rate, async_mode="disabled")

    def begin(self, group: str) -> None:
        self._profiler.start()

    def end(self) -> None:
        if self._profiler.is_running:
            self._profiler.stop()

    def found(self) -> dict[str, Any]:
        names, stacks, session = Names(), list[Any](), self._profiler.last_session
        root = None if session is None else session.root_frame(trim_stem=False)
        waiting: list[tuple[Any, list[int]]] = [] if root is None else [(root, [])]
        while waiting:
            frame, above = waiting.pop()
            place = frame.file_path or ""
            if place in (*_OURS, _RUNPY, "<thread>") or frame.is_synthetic or not frame.function:
                stack = above
            else:
                file = _short(place)
                stack = [*above, names.number(frame.function, file, frame.line_no or 0)]
            own = frame.time - sum(child.time for child in frame.children)
            if own * 1e9 >= 1:
                stacks.append(["", stack, own * 1e9, 1])
            waiting += [(child, stack) for child in frame.children]
        count = 0 if session is None else session.sample_count
        return {"unit": "wall_ns", "frames": names.written(), "stacks": stacks, "samples": count}


class Memray:
    """memray: writes a file of its own beside OUT, which the other side reads."""

    fine = False

    def __init__(self, out: str) -> None:
        import memray

        self._file = out + ".memray"
        self._tracker = memray.Tracker(self._file)
        self._on = False

    def begin(self, group: str) -> None:
        self._tracker.__enter__()
        self._on = True

    def end(self) -> None:
        if self._on:
            self._on = False
            self._tracker.__exit__(None, None, None)

    def found(self) -> dict[str, Any]:
        return {"unit": "bytes", "memray": os.path.basename(self._file), "samples": 0}


class Nothing:
    """Marks the window for a profiler outside."""

    fine = False

    def begin(self, group: str) -> None: ...

    def end(self) -> None: ...

    def found(self) -> dict[str, Any]:
        return {"unit": "ns", "samples": 0}


def recorder(how: str, out: str, rate: int) -> Recorder:
    """By its name. Raises ``ImportError`` if its package is missing."""
    made: dict[str, Callable[[], Recorder]] = {
        "sampler": lambda: Sampler(rate),
        "cprofile": Traced,
        "pyinstrument": lambda: Pyinstrument(rate),
        "memray": lambda: Memray(out),
        "nothing": Nothing,
    }
    return made[how]()
