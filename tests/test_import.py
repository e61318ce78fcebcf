"""`import harness` is cheap: it loads nothing that a caller did not ask for.

The time itself is not asserted (that is a benchmark's business); what costs the time is.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Packages that take tens of milliseconds to load, or start threads, or open sockets.
HEAVY = [
    "aiohttp",
    "asyncio",
    "brotli",
    "cryptography",
    "matplotlib",
    "msgspec",
    "numpy",
    "pandas",
    "picows",
    "pyperf",
    "rich",
    "scipy",
    "sqlglot",
    "uvloop",
]


def loaded_by(statement: str) -> set[str]:
    """The top-level packages in ``sys.modules`` of a fresh interpreter after the statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import harness").isdisjoint(HEAVY)


@pytest.mark.parametrize("package", ["harness.client", "harness.server", "harness.module"])
def test_subpackages_load_their_contents_on_first_use(package: str) -> None:
    """pandas and scipy belong to reports and statistics, never to a client or a server."""
    assert loaded_by(f"import {package}").isdisjoint({"pandas", "scipy", "matplotlib", "numpy"})


def test_the_check_sees_a_heavy_import() -> None:
    assert not loaded_by("import harness, msgspec").isdisjoint(HEAVY)
