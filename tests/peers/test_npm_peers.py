"""The TypeScript SDK as a peer, against the embedded server: it does what all peers do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from harness.errors import TargetError
from harness.load.workloads import item
from harness.peers import sides
from harness.peers.exchange import Request, encode
from harness.peers.process import Answer, Peer, ask, cpu_check
from harness.peers.rows import digest
from harness.targets import npm
from harness.targets.embedded import Embedded

pytestmark = pytest.mark.npm


@pytest.fixture(scope="module")
def server() -> Iterator[Embedded]:
    with Embedded() as running:
        yield running


@pytest.fixture(params=["v3", "v2", "v1"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def typescript(protocol: str) -> Peer:
    try:
        return sides.typescript(npm.install(sides.PACKAGES[protocol]))
    except TargetError as error:
        pytest.skip(str(error))


def asked(server: Embedded, protocol: str, **what: Any) -> Answer:
    request = Request(uri=server.uri, protocol=protocol, in_flight=8, **what)
    answer = ask(typescript(protocol), request)
    assert answer.result.protocol == protocol
    assert answer.result.versions["package"] == f"spacetimedb {sides.PACKAGES[protocol]}"
    assert answer.result.versions["runtime"].startswith("Node ")
    assert cpu_check("typescript", answer).passed
    return answer


def test_inserts_are_in_its_cache_and_are_those_of_the_model(
    server: Embedded, protocol: str
) -> None:
    first = int(protocol[1]) * 100_000  # the protocols share the server
    held = asked(server, protocol, do="subscribe").result
    result = asked(
        server, protocol, do="insert", warmup=30, operations=70, rows=first, seed=12_345,
        subscribed=True,
    ).result  # fmt: skip
    assert (result.calls, result.all_calls, result.errors) == (70, 100, 0)
    assert held.rows is not None
    assert result.rows == held.rows + 100
    if not held.rows:
        rows = [item(first + k, 12_345) for k in range(100)]
        assert result.digest == digest(rows)[1]


def test_both_sides_say_the_same_of_the_same_rows(server: Embedded, protocol: str) -> None:
    theirs = asked(server, protocol, do="subscribe").result
    ours = ask(sides.ours(), Request(do="subscribe", uri=server.uri, protocol=protocol)).result
    assert (theirs.rows, theirs.digest) == (ours.rows, ours.digest)
    assert theirs.rss_before > 0


def test_connections_are_timed(server: Embedded, protocol: str) -> None:
    result = asked(server, protocol, do="connect", warmup=1, operations=5).result
    assert len(result.times_ns) == 5


def test_errors_are_counted(server: Embedded, protocol: str) -> None:
    """The keys are there already, with other values."""
    what: dict[str, Any] = {"do": "insert", "operations": 20}
    first = 900_000 + int(protocol[1]) * 100
    assert asked(server, protocol, rows=first, seed=5, **what).result.calls == 20
    again = asked(server, protocol, rows=first, seed=6, **what).result
    assert (again.calls, again.errors) == (0, 20)
    assert again.first_error


def test_time_ends_what_operations_do_not(server: Embedded, protocol: str) -> None:
    result = asked(server, protocol, do="noop", operations=200_000, seconds=0.05).result
    assert 0 < result.calls < 200_000
    assert result.errors == 0


def test_a_server_that_is_not_there_is_a_sentence(protocol: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(TargetError, match="the peer typescript reports: "):
            ask(typescript(protocol), Request(do="noop", uri=uri, protocol=protocol))


def test_it_ends_when_nobody_listens_any_more(server: Embedded) -> None:
    process = subprocess.Popen(
        typescript("v3").command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(encode(Request(do="idle", uri=server.uri, seconds=3600.0)))
        process.stdin.flush()
        assert b"begin" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
