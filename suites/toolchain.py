"""How long do the commands of the toolchain take? Each time in a fresh process, as users wait."""

from __future__ import annotations

from typing import Any

from harness.records import Scenario, Workload
from harness.run import measure, tracked
from harness.run.suites import Found
from suites import common

try:
    from harness.run import commands
except ImportError:  # asv: a library from before there were these commands
    commands = None  # type: ignore[assignment]  # asked below


class Command:
    """``harness --help``, the client of a schema of 500 tables, the largest example compiled."""

    title = "harness {what}"
    params: list[list[Any]] = [["help", "generate", "compile"]]
    param_names: list[str] = ["what"]
    quick: list[list[Any]] = [["help"]]
    timeout = common.TIMEOUT_S
    version = "1"

    def setup_cache(self) -> Found:
        if commands is None:
            raise NotImplementedError("this library has no such commands")  # asv's "not here"
        return measure(type(self))

    @staticmethod
    def scenario(what: str) -> Scenario:
        return Scenario(
            name=f"toolchain {what}",
            workload=Workload(kind="command"),
            live=False,
            options={"what": what},
        )

    track_wall = tracked("wall", "ns", "time")
    track_cpu = tracked("cpu", "ns", "CPU")
    shown_of_python = tracked("of_python", "ratio", "beside an interpreter that does nothing")
