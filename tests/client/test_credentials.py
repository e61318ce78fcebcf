"""Tokens: kept for their owner alone, whole, one for each server, and never shown."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from harness.client import credentials
from harness.client.credentials import Credential
from harness.client.servers import LOCAL, server_uri
from harness.errors import HarnessError, PlanError, StoreError

TOKEN = "eyJ0.very-secret.c2ln"
URI = "http://127.0.0.1:3000"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_kept_for_the_owner_alone(home: Path) -> None:
    assert credentials.kept(URI) is None
    before = os.umask(0)
    try:
        credentials.keep(URI, "c2" * 32, TOKEN)
    finally:
        os.umask(before)
    path = credentials.path_for(URI)
    assert mode(path) == 0o600
    assert [mode(x) for x in (path.parent, path.parent.parent)] == [0o700, 0o700]
    assert [x.name for x in path.parent.iterdir()] == [path.name]
    found = credentials.kept(URI)
    assert found is not None
    assert (found.token, found.identity) == (TOKEN, "c2" * 32)
    assert path.is_relative_to(home)


def test_what_others_could_read_is_closed_to_them() -> None:
    credentials.keep(URI, "id", TOKEN)
    path = credentials.path_for(URI)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    assert credentials.kept(URI) is not None
    assert mode(path) == 0o600
    credentials.keep("http://other", "id", TOKEN)
    assert mode(path.parent) == 0o700


def test_each_server_has_its_own() -> None:
    uris = [URI, "https://127.0.0.1:3000", "http://127.0.0.1:3001", "http://a/b", "http://a-b",
            "http://[::1]:3000", f"http://{'x' * 250}", f"http://{'x' * 251}"]  # fmt: skip
    for uri in uris:
        credentials.keep(uri, uri, f"token-of-{uris.index(uri)}")
    found = [credentials.kept(uri) for uri in uris]
    assert [x and x.identity for x in found] == uris
    assert len({credentials.path_for(uri) for uri in uris}) == len(uris)


def test_the_first_one_stays() -> None:
    """Two that ask at once end with one identity."""
    assert credentials.keep(URI, "first", TOKEN).identity == "first"
    assert credentials.keep(URI, "second", "another").token == TOKEN
    start = threading.Barrier(8)
    found: list[str | None] = []

    def keep(at: int) -> None:
        start.wait()
        found.append(credentials.keep("http://raced", f"id-{at}", f"token-{at}").identity)

    threads = [threading.Thread(target=keep, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(list(credentials.folder().iterdir())) == 2


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", "{}", json.dumps({"server": URI, "identity": "a", "token": 7}),
     json.dumps({"server": URI, "identity": "a", "token": f"{TOKEN}\r\nX: y"}),
     json.dumps({"server": "http://elsewhere", "identity": "a", "token": TOKEN})],
)  # fmt: skip
def test_a_damaged_file(text: str) -> None:
    credentials.keep(URI, "id", TOKEN)
    credentials.path_for(URI).write_text(text)
    with pytest.raises(HarnessError, match="is damaged") as caught:
        credentials.kept(URI)
    assert TOKEN not in str(caught.value)


def test_a_folder_that_is_none(home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(StoreError, match=r"cannot be kept in .*; --anonymous uses one") as caught:
        credentials.keep(URI, "id", TOKEN)
    assert TOKEN not in str(caught.value)
    with pytest.raises(StoreError, match="cannot be read"):
        credentials.kept(URI)


def test_a_token_is_not_shown() -> None:
    for found in (
        credentials.keep(URI, "id", TOKEN),
        credentials.from_environment({"HARNESS_TOKEN": TOKEN}),
        credentials.anonymous("id", TOKEN),
    ):
        assert isinstance(found, Credential)
        assert found.token == TOKEN
        assert TOKEN not in repr(found) + found.origin + found.renewal


@pytest.mark.parametrize(
    ("environment", "token", "variable"),
    [
        ({}, None, ""),
        ({"SPACETIMEDB_TOKEN": "", "HARNESS_TOKEN": "  "}, None, ""),
        ({"HARNESS_TOKEN": "b"}, "b", "HARNESS_TOKEN"),
        ({"SPACETIMEDB_TOKEN": " a\n", "HARNESS_TOKEN": "b"}, "a", "SPACETIMEDB_TOKEN"),
    ],
)
def test_the_environment(environment: dict[str, str], token: str | None, variable: str) -> None:
    found = credentials.from_environment(environment)
    assert (found and found.token) == token
    assert found is None or variable in found.origin


@pytest.mark.parametrize(
    "bad", [f"{TOKEN} x", f"{TOKEN}\r\nX-Other: y", f"{TOKEN}é", f"a\0{TOKEN}"]
)
def test_what_cannot_be_a_token(bad: str) -> None:
    with pytest.raises(PlanError, match="SPACETIMEDB_TOKEN is no token") as caught:
        credentials.from_environment({"SPACETIMEDB_TOKEN": bad})
    assert "secret" not in str(caught.value)


def test_a_relative_folder_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CONFIG_HOME", value)
        assert credentials.folder() == tmp_path / ".config" / "spacetimedb-harness" / "tokens"


@pytest.mark.parametrize(
    ("named", "uri"),
    [
        ("local", LOCAL),
        (" local ", LOCAL),
        ("127.0.0.1:3000", LOCAL),
        ("HTTP://LocalHost:80/", "http://localhost"),
        ("https://db.example.org:443", "https://db.example.org"),
        ("wss://db.example.org:80/x/", "https://db.example.org:80/x"),
        ("ws://[::1]:3000", "http://[::1]:3000"),
        ("localhost", "http://localhost"),
    ],
)
def test_names_of_servers(named: str, uri: str) -> None:
    assert server_uri(named) == uri
    assert server_uri(uri) == uri


@pytest.mark.parametrize(
    "named",
    ["", " ", "http://", "ftp://a", "http://a:b", "http://a:99999", "http://[::1", "a b",
     "http://a?x=1", "http://a#x", "a\nb", "http://a\x1b[31m"],
)  # fmt: skip
def test_what_names_no_server(named: str) -> None:
    with pytest.raises(PlanError, match="a server is `local` or a URI"):
        server_uri(named)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(PlanError, match="SPACETIMEDB_TOKEN") as caught:
        server_uri("http://me:hunter2@host")
    assert "hunter2" not in str(caught.value)
