"""Servers given by URI: known as far as they can be seen from here."""

from __future__ import annotations

import pytest

from harness.errors import PlanError, TargetError
from harness.records import Target
from harness.targets.embedded import Null
from harness.targets.remote import Remote, token_for


def test_a_server_on_this_machine_is_known_by_its_process() -> None:
    with Null() as server, Remote(server.uri) as remote:
        found = remote.describe()
        assert found.kind == "remote"
        assert found.version == "null"
        assert found.pid in (server.pid, None)  # None where others' sockets may not be seen
        assert remote.alive()


def test_its_death_is_noticed() -> None:
    with Null() as server:
        remote = Remote(server.uri)
        assert remote.death() is None
        uri = server.uri
    assert f"no server answers at {uri}" in (remote.death() or "")
    with pytest.raises(TargetError, match="no server answers"):
        remote.__enter__()


@pytest.mark.parametrize("uri", ["", "localhost:3000", "ftp://x", "http://", "embedded"])
def test_other_texts_are_refused(uri: str) -> None:
    with pytest.raises(PlanError, match="a target is"):
        Remote(uri)


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ("http://127.0.0.1:3000/", "http://127.0.0.1:3000"),
        ("ws://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("wss://example.org/db", "https://example.org/db"),
    ],
)
def test_websocket_addresses_are_understood(given: str, uri: str) -> None:
    assert Remote(given).uri == uri


def test_a_secret_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(PlanError, match="HARNESS_TOKEN") as caught:
        Remote("http://me:hunter2@127.0.0.1:3000")
    assert "hunter2" not in str(caught.value)


def test_the_token_goes_to_the_named_server_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARNESS_TOKEN", "secret")
    shown = {kind: token_for(Target(kind=kind)) for kind in ("remote", "embedded", "null")}
    assert shown == {"remote": "secret", "embedded": None, "null": None}
    monkeypatch.setenv("HARNESS_TOKEN", "")
    assert token_for(Target(kind="remote")) is None


def test_a_server_elsewhere_says_that_its_process_is_not_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Null() as server:
        remote = Remote(server.uri)
        monkeypatch.setattr(remote, "_listener", lambda: None)
        found = remote.describe()
    assert (found.pid, found.exe) == (None, None)
    assert found.flags == ["process not visible: no CPU time or memory of the server"]
