"""How long until a client is connected, and until it has its first rows?"""

from __future__ import annotations

from typing import Any

from harness.records import LoadShape, Scenario, Workload
from harness.run import measure, tracked
from harness.run.suites import Found
from suites import common


class Connect:
    """One connection after the other, each subscribes to 100 rows."""

    title = "connect, subscribe"
    params: list[list[Any]] = []
    param_names: list[str] = []
    quick: list[list[Any]] = []
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario() -> Scenario:
        return Scenario(
            name="connection",
            workload=Workload(kind="connect", rows=100),
            load=LoadShape(duration_s=1.5, warmup_s=0.3),
        )

    track_connected = tracked("connected_p50", "ns", "connected, median")
    track_applied = tracked("applied_p50", "ns", "100 rows applied, median")
