"""Pictures: equal data give equal bytes, and every text in them is a text."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cli import main
from harness.errors import StoreError
from harness.series import Series
from harness.stats.histogram import Histogram
from harness.stats.memory import Memory
from reports import pictures
from reports.gathering import Commit, Gathered, Line
from reports.judged import judge
from tests.reports.test_printed import row

HOSTILE = "<script>$x$ & \u202e\U0001f525" + "long " * 3000


def gathered(name: str = "tables.Insert.time") -> Gathered:
    rng = np.random.default_rng(1)
    values = 1e6 * (1 + 0.02 * rng.standard_normal(60))
    values[40:] *= 1.3
    line = Line(Series(benchmark=name, points=(), unit="ns"), np.arange(60), values,
                values * 0.98, values * 1.02)  # fmt: skip
    commits = [Commit(f"{at:040x}", at * 86_400_000, f"Change {at}") for at in range(60)]
    return Gathered(lines=[line], commits=commits)


def drawn(what: str, form: str) -> bytes:
    if what == "history":
        found = gathered()
        return pictures.history(found.lines[0], found, judge(found, Memory()).events, form)
    if what == "claims":
        return pictures.claims([row("insert", 10.0, claim=1000.0), row("size", 3.0, 1.0)], form)
    if what == "ratios":
        one = {"name": "noop", "value": 0.4, "lo": 0.3, "hi": 0.5, "run": "r", "better": "lower"}
        other = one | {"name": "rate", "value": 0.9, "lo": None, "hi": None, "better": "higher"}
        return pictures.ratios([one, other], "peers", form)
    if what == "percentiles":
        histogram = Histogram.of(np.arange(1, 10_000) * 1000)
        return pictures.percentiles([("latency", histogram), ("service", histogram)], "a run", form)
    points = [{"x": x, "y": 3.0 * x} for x in (1, 10, 100)]
    chart = {"title": "CPU, by rows", "x": "rows", "unit": "ns",
             "lines": [{"label": "embedded", "points": points}]}  # fmt: skip
    return pictures.growth(chart, form)


KINDS = ("history", "claims", "ratios", "percentiles", "growth")


@pytest.mark.parametrize("what", KINDS)
def test_equal_data_give_equal_bytes(what: str) -> None:
    for form in pictures.FORMATS:
        assert drawn(what, form) == drawn(what, form)


@pytest.mark.parametrize("what", KINDS)
def test_an_svg_asks_for_nothing_and_says_no_date(what: str) -> None:
    text = drawn(what, "svg").decode()
    root = ElementTree.fromstring(text)
    links = [
        value
        for element in root.iter()
        for name, value in element.attrib.items()
        if name.endswith("href") and not value.startswith("#")
    ]
    assert links == []
    assert "dc:date" not in text
    assert "/home/" not in text


def test_the_shift_is_named_with_its_commit() -> None:
    text = drawn("history", "svg").decode()
    assert "▲" in text
    assert f"{40:040x}"[:8] in text


def test_a_hostile_name_is_a_text() -> None:
    found = gathered(HOSTILE)
    made = pictures.history(found.lines[0], found, [], "svg").decode()
    ElementTree.fromstring(made)
    assert "<script" not in made
    assert len(made) < 100_000


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: pictures.claims([]), "no row of this session answers a claim"),
        (lambda: pictures.ratios([]), "no comparison with another client"),
        (lambda: pictures.percentiles([], ""), "no histogram"),
        (lambda: pictures.form_of("a.gif"), "a picture is a .svg or a .png file, not 'a.gif'"),
    ],
)
def test_nothing_to_draw_is_told(draw: Any, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence):
        draw()


@pytest.mark.parametrize(
    ("open_worse", "events", "message"),
    [(0, 0, "steady"), (0, 4, "no open regression"), (1, 4, "1 open regression"),
     (2, 4, "2 open regressions")],
)  # fmt: skip
def test_badges(open_worse: int, events: int, message: str) -> None:
    about = pictures.badge_of(open_worse, events)
    assert about.message == message
    root = ElementTree.fromstring(pictures.badge(about))
    assert root.attrib["aria-label"] == f"performance: {message}"


def test_a_name_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.reports.test_gathering import stored

    stored(tmp_path, 1, 100.0)
    picture = tmp_path / "a.svg"
    assert main(["report", "plot", "history", "xyz", "--from", str(tmp_path), "-o", str(picture)])
    assert capsys.readouterr().err == (
        "harness: no 'xyz' among 1 series; there are: throughput-noop-v3.rate(target=embedded)\n"
    )
    assert not picture.exists()
