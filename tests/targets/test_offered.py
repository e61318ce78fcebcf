"""Protocols are asked of the server itself, one handshake each."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from harness.errors import TargetError
from harness.targets.embedded import Embedded, Null
from harness.targets.offered import protocols
from harness.targets.program import given
from harness.targets.remote import Remote
from harness.targets.standalone import Standalone
from tests.targets import fake_server


def test_those_that_are_accepted_are_offered(tmp_path: Path) -> None:
    with Embedded() as embedded:
        assert protocols(embedded.uri, "bench") == ["v3", "v2", "v1"]
        assert embedded.describe().protocols == ["v3", "v2", "v1"]
        with pytest.raises(TargetError, match="has no database `other`"):
            protocols(embedded.uri, "other")
    with Standalone(given(fake_server.write(tmp_path)), wasm=b"\0asm") as old:
        assert protocols(old.uri, "bench") == ["v1"]
        assert Remote(old.uri).describe().protocols == ["v1"]


def test_a_target_given_by_uri_tells_its_protocols() -> None:
    with Null() as server, Remote(server.uri) as remote:
        assert remote.describe().protocols == ["v3", "v2", "v1"]


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TargetError, match=f"no server answers at {uri}"):
            protocols(uri, "bench")
