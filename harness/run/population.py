"""Many connections at once: all connect, all subscribe, each calls, one broadcast reaches all."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from typing import Any

import numpy as np

from harness.load.workloads import Stream
from harness.measure.processes import Meter, Others, rss_bytes
from harness.records import Check, Metric
from harness.run import oracle
from harness.run.exchange import Finding, Job
from harness.run.link import Link
from harness.stats.histogram import Histogram

#: Seconds that a broadcast may take to reach everybody.
BROADCAST_TIMEOUT_S = 30.0
TEXT = "to all"


async def measure(job: Job) -> Finding:
    """Each connection subscribes to `message`, inserts an item of its own, and hears a message."""
    scenario = job.scenario
    count, broadcasts = scenario.load.connections, scenario.workload.batch
    stream = Stream(scenario.workload)
    client, server, others = Meter(os.getpid()), Meter(job.target.pid), Others()
    async with Link(scenario, job.target) as link:
        first = await link.connect()
        for name, arguments in stream.setup():
            await first.call(name, *arguments)
        already = await link.rows("message")
        gc.collect()
        idle, alone = _rss(job.target.pid), rss_bytes(os.getpid())
        others.start()
        client.start()
        server.start()
        laps = [time.perf_counter_ns()]
        await link.connect_many(count - 1)
        laps.append(time.perf_counter_ns())
        await asyncio.gather(*(c.subscribe("SELECT * FROM message") for c in link.connections))
        laps.append(time.perf_counter_ns())
        full, crowded = _rss(job.target.pid), rss_bytes(os.getpid())
        before = await link.transactions()
        made = stream.model.transactions
        laps[-1:] = [laps[-1], time.perf_counter_ns()]
        await asyncio.gather(*(_call(c, stream) for c in link.connections))
        laps.append(time.perf_counter_ns())
        heard = np.concatenate(
            [await _broadcast(link.connections, number) for number in range(broadcasts)]
        )
        server.stop()
        client.stop()
        others.stop(client.use, server.use)
        stream.model.transactions += broadcasts
        checks = await _truth(link, stream, already, broadcasts)
        after = await link.transactions()
        if before is not None and after is not None:
            expected = stream.model.transactions - made
            checks.append(
                oracle.same_count(
                    "transactions", expected, after - before, "transactions counted by the server"
                )
            )
    delivery = Histogram.of(heard)
    metrics = [
        _metric("connections", count, "count", "higher", count),
        _metric("connect_rate", (count - 1) / (laps[1] - laps[0]) * 1e9, "1/s", "higher", count),
        _metric("subscribe_rate", count / (laps[2] - laps[1]) * 1e9, "1/s", "higher", count),
        _metric("call_rate", count / (laps[4] - laps[3]) * 1e9, "1/s", "higher", count),
    ]
    if delivery.count:  # else nobody heard anything, and the caches say so
        metrics += [
            _metric("broadcast_last", delivery.max, "ns", "lower", delivery.count),
            _metric("broadcast_p50", delivery.percentile(50), "ns", "lower", delivery.count),
        ]
    metrics.append(_metric("client_bytes", (crowded - alone) / count, "bytes", "lower", count))
    if idle and full:
        metrics.append(_metric("server_bytes", (full - idle) / count, "bytes", "lower", count))
    if server.use is not None:
        metrics.append(_metric("server_rss", server.use.rss_bytes, "bytes", "lower", count))
    if client.use is not None:
        metrics.append(_metric("client_rss", client.use.rss_bytes, "bytes", "lower", count))
    return Finding(
        metrics=metrics,
        checks=checks,
        histograms={"broadcast": delivery.to_dict()},
        client=client.use,
        server=server.use,
        others_cores=others.cores,
    )


async def _call(connection: Any, stream: Stream) -> None:
    name, arguments = stream.next_call()
    await connection.call(name, *arguments)


async def _broadcast(connections: list[Any], number: int) -> Any:
    """Nanoseconds from the call until each connection's callback saw the row."""
    loop = asyncio.get_running_loop()
    reached, left = list[int](), len(connections)
    everybody = loop.create_future()

    def saw(*_: Any) -> None:
        nonlocal left
        reached.append(time.perf_counter_ns())
        left -= 1
        if not left and not everybody.done():
            everybody.set_result(None)

    # Callbacks cannot be taken back by name here, so each connection gets one for this text only.
    text = f"{TEXT} {number}"
    for connection in connections:
        connection.db.message.on_insert(_only(text, saw))
    began = time.perf_counter_ns()
    await connections[0].call("send_message", text)
    try:
        await asyncio.wait_for(everybody, BROADCAST_TIMEOUT_S)
    except TimeoutError:
        pass  # the comparison of the caches says who heard nothing
    return np.array(reached, np.int64) - began


def _only(text: str, saw: Any) -> Any:
    def inserted(*arguments: Any) -> None:
        if any(getattr(argument, "text", None) == text for argument in arguments):
            saw()

    return inserted


async def _truth(link: Link, stream: Stream, already: list[Any], broadcasts: int) -> list[Check]:
    """The items of all callers and the messages, on the server and in every cache."""
    sent = [f"{TEXT} {number}" for number in range(broadcasts)]
    wanted = sorted([oracle.plain(row)[3] for row in already] + sent)
    checks = [
        oracle.same_rows(
            "of `item` on the server", stream.model.items.values(), await link.rows("item")
        ),
        _same_texts(
            "on the server", wanted, [oracle.plain(x)[3] for x in await link.rows("message")]
        ),
    ]
    wrong = 0
    for connection in link.connections:
        held = [row.text for row in connection.db.message.iter()]
        wrong += not _same_texts("in a cache", wanted, held).passed
    checks.append(
        Check(
            name="messages in caches",
            passed=not wrong,
            found=f"{wrong} of {len(link.connections)} caches hold other messages than were sent"
            if wrong
            else f"{len(link.connections)} caches hold the messages that were sent",
        )
    )
    return checks


def _same_texts(where: str, wanted: list[str], found: list[str]) -> Check:
    return oracle.same_rows(f"of `message` {where}", [(x,) for x in wanted], [(x,) for x in found])


def _rss(pid: int | None) -> int | None:
    try:
        return rss_bytes(pid) if pid is not None else None
    except ProcessLookupError:
        return None


def _metric(name: str, value: float, unit: str, better: str, count: int) -> Metric:
    return Metric(name=name, value=value, unit=unit, better=better, count=count)
