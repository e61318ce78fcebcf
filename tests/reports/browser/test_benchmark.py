"""The page of a benchmark: history, zoom, two picked points, parameters, points, distribution."""

from __future__ import annotations

import csv
import io
import re

import pytest

from tests.reports.browser.chromium import Chromium, Opened
from tests.reports.browser.sites import COMMIT_URL, COMMITS, PLANTED, Site

CHART = "#history .chart"
READOUT = "#history .readout"
POINTS = "#points tbody tr"


@pytest.fixture
def bench(opened: Opened, ordinary: Site) -> Opened:
    return opened.go(ordinary.page("b/codec.rows"))


def visible(page: Opened) -> int:
    """How many points the chart shows, as the table beneath counts them."""
    found = re.search(r"of ([\d,]+) visible", page.text("#points [role=status]"))
    return int(found[1].replace(",", "")) if found else 0


def drag(page: Opened, begin: float, end: float) -> None:
    """Drag across the chart, from one part of its width to another."""
    chart = page.page.locator(f"{CHART} svg")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    mouse, y = page.page.mouse, box["y"] + box["height"] / 2
    mouse.move(box["x"] + box["width"] * begin, y)
    mouse.down()
    mouse.move(box["x"] + box["width"] * (begin + end) / 2, y, steps=3)
    mouse.move(box["x"] + box["width"] * end, y, steps=3)
    assert page.count(f"{CHART} .selection") == 1
    mouse.up()
    page.frame()


def click(page: Opened, place: float) -> None:
    chart = page.page.locator(f"{CHART} svg")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.page.mouse.click(box["x"] + box["width"] * place, box["y"] + box["height"] / 2)
    page.frame()


def test_the_chart_says_what_it_shows(bench: Opened) -> None:
    label = bench.page.locator(CHART).get_attribute("aria-label")
    assert f"{COMMITS} points from 2025-10-09 to " in label
    assert label.endswith("1 event.")
    assert bench.count(f"{CHART} .band") == 1
    assert bench.count(f"{CHART} .level") == 1
    assert bench.count(f"{CHART} .place") == 1
    assert bench.count(f"{CHART} .spike") == 1
    assert re.search(r"▲ \+1[12]\.\d %", bench.text(f"{CHART} .mark"))


def test_where_a_change_began_stands_where_it_began(bench: Opened, ordinary: Site) -> None:
    bench.page.locator(CHART).focus()
    bench.press("e")
    said = bench.text(READOUT)
    assert ordinary.commits[PLANTED][:12] in said
    assert "▲ worse" in said
    assert f"Make part {PLANTED} a little quicker" in said


def test_dragging_zooms_and_escape_shows_all(bench: Opened) -> None:
    assert visible(bench) == COMMITS
    drag(bench, 0.5, 0.75)
    assert 20 < visible(bench) < 40
    drag(bench, 0.4, 0.6)
    assert visible(bench) < 12
    bench.page.locator(CHART).focus()
    bench.press("Escape")
    assert visible(bench) == COMMITS


def test_a_stretch_without_points_is_not_zoomed_into(bench: Opened) -> None:
    for _ in range(12):
        bench.page.locator("#history").get_by_label("zoom in").click()
    bench.frame()
    assert visible(bench) >= 2


def test_keys_do_what_the_mouse_does(bench: Opened) -> None:
    bench.page.locator(CHART).focus()
    bench.press("End")
    newest = bench.text(READOUT)
    assert f"Make part {COMMITS - 1} " in newest
    bench.press("ArrowLeft")
    assert f"Make part {COMMITS - 2} " in bench.text(READOUT)
    bench.press("Shift+ArrowLeft")
    assert f"Make part {COMMITS - 12} " in bench.text(READOUT)
    bench.press("Home")
    assert "Make part 0 " in bench.text(READOUT)
    bench.press("ArrowLeft")
    assert "Make part 0 " in bench.text(READOUT)
    bench.press("+", "+")
    zoomed = visible(bench)
    assert zoomed < COMMITS / 3
    # The cursor takes the view along.
    for _ in range(5):
        bench.press("Shift+ArrowRight")
    assert "Make part 50 " in bench.text(READOUT)
    assert visible(bench) <= zoomed + 1
    bench.press("-", "-", "-")
    assert visible(bench) == COMMITS


