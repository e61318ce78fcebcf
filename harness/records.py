"""The words of the field as frozen records: what was asked, of what, and what came out.

Times are integers of nanoseconds, sizes are bytes, rates are per second. Records are written as
JSON by ``harness.store`` and carry the version of their form.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

#: The form of a stored run. Raised when a field changes its meaning; new fields do not raise it.
FORM = 1


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all records: immutable, fields by name."""


#: Kinds of targets without a server: the work of one process, and commands that each have a process
#: of their own from start to end.
IN_PROCESS, FRESH_PROCESS = "in-process", "fresh-process"


class Level(Enum):
    """What a run's numbers are worth."""

    VALID = "VALID"
    NOISY = "NOISY"
    VOID = "VOID"


class Verdict(Record, frozen=True):
    """A level and why it is not VALID."""

    level: Level
    reasons: list[str] = []

    def __str__(self) -> str:
        if not self.reasons:
            return self.level.value
        return f"{self.level.value} ({'; '.join(self.reasons)})"


class Workload(Record, frozen=True):
    """What is asked. ``kind`` names it; the same seed gives the same operations."""

    kind: str
    seed: int = 1
    #: Rows that are there before the operations begin, or that are read.
    rows: int = 0
    #: Rows in one operation.
    batch: int = 1
    #: Whether the client keeps the touched tables in its cache.
    subscribed: bool = False


class LoadShape(Record, frozen=True):
    """How hard is asked.

    Without ``rate_per_s`` the loop is closed: each of ``connections`` keeps ``in_flight``
    operations outstanding. With it the loop is open: operations start when the plan says, at a
    constant rate or (``poisson``) with seeded exponential gaps. The load ends after ``operations``
    or ``duration_s``, whichever comes first; the first ``warmup_s`` are not counted.
    """

    connections: int = 1
    in_flight: int = 1
    rate_per_s: float | None = None
    poisson: bool = False
    operations: int | None = None
    duration_s: float = 1.0
    warmup_s: float = 0.2
    timeout_s: float = 10.0


class Scenario(Record, frozen=True):
    """A named workload under a load shape, as spoken with a server.

    ``live`` is false for what needs no server. ``options`` are the workload's own.
    """

    name: str
    workload: Workload
    load: LoadShape = LoadShape()
    live: bool = True
    protocol: str = "v3"
    compression: str = "None"
    confirmed: bool = False
    options: dict[str, Any] = {}

    @property
    def alone(self) -> str:
        """The kind of its target where there is no server: what is not ``live``."""
        return FRESH_PROCESS if self.workload.kind == "command" else IN_PROCESS


class Target(Record, frozen=True):
    """What answers. ``pid``, ``exe`` and its hash are unknown for a server on another machine.

    ``protocols`` are those that it offers, the newest first; ``module_sha256`` is the hash of the
    compiled module that was published to it.
    """

    kind: str
    uri: str = ""
    database: str = "bench"
    pid: int | None = None
    exe: str | None = None
    exe_sha256: str | None = None
    code_sha256: str | None = None
    version: str | None = None
    flags: list[str] = []
    protocols: list[str] = []
    module_sha256: str | None = None


class Environment(Record, frozen=True):
    """Where and with what a run was made. Holds no user names, tokens or variables."""

    python: str
    implementation: str
    platform: str
    kernel: str
    cpu_model: str
    cpu_count: int
    governor: str | None
    load_average: float
    memory_bytes: int
    packages: dict[str, str]
    wire_codec: str
    harness_version: str
    git_commit: str | None = None
    git_dirty: bool | None = None


class ResourceUse(Record, frozen=True):
    """What a process used within the measured window.

    ``waited_ns`` is how long its busiest thread was ready to run and had no core, where the system
    tells: on a busy machine a process can be at its limit with little CPU time. ``busiest_ns`` is
    that time and the time for which the thread ran: a process of many threads is at its limit when
    one of them is, whatever all of them use together.
    """

    wall_ns: int
    cpu_ns: int
    rss_bytes: int
    waited_ns: int | None = None
    #: Memory that no other process shares, where the system tells.
    uss_bytes: int | None = None
    busiest_ns: int | None = None

    @property
    def cores(self) -> float:
        """CPU time over wall time: 1.0 is one core kept busy."""
        return self.cpu_ns / self.wall_ns if self.wall_ns else 0.0

    @property
    def waiting(self) -> float:
        """The share of the time in which it was ready to run and others had the cores."""
        return (self.waited_ns or 0) / self.wall_ns if self.wall_ns else 0.0

    @property
    def busy(self) -> float:
        """The share of the time in which it worked or waited for a core: 1.0 is never idle.

        That of the busiest thread, where the threads are known.
        """
        if self.busiest_ns is None:
            return self.cores + self.waiting
        return self.busiest_ns / self.wall_ns if self.wall_ns else 0.0


class Pauses(Record, frozen=True):
    """How often and how long something held the client up in the window."""

    count: int
    total_ns: int
    max_ns: int


class Metric(Record, frozen=True):
    """One figure. ``better`` is ``higher`` or ``lower``; ``interval`` is a 95 % interval."""

    name: str
    value: float
    unit: str
    better: str = "higher"
    interval: tuple[float, float] | None = None
    count: int | None = None

    def reciprocal(self) -> Metric:
        """The time of one operation, in nanoseconds, from a rate."""

        def turn(rate: float) -> float:
            return 1e9 / rate if rate > 0 else float("nan")

        ends = self.interval
        return Metric(
            name=f"1/{self.name}",
            value=turn(self.value),
            unit="ns",
            better="lower",
            interval=(turn(ends[1]), turn(ends[0])) if ends is not None else None,
            count=self.count,
        )


class Check(Record, frozen=True):
    """One thing that must hold for the figures to be worth anything.

    ``found`` says what was seen, with the numbers; it becomes the reason if the check failed.
    """

    name: str
    passed: bool
    found: str = ""


class Trace(Record, frozen=True):
    """How something went over the window: values at times, in seconds since its beginning.

    A rate or a share is that of the time since the point before.
    """

    name: str
    unit: str
    times_s: list[float]
    values: list[float]


class Run(Record, frozen=True):
    """One scenario in one fresh process, with everything that is known about it."""

    id: str
    scenario: Scenario
    target: Target
    environment: Environment
    verdict: Verdict
    started_at: str
    #: No default, so that it is always written.
    form: int
    metrics: list[Metric] = []
    checks: list[Check] = []
    histograms: dict[str, dict[str, Any]] = {}
    traces: list[Trace] = []
    client: ResourceUse | None = None
    server: ResourceUse | None = None
    #: Cores that everything else on the machine kept busy in the window.
    others_cores: float | None = None
    gc: Pauses | None = None
    loop_lag: Pauses | None = None
    notes: dict[str, Any] = {}
    log_tail: list[str] = []

    def metric(self, name: str) -> Metric | None:
        """The figure of this name, or None if the run has none.

        ``1/rate`` is the reciprocal of a rate: the time of one operation, in nanoseconds.
        """
        rate = name.removeprefix("1/")
        found = next((metric for metric in self.metrics if metric.name == rate), None)
        return found if found is None or rate == name else found.reciprocal()

    def value(self, name: str) -> float:
        """The value of a figure; NaN if there is none or if the run is VOID."""
        found = self.metric(name)
        if found is None or self.verdict.level is Level.VOID:
            return float("nan")
        return found.value
