"""How do cost and latency grow with connections and with rows?

At a fixed rate, so that what is compared is the work for one operation and not how full a queue is.
Measured only if it is named, `harness run scale`: fifteen fresh processes take two minutes.
"""

from __future__ import annotations

from typing import Any

from harness.records import LoadShape, Scenario, Workload
from harness.run import measure, tracked
from harness.run.suites import Found
from suites import common

#: Operations a second, over all connections.
RATE_PER_S = 1_000


class Connections:
    """The same number of calls a second, asked by few or by many connections in turn."""

    title = "no-op at 1,000/s over {connections:,} connections"
    params: list[list[Any]] = [[1, 10, 100, 500]]
    param_names: list[str] = ["connections"]
    quick: list[list[Any]] = [[1, 100]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(connections: int) -> Scenario:
        return Scenario(
            name=f"scale connections {connections}",
            workload=Workload(kind="noop"),
            load=LoadShape(
                connections=connections, rate_per_s=RATE_PER_S, poisson=True, duration_s=2.0,
                warmup_s=0.5,
            ),
        )  # fmt: skip

    track_p50 = tracked("latency_p50", "ns", "median")
    track_p99 = tracked("latency_p99", "ns", "99 %")
    track_server_cpu = tracked("server_cpu", "ns", "server CPU a call")
    track_client_cpu = tracked("client_cpu", "ns", "client CPU a call")
    track_server = tracked("server_rss", "bytes", "server process")


class Updates:
    """Updates by key in a small and in a large table that the client is subscribed to."""

    title = "update at 1,000/s in {rows:,} rows"
    params: list[list[Any]] = [[100, 1_000, 10_000, 100_000]]
    param_names: list[str] = ["rows"]
    quick: list[list[Any]] = [[100, 10_000]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(rows: int) -> Scenario:
        return Scenario(
            name=f"scale update {rows}",
            workload=Workload(kind="update", rows=rows, subscribed=True),
            load=LoadShape(rate_per_s=RATE_PER_S, poisson=True, duration_s=2.0, warmup_s=0.5),
        )

    track_p50 = tracked("latency_p50", "ns", "median")
    track_p99 = tracked("latency_p99", "ns", "99 %")
    track_server_cpu = tracked("server_cpu", "ns", "server CPU a row")
    track_client_cpu = tracked("client_cpu", "ns", "client CPU a row")
    track_client = tracked("client_rss", "bytes", "client process")


class Cached:
    """Memory of a client that holds few or many rows."""

    title = "memory, {rows:,} rows"
    params: list[list[Any]] = [[1_000, 10_000, 100_000]]
    param_names: list[str] = ["rows"]
    quick: list[list[Any]] = [[1_000, 10_000]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(rows: int) -> Scenario:
        return Scenario(name=f"scale memory {rows}", workload=Workload(kind="memory", rows=rows))

    track_client = tracked("client_rss", "bytes", "client process")
    track_server = tracked("server_rss", "bytes", "server process")
    track_client_row = tracked("client_row", "bytes", "client, a row")


class Decoding:
    """Rows decoded and encoded at once, in one process."""

    title = "{rows:,} item rows at once"
    params: list[list[Any]] = [[1, 10, 100, 1_000, 10_000]]
    param_names: list[str] = ["rows"]
    quick: list[list[Any]] = [[1, 1_000]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(rows: int) -> Scenario:
        return Scenario(
            name=f"scale codec {rows}",
            workload=Workload(kind="codec", rows=rows),
            live=False,
            options={"row": "item"},
        )

    shown_decode = tracked("decode_rate", "1/s", "decode")
    shown_encode = tracked("encode_rate", "1/s", "encode")
    track_decode = tracked("1/decode_rate", "ns", "decode, a row")