def test_what_the_keys_choose_is_said_and_what_the_pointer_passes_is_not(bench: Opened) -> None:
    live = "#history p[role=status]"
    click(bench, 0.3)
    said = bench.run(f"document.querySelector('{live}').textContent")
    assert "Make part" in said
    box = bench.page.locator(f"{CHART} svg").bounding_box()
    bench.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 100)
    bench.frame()
    assert bench.run(f"document.querySelector('{live}').textContent") == said


def test_the_pointer_shows_commit_message_date_value_and_interval(bench: Opened) -> None:
    box = bench.page.locator(f"{CHART} svg").bounding_box()
    bench.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 100)
    bench.frame()
    said = bench.text(READOUT)
    assert re.search(r"1\.\d\d ms \(1\.\d\d ms … 1\.\d\d ms\)", said)
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d [0-9a-f]{12} Make part \d+ a little quicker", said)
    link = bench.page.locator(f"{READOUT} a").first.get_attribute("href")
    assert link.startswith(COMMIT_URL)
    assert bench.page.locator(READOUT).get_by_text("raw file").count() == 1


def test_two_points_are_compared(bench: Opened) -> None:
    click(bench, 0.2)
    assert "pick B to compare" in bench.text(READOUT)
    click(bench, 0.9)
    said = bench.text(READOUT)
    found = re.search(r"B against A: \+(\d+\.\d) % \(95 %: \+(\d+\.\d) % to \+(\d+\.\d) %", said)
    assert found, said
    ratio, low, high = map(float, found.groups())
    assert low < ratio < high
    assert 5 < ratio < 20  # 12 % were planted; noise of 1 % on either side
    assert "▲ worse" in said
    assert bench.count(f"{CHART} .pick") == 2


def test_two_points_within_the_noise_are_not_told_apart(bench: Opened) -> None:
    bench.page.locator(CHART).focus()
    bench.press("End", "Enter", "ArrowLeft", "Enter")
    assert "not to be told from noise" in bench.text(READOUT)
    bench.press("Enter")  # picked once more, it is let go
    assert "pick B" in bench.text(READOUT)


def test_dates_instead_of_commits(bench: Opened) -> None:
    before = bench.texts(f"{CHART} svg text")
    bench.choose("x axis", "date")
    bench.frame()
    assert any(
        re.fullmatch(r"\d{4}-\d\d(-\d\d)?", text) for text in bench.texts(f"{CHART} svg text")
    )
    assert bench.texts(f"{CHART} svg text") != before
    assert visible(bench) == COMMITS


def ticks(page: Opened) -> list[float]:
    found = page.texts(f"{CHART} svg text[text-anchor=end]")
    return [float(text.replace(",", "")) for text in found if re.fullmatch(r"[\d.,]+", text)]


def test_the_value_axis_begins_where_it_is_told(bench: Opened) -> None:
    assert min(ticks(bench)) > 0.9
    assert max(ticks(bench)) < 1.5  # the spike of three times stands at the edge
    bench.choose("y axis", "all")
    bench.frame()
    assert max(ticks(bench)) >= 2.5
    bench.choose("y axis", "zero")
    bench.frame()
    assert min(ticks(bench)) == 0
    bench.page.get_by_label("logarithmic").check()
    bench.frame()
    assert min(ticks(bench) or [1]) > 0


def test_parameters_choose_a_series(bench: Opened) -> None:
    assert bench.count("#series li") == 12
    bench.choose("rows", "100")
    bench.choose("machine", "bench-2")
    assert bench.count("#series li") == 2
    bench.page.locator("#series li button").first.click()
    bench.settle()
    label = bench.page.locator(CHART).get_attribute("aria-label")
    assert "rows=100" in label
    assert "bench-2" in label
    assert visible(bench) == COMMITS - COMMITS // 10
    # And the way back: the address holds it.
    bench.go(bench.address().rpartition("html/")[2])
    assert bench.page.locator(CHART).get_attribute("aria-label") == label


