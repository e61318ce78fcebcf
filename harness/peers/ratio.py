"""Two sides compared in pairs of neighbouring rounds, since a machine's pace wanders in between."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import msgspec

_SAMPLES = 2_000


class Ratio(msgspec.Struct, frozen=True):
    """The geometric mean of ours over theirs, and its 95 % interval; NaN ends for one pair."""

    value: float
    interval: tuple[float, float]


def ratio(ours: Sequence[float], theirs: Sequence[float], seed: int = 1) -> Ratio:
    """Of figures taken in pairs. The interval is a percentile bootstrap over the pairs.

    Raises ``ValueError`` for lists of different lengths, without pairs, or with figures that are
    not positive.
    """
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"{len(ours)} and {len(theirs)} figures are no pairs")
    if min(*ours, *theirs) <= 0:
        raise ValueError("a ratio needs positive figures")
    logs = [math.log(a / b) for a, b in zip(ours, theirs, strict=True)]
    value = math.exp(sum(logs) / len(logs))
    if len(logs) < 2:
        return Ratio(value, (math.nan, math.nan))
    draw = random.Random(seed)
    means = sorted(sum(draw.choices(logs, k=len(logs))) / len(logs) for _ in range(_SAMPLES))
    low, high = means[int(0.025 * _SAMPLES)], means[int(0.975 * _SAMPLES) - 1]
    return Ratio(value, (math.exp(low), math.exp(high)))


def order(rounds: int, sides: int = 2) -> list[list[int]]:
    """Who comes when in each round: A B, B A, A B …, so that no side has the better place."""
    turns = list(range(sides))
    return [turns if number % 2 == 0 else turns[::-1] for number in range(rounds)]
