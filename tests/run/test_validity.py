"""The verdict follows from checks, spread and the generator's own rate."""

from __future__ import annotations

import math

import pytest

from harness.records import Check, Level, LoadShape, ResourceUse, Scenario, Workload
from harness.run import validity

GOOD = Check(name="good", passed=True, found="fine")
BAD = Check(name="bad", passed=False, found="7 rows missing")


@pytest.mark.parametrize(
    ("checks", "spread", "level", "said"),
    [
        ([GOOD], 0.05, Level.VALID, "VALID"),
        ([GOOD], None, Level.VALID, "VALID"),
        ([GOOD], 0.1234, Level.NOISY, "NOISY (±12%)"),
        ([GOOD, BAD], 0.05, Level.VOID, "VOID (7 rows missing)"),
        ([BAD, GOOD, BAD], 0.5, Level.VOID, "VOID (7 rows missing; 7 rows missing)"),
    ],
)
def test_verdicts(checks: list[Check], spread: float | None, level: Level, said: str) -> None:
    verdict = validity.verdict(checks, spread)
    assert verdict.level is level
    assert str(verdict) == said


def test_a_spread_that_is_no_number_is_noise() -> None:
    assert validity.verdict([GOOD], math.nan).level is Level.NOISY


@pytest.mark.parametrize(
    ("client", "server", "others", "said"),
    [
        (0.10, 0.10, 1.5, "VALID"),  # others work, and there is room for them
        (0.17, 0.34, 0.2, "VALID"),  # client and server share a core of their own accord
        (0.17, 0.34, None, "VALID"),  # the machine does not tell
        (0.11, 0.0, 0.9, "NOISY (others used 0.9 cores; a core was missing 11%)"),
        (0.0, 0.43, 1.25, "NOISY (others used 1.2 cores; a core was missing 43%)"),
    ],
)
def test_a_steady_figure_of_a_contended_machine_is_noise(
    client: float, server: float, others: float | None, said: str
) -> None:
    """Others may take the cores evenly: then nothing wanders, and the figure is theirs as well."""
    verdict = validity.verdict([GOOD], 0.01, use(0.3, client), use(0.3, server), others)
    assert str(verdict) == said
    assert validity.verdict([BAD], 0.01, use(0.3, client), None, 2.0).level is Level.VOID


def use(cores: float, waited: float = 0.0, busiest: float | None = None) -> ResourceUse:
    return ResourceUse(
        wall_ns=10**9,
        cpu_ns=int(cores * 1e9),
        rss_bytes=1,
        waited_ns=int(waited * 1e9),
        busiest_ns=None if busiest is None else int(busiest * 1e9),
    )


@pytest.mark.parametrize(
    ("server", "baseline", "passed"),
    [
        (use(0.9), None, True),
        (use(0.5, waited=0.4), None, True),
        (use(0.9, busiest=0.5), 1_999.0, False),  # many threads, none of which is at its limit
        (use(1.6, busiest=0.9), None, True),
        (use(0.5), 2_000.0, True),
        (use(0.5), 1_999.0, False),
        (use(0.5), None, False),
        (None, 2_000.0, True),
        (None, None, False),
    ],
)
def test_the_generator_must_not_be_the_limit(
    server: ResourceUse | None, baseline: float | None, passed: bool
) -> None:
    check = validity.generator(1_000.0, server, None, baseline, "null target died")
    assert check.passed is passed
    if not passed:
        assert check.found.startswith("generator-bound: ")
        assert ("null target died" in check.found) == (baseline is None)


@pytest.mark.parametrize(
    ("server_busy", "client_busy", "passed"),
    [
        (0.80, 0.50, True),  # the server is the busiest by far
        (0.80, 0.60, False),  # both work: the generator's cost is part of the rate
        (0.50, 0.20, False),  # both idle: the null target has to say what the generator could do
        (0.80, 0.90, False),  # the generator is the busiest
    ],
)
def test_the_busiest_station_limits_the_rate(
    server_busy: float, client_busy: float, passed: bool
) -> None:
    server, client = (
        ResourceUse(wall_ns=100, cpu_ns=int(busy * 50), waited_ns=int(busy * 50), rss_bytes=0)
        for busy in (server_busy, client_busy)
    )
    check = validity.generator(1_000.0, server, client, 1_500.0)
    assert check.passed is passed, check


@pytest.mark.parametrize(
    ("cores", "waited", "others", "passed"),
    [
        (0.5, 0.2, 0.9, True),  # held up by others, and with half of its own time to spare
        (0.6, 0.2, 0.9, False),  # too much work of its own to do twice as much
        (0.3, 0.1, 0.9, False),  # not held up: the null target's word stands
        (0.3, 0.2, 0.1, False),  # held up, and not by others
        (0.3, 0.2, None, False),  # the machine does not tell
    ],
)
def test_on_a_contended_machine_the_generators_own_time_decides(
    cores: float, waited: float, others: float | None, passed: bool
) -> None:
    server, client = use(0.4, waited=0.1), use(cores, waited=waited)
    check = validity.generator(1_000.0, server, client, 1_500.0, others_cores=others)
    assert check.passed is passed, check
    if passed:
        verdict = validity.verdict([check], 0.01, client, server, others)
        assert verdict.level is Level.NOISY


@pytest.mark.parametrize(
    ("load", "in_flight"),
    [
        (LoadShape(in_flight=8), 8),
        (LoadShape(in_flight=1), validity.BASELINE_IN_FLIGHT),
        (LoadShape(rate_per_s=100.0), validity.BASELINE_IN_FLIGHT),
        (LoadShape(in_flight=128), 128),
    ],
)
def test_the_baseline_is_the_same_generator_at_work(load: LoadShape, in_flight: int) -> None:
    scenario = Scenario(name="x", workload=Workload(kind="insert"), load=load, protocol="v2")
    asked = validity.baseline_of(scenario)
    assert asked.load.in_flight == in_flight
    assert asked.load.rate_per_s is None
    assert asked.load.connections == load.connections
    assert (asked.workload, asked.protocol) == (scenario.workload, "v2")
