"""The order of the layers holds, and the check that says so can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ["harness", "suites", "reports", "ci"]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the layers of the packages in ``folder``, as `make layers` does."""
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
    ]
    return subprocess.run(
        [*command, "--no-logo", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_point_downwards_only() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("where", "line", "contract"),
    [
        ("harness/errors.py", "from harness.wire import types", "Imports point downwards only"),
        ("harness/client/sneaky.py", "import harness.server", "Imports point downwards only"),
        ("harness/server/sneaky.py", "import harness.client", "Imports point downwards only"),
        ("harness/client/sneaky.py", "import harness.module", "The client knows nothing"),
        ("harness/wire/sneaky.py", "import asyncio", "know no event loop"),
        ("harness/protocol/sneaky.py", "import time", "know no event loop"),
        ("harness/server/hub.py", "import asyncio", "sessions and queries do no I/O"),
        ("reports/sneaky.py", "import socket", "Reports never meet a socket"),
        (
            "harness/module/examples/chat/main.py",
            "import harness.client",
            "Imports point downwards only",
        ),
        ("harness/module/examples/chat/main.py", "from . import client", "An example's module"),
    ],
)
def test_a_planted_import_is_found(tmp_path: Path, where: str, line: str, contract: str) -> None:
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.so")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / where).open("a") as file:
        file.write(f"\n{line}\n")
    result = lint(tmp_path)
    broken = [row for row in result.stdout.splitlines() if " BROKEN" in row]
    assert result.returncode != 0
    assert any(contract in row for row in broken), result.stdout + result.stderr
