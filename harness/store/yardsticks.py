"""The machine's pace at each commit, by the yardsticks that were measured beside the benchmarks.

A benchmark called ``track_yardstick`` in any class is one. Those of one machine and environment are
taken together, each as a multiple of its own typical value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

from harness.series import Series

#: What a yardstick's name ends with.
NAME = "track_yardstick"

#: Machine, and the environment's variables.
Place: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


def is_one(benchmark: str) -> bool:
    """Whether a benchmark of this name is a yardstick."""
    return benchmark.rpartition(".")[2] == NAME


def place(series: Series) -> Place:
    """Where a series was measured."""
    return series.machine, tuple(sorted(series.environment.items()))


def paces(yardsticks: Iterable[Series]) -> dict[Place, dict[str, float]]:
    """By place and commit, how much slower than usual the machine was."""
    found: dict[Place, dict[str, list[float]]] = {}
    for one in yardsticks:
        values = {point.commit: point.value for point in one.points if (point.value or 0.0) > 0}
        if not values:
            continue
        usual = float(np.median([value for value in values.values() if value is not None]))
        for commit, value in values.items():
            assert value is not None
            found.setdefault(place(one), {}).setdefault(commit, []).append(value / usual)
    return {
        where: {commit: float(np.exp(np.mean(np.log(many)))) for commit, many in by_commit.items()}
        for where, by_commit in found.items()
    }
