"""The process in which one scenario is measured: a job on stdin, JSON lines on stdout.

Expected errors are told in a line; anything else is a crash, which the manager reports with the
traceback from stderr. The worker ends when its stdin is closed, so it never outlives the manager.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from harness.errors import HarnessError, PlanError
from harness.records import Target
from harness.run import validity
from harness.run.exchange import Finding, Job, Said, decode_job, encode

#: Kind of workload -> the module of ``harness.run`` whose ``measure`` does it.
EXERCISES = {
    "noop": "calls", "transfer": "calls", "insert": "calls", "insert_batch": "calls",
    "update": "calls", "delete": "calls",
    "query_key": "queries", "query_scan": "queries",
    "population": "population",
    "connect": "connecting",
    "memory": "memory",
    "cache": "caching",
    "codec": "coding",
    "peer": "peers",
    "client": "client_turns",
    "command": "commands",
}  # fmt: skip


def main() -> int:
    """Do the job that stdin names; exit code 0 also for an expected error."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    # What anything else prints belongs to the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    job = decode_job(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_manager, daemon=True, name="manager").start()
    try:
        for name in job.preload:
            importlib.import_module(name)
        kind = job.scenario.workload.kind
        if kind not in EXERCISES:
            raise PlanError(f"no workload `{kind}`; there are: {', '.join(sorted(EXERCISES))}")
        exercise = importlib.import_module(f"harness.run.{EXERCISES[kind]}")
        finding = _perform(exercise.measure, job)
        if job.null is not None:
            finding = _with_baseline(exercise.measure, job, finding, job.null)
    except HarnessError as error:
        out.write(encode(Said(error=f"{type(error).__name__}: {error}")))
        return 0
    out.write(encode(Said(finding=finding)))
    return 0


def _with_baseline(measure: Any, job: Job, finding: Finding, null: Target) -> Finding:
    """The finding with this generator's own rate, if that is in question."""
    if finding.value("rate") is None or validity.saturated(finding.server):
        return finding
    asked = Job(scenario=validity.baseline_of(job.scenario), target=null, baseline=True)
    best, missing = 0.0, ""
    for _ in range(validity.BASELINE_ATTEMPTS):
        rate, missing = _baseline(measure, asked)
        best = max(best, rate)
        if missing or validity.enough(finding.value("rate") or 0.0, best):
            break
    if not best:
        return msgspec.structs.replace(finding, baseline_missing=missing)
    return msgspec.structs.replace(finding, baseline_per_s=best)


def _baseline(measure: Any, asked: Job) -> tuple[float, str]:
    """The rate of one attempt against the null target, or why there is none."""
    try:
        found = _perform(measure, asked)
    except HarnessError as error:
        return 0.0, str(error)
    failed = [check.found for check in found.checks if not check.passed]
    return (0.0, failed[0]) if failed else (found.value("rate") or 0.0, "")


def _perform(measure: Any, job: Job) -> Finding:
    if not asyncio.iscoroutinefunction(measure):
        found: Finding = measure(job)
        return found
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.get_loop().set_exception_handler(_crash)
        done: Finding = runner.run(measure(job))
        return done


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None  # there is none for this platform
    return uvloop.new_event_loop


def _crash(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An error in a callback has nobody waiting for it; the run must not go on without it."""
    loop.default_exception_handler(context)
    if context.get("exception") is not None:
        sys.stderr.flush()
        os._exit(70)


def _end_with_manager() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(71)


if __name__ == "__main__":
    sys.exit(main())
