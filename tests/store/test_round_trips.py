"""What is exported and imported again has the same numbers; asv and pyperf themselves read it."""

from __future__ import annotations

import builtins
import json
import string
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.series import Better, Point, Series
from harness.store import asv, asv_export, formats, pyperf_export, tables, tidy
from harness.store.names import file_name

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
#: What asv and pyperf take for a name: no blanks at the ends, nothing that is not seen.
WORD = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=8)
COMMIT = st.text("0123456789abcdef", min_size=40, max_size=40)


def points(values: st.SearchStrategy[float], commits: st.SearchStrategy[str]) -> Any:
    """Points of different commits; samples as often as not."""
    return st.lists(
        st.builds(
            Point,
            commit=commits,
            value=st.none() | values,
            date_ms=st.integers(0, 2**40),
            samples=st.lists(values, max_size=3).map(tuple),
            low=st.none() | values,
            high=st.none() | values,
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda point: point.commit,
    ).map(tuple)


def histories(
    values: st.SearchStrategy[float], words: st.SearchStrategy[str], **fixed: Any
) -> st.SearchStrategy[Series]:
    commits = fixed.pop("commits", COMMIT)
    given_ = {
        "unit": words,
        "better": st.sampled_from(Better),
        "version": words,
        "environment": st.dictionaries(words, words, max_size=2),
    }
    return st.builds(
        Series,
        benchmark=words,
        points=points(values, commits),
        parameters=st.dictionaries(words, words, max_size=2),
        machine=words,
        **{**given_, **fixed},
    )


# --- CSV ------------------------------------------------------------------------------------------


@given(st.lists(histories(FINITE, TEXT, commits=TEXT), max_size=3))
def test_csv_keeps_everything(series: list[Series]) -> None:
    # Neighbours that say the same of themselves are one series in a table.
    series = [
        one for at, one in enumerate(series) if not at or _about(one) != _about(series[at - 1])
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        count = tables.write_csv(series, path)
        assert count == sum(max(1, len(p.samples)) for one in series for p in one.points)
        assert list(tidy.read(path)) == series
        if series:
            (source,) = formats.find(path)
            assert source.format == "csv"


def _about(one: Series) -> Any:
    return [getattr(one, name) for name in one.__struct_fields__ if name != "points"]


GOOD = "b,{},ns,less,,{},,c,0,1.0,,,0,\n"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("b,{}\n", "line 3 of .* has 2 cells"),
        (GOOD.replace("1.0", "fast"), "line 3 of .*could not convert"),
        (GOOD.replace(",c,0,", ",c,x,"), "line 3 of .*invalid literal"),
        (GOOD.replace("less", "worse"), "better is 'less' or 'more', not 'worse'"),
        (GOOD.replace("b,{}", "b,{"), "'{' is no JSON"),
        (GOOD.replace("b,{}", "b,[]"), r"'\[\]' is no object"),
        ('b,"{}\n', "is no CSV"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(row: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(",".join(tidy.COLUMNS) + "\n" + GOOD + row)
    with pytest.raises(StoreError, match=said):
        list(tidy.read(path))
    path.write_text(",".join(tidy.COLUMNS) + "\n" + GOOD)
    assert len(list(tidy.read(path))) == 1


def test_an_export_replaces_a_file_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("before")

    def broken() -> Iterable[Series]:
        yield Series(benchmark="b", points=(Point(commit="c", value=1.0),))
        raise StoreError("damaged")

    with pytest.raises(StoreError, match="damaged"):
        tables.write_csv(broken(), path)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]
    with pytest.raises(StoreError, match="cannot write"):
        tables.write_csv([], path / "b.csv")


# --- Parquet --------------------------------------------------------------------------------------


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StoreError, match=r"pip install 'spacetimedb-harness\[parquet\]'"):
        tables.write_parquet([], tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


def test_parquet_has_the_rows_of_csv(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow, the extra `parquet`")
    series = [
        Series(benchmark="b", points=(Point(commit="c", value=1.5, samples=(1.0, 2.0)),)),
        Series(benchmark="d", points=(Point(commit="c", value=None),), parameters={"n": "1"}),
    ]
    assert tables.write_parquet(series, tmp_path / "a.parquet") == 3
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.column_names == list(tidy.COLUMNS)
    rows = [list(row.values()) for row in table.to_pylist()]
    assert rows == list(tidy.rows(series))


# --- pyperf ---------------------------------------------------------------------------------------

SECONDS = st.floats(1e-12, 1e6)


@settings(max_examples=50)
@given(
    histories(
        SECONDS, WORD, unit=st.just("seconds"), better=st.just(Better.LESS),
        version=st.just(""), environment=st.just({}), commits=COMMIT,
    )
)  # fmt: skip
def test_pyperf_keeps_numbers_names_and_commits(series: Series) -> None:
    kept = {p.commit: p.samples or (p.value,) for p in series.points if p.samples or p.value}
    assume(kept)
    with tempfile.TemporaryDirectory() as folder:
        files, left_out = pyperf_export.write([series], Path(folder))
        assert (len(files), left_out) == (len(kept), 0)
        again = [one for file in formats.find(Path(folder)) for one in file.read()]
    assert {one.points[0].commit: one.points[0].samples for one in again} == kept
    assert {(one.benchmark, one.machine, one.unit) for one in again} == {
        (series.name, series.machine, "seconds")
    }


def test_pyperf_is_given_no_rates_and_no_zeros(tmp_path: Path) -> None:
    point = (Point(commit="c", value=2e6),)
    nothing = [Point(commit="c", value=0.0), Point(commit="d", value=None)]
    series = [
        Series(benchmark="time", points=point, unit="ns"),
        Series(benchmark="rate", points=point, unit="1/s", better=Better.MORE),
        Series(benchmark="share", points=point, unit="ratio"),
        Series(benchmark="zero", points=tuple(nothing), unit="ns"),
    ]
    (file,), left_out = pyperf_export.write(series, tmp_path)
    assert left_out == 2
    (again,) = formats.find(file)[0].read()
    assert (again.benchmark, again.points[0].value, again.unit) == ("time", 0.002, "seconds")
    with pytest.raises(StoreError, match="nothing that pyperf could hold: 1 series"):
        pyperf_export.write(series[1:2], tmp_path)


def test_runs_at_one_commit_are_runs_of_one_benchmark(tmp_path: Path) -> None:
    twice = (Point(commit="c", value=1.0), Point(commit="c", value=3.0, date_ms=5))
    (file,), _ = pyperf_export.write([Series(benchmark="b", points=twice, unit="s")], tmp_path)
    assert [
        len(run["values"]) for run in json.loads(file.read_text())["benchmarks"][0]["runs"]
    ] == [
        1,
        1,
    ]


def test_environments_of_one_commit_are_files_of_their_own(tmp_path: Path) -> None:
    point = (Point(commit="c", value=1.0),)
    both = [
        Series(benchmark="b", points=point, unit="s", environment={"server": version})
        for version in ("1.2.0", "1.3.0")
    ]
    files, _ = pyperf_export.write(both, tmp_path)
    assert len(set(files)) == 2


def test_pyperf_itself_compares_two_commits(tmp_path: Path) -> None:
    first = Point(commit="a" * 40, value=1.0, samples=(1.0, 1.01, 0.99))
    second = Point(commit="b" * 40, value=2.0, samples=(2.0, 2.01, 1.99))
    series = Series(benchmark="encode", points=(first, second), unit="seconds")
    files, _ = pyperf_export.write([series], tmp_path)
    command = [sys.executable, "-m", "pyperf", "compare_to", *map(str, files)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "1.00 sec" in said
    assert "2.00x slower" in said
    stats = [sys.executable, "-m", "pyperf", "stats", str(files[0])]
    assert (
        "Total number of values: 3"
        in subprocess.run(stats, capture_output=True, text=True, check=True).stdout
    )


# --- asv ------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(histories(FINITE, WORD, environment=st.just({"name": "env", "python": "3.11"})))
def test_asv_keeps_numbers_samples_and_intervals(series: Series) -> None:
    # Files are named by eight characters of the commit, as asv does.
    assume(len({point.commit[:8] for point in series.points}) == len(series.points))
    with tempfile.TemporaryDirectory() as folder:
        asv_export.write([series], Path(folder))
        (again,) = asv.read(Path(folder), samples=True)
    assert (again.name, again.unit) == (series.name, series.unit)
    assert again.environment["python"] == "3.11"
    wanted = {point.commit: point for point in series.points}
    assert {point.commit: point for point in again.points} == wanted


def test_series_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    point = (Point(commit="c" * 40, value=1.0),)
    other = (Point(commit="c" * 40, value=2.0),)
    series = [
        Series(benchmark="b", points=point, unit="ns", parameters={"statistic": "p50"}),
        Series(benchmark="b", points=other, unit="ns", parameters={"statistic": "p99"}),
        Series(benchmark="b", points=point, unit="1/s", parameters={"statistic": "rate"}),
        Series(benchmark="b", points=other, unit="1/s"),
        Series(benchmark="b", points=other, unit="ns", environment={"python": "3.12"}),
    ]
    asv_export.write(series, tmp_path)
    found = {
        (one.name, one.environment.get("python") or "", one.points[0].value)
        for one in asv.read(tmp_path)
        if one.points[0].value is not None
    }
    assert found == {
        ("b [ns] by statistic(statistic=p50)", "", 1.0),
        ("b [ns] by statistic(statistic=p99)", "", 2.0),
        ("b [1/s] by statistic(statistic=rate)", "", 1.0),
        ("b [1/s]", "", 2.0),
        ("b [ns]", "3.12", 2.0),
    }


def test_commits_and_environments_of_one_name_do_not_either(tmp_path: Path) -> None:
    series = [
        Series(
            benchmark="b",
            points=tuple(Point(commit="c" * 8 + end * 32, value=float(end)) for end in "12"),
            environment={"name": "env", "server": server},
        )
        for server in ("1", "2")
    ]
    files, left_out = asv_export.write(series, tmp_path)
    assert (files, left_out) == (4, 0)
    assert sum(len(one.points) for one in asv.read(tmp_path)) == 4


def test_runs_at_one_commit_become_the_samples_of_one_result(tmp_path: Path) -> None:
    points_ = [Point(commit="c" * 40, value=value) for value in (1.0, 5.0, 2.0)]
    asv_export.write([Series(benchmark="b", points=tuple(points_))], tmp_path)
    (again,) = asv.read(tmp_path, samples=True)
    assert [(point.value, point.samples) for point in again.points] == [(2.0, (1.0, 5.0, 2.0))]


def test_asv_keeps_nothing_without_a_commit(tmp_path: Path) -> None:
    nowhere = Series(benchmark="b", points=(Point(commit="", value=1.0),))
    somewhere = Series(benchmark="d", points=(Point(commit="c" * 40, value=1.0),))
    assert asv_export.write([nowhere, somewhere], tmp_path / "a") == (1, 1)
    with pytest.raises(StoreError, match="no result names its commit"):
        asv_export.write([nowhere], tmp_path / "b")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "thesis.tex").touch()
    with pytest.raises(StoreError, match="has other files in it"):
        asv_export.write([somewhere], tmp_path / "c")


def test_asv_itself_shows_and_publishes_it(tmp_path: Path) -> None:
    pytest.importorskip("asv", reason="needs asv, the extra `asv`")
    repository = tmp_path / "repository"
    commits = scratch(repository, 3)
    series = [
        Series(
            benchmark="tables.Insert.track_time",
            points=tuple(
                Point(commit=commit, value=100.0 + at, date_ms=at * 86_400_000, samples=(1.0, 2.0))
                for at, commit in enumerate(commits)
            ),
            parameters={"rows": rows},
            unit="ns",
            machine="a CPU x2",
            environment={"python": "3.11"},
        )
        for rows in ("1", "1000")
    ]
    asv_export.write(series, repository / "results")
    (repository / "asv.conf.json").write_text(
        json.dumps(
            {
                "version": 1, "project": "p", "repo": ".", "branches": ["main"],
                "results_dir": "results", "html_dir": "html", "environment_type": "virtualenv",
            }
        )
    )  # fmt: skip
    shown = run_asv(repository, "show", commits[2])
    assert "tables.Insert.track_time" in shown
    assert "102" in shown
    run_asv(repository, "publish", "--no-pull")
    index = json.loads((repository / "html" / "index.json").read_text())
    assert len(index["revision_to_hash"]) == 3
    assert list(index["benchmarks"]) == ["tables.Insert.track_time"]
    graphs = list((repository / "html" / "graphs").rglob("tables.Insert.track_time.json"))
    assert [[at for at, _ in json.loads(graph.read_text())] for graph in graphs if
            "summary" not in graph.parts] == [[0, 1, 2]]  # fmt: skip


def scratch(folder: Path, count: int) -> list[str]:
    """A repository with so many commits; their hashes, the oldest first."""
    folder.mkdir()
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    for at in range(count):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", f"Step {at}"], check=True)
    listed = [*git, "rev-list", "--reverse", "HEAD"]
    return subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()


def run_asv(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "asv", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# --- names ----------------------------------------------------------------------------------------


@given(st.lists(TEXT, min_size=1, max_size=3), st.lists(TEXT, min_size=1, max_size=3))
def test_file_names_are_safe_and_stay_apart(one: list[str], other: list[str]) -> None:
    name = file_name(*one)
    assert set(name) <= set(string.ascii_letters + string.digits + "._-")
    assert len(name) < 140
    assert not name.startswith((".", "-"))
    if one != other and (name == file_name(*other)):
        # Only where nothing was changed may joining hide where one part ends.
        assert "-".join(filter(None, one)) == "-".join(filter(None, other))
