"""The owner's token of a running server: found by those it is for, and by nobody else."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from harness.client import credentials, running
from harness.errors import StoreError

URI = "http://127.0.0.1:3000"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.mark.parametrize("bound", [URI, "http://[::1]:3000", "http://0.0.0.0:3000"])
@pytest.mark.parametrize("asked", [URI, "http://localhost:3000", "http://[::1]:3000"])
def test_all_names_of_the_loopback_are_one(bound: str, asked: str) -> None:
    path = running.announce(bound, "ab" * 32, "token")
    found = running.owner_of(asked)
    assert found is not None
    assert (found.token, found.identity) == ("token", "ab" * 32)
    assert "token" not in repr(found).replace("the owner's token", "").replace("origin", "")
    assert credentials.kept(asked) == found
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    running.withdraw(path)
    assert running.owner_of(asked) is None


@pytest.mark.parametrize(
    "asked",
    ["http://127.0.0.1:3001", "https://127.0.0.1:3000", "http://192.168.0.1:3000", "http://a.org"],
)
def test_another_address_is_another_server(asked: str) -> None:
    running.announce(URI, "ab" * 32, "token")
    assert running.owner_of(asked) is None


def test_an_address_of_the_network() -> None:
    running.announce("http://192.168.0.1:3000", "ab" * 32, "token")
    assert running.owner_of("http://192.168.0.1:3000") is not None
    assert running.owner_of(URI) is None


def test_a_later_server_takes_the_address() -> None:
    first = running.announce(URI, "ab" * 32, "first")
    assert running.announce(URI, "cd" * 32, "second") == first
    found = running.owner_of(URI)
    assert found is not None
    assert found.token == "second"


def _change(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


DAMAGE = {
    "of a process that ended": {"process": 2**22 + 1},
    "of another process with the number": {"started": 1.5},
    "of another server": {"server": "http://127.0.0.1:4000"},
    "without a token": {"token": None},
}


def test_a_clock_that_was_set_makes_no_other_process() -> None:
    path = running.announce(URI, "ab" * 32, "token")
    began = json.loads(path.read_text())["started"]
    for later, found in ((1.0, True), (-1.0, True), (3.0, False)):
        _change(path, started=began + later)
        assert (running.owner_of(URI) is not None) is found


@pytest.mark.parametrize("how", [*DAMAGE, "no JSON", "readable by others"])
def test_files_that_are_not_believed(how: str) -> None:
    path = running.announce(URI, "ab" * 32, "token")
    if how in DAMAGE:
        _change(path, **DAMAGE[how])
    elif how == "no JSON":
        path.write_text("{")
    else:
        path.chmod(0o644)
    assert running.owner_of(URI) is None


def test_what_killed_servers_left_goes_with_the_next() -> None:
    left = running.announce("http://127.0.0.1:4000", "ab" * 32, "token")
    _change(left, started=1.5)
    other = running.announce("http://127.0.0.1:5000", "ab" * 32, "token")
    running.announce(URI, "ab" * 32, "token")
    assert not left.exists()
    assert other.exists()


def test_only_ones_own_file_is_withdrawn() -> None:
    path = running.announce(URI, "ab" * 32, "token")
    _change(path, process=os.getppid())
    running.withdraw(path)
    assert path.exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "spacetimedb-harness").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written"):
        running.announce(URI, "ab" * 32, "token")
