"""Any bytes either say something or break a rule: nothing else comes out of ``receive``."""

from __future__ import annotations

import gzip
from typing import Any

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RemoteProtocolError, WireError
from harness.protocol.connection import Connection
from tests.protocol.script import PROTOCOLS, pair, rows


def busy(protocol: str) -> tuple[Connection, Any]:
    """A connection that waits for everything that one can wait for."""
    connection, script = pair(protocol)
    connection.call_reducer("add", b"", "call")
    connection.query("SELECT 1", "query")
    connection.call_procedure("roll", b"", "procedure")
    connection.receive(script.payload(script.applied(connection.subscribe(["q"]), rows(1))))
    connection.subscribe(["q"])
    return connection, script


def says_or_refuses(connection: Connection, payload: bytes) -> None:
    try:
        connection.receive(payload)
    except (WireError, RemoteProtocolError):
        assert connection.violation is not None


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.binary(max_size=200), prefix=st.sampled_from([b"", b"\0", b"\1", b"\2"]))
def test_noise(protocol: str, data: bytes, prefix: bytes) -> None:
    says_or_refuses(busy(protocol)[0], prefix + data)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.binary(max_size=200), squeeze=st.sampled_from([0, 1, 2]), tag=st.integers(0, 11))
def test_noise_behind_a_tag(protocol: str, data: bytes, squeeze: int, tag: int) -> None:
    body = bytes([tag]) + data
    packed = (b"\0" + body, b"\1" + brotli.compress(body), b"\2" + gzip.compress(body))[squeeze]
    says_or_refuses(busy(protocol)[0], packed)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_real_messages_with_a_flaw(protocol: str, data: st.DataObject) -> None:
    connection, script = busy(protocol)
    messages = [
        script.greeting(),
        script.done(1, "add", rows(1, 2)),
        script.refused(1, "add", "no"),
        script.rejected(1, "add", "no"),
        script.changed(rows(1), rows(2)),
        script.applied(2, rows(3)),
        script.ended(1, rows(1)),
        script.set_refused(2, "bad"),
        script.set_died(1, "broke"),
        script.answer(2, rows(4)),
        script.no_answer(2, "bad"),
        script.returned(3, b"x"),
        script.failed(3, "no"),
    ]
    payload = bytearray(script.payload(data.draw(st.sampled_from(messages))))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(payload) - 1))
        payload[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(payload)))
    says_or_refuses(connection, bytes(payload[:cut] if data.draw(st.booleans()) else payload))
    waiting = connection.close()
    assert set(waiting) <= {"call", "query", "procedure"}
