"""The first rows of a subscription, in two clients: how fast they come, and what they weigh."""

from __future__ import annotations

from harness.run.exchange import Finding, Job
from harness.run.link import Link
from harness.run.peer_turns import Referee, Turns


async def measure(job: Job, turns: Turns) -> Finding:
    """Fill once; each turn a peer subscribes to all rows; compare its cache."""
    rows = job.scenario.workload.rows
    async with Link(job.scenario, job.target) as link:
        await link.connect()
        referee = Referee(link, turns)
        await referee.fill(rows, 0)
        turns.check(await referee.server())
        for _, peer in turns.plan():
            answer = await turns.ask(peer, do="subscribe", token=link.token, rows=rows)
            turns.check(referee.cache(peer, answer))
            if turns.failed:
                break
            result = answer.result
            turns.note("rate", peer, rows / result.wall_ns * 1e9)
            turns.note("cpu", peer, result.cpu_ns / rows)
            turns.note("row", peer, max(1, result.rss_after - result.rss_before) / rows)
    figures = [("rate", "1/s", "higher"), ("cpu", "ns", "lower"), ("row", "bytes", "lower")]
    return turns.finding(figures, "cpu", rows)
