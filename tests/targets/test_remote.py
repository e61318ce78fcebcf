"""Servers given by URI: known as far as they can be seen from here."""

from __future__ import annotations

import pytest

from harness.errors import PlanError, TargetError
from harness.targets.embedded import Null
from harness.targets.remote import Remote


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


@pytest.mark.parametrize("uri", ["", "localhost:3000", "ftp://x", "http://"])
def test_other_texts_are_refused(uri: str) -> None:
    with pytest.raises(PlanError, match="a target is"):
        Remote(uri)
