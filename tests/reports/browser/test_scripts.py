"""The scripts' own sums against Python: numbers as text, verdicts, ticks, decimated lines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reports
from harness import units
from harness.stats.adjusting import adjusted
from tests.reports.browser import chromium
from tests.reports.browser.chromium import Opened

STATIC = Path(reports.__file__).parent / "static"


@pytest.fixture(scope="module")
def page() -> Iterator[Opened]:
    """An empty page with the scripts that need no document."""
    with chromium.launched() as browser, browser.open(STATIC) as opened:
        opened.page.goto("about:blank")
        texts = [
            (STATIC / f"{name}.js")
            .read_text()
            .replace('"use strict";', "")
            .replace("const site =", "site =")
            for name in ("core", "dom", "format", "axes", "verdicts")
        ]
        opened.run("texts => { for (const text of texts) (0, eval)(text); }", texts)
        yield opened


VALUES = [0, 1, 9.994, 9.996, 12.3, 99.95, 999.4, 999.6, 1000, 1234.5678, 48458, 1e6, 1.5e9, 3.3e12,
          0.5, 0.05123, 0.000123456, -12.3, -1e6]  # fmt: skip


@pytest.mark.parametrize("unit", ["ns", "bytes", "1/s", "ratio", "widgets"])
def test_values_are_written_as_python_writes_them(page: Opened, unit: str) -> None:
    shown = page.run(
        "([values, unit]) => values.map(v => site.format.show(v, unit))", [VALUES, unit]
    )
    assert shown == [units.show(value, unit) for value in VALUES]


@pytest.mark.parametrize("count", [0, 7, 1234567])
def test_counts_are_whole(page: Opened, count: int) -> None:
    assert page.run("n => site.format.show(n, 'count')", count) == units.show(count, "count")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "null", "undefined"])
def test_what_is_no_number_is_a_dash(page: Opened, value: str) -> None:
    assert page.run(f"site.format.show({value}, 'ns')") == "—"


def test_a_day_is_the_day_in_universal_time(page: Opened) -> None:
    # The browser of the tests stands in New York, where this is still the day before.
    assert page.run("site.format.moment(Date.UTC(2026, 10, 27, 0, 30))") == "2026-11-27 00:30"
    assert page.run("site.format.day(NaN)") == "—"


@pytest.mark.parametrize("z", [0.0, 0.3, 1.0, 1.96, 2.8, 2.83, 3.5, 6.0, 12.0, 30.0, 60.0])
def test_the_tail_of_the_normal_distribution(page: Opened, z: float) -> None:
    assert page.run("z => site.verdicts.beyond(z)", z) == pytest.approx(
        math.erfc(z / math.sqrt(2)), rel=1e-9, abs=1e-300
    )


@given(ps=st.lists(st.floats(0, 1), max_size=40))
def test_q_values_are_those_of_python(page: Opened, ps: list[float]) -> None:
    assert page.run("ps => site.verdicts.adjusted(ps)", ps) == pytest.approx(
        list(adjusted(ps, dependent=False)), rel=1e-12, abs=1e-15
    )


ROW = {"a": 100.0, "b": 100.0, "noiseA": 0.001, "noiseB": 0.001, "better": "less"}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "same"),
        ({"b": 101.0}, "same"),  # certain, and does not matter
        ({"b": 110.0}, "slower"),
        ({"b": 90.0}, "faster"),
        ({"b": 110.0, "better": "more"}, "faster"),
        ({"b": 90.0, "better": "more"}, "slower"),
        ({"noiseA": 0.05}, "unsure"),  # could be more than the margin
        ({"b": 110.0, "noiseB": 0.2}, "unsure"),
        ({"b": 200.0, "noiseA": None}, "unsure"),
        ({"noiseA": 0.0, "noiseB": 0.0}, "same"),
        ({"b": 103.0, "noiseA": 0.0, "noiseB": 0.0}, "slower"),  # counted instructions
    ],
)
def test_words(page: Opened, changes: dict[str, object], word: str) -> None:
    (judged,) = page.run("rows => site.verdicts.judge(rows, 0.02)", [ROW | changes])
    assert judged["word"] == word
    assert judged["why"]


def test_noise_alone_is_hardly_ever_called_slower(page: Opened) -> None:
    """200 reports of 100 rows of noise: at most 5 % have any false verdict, but for luck."""
    draw = np.random.default_rng(1)
    values = 100 * np.exp(draw.normal(0, 0.02, (200, 100, 2)))
    false = page.run(
        "reports => reports.map(r => site.verdicts.judge(r.map(([a, b]) =>"
        " ({a, b, noiseA: 0.02, noiseB: 0.02, better: 'less'})), 0.02)"
        ".some(({word}) => word === 'slower' || word === 'faster')).filter(Boolean).length",
        values.tolist(),
    )
    assert false <= 18  # 10 expected; 18 is the 99th percentile


# --- axes ----------------------------------------------------------------------------------------

finite = st.floats(-1e12, 1e12).filter(lambda x: abs(x) > 1e-9 or x == 0)


@given(ends=st.tuples(finite, finite).filter(lambda e: abs(e[0] - e[1]) > 1e-6 * max(map(abs, e))))
def test_linear_marks_are_inside_even_and_few(page: Opened, ends: tuple[float, float]) -> None:
    low, high = sorted(ends)
    marks = page.run("([l, h]) => site.axes.linearTicks(l, h, 6)", [low, high])
    span = high - low
    assert 1 <= len(marks) <= 14
    assert all(low - 1e-6 * span <= mark <= high + 1e-6 * span for mark in marks)
    gaps = np.diff(marks)
    assert np.allclose(gaps, gaps[:1], rtol=1e-3)


@given(low=st.floats(1e-9, 1e9), times=st.floats(1.001, 1e12))
def test_logarithmic_marks_are_inside_and_few(page: Opened, low: float, times: float) -> None:
    marks = page.run("([l, h]) => site.axes.logTicks(l, h, 6)", [low, low * times])
    assert len(marks) <= 24
    assert marks == sorted(marks)
    assert all(low * 0.99 <= mark <= low * times * 1.01 for mark in marks)


@pytest.mark.parametrize("days", [0.2, 1, 3, 10, 40, 200, 800, 4000, 20000])
def test_marks_of_dates(page: Opened, days: float) -> None:
    low, high = 1.7e12, 1.7e12 + days * 86_400_000
    marks = page.run("([l, h]) => site.axes.dateTicks(l, h, 8)", [low, high])
    assert 1 <= len(marks) <= 17
    assert all(low <= mark["value"] <= high for mark in marks)
    texts = [mark["text"] for mark in marks]
    assert len(set(texts)) == len(texts)


@given(
    ys=st.lists(st.one_of(st.floats(0, 1000), st.just(math.nan)), min_size=1, max_size=300),
    width=st.integers(1, 40),
)
def test_a_line_by_columns_keeps_every_extreme(page: Opened, ys: list[float], width: int) -> None:
    """Slow twin: in each column of the picture the line reaches what the points in it reach."""
    path = page.run(
        """([ys, width]) => {
          const values = Float64Array.from(ys, (y) => y ?? NaN);
          const xs = Uint32Array.from(ys, (_, at) => at);
          const x = site.axes.linear(0, Math.max(1, ys.length - 1), 0, width);
          const y = site.axes.linear(0, 1000, 0, 1000);
          return site.axes.path(xs, values, 0, ys.length, x, y);
        }""",
        [[None if math.isnan(y) else y for y in ys], width],
    )
    drawn: dict[float, list[float]] = {}
    for point in path.replace("M", " ").replace("L", " ").split(" ")[1:] and _points(path):
        drawn.setdefault(point[0], []).append(point[1])
    wanted: dict[float, list[float]] = {}
    pieces: dict[float, int] = {}
    for at, y in enumerate(ys):
        if not math.isnan(y):
            # JavaScript rounds halves up.
            column = math.floor(at / max(1, len(ys) - 1) * width * 2 + 0.5) / 2
            if column not in wanted or math.isnan(ys[at - 1]):
                pieces[column] = pieces.get(column, 0) + 1
            wanted.setdefault(column, []).append(y)
    assert {column: (min(v), max(v)) for column, v in drawn.items()} == {
        column: (pytest.approx(min(v), abs=0.051), pytest.approx(max(v), abs=0.051))
        for column, v in wanted.items()
    }
    # First, least, greatest and last of each piece; a point without a value begins a new one.
    for column, points in drawn.items():
        assert len(points) <= 4 * pieces[column]


def _points(path: str) -> list[tuple[float, float]]:
    parts = path.replace("L", "M").split("M")[1:]
    return [(float(x), float(y)) for x, y in (part.split(" ") for part in parts)]


# --- texts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("plain", "plain"), ('say "so"', '"say ""so"""'), ("a,b", '"a,b"'),
        ("two\nlines", '"two\nlines"'), ("=1+1", "'=1+1"), ("@x", "'@x"), ("-x", "'-x"),
        (-1.5, "-1.5"), (None, ""),
    ],
)  # fmt: skip
def test_cells_of_csv(page: Opened, cell: object, written: str) -> None:
    assert page.run("cell => site.dom.csv([[cell]])", cell) == f"{written}\r\n"


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        ("https://example.org/x", True), ("b/x.html#event-1", True), ("../r/x.html", True),
        ("javascript:alert(1)", False), ("JavaScript:alert(1)", False), ("data:text/html,x", False),
        ("\tjavascript:alert(1)", False), ("", False), (None, False), ("file:///etc/passwd", False),
    ],
)  # fmt: skip
def test_only_pages_and_files_are_linked(page: Opened, address: str | None, linked: bool) -> None:
    assert page.run("a => site.dom.link(a, 'x').tagName", address) == ("A" if linked else "BDI")


@given(values=st.lists(st.floats(width=32, allow_nan=False), max_size=50))
def test_packed_numbers_come_back(page: Opened, values: list[float]) -> None:
    from reports import arrays

    packed = arrays.floats(np.array(values))
    found = page.run("p => [...site.numbers(p)].map(String)", packed)
    assert [float(text.replace("Infinity", "inf")) for text in found] == values
