"""``harness server``: what it prints, and what it says when it cannot.

What becomes of cli.toml is in ``tests/project/test_servers_file.py``.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.cli.server import clock
from tests.cli.scripted import scripted
from tests.cli.somebody import unknown

PROGRAM = b"#!/bin/sh\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    unknown(tmp_path, monkeypatch)
    monkeypatch.setattr(sys, "stdin", io.StringIO())  # nobody can be asked
    path = tmp_path / "spacetimedb-harness" / "servers" / "1.2.0" / "bin" / "spacetimedb-standalone"
    path.parent.mkdir(parents=True)
    path.write_bytes(PROGRAM)
    path.chmod(0o755)
    return path


KNOWN = """\
server    | address                           |
----------+-----------------------------------+--------
local     | http://127.0.0.1:3000             | default
maincloud | https://maincloud.spacetimedb.com |
"""


def test_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sha256 = hashlib.sha256(PROGRAM).hexdigest()
    assert main(["server", "list"]) == 0
    assert capsys.readouterr().out == (
        f"{KNOWN}\ninstalled\n1.2.0         10.0 B  {sha256[:12]}  {folder}\n"
    )
    assert main(["server", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["installed"] == [
        {"version": "1.2.0", "path": str(folder), "size_bytes": 10, "sha256": sha256}
    ]
    assert found["servers"][0] == {
        "nickname": "local", "uri": "http://127.0.0.1:3000", "default": True, "built_in": True,
        "fingerprint": False,
    }  # fmt: skip


def test_install_of_what_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "install", "1.2.0"]) == 0
    assert capsys.readouterr().out == f"server 1.2.0 is already installed: {folder}\n"


def test_remove_and_an_empty_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "remove", "1.2.0"]) == 0
    assert main(["server", "list"]) == 0
    said = capsys.readouterr()
    assert said.out == f"removed server 1.2.0\n{KNOWN}"
    assert "no server is installed; install one with: harness server install 1.2.0" in said.err
    assert main(["server", "remove", "1.2.0"]) == 1
    assert "server 1.2.0 is not installed" in capsys.readouterr().err


KEY = "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----\n"


def say(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What ``harness server`` says, on stdout and then on stderr."""
    assert main(["server", *words]) == code
    return "".join(capsys.readouterr())


def _has_key(capsys: pytest.CaptureFixture[str], name: str) -> bool:
    servers = json.loads(say(capsys, "list", "--json"))["servers"]
    return bool(next(x["fingerprint"] for x in servers if x["nickname"] == name))


def test_nicknames(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted() as server:
        server.answers["GET /v1/identity/public-key"] = (200, KEY)
        said = say(capsys, "add", "work", "--url", server.uri, "-d")
        assert said == f"added work: {server.uri}, the default server\n"
        assert say(capsys, "ping").startswith(f"{server.uri} answers in ")
        assert say(capsys, "fingerprint", "work") == KEY
        server.answers["GET /v1/identity/public-key"] = (200, KEY.replace("abc", "abd"))
        said = say(capsys, "fingerprint", "work", code=1)
        assert "another one than was kept" in said
        assert "nobody can be asked here, so say -y" in said
        assert "kept the key of work" in say(capsys, "fingerprint", "work", "-y")
        for no_key in ("<html>", KEY.replace("abc", "a" * 10_000)):
            server.answers["GET /v1/identity/public-key"] = (200, no_key)
            said = say(capsys, "fingerprint", "work", code=1)
            assert (
                said == f"harness: {server.uri} shows no public key; --no-fingerprint does "
                "without it\n"
            )
        said = say(capsys, "add", "other", "--url", f"{server.uri}/x", code=1)
        assert said.startswith("harness: ")
        assert said.count("\n") == 1
        said = say(capsys, "edit", "work", "--new-name", "desk")
        assert said == f"work: {server.uri} is now desk: {server.uri}\n"
    assert f"desk      | {server.uri} " in say(capsys, "list")
    assert _has_key(capsys, "desk")
    said = say(capsys, "edit", "desk", "--url", "https://db.example.org", "--no-fingerprint")
    assert said == f"desk: {server.uri} is now desk: https://db.example.org\n"
    assert not _has_key(capsys, "desk"), "it was that of another server"
    assert say(capsys, "remove", "desk") == (
        "forgot desk: https://db.example.org\n"
        "no server is the default one now, so `local` is meant\n"
    )
    assert say(capsys, "set-default", "maincloud") == (
        "the default server is maincloud: https://maincloud.spacetimedb.com\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["add", "1.2.0", "--url", "http://x"], 1, "is how an installed server is named"),
        (["add", "", "--url", "http://x"], 1, "a nickname is a word such as staging, not ''"),
        (["add", "a/b", "--url", "http://x"], 1, "a nickname is a word such as staging"),
        (["add", "x", "--url", "db.example.org"], 1,
         "the URL begins with http:// or https://, as in http://db.example.org"),
        (["add", "x", "--url", "http://me:secret@x"], 1, "a server's URI has no user or password"),
        (["add", "x", "--url", "http://127.0.0.1:1"], 1, "nobody answers at http://127.0.0.1:1"),
        (["add", "local", "--url", "http://127.0.0.1:1"], 1, "the name local is that of"),
        (["edit", "local"], 2, "nothing to change"),
        (["edit", "nobody", "--new-name", "x"], 1, "there is no server 'nobody' in"),
        (["remove", "local"], 1, "local is built in and stands in no file"),
        (["remove", "nobody"], 1, "known are local, maincloud; `harness server add"),
        (["clear", "--data-dir", "x"], 1, "server clear needs the official command `spacetime`"),
    ],
)  # fmt: skip
def test_what_cannot_be(
    words: list[str], code: int, said: str, folder: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", "")
    shown = say(capsys, *words, code=code)
    assert said in shown
    assert "secret" not in shown
    assert not (tmp_path / "config").exists()


def test_elapsed_time() -> None:
    assert [clock(seconds) for seconds in (0.9, 187.0, 1020.4)] == ["0:00", "3:07", "17:00"]
