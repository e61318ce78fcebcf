"""``harness changes`` as other programs and people call it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from harness.cli import main
from harness.store import runs
from harness.store.judgements import default_file
from tests.peers.test_environments import commit, git
from tests.run.test_compare_stored import run as run_of


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own for each test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


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


# --- a folder of asv's results -------------------------------------------------------------------


def asv_results(folder: Path) -> Path:
    """Sixty commits of three benchmarks: one rises and stays, one falls, one is noise."""
    rng = np.random.default_rng(4)
    machine = folder / "box"
    machine.mkdir(parents=True)
    (machine / "machine.json").write_text('{"machine": "box", "version": 1}')
    (folder / "benchmarks.json").write_text(
        '{"suite.time_slow": {"unit": "seconds"}, "suite.rate": {"unit": "1/s"}, "version": 2}'
    )
    for at in range(60):
        values = {
            "suite.time_slow": 1.0 + 0.01 * rng.standard_normal() + (0.1 if at >= 40 else 0),
            "suite.rate": 100 + rng.standard_normal() - (30 if at >= 20 else 0),
            "suite.time_noise": 1.0 + 0.05 * rng.standard_normal(),
        }
        commit = f"{at:040x}"
        (machine / f"{commit[-8:]}-env.json").write_text(
            json.dumps(
                {
                    "commit_hash": commit,
                    "date": 1_000 * at,
                    "env_name": "env",
                    "result_columns": ["result", "params"],
                    "results": {name: [[value], []] for name, value in values.items()},
                }
            )
        )
    return folder


def test_a_folder_of_results_is_one_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["changes", str(asv_results(tmp_path)), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["series"], said["points"], said["doubtful"]) == (3, 180, 0)
    found = [
        (event["benchmark"], int(event["commit_before"], 16), int(event["commit_after"], 16))
        for event in said["events"]
    ]
    assert found == [("suite.time_slow", 39, 40), ("suite.rate", 19, 20)]
    assert [event["direction"] for event in said["events"]] == ["worse", "worse"]


def test_events_are_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(asv_results(tmp_path))
    assert main(["changes", folder, "--worse", "--least", "20"]) == 0
    out = capsys.readouterr().out
    assert "1 events at a false-discovery rate of 5%" in out
    assert "suite.rate" in out
    assert "suite.time_slow" not in out
    assert max(map(len, out.splitlines())) <= 100
    assert main(["changes", folder, "-k", "noise"]) == 0
    assert "1 series, 60 points; 0 events" in capsys.readouterr().out


def test_a_folder_or_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["changes"]) == 2
    assert "there is no folder `results` here" in capsys.readouterr().err
    assert main(["changes", str(tmp_path), "--csv", "x"]) == 2
    assert "name a folder of results, or a file with --csv" in capsys.readouterr().err
    assert main(["changes", str(tmp_path)]) == 1
    seen = capsys.readouterr()
    assert "has no results that are known" in seen.err
    assert seen.err.count("\n") == 1


def test_commits_of_one_second_stand_as_git_has_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dates have whole seconds, and a script makes several commits in one."""
    here = tmp_path / "here"
    here.mkdir()
    git(here, "init", "-q")
    commits = [commit(here, str(at)) for at in range(16)]
    results = here / "results"
    (results / "box").mkdir(parents=True)
    (results / "box" / "machine.json").write_text('{"machine": "box", "version": 1}')
    for at, hash in enumerate(commits):
        value = 100.0 + 5 * (at >= 9)
        told = {"commit_hash": hash, "date": 1_000, "env_name": "e",
                "result_columns": ["result"], "results": {"x": [[value]]}}  # fmt: skip
        (results / "box" / f"{hash[:8]}-e.json").write_text(json.dumps(told))
    for given in ([], ["--repository", str(here)]):
        monkeypatch.chdir(here if not given else tmp_path)
        assert main(["changes", str(results), "--json", *given]) == 0
        (event,) = json.loads(capsys.readouterr().out)["events"]
        assert (event["commit_before"], event["commit_after"]) == (commits[8], commits[9])
    assert main(["changes", str(results), "--repository", str(tmp_path)]) == 1
    assert "refuses" in capsys.readouterr().err


