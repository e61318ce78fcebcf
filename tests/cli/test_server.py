"""``harness server``: what it prints, and what it says when it cannot."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.cli.server import clock

PROGRAM = b"#!/bin/sh\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / "spacetimedb-harness" / "servers" / "1.2.0" / "bin" / "spacetimedb-standalone"
    path.parent.mkdir(parents=True)
    path.write_bytes(PROGRAM)
    path.chmod(0o755)
    return path


def test_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sha256 = hashlib.sha256(PROGRAM).hexdigest()
    assert main(["server", "list"]) == 0
    assert capsys.readouterr().out == f"1.2.0         10.0 B  {sha256[:12]}  {folder}\n"
    assert main(["server", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"version": "1.2.0", "path": str(folder), "size_bytes": 10, "sha256": sha256}
    ]


def test_install_of_what_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "install", "1.2.0"]) == 0
    assert capsys.readouterr().out == f"server 1.2.0 is already installed: {folder}\n"


def test_remove_and_an_empty_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "remove", "1.2.0"]) == 0
    assert main(["server", "list"]) == 0
    said = capsys.readouterr()
    assert said.out == "removed server 1.2.0\n"
    assert "no server is installed; install one with: harness server install 1.2.0" in said.err
    assert main(["server", "remove", "1.2.0"]) == 1
    assert "server 1.2.0 is not installed" in capsys.readouterr().err


def test_elapsed_time() -> None:
    assert [clock(seconds) for seconds in (0.9, 187.0, 1020.4)] == ["0:00", "3:07", "17:00"]
