"""What to do about a server in which no Python profiler sees anything."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

from harness.errors import PlanError

#: Seconds for perf to say what it can count.
_TIMEOUT_S = 10.0


def refuse(target: str, perf: Callable[[], str] | None = None) -> None:
    """Raise ``PlanError`` unless the target is our own server, with what is possible instead."""
    if target == "embedded":
        return
    raise PlanError(
        f"the server of {target} is no Python program that is ours to start, so no profiler here "
        "can look into it: its own metrics are at /v1/metrics of its URI, and "
        f"{(perf or perf_here)()}; --of client profiles the client against it"
    )


def perf_here() -> str:
    """What perf can do on this machine, as part of a sentence."""
    program = shutil.which("perf")
    how = "`perf record -g -p PID`"
    if program is None:
        return f"{how} works where perf is installed, which it is not here"
    try:
        done = subprocess.run(
            [program, "stat", "-x", ",", "-e", "cycles", "true"], capture_output=True, text=True,
            errors="replace", check=False, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return f"{how} works where perf runs, which it does not here"
    if done.returncode == 0 and "not supported" not in done.stderr:
        return f"{how} works here, on the machine that the server runs on"
    clock = "`perf record -e cpu-clock -g -p PID`"
    return f"{clock} works on its machine; this one has no hardware counters for perf to use"
