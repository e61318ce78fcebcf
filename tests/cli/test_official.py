"""Commands that the official one does: the same arguments, and its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import main


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `spacetime` that writes down its arguments and ends with 7; where it writes."""
    told = tmp_path / "told"
    program = tmp_path / "bin" / "spacetime"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nfor x in "$@"; do echo "$x" >> {told}; done\nexit 7\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return told


@pytest.mark.parametrize(
    "words",
    [
        ["mcp"],
        ["mcp", "chat", "-s", "http://127.0.0.1:4000", "--anonymous"],
        ["version", "list", "--all"],
        ["version", "install", "2.8.3", "--use"],
    ],
)
def test_arguments_are_handed_over(words: list[str], official: Path) -> None:
    assert main(words) == 7
    assert official.read_text().splitlines() == words


@pytest.mark.parametrize("words", [["mcp"], ["version", "list"]])
def test_without_it_there_is_a_sentence(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(words) == 1
    assert capsys.readouterr().err == (
        f"harness: {words[0]} needs the official command `spacetime`, which is not on PATH; "
        "install it from https://spacetimedb.com/install\n"
    )


def test_versions(
    official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    assert main(["version"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ["harness", "Python", "servers", "spacetime"]
    assert not official.exists()
