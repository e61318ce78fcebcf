"""Suites are declared once: asv and the table see the same scenarios and the same figures."""

from __future__ import annotations

import argparse
import inspect
import itertools
import math
import pickle
import sys
from typing import Any

import pytest

from harness.errors import PlanError
from harness.records import Scenario, Target
from harness.run import callgrind
from harness.run.counted import BENCHES
from harness.run.suites import combinations, key, number, quickly, tracks
from harness.run.worker import EXERCISES
from suites import catalog, instructions
from suites.claims import CLAIMS

SUITES = catalog.classes()
IDS = [name for name, _ in SUITES]
CLAIMED = {
    "throughput": 191_984, "deserialise": 206_761, "insert": 1_909_250, "update": 3_404_352,
    "delete": 4_601_562, "query": 48_458, "memory": 48_600_000, "latency": 5_000,
    "connections": 1_000,
    "plan, no-op": 0.9, "plan, insert": 0.9, "plan, subscribed": 0.9,
}  # fmt: skip


@pytest.mark.parametrize(("name", "suite"), SUITES, ids=IDS)
def test_a_suite_is_complete(name: str, suite: Any) -> None:
    assert suite.__doc__
    assert len(suite.params) == len(suite.param_names)
    assert suite.timeout > 0
    assert suite.version
    # asv tells one cache from another by the line of setup_cache, so each class has its own.
    assert "setup_cache" in vars(suite)
    assert tracks(suite)
    assert all(track.unit and track.metric for track in tracks(suite))
    for params in combinations(suite):
        scenario = suite.scenario(*params)
        assert isinstance(scenario, Scenario)
        assert scenario.workload.kind in EXERCISES
        suite.title.format(**dict(zip(suite.param_names, params, strict=True)))


@pytest.mark.parametrize(("name", "suite"), SUITES, ids=IDS)
def test_a_quick_run_is_part_of_the_full_one(name: str, suite: Any) -> None:
    assert set(combinations(suite, quick=True)) <= set(combinations(suite))


def test_asv_sees_only_what_is_better_when_smaller() -> None:
    """asv calls every smaller number an improvement; a rate would be judged the wrong way round."""
    for name, suite in SUITES:
        for attribute, track in vars(suite).items():
            if attribute.startswith("track_"):
                assert track.unit in ("ns", "bytes"), (name, attribute)
            elif attribute.startswith("shown_"):
                assert track.unit in ("1/s", "ratio", "count"), (name, attribute)


def test_a_tracked_time_is_the_reciprocal_of_the_shown_rate() -> None:
    from suites.throughput import Noop

    found = {"v3": {"rate": 20_000.0}}
    assert Noop.shown_rate(Noop(), found, "v3") == 20_000.0
    assert Noop.track_time(Noop(), found, "v3") == 50_000.0


def test_names_of_scenarios_differ() -> None:
    names = [suite.scenario(*p).name for _, suite in SUITES for p in combinations(suite)]
    assert len(names) == len(set(names))


def test_all_suites_are_in_the_catalogue() -> None:
    import pkgutil

    import suites

    found = {module.name for module in pkgutil.iter_modules(suites.__path__)}
    assert found - {"catalog", "claims", "common", "yardstick"} == {
        *catalog.NAMES,
        *catalog.HISTORY,
    }


def test_each_claim_has_a_row_in_the_quick_run_too() -> None:
    assert {claim.name: claim.value for claim in CLAIMS} == CLAIMED
    quick = {
        (name, key(params), track.metric)
        for name, suite in SUITES
        for params in combinations(suite, quick=True)
        for track in tracks(suite)
    }
    assert {claim.row for claim in CLAIMS} <= quick


def test_claims_about_a_process_never_share_a_row_with_a_server() -> None:
    by_name = dict(SUITES)
    for name, claims in itertools.groupby(CLAIMS, lambda claim: claim.name):
        live = [
            by_name[claim.row[0]].scenario(*_params(by_name[claim.row[0]], claim.row[1])).live
            for claim in claims
        ]
        assert len(set(live)) == len(live), name


def _params(suite: Any, wanted: str) -> tuple[Any, ...]:
    return next(params for params in combinations(suite) if key(params) == wanted)


def test_quickly_shortens_and_changes_nothing_else() -> None:
    scenario = dict(SUITES)["tables.Delete"].scenario()
    short = quickly(scenario)
    assert short.load.duration_s < scenario.load.duration_s
    assert short.workload.rows < scenario.workload.rows
    assert short.load.in_flight == scenario.load.in_flight
    assert short.name == scenario.name


def test_figures_are_found_by_parameters() -> None:
    found = pickle.loads(pickle.dumps({"v3, False": {"rate": 5.0}}))
    assert number(found, ("v3", False), "rate") == 5.0
    assert math.isnan(number(found, ("v3", False), "other"))
    with pytest.raises(PlanError):
        number(found, ("v2", False), "rate")


def test_public_names_only() -> None:
    """asv runs today's suites against the library of an older commit."""
    for name in catalog.NAMES:
        source = inspect.getsource(__import__(f"suites.{name}", fromlist=["x"]))
        assert "import _" not in source


def test_unknown_suites_are_refused() -> None:
    with pytest.raises(PlanError, match="no suite `dance`"):
        catalog.classes(("dance",))


def test_a_target_that_speaks_little_has_no_figure_where_it_cannot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from harness.run import manager
    from harness.run.suites import measure
    from harness.targets.choice import Choice
    from suites.throughput import Noop, Transfer

    measured: list[tuple[str, bool]] = []

    class Old(manager.Manager):
        def __init__(self, target: str, **options: Any) -> None:
            super().__init__(Choice(target, Target(kind="old", protocols=["v1"]), list), **options)

        def measure(self, scenario: Scenario, *, stated: bool = False) -> Any:
            measured.append((scenario.name, stated))
            return argparse.Namespace(metrics=[])

    monkeypatch.setattr(manager, "Manager", Old)
    assert measure(Noop) == {"v3": {}, "v2": {}, "v1": {}}
    assert measured == [("throughput noop v1", True)]
    found = measure(Transfer)
    assert measured[1:] == [("throughput transfer unconfirmed", False)]
    assert math.isnan(number(found, (True,), "rate"))


def test_instructions_are_counted_for_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the Python of asv's environment, in which the commit is installed."""
    asked = []

    def count(python: str, name: str) -> callgrind.Count:
        asked.append((python, name))
        return callgrind.Count(benchmark=name, instructions=932.5, operation="row", acts=20,
                               fixed_layout=True, valgrind="3.0")  # fmt: skip

    monkeypatch.setattr(callgrind, "version", lambda: "3.0")
    monkeypatch.setattr(callgrind, "count", count)
    suite = instructions.Instructions()
    for (name,) in itertools.product(*suite.params):
        suite.setup(name)
        assert suite.track_instructions(name) == 932.5
    assert [name for _, name in asked] == list(BENCHES)
    assert {python for python, _ in asked} == {sys.executable}
    assert suite.track_instructions.unit == "instructions"


def test_without_valgrind_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """asv then stores "not available", which is no number and no failure."""

    def version() -> str:
        raise PlanError("apt-get install valgrind")

    monkeypatch.setattr(callgrind, "version", version)
    with pytest.raises(NotImplementedError, match="apt-get"):
        instructions.Instructions().setup("codec.encode(item, 1)")
