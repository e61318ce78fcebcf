"""Calls of two clients, in turns: what a call costs the client, and how many get through."""

from __future__ import annotations

from harness.peers.exchange import Kind
from harness.peers.process import Peer
from harness.run import calls
from harness.run.exchange import Finding, Job
from harness.run.link import Link
from harness.run.peer_turns import Referee, Turns

#: Calls of one turn: those before (``Peer.warm`` times as many), and those that count.
WARMUP, OPERATIONS = 3_000, 8_000
QUICK_WARMUP, QUICK_OPERATIONS = 2_500, 3_000


async def measure(job: Job, turns: Turns) -> Finding:
    """Each turn: fill, let the peer call, compare server, counters and cache."""
    async with Link(job.scenario, job.target) as link:
        await link.connect()
        referee = Referee(link, turns)
        for number, peer in turns.plan():
            await _turn(link, referee, turns, number, peer)
            if turns.failed:
                break
    figures = [("cpu", "ns", "lower"), ("rate", "1/s", "higher")]
    return turns.finding(figures, "cpu", _operations(turns)[1])


async def _turn(link: Link, referee: Referee, turns: Turns, number: int, peer: Peer) -> None:
    workload = turns.scenario.workload
    do: Kind = "noop" if turns.scenario.options["call"] == "noop" else "insert"
    await referee.fill(workload.rows, number)
    before = await referee.transactions()
    warmup, operations = _operations(turns)
    answer = await turns.ask(
        peer,
        do=do,
        awaited=peer.name == "awaited",
        token=link.token,
        subscribed=workload.subscribed,
        in_flight=turns.scenario.load.in_flight,
        warmup=warmup * peer.warm,
        operations=operations,
        rows=workload.rows,
    )
    result = answer.result
    if do == "insert":
        referee.inserted(workload.rows, result.all_calls)
    turns.check(*calls.count(do, result.all_calls, before, await referee.transactions()))
    turns.check(await referee.server())
    if workload.subscribed:
        turns.check(referee.cache(peer, answer))
    if result.calls:
        turns.note("cpu", peer, result.cpu_ns / result.calls)
        turns.note("rate", peer, result.calls / result.wall_ns * 1e9)


def _operations(turns: Turns) -> tuple[int, int]:
    if turns.quick:
        return QUICK_WARMUP, QUICK_OPERATIONS
    return WARMUP, OPERATIONS
