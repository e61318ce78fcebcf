"""The suite for other clients: how asv finds it, what its matrix says, and what it is given."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import pytest

from ci.external import clients as suite
from harness.measure.environment import environment
from harness.records import FORM, Level, Run, Scenario, Target, Verdict, Workload
from harness.run import client_measure
from harness.run.manager import Manager
from tests.peers.foreign.clients import ADAPTER, repository
from tests.peers.test_environments import git

ROOT = Path(__file__).parents[2]


def test_asv_reads_the_configuration_and_its_matrix() -> None:
    config = pytest.importorskip("asv.config", reason="needs asv, the extra `asv`")
    found = config.Config.load(str(ROOT / "ci" / "asv.external.json"))
    assert (ROOT / "ci" / found.benchmark_dir / "clients.py").is_file()
    assert set(found.matrix["env_nobuild"]) == {
        "HARNESS_CLIENT",
        "HARNESS_ADAPTER",
        "HARNESS_TARGET",
    }
    assert (ROOT / "ci" / found.repo).resolve() == ROOT


def test_paths_are_relative_to_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ASV_CONF_DIR": "/there/ci",
        "ASV_COMMIT": "abc",
        "HARNESS_CLIENT": "../client",
        "HARNESS_ADAPTER": "adapters/theirs.py",
        "HARNESS_TARGET": "standalone:1.2.0",
    }.items():
        monkeypatch.setenv(name, value)
    assert suite.configured() == (
        "/there/ci/../client@abc",
        "/there/ci/adapters/theirs.py",
        "standalone:1.2.0",
    )
    monkeypatch.setenv("HARNESS_ADAPTER", "own")
    assert suite.configured()[1] == "own"


def test_asv_is_given_samples_or_nan() -> None:
    found: suite.Rounds = {"client noop ×64": {"cpu_client": [3.0, 1.0]}, "client noop ×1": {}}
    assert suite.stored(found, "noop", 64, "cpu_client") == {"samples": [3.0, 1.0], "number": 1}
    for call, depth, metric in (
        ("noop", 64, "rss"),
        ("noop", 1, "cpu_client"),
        ("insert", 1, "p50"),
    ):
        assert math.isnan(suite.stored(found, call, depth, metric))


def test_each_number_has_a_unit_a_version_and_exists() -> None:
    tracked = [name for name in vars(suite.Calls) if name.startswith("track_")]
    assert sorted(tracked) == ["track_cpu", "track_memory", "track_p50", "track_p99"]
    assert {getattr(suite.Calls, name).unit for name in tracked} == {"ns", "bytes"}
    assert suite.Calls.version == "1"


@pytest.mark.parametrize("level", Level)
def test_no_number_of_a_void_row_is_kept(level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = Scenario(name="client noop ×1", workload=Workload(kind="client"))
    run = Run(
        id="a",
        form=FORM,
        scenario=scenario,
        target=Target(kind="embedded"),
        environment=environment(),
        verdict=Verdict(level=level),
        started_at="2025-01-31T09:45:00+00:00",
        notes={"per_round": {"cpu_client": [2.0, 3.0]}},
    )
    monkeypatch.setattr(suite, "configured", lambda: ("client@abc", "own", "embedded"))
    for name, answer in {
        "subject": None, "protocol": "v3", "scenarios": [scenario], "measure": run,
    }.items():  # fmt: skip
        monkeypatch.setattr(client_measure, name, lambda *a, answer=answer, **k: answer)
    monkeypatch.setattr(Manager, "offered", lambda self: ["v3"])
    given = suite.stored(suite.measured(), "noop", 1, "cpu_client")
    if level is Level.VOID:
        assert math.isnan(given)
    else:
        assert given == {"samples": [2.0, 3.0], "number": 1}


@pytest.mark.slow
@pytest.mark.parametrize(("commit", "measured"), [("right", True), ("sleeps", False)])
def test_a_commit_is_measured_or_has_no_numbers(
    commit: str, measured: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row of a client that is right, and of one that claims calls that no server has seen."""
    made = repository(tmp_path / "client")
    monkeypatch.setenv("ASV_CONF_DIR", str(tmp_path))
    monkeypatch.setenv("ASV_COMMIT", git(made, "rev-parse", commit))
    monkeypatch.setenv("HARNESS_CLIENT", "client")
    monkeypatch.setenv("HARNESS_ADAPTER", str(ADAPTER))
    subject = functools.partial(
        client_measure.subject, folder=tmp_path / "environments", borrow=True
    )
    monkeypatch.setattr(client_measure, "subject", subject)
    rows = client_measure.scenarios
    monkeypatch.setattr(client_measure, "scenarios", lambda *a, **k: rows(*a, **k)[:1])
    found = suite.measured(quick=True)
    given = suite.stored(found, "noop", 1, "cpu_client")
    if measured:
        assert len(given["samples"]) == client_measure.QUICK_ROUNDS
        assert all(sample > 0 for sample in given["samples"])
    else:
        assert math.isnan(given)
