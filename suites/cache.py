"""How fast does the client's cache take in changes, and find rows? In process."""

from __future__ import annotations

from typing import Any

from harness.records import LoadShape, Scenario, Workload
from harness.run import measure, tracked
from harness.run.suites import Found
from suites import common


class Apply:
    """Server messages, as they come from a socket, applied to a cache of 1,000 rows."""

    title = "cache"
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
            name="cache",
            workload=Workload(kind="cache", rows=common.ROWS),
            load=LoadShape(duration_s=0.5, warmup_s=0.1),
            live=False,
        )

    shown_insert = tracked("insert_rate", "1/s", "insert")
    track_insert_time = tracked("1/insert_rate", "ns", "insert, time")
    shown_update = tracked("update_rate", "1/s", "update")
    track_update_time = tracked("1/update_rate", "ns", "update, time")
    shown_delete = tracked("delete_rate", "1/s", "delete")
    track_delete_time = tracked("1/delete_rate", "ns", "delete, time")
    shown_find = tracked("find_rate", "1/s", "query by key")
    track_find_time = tracked("1/find_rate", "ns", "query by key, time")
    shown_scan = tracked("scan_rate", "1/s", "query by scan of 1,000")
    track_scan_time = tracked("1/scan_rate", "ns", "query by scan of 1,000, time")
