"""Simulated comparisons on a machine as unpleasant as real ones: seeded, in ABBA blocks.

The noise has every trait that spoils naive tests: the machine's pace drifts, jumps and cycles while
the benchmarks run; each process has an offset of its own, with heavy tails, and now and then a
process has a bad time as a whole; samples within a process have heavy tails and outliers upwards.
"""

from __future__ import annotations

import numpy as np

from harness.records import Record
from harness.stats.blocks import Array

#: A B B A, or the other way round.
_ABBA = np.array([0, 1, 1, 0])


class Weather(Record, frozen=True):
    """How bad it is. Shares are relative to the benchmark's time.

    ``process`` is the median of the spread of a benchmark's processes; benchmarks differ by a
    factor of two and more in it. ``sample`` is that of samples in one process, relative to it.
    """

    benchmarks: int = 100
    blocks: int = 16
    samples: int = 5
    process: float = 0.01
    sample: float = 0.5
    outliers: float = 0.03
    bad_processes: float = 0.02
    drift: float = 0.05
    cycle: float = 0.03
    jumps: int = 2


def report(weather: Weather, seed: int, changes: Array | None = None) -> Array:
    """Samples of one report by benchmark, block, side, process and sample; positive times.

    ``changes`` are the relative changes of the head, one for each benchmark; none by default.
    """
    draw = np.random.default_rng(seed)
    count, blocks = weather.benchmarks, weather.blocks
    order = _ABBA ^ draw.integers(0, 2, (count, blocks, 1))
    noise = weather.process * np.exp(0.6 * draw.standard_normal((count, 1, 1)))
    offset = noise * draw.standard_t(4, order.shape)
    bad = draw.random(order.shape) < weather.bad_processes
    offset = offset + bad * draw.uniform(0.03, 0.3, order.shape)
    inside = weather.sample * noise[..., None] * draw.standard_t(
        3, (*order.shape, weather.samples)
    )  # fmt: skip
    spoilt = draw.random(inside.shape) < weather.outliers
    inside = inside + spoilt * draw.exponential(0.5, inside.shape)
    logs = (_pace(weather, draw) + offset)[..., None] + inside
    if changes is not None:
        logs = logs + (order * np.log1p(changes)[:, None, None])[..., None]
    # Stable sorting keeps the order in time within a side.
    sides = np.argsort(order, axis=2, kind="stable")
    logs = np.take_along_axis(logs, sides[..., None], axis=2)
    found = np.exp(logs).reshape(count, blocks, 2, 2, weather.samples)
    return np.asarray(found, dtype=np.float64)


def _pace(weather: Weather, draw: np.random.Generator) -> Array:
    """The logarithm of the machine's slowness for each process, in the order of time.

    Benchmarks are taken round by round: a block of each, then the next block of each.
    """
    count, blocks = weather.benchmarks, weather.blocks
    slots = count * blocks * 4
    time = np.linspace(0, 1, slots)
    steps = draw.standard_normal(slots)
    pace = weather.drift * np.cumsum(steps) / np.sqrt(slots)
    pace += weather.cycle * np.sin(2 * np.pi * (draw.uniform(2, 40) * time + draw.random()))
    for _ in range(weather.jumps):
        at = draw.random()
        pace += draw.normal(0, weather.drift) * (time > at)
    return np.asarray(pace.reshape(blocks, count, 4).transpose(1, 0, 2))
