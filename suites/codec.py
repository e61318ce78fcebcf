"""How fast do rows become bytes and bytes rows? In process, taken with pyperf."""

from __future__ import annotations

from typing import Any

from harness.records import Scenario, Workload
from harness.run import measure, tracked
from harness.run.suites import Found
from suites import common


class Rows:
    """Rows of one type, encoded and decoded by themselves or many at once."""

    title = "{row} rows, {rows:,} at once"
    params: list[list[Any]] = [["item", "account"], [1, 1_000]]
    param_names: list[str] = ["row", "rows"]
    quick: list[list[Any]] = [["item"], [1_000]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario(row: str, rows: int) -> Scenario:
        return Scenario(
            name=f"codec {row} {rows}",
            workload=Workload(kind="codec", rows=rows),
            live=False,
            options={"row": row},
        )

    shown_encode = tracked("encode_rate", "1/s", "encode")
    track_encode_time = tracked("1/encode_rate", "ns", "encode, time")
    shown_decode = tracked("decode_rate", "1/s", "decode")
    track_decode_time = tracked("1/decode_rate", "ns", "decode, time")
