"""Stored runs as series: what a run kept of single measurements comes along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from harness.cli import main
from harness.records import Metric, Run
from harness.store import history, runs
from tests.run.test_compare_stored import side


def a_run(metrics: list[Metric], **notes: Any) -> Run:
    return structs.replace(side(100.0)[0], metrics=metrics, notes=notes)


RATE = Metric(name="rate", value=20.0, unit="1/s")
ENCODE = Metric(name="encode_rate", value=50.0, unit="1/s")


@pytest.mark.parametrize(
    ("metric", "notes", "wanted"),
    [
        (RATE, {"batch_rates_per_s": [19.0, 21.0]}, (19.0, 21.0)),
        (ENCODE, {"batch_rates_per_s": [19.0, 21.0]}, ()),
        (ENCODE, {"per_round": {"encode_rate": [49, 51.5]}}, (49.0, 51.5)),
        (ENCODE, {"per_round": {"decode_rate": [49.0]}}, ()),
        (ENCODE, {}, ()),
        (RATE, {"batch_rates_per_s": "many"}, ()),
        (RATE, {"per_round": ["many"], "batch_rates_per_s": [1.0, None, True, "x"]}, (1.0,)),
    ],
)
def test_samples_are_those_that_the_run_kept(
    metric: Metric, notes: dict[str, Any], wanted: tuple[float, ...]
) -> None:
    run = a_run([metric], **notes)
    (series,) = history.of_run(run)
    assert series.points[0].samples == wanted
    assert series.points[0].value == metric.value


def test_samples_reach_asv(tmp_path: Path) -> None:
    run = a_run([RATE], batch_rates_per_s=[19.0, 21.0])
    about = structs.replace(run.environment, git_commit="a" * 40)
    runs.save(structs.replace(run, environment=about), tmp_path / "results")
    given = ["--format", "asv", "-o", str(tmp_path / "asv"), "--out", str(tmp_path / "results")]
    assert main(["export", *given]) == 0
    (path,) = [x for x in (tmp_path / "asv").glob("*/*.json") if x.name != "machine.json"]
    found = json.loads(path.read_text())
    columns = found["result_columns"]
    (stored,) = found["results"].values()
    assert stored[columns.index("samples")] == [[19.0, 21.0]]
