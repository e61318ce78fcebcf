"""Whole sites: what pages and data say is what was measured, and a rebuild touches what is new."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ci import synthetic
from harness.cli import main
from harness.errors import StoreError
from harness.store import sessions
from reports import naming
from reports.folder import MEMORY
from reports.gathering import Gathering
from reports.site import build
from tests.reports.test_gathering import stored
from tests.store.test_sessions import session

COMMITS, BENCHMARKS = 60, 8


@pytest.fixture
def made(tmp_path: Path) -> synthetic.Made:
    return synthetic.make(tmp_path / "history", COMMITS, BENCHMARKS, seed=5)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    for number, (connections, rate) in enumerate([(1, 100.0), (10, 90.0), (100, 80.0)]):
        stored(folder, number, rate, "a" * 40, connections=connections)
    stored(folder, 9, 70.0, "a" * 40, void=True, connections=1000)
    sessions.save(session(), folder)
    return folder


def read(path: Path) -> tuple[str, Any]:
    """Key and content of a file of data."""
    found = re.fullmatch(r"harnessData\((.*?),(\{.*\})\);\n", path.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1]), json.loads(found[2])


def inline(path: Path) -> Any:
    """The data in a page."""
    found = re.search(r'id="page-data">(.*?)</script>', path.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def floats(packed: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["f4"]), "<f4")


def files(site: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.relative_to(site).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in site.rglob("*")
        if path.is_file() and MEMORY not in path.parts
    }


def test_points_are_those_of_the_history(made: synthetic.Made, tmp_path: Path) -> None:
    site = tmp_path / "site"
    build(site, None, [made.results])
    for line in Gathering(None).gather(None, [made.results]).lines:
        name = f"b/{naming.slug(line.head.benchmark)}"
        page = inline(site / f"{name}.html")
        (series,) = page["series"]
        key, content = read(site / f"{series['file']}.js")
        assert key == series["file"]
        points = content["series"][str(series["i"])]
        factor = 1e9 if line.head.unit == "seconds" else 1.0
        assert points["x"] == {"from": 0}
        np.testing.assert_allclose(floats(points["y"]), line.y * factor, rtol=1e-6)
        # The raw file that a point leads to is there.
        pattern = page["raws"][series["raw"]]
        commit = made.commits[7][:8]
        assert (site / "b" / pattern.replace("{hash}", commit)).resolve().is_file()


def test_values_by_commit_are_the_same_values(made: synthetic.Made, tmp_path: Path) -> None:
    site = tmp_path / "site"
    build(site, None, [made.results])
    page = inline(site / "compare.html")
    gathered = Gathering(None).gather(None, [made.results])
    assert [one["n"] for one in page["series"]] == [line.head.name for line in gathered.lines]
    rows = []
    for number, first in enumerate(page["blocks"]):
        key, content = read(site / f"data/c{number}.js")
        assert (key, content["from"]) == (f"data/c{number}", first)
        rows += [floats(row) for row in content["values"]]
    expected = np.array(
        [line.y * (1e9 if line.head.unit == "seconds" else 1) for line in gathered.lines]
    )
    np.testing.assert_allclose(np.array(rows).T, expected, rtol=1e-6)


def test_events_stand_in_the_overview_and_on_their_pages(
    made: synthetic.Made, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    assert build(site, None, [made.results]).events >= len(made.planted) > 0
    overview = (site / "index.html").read_text()
    for name in made.planted:
        page = f"b/{naming.slug(name)}.html"
        assert page in overview
        (series,) = inline(site / page)["series"]
        event = series["events"][0]
        assert f'id="event-{event["id"]}"' in (site / page).read_text()
        assert f"event-{event['id']}" in overview


def test_one_commit_more_gives_the_site_that_a_fresh_build_gives(
    made: synthetic.Made, results: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    build(site, results, [made.results])
    before = files(site)
    values, _ = synthetic.drawn(COMMITS, BENCHMARKS, 5)
    made.commits.extend(synthetic.add_commits(made, BENCHMARKS, values[:, -1:]))
    built = build(site, results, [made.results])
    after = files(site)
    build(tmp_path / "fresh", results, [made.results])
    fresh = files(tmp_path / "fresh")
    assert {name: data for name, (_, data) in after.items()} == {
        name: data for name, (_, data) in fresh.items()
    }
    touched = {name for name in after if before.get(name) != after[name]}
    assert len(touched) == built.written
    # Runs, the method, growth and what pages stand on have nothing to do with a commit.
    assert not {name for name in touched if name.startswith(("r/", "static/"))}


def test_nothing_new_touches_nothing(made: synthetic.Made, results: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    build(site, results, [made.results])
    before = files(site)
    assert build(site, results, [made.results]).written == 0
    assert files(site) == before


def test_a_run_has_its_page_its_data_and_its_file(results: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    build(site, results)
    runs = sorted((results / "runs").glob("*.json"))
    for path in runs:
        assert (site / "r" / path.name).read_bytes() == path.read_bytes()
        key, content = read(site / "r" / f"{path.stem}.js")
        assert key == f"r/{path.stem}"
        assert set(content) == {"histograms", "counts", "series"}
    void = (site / f"r/{runs[-1].stem}.html").read_text()
    assert "VOID" in void


def test_growth_leaves_out_what_is_void(results: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    build(site, results)
    charts = inline(site / "scale.html")["charts"]
    (chart,) = [one for one in charts if one["title"] == "Operations a second, by connections"]
    (line,) = chart["lines"]
    assert [(point["x"], point["y"]) for point in line["points"]] == [
        (1.0, 100.0), (10.0, 90.0), (100.0, 80.0),
    ]  # fmt: skip


def test_tables_of_sessions_stand_on_the_pages_of_runs_and_peers(
    results: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    build(site, results)
    for name in ("runs.html", "peers.html"):
        text = (site / name).read_text()
        assert "17,280/s" in text
        assert "1,909,250/s" in text


def test_what_was_claimed_stands_on_the_first_page(
    made: synthetic.Made, results: Path, tmp_path: Path
) -> None:
    """Of the newest session; the rest of it is on the page of runs."""
    build(tmp_path / "site", results)
    first, runs_page = ((tmp_path / "site" / x).read_text() for x in ("index.html", "runs.html"))
    assert "Claimed, and measured through the server" in first
    assert "1,909,250/s" in first
    assert "More, through the server" in runs_page
    assert "More, through the server" not in first
    build(tmp_path / "other", None, [made.results])
    assert "Claimed" not in (tmp_path / "other" / "index.html").read_text()


def test_one_commit_is_no_history(made: synthetic.Made, results: Path, tmp_path: Path) -> None:
    build(tmp_path / "one", results)
    assert "Nothing can be compared yet" in (tmp_path / "one" / "index.html").read_text()
    build(tmp_path / "many", None, [made.results])
    assert "Nothing can be compared yet" not in (tmp_path / "many" / "index.html").read_text()


def test_an_empty_store_has_a_site(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    built = build(tmp_path / "site", tmp_path / "results")
    assert (built.series, built.points, built.runs) == (0, 0, 0)
    assert built.index.is_file()


def test_large_histories_are_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.benchmark.SHARD", 3_000)
    made = synthetic.make(tmp_path / "history", 300, 2, seed=1)
    # Two series of one benchmark: the same results, measured in another environment.
    machine = made.results / synthetic.MACHINE
    for path in list(machine.glob("*-virtualenv*.json")):
        other = json.loads(path.read_text()) | {"env_name": "other"}
        (machine / f"{path.name[:8]}-other.json").write_text(json.dumps(other))
    site = tmp_path / "site"
    build(site, None, [made.results])
    for page in site.glob("b/*.html"):
        assert sorted(one["file"][-2:] for one in inline(page)["series"]) == [".0", ".1"]
    assert max(path.stat().st_size for path in site.glob("b/*.js")) < 6_000


def test_acknowledged_events_are_no_open_regressions(made: synthetic.Made, tmp_path: Path) -> None:
    site = tmp_path / "site"
    build(site, None, [made.results])
    text = (site / "index.html").read_text()
    (event, *_) = re.findall(r"event-([0-9a-f]{10})", text)
    assert main(["changes", str(made.results), "--acknowledge", event, "--because", "it is so",
                 "--repository", str(made.folder / "repo")]) == 0  # fmt: skip
    build(site, None, [made.results])
    again = (site / "index.html").read_text()
    assert "acknowledged" in again
    assert "it is so" in again


def test_a_wrong_folder_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "build", "--asv", str(tmp_path), "--out", str(tmp_path / "x")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "has no results of asv" in said
    with pytest.raises(StoreError):
        build(tmp_path / "y", None, [tmp_path])


def test_the_command_says_what_it_made(
    made: synthetic.Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "a site"
    assert main(["report", "build", "--asv", str(made.results), "--out", str(site), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["series"] == BENCHMARKS
    assert said["page"] == (site / "index.html").as_uri()
