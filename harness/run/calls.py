"""Reducer calls, pipelined or by plan, and what they leave in the tables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from harness.client import Client
from harness.load import arrivals, driver
from harness.load.workloads import Stream
from harness.measure.recorder import Recorder
from harness.records import Check
from harness.run import oracle, window
from harness.run.exchange import Finding, Job
from harness.run.link import Link

#: Calls under way while the tables are filled.
_FILLING = 8


async def measure(job: Job) -> Finding:
    """Fill, subscribe, load, compare."""
    scenario = job.scenario
    shape = scenario.load
    stream = Stream(scenario.workload)
    async with Link(scenario, job.target) as link:
        await link.connect_many(shape.connections)
        await fill(link.connections[0], stream)
        if scenario.workload.subscribed:
            for connection in link.connections:
                for table in stream.tables:
                    await connection.subscribe(f"SELECT * FROM {table}")  # noqa: S608  (our own names)
        before, filled = await link.transactions(), stream.model.transactions
        recorder = Recorder(window.capacity(shape))
        issues = [issuer(connection, stream) for connection in link.connections]
        with window.Watch(job.target.pid, shape) as watch:
            if shape.rate_per_s is None:
                load = await driver.closed_loop(issues, recorder, shape)
            else:
                plan = arrivals.plan(shape, scenario.workload.seed)
                load = await driver.open_loop(issues, recorder, shape, plan)
            watch.stop()
        if job.baseline:
            return window.finding(watch, load, [], scenario.workload.batch)
        checks = []
        if scenario.workload.subscribed and shape.connections > 1:
            await settle(link, stream)
        counted = await link.transactions()
        made = stream.model.transactions - filled
        checks += count(scenario.workload.kind, made, before, counted)
        cached = scenario.workload.subscribed
        checks += await link.truth(stream.model, stream.tables, cached)
        return window.finding(watch, load, checks, scenario.workload.batch)


async def fill(connection: Any, stream: Stream) -> None:
    """Bring the tables to where the operations begin."""
    waiting: list[Any] = []
    for name, arguments in stream.setup():
        waiting.append(connection.call(name, *arguments))
        if len(waiting) >= _FILLING:
            await asyncio.gather(*waiting)
            waiting.clear()
    await asyncio.gather(*waiting)


def issuer(connection: Client, stream: Stream) -> driver.Issue:
    """What begins the next call on a connection."""
    call, next_call = connection.call_for, stream.next_call
    encoders: dict[str, Callable[[tuple[Any, ...]], bytes]] = {}

    def issue(waiter: driver.Waiter) -> None:
        name, arguments = next_call()
        encode = encoders.get(name)
        if encode is None:
            encode = encoders[name] = connection.encoder(name)
        call(waiter, name, encode(arguments))

    return issue


async def settle(link: Link, stream: Stream) -> None:
    """Have each connection see everything: an answer comes after all updates before it."""
    for connection in link.connections:
        await connection.call("noop")
        stream.model.transactions += 1


def count(kind: str, made: int, before: int | None, after: int | None) -> list[Check]:
    """The server's own count of transactions against the client's, if the server counts.

    Calls that change nothing leave no other trace, so without a count nothing vouches for them.
    """
    if before is not None and after is not None:
        what = "transactions counted by the server"
        return [oracle.same_count("transactions", made, after - before, what)]
    if kind != "noop":
        return []
    found = "the server does not count its transactions: nothing proves that the calls ran"
    return [Check(name="transactions", passed=False, found=found)]
