"""How does our client compare with the official TypeScript SDK, doing the same work in turns?

All ratios are ours over TypeScript's: of CPU, memory and times less is better, of rates more is.
"""

from __future__ import annotations

from typing import Any

from harness.records import LoadShape, Scenario, Workload
from harness.run import measure, tracked
from harness.run.suites import Found
from suites import common

#: Rows that are in the table before a peer begins, of which it is told nothing but how many.
KNOWN_BY_THE_SERVER_ONLY = 100
#: Seconds for all turns of a comparison, at the most.
MOST_S = 240.0


def missing_sdk() -> str | None:
    """Why the TypeScript SDK cannot be had here; None if it can."""
    from harness.errors import TargetError
    from harness.targets import npm

    try:
        npm.install()
    except TargetError as error:
        return str(error)
    return None


class Calls:
    """64 calls in flight on one connection; fresh processes in turns, the same rows verified.

    Both clients are told of an answer by callback, which begins the next call: by the SDK's
    promises and by our ``call_for``. *Awaited* is our client with a task for each call in flight.
    The plan of the project's predecessor was to be within 10 % of the TypeScript SDK.
    """

    title = "{call}, peers"
    params: list[list[Any]] = [["noop", "insert", "subscribed insert"]]
    param_names: list[str] = ["call"]
    quick: list[list[Any]] = [["noop", "insert", "subscribed insert"]]
    timeout = common.TIMEOUT_S
    version = "1"

    missing = staticmethod(missing_sdk)

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(call: str) -> Scenario:
        return Scenario(
            name=f"peers {call}",
            workload=Workload(
                kind="peer", rows=KNOWN_BY_THE_SERVER_ONLY, subscribed=call.startswith("subscribed")
            ),
            load=LoadShape(in_flight=common.PIPELINED, duration_s=MOST_S),
            options={"peer": "calls", "call": call.rpartition(" ")[2]},
        )

    track_cpu_ours = tracked("cpu_ours", "ns", "CPU a call, ours")
    track_cpu_awaited = tracked("cpu_awaited", "ns", "CPU ours, awaited")
    track_cpu_typescript = tracked("cpu_typescript", "ns", "CPU a call, TypeScript")
    shown_cpu_ratio = tracked("cpu_ratio", "ratio", "CPU ratio")
    shown_cpu_ratio_worst = tracked("cpu_ratio_worst", "ratio", "CPU ratio, 95% at most")
    shown_cpu_ratio_awaited = tracked("cpu_ratio_awaited", "ratio", "CPU ratio, awaited")
    shown_rate_ours = tracked("rate_ours", "1/s", "calls/s, ours")
    shown_rate_typescript = tracked("rate_typescript", "1/s", "calls/s, TypeScript")
    shown_rate_ratio = tracked("rate_ratio", "ratio", "calls/s, ratio")


class Snapshot:
    """The first rows of a subscription, in fresh processes in turns."""

    title = "first {rows:,} rows, peers"
    params: list[list[Any]] = [[100_000]]
    param_names: list[str] = ["rows"]
    quick: list[list[Any]] = [[100_000]]
    timeout = common.TIMEOUT_S
    version = "1"

    missing = staticmethod(missing_sdk)

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(rows: int) -> Scenario:
        return Scenario(
            name=f"peers snapshot {rows}",
            workload=Workload(kind="peer", rows=rows, subscribed=True),
            load=LoadShape(duration_s=MOST_S),
            options={"peer": "snapshot", "rounds": 3},
        )

    shown_rate_ours = tracked("rate_ours", "1/s", "rows/s, ours")
    shown_rate_typescript = tracked("rate_typescript", "1/s", "rows/s, TypeScript")
    shown_rate_ratio = tracked("rate_ratio", "ratio", "rows/s, ratio")
    shown_cpu_ratio = tracked("cpu_ratio", "ratio", "CPU ratio")
    track_row_ours = tracked("row_ours", "bytes", "memory a row, ours")
    track_row_typescript = tracked("row_typescript", "bytes", "memory a row, TypeScript")


class Connect:
    """One connection after the other, in fresh processes in turns."""

    title = "connect, peers"
    params: list[list[Any]] = []
    param_names: list[str] = []
    quick: list[list[Any]] = [[]]
    timeout = common.TIMEOUT_S
    version = "1"

    missing = staticmethod(missing_sdk)

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario() -> Scenario:
        return Scenario(
            name="peers connect",
            workload=Workload(kind="peer"),
            load=LoadShape(duration_s=MOST_S),
            options={"peer": "connect", "rounds": 3},
        )

    track_ours = tracked("connected_ours", "ns", "median, ours")
    track_typescript = tracked("connected_typescript", "ns", "median, TypeScript")
    shown_ratio = tracked("connected_ratio", "ratio", "ratio")


class TypeScript:
    """Rows per CPU second in alternating fresh processes; ours over theirs."""

    title = "our codec ÷ TypeScript SDK's"
    params: list[list[Any]] = []
    param_names: list[str] = []
    quick: list[list[Any]] = [[]]
    timeout = common.TIMEOUT_S
    version = "1"

    missing = staticmethod(missing_sdk)

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario() -> Scenario:
        return Scenario(
            name="peers typescript",
            workload=Workload(kind="peer", rows=20_000),
            live=False,
        )

    shown_encode = tracked("encode_ratio", "ratio", "encode")
    shown_decode = tracked("decode_ratio", "ratio", "decode")
