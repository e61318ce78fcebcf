"""How much slower than a yardstick is the codec? By the clock, on a machine that is not quiet.

For the history of commits alone. The unit is an act of the yardstick (``suites/yardstick.py``),
which runs in turns with the codec; ``track_yardstick`` is the machine's own pace, by which `harness
changes` evens the other times of the same results, where that explains them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.records import Scenario, Workload
from suites import common, yardstick


class Rows:
    """Rows of one type, many at once, in turns with the yardstick."""

    title = "{row} rows, {rows:,} at once, beside the yardstick"
    params: list[list[Any]] = [["item", "account"], [1_000]]
    param_names: list[str] = ["row", "rows"]
    timeout = common.TIMEOUT_S
    version = "1"

    @staticmethod
    def scenario(row: str, rows: int) -> Scenario:
        return Scenario(
            name=f"paced codec {row} {rows}",
            workload=Workload(kind="codec", rows=rows),
            live=False,
            options={"row": row},
        )

    def setup_cache(self) -> dict[str, dict[str, list[float]]]:
        try:
            from harness.run.yardstick import beside
        except ImportError as error:  # the library of a commit before there was one
            raise NotImplementedError(str(error)) from error
        kernel = Path(yardstick.__file__)
        rows = self.params[1][0]
        return {row: beside(kernel, self.scenario(row, rows)) for row in self.params[0]}

    def track_encode(
        self, found: dict[str, dict[str, list[float]]], row: str, rows: int
    ) -> dict[str, Any]:
        return common.sampled(found[row]["encode"])

    def track_decode(
        self, found: dict[str, dict[str, list[float]]], row: str, rows: int
    ) -> dict[str, Any]:
        return common.sampled(found[row]["decode"])

    def track_yardstick(
        self, found: dict[str, dict[str, list[float]]], row: str, rows: int
    ) -> dict[str, Any]:
        return common.sampled(found[row]["yardstick"])

    track_encode.unit = "yardsticks"  # type: ignore[attr-defined]  # asv reads it there
    track_decode.unit = "yardsticks"  # type: ignore[attr-defined]  # asv reads it there
    track_yardstick.unit = "ns"  # type: ignore[attr-defined]  # asv reads it there