def test_our_own_runs_are_a_history_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run a commit, without a name for the folder."""
    for at in range(40):
        cost = 100.0 * (1 + 0.01 * (at * 7 % 5)) * (1.3 if at >= 25 else 1.0)
        about = {"git_commit": f"{at:040x}", "git_dirty": False}
        made = run_of(cost, about=about)
        when = f"2025-01-01T00:{at:02}:00+00:00"
        runs.save(structs.replace(made, id=f"{at:04}", started_at=when), tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    assert main(["changes", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    found = {(event["benchmark"].split("(")[0], int(event["commit_after"], 16))
             for event in said["events"]}  # fmt: skip
    assert found == {("noop.client_cpu", 25), ("noop.rate", 25)}
    assert {event["direction"] for event in said["events"]} == {"worse"}


def test_a_gate_on_a_history_has_its_exit_code(
    tmp_path: Path, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(asv_results(tmp_path / "asv"))
    assert main(["changes", folder, "--fail"]) == 3
    assert main(["changes", folder, "--fail", "-k", "noise"]) == 0
    assert main(["changes", folder, "--fail", "--least", "50"]) == 0
    assert main(["changes", "--csv", str(history), "--fail"]) == 3
    assert main(["changes", "--csv", str(history), "--fail", "--more-is-better"]) == 0


def test_what_may_stay_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(asv_results(tmp_path))
    main(["changes", folder, "--json"])
    ids = [event["id"] for event in json.loads(capsys.readouterr().out)["events"]]
    for id in ids:
        given = ["changes", folder, "--acknowledge", id, "--because", "checks of lengths"]
        assert main(given) == 0
        assert "may stay: " in capsys.readouterr().err
    assert main(["changes", folder, "--worse", "--fail"]) == 0
    assert "0 events" in capsys.readouterr().out
    assert main(["changes", folder]) == 0
    assert "acknowledged" in capsys.readouterr().out
    main(["changes", folder, "--json"])
    event = json.loads(capsys.readouterr().out)["events"][0]
    assert event["state"] == "acknowledged"
    assert event["acknowledged"]["because"] == "checks of lengths"
    assert main(["changes", folder, "--acknowledge", "nothing", "--because", "x"]) == 1
    assert f"there is no event nothing; the latest are: {ids[0]}" in capsys.readouterr().err


def test_a_report_is_the_same_from_the_cache(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(asv_results(tmp_path / "asv"))
    told = []
    for more in ([], [], ["--no-cache"]):
        assert main(["changes", folder, *more]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] == told[2]
    assert default_file().is_file()


def test_the_machine_s_pace_is_taken_out_where_a_yardstick_explains_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Times alone, and said so; without a yardstick the same step drowns."""
    rng = np.random.default_rng(11)
    pace = np.exp(0.15 * rng.standard_normal(40).cumsum() / 3)
    names = {"x.Calls.track_time": "ns", "x.Calls.track_memory": "bytes",
             "x.Calls.track_yardstick": "ns"}  # fmt: skip
    for yardstick in (True, False):
        folder = tmp_path / str(yardstick)
        (folder / "box").mkdir(parents=True)
        (folder / "box" / "machine.json").write_text('{"machine": "box", "version": 1}')
        known = {name: {"name": name, "unit": unit, "param_names": [], "params": [],
                        "version": "1"} for name, unit in names.items()}  # fmt: skip
        if not yardstick:
            del known["x.Calls.track_yardstick"]
        (folder / "benchmarks.json").write_text(json.dumps(known))
        for at in range(40):
            off = np.random.default_rng(at).standard_normal(2)
            results = {
                "x.Calls.track_time": 1000 * pace[at] * (1 + 0.01 * off[0] + 0.06 * (at >= 25)),
                "x.Calls.track_memory": 5_000_000 + 10 * (at % 3),
                "x.Calls.track_yardstick": 35_000 * pace[at] * (1 + 0.01 * off[1]),
            }
            told = {"commit_hash": f"{at:040x}", "date": 1000 + at, "env_name": "e",
                    "result_columns": ["result"],
                    "results": {name: [[results[name]]] for name in known}}  # fmt: skip
            (folder / "box" / f"{at:08x}-e.json").write_text(json.dumps(told))
        assert main(["changes", str(folder), "--json", "--no-cache", "-k", "track_time"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["paced"] == yardstick
        found = [one["at"] for one in report["events"]]
        if not yardstick:
            assert 25 not in found
            continue
        assert found == [25]
        assert report["events"][0]["pace_explains"] > 0.7
        assert main(["changes", str(folder), "--no-cache"]) == 0
        assert "1 series as if the machine had its usual pace" in capsys.readouterr().out
