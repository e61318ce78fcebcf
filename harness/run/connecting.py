"""How long it takes to be connected, and to have the first rows."""

from __future__ import annotations

import os
import time

from harness.load.workloads import Stream
from harness.measure.processes import Meter, Others
from harness.records import Check, Metric
from harness.run import oracle
from harness.run.calls import fill
from harness.run.exchange import Finding, Job
from harness.run.link import Link
from harness.stats import consistency
from harness.stats.histogram import Histogram


async def measure(job: Job) -> Finding:
    """Connect, subscribe, compare the cache, close: one after the other, until time is up."""
    scenario = job.scenario
    shape, stream = scenario.load, Stream(scenario.workload)
    connected, applied, checks = list[int](), list[int](), list[Check]()
    async with Link(scenario, job.target) as link:
        first = await link.connect()
        link.token = getattr(first, "token", None)
        await fill(first, stream)
        expected = stream.model.tables()["item"]
        client, server, others = Meter(os.getpid()), Meter(job.target.pid), Others()
        warm = time.perf_counter_ns() + int(shape.warmup_s * 1e9)
        end = warm + int(shape.duration_s * 1e9)
        begun, wrong = False, 0
        while (began := time.perf_counter_ns()) < end:
            if not begun and began >= warm:
                begun = True
                others.start()
                client.start()
                server.start()
            connection = await link.connect()
            ready = time.perf_counter_ns()
            await connection.subscribe("SELECT * FROM item")
            done = time.perf_counter_ns()
            if begun:
                connected.append(ready - began)
                applied.append(done - ready)
            check = oracle.same_rows("in a new cache", expected, connection.db.item.iter())
            wrong += not check.passed
            if wrong == 1 and not check.passed:
                checks.append(check)
            await connection.close()
            link.connections.remove(connection)
        client.stop()
        server.stop()
        others.stop(client.use, server.use)
        checks.append(
            Check(
                name="caches",
                passed=not wrong,
                found=f"{len(connected)} caches compared" + (f", {wrong} wrong" if wrong else ""),
            )
        )
        if not job.baseline:
            checks += await link.truth(stream.model, stream.tables, cached=False)
    to_connected, to_applied = Histogram.of(connected), Histogram.of(applied)
    return Finding(
        metrics=[
            *_figures("connected", to_connected),
            *_figures("applied", to_applied),
        ],
        checks=[consistency.ordered(to_connected), consistency.ordered(to_applied), *checks],
        histograms={"connected": to_connected.to_dict(), "applied": to_applied.to_dict()},
        client=client.use,
        server=server.use,
        others_cores=others.cores,
    )


def _figures(name: str, histogram: Histogram) -> list[Metric]:
    if not histogram.count:
        return []
    return [
        Metric(
            name=f"{name}_p{percent}",
            value=histogram.percentile(percent),
            unit="ns",
            better="lower",
            count=histogram.count,
        )
        for percent in (50, 99)
    ]
