"""How does our row codec compare with the TypeScript SDK's, on the same rows?"""

from __future__ import annotations

from typing import Any

from harness.records import Scenario, Workload
from harness.run import measure, tracked
from harness.run.suites import Found
from suites import common


class TypeScript:
    """Rows per CPU second in alternating fresh processes; ours over theirs."""

    title = "our codec ÷ TypeScript SDK's"
    params: list[list[Any]] = []
    param_names: list[str] = []
    quick: list[list[Any]] = [[]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        return measure(type(self))

    @staticmethod
    def scenario() -> Scenario:
        return Scenario(
            name="peers typescript",
            workload=Workload(kind="peer", rows=20_000),
            live=False,
        )

    @staticmethod
    def missing() -> str | None:
        """Why this cannot be measured here; None if it can."""
        from harness.errors import TargetError
        from harness.targets import npm

        try:
            npm.install()
        except TargetError as error:
            return str(error)
        return None

    shown_encode = tracked("encode_ratio", "ratio", "encode")
    shown_decode = tracked("decode_ratio", "ratio", "decode")
