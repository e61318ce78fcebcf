"""The page for comparing: two commits, machines and targets, judged as the sums in Python judge."""

from __future__ import annotations

import csv
import io
import math
import re

import numpy as np
import pytest

from harness.stats.adjusting import adjusted
from reports.comparing import MARGIN
from tests.reports.browser.chromium import Opened
from tests.reports.browser.sites import COMMITS, PLANTED, Site

ROWS = "#compare tbody tr"
WORDS = ("slower", "faster", "unsure", "same")


@pytest.fixture
def compare(opened: Opened) -> Opened:
    return opened.go("compare.html")


def sides(opened: Opened, site: Site, a: int, b: int, more: str = "") -> Opened:
    """Open the comparison of two commits by their numbers."""
    return opened.go(f"compare.html#a={site.commits[a][:12]}&b={site.commits[b][:12]}{more}")


def rows(opened: Opened) -> list[dict[str, str]]:
    """All rows, as the page hands them over."""
    return list(csv.DictReader(io.StringIO(opened.download("button:text('Download CSV')"))))


def commit(opened: Opened, side: str) -> str:
    return str(opened.page.get_by_label(f"{side}: commit", exact=True).input_value())


def test_without_a_choice_the_newest_two_that_can_be_compared(
    compare: Opened, ordinary: Site
) -> None:
    # The very newest commits have runs of ours, each of a scenario of its own.
    assert f"Make part {COMMITS - 1} " in commit(compare, "B")
    assert f"Make part {COMMITS - 2} " in commit(compare, "A")
    assert compare.count(ROWS) > 10
    assert "#" in compare.address() or compare.count(ROWS)


def test_a_planted_change_is_named_and_sorted_first(opened: Opened, ordinary: Site) -> None:
    sides(opened, ordinary, PLANTED - 5, PLANTED + 5)
    found = rows(opened)
    planted = [row for row in found if row["benchmark"].startswith("codec.Rows")]
    assert len(planted) == 12  # six combinations on two machines
    assert {row["verdict"] for row in planted} == {"slower"}
    assert found[:12] == planted
    sizes = [abs(math.log(float(row["ratio"]))) for row in planted]
    assert sizes == sorted(sizes, reverse=True)
    # Of what is named a part may be false, as the page says.
    named = sum(row["verdict"] == "slower" for row in found)
    assert named <= 14
    assert opened.count("#compare svg path.whisker.slower") == 2 * named  # a mark and an interval
    assert f"▲ {named} slower" in opened.text("#compare p[role=status]")


def test_the_verdicts_are_those_of_the_sums_in_python(opened: Opened, ordinary: Site) -> None:
    sides(opened, ordinary, PLANTED - 5, PLANTED + 5)
    found = rows(opened)
    noises = opened.run(
        "() => Object.fromEntries(JSON.parse(document.getElementById('page-data').textContent)"
        ".series.map(s => [s.n + s.m, s.sd]))"
    )
    machines = opened.run("JSON.parse(document.getElementById('page-data').textContent).machines")
    shown = opened.run(
        f"[...document.querySelectorAll('{ROWS} th')].map(cell =>"
        " [cell.querySelector('a').textContent, cell.querySelector('.quiet').textContent])"
    )
    logs = np.array([math.log(float(row["B " + ordinary.commits[PLANTED + 5][:12]])
                              / float(row["A " + ordinary.commits[PLANTED - 5][:12]]))
                     for row in found])  # fmt: skip
    sd = np.array([noises[f"{name}{machines.index(machine)}"] for name, machine in shown])
    spread = math.sqrt(2) * sd
    p = np.array(
        [math.erfc(abs(log) / s / math.sqrt(2)) for log, s in zip(logs, spread, strict=True)]
    )
    q = np.array(adjusted(p.tolist(), dependent=False))
    for at, row in enumerate(found):
        assert float(row["ratio"]) == pytest.approx(math.exp(logs[at]), rel=1e-6)
        assert float(row["low"]) == pytest.approx(math.exp(logs[at] - 1.96 * spread[at]), rel=1e-6)
        assert float(row["high"]) == pytest.approx(math.exp(logs[at] + 1.96 * spread[at]), rel=1e-6)
        assert float(row["q"]) == pytest.approx(q[at], rel=1e-6, abs=1e-300)
        low, high = logs[at] - 1.96 * spread[at], logs[at] + 1.96 * spread[at]
        margin = math.log1p(MARGIN)
        if -margin < low and high < margin:
            word = "same"
        elif q[at] <= 0.05 and (low > 0 or high < 0):
            worse = (logs[at] > 0) != (row["unit"] == "1/s")
            word = "slower" if worse else "faster"
        else:
            word = "unsure"
        assert row["verdict"] == word, row
    assert {row["verdict"] for row in found} >= {"slower", "unsure"}


def test_a_commit_against_itself_is_never_slower(opened: Opened, ordinary: Site) -> None:
    sides(opened, ordinary, 50, 50)
    assert {row["verdict"] for row in rows(opened)} <= {"same", "unsure"}
    assert all(float(row["ratio"]) == 1 for row in rows(opened))


