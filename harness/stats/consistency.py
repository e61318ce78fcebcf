"""Laws that every honest measurement obeys, and how much a rate wandered within its window.

Each law returns a ``Check``; a run that breaks one is VOID, whatever its numbers say.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.records import Check
from harness.stats.histogram import Histogram

#: Little's law may be missed by this share: operations under way at the window's edges.
LITTLE_TOLERANCE = 0.1
#: Below this many operations for each one in flight the edges outweigh the law.
LITTLE_MINIMUM = 20
#: The percentiles that are printed.
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
#: 97.5 % quantiles of Student's t by degrees of freedom, 1 to 30 (any statistics table).
_STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def little(*, rate_per_s: float, mean_service_ns: float, in_flight: int, count: int) -> Check:
    """In a closed loop, throughput times mean service time is what was kept in flight."""
    held = rate_per_s * mean_service_ns / 1e9
    said = f"{rate_per_s:,.0f}/s × {mean_service_ns / 1e3:,.1f} µs = {held:.2f} of {in_flight}"
    if count < LITTLE_MINIMUM * in_flight:
        return Check(name="little", passed=True, found=f"too few operations to tell: {count}")
    passed = abs(held / in_flight - 1) <= LITTLE_TOLERANCE
    return Check(name="little", passed=passed, found=f"Little's law: {said} in flight")


def ordered(histogram: Histogram) -> Check:
    """min ≤ percentiles, ascending, ≤ max, and the mean lies between min and max."""
    if not histogram.count:
        return Check(name="ordered", passed=False, found="no operation was measured")
    steps = [histogram.min, *map(histogram.percentile, PERCENTILES), histogram.max]
    passed = steps == sorted(steps) and histogram.min <= histogram.mean <= histogram.max
    return Check(
        name="ordered",
        passed=passed,
        found=f"min, percentiles, max {steps}, mean {histogram.mean:.1f} ns",
    )


def adds_up(*, asked: int, succeeded: int, refused: int, timed_out: int) -> Check:
    """Every operation that was begun has ended, one way."""
    ended = succeeded + refused + timed_out
    return Check(
        name="adds-up",
        passed=asked == ended,
        found=f"{asked} operations begun; {succeeded} succeeded, {refused} refused, "
        f"{timed_out} timed out",
    )


def all_succeeded(*, asked: int, refused: int, timed_out: int, first: str = "") -> Check:
    """The workloads ask for nothing that can fail, so a failure is the server's or ours."""
    failed = refused + timed_out
    reason = f": {first}" if first else ""
    return Check(
        name="succeeded",
        passed=failed == 0 and asked > 0,
        found=f"{failed} of {asked} operations failed{reason}" if asked else "nothing was asked",
    )


def batch_rates(
    done_ns: NDArray[np.int64], start_ns: int, end_ns: int, batches: int = 10
) -> NDArray[np.float64]:
    """Completions per second in equal stretches of the window.

    Means of long stretches are nearly independent even where neighbouring operations are not,
    which is what an interval needs.
    """
    edges = np.linspace(start_ns, end_ns, batches + 1)
    counts = np.histogram(done_ns, bins=edges)[0]
    seconds: float = (end_ns - start_ns) / batches / 1e9
    return np.asarray(counts / seconds, dtype=np.float64)


def batch_medians(
    values: NDArray[np.int64],
    done_ns: NDArray[np.int64],
    start_ns: int,
    end_ns: int,
    batches: int = 10,
) -> NDArray[np.float64]:
    """The median of the values in each stretch of the window that has any.

    For the interval of a median alone: a percentile is read from the whole histogram.
    """
    edges = np.linspace(start_ns, end_ns, batches + 1)
    stretch = np.clip(np.searchsorted(edges, done_ns, side="left") - 1, 0, batches - 1)
    found = [values[stretch == k] for k in range(batches)]
    return np.array([np.median(part) for part in found if len(part)], dtype=np.float64)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % interval of the mean (Student's t); NaN for fewer than two values."""
    count = len(values)
    if count < 2:
        return (math.nan, math.nan)
    quantile = _STUDENT[count - 2] if count - 2 < len(_STUDENT) else 1.96
    middle = float(values.mean())
    half = quantile * float(values.std(ddof=1)) / math.sqrt(count)
    return (middle - half, middle + half)


def spread(limits: tuple[float, float]) -> float:
    """Half the width of an interval, relative to its middle; infinite around zero."""
    middle = (limits[0] + limits[1]) / 2
    return abs((limits[1] - limits[0]) / 2 / middle) if middle else math.inf
