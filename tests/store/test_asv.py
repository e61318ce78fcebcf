"""Results of asv are read in both forms, however much of them failed, was skipped or lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.series import Better, Series
from harness.store import asv

COLUMNS = ["result", "params", "version", "started_at", "duration", "stats_ci_99_a"]
MACHINE = {"arch": "x86_64", "cpu": "a CPU", "machine": "box", "version": 1}


class Results:
    """Writes a folder as asv does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("box/machine.json", MACHINE)

    def write(self, name: str, content: Any) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def benchmarks(self, **benchmarks: Any) -> None:
        self.write("benchmarks.json", {**benchmarks, "version": 2})

    def commit(self, commit: str, date: int, results: Any, **more: Any) -> None:
        file = {
            "commit_hash": commit,
            "date": date,
            "env_name": "virtualenv-py3.11",
            "params": {"cpu": "a CPU", "machine": "box", "python": "3.11"},
            "python": "3.11",
            "requirements": {"numpy": ""},
            "env_vars": {},
            "result_columns": COLUMNS,
            "results": results,
            "durations": {},
            "version": 2,
        }
        self.write(f"box/{commit[:8]}-virtualenv-py3.11.json", {**file, **more})

    def read(self, **options: Any) -> list[Series]:
        return list(asv.read(self.folder, **options))


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path)


def values(series: Series) -> list[float | None]:
    return [point.value for point in series.points]


def test_one_series_for_each_combination_of_parameters(results: Results) -> None:
    results.benchmarks(**{"b.time": {"param_names": ["n", "how"], "unit": "seconds"}})
    params = [["1", "10"], ["'a'", "'b'"]]
    results.commit("a" * 40, 1000, {"b.time": [[1.0, 2.0, 3.0, 4.0], params, "v1"]})
    results.commit("b" * 40, 2000, {"b.time": [[1.5, None, float("nan"), 4.5], params, "v1"]})
    found = results.read()
    assert [(series.name, values(series)) for series in found] == [
        ("b.time(n=1, how='a')", [1.0, 1.5]),
        ("b.time(n=1, how='b')", [2.0, None]),  # failed
        ("b.time(n=10, how='a')", [3.0, None]),  # skipped
        ("b.time(n=10, how='b')", [4.0, 4.5]),
    ]
    first = found[0]
    assert (first.unit, first.better, first.machine) == ("seconds", Better.LESS, "box")
    assert first.environment == {
        "name": "virtualenv-py3.11", "numpy": "", "cpu": "a CPU", "python": "3.11",
    }  # fmt: skip
    assert [(point.commit[0], point.date_ms) for point in first.points] == [
        ("a", 1000),
        ("b", 2000),
    ]


def test_commits_stand_by_their_dates_and_may_be_missing(results: Results) -> None:
    results.commit("c" * 40, 3000, {"b": [[3.0]]})
    results.commit("a" * 40, 1000, {"b": [[1.0]], "other": [[9.0]]})
    results.commit("b" * 40, 2000, {})
    found = {series.name: values(series) for series in results.read()}
    assert found == {"b": [1.0, 3.0], "other": [9.0]}


def test_a_benchmark_of_another_version_is_another_series(results: Results) -> None:
    results.commit("a" * 40, 1000, {"b": [[1.0], [], "v1"]})
    results.commit("b" * 40, 2000, {"b": [[5.0], [], "v2"]})
    assert [(series.version, values(series)) for series in results.read()] == [
        ("v1", [1.0]),
        ("v2", [5.0]),
    ]


def test_a_benchmark_that_failed_as_a_whole_failed_for_each_combination(results: Results) -> None:
    results.commit("a" * 40, 1000, {"b": [None, [["1", "2"]], "v"], "c": [None]})
    assert [(series.name, values(series)) for series in results.read()] == [
        ("b(parameter 1=1)", [None]),
        ("b(parameter 1=2)", [None]),
        ("c", [None]),
    ]


def test_the_older_form(results: Results) -> None:
    old: dict[str, Any] = {
        "plain": 0.5,
        "failed": None,
        "with": {"params": [["1", "2"]], "result": [1.0, 2.0]},
    }
    results.commit("a" * 40, 1000, old, version=1, result_columns=None, env_name=None)
    found = results.read()
    assert {series.name: values(series) for series in found} == {
        "plain": [0.5],
        "failed": [None],
        "with(parameter 1=1)": [1.0],
        "with(parameter 1=2)": [2.0],
    }
    assert found[0].environment["name"] == "virtualenv-py3.11"  # from the file's name


