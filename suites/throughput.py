"""How many calls a second get through, with 64 in flight?"""

from __future__ import annotations

from typing import Any

from harness.records import Scenario
from harness.run import measure, tracked
from harness.run.suites import Found
from suites import common

CONNECTIONS = 4


class Noop:
    """Calls that do nothing, by protocol: what a call costs by itself.

    Four connections share the 64 calls in flight. On one connection all of them are asked in one
    message and answered in one message, and the server is idle while the client works.
    """

    title = "no-op calls"
    params: list[list[Any]] = [["v3", "v2", "v1"]]
    param_names: list[str] = ["protocol"]
    quick: list[list[Any]] = [["v3"]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(protocol: str) -> Scenario:
        return common.pipelined(
            f"throughput noop {protocol}",
            "noop",
            protocol=protocol,
            connections=CONNECTIONS,
            in_flight=common.PIPELINED // CONNECTIONS,
        )

    shown_rate = tracked("rate", "1/s")
    track_time = tracked("1/rate", "ns", "time each")
    track_client_cpu = tracked("client_cpu", "ns", "client CPU a call")
    track_server_cpu = tracked("server_cpu", "ns", "server CPU a call")


class Transfer:
    """Calls that change two of 1,000 rows, answered at once or when they are on disk."""

    title = "transfer calls"
    params: list[list[Any]] = [[False, True]]
    param_names: list[str] = ["confirmed"]
    quick: list[list[Any]] = [[]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(confirmed: bool) -> Scenario:
        word = "confirmed" if confirmed else "unconfirmed"
        return common.pipelined(
            f"throughput transfer {word}", "transfer", rows=common.ROWS, confirmed=confirmed
        )

    shown_rate = tracked("rate", "1/s")
    track_time = tracked("1/rate", "ns", "time each")
    track_client_cpu = tracked("client_cpu", "ns", "client CPU a call")
    track_server_cpu = tracked("server_cpu", "ns", "server CPU a call")