def test_several_series_over_each_other(bench: Opened) -> None:
    bench.page.locator("#series li").nth(1).get_by_text("lay over").click()
    bench.settle()
    assert bench.count(f"{CHART} .line") == 2
    assert bench.count("#history .legend svg") == 2
    # They differ in more than colour.
    dashes = bench.run(
        f"[...document.querySelectorAll('{CHART} .line')]"
        ".map(e => getComputedStyle(e).strokeDasharray)"
    )
    assert len(set(dashes)) == 2
    bench.page.locator(CHART).focus()
    bench.press("End")
    first = bench.text(READOUT)
    bench.press("ArrowDown")
    assert bench.text(READOUT) != first
    assert bench.run("document.querySelector('#series li.chosen input:disabled')") is None


def test_at_most_six_lines(bench: Opened) -> None:
    for number in range(1, 6):
        bench.page.locator("#series input[type=checkbox]").nth(number).check()
        bench.settle()
    assert bench.count(f"{CHART} .line") == 6
    assert bench.page.locator("#series input[type=checkbox]").nth(7).is_disabled()


def test_the_table_has_the_visible_points(bench: Opened) -> None:
    assert bench.count(POINTS) == 20
    assert f"Make part {COMMITS - 1} " in bench.text(POINTS)
    for _ in range(COMMITS // 20 - 1):
        bench.page.get_by_role("button", name="Older").click()
    assert "Make part 0 " in bench.texts(POINTS)[-1]
    assert bench.page.get_by_role("button", name="Older").is_disabled()
    drag(bench, 0.5, 0.6)
    assert bench.count(POINTS) == visible(bench)
    bench.page.locator(f"{POINTS} button").first.click()
    bench.frame()
    assert bench.count(f"{CHART} .ring") == 1


def test_csv_of_the_visible_points(bench: Opened, ordinary: Site) -> None:
    drag(bench, 0.5, 0.75)
    rows = list(csv.DictReader(io.StringIO(bench.download("#points button:text('Download')"))))
    assert len(rows) == visible(bench)
    assert rows[0]["benchmark"] == "codec.Rows.time_decode"
    assert {row["commit"] for row in rows} <= {commit[:12] for commit in ordinary.commits}
    marked = [row for row in rows if row["mark"]]
    assert [row["commit"] for row in marked] == [ordinary.commits[PLANTED][:12]]
    assert all(1e5 < float(row["value (ns)"]) < 1e7 for row in rows)


def test_csv_holds_no_formula(browser: Chromium, hostile: Site) -> None:
    with browser.open(hostile.folder) as page:
        page.go(hostile.page("b/codec.rows"))
        text = page.download("#points button:text('Download')")
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) == COMMITS + 1
        assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)


def test_a_point_of_a_run_has_its_distribution(opened: Opened, ordinary: Site) -> None:
    (page,) = (
        path for path in ordinary.folder.glob("b/calls-with-1.latency-p50*.html")
    )  # fmt: skip
    opened.go(page.relative_to(ordinary.folder).as_posix())
    opened.page.locator(CHART).focus()
    opened.press("End")
    opened.page.get_by_role("button", name="Percentiles of this run").click()
    opened.settle()
    assert opened.count("#distribution .chart .line") == 2  # latency and service time
    assert "p99" in opened.text("#distribution table")
    run = opened.page.locator(f"{READOUT} a", has_text="run").first.get_attribute("href")
    assert (ordinary.folder / "b" / run).resolve().exists()


def test_a_history_of_10000_points_is_drawn_by_columns(browser: Chromium, ordinary: Site) -> None:
    """The path has as many points as the picture has columns, however long the history is."""
    with browser.open(ordinary.folder) as page:
        page.go("b/" + ordinary.page("b/codec.rows").removeprefix("b/"))
        drawn = page.run(
            """() => {
              const ys = Float32Array.from({length: 10000}, (_, at) => Math.sin(at) * 100);
              ys[5000] = 900;
              const xs = Uint32Array.from(ys, (_, at) => at);
              const x = site.axes.linear(0, 9999, 0, 1000);
              const y = site.axes.linear(-1000, 1000, 400, 0);
              const path = site.axes.path(xs, ys, 0, 10000, x, y);
              return [path.split(/[ML]/).length, path.includes(y.at(900).toFixed(1))];
            }"""
        )
        assert drawn[0] <= 4 * 2001 + 1
        assert drawn[1]  # the one point that stands out is there
