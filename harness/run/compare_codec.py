"""Encoding and decoding of rows, a slice at a time: run as a file, told by lines on stdin.

``python -I compare_codec.py ROW ROWS CORE`` measures whatever library that Python has installed, so
it asks for public names alone that have been there since the codec was first measured. It says how
many passes fill a slice; then each line on stdin, with the passes to make of each direction, is
answered by a line of JSON: wall and CPU time of one row, in nanoseconds, by figure. It ends with
its stdin. CORE is the number of the core to stay on; nothing leaves that open.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable

#: A slice takes about so long for each direction: thousands of times what reading the clocks takes,
#: and shorter than a core keeps its pace.
SLICE_NS = 2_000_000


def passes(act: Callable[[], object], slice_ns: int = SLICE_NS) -> int:
    """How often to do it for one slice; this also warms it up."""
    count = 1
    while True:
        wall, _ = timed(act, count)
        if wall * count >= slice_ns:
            return max(1, round(slice_ns / wall))
        count *= 2


def timed(act: Callable[[], object], count: int) -> tuple[float, float]:
    """Wall and CPU time of doing it once, in nanoseconds; both are more than nothing."""
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    for _ in range(count):
        act()
    cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
    return max(1, wall) / count, max(1, cpu) / count


def main() -> None:
    """Measure the row type and the number of rows at once that the arguments name."""
    from harness.run.codec_bench import rows_of

    if sys.argv[3]:
        os.sched_setaffinity(0, {int(sys.argv[3])})
    codec, rows = rows_of(sys.argv[1], int(sys.argv[2]))
    encoded = codec.encode_all(rows)
    if codec.decode_all(encoded) != rows:
        raise SystemExit("the rows did not come back")
    acts: dict[str, Callable[[], object]] = {
        "encode": lambda: codec.encode_all(rows),
        "decode": lambda: codec.decode_all(encoded),
    }
    print(json.dumps({name: passes(act) for name, act in acts.items()}), flush=True)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        counts = json.loads(line)
        found: dict[str, float] = {}
        for name, act in acts.items():
            act()  # what the turns of others have pushed out of the caches comes back
            wall, cpu = timed(act, counts[name])
            found |= {f"{name}_cpu": cpu / len(rows), f"{name}_time": wall / len(rows)}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
