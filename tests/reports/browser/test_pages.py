"""Every kind of page, of an ordinary and of a hostile project: it opens from disk and holds."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from reports import site as site_builder
from tests.reports.browser.chromium import Chromium
from tests.reports.browser.sites import HOSTILE, Site

#: Each kind of page by the begin of its path.
KINDS = ("index", "compare", "runs", "scale", "peers", "method", "b/codec.rows", "r/20261101",
         "r/20261107")  # fmt: skip


@pytest.fixture(params=["ordinary", "hostile"])
def site(request: pytest.FixtureRequest) -> Site:
    made: Site = request.getfixturevalue(request.param)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_it_opens_from_disk_and_fits(browser: Chromium, site: Site, kind: str) -> None:
    with browser.open(site.folder) as page:
        page.go(site.page(kind))
        for width in (320, 768, 1280, 2560):
            page.page.set_viewport_size({"width": width, "height": 900})
            page.frame()
            # Nothing sticks out sideways: what is wide scrolls within itself.
            assert page.run("document.documentElement.scrollWidth") <= width
        page.well()


@pytest.mark.parametrize("kind", KINDS)
def test_landmarks_and_headings(browser: Chromium, site: Site, kind: str) -> None:
    with browser.open(site.folder) as page:
        page.go(site.page(kind))
        assert [page.count(tag) for tag in ("main", "header", "footer", "h1")] == [1, 1, 1, 1]
        assert page.run("document.documentElement.lang") == "en"
        assert page.run("document.title").strip()
        levels = page.run("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        ids = page.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        # Each chart says what it shows; each field has a label.
        for label in page.run(
            "[...document.querySelectorAll('.chart')].map(e => e.getAttribute('aria-label') ?? '')"
        ):
            assert len(label) > 20
        page.well()


@pytest.mark.parametrize("kind", KINDS)
def test_links_of_a_page_lead_somewhere(browser: Chromium, ordinary: Site, kind: str) -> None:
    with browser.open(ordinary.folder) as page:
        page.go(ordinary.page(kind))
        links = page.run(
            "[...document.querySelectorAll('a[href]')].map(a => [a.protocol, a.href.split('#')[0]])"
        )
        assert {protocol for protocol, _ in links} <= {"file:", "https:"}
        for address in {href for protocol, href in links if protocol == "file:"}:
            assert Path(unquote(urlsplit(address).path)).exists(), address


@pytest.mark.parametrize("kind", KINDS)
def test_without_scripts_the_figures_are_there(ordinary: Site, kind: str) -> None:
    html = (ordinary.folder / ordinary.page(kind)).read_text()
    expected = {
        "index": "+12.", "compare": "Comparing needs JavaScript", "runs": "NOISY",
        "scale": "19.0 µs to 21.0 µs", "peers": "191,984/s", "method": "VALID",
        "b/codec.rows": "+12.", "r/20261101": "50,000/s", "r/20261107": "VOID",
    }  # fmt: skip
    assert expected[kind] in html


def test_hostile_texts_show_as_they_are(browser: Chromium, hostile: Site) -> None:
    with browser.open(hostile.folder) as page:
        page.go("index.html")
        named = page.run("[...document.querySelectorAll('#overview th a')].map(a => a.textContent)")
        for text in HOSTILE:
            assert text in named
        page.go(hostile.page("r/20261101"))
        shown = page.run("document.querySelector('main').textContent")
        assert HOSTILE[0] in shown
        page.go(hostile.page("b/codec.rows"))
        page.page.locator("#points button:text-is('Older')").click()
        shown = page.run("document.querySelector('#points').textContent")
        # Subjects are cut at 80 characters by the builder.
        assert all(text[:80] in shown for text in (HOSTILE[0], HOSTILE[2], HOSTILE[3], HOSTILE[4]))
        page.well()


def test_a_hostile_text_cannot_reorder_its_neighbours(browser: Chromium, hostile: Site) -> None:
    with browser.open(hostile.folder) as page:
        page.go("index.html")
        isolated = page.run(
            "name => [...document.querySelectorAll('#overview th a')]"
            ".filter(a => a.textContent === name)"
            ".every(a => getComputedStyle(a.firstElementChild).unicodeBidi.includes('isolate'))",
            HOSTILE[3],
        )
        assert isolated


def test_the_policy_forbids_scripts_in_texts(browser: Chromium, ordinary: Site) -> None:
    """The control of the checks above: what would be an attack is refused and noticed."""
    with browser.open(ordinary.folder) as page:
        page.go("index.html")
        page.run(
            "() => { const s = document.createElement('script'); s.textContent = 'window.hacked=1';"
            " document.body.append(s); }"
        )
        assert page.run("window.hacked") is None
        assert any("Content Security Policy" in said for said in page.complaints)
        page.run("() => { new Image().src = 'http://127.0.0.1:9/x.png'; }")
        page.frame()
        assert any("127.0.0.1:9" in said for said in page.complaints)


@pytest.mark.parametrize("missing", ["data/commits.js", "b/*.0.js"])
def test_a_missing_file_is_said(browser: Chromium, ordinary: Site, missing: str) -> None:
    with browser.open(ordinary.folder) as page:
        blocked = re.compile(missing.replace(".", r"\.").replace("*", ".*") + "$")
        page.page.route(blocked, lambda route: route.abort())
        page.go(ordinary.page("b/codec.rows"))
        assert "cannot be drawn" in page.text("[role=alert]")
        assert ".js could not be read" in page.text("[role=alert]")


def test_a_site_without_anything_says_so(browser: Chromium, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    site_builder.build(tmp_path / "html", tmp_path / "results")
    said = {"index": "Nothing can be compared yet", "compare": "Nothing was measured yet",
            "runs": "No run is stored", "scale": "Nothing was measured at two sizes",
            "peers": "No run has measured this yet"}  # fmt: skip
    with browser.open(tmp_path / "html") as page:
        for kind, text in said.items():
            page.go(f"{kind}.html")
            assert text in page.text("main")
        page.well()
