"""Imports are stored once, whole or not at all, and never changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from harness.errors import StoreError
from harness.measure.environment import environment
from harness.records import FORM, Level, Metric, Run, Scenario, Target, Verdict, Workload
from harness.series import Better, Point, Series
from harness.store import history, imports, runs

NOW = datetime(2025, 1, 31, 9, 45, tzinfo=UTC)
LATER = datetime(2025, 2, 1, tzinfo=UTC)


def series(name: str = "encode", value: float | None = 1.5, commit: str = "a" * 40) -> Series:
    point = Point(commit=commit, value=value, date_ms=1000, samples=(1.0, 1.5, 2.0))
    return Series(benchmark=name, points=(point,), unit="seconds", parameters={"n": "1"})


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "imported").iterdir())


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    rate = Series(benchmark="rate", points=(Point(commit="", value=None),), better=Better.MORE)
    head, is_new = imports.keep([series(), rate], "pyperf", "a.json", NOW, tmp_path)
    assert is_new
    assert (head.format, head.source, head.series, head.points) == ("pyperf", "a.json", 2, 2)
    assert list(imports.heads(tmp_path)) == [head]
    assert list(imports.read(head, tmp_path)) == [series(), rate]
    assert files(tmp_path) == [f"{head.id}.jsonl"]


def test_the_same_results_are_the_same_import(tmp_path: Path) -> None:
    first, _ = imports.keep([series()], "pyperf", "a.json", NOW, tmp_path)
    path = tmp_path / "imported" / f"{first.id}.jsonl"
    before = path.read_bytes()
    again, is_new = imports.keep([series()], "pyperf", "copy/b.json", LATER, tmp_path)
    assert (again.id, is_new) == (first.id, False)
    assert path.read_bytes() == before
    for other in (series(value=1.6), series("decode"), series(commit="b" * 40)):
        head, is_new = imports.keep([other], "pyperf", "a.json", NOW, tmp_path)
        assert is_new
        assert head.id != first.id


def test_what_fails_halfway_leaves_nothing(tmp_path: Path) -> None:
    def half() -> Iterator[Series]:
        yield series()
        raise StoreError("line 2 is no JSON")

    with pytest.raises(StoreError, match="line 2"):
        imports.keep(half(), "k6", "a", NOW, tmp_path)
    with pytest.raises(StoreError, match="a has no benchmarks in it"):
        imports.keep([], "k6", "a", NOW, tmp_path)
    with pytest.raises(StoreError, match="text that is no Unicode"):
        imports.keep([series("\ud800")], "k6", "a", NOW, tmp_path)
    assert files(tmp_path) == []


def test_damage_is_told(tmp_path: Path) -> None:
    head, _ = imports.keep([series(), series("b")], "k6", "a", NOW, tmp_path)
    path = tmp_path / "imported" / f"{head.id}.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]))
    with pytest.raises(StoreError, match="has 1 series where its head says 2"):
        list(imports.read(head, tmp_path))
    path.write_text("".join(lines)[:-10])
    with pytest.raises(StoreError, match=r"line 3 .* is no series"):
        list(imports.read(head, tmp_path))
    path.write_text("{}\n")
    with pytest.raises(StoreError, match="is no import"):
        list(imports.heads(tmp_path))
    path.write_text(json.dumps({"form": 99}) + "\n")
    with pytest.raises(StoreError, match="has form 99; this version reads up to 1"):
        list(imports.heads(tmp_path))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "imported").write_text("a file")
    with pytest.raises(StoreError, match="cannot write in"):
        imports.keep([series()], "k6", "a", NOW, tmp_path)


def test_imports_of_one_metric_are_one_history(tmp_path: Path) -> None:
    def at(commit: str, date_ms: int, value: float) -> Series:
        point = Point(commit=commit, value=value, date_ms=date_ms)
        return Series(benchmark="b", points=(point,), machine="box")

    # The newer one first, and the older one in two files.
    for number, one in enumerate((at("b", 2, 20.0), at("a", 1, 10.0))):
        imports.keep([one], "k6", str(number), NOW, tmp_path)
    imports.keep([at("a", 1, 10.0), at("c", 3, 30.0)], "k6", "both", NOW, tmp_path)
    (found,) = history.stored(tmp_path)
    assert [(point.commit, point.value) for point in found.points] == [
        ("a", 10.0),
        ("b", 20.0),
        ("c", 30.0),
    ]


def test_other_machines_units_and_versions_are_other_series(tmp_path: Path) -> None:
    point = (Point(commit="a", value=1.0),)
    kinds = [
        Series(benchmark="b", points=point),
        Series(benchmark="b", points=point, machine="box"),
        Series(benchmark="b", points=point, unit="ns"),
        Series(benchmark="b", points=point, version="2"),
        Series(benchmark="b", points=point, environment={"python": "3.12"}),
        Series(benchmark="b", points=point, parameters={"n": "1"}),
        Series(benchmark="b", points=point, better=Better.MORE),
    ]
    imports.keep(kinds, "k6", "a", NOW, tmp_path)
    assert len(history.stored(tmp_path)) == len(kinds)


def test_a_damaged_import_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    imports.keep([series()], "k6", "a", NOW, tmp_path)
    (tmp_path / "imported" / "zzz.jsonl").write_text("no import\n")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "broken.json").write_text("{")
    said: list[str] = []
    assert history.stored(tmp_path, said.append) == [series()]
    assert len(said) == 2


# --- our own runs ---------------------------------------------------------------------------------


def run(level: Level = Level.VALID, dirty: bool = False, started: datetime = NOW) -> Run:
    about = structs.replace(environment(), git_commit="c" * 40, git_dirty=dirty)
    return Run(
        id=f"{started:%Y%m%d-%H%M%S}-x-{level.value}-{dirty}",
        form=FORM,
        scenario=Scenario(name="latency no-op", workload=Workload(kind="noop")),
        target=Target(kind="standalone", version="1.2.0"),
        environment=about,
        verdict=Verdict(level=level),
        started_at=started.isoformat(),
        metrics=[
            Metric(name="rate", value=12.5, unit="1/s", interval=(12.0, 13.0)),
            Metric(name="p50", value=80.0, unit="ns", better="lower"),
        ],
    )


def test_figures_of_runs_are_series_with_their_direction(tmp_path: Path) -> None:
    runs.save(run(), tmp_path)
    runs.save(run(started=LATER), tmp_path)
    found = {one.benchmark: one for one in history.stored(tmp_path)}
    assert sorted(found) == ["latency-no-op.p50", "latency-no-op.rate"]
    rate = found["latency-no-op.rate"]
    assert (rate.better, found["latency-no-op.p50"].better) == (Better.MORE, Better.LESS)
    assert rate.parameters == {"target": "standalone"}
    assert rate.environment["server"] == "1.2.0"
    assert [(p.value, p.low, p.high, p.commit) for p in rate.points] == [
        (12.5, 12.0, 13.0, "c" * 40)
    ] * 2


def test_a_void_run_has_points_without_values(tmp_path: Path) -> None:
    runs.save(run(Level.VOID), tmp_path)
    assert {p for one in history.stored(tmp_path) for p in one.points} == {
        Point(commit="c" * 40, value=None, date_ms=int(NOW.timestamp() * 1000))
    }


def test_uncommitted_changes_are_no_commit_of_the_history(tmp_path: Path) -> None:
    runs.save(run(), tmp_path)
    runs.save(run(dirty=True), tmp_path)
    found = [one for one in history.stored(tmp_path) if one.benchmark.endswith("p50")]
    assert sorted("uncommitted" in one.environment for one in found) == [False, True]
