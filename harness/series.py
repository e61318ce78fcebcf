"""One metric over commits: what histories are read as, and what change detection takes.

Points stand in the order of the history. A commit that was not measured has no point; one whose
measurement failed or was skipped has one without a value.
"""

from __future__ import annotations

from enum import Enum

from msgspec import field

from harness.records import Record


class Better(Enum):
    """Which direction of a metric is good."""

    LESS = "less"
    MORE = "more"


class Point(Record, frozen=True):
    """What was measured at one commit.

    ``value`` is None if the measurement failed or was skipped. ``samples`` are the single
    measurements that it is the median of, if they were kept; ``low`` and ``high`` its interval, if
    one was stored. ``date_ms`` is the date of the commit in milliseconds since 1970, 0 if unknown.
    """

    commit: str
    value: float | None
    date_ms: int = 0
    samples: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None


class Series(Record, frozen=True):
    """One metric of one benchmark on one machine in one environment, over commits.

    ``parameters`` are the benchmark's, by name, as text. ``version`` is the benchmark's own: values
    of two versions are not comparable, and stand in two series.
    """

    benchmark: str
    points: tuple[Point, ...]
    parameters: dict[str, str] = field(default_factory=dict)
    unit: str = ""
    better: Better = Better.LESS
    machine: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    version: str = ""

    @property
    def name(self) -> str:
        """The benchmark with its parameters: ``tables.Insert.track_cpu(rows=1000)``."""
        if not self.parameters:
            return self.benchmark
        given = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.benchmark}({given})"
