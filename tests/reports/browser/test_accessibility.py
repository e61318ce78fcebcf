"""axe-core in every kind of page, light and dark; and what it cannot see: keys, focus, words."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from harness.errors import TargetError
from tests.e2e import npm
from tests.reports.browser.chromium import Chromium, Opened, missing
from tests.reports.browser.sites import Site
from tests.reports.browser.test_pages import KINDS


@functools.cache
def installed() -> Path | TargetError:
    try:
        return npm.axe()
    except TargetError as error:
        return error


def violations(page: Opened) -> list[str]:
    """What axe calls serious or critical, with the elements."""
    script = installed()
    if isinstance(script, TargetError):
        missing(str(script))
    # The page's own policy forbids scripts from elsewhere, so it is evaluated and not linked.
    page.run(script.read_text())
    found: dict[str, Any] = page.run(
        "axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a',"
        " 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    return [
        f"{one['id']} ({one['impact']}): {[node['html'][:200] for node in one['nodes'][:3]]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def everything_open(page: Opened, kind: str) -> None:
    """Put as much on the page as there can be: tables unfolded, points picked, a list open."""
    page.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    if kind.startswith("b/"):
        page.page.locator("#history .chart").focus()
        page.press("e", "Enter", "Home", "Enter")
        page.page.locator("#series input[type=checkbox]").nth(1).check()
        page.settle()
    if kind == "compare":
        page.page.locator("[role=combobox]").first.click()
    page.frame()


@pytest.mark.npm
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing_serious(
    browser: Chromium, ordinary: Site, kind: str, scheme: str
) -> None:
    with browser.open(ordinary.folder, scheme=scheme) as page:
        page.go(ordinary.page(kind))
        everything_open(page, kind)
        page.well()  # before axe, which asks for what the page's policy forbids
        assert violations(page) == []


@pytest.mark.npm
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing_serious_on_a_phone(browser: Chromium, hostile: Site, kind: str) -> None:
    with browser.open(hostile.folder, width=320) as page:
        page.go(hostile.page(kind))
        everything_open(page, kind)
        assert violations(page) == []


@pytest.mark.npm
def test_axe_would_find_something(browser: Chromium, ordinary: Site) -> None:
    """The control: a picture without a text and a pale word are seen."""
    with browser.open(ordinary.folder) as page:
        page.go("index.html")
        page.run(
            "() => { const p = document.createElement('p'); p.textContent = 'pale';"
            " p.style.color = '#ddd'; document.querySelector('main').append(p, new Image()); }"
        )
        found = " ".join(violations(page))
        assert "color-contrast" in found
        assert "image-alt" in found


def reached(page: Opened, most: int = 400) -> list[str]:
    """Everything that the Tab key stops at, in order, until it comes round."""
    page.run("document.activeElement.blur(); window.stops = new Set()")
    stops = []
    for _ in range(most):
        page.page.keyboard.press("Tab")
        # Each stop must be seen: an outline, or a field's own frame.
        stop = page.run(
            "() => { const e = document.activeElement; if (e === document.body) return null;"
            " if (window.stops.has(e)) return null; window.stops.add(e);"
            " const s = getComputedStyle(e); return [e.tagName.toLowerCase(),"
            " s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2]; }"
        )
        if stop is None:
            break
        assert stop[1], f"the focus cannot be seen on stop {len(stops)}: {page.focused()}"
        stops.append(stop[0])
    return stops


@pytest.mark.parametrize("kind", KINDS)
def test_the_keyboard_reaches_everything(browser: Chromium, ordinary: Site, kind: str) -> None:
    with browser.open(ordinary.folder) as page:
        page.go(ordinary.page(kind))
        stops = reached(page)
        able = page.run(
            "[...document.querySelectorAll('a[href], button, input, select, summary,"
            " [role=application]')].filter(e => !e.disabled && e.checkVisibility()).length"
        )
        scrolling = page.count("[role=region][tabindex]")
        assert len(stops) == able + scrolling
        # Whatever takes a click of the mouse is one of these.
        assert page.run(
            "[...document.querySelectorAll('[onclick]')].every(e => e.matches('a, button, input'))"
        )


def test_the_skip_link_leads_past_the_navigation(opened: Opened) -> None:
    opened.go("index.html#q=codec")
    opened.press("Tab")
    assert "Skip to the content" in opened.focused()
    opened.press("Enter")
    assert opened.focused().startswith("main#main")
    # It does not cost the state that the address holds.
    assert opened.address().endswith("#q=codec")


def test_what_scrolls_is_a_stop_only_while_it_scrolls(browser: Chromium, ordinary: Site) -> None:
    with browser.open(ordinary.folder, width=1280) as page:
        page.go("index.html")
        assert page.count(".table[tabindex]") == 0
        page.page.set_viewport_size({"width": 320, "height": 800})
        page.page.wait_for_function("() => document.querySelector('.table[tabindex]')")
        region = page.page.locator(".table[tabindex]").first
        assert region.get_attribute("role") == "region"
        assert region.get_attribute("aria-label")


def test_no_meaning_by_colour_alone(opened: Opened, ordinary: Site) -> None:
    """Whatever is coloured by direction or verdict says so in a word or mark of its own."""
    said = {"worse": "▲", "better": "▼", "slower": "▲", "faster": "▼"}
    for kind in ("index", "b/codec.rows", "compare", "peers"):
        opened.go(ordinary.page(kind))
        for name, mark in said.items():
            for text in opened.run(
                f"[...document.querySelectorAll('main :not(svg *).{name}')].map(e => e.textContent)"
            ):
                assert mark in text


@pytest.mark.parametrize(("still", "behaviour"), [(False, "smooth"), (True, "auto")])
def test_motion_is_for_those_who_want_it(
    browser: Chromium, ordinary: Site, still: bool, behaviour: str
) -> None:
    with browser.open(ordinary.folder, still=still) as page:
        page.go("index.html")
        assert page.run("getComputedStyle(document.documentElement).scrollBehavior") == behaviour


# --- themes --------------------------------------------------------------------------------------


def paper(page: Opened) -> str:
    return str(page.run("getComputedStyle(document.body).backgroundColor"))


def test_the_theme_follows_the_system_until_it_is_chosen(browser: Chromium, ordinary: Site) -> None:
    with browser.open(ordinary.folder, scheme="dark") as page:
        page.go("index.html")
        dark = paper(page)
        page.page.emulate_media(color_scheme="light")
        # The browser is told, and paints when it comes to it.
        page.page.wait_for_function(
            "dark => getComputedStyle(document.body).backgroundColor !== dark", arg=dark
        )
        light = paper(page)
        page.page.locator("#theme").click()
        assert paper(page) == dark
        page.go("method.html")  # another page remembers
        assert paper(page) == dark
        assert page.text("#theme") == "Light theme"
        page.page.locator("#theme").click()
        assert paper(page) == light
        page.well()


def test_a_browser_that_keeps_nothing_still_has_themes(browser: Chromium, ordinary: Site) -> None:
    with browser.open(ordinary.folder) as page:
        page.page.add_init_script(
            "Object.defineProperty(window, 'localStorage',"
            " { get() { throw new DOMException('refused', 'SecurityError'); } })"
        )
        page.go("index.html")
        before = paper(page)
        page.page.locator("#theme").click()
        assert paper(page) != before
        page.well()
