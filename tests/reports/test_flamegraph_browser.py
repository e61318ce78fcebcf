"""The page in a real browser, from disk: no request, no error, search, zoom and keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.stacks import Frame, Stacks
from harness.stats.growth import grown
from reports import flamegraph
from tests.reports.test_flamegraph import HOSTILE, MAIN, MORE, ONE, difference, profile

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no browser: apt-get install --no-install-recommends chromium"
)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update",
         "--disable-sync"]  # fmt: skip


class Opened:
    """A page, and all that the browser said and asked for while it was open."""

    def __init__(self, page: Any, file: Path) -> None:
        self.page, self.complaints = page, list[str]()
        self.asked = list[str]()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        page.goto(file.as_uri())

    def boxes(self) -> list[str]:
        """What is written in the boxes, from the top."""
        return [x.text_content() for x in self.page.query_selector_all("[role=treeitem]")]

    def box(self, label: str) -> Any:
        return self.page.locator(f'[role=treeitem][aria-label^="{label}"]').first

    def found(self) -> str:
        text: str = self.page.inner_text("#found")
        return text

    def detail(self) -> str:
        text: str = self.page.inner_text("#detail")
        return text

    def focused(self) -> str:
        label: str = self.page.evaluate("document.activeElement.getAttribute('aria-label')")
        return label


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens a page's text; what is opened must in the end have asked and complained of nothing."""
    opened: list[Opened] = []
    contexts = []

    def open_(text: str, **context: Any) -> Opened:
        file = tmp_path / f"page-{len(opened)}.html"
        file.write_text(text)
        contexts.append(
            browser.new_context(**{"viewport": {"width": 1200, "height": 800}} | context)
        )
        opened.append(Opened(contexts[-1].new_page(), file))
        return opened[-1]

    yield open_
    for each in opened:
        assert each.complaints == []
        assert [url for url in each.asked if not url.startswith("file:")] == []
        assert len(each.asked) == 1
    for context in contexts:
        context.close()


def one(stacks: Stacks = ONE) -> str:
    return flamegraph.page(profile(), {"profile": stacks}, {})


def two() -> str:
    return flamegraph.page(
        difference(), {"base": ONE, "head": MORE}, {}, grown=grown([(ONE, MORE)] * 4)
    )


def test_it_opens_and_draws_each_box(show: Any) -> None:
    opened = show(one())
    assert opened.boxes() == ["all", "main", "Codec.encode", "send"]
    box = opened.box("Codec.encode")
    whole, part = (opened.box(x).bounding_box()["width"] for x in ("all", "Codec.encode"))
    assert part / whole == pytest.approx(1_900 / 2_000, rel=0.01)
    box.hover()
    assert opened.detail() == (
        "Codec.encode (harness/wire/codec.py): 1.90 µs an operation, 95.0 % of all; "
        "1.50 µs by itself"
    )


def test_search_marks_what_fits_and_says_how_much_that_is(show: Any) -> None:
    opened = show(one())
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("WIRE/")
    assert opened.found() == "1 box, 95.0 %"
    assert opened.page.locator(".match").count() == 1
    opened.page.keyboard.press("Enter")
    assert opened.focused().startswith("Codec.encode")
    opened.page.fill("#search", "nothing such")
    assert opened.found() == "no match"
    assert opened.page.locator(".match").count() == 0
    opened.page.fill("#search", "e")  # main is above the others, which count once
    assert opened.found() == "3 boxes, 100.0 %"


def test_a_link_may_name_what_to_look_for(show: Any) -> None:
    opened = show(one())
    opened.page.goto(opened.page.url + "#q=encode")
    opened.page.reload()
    opened.asked[:] = opened.asked[:1]
    assert opened.found() == "1 box, 95.0 %"


def test_zoom_by_click_and_back(show: Any) -> None:
    opened = show(one())
    opened.box("send").click()
    width = opened.box("send").bounding_box()["width"]
    assert width == pytest.approx(opened.box("all").bounding_box()["width"], rel=0.01)
    opened.page.click("#out")
    assert opened.box("send").bounding_box()["width"] < width / 4
    assert opened.page.is_disabled("#out")


def test_all_of_it_by_keyboard(show: Any) -> None:
    opened = show(one())
    press = opened.page.keyboard.press
    for _ in range(5):  # past search, switches and buttons to the graph
        press("Tab")
        if (opened.focused() or "").startswith("all"):
            break
    assert opened.focused().startswith("all")
    for key, label in (("ArrowDown", "main"), ("ArrowDown", "Codec.encode"), ("ArrowDown", "send"),
                       ("ArrowUp", "Codec.encode"), ("Home", "all")):  # fmt: skip
        press(key)
        assert opened.focused().startswith(label)
        assert opened.detail().startswith(label)
    press("ArrowDown")
    press("ArrowDown")
    press("Enter")
    assert opened.box("send").bounding_box()["width"] > 200
    assert opened.focused().startswith("Codec.encode")
    press("Escape")
    assert opened.page.is_disabled("#out")


