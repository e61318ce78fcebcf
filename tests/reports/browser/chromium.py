"""A real browser, and a page as tests see it: with what it asked for and complained about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: The browser that is on the machine, by the names that systems give it.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
#: Bounds liveness only.
PATIENCE_MS = 30_000


def executable() -> str:
    """The browser's path. Skips, or in CI fails, with what is missing."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing("no Chromium is installed: apt-get install chromium")
    return found


def missing(said: str) -> Any:
    """Skip the test; in CI, which has everything, fail it."""
    if os.environ.get("CI"):
        pytest.fail(said)
    pytest.skip(said)


class Opened:
    """An open page of a site. ``page`` is Playwright's; what went wrong is kept here."""

    def __init__(self, page: Any, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", self._console)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def go(self, path: str) -> Opened:
        """Open a page by its path below the site, with ``#…`` if need be, and let it settle."""
        name, _, rest = path.partition("#")
        address = (self.folder / name).as_uri() + (f"#{rest}" if rest else "")
        if self.page.url.partition("#")[0] == address.partition("#")[0]:
            self.page.goto("about:blank")  # else only the part behind # would change
        self.page.goto(address)
        self.settle()
        return self

    def settle(self) -> None:
        """Until no data file is awaited and what was asked of the next picture is drawn."""
        for _ in range(2):  # what arrived may have asked for more
            self.page.wait_for_function("() => !document.querySelector('script[data-key]')")
            self.frame()

    def frame(self) -> None:
        """Until the next picture, and what waits for it, is through."""
        self.page.evaluate("new Promise(f => requestAnimationFrame(() => setTimeout(f, 0)))")

    def run(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def text(self, selector: str) -> str:
        return self.texts(selector)[0]

    def choose(self, label: str, value: str) -> None:
        """Choose an option of the field with exactly this label."""
        self.page.get_by_label(label, exact=True).select_option(value)
        self.settle()

    def texts(self, selector: str) -> list[str]:
        """As they are shown; those of pictures, which have no layout of their own, as they are."""
        found = self.page.locator(selector).evaluate_all(
            "all => all.map(e => e.innerText ?? e.textContent)"
        )
        return [str(text) for text in found]

    def count(self, selector: str) -> int:
        return int(self.page.locator(selector).count())

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.frame()

    def focused(self) -> str:
        """The element that has the focus, as ``tag#id`` with its name."""
        return str(self.run(
            "() => { const e = document.activeElement;"
            " return e.tagName.toLowerCase() + (e.id ? '#' + e.id : '')"
            " + ' ' + (e.getAttribute('aria-label') ?? e.textContent.trim().slice(0, 60)); }"
        ))  # fmt: skip

    def download(self, selector: str) -> str:
        """The text of the file that a click hands over."""
        with self.page.expect_download() as waiting:
            self.page.locator(selector).click()
        return Path(waiting.value.path()).read_bytes().decode()

    def address(self) -> str:
        return str(self.page.url)

    def well(self) -> None:
        """Nothing was asked of any host, nothing went wrong, and no text became markup."""
        outside = [
            url
            for url in self.requests
            if not url.startswith(("file:", "data:", "blob:", "about:"))
        ]
        assert outside == []
        assert self.complaints == []
        assert self.run("window.hacked === undefined")


class Chromium:
    """The browser; each page gets a fresh profile."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    @contextmanager
    def open(
        self, folder: Path, *, width: int = 1280, height: int = 900, scheme: str = "light",
        still: bool = False,
    ) -> Iterator[Opened]:  # fmt: skip
        """A page of the site in ``folder``; ``still`` asks for no motion."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce" if still else "no-preference",
            timezone_id="America/New_York",  # the site speaks UTC wherever its reader is
            accept_downloads=True,
        )
        try:
            yield Opened(context.new_page(), folder)
        finally:
            context.close()


@contextmanager
def launched() -> Iterator[Chromium]:
    """Start the browser, and end it and the loop that drives it."""
    path = executable()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed: pip install playwright (no browser of its own)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield Chromium(browser)
        finally:
            browser.close()
