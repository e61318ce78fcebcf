"""The codec beside a yardstick: how many of the yardstick's acts does one of its own take?

A machine that is shared is half as fast now and again, for milliseconds or for days, and a history
by the clock shows little else. The yardstick is a fixed piece of work that does not depend on the
library which is measured. Its process and the codec's live side by side and take turns of a few
milliseconds on one core; what slows one slows the other, and their ratio is left.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from harness.records import Scenario
from harness.run import compare_slices
from harness.run.compare_slices import ROUNDS, WARM_UP, Slicer

#: Fresh pairs of processes: each is one sample.
PAIRS = 3

#: By figure, one sample for each pair.
Samples: TypeAlias = dict[str, list[float]]


def beside(
    kernel: Path, scenario: Scenario, *, pairs: int = PAIRS, rounds: int = ROUNDS
) -> Samples:
    """The codec's wall times of one row in acts of the yardstick, and the yardstick's in ns.

    ``kernel`` is the file of the yardstick, which runs in this interpreter and is told the core to
    stay on. A sample is the median over the rounds of one pair. Raises ``TargetError`` if a process
    does not answer or ends.
    """
    commands = (
        [sys.executable, "-I", str(kernel), compare_slices.core()],
        compare_slices.codec([sys.executable, "-I"], scenario),
    )
    found: Samples = {}
    for _ in range(pairs):
        for name, value in _pair(commands, rounds).items():
            found.setdefault(name, []).append(value)
    return found


def _pair(commands: Sequence[Sequence[str]], rounds: int) -> dict[str, float]:
    with Slicer(commands[0]) as kernel, Slicer(commands[1]) as codec:
        both = ((kernel, kernel.ready()), (codec, codec.ready()))
        seen: list[dict[str, float]] = []
        for number in range(WARM_UP + rounds):
            # Each begins as often as the other, and both have a turn next to each other twice.
            order = (0, 1, 1, 0) if number % 2 else (1, 0, 0, 1)
            turns: list[list[dict[str, float]]] = [[], []]
            for side in order:
                process, counts = both[side]
                turns[side].append(process.turn(counts))
            if number >= WARM_UP:
                seen.append(_ratios(*turns))
    return {name: float(np.median([one[name] for one in seen])) for name in seen[0]}


def _ratios(kernel: list[dict[str, float]], codec: list[dict[str, float]]) -> dict[str, float]:
    act = sum(turn["yardstick_time"] for turn in kernel) / len(kernel)
    found = {"yardstick": act}
    for name in codec[0]:
        if name.endswith("_time"):
            mean = sum(turn[name] for turn in codec) / len(codec)
            found[name.removesuffix("_time")] = mean / act
    return found
