"""Run files: whole or not at all, never overwritten, told apart from anything else."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from harness.errors import StoreError
from harness.measure.environment import environment
from harness.records import FORM, Level, Metric, Run, Scenario, Target, Verdict, Workload
from harness.store import runs

NOW = datetime(2025, 1, 31, 9, 45, tzinfo=UTC)


def run(id: str = "20250131-094500-x-0001", level: Level = Level.VALID) -> Run:
    return Run(
        id=id,
        form=FORM,
        scenario=Scenario(name="x", workload=Workload(kind="noop")),
        target=Target(kind="embedded", pid=7),
        environment=environment(),
        verdict=Verdict(level=level),
        started_at=NOW.isoformat(),
        metrics=[Metric(name="rate", value=12.5, unit="1/s", interval=(12.0, 13.0))],
    )


def test_a_run_comes_back(tmp_path: Path) -> None:
    path = runs.save(run(), tmp_path)
    assert runs.load(path) == run()
    assert json.loads(path.read_text())["form"] == FORM


def test_commands_were_said_to_be_in_process_once(tmp_path: Path) -> None:
    """Runs from then are read as they are written now: one series, and no other run changes."""
    scenario = Scenario(name="x", workload=Workload(kind="command"), live=False)
    before = msgspec.structs.replace(run(), scenario=scenario, target=Target(kind="in-process"))
    now = msgspec.structs.replace(before, target=Target(kind="fresh-process"))
    assert runs.load(runs.save(before, tmp_path / "before")) == now
    assert runs.load(runs.save(now, tmp_path / "now")) == now
    scenario = Scenario(name="x", workload=Workload(kind="cache"), live=False)
    cache = msgspec.structs.replace(before, scenario=scenario)
    assert runs.load(runs.save(cache, tmp_path / "cache")) == cache


def test_nothing_but_the_run_is_left_in_the_folder(tmp_path: Path) -> None:
    runs.save(run(), tmp_path)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [f"{run().id}.json"]


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    path = runs.save(run(), tmp_path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="stored already"):
        runs.save(run(level=Level.VOID), tmp_path)
    assert path.read_bytes() == before


def test_ids_sort_by_time_and_differ() -> None:
    ids = {runs.new_id("Throughput noop/v3", NOW) for _ in range(50)}
    assert len(ids) > 40
    assert all(id.startswith("20250131-094500-throughput-noop-v3-") for id in ids)


def test_runs_are_found_by_part_of_the_id_and_by_path(tmp_path: Path) -> None:
    for number in range(3):
        runs.save(run(f"2025-latency-{number}"), tmp_path)
    assert runs.find("latency", tmp_path).id == "2025-latency-2"
    assert runs.find("2025-latency-1", tmp_path).id == "2025-latency-1"
    assert runs.find(str(tmp_path / "runs/2025-latency-0.json"), tmp_path).id == "2025-latency-0"
    assert list(runs.names(tmp_path)) == [f"2025-latency-{number}" for number in range(3)]
    with pytest.raises(StoreError, match="no run"):
        runs.find("memory", tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a run"),
        (b"{", "is not a run"),
        (b"{}", "is not a run"),
        (json.dumps({"form": FORM + 1}).encode(), f"has form {FORM + 1}"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=said):
        runs.load(path)


def test_a_missing_file_is_an_expected_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read"):
        runs.load(tmp_path / "none.json")


def test_a_folder_that_cannot_be_made_is_an_expected_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StoreError, match="cannot write"):
        runs.save(run(), tmp_path)


def test_figures_of_a_void_run_are_not_numbers() -> None:
    assert run().value("rate") == 12.5
    assert math.isnan(run().value("none"))
    assert math.isnan(run(level=Level.VOID).value("rate"))


def test_records_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        run().id = "other"  # type: ignore[misc]  # that is the point
    assert msgspec.structs.replace(run(), id="other").id == "other"


def test_attachments_lie_beside_the_runs(tmp_path: Path) -> None:
    path = runs.attach(run(), "pyperf", "{}", tmp_path)
    assert path.read_text() == "{}"
    assert list(runs.names(tmp_path)) == []
