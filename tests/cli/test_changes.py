"""``harness changes`` as other programs and people call it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.cli import main


@pytest.fixture
def history(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    values = 100 + rng.standard_normal(90)
    values[50:] += 6
    values[20] += 40
    rows = "".join(f"c{at},{value:.3f}\n" for at, value in enumerate(values))
    path = tmp_path / "history.csv"
    path.write_text("commit,value\n" + rows)
    return path


def test_other_programs_read_change_points(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["changes", "--csv", str(history), "--column", "value", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["change_points"] == [50]
    (event,) = said["events"]
    assert (event["at"], event["direction"], event["state"]) == (50, "worse", "open")
    assert said["spikes"] == [20]
    assert said["points"] == 90


def test_nothing_is_an_empty_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("7\n" * 30)
    assert main(["changes", "--csv", str(path), "--column", "0", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["change_points"], said["events"], said["period"]) == ([], [], None)


def test_people_read_a_table(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["changes", "--csv", str(history), "--more-is-better"]) == 0
    out = capsys.readouterr().out
    assert "value: 90 points, noise ±" in out
    assert "better" in out
    assert "+5." in out or "+6." in out
    assert "single spikes, which are no changes: 20" in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_wrong_column_is_one_sentence(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["changes", "--csv", str(history), "--column", "speed"]) == 1
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err.count("\n") == 1
    assert "has no column 'speed'; it has: 'commit', 'value'" in seen.err