def test_parameters_whose_names_have_changed_since(results: Results) -> None:
    results.benchmarks(b={"param_names": ["n", "how"]})
    results.commit("a" * 40, 1000, {"b": [[1.0], [["7"]], ""]})
    assert [series.name for series in results.read()] == ["b(parameter 1=7)"]


@pytest.mark.parametrize("value", ["text", {"a": 1}, [1], True, 10**400])
def test_what_is_no_number_has_no_value(results: Results, value: Any) -> None:
    results.commit("a" * 40, 1000, {"b": [[value]]})
    assert [values(series) for series in results.read()] == [[None]]


@pytest.mark.parametrize(
    ("unit", "better"),
    [
        ("seconds", Better.LESS),
        ("bytes", Better.LESS),
        ("1/s", Better.MORE),
        ("Mops/sec", Better.MORE),
        ("kHz", Better.MORE),
        ("", Better.LESS),
    ],
)
def test_rates_are_better_when_they_rise(unit: str, better: Better) -> None:
    assert asv.better(unit) is better


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "it is no JSON"),
        ("[1, 2]", "it holds no object"),
        ("[" * 100_000, "it is no JSON"),
        ('{"results": {}}', "it names no commit"),
        ('{"commit_hash": "a", "results": 5}', "has no results"),
        ("\x00\xff", "it is no JSON"),
    ],
)
def test_a_damaged_file_is_left_out_with_a_warning(
    results: Results, content: str, said: str
) -> None:
    results.commit("a" * 40, 1000, {"b": [[1.0]]})
    results.write("box/damaged.json", content)
    warnings: list[str] = []
    assert [values(series) for series in results.read(warn=warnings.append)] == [[1.0]]
    (warning,) = warnings
    assert "damaged.json" in warning
    assert said in warning


def test_bounds(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    many = [[str(n) for n in range(300)]] * 2
    results.commit("a" * 40, 1000, {"b": [[], many, ""], "c": [[1.0]]})
    assert [series.name for series in results.read(warn=warnings.append)] == ["c"]
    assert "b has more than 65,536 combinations" in warnings[0]
    monkeypatch.setattr(asv, "MOST_BYTES", 10)
    assert results.read(warn=warnings.append) == []
    assert "more than 10 bytes" in warnings[1]


def test_only_what_is_wanted_and_progress(results: Results) -> None:
    results.commit("a" * 40, 1000, {"b.x": [[1.0]], "c.y": [[2.0]]})
    seen: list[tuple[int, int]] = []
    found = results.read(
        wanted=lambda name: name.startswith("c"), progress=lambda *done: seen.append(done)
    )
    assert [series.name for series in found] == ["c.y"]
    assert seen == [(1, 1)]


def test_a_folder_without_results(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"has no results of asv: no benchmarks\.json"):
        asv.read(tmp_path / "nowhere")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(
    file=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("date", "env_name", "params", "requirements", "result_columns", "python"), json_values
        ),
    ),
    stored=json_values,
    about=json_values,
)
def test_any_json_is_read_or_left_out(
    tmp_path_factory: pytest.TempPathFactory, file: dict[str, Any], stored: Any, about: Any
) -> None:
    results = Results(tmp_path_factory.mktemp("asv"))
    results.benchmarks(b=about)
    results.commit("a" * 40, **{"date": 1000, "results": {"b": stored}, **file})
    results.read()


def test_samples_and_intervals_are_read_if_asked_for(results: Results) -> None:
    columns = ["result", "params", "version", "stats_ci_99_a", "stats_ci_99_b", "samples"]
    row = [[1.0, 2.0], [["1", "2"]], "v", [0.9, None], [1.1, None], [[1.0, 1.0, 1.2], None]]
    results.commit("a" * 40, 1000, {"b": row, "c": [[3.0]]}, result_columns=columns)
    results.commit("b" * 40, 2000, {"b": [[4.0, 5.0], [["1", "2"]], "v"]}, result_columns=columns)
    first, second, third = results.read(samples=True)
    assert [(point.samples, point.low, point.high) for point in first.points] == [
        ((1.0, 1.0, 1.2), 0.9, 1.1),
        ((), None, None),
    ]
    assert [point.samples for point in (*second.points, *third.points)] == [(), (), ()]
    assert all(not point.samples for one in results.read() for point in one.points)


def test_a_repository_orders_its_commits_and_others_follow_by_date(results: Results) -> None:
    for commit, date in (("a", 4000), ("b", 3000), ("x", 1000), ("y", 500)):
        results.commit(commit * 40, date, {"b": [[1.0]]})
    order = {"a" * 40: 0, "b" * 40: 1, "never measured": 2}
    (found,) = results.read(order=order)
    assert [point.commit[0] for point in found.points] == ["a", "b", "y", "x"]
