"""Do a thousand subscribed connections work, and how fast does a message reach them all?"""

from __future__ import annotations

from typing import Any

from harness.records import LoadShape, Scenario, Workload
from harness.run import measure, tracked
from harness.run.suites import Found
from suites import common


class Population:
    """All connect, all subscribe, each calls, one message reaches everybody.

    One process holds all the clients and is as busy as the server, so these times are those of both
    sides together: how long a thousand clients on one machine take, not what the server could do
    for more of them. What each side used stands in the run file.
    """

    title = "{connections:,} connections"
    params: list[list[Any]] = [[1_000]]
    param_names: list[str] = ["connections"]
    quick: list[list[Any]] = [[1_000]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(connections: int) -> Scenario:
        return Scenario(
            name=f"concurrency {connections}",
            # The batch is the number of broadcasts.
            workload=Workload(kind="population", batch=1),
            load=LoadShape(connections=connections, timeout_s=30.0),
        )

    shown_connections = tracked("connections", "count", "all served")
    shown_connect = tracked("connect_rate", "1/s", "connect")
    track_connect_time = tracked("1/connect_rate", "ns", "connect, time")
    shown_subscribe = tracked("subscribe_rate", "1/s", "subscribe")
    track_subscribe_time = tracked("1/subscribe_rate", "ns", "subscribe, time")
    shown_call = tracked("call_rate", "1/s", "insert, each one")
    track_call_time = tracked("1/call_rate", "ns", "insert, each one, time")
    track_broadcast = tracked("broadcast_last", "ns", "broadcast reaches the last")
    track_server = tracked("server_rss", "bytes", "server process")
    track_connection = tracked("server_bytes", "bytes", "server, a connection")
    track_client = tracked("client_bytes", "bytes", "client, a connection")
