"""Our default against other tools' defaults, on the same series: a table.

    pip install 'spacetimedb-harness[opponents]'
    python -m tests.stats.scoring [SERIES [LONG_SERIES [TOOL]]]

The numbers are how many series of each kind are simulated, and how many of those with 1,000 points;
only tools with TOOL in their name are asked. Noise has a standard deviation of 2.5 % of the level.
Seeded; needs the extra ``opponents``, and leaves out what is not installed. Nothing else imports
them. Each tool gets the values alone, and is asked where levels begin.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module

import numpy as np

from harness.stats.changepoints import find
from harness.stats.proportions import interval
from tests.stats import noises

Tool = Callable[[noises.Values], Sequence[int]]
Maker = Callable[[int, np.random.Generator], noises.Values]

SEED = 7
LENGTHS = (50, 200, 1000)
NULLS = ("white", "heavy tails", "AR(1), 0.5")
SHIFTS = (0.02, 0.05, 0.10)
#: A change counts as found if one is told so near to it.
NEAR = 3
#: A tool is stopped on the kind that it is at when it took so long, in seconds.
PATIENCE_S = 150.0


# --- the tools -----------------------------------------------------------------------------------


def ours(values: noises.Values) -> list[int]:
    return [change.at for change in find(values).changes]


def asv_steps() -> Tool:
    """``asv publish``: piecewise constant in L1, penalties of its own, whitened."""
    detect = import_module("asv.step_detect").detect_steps
    return lambda values: [int(step[0]) for step in detect(values.tolist())[1:]]


def otava() -> Tool:
    """Windows of 50, p 0.001, any magnitude: its defaults."""
    found = import_module("otava.analysis").compute_change_points
    return lambda values: [int(point.index) for point in found(values.tolist())[0]]


def otava_of_five() -> Tool:
    """The same, told to ignore what is below five per cent."""
    found = import_module("otava.analysis").compute_change_points
    return lambda values: [
        int(point.index) for point in found(values.tolist(), min_magnitude=0.05)[0]
    ]


def ruptures(search: str, model: str) -> Callable[[], Tool]:
    """It has no default penalty; 3 ln n on series of variance 1 is what its users write."""

    def make() -> Tool:
        algorithm = getattr(import_module("ruptures"), search)

        def judge(values: noises.Values) -> list[int]:
            scaled = ((values - values.mean()) / values.std())[:, None]
            found = algorithm(model=model).fit(scaled).predict(pen=3 * np.log(len(values)))
            return [int(at) for at in found[:-1]]

        return judge

    return make


TOOLS: dict[str, Callable[[], Tool]] = {
    "harness changes": lambda: ours,
    "asv steps": asv_steps,
    "Otava": otava,
    "Otava, magnitude 5 %": otava_of_five,
    "ruptures BinSeg l2": ruptures("Binseg", "l2"),
    "ruptures PELT l2": ruptures("Pelt", "l2"),
    "ruptures PELT rbf": ruptures("Pelt", "rbf"),
}


def available(wanted: str = "") -> dict[str, Tool]:
    """Those that are installed and have this in their name; the others are told on stderr."""
    tools: dict[str, Tool] = {}
    for name, make in TOOLS.items():
        if wanted not in name:
            continue
        try:
            tools[name] = make()
        except ImportError as error:
            print(f"left out: {name}, {error}", file=sys.stderr)
    return tools


# --- the series ----------------------------------------------------------------------------------


def real_looking(count: int, rng: np.random.Generator) -> noises.Values:
    """Around 100, noise of 2 to 3 per cent in all: correlated, with a daily cycle and outliers."""
    turns = 2 * np.pi * np.arange(count) / 24 + rng.uniform(0, 2 * np.pi)
    noise = noises.weakly(count, rng) + rng.uniform(0, 1) * np.sin(turns)
    hit = rng.random(count) < 0.02
    sd = rng.uniform(2, 3)
    noise *= sd / noise.std()
    noise[hit] += sd * rng.uniform(4, 12, hit.sum())
    return 100 + noise


def around(noise: Maker, level: float = 40.0) -> Maker:
    """Noise of standard deviation 1, as that of times that are positive."""
    return lambda count, rng: level + noise(count, rng)


def rate(tool: Tool, make: Maker, count: int, runs: int, at: int, shift: float) -> str:
    """Of so many series: with a shift those in which it is found, without those with any change."""
    rng = np.random.default_rng(SEED)
    hits = done = 0
    until = time.monotonic() + PATIENCE_S
    for _ in range(runs):
        values = make(count, rng)
        values[at:] += shift
        told = tool(values)
        hits += any(abs(place - at) <= NEAR for place in told) if shift else bool(told)
        done += 1
        if time.monotonic() > until:
            break
    low, high = interval(hits, done)
    return f"{hits / done:5.1%} ({low:.0%}–{high:.0%})"


def rows(runs: int, long_runs: int) -> list[tuple[str, Maker, int, int, int, float]]:
    """Kinds of series: name, maker, length, number, place of the step and its size."""
    made: list[tuple[str, Maker, int, int, int, float]] = [
        (f"null: {kind}, {count}", around(noises.KINDS[kind]), count,
         runs if count < 1000 else long_runs, 0, 0.0)
        for kind in NULLS for count in LENGTHS
    ]  # fmt: skip
    made.append(("1.5 sd over the last 30 of 100", around(noises.white), 100, runs, 70, 1.5))
    made.append(("null: real-looking, 80", real_looking, 80, runs, 0, 0.0))
    made += [
        (f"real-looking, 80: {shift:.0%} shift", real_looking, 80, runs, 40, 100 * shift)
        for shift in SHIFTS
    ]
    return made


def main() -> None:
    """Print the table as Markdown, row by row as it is made."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    long_runs = int(sys.argv[2]) if len(sys.argv) > 2 else min(runs, 60)
    wanted = sys.argv[3] if len(sys.argv) > 3 else ""
    tools = available(wanted)
    print("| series | " + " | ".join(tools) + " |")
    print("|---|" + "--:|" * len(tools), flush=True)
    for name, maker, count, number, at, shift in rows(runs, long_runs):
        cells = [rate(tool, maker, count, number, at, shift) for tool in tools.values()]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
