"""Which program is started, and what is said of one that is no server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import PlanError, TargetError
from harness.targets import program
from harness.targets.choice import choose
from harness.targets.program import chosen, given
from tests.targets import fake_server


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and nothing of ours on PATH."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    (tmp_path / "path").mkdir()
    return tmp_path


def install(folder: Path, version: str) -> Path:
    place = folder / "cache" / "spacetimedb-harness" / "servers" / version / "bin"
    place.mkdir(parents=True)
    return fake_server.write(place)


def test_a_server_says_its_version(tmp_path: Path) -> None:
    path = fake_server.write(tmp_path)
    assert given(path) == program.Program(path, fake_server.VERSION)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (None, 0, "there is no server at "),
        ("some text", 0o644, "is not an executable file"),
        ("some text", 0o755, "cannot be run: Exec format error"),
        ("#!/bin/sh\nexit 0\n", 0o755, "asked for its version, it said 'nothing'"),
        ("#!/bin/sh\necho bash 5.2\n", 0o755, "asked for its version, it said 'bash 5.2'"),
        ("#!/bin/sh\nsleep 60\n", 0o755, "it did not say its version in 0.2 s"),
    ],
)
def test_what_is_no_server_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, mode: int, said: str
) -> None:
    monkeypatch.setattr(program, "TIMEOUT_S", 0.2 if text and "sleep" in text else 30.0)
    path = tmp_path / "server"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(TargetError) as caught:
        given(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_folder_and_bin_true_are_no_servers(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is not an executable file"):
        given(tmp_path)
    with pytest.raises(TargetError, match="is no spacetimedb-standalone"):
        given(Path("/bin/true"))


def test_the_order_in_which_a_program_is_looked_for(empty: Path) -> None:
    with pytest.raises(TargetError, match=r"install one with: harness server install 1\.2\.0"):
        chosen(None)
    on_path = fake_server.write(empty / "path")
    assert chosen(None).path == on_path
    older, newest = install(empty, "1.2.0"), install(empty, "1.12.0")
    assert chosen(None).path == newest
    assert chosen("1.2.0").path == older
    mine = fake_server.write(empty)
    assert chosen(None, mine).path == mine
    with pytest.raises(TargetError, match=r"install it with: harness server install 2\.0\.0"):
        chosen("2.0.0")
    with pytest.raises(PlanError, match="written like"):
        chosen("two")


def test_targets_by_name(empty: Path) -> None:
    install(empty, "1.2.0")
    named = {name: choose(name) for name in ("embedded", "standalone", "standalone:1.2.0")}
    assert [x.label for x in named.values()] == [
        "embedded", f"standalone {fake_server.VERSION}", f"standalone {fake_server.VERSION}",
    ]  # fmt: skip
    assert named["standalone"].asked.kind == "standalone"
    assert choose("ws://127.0.0.1:3000").label == "127.0.0.1:3000"
    with pytest.raises(PlanError, match="name two servers"):
        choose("standalone:1.2.0", Path(os.devnull))
