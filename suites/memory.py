"""How much memory do a working client and a server take?"""

from __future__ import annotations

from typing import Any

from harness.records import Scenario, Workload
from harness.run import measure, tracked
from harness.run.suites import Found
from suites import common


class Rows:
    """Both processes with a subscribed table of many rows."""

    title = "memory, {rows:,} cached rows"
    params: list[list[Any]] = [[10_000]]
    param_names: list[str] = ["rows"]
    quick: list[list[Any]] = [[10_000]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(rows: int) -> Scenario:
        return Scenario(name=f"memory {rows} rows", workload=Workload(kind="memory", rows=rows))

    track_client = tracked("client_rss", "bytes", "client process")
    track_server = tracked("server_rss", "bytes", "server process")
    track_client_row = tracked("client_row", "bytes", "client, a row")
    track_server_row = tracked("server_row", "bytes", "server, a row")
