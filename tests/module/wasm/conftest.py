"""One engine's instance for all tests of the library."""

from __future__ import annotations

import pytest

from tests.module.wasm.machine import Machine


@pytest.fixture(scope="session")
def machine() -> Machine:
    """The library; its heap keeps growing unless a test empties it."""
    return Machine()