def test_a_commit_is_chosen_by_words_with_the_keyboard(compare: Opened, ordinary: Site) -> None:
    field = compare.page.get_by_label("A: commit", exact=True)
    field.focus()
    compare.page.keyboard.type("quicker 17")
    compare.frame()
    options = compare.texts("[role=option]")
    assert 0 < len(options) < 50  # those with 17 in the hash, the date or the message
    assert field.get_attribute("aria-expanded") == "true"
    for _ in options:
        if "Make part 17 " in compare.text(f"#{field.get_attribute('aria-activedescendant')}"):
            break
        compare.press("ArrowDown")
    compare.press("Enter")
    compare.settle()
    assert "Make part 17 " in commit(compare, "A")
    assert field.get_attribute("aria-expanded") == "false"
    assert f"a={ordinary.commits[17][:12]}" in compare.address()


def test_a_commit_is_chosen_by_hash_and_by_date(compare: Opened, ordinary: Site) -> None:
    field = compare.page.get_by_label("B: commit", exact=True)
    field.fill(ordinary.commits[33][:9])
    assert len(compare.texts("[role=option]")) == 1
    field.fill("2025-10-12")
    days = compare.texts("[role=option] span:nth-child(2)")
    assert days
    assert set(days) == {"2025-10-12"}
    compare.page.locator("[role=option]").first.click()
    compare.settle()
    assert "2025-10-12" in commit(compare, "B")


def test_escape_and_leaving_keep_the_choice(compare: Opened) -> None:
    before = commit(compare, "A")
    field = compare.page.get_by_label("A: commit", exact=True)
    field.fill("no such commit at all")
    assert compare.count("[role=option]") == 0
    compare.press("Tab")
    assert commit(compare, "A") == before
    field.click()
    compare.press("ArrowDown", "ArrowDown", "Escape")
    assert commit(compare, "A") == before


def test_two_machines_are_compared_with_a_warning(opened: Opened, ordinary: Site) -> None:
    sides(opened, ordinary, 60, 60)
    assert opened.page.locator("#compare .warn").is_hidden()
    for side, machine in (("A", "bench-1"), ("B", "bench-2")):
        opened.page.get_by_label(f"{side}: machine", exact=True).select_option(label=machine)
        opened.settle()
    assert "not comparable unless you ask" in opened.text("#compare .warn")
    assert opened.count(ROWS) > 10
    shown = opened.text(f"{ROWS} th .quiet")
    assert re.search(r"bench-\d → bench-\d", shown)
    # The address has the machines by name.
    assert "amachine=bench-1" in opened.address()
    assert "bmachine=bench-2" in opened.address()


def test_swapping_turns_every_ratio_round(opened: Opened, ordinary: Site) -> None:
    sides(opened, ordinary, PLANTED - 5, PLANTED + 5)
    before = {(row["benchmark"], row["ratio"]) for row in rows(opened)}
    opened.page.get_by_role("button", name="Swap A and B").click()
    opened.settle()
    after = rows(opened)
    found = [row["verdict"] for row in after if row["benchmark"].startswith("codec.Rows")]
    assert found == ["faster"] * 12
    turned = sorted(1 / float(row["ratio"]) for row in after)
    assert turned == pytest.approx(sorted(float(ratio) for _, ratio in before), rel=1e-9)


def test_a_commit_without_values_offers_its_neighbours(opened: Opened, ordinary: Site) -> None:
    sides(opened, ordinary, 33, 34, "&amachine=bench-2&bmachine=bench-2")
    assert "No series has a value on both sides" in opened.text("#compare .warn")
    sides(opened, ordinary, 32, 34, "&amachine=bench-2&bmachine=bench-2")
    assert opened.count(ROWS) > 5


def test_search_and_words_narrow_the_rows_and_not_the_counts(
    opened: Opened, ordinary: Site
) -> None:
    sides(opened, ordinary, PLANTED - 5, PLANTED + 5)
    counts = opened.text("#compare p[role=status]")
    opened.choose("Show", "slower")
    assert set(opened.texts(f"{ROWS} td:nth-child(6)")) == {"▲ slower"}
    opened.page.locator("#compare-search").fill("rows=1000")
    opened.frame()
    assert opened.count(ROWS) == 4
    assert opened.text("#compare p[role=status]") == counts
    opened.choose("Show", "")
    opened.choose("Order", "name")
    opened.page.locator("#compare-search").fill("")
    opened.frame()
    names = opened.texts(f"{ROWS} th a")
    assert names == sorted(names, key=str.lower)


@pytest.mark.parametrize("address", ["a=nothing&b=nothing", "a=n99999", "amachine=no&btarget=no"])
def test_an_address_of_nonsense_falls_back(opened: Opened, address: str) -> None:
    opened.go(f"compare.html#{address}")
    assert opened.count(ROWS) > 5
