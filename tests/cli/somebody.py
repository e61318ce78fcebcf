"""Who uses the command line in tests: somebody whom no server knows, and who may type answers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from harness.client import credentials


class Terminal(io.StringIO):
    """A standard input at which somebody types these answers."""

    def isatty(self) -> bool:
        return True


def unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings and tokens are those of the test alone, whoever runs it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in credentials.VARIABLES:
        monkeypatch.delenv(name, raising=False)
