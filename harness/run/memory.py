"""Memory of a working client and server: processes as a whole, and for each cached row."""

from __future__ import annotations

import gc
import os

from harness.load.workloads import Stream
from harness.measure.processes import rss_bytes
from harness.records import Metric
from harness.run.calls import fill
from harness.run.exchange import Finding, Job
from harness.run.link import Link


async def measure(job: Job) -> Finding:
    """Fill the table, subscribe to it, and weigh both sides before and after."""
    scenario = job.scenario
    stream = Stream(scenario.workload)
    pid, rows = job.target.pid, scenario.workload.rows
    async with Link(scenario, job.target) as link:
        # The rows come from another connection, and the model's own copies exist before the
        # first weighing.
        writer = await link.connect()
        idle_server = rss_bytes(pid) if pid else None
        await fill(writer, stream)
        await writer.close()
        link.connections.remove(writer)
        reader = await link.connect()
        # Memory that the fill left free goes back to the system first; the rows would otherwise
        # be put into it and seem to weigh nothing.
        gc.collect()
        before = _trimmed()
        handle = await reader.subscribe("SELECT * FROM item")
        gc.collect()
        after = _trimmed()
        metrics = [
            _metric("client_rss", after, rows),
            _metric("client_row", (after - before) / rows, rows),
        ]
        if pid and idle_server is not None:
            server = rss_bytes(pid)
            metrics += [
                _metric("server_rss", server, rows),
                _metric("server_row", (server - idle_server) / rows, rows),
            ]
        checks = await link.truth(stream.model, stream.tables, cached=True)
        del handle
    return Finding(metrics=metrics, checks=checks)


def _trimmed() -> int:
    """This process' memory after giving back to the system what is free."""
    import ctypes

    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        pass  # another C library than glibc
    return rss_bytes(os.getpid())


def _metric(name: str, value: float, rows: int) -> Metric:
    return Metric(name=name, value=value, unit="bytes", better="lower", count=rows)
