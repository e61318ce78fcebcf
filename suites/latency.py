"""How long does one caller wait?"""

from __future__ import annotations

from typing import Any

from harness.records import LoadShape, Scenario, Workload
from harness.run import measure, tracked
from harness.run.suites import Found
from suites import common


class OneInFlight:
    """A closed loop: each call starts when the one before is answered."""

    title = "{kind}, one in flight"
    params: list[list[Any]] = [["noop", "insert"]]
    param_names: list[str] = ["kind"]
    quick: list[list[Any]] = [["noop"]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(kind: str) -> Scenario:
        return Scenario(
            name=f"latency {kind}",
            workload=Workload(kind=kind),
            load=LoadShape(in_flight=1, duration_s=2.0, warmup_s=0.5),
        )

    track_p50 = tracked("latency_p50", "ns", "median")
    track_p99 = tracked("latency_p99", "ns", "99 %")


class AtRate:
    """An open loop: inserts at a fixed rate; the wait counts from the planned start."""

    title = "insert at {rate_per_s:,}/s"
    params: list[list[Any]] = [[2_000]]
    param_names: list[str] = ["rate_per_s"]
    quick: list[list[Any]] = [[]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(rate_per_s: int) -> Scenario:
        return Scenario(
            name=f"latency insert at {rate_per_s}",
            workload=Workload(kind="insert"),
            load=LoadShape(rate_per_s=rate_per_s, poisson=True, duration_s=3.0, warmup_s=0.5),
        )

    track_p50 = tracked("latency_p50", "ns", "median")
    track_p99 = tracked("latency_p99", "ns", "99 %")
    track_server_cpu = tracked("server_cpu", "ns", "server CPU a call")
    track_client_cpu = tracked("client_cpu", "ns", "client CPU a call")
