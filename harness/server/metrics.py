"""What the server counts, in Prometheus' text form, under the names that real servers use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from harness.server.host import Host


def prometheus(host: Host) -> str:
    """All counters and gauges of all databases."""
    lines: list[str] = []

    def metric(name: str, kind: str, help_: str, values: list[tuple[str, float]]) -> None:
        lines.append(f"# HELP {name} {help_}")
        lines.append(f"# TYPE {name} {kind}")
        lines.extend(
            f"{name}{labels} {value:g}" if isinstance(value, float) else f"{name}{labels} {value}"
            for labels, value in values
        )

    hubs = [(f'{{db="{hub.database.identity.to_hex()}"}}', hub) for hub in host.hubs.values()]
    metric(
        "spacetime_num_txns_total", "counter", "Transactions that were committed.",
        [(labels, hub.transactions) for labels, hub in hubs],
    )  # fmt: skip
    metric(
        "spacetime_num_txns_refused_total", "counter", "Calls that were refused or rolled back.",
        [(labels, hub.refusals) for labels, hub in hubs],
    )  # fmt: skip
    metric(
        "spacetime_worker_connected_clients", "gauge", "WebSocket connections.",
        [(labels, len(hub.sessions)) for labels, hub in hubs],
    )  # fmt: skip
    metric(
        "spacetime_subscription_queries", "gauge", "Distinct queries that are kept up.",
        [(labels, len(hub.registry)) for labels, hub in hubs],
    )  # fmt: skip
    rows = [
        (f'{labels[:-1]},table="{table.name}"}}', hub.database.count(table.name))
        for labels, hub in hubs
        for table in hub.database.definition.tables
    ]
    metric("spacetime_num_table_rows", "gauge", "Rows of each table.", [*rows])
    process = psutil.Process(os.getpid())
    times = process.cpu_times()
    cpu = float(times.user + times.system)
    metric("process_cpu_seconds_total", "counter", "CPU time of the server.", [("", cpu)])
    rss = process.memory_info().rss
    metric("process_resident_memory_bytes", "gauge", "Memory of the server.", [("", rss)])
    return "\n".join(lines) + "\n"
