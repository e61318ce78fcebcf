"""A block of fresh processes: against one server, by the interpreters of two environments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import TargetError
from harness.records import Check, LoadShape, Metric, Scenario, Workload
from harness.run import compare_process
from harness.run.compare_figures import figures, ordered
from harness.run.compare_process import Processes
from harness.run.compare_turns import Bench
from harness.run.exchange import Finding
from harness.run.process import Outcome
from harness.targets.embedded import Embedded
from suites.common import pipelined

SHORT = LoadShape(connections=1, in_flight=8, duration_s=0.2, warmup_s=0.05)
NOOP = Scenario(name="noop", workload=Workload(kind="noop"), load=SHORT)


class Counted(Embedded):
    """An embedded server that is counted."""

    made: int = 0

    def __enter__(self) -> Counted:
        type(self).made += 1
        super().__enter__()
        return self


def test_the_processes_of_a_block_share_one_server() -> None:
    class Own(Counted):
        made = 0

    take = Processes((sys.executable, sys.executable), server=Own)
    found = take(Bench(name="noop", scenario=NOOP), (0, 1, 1, 0))
    assert Own.made == 1
    assert len(found) == 4
    for each in found:
        assert [figure.name for figure in each][:2] == ["client_cpu", "server_cpu"]
        assert {"time", "latency_p50"} <= {figure.name for figure in each}
        assert all(sample > 0 for figure in each for sample in figure.samples)


def outcome(**finding: object) -> Outcome:
    made = {"metrics": [Metric(name="client_cpu", value=1.0, unit="ns")], **finding}
    return Outcome(Finding(**made))  # type: ignore[arg-type]  # fields of a finding


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (Outcome(None, "the worker crashed with exit code 1", ["Error: broken\n"]),
         r"the head side: the worker crashed with exit code 1 \(Error: broken\)"),
        (outcome(checks=[Check(name="rows", passed=False, found="2 rows")]),
         "the head side: rows: 2 rows"),
        (outcome(metrics=[]), "the head side has no figure"),
    ],
)  # fmt: skip
def test_a_side_without_true_figures_is_named(
    ended: Outcome, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fast side of a block that lied must not win it."""
    pythons = []

    def work(job: object, *, python: list[str], **more: object) -> Outcome:
        pythons.append(python)
        return ended if python[0] == "head" else outcome()

    monkeypatch.setattr(compare_process, "work", work)
    scenario = Scenario(name="cache", workload=Workload(kind="cache"), live=False)
    with pytest.raises(TargetError, match=words):
        Processes(("base", "head"))(Bench(name="cache", scenario=scenario), (0, 1, 1, 0))
    # Isolated, so that no folder and no variable stands in for the environment.
    assert pythons == [["base", "-I"], ["head", "-I"]]


def test_an_environment_without_the_harness_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no harness here >&2; exit 7\n")
    broken.chmod(0o755)
    take = Processes((str(broken), sys.executable))
    scenario = Scenario(name="cache", workload=Workload(kind="cache"), live=False)
    with pytest.raises(TargetError, match="the base side: the worker crashed with exit code 7"):
        take(Bench(name="cache", scenario=scenario), (0, 1, 1, 0))


# --- which figures --------------------------------------------------------------------------------


def metric(name: str, unit: str = "ns", value: float = 5.0, better: str = "lower") -> Metric:
    return Metric(name=name, value=value, unit=unit, better=better)


def names(scenario: Scenario, *metrics: Metric) -> list[str]:
    return [figure.name for figure in figures(scenario, metrics, {})]


def test_costs_come_first_and_lead() -> None:
    found = figures(NOOP, [metric("rate", "1/s"), metric("client_cpu")], {})
    assert [(figure.name, figure.leading) for figure in found] == [
        ("client_cpu", True),
        ("time", False),
    ]
    (alone,) = figures(NOOP, [metric("latency_p50")], {})
    assert alone.leading


def test_rates_become_times() -> None:
    (time,) = figures(NOOP, [metric("rate", "1/s", 1e6)], {"batch_rates_per_s": [5e5, 1e6]})
    assert (time.name, time.unit, time.samples) == ("time", "ns", (2_000.0, 1_000.0))
    assert names(NOOP, metric("insert_rate", "1/s")) == ["insert_time"]


@pytest.mark.parametrize(
    "left_out",
    [
        metric("latency_p99"), metric("latency_max"), metric("latency_mean"), metric("late_p50"),
        metric("service_p50"), metric("offered_rate", "1/s"), metric("ours_ratio", "ratio"),
        metric("rows", "count"), metric("client_rss", "bytes"), metric("latency_p50", value=0.0),
        metric("noop_typescript"), metric("insert_rate", "1/s", 0.0),
    ],
)  # fmt: skip
def test_tails_and_what_says_the_same_again_are_left_out(left_out: Metric) -> None:
    assert names(NOOP, left_out) == []


def test_memory_counts_where_it_is_what_is_asked() -> None:
    weighing = Scenario(name="memory", workload=Workload(kind="memory"))
    assert names(weighing, metric("row", "bytes")) == ["row"]


def test_the_plans_own_rate_is_no_finding() -> None:
    load = LoadShape(rate_per_s=100.0)
    assert names(Scenario(name="x", workload=NOOP.workload, load=load), metric("rate", "1/s")) == []


def test_nothing_is_lost_by_ordering() -> None:
    found = figures(pipelined("x", "noop"), [metric("a_cpu"), metric("b"), metric("c_cpu")], {})
    assert [figure.name for figure in found] == ["a_cpu", "c_cpu", "b"]
    assert ordered([]) == []
