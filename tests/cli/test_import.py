"""``harness import`` as people and programs call it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from harness.cli import main
from harness.store import formats, history
from tests.store import foreign


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results of three tools, from which the commands are run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "a.json").write_text(json.dumps(foreign.HYPERFINE))
    (tmp_path / "given" / "b.json").write_text(json.dumps(foreign.PYPERF))
    foreign.write_criterion(tmp_path / "criterion")
    return tmp_path


def test_files_and_folders_and_twice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "given", "criterion"]) == 0
    out = capsys.readouterr().out
    assert [line.partition(";")[0] for line in out.splitlines()] == [
        "given/a.json: hyperfine, 4 series, 4 points",
        "given/b.json: pyperf, 2 series, 2 points",
        "criterion: criterion, 1 series, 1 points",
    ]
    assert out.count("stored as") == 3
    assert main(["import", "given/a.json"]) == 0
    assert "already there as hyperfine-" in capsys.readouterr().out
    assert len(list((folder / "results" / "imported").iterdir())) == 3


def test_programs_read_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "given/a.json", "--json"]) == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert said["id"].startswith("hyperfine-")
    assert (said["new"], said["series"], said["points"], said["form"]) == (True, 4, 4, 1)


def test_commit_and_machine_are_stated_where_files_do_not(folder: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "First"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert main(["import", "given/a.json", "--commit", "HEAD", "--machine", "box"]) == 0
    for one in history.stored(folder / "results"):
        assert one.machine == "box"
        (point,) = one.points
        assert point.commit == head.stdout.strip()
        assert point.date_ms > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere is not there"),
        (["given/a.json", "nowhere"], "nowhere is not there"),
        (["given/a.json", "--format", "pyperf"], "it is no file of pyperf"),
        (["given/a.json", "--most-bytes", "10"], "has more than 10 bytes"),
        (["given/a.json", "--commit", "HEAD"], "not a git repository"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_stores_nothing(
    arguments: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("harness: ")
    assert said in error
    assert error.count("\n") == 1
    assert not list((folder / "results").rglob("*.jsonl"))


def test_results_that_name_commits_are_given_no_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "asv" / "box").mkdir(parents=True)
    (folder / "asv" / "box" / "machine.json").write_text("{}")
    assert main(["import", "asv", "--commit", "HEAD"]) == 1
    assert "asv names a commit for each of its results" in capsys.readouterr().err


def test_damage_in_a_folder_is_a_warning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "criterion" / "x" / "new").mkdir(parents=True)
    (folder / "criterion" / "x" / "new" / "estimates.json").write_text("{")
    assert main(["import", "criterion"]) == 0
    assert "warning: criterion/x/new is left out" in capsys.readouterr().err


def test_the_help_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for name in formats.NAMES:
        assert name in out
