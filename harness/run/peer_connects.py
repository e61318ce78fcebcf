"""How long two clients take to be connected, in turns."""

from __future__ import annotations

from statistics import median

from harness.records import Check
from harness.run.exchange import Finding, Job
from harness.run.link import Link
from harness.run.peer_turns import Turns

#: Connections of one turn: those that do not count, and those that do.
WARMUP, OPERATIONS = 10, 60
QUICK_WARMUP, QUICK_OPERATIONS = 3, 20


async def measure(job: Job, turns: Turns) -> Finding:
    """Each turn a peer connects and closes, one after the other; its figure is the median."""
    warmup, operations = (QUICK_WARMUP, QUICK_OPERATIONS) if turns.quick else (WARMUP, OPERATIONS)
    async with Link(job.scenario, job.target) as link:
        for _, peer in turns.plan():
            answer = await turns.ask(
                peer, do="connect", token=link.token, warmup=warmup, operations=operations
            )
            times = answer.result.times_ns
            found = f"{peer.name} connected {len(times)} of {operations} times"
            turns.check(
                Check(
                    name=f"connections of {peer.name}",
                    passed=len(times) == operations,
                    found=found,
                )
            )
            if turns.failed:
                break
            turns.note("connected", peer, median(times))
            turns.note("cpu", peer, answer.result.cpu_ns / operations)
    figures = [("connected", "ns", "lower"), ("cpu", "ns", "lower")]
    return turns.finding(figures, "connected", operations * turns.rounds)
