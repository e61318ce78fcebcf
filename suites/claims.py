"""What the project's predecessor claimed, and the row that measures it.

Its figures were taken in one process without a server: `json.dumps` and operations on a Python
dict. Where a row in the client's process answers the same question, both rows show the claim.
"""

from __future__ import annotations

from harness.run.claims import Claim

#: In the order of the printed table.
CLAIMS = [
    Claim("throughput", 191_984, "1/s", ("throughput.Noop", "v3", "rate")),
    Claim("deserialise", 206_761, "1/s", ("codec.Rows", "item, 1000", "decode_rate")),
    Claim("insert", 1_909_250, "1/s", ("tables.Insert", "False", "rate")),
    Claim("insert", 1_909_250, "1/s", ("cache.Apply", "", "insert_rate")),
    Claim("update", 3_404_352, "1/s", ("tables.Update", "", "rate")),
    Claim("update", 3_404_352, "1/s", ("cache.Apply", "", "update_rate")),
    Claim("delete", 4_601_562, "1/s", ("tables.Delete", "", "rate")),
    Claim("delete", 4_601_562, "1/s", ("cache.Apply", "", "delete_rate")),
    Claim("query", 48_458, "1/s", ("tables.Query", "scan", "rate")),
    Claim("query", 48_458, "1/s", ("cache.Apply", "", "scan_rate")),
    Claim("memory", 48_600_000, "bytes", ("memory.Rows", "10000", "client_rss")),
    Claim("latency", 5_000, "ns", ("latency.OneInFlight", "noop", "latency_p50")),
    Claim("connections", 1_000, "count", ("concurrency.Population", "1000", "connections")),
    # Beside the TypeScript SDK: the same claims, and the plan to be within 10 % of its rate.
    Claim("throughput", 191_984, "1/s", ("peers.Calls", "noop", "rate_ours")),
    Claim("insert", 1_909_250, "1/s", ("peers.Calls", "insert", "rate_ours")),
    Claim("plan, no-op", 0.9, "ratio", ("peers.Calls", "noop", "rate_ratio")),
    Claim("plan, insert", 0.9, "ratio", ("peers.Calls", "insert", "rate_ratio")),
    Claim("plan, subscribed", 0.9, "ratio", ("peers.Calls", "subscribed insert", "rate_ratio")),
]
