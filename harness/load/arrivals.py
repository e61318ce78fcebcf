"""Arrival plans: when each operation is meant to start. Pure; nanoseconds from the load's start."""

from __future__ import annotations

import random
from collections.abc import Iterator

from harness.errors import PlanError
from harness.records import LoadShape


def constant(rate_per_s: float) -> Iterator[int]:
    """Evenly spaced starts; the k-th is computed from k, so that nothing drifts."""
    _check(rate_per_s)
    k = 0
    while True:
        yield int(k * 1e9 / rate_per_s)
        k += 1


def poisson(rate_per_s: float, seed: int) -> Iterator[int]:
    """Starts of many independent callers: exponential gaps, the same for the same seed."""
    _check(rate_per_s)
    gap = random.Random(seed).expovariate
    at = 0.0
    while True:
        at += gap(rate_per_s)
        yield int(at * 1e9)


def plan(shape: LoadShape, seed: int) -> Iterator[int]:
    """The plan of an open load, with its end. Raises ``PlanError`` for a closed one."""
    if shape.rate_per_s is None:
        raise PlanError("a closed loop has no plan: each answer starts the next operation")
    starts = poisson(shape.rate_per_s, seed) if shape.poisson else constant(shape.rate_per_s)
    end = int((shape.warmup_s + shape.duration_s) * 1e9)
    for k, at in enumerate(starts):
        if at >= end or (shape.operations is not None and k >= shape.operations):
            return
        yield at


def _check(rate_per_s: float) -> None:
    if not rate_per_s > 0:
        raise PlanError(f"a rate must be above 0 per second, not {rate_per_s}")
