"""Two clients in turns: verified alike, and VOID if one of them does not tell the truth.

Our own client stands in for the other side, so that this needs no node.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from harness.records import Level, Run, Scenario
from harness.run.manager import Manager
from harness.run.suites import quickly
from suites import peers

CALLS: dict[str, Scenario] = {
    "noop": peers.Calls.scenario("noop"),
    "insert": peers.Calls.scenario("insert"),
    "subscribed": peers.Calls.scenario("subscribed insert"),
    "snapshot": peers.Snapshot.scenario(3_000),
    "connect": peers.Connect.scenario(),
}


def measure(kind: str, **changes: Any) -> Run:
    scenario = quickly(CALLS[kind])
    scenario = msgspec.structs.replace(scenario, **changes)
    options = {**scenario.options, "rounds": 2}
    scenario = msgspec.structs.replace(scenario, options=options)
    with Manager("embedded", folder=None, preload=["tests.run.stand_in_peer"]) as manager:
        return manager.measure(scenario)


def failed(run: Run) -> dict[str, str]:
    return {check.name: check.found for check in run.checks if not check.passed}


@pytest.mark.parametrize(
    ("kind", "protocol", "figures", "checks"),
    [
        ("noop", "v3", {"cpu_ours", "cpu_awaited", "cpu_ratio_worst"}, {"transactions"}),
        ("insert", "v2", {"rate_ratio", "cpu_ratio_awaited"}, {"rows of `item` on the server"}),
        ("subscribed", "v1", {"cpu_ratio"}, {"cache of ours", "cache of typescript"}),
        ("snapshot", "v3", {"row_ours", "rate_typescript"}, {"cache of typescript"}),
        ("connect", "v3", {"connected_ratio"}, {"connections of ours", "protocol of typescript"}),
    ],
)
def test_honest_peers_are_vouched_for(
    kind: str, protocol: str, figures: set[str], checks: set[str]
) -> None:
    run = measure(kind, protocol=protocol)
    assert failed(run) == {}
    assert run.verdict.level is not Level.VOID
    assert checks <= {check.name for check in run.checks}
    assert figures <= {metric.name for metric in run.metrics}
    assert all(math.isfinite(run.value(metric.name)) for metric in run.metrics)
    rounds = run.notes["per_round"]
    assert all(len(values) == 2 for values in rounds.values())
    assert run.notes["versions"]["typescript"]["protocol"] == protocol


@pytest.mark.parametrize(
    ("lie", "kind", "check", "said"),
    [
        ("cache", "subscribed", "cache of typescript", "160 rows, but not those of the server"),
        ("fewer rows", "subscribed", "cache of typescript", "holds 159 rows, expected 160"),
        ("fewer rows", "snapshot", "cache of typescript", "holds 2,999 rows, expected 3,000"),
        ("calls", "noop", "transactions", "60, expected 61"),
        ("calls", "insert", "rows of `item` on the server", "1 of 161 rows missing"),
        ("errors", "noop", "errors of typescript", "1 calls of typescript failed: it hurt"),
        ("cpu", "noop", "CPU time of typescript", "typescript says 5."),
        ("protocol", "noop", "protocol of typescript", "spoke v9, asked for was v3"),
        ("times", "connect", "connections of typescript", "connected 3 of 4 times"),
    ],
)
def test_a_peer_that_lies_makes_the_run_void(
    lie: str, kind: str, check: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIE", lie)
    run = measure(kind)
    assert run.verdict.level is Level.VOID
    assert said in failed(run)[check]
    assert all(math.isnan(run.value(metric.name)) for metric in run.metrics)


def test_a_comparison_that_does_not_exist_is_named() -> None:
    run = measure("noop", options={"peer": "dance"})
    assert "no comparison `dance`" in run.verdict.reasons[0]
