"""The yardstick: a fixed piece of work, run as a file, told by lines on stdin.

``python -I yardstick.py CORE`` says how many passes fill a slice of two milliseconds, then answers
each line with the wall and CPU time of one act in nanoseconds. It uses Python's own library alone,
and does what a codec does, in other words: integers and texts become bytes, and bytes are joined.

It is never changed: a history is measured with it. Whoever has to raises the ``version`` of the
suites that use it.
"""

from __future__ import annotations

import gc
import json
import os
import struct
import sys
import time

#: Rows of one act, and how long a slice is.
ROWS = 200
SLICE_NS = 2_000_000
_PACK = struct.Struct("<QqIf").pack


def rows() -> list[tuple[int, int, int, float, str]]:
    """What is worked on: the same each time."""
    return [(at, -at * 7919, at % 97, at / 3, f"name of {at}") for at in range(ROWS)]


def act(data: list[tuple[int, int, int, float, str]]) -> bytes:
    """One act: every row becomes bytes."""
    pieces = []
    for first, second, third, fourth, name in data:
        text = name.encode()
        pieces.append(_PACK(first, second, third, fourth))
        pieces.append(len(text).to_bytes(4, "little"))
        pieces.append(text)
    return b"".join(pieces)


def timed(data: list[tuple[int, int, int, float, str]], count: int) -> dict[str, float]:
    """Wall and CPU time of one act, in nanoseconds; both are more than nothing."""
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    for _ in range(count):
        act(data)
    cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
    return {"yardstick_cpu": max(1, cpu) / count, "yardstick_time": max(1, wall) / count}


def main() -> None:
    """Answer until stdin ends."""
    if sys.argv[1]:
        os.sched_setaffinity(0, {int(sys.argv[1])})
    data, count = rows(), 1
    while (wall := timed(data, count)["yardstick_time"]) * count < SLICE_NS:
        count *= 2
    print(json.dumps({"yardstick": max(1, round(SLICE_NS / wall))}), flush=True)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        counts = json.loads(line)
        act(data)  # what the turns of others have pushed out of the caches comes back
        print(json.dumps(timed(data, counts["yardstick"])), flush=True)


if __name__ == "__main__":
    main()
