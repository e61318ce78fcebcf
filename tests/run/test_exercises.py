"""Every exercise passes its checks when all is well, and fails the right one when something is not.

The figures do not matter here: scenarios are as small as they can be.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.records import Level, LoadShape, Run, Scenario, Workload
from harness.run.manager import Manager

#: Checks about speed, which a busy machine may fail without anything being wrong.
ABOUT_SPEED = {"generator", "little", "ordered"}


def scenario(kind: str, rows: int, *, live: bool = True, **load: Any) -> Scenario:
    shape: dict[str, Any] = {"duration_s": 0.5, "warmup_s": 0.0}
    return Scenario(
        name=f"exercise {kind}",
        workload=Workload(kind=kind, rows=rows),
        load=LoadShape(**(shape | load)),
        live=live,
    )


SCENARIOS = {
    "query_key": scenario("query_key", 50, in_flight=4, operations=60),
    "query_scan": scenario("query_scan", 50, in_flight=2, operations=20),
    "population": scenario("population", 0, connections=30),
    "connect": scenario("connect", 50, duration_s=1.0),
    "memory": scenario("memory", 2_000),
    "cache": scenario("cache", 50, live=False, duration_s=0.05),
}


def measure(kind: str, preload: str = "") -> Run:
    modules = [f"tests.run.{preload}"] if preload else []
    with Manager("embedded", folder=None, preload=modules) as manager:
        return manager.measure(SCENARIOS[kind])


def failed(run: Run) -> dict[str, str]:
    return {check.name: check.found for check in run.checks if not check.passed}


@pytest.mark.parametrize(
    ("kind", "checks", "figures"),
    [
        ("query_key", {"answers", "rows of `item` on the server"}, {"rate", "server_cpu"}),
        ("query_scan", {"answers", "rows of `item` on the server"}, {"rate", "latency_p50"}),
        (
            "population",
            {"rows of `item` on the server", "rows of `message` on the server",
             "messages in caches", "transactions"},
            {"connections", "broadcast_last", "server_bytes", "client_bytes"},
        ),
        ("connect", {"caches", "rows of `item` on the server"}, {"connected_p50", "applied_p99"}),
        ("memory", {"rows of `item` on the server", "rows of `item` in cache 0"},
         {"client_rss", "client_row", "server_rss", "server_row"}),
        ("cache", {"rows in the cache after inserts", "rows in the cache after updates",
                   "rows in the cache after deletes"}, {"insert_rate", "scan_rate"}),
    ],
)  # fmt: skip
def test_an_honest_exercise_is_vouched_for(kind: str, checks: set[str], figures: set[str]) -> None:
    run = measure(kind)
    assert failed(run).keys() <= ABOUT_SPEED, run.verdict
    assert checks <= {check.name for check in run.checks if check.passed}
    found = {metric.name: metric.value for metric in run.metrics}
    assert figures <= found.keys()
    assert all(math.isfinite(found[name]) for name in figures)
    assert (run.target.pid is not None) is run.scenario.live


@pytest.mark.parametrize(
    ("kind", "preload", "lost", "check", "said"),
    [
        ("query_key", "sabotage_query", 0, "rows in the answer for", "1 of 1 rows missing"),
        ("query_scan", "sabotage_query", 0, "rows in the answer for", "1 of 1 rows missing"),
        ("population", "sabotage_broadcast", 20, "messages in caches", "1 of 30 caches hold other"),
        ("connect", "sabotage_cache", 3, "rows in a new cache", "50 of 50 rows missing"),
        ("memory", "sabotage_cache", 1, "rows of `item` in cache 0", "2000 of 2000 rows missing"),
        ("cache", "sabotage_cache", 20, "rows in the cache after inserts", "1 of 50 rows missing"),
    ],
)
def test_an_exercise_that_loses_something_is_void(
    kind: str, preload: str, lost: int, check: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SABOTAGE_LOST", str(lost))
    run = measure(kind, preload)
    assert run.verdict.level is Level.VOID
    reasons = [found for name, found in failed(run).items() if name.startswith(check)]
    assert reasons, failed(run)
    assert said in reasons[0]
    assert all(math.isnan(run.value(metric.name)) for metric in run.metrics)
