"""Our client beside the TypeScript SDK: each in fresh processes, in turns, verified alike."""

from __future__ import annotations

import asyncio

from harness.errors import PlanError
from harness.peers import sides
from harness.records import Check, Metric
from harness.run import peer_calls, peer_connects, peer_snapshot
from harness.run.exchange import Finding, Job
from harness.run.peer_turns import Turns
from harness.targets import npm
from harness.targets.rows import compare

_EXERCISES = {
    "calls": peer_calls.measure,
    "snapshot": peer_snapshot.measure,
    "connect": peer_connects.measure,
}


def measure(job: Job) -> Finding:
    """What the scenario's option ``peer`` names. Raises ``TargetError`` without node or package."""
    what = job.scenario.options.get("peer", "codec")
    if what == "codec":
        return _codecs(job)
    if what not in _EXERCISES:
        raise PlanError(f"no comparison `{what}`; there are: codec, {', '.join(_EXERCISES)}")
    protocol = job.scenario.protocol
    if protocol not in sides.PACKAGES:
        raise PlanError(f"no package of the TypeScript SDK speaks {protocol}")
    folder = npm.install(sides.PACKAGES[protocol])
    typescript = sides.typescript(folder)
    peers = [sides.ours(), typescript]
    if what == "calls":
        peers.insert(1, sides.awaited())
    turns = Turns(job, peers)
    return asyncio.run(_EXERCISES[what](job, turns))


def _codecs(job: Job) -> Finding:
    """Rates of both row codecs and their ratios."""
    quick = bool(job.scenario.options.get("quick"))
    count = job.scenario.workload.rows
    rates = compare(count, repeat=5, rounds=1) if quick else compare(count)
    metrics = [
        Metric(
            name=name,
            value=value,
            unit="ratio" if name.endswith("_ratio") else "1/s",
            count=count,
        )
        for name, value in rates.items()
    ]
    # compare() refuses sides that disagree about the bytes.
    same = Check(name="same bytes", passed=True, found=f"both sides encode {count} rows alike")
    return Finding(metrics=metrics, checks=[same])
