"""Profiles are stored whole or not at all, and found by run and by change."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from harness.errors import StoreError
from harness.records import Run, Scenario, Workload
from harness.store import profiles, runs
from harness.store.profiles import FORM, Profile
from tests.store.test_runs import run

OLD, NEW = "a" * 40, "b" * 40


def made(id: str = "20250131-094500-x-0001", **more: object) -> Profile:
    facts: dict[str, object] = {
        "form": FORM, "id": id, "benchmark": "throughput.Noop(v3)", "profiler": "sampler",
        "of": "client", "unit": "ns", "made_at": "2025-01-31T09:45:00+00:00", "commit": NEW,
        "scenario": Scenario(name="x", workload=Workload(kind="noop")), "target": "embedded",
    }  # fmt: skip
    return Profile(**(facts | more))  # type: ignore[arg-type]  # fields of a profile


def at(commit: str | None, name: str = "x") -> Run:
    found = run()
    return structs.replace(
        found,
        environment=structs.replace(found.environment, git_commit=commit),
        scenario=structs.replace(found.scenario, name=name),
    )


def test_a_profile_comes_back_with_its_files(tmp_path: Path) -> None:
    place = profiles.save(made(), {"flamegraph.html": b"<html>"}, tmp_path)
    assert profiles.load(place) == profiles.load(place / profiles.RECORD) == made()
    assert (place / "flamegraph.html").read_bytes() == b"<html>"
    assert profiles.all_of(tmp_path) == [made()]


def test_nothing_is_left_of_one_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, data: bytes) -> Path:
        raise StoreError("no space")

    monkeypatch.setattr(profiles.files, "write", fail)
    with pytest.raises(StoreError, match="no space"):
        profiles.save(made(), {"flamegraph.html": b""}, tmp_path)
    assert list((tmp_path / "profiles").iterdir()) == []


def test_one_is_never_overwritten(tmp_path: Path) -> None:
    place = profiles.save(made(), {"a": b"1"}, tmp_path)
    with pytest.raises(StoreError, match="stored already"):
        profiles.save(made(), {"a": b"2"}, tmp_path)
    assert (place / "a").read_bytes() == b"1"
    assert [path.name for path in place.parent.iterdir()] == [made().id]


def test_damaged_and_newer_ones_are_passed_over_in_lists(tmp_path: Path) -> None:
    profiles.save(made("1"), {}, tmp_path)
    for id, text in (("2", "{"), ("3", '{"form": 99}')):
        folder = tmp_path / "profiles" / id
        folder.mkdir()
        (folder / profiles.RECORD).write_text(text)
    assert [each.id for each in profiles.all_of(tmp_path)] == ["1"]
    with pytest.raises(StoreError, match="form 99; this version reads up to"):
        profiles.load(tmp_path / "profiles" / "3")


@pytest.mark.parametrize(
    ("profile", "of", "fits"),
    [
        (made(), at(NEW), True),
        (made(base=OLD), at(OLD), True),  # a difference explains either side
        (made(), at(OLD), False),
        (made(), at(None), False),
        (made(commit=None), at(None), False),
        (made(), at(NEW, "another"), False),
        (made(target="standalone"), at(NEW), False),
        (made(commit=OLD, run=run().id), at(NEW), True),  # it says so itself
    ],
)
def test_of_a_run(profile: Profile, of: Run, fits: bool, tmp_path: Path) -> None:
    profiles.save(profile, {}, tmp_path)
    assert (profiles.of_run(of, tmp_path) == [profile]) is fits


def test_the_newest_run_that_it_explains(tmp_path: Path) -> None:
    assert profiles.newest_run(made(), tmp_path) is None
    for number, commit in ((1, NEW), (2, NEW), (3, OLD)):
        runs.save(structs.replace(at(commit), id=f"20250131-094500-x-000{number}"), tmp_path)
    (tmp_path / "runs" / "20250131-094500-x-0009.json").write_text("damaged")
    assert profiles.newest_run(made(), tmp_path) == "20250131-094500-x-0002"


@pytest.mark.parametrize(
    ("asked", "commits", "found"),
    [
        ("throughput.Noop", (OLD, NEW), True),
        ("throughput.Noop(v3)", (OLD[:8], NEW[:8]), True),
        ("throughput.Noop.track_client_cpu(protocol='v3')", (OLD, NEW), True),
        ("throughput.Noop(v1)", (OLD, NEW), False),
        ("throughput.Noops", (OLD, NEW), False),
        ("throughput.Noop", (NEW, OLD), False),
        ("throughput.Noop", ("c" * 40, NEW), False),
        ("throughput.Noop", ("", ""), False),
    ],
)
def test_of_a_change(asked: str, commits: tuple[str, str], found: bool, tmp_path: Path) -> None:
    profiles.save(made(base=OLD), {}, tmp_path)
    assert bool(profiles.of_change(asked, *commits, tmp_path)) is found
