"""The pages of runs, of growth and of peers."""

from __future__ import annotations

import json
import re

import pytest

from tests.reports.browser.chromium import Opened
from tests.reports.browser.sites import Site


@pytest.fixture
def run(opened: Opened, ordinary: Site) -> Opened:
    return opened.go(ordinary.page("r/20261101"))


def test_the_raw_file_of_a_run_is_there_as_it_was_stored(run: Opened, ordinary: Site) -> None:
    href = run.page.get_by_text("raw file", exact=True).get_attribute("href")
    raw = json.loads((ordinary.folder / "r" / href).read_bytes())
    assert raw["id"] in run.text("main")
    assert raw["scenario"]["name"] == run.text("h1")


def test_percentiles_of_latency_and_service_time(run: Opened) -> None:
    assert run.count("#distribution-part .chart .line") == 2
    heads = run.texts("#distribution-part table thead th")
    assert heads[:4] == ["percentile", "p50", "p75", "p90"]
    rows = {row[0]: row[1:] for row in run.run(
        "[...document.querySelectorAll('#distribution-part tbody tr')]"
        ".map(r => [...r.cells].map(c => c.textContent))")}  # fmt: skip
    assert set(rows) == {"latency", "service"}

    def ns(text: str) -> float:
        value, unit = text.split(" ")
        return float(value.replace(",", "")) * {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}[unit]

    for cells in rows.values():
        values = [ns(cell) for cell in cells if cell != "—"]
        assert values == sorted(values)
    assert ns(rows["service"][0]) < ns(rows["latency"][0])


def test_any_percentile_by_keyboard(run: Opened) -> None:
    run.page.locator("#distribution-part .chart[role=application]").first.focus()
    run.press("End")
    assert run.text("#distribution-part .readout").startswith("maximum: latency ")
    run.press("ArrowLeft", "ArrowLeft")
    assert re.search(
        r"9\d\.\d+ % of operations took at most", run.text("#distribution-part .readout")
    )
    run.press("Home")
    assert run.text("#distribution-part .readout").startswith("0 %")


def test_one_cursor_goes_through_the_whole_course(run: Opened) -> None:
    charts = run.page.locator("#timeline-part .chart")
    assert charts.count() == 6
    charts.nth(2).focus()
    run.press("End")
    said = run.text("#timeline-part .readout")
    for name in ("rate", "client CPU", "server CPU", "client memory", "server memory", "loop lag"):
        assert name in said
    assert said.startswith("at 2.95 s")
    assert run.count("#timeline-part .cursor") == 6
    places = set(run.run(
        "[...document.querySelectorAll('#timeline-part .cursor')].map(e => e.getAttribute('x1'))"
    ))  # fmt: skip
    assert len(places) == 1


def test_a_void_run_says_why(opened: Opened, ordinary: Site) -> None:
    opened.go(ordinary.page("r/20261107"))
    assert "VOID" in opened.text("main")
    assert "others used a core" in opened.text(".note.warn")
    assert "✗ failed" in opened.texts("td")


def test_runs_are_found_by_words(opened: Opened) -> None:
    opened.go("runs.html")
    assert opened.text("#runs-count") == "6 of 6 runs"
    opened.press("/")
    opened.page.keyboard.type("void 2026-11")
    opened.frame()
    assert opened.text("#runs-count") == "1 of 6 runs"
    (row,) = opened.texts("#runs tbody tr:not([hidden])")
    assert "queries" in row


def test_growth_is_drawn_over_the_sizes_that_were_measured(opened: Opened) -> None:
    opened.go("scale.html")
    first = opened.page.locator("main section").first
    assert "by connections" in first.locator("h2").inner_text()
    marks = opened.texts("#chart-0 svg text[text-anchor=middle]")
    assert marks == ["1", "10", "100", "1,000"]
    label = first.locator(".chart").get_attribute("aria-label")
    assert "at 1 connections" in label
    assert "at 1,000 connections" in label
    first.locator("summary").click()
    assert first.locator("tbody tr").count() == 4
    assert first.locator("tbody a").count() == 4


def test_peers_are_drawn_and_told(opened: Opened) -> None:
    opened.go("peers.html")
    assert opened.count("#ratios svg path.whisker.faster") == 2
    assert "▼ ours is better" in opened.text("#ratios tbody tr")
    assert "0.280× … 0.340×" in opened.text("#ratios tbody tr")
    assert "json.dumps" in opened.text(".note")  # how it was measured stands first