def test_a_difference_has_three_views(show: Any) -> None:
    opened = show(two())
    width = {}
    for view in ("difference", "base", "head"):
        opened.page.check(f"input[value={view}]")
        whole = opened.box("all").bounding_box()["width"]
        width[view] = opened.box("Codec.encode").bounding_box()["width"] / whole
    assert width["base"] == pytest.approx(1_900 / 2_000, rel=0.01)
    assert width["head"] == pytest.approx(3_000 / 3_300, rel=0.01)
    opened.page.check("input[value=difference]")
    # Red has grown, blue has shrunk, and what only calls them is grey.
    for level, label, hue in ((3, "Codec", 2), (4, "send", 214), (2, "main", 240)):
        box = opened.page.locator(f'[aria-level="{level}"][aria-label^="{label}"]')
        assert box.locator("rect").get_attribute("fill").startswith(f"hsl({hue} ")
    opened.box("Codec.encode").hover()
    assert opened.detail() == (
        "Codec.encode (harness/wire/codec.py): by itself 1.50 µs before, 3.00 µs after "
        "(+1.50 µs); with what it calls 1.90 µs before, 3.00 µs after (+1.10 µs) an operation"
    )


def test_innermost_first_puts_a_function_together(show: Any) -> None:
    encode, send = Frame(name="encode"), Frame(name="send")
    opened = show(one({(MAIN, encode): 2.0, (MAIN, send, encode): 2.0, (MAIN, send): 1.0}))
    opened.page.check("#callers")
    assert opened.box("encode").get_attribute("aria-label").startswith("encode: 4.00 ns")
    opened.page.uncheck("#callers")
    assert opened.box("encode").get_attribute("aria-label").startswith("encode: 2.00 ns")


def test_hostile_names_are_text(show: Any) -> None:
    stacks: Stacks = {
        (MAIN, Frame(name=name, file=name)): 10.0 + at for at, name in enumerate(HOSTILE) if name
    }
    opened = show(flamegraph.page(profile(notes=HOSTILE), {"profile": stacks}, {}))
    assert opened.page.evaluate("document.querySelectorAll('script').length") == 2
    assert opened.page.evaluate("document.querySelectorAll('img, b').length") == 0
    labels = [x.get_attribute("aria-label")
              for x in opened.page.query_selector_all("[role=treeitem]")]  # fmt: skip
    assert any(label.startswith("</script><script>alert(1)</script> (") for label in labels)
    # None of them is drawn over its neighbours, nor wider than the page.
    assert opened.page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    opened.page.fill("#search", "🔥🔥")
    assert opened.found().startswith("1 box")


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const light = (colour) => {
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const part = (x) => (x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ratio = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [...document.querySelectorAll('#graph text')].map((text) => ratio(
    getComputedStyle(text).fill, getComputedStyle(text.parentNode.querySelector('rect')).fill));
  const ground = getComputedStyle(document.body).backgroundColor;
  for (const each of document.querySelectorAll('p, th, td, .find, .file, dt, label, #found, h1')) {
    found.push(ratio(getComputedStyle(each).color, ground));
  }
  return Math.min(...found);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("text", [one(), two()], ids=["one", "difference"])
def test_everything_can_be_read(scheme: str, text: str, show: Any) -> None:
    """WCAG 2 asks for 4.5 : 1. The button turns light into dark."""
    opened = show(text, color_scheme=scheme)
    assert opened.page.evaluate(CONTRAST) >= 4.5
    ground = "getComputedStyle(document.body).backgroundColor"
    before = opened.page.evaluate(ground)
    opened.page.click("#theme")
    assert opened.page.evaluate(ground) != before
    assert opened.page.evaluate(CONTRAST) >= 4.5


def test_a_phone_shows_it_without_scrolling_sideways(show: Any) -> None:
    opened = show(two(), viewport={"width": 360, "height": 640})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert opened.boxes()[0] == "all"


def test_many_boxes_are_drawn_as_far_as_they_can_be_seen(show: Any) -> None:
    stacks: Stacks = {
        tuple(Frame(name=f"f{(at * 7 + depth) % 5_000}") for depth in range(12)): 1.0 + at % 9
        for at in range(4_000)
    }
    opened = show(one(stacks))
    assert opened.page.evaluate("document.querySelectorAll('[role=treeitem]').length") < 25_000
    opened.page.fill("#search", "f49")
    assert " boxes, " in opened.found()
