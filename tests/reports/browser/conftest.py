"""The sites, made once, and a browser for each module of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.reports.browser import chromium, sites
from tests.reports.browser.chromium import Chromium, Opened
from tests.reports.browser.sites import Site


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    """For a module, not for all: as long as it lives, no other test can run an event loop."""
    with chromium.launched() as started:
        yield started


@pytest.fixture(scope="session")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return sites.ordinary(tmp_path_factory.mktemp("ordinary"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return sites.hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def opened(browser: Chromium, ordinary: Site) -> Iterator[Opened]:
    """A page of the ordinary site; at the end nothing may have gone wrong."""
    with browser.open(ordinary.folder) as page:
        yield page
        page.well()
