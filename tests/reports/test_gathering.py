"""Runs, imports and histories in one form; what was read is not read again, and says the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ci import synthetic
from harness.cli import main
from harness.errors import StoreError
from harness.records import (
    FORM,
    Environment,
    Level,
    Metric,
    Run,
    Scenario,
    Target,
    Verdict,
    Workload,
)
from harness.stats.memory import Memory
from harness.store import asv, runs
from reports.gathering import Gathered, Gathering
from reports.judged import judge


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> synthetic.Made:
    return synthetic.make(tmp_path_factory.mktemp("history"), commits=80, benchmarks=12, seed=3)


def gather(made: synthetic.Made, memory: Path | None = None) -> Gathered:
    return Gathering(memory).gather(None, [made.results])


def test_a_history_has_the_order_of_its_repository(made: synthetic.Made) -> None:
    found = gather(made)
    assert [commit.hash for commit in found.commits] == made.commits
    assert found.commits[3].subject.endswith("(3)")
    assert found.project == "synthetic"
    assert found.commit_url == "https://example.org/commit/"


def test_lines_are_the_series_of_the_other_reader(made: synthetic.Made) -> None:
    found = gather(made)
    order = {commit: place for place, commit in enumerate(made.commits)}
    series = list(asv.read(made.results, order=order, samples=True))
    assert len(series) == len(found.lines)
    for one, line in zip(series, found.lines, strict=True):
        assert (one.benchmark, one.unit, one.better, one.machine, one.environment, one.version) == (
            line.head.benchmark, line.head.unit, line.head.better, line.head.machine,
            line.head.environment, line.head.version,
        )  # fmt: skip
        assert [p.commit for p in one.points] == [found.commits[x].hash for x in line.x]
        np.testing.assert_array_equal([p.value for p in one.points], line.y)
        assert line.low is not None
        np.testing.assert_allclose([p.low for p in one.points], line.low, rtol=1e-6)


def test_events_are_those_of_harness_changes(
    made: synthetic.Made, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["changes", str(made.results), "--json", "--no-cache",
                 "--repository", str(made.folder / "repo")]) == 0  # fmt: skip
    said = json.loads(capsys.readouterr().out)
    judgement = judge(gather(made), Memory())
    assert {one.id for one in judgement.events} == {event["id"] for event in said["events"]}
    assert judgement.events, "steps were planted"
    assert judgement.doubtful == said["doubtful"]


def test_planted_steps_are_found_at_their_commits(made: synthetic.Made) -> None:
    found = gather(made)
    judgement = judge(found, Memory())
    where = {found.lines[one.line].head.name: one for one in judgement.events}
    assert set(made.planted) <= set(where)
    for name, commit in made.planted.items():
        one = where[name]
        place = made.commits.index(commit)
        assert one.event.first <= place <= one.event.last or abs(one.after - place) <= 3


def test_memory_changes_nothing_but_the_time(made: synthetic.Made, tmp_path: Path) -> None:
    first, again = gather(made, tmp_path), gather(made, tmp_path)
    assert first.news
    assert not again.news
    assert [line.head for line in first.lines] == [line.head for line in again.lines]
    for one, other in zip(first.lines, again.lines, strict=True):
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.y, other.y)


ENVIRONMENT = Environment(
    python="3.11.7", implementation="CPython", platform="Linux", kernel="6.1", cpu_model="CPU",
    cpu_count=2, governor=None, load_average=0.0, memory_bytes=1, packages={}, wire_codec="c",
    harness_version="0.1.0",
)  # fmt: skip


def stored(
    folder: Path, number: int, rate: float, commit: str | None = None, *, dirty: bool = False,
    void: bool = False, connections: int = 1, rows: int = 0,
) -> Run:  # fmt: skip
    from msgspec.structs import replace

    from harness.records import LoadShape

    run = Run(
        id=f"20261127-0900{number:02}-throughput-noop-v3-{number:04x}",
        form=FORM,
        scenario=Scenario(
            name="throughput noop v3",
            workload=Workload(kind="noop", rows=rows),
            load=LoadShape(connections=connections),
        ),
        target=Target(kind="embedded", version="0.1.0"),
        environment=replace(ENVIRONMENT, git_commit=commit, git_dirty=dirty),
        verdict=Verdict(level=Level.VOID if void else Level.VALID),
        started_at=f"2026-11-27T09:00:{number:02}+00:00",
        metrics=[
            Metric(name="rate", value=rate, unit="1/s", interval=(rate - 1, rate + 1), count=9)
        ],
    )
    runs.save(run, folder)
    return run


def test_runs_are_points_that_know_their_run(tmp_path: Path) -> None:
    one = stored(tmp_path, 1, 100.0, "a" * 40)
    two = stored(tmp_path, 2, 110.0, "b" * 40)
    void = stored(tmp_path, 3, 120.0, "c" * 40, void=True)
    found = Gathering(None).gather(tmp_path, [])
    (line,) = found.lines
    assert line.head.benchmark == "throughput-noop-v3.rate"
    assert line.runs == [one.id, two.id, void.id]
    np.testing.assert_array_equal(line.y, [100.0, 110.0, np.nan])
    assert [commit.hash[:1] for commit in found.commits] == ["a", "b", "c"]


def test_what_belongs_to_no_commit_stands_by_its_time(tmp_path: Path) -> None:
    stored(tmp_path, 1, 100.0)
    stored(tmp_path, 2, 101.0)
    found = Gathering(None).gather(tmp_path, [])
    assert [(commit.hash, commit.subject) for commit in found.commits] == [
        ("", "uncommitted, 2026-11-27 09:00"),
        ("", "uncommitted, 2026-11-27 09:00"),
    ]


def test_a_damaged_run_is_told_and_left_out(tmp_path: Path) -> None:
    stored(tmp_path, 1, 100.0)
    (tmp_path / "runs" / "broken.json").write_text("{")
    told: list[str] = []
    found = Gathering(None, warn=told.append).gather(tmp_path, [])
    assert len(found.runs) == 1
    assert len(told) == 1
    assert "broken.json" in told[0]


@pytest.mark.parametrize("name", ["runs.msgpack", "history-0.msgpack"])
def test_a_damaged_memory_counts_as_none(made: synthetic.Made, tmp_path: Path, name: str) -> None:
    results, memory = tmp_path / "results", tmp_path / "memory"
    stored(results, 1, 100.0)
    Gathering(memory).gather(results, [made.results])
    (memory / name).write_bytes(b"\x93nonsense")
    found = Gathering(memory).gather(results, [made.results])
    assert len(found.lines) == 13


def test_a_folder_that_is_no_history_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no results of asv"):
        Gathering(None).gather(None, [tmp_path])


def test_the_named_repository_must_be_one(made: synthetic.Made, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="git"):
        Gathering(None).gather(None, [made.results], tmp_path)
