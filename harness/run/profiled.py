"""Runs a module of any environment under a profiler. Run as a file; needs the standard library.

``python -P profiled.py OUT --with HOW --window WHERE -m MODULE ARGUMENTS…`` profiles what happens
in the measured window, and writes JSON to OUT when the module ends. The window is the one in which
CPU time is metered (``meter``: ``harness.measure.processes.Meter``), the exercises of the cache
(``cache``), what stands between two SIGUSR2 (``signals``), or all of it (``whole``). To --marks its
ends are written as they happen, a line each. ``--codec ROW,ROWS,SECONDS`` instead of a module
encodes and decodes rows.

It measures whatever library its Python has, old revisions too. Hence the looks from outside at
places that they have all had; ``tests/run/test_profiled.py`` holds the names to the library.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.run import recorders
else:
    # By its path: the harness of this environment may be an older one, which lacks it.
    _spec = importlib.util.spec_from_file_location(
        "harness_recorders",
        os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorders.py"),
    )
    recorders = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(recorders)


class Window:
    """Switches the recorder, counts operations by group, writes marks."""

    def __init__(self, recorder: recorders.Recorder, marks: str | None) -> None:
        self._recorder = recorder
        self._marks = -1 if marks is None else os.open(marks, os.O_WRONLY | os.O_CREAT, 0o600)
        self.windows = 0
        self.operations: dict[str, int] = {}
        self._say(f"pid {os.getpid()}")

    def begin(self, group: str = "") -> None:
        if self._recorder.fine or not self.windows:
            self._recorder.begin(group if self._recorder.fine else "")
        self.opened()

    def opened(self) -> None:
        """The recorder runs."""
        if not self.windows:
            self._say("begin")
        self.windows += 1

    def end(self, group: str = "", operations: int = 0) -> None:
        if self._recorder.fine:
            self._recorder.end()
        if operations:
            self.operations[group] = self.operations.get(group, 0) + operations

    def last(self) -> None:
        """No window comes any more."""
        self._recorder.end()
        self._say("end")

    def found(self) -> dict[str, Any]:
        return {"windows": self.windows, "operations": self.operations} | self._recorder.found()

    def _say(self, what: str) -> None:
        if self._marks >= 0:
            os.write(self._marks, f"{what}\n".encode())


def hook_meter(window: Window) -> None:
    """The window is open while this process' CPU time is metered."""
    from harness.measure.processes import Meter

    start, stop = Meter.start, Meter.stop

    def started(meter: Any) -> None:
        start(meter)
        if meter._pid == os.getpid():
            window.begin()

    def stopped(meter: Any) -> None:
        # The first of them: what the others read is measuring, not load.
        window.last()
        stop(meter)

    setattr(Meter, "start", started)  # noqa: B010  (mypy rightly refuses an assignment)
    setattr(Meter, "stop", stopped)  # noqa: B010


def hook_cache(window: Window) -> None:
    """The window is open while one of the cache's exercises acts; each is a group of its own."""
    from harness.run import caching

    exercises = caching._exercises

    def watched(bench: Any, rows: int) -> Any:
        def wrapped(name: str, act: Callable[[], None], count: int) -> Callable[[], None]:
            def acts() -> None:
                window.begin(name)
                try:
                    act()
                finally:
                    window.end(name, count)

            return acts

        return [(name, before, wrapped(name, act, count), after, count)
                for name, before, act, after, count in exercises(bench, rows)]  # fmt: skip

    caching._exercises = watched


def hook_signals(window: Window) -> None:
    """The window begins with the first SIGUSR2 and ends with the next; SIGUSR1 is the server's."""
    signal.signal(signal.SIGUSR2, lambda *_: window.last() if window.windows else window.begin())


def codec(window: Window, row: str, rows: int, seconds: float) -> None:
    """Rows are encoded and decoded in turns of some milliseconds, for so long."""
    from harness.run.codec_bench import rows_of

    made, values = rows_of(row, rows)
    encoded = made.encode_all(values)
    if made.decode_all(encoded) != values:
        raise SystemExit("the rows did not come back")
    gc.collect()
    gc.freeze()
    acts: dict[str, Callable[[], Any]] = {
        "encode": lambda: made.encode_all(values),
        "decode": lambda: made.decode_all(encoded),
    }
    end = time.monotonic() + seconds
    times = max(1, 10_000 // rows)
    while time.monotonic() < end:
        for name, act in acts.items():
            window.begin(name)
            for _ in range(times):
                act()
            window.end(name, times * rows)


def main(arguments: list[str]) -> None:
    """Profile what the arguments name, and write what was found whatever its end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--with", dest="how", default="sampler")
    parser.add_argument("--rate", type=int, default=recorders.RATE)
    parser.add_argument("--window", choices=("meter", "cache", "signals", "whole"), default="whole")
    parser.add_argument("--marks")
    parser.add_argument("--codec")
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    if not sys.flags.isolated:
        sys.path.insert(0, os.getcwd())  # as `python -m` has it
    recorded = recorders.recorder(given.how, given.out, given.rate)
    window = Window(recorded, given.marks)
    hook: dict[str, Callable[[Window], None]] = {
        "meter": hook_meter, "cache": hook_cache, "signals": hook_signals,
    }  # fmt: skip
    try:
        if given.codec is not None:
            row, rows, seconds = given.codec.split(",")
            codec(window, row, int(rows), float(seconds))
        else:
            if given.window == "whole":
                # Not by way of others: memray takes each return from where it was switched on for
                # the return of a later function, but for the first.
                recorded.begin("")
                window.opened()
            else:
                hook[given.window](window)
            sys.argv[1:] = given.module[1:]
            runpy.run_module(given.module[0], run_name="__main__", alter_sys=True)
    finally:
        window.last()
        building = f"{given.out}.part"
        with open(building, "w") as file:
            json.dump(window.found(), file)
        os.replace(building, given.out)


if __name__ == "__main__":
    main(sys.argv[1:])
