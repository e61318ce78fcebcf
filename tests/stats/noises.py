"""Seeded noise of every kind that histories of benchmarks have, with a standard deviation of 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def white(count: int, rng: np.random.Generator) -> Values:
    return rng.standard_normal(count)


def heavy(count: int, rng: np.random.Generator) -> Values:
    """Student's t with three degrees of freedom."""
    return rng.standard_t(3, count) / np.sqrt(3)


def passed_on(rho: float, count: int, rng: np.random.Generator) -> Values:
    """Each error is a part of the one before, and something new."""
    fresh = rng.standard_normal(count + 60)
    found = np.zeros(count + 60)
    for at in range(1, count + 60):
        found[at] = rho * found[at - 1] + fresh[at]
    return found[60:] * np.sqrt(1 - rho * rho)


def weakly(count: int, rng: np.random.Generator) -> Values:
    return passed_on(0.3, count, rng)


def strongly(count: int, rng: np.random.Generator) -> Values:
    return passed_on(0.5, count, rng)


def spiky(count: int, rng: np.random.Generator) -> Values:
    """Two points in a hundred lie 5 to 20 standard deviations away."""
    found = rng.standard_normal(count)
    hit = rng.random(count) < 0.02
    found[hit] += rng.uniform(5, 20, hit.sum()) * rng.choice([-1, 1], hit.sum())
    return found


def daily(count: int, rng: np.random.Generator) -> Values:
    """A cycle of 24 points that is larger than the noise."""
    turns = 2 * np.pi * np.arange(count) / 24 + rng.uniform(0, 2 * np.pi)
    return rng.standard_normal(count) + rng.uniform(1.2, 2.2) * np.sin(turns)


def rounded(count: int, rng: np.random.Generator) -> Values:
    """Few different values, many of them equal."""
    return np.round(rng.standard_normal(count) * 0.7)


def two_ways(count: int, rng: np.random.Generator) -> Values:
    """Now and then the slower of two ways is taken."""
    return rng.standard_normal(count) * 0.3 + rng.choice([0.0, 2.0], count, p=[0.7, 0.3])


def real(count: int, rng: np.random.Generator) -> Values:
    """Some of everything: correlation, a cycle of any strength, a few spikes."""
    found = weakly(count, rng)
    turns = 2 * np.pi * np.arange(count) / 24 + rng.uniform(0, 2 * np.pi)
    found += rng.uniform(0, 1) * np.sin(turns)
    hit = rng.random(count) < 0.02
    found[hit] += rng.uniform(4, 12, hit.sum())
    return found


KINDS = {
    "white": white,
    "heavy tails": heavy,
    "AR(1), 0.3": weakly,
    "AR(1), 0.5": strongly,
    "spikes": spiky,
    "daily cycle": daily,
    "rounded": rounded,
    "two ways": two_ways,
    "some of everything": real,
}
