"""Pictures of pages, to be looked at, and the one in the README.

`python -m tests.reports.browser.screenshot SITE OUT` takes every kind of page of a built site,
light and dark, on a wide screen and on a phone. `--page index.html --height 800` takes one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.reports.browser.chromium import Chromium, launched

#: What is taken of every page: a name, the width of the window and the theme.
_MODES = {"light": (1280, "light"), "dark": (1280, "dark"), "phone": (320, "light")}


def kinds(site: Path) -> list[str]:
    """One page of each kind; of benchmarks one with an event, if there is any."""
    found = sorted(path.name for path in site.glob("*.html"))
    benchmarks = sorted(site.glob("b/*.html"))
    told = [path for path in benchmarks if 'id="event-' in path.read_text()]
    for paths in (told or benchmarks, sorted(site.glob("r/*.html"))):
        found += [path.relative_to(site).as_posix() for path in paths[:1]]
    return found


def take(
    browser: Chromium, site: Path, page: str, out: Path, width: int, height: int, scheme: str
) -> None:
    """One picture; without a ``height`` of the whole page."""
    with browser.open(site, width=width, height=height or 900, scheme=scheme) as opened:
        opened.go(page)
        opened.page.screenshot(path=out, full_page=not height)
    print(out)


def main() -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("out", type=Path, help="a folder, or with --page a file")
    parser.add_argument("--page", default="")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=0, help="0 takes the whole page")
    parser.add_argument("--scheme", choices=["light", "dark"], default="light")
    given = parser.parse_args()
    site = given.site.resolve()
    with launched() as browser:
        if given.page:
            take(browser, site, given.page, given.out, given.width, given.height, given.scheme)
            return
        given.out.mkdir(parents=True, exist_ok=True)
        for page in kinds(site):
            name = page.replace("/", "-").removesuffix(".html")
            for mode, (width, scheme) in _MODES.items():
                take(browser, site, page, given.out / f"{name}-{mode}.png", width, 0, scheme)


if __name__ == "__main__":
    main()
