"""A server for each module of tests, and a bystander who must never notice anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.server import ServerProcess


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """An embedded server with the bench module, in memory. It must outlive the module's tests."""
    with ServerProcess() as process:
        yield process
        assert process.alive(), f"the server died:\n{process.errors()}"
        assert process.stop() == 0, process.errors()
