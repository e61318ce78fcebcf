"""``harness export`` as people and programs call it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from harness.cli import main
from tests.store import foreign


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, document in (("a", foreign.PYTEST_BENCHMARK), ("b", foreign.K6_EXPORT)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    assert main(["import", "a.json", "b.json"]) == 0
    return tmp_path


def test_csv_has_a_row_for_each_sample(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "-o", "out/a.csv", "-k", "test_"]) == 0
    assert "4 rows of 2 series" in capsys.readouterr().out
    with (stored / "out" / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    # Three samples, and a value of which none were kept.
    assert [(row["number"], row["sample"], row["value"]) for row in rows] == [
        ("0", "1.0", "2.0"),
        ("1", "2.0", "2.0"),
        ("2", "6.0", "2.0"),
        ("0", "", "4.0"),
    ]


def test_an_export_is_an_import(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "-o", "a.csv"]) == 0
    assert main(["import", "a.csv", "--out", "other"]) == 0
    assert main(["export", "-o", "b.csv", "--out", "other"]) == 0
    assert (stored / "a.csv").read_bytes() == (stored / "b.csv").read_bytes()


def test_what_the_others_cannot_hold_is_counted(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["export", "--format", "pyperf", "-o", "pyperf"]) == 0
    # Of k6: two ratios, a rate, three of vus without a unit.
    assert "2 files; left out: 6 series" in capsys.readouterr().out
    assert main(["export", "--format", "asv", "-o", "asv"]) == 0
    assert "1 files of results; left out: 9 points without a commit" in capsys.readouterr().out


def test_commits_and_benchmarks_are_chosen(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "-o", "a.csv", "--commit", "cccc"]) == 0
    assert "4 rows of 2 series" in capsys.readouterr().out
    assert main(["export", "-o", "a.csv", "--commit", "dddd"]) == 1
    assert "nothing in results fits" in capsys.readouterr().err


def test_an_empty_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "-o", "a.csv"]) == 1
    assert "`harness run` and `harness import` store results" in capsys.readouterr().err
    assert main(["export"]) == 2
