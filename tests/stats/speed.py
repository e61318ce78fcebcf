"""The search for changes in C against its twin in Python, on the same series in turns: a table.

    python -m tests.stats.speed [SERIES [POINTS]]

The series are seeded: errors of 2 % of which 0.3 is passed on, four spikes in a thousand points,
and in every fourth series one step of 4 to 20 %. Each is judged by both, the first of the pair
changing; CPU seconds of this process are counted. Says also in how many series they found other
changes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from harness.stats import kernel
from harness.stats.changepoints import Found, find
from tests.stats import noises

SEED = 11


def history(number: int, points: int) -> noises.Values:
    """The series of this number."""
    rng = np.random.default_rng([SEED, number, points])
    values = 1 + 0.02 * noises.weakly(points, rng)
    hit = rng.random(points) < 0.004
    values[hit] += rng.uniform(0.2, 0.8, hit.sum())
    if number % 4 == 0:
        values[rng.integers(points // 10, points - points // 10) :] *= 1 + rng.uniform(0.04, 0.2)
    return 1e-3 * values


def both(series: int, points: int) -> tuple[float, float, int]:
    """CPU seconds in C and in Python, and the series of which they do not say the same."""
    spent = [0.0, 0.0]
    other = 0
    built = kernel.in_c
    for number in range(-2, series):  # the first two are for warming up
        values = history(abs(number), points)
        found: dict[int, Found] = {}
        for which in ((0, 1), (1, 0))[number % 2]:
            kernel.in_c = (built, None)[which]
            began = time.process_time()
            found[which] = find(values)
            if number >= 0:
                spent[which] += time.process_time() - began
        other += [x.at for x in found[0].changes] != [x.at for x in found[1].changes]
    kernel.in_c = built
    return spent[0], spent[1], other


def main(given: list[str], say: Callable[[str], None] = print) -> int:
    if kernel.in_c is None:
        say("the extension in C is not built")
        return 1
    series, points = (*(int(x) for x in given), *(100, 2000)[len(given) :])
    in_c, in_python, other = both(series, points)
    say(f"{series:,} series of {points:,} points, CPU seconds")
    say(f"C       {in_c:8.3f}   {1000 * in_c / series:8.2f} ms a series")
    say(f"Python  {in_python:8.3f}   {1000 * in_python / series:8.2f} ms a series")
    say(f"Python ÷ C {in_python / in_c:5.2f}; other changes in {other:,} series")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:3]))
