"""What the worker makes of its measurements before it hands them over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from harness.errors import TargetError
from harness.records import Check, Metric, ResourceUse, Scenario, Target, Workload
from harness.run import calls, validity, worker
from harness.run.exchange import Finding, Job

NULL = Target(kind="null")
JOB = Job(
    scenario=Scenario(name="x", workload=Workload(kind="insert")),
    target=Target(kind="embedded"),
    null=NULL,
)


def rate(per_s: float, **more: object) -> Finding:
    return Finding(metrics=[Metric(name="rate", value=per_s, unit="1/s")], **more)  # type: ignore[arg-type]  # fields by name


def attempts(*rates: float) -> tuple[Callable[[Job], Finding], list[Job]]:
    """A generator that reaches these rates, one after the other, and what it was asked."""
    left: Iterator[float] = iter(rates)
    asked: list[Job] = []

    def measure(job: Job) -> Finding:
        asked.append(job)
        return rate(next(left))

    return measure, asked


@pytest.mark.parametrize(
    ("rates", "best", "taken"),
    [
        ((250.0,), 250.0, 1),  # enough at once
        ((150.0, 201.0), 201.0, 2),  # the machine was busy the first time
        ((150.0, 120.0, 130.0), 150.0, 3),  # never enough: the best of all counts
    ],
)
def test_what_the_generator_reaches_once_it_can_reach(
    rates: tuple[float, ...], best: float, taken: int
) -> None:
    measure, asked = attempts(*rates)
    found = worker._with_baseline(measure, JOB, rate(100.0), NULL)
    assert found.baseline_per_s == best
    assert len(asked) == taken <= validity.BASELINE_ATTEMPTS
    assert all(job.baseline and job.target == NULL for job in asked)


def test_a_saturated_server_needs_no_baseline() -> None:
    measure, asked = attempts()
    busy = ResourceUse(wall_ns=100, cpu_ns=95, rss_bytes=1)
    assert (
        worker._with_baseline(measure, JOB, rate(100.0, server=busy), NULL).baseline_per_s is None
    )
    assert not asked


def test_a_null_target_that_fails_is_named() -> None:
    def refuses(job: Job) -> Finding:
        raise TargetError("the null target is gone")

    def disagrees(job: Job) -> Finding:
        return rate(500.0, checks=[Check(name="little", passed=False, found="70 of 64")])

    for measure, said in ((refuses, "the null target is gone"), (disagrees, "70 of 64")):
        found = worker._with_baseline(measure, JOB, rate(100.0), NULL)
        assert found.baseline_per_s is None
        assert found.baseline_missing == said


@pytest.mark.parametrize(
    ("kind", "before", "after", "passed"),
    [
        ("noop", 5, 12, [True]),
        ("noop", 5, 11, [False]),
        ("noop", None, None, [False]),  # nothing else would show that they ran
        ("insert", 5, 11, [False]),
        ("insert", None, 12, []),  # the rows show it
    ],
)
def test_calls_without_a_trace_need_the_servers_count(
    kind: str, before: int | None, after: int | None, passed: list[bool]
) -> None:
    assert [check.passed for check in calls.count(kind, 7, before, after)] == passed
