"""Columns that grow hold what the slow reader gives, whatever files came and in what order."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.store import asv
from harness.store.asv_columns import Columns
from tests.store.test_asv import Results

Points = list[tuple[str, int, float | None, float | None, float | None]]
COLUMNS = ["result", "params", "version", "started_at", "stats_ci_99_a", "stats_ci_99_b"]


def slow(folder: Path) -> dict[Any, Points]:
    """By the reader of whole histories."""
    made = {}
    for series in asv.read(folder, samples=True):
        key = (series.machine, series.environment["name"], series.benchmark,
               tuple(series.parameters.values()), series.version)  # fmt: skip
        made[key] = sorted(
            (p.commit, p.date_ms, p.value, _single(p.low), _single(p.high)) for p in series.points
        )
    return made


def quick(columns: Columns) -> dict[Any, Points]:
    made = {}
    for key, column in columns.columns.items():
        machine, environment, name, parameters, version = key
        if not column.values:
            continue  # named with parameters, and without a single result
        files = [columns.files[at] for at in column.files]
        made[machine, environment, name, parameters, version] = sorted(
            (file.commit, file.date_ms, _none(value), _single(_none(low)), _single(_none(high)))
            for file, value, low, high in zip(
                files, column.values, column.lows, column.highs, strict=True
            )
        )
    return made


def _none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _single(value: float | None) -> float | None:
    """Intervals are kept with seven digits."""
    return None if value is None else float(f"{value:.5g}")


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "results")


def stored(*values: float | None, low: Any = None, high: Any = None, version: str = "v") -> Any:
    return [list(values), [], version, 1, low, high]


VALUES = st.none() | st.floats(1e-9, 1e9) | st.just(math.nan) | st.integers(0, 10**400)
RESULTS = st.one_of(
    st.tuples(st.lists(VALUES, max_size=3), st.just([["1", "2"]]), st.sampled_from("vw")).map(list),
    st.tuples(st.lists(VALUES, max_size=1), st.just([]), st.just("v"), st.just(1),
              st.lists(st.floats(1e-3, 1e3), max_size=1), st.lists(VALUES, max_size=1)).map(list),
    VALUES,
    st.fixed_dictionaries({"result": st.lists(VALUES, max_size=2), "params": st.just([["a"]])}),
    st.none(),
)  # fmt: skip
HISTORIES = st.lists(
    st.dictionaries(st.sampled_from(["a.time", "b.track"]), RESULTS, max_size=2), max_size=6
)


@settings(max_examples=60, deadline=None)
@given(HISTORIES, st.integers(0, 6))
def test_any_history_is_read_as_by_the_slow_reader(history: list[Any], first: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        made = Results(Path(folder))
        columns = Columns()
        for at, results in enumerate(history):
            made.commit(f"{at:x}" * 40, at, results, result_columns=COLUMNS)
            if at == first:
                columns.update(made.folder)
                columns = Columns.restored(columns.kept())
        columns.update(made.folder)
        assert quick(columns) == slow(made.folder)


def test_a_new_file_is_read_and_no_other(results: Results) -> None:
    results.commit("a" * 40, 1, {"b": stored(1.0)}, result_columns=COLUMNS)
    columns = Columns()
    told: list[tuple[int, int]] = []
    assert columns.update(results.folder, progress=lambda done, all: told.append((done, all)))
    assert not columns.update(results.folder, progress=lambda done, all: told.append((done, all)))
    results.commit("b" * 40, 2, {"b": stored(2.0)}, result_columns=COLUMNS)
    assert columns.update(results.folder, progress=lambda done, all: told.append((done, all)))
    assert told == [(1, 1), (1, 1)]
    assert quick(columns) == slow(results.folder)


@pytest.mark.parametrize("how", ["changed", "removed"])
def test_what_was_read_and_is_otherwise_now_is_read_again(results: Results, how: str) -> None:
    for at, letter in enumerate("abc"):
        results.commit(letter * 40, at, {"b": stored(float(at))}, result_columns=COLUMNS)
    columns = Columns()
    columns.update(results.folder)
    path = next(results.folder.glob("box/bbbb*.json"))
    if how == "removed":
        path.unlink()
    else:
        path.write_text(path.read_text().replace("1.0", "7.0"))
        os.utime(path, ns=(1, 1))
    assert columns.update(results.folder)
    assert quick(columns) == slow(results.folder)
    assert len(columns.files) == (2 if how == "removed" else 3)


def test_what_is_damaged_is_told_once_and_left_out(results: Results) -> None:
    results.commit("a" * 40, 1, {"b": stored(1.0)})
    results.write("box/bad-env.json", "{")
    results.write("box/list-env.json", "[1]")
    results.write("box/none-env.json", '{"results": 3}')
    told: list[str] = []
    columns = Columns()
    columns.update(results.folder, told.append)
    assert sorted(one.partition(" is ")[2][:12] for one in told) == [
        "left out: it", "left out: it", "no result of",
    ]  # fmt: skip
    columns.update(results.folder, told.append)
    assert len(told) == 3
    assert len(columns.columns) == 1


def test_a_folder_of_something_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no results of asv"):
        Columns().update(tmp_path)


@given(st.binary(max_size=200))
def test_any_bytes_are_restored_as_nothing(data: bytes) -> None:
    assert Columns.restored(data).columns == {}


def test_kept_arrays_that_name_files_which_there_are_not_are_nothing(results: Results) -> None:
    results.commit("a" * 40, 1, {"b": stored(1.0)})
    columns = Columns()
    columns.update(results.folder)
    columns.files.clear()
    assert Columns.restored(columns.kept()).columns == {}
