"""How many rows a second are inserted, updated, deleted and found, through the server?

The client is subscribed to the table, so each change also comes back into its cache, and both are
compared with the model in the end.
"""

from __future__ import annotations

from typing import Any

from harness.records import Scenario
from harness.run import measure, tracked
from harness.run.suites import Found
from suites import common


class Insert:
    """New rows, one a call, answered at once or when they are on disk."""

    title = "insert, one row a call"
    params: list[list[Any]] = [[False, True]]
    param_names: list[str] = ["confirmed"]
    quick: list[list[Any]] = [[False]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(confirmed: bool) -> Scenario:
        word = "confirmed" if confirmed else "unconfirmed"
        return common.pipelined(
            f"tables insert {word}", "insert", subscribed=True, confirmed=confirmed
        )

    shown_rate = tracked("rate", "1/s")
    track_time = tracked("1/rate", "ns", "time each")
    track_client_cpu = tracked("client_cpu", "ns", "client CPU a row")
    track_server_cpu = tracked("server_cpu", "ns", "server CPU a row")


class InsertBatch:
    """New rows, many a call."""

    title = "insert, {batch} rows a call"
    params: list[list[Any]] = [[10, 1_000]]
    param_names: list[str] = ["batch"]
    quick: list[list[Any]] = [[]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(batch: int) -> Scenario:
        return common.pipelined(
            f"tables insert batch {batch}",
            "insert_batch",
            batch=batch,
            subscribed=True,
            in_flight=max(2, common.PIPELINED // batch),
        )

    shown_rate = tracked("rate", "1/s")
    track_time = tracked("1/rate", "ns", "time each")


class Update:
    """New values for one of 1,000 rows."""

    title = "update, one row a call"
    params: list[list[Any]] = []
    param_names: list[str] = []
    quick: list[list[Any]] = []
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario() -> Scenario:
        return common.pipelined("tables update", "update", rows=common.ROWS, subscribed=True)

    shown_rate = tracked("rate", "1/s")
    track_time = tracked("1/rate", "ns", "time each")


class Delete:
    """Rows by key until the table is empty or time is up."""

    title = "delete, one row a call"
    params: list[list[Any]] = []
    param_names: list[str] = []
    quick: list[list[Any]] = []
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario() -> Scenario:
        return common.pipelined("tables delete", "delete", rows=60_000, subscribed=True)

    shown_rate = tracked("rate", "1/s")
    track_time = tracked("1/rate", "ns", "time each")


class Query:
    """One-off SQL: one row by its primary key, or the rows with a value in 1,000."""

    title = "SQL query by {how}"
    params: list[list[Any]] = [["key", "scan"]]
    param_names: list[str] = ["how"]
    quick: list[list[Any]] = [["scan"]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(how: str) -> Scenario:
        # A scan takes the server milliseconds; a few in flight keep it busy.
        in_flight = common.PIPELINED if how == "key" else 4
        return common.pipelined(
            f"tables query {how}", f"query_{how}", rows=common.ROWS, in_flight=in_flight
        )

    shown_rate = tracked("rate", "1/s")
    track_time = tracked("1/rate", "ns", "time each")
