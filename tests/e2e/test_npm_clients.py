"""The official npm clients drive the embedded server: what they see is what a real one shows them.

Each test runs one program of scenarios.mjs, for each version of the client and each protocol of it.
The programs report, the assertions stand here.
"""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.errors import TargetError
from harness.targets import npm
from tests.e2e.npm import VERSIONS, Client
from tests.e2e.server import ServerProcess

pytestmark = pytest.mark.npm

CLIENTS = [(version, protocol) for version, speaks in VERSIONS.items() for protocol in speaks]


@functools.cache
def installed(version: str) -> Path | TargetError:
    try:
        return npm.install(version)
    except TargetError as error:
        return error


@pytest.fixture(params=CLIENTS, ids=[f"{version}-{protocol}" for version, protocol in CLIENTS])
def client(request: pytest.FixtureRequest) -> Client:
    """An npm client; without Node the tests are skipped, but not in CI."""
    version, protocol = request.param
    folder = installed(version)
    if isinstance(folder, TargetError):
        if os.environ.get("CI") and not (shutil.which("node") and shutil.which("npm")):
            pytest.fail(str(folder))
        pytest.skip(str(folder))
    return Client(version, protocol, folder)


def test_identity_lasts_as_long_as_its_token(client: Client, server: ServerProcess) -> None:
    seen = client.run("identity", server.uri)
    assert seen["protocol"] == f"{client.protocol}.bsatn.spacetimedb"
    assert len(seen["identity"]) == 64
    assert seen["identity"].startswith("c200")
    assert seen["again"] == seen["identity"]
    assert seen["keptToken"]
    assert seen["stranger"] != seen["identity"]
    assert seen["connections"] == 3


def test_a_token_is_exchanged_for_a_short_lived_one(client: Client, server: ServerProcess) -> None:
    seen = client.run("identity", server.uri)
    assert not seen["anonymousUrlHasToken"]
    assert seen["exchanged"]
    assert "Failed to verify token: Unauthorized" in seen["badToken"]["text"]
    assert "non-101" in seen["unknownDatabase"]["text"]


def test_a_client_that_disconnects_is_closed_cleanly(client: Client, server: ServerProcess) -> None:
    # 1000 or 1005: the client closes without a code, and gets back what it sent.
    assert client.run("identity", server.uri)["closeCode"] in (1000, 1005)


def test_overlapping_queries_tell_of_each_change_once(
    client: Client, server: ServerProcess
) -> None:
    seen = client.run("overlap", server.uri)
    story = [
        "insert 1 hp 100",
        "insert 2 hp 100",
        "insert 3 hp 100",
        "update 3 hp 100 to 3 hp 10",
        "update 3 hp 10 to 3 hp 10",  # alive changed, which the events do not show
        "delete 3 hp 10",
    ]
    for events in seen["seen"]:
        assert sorted(events[:2]) + events[2:] == story
    assert seen["held"] == [[1, 2], [1, 2]]


def test_rows_leave_with_the_last_subscription_to_them(
    client: Client, server: ServerProcess
) -> None:
    seen = client.run("overlap", server.uri)
    assert seen["leftByWide"] == [["delete 2 hp 100"]] * 2  # row 1 is alive: the other set has it
    assert seen["leftByNarrow"] == [["delete 1 hp 100"]] * 2
    assert seen["afterwards"] == [[], []]
    assert seen["active"] is False


def test_all_tables_at_once(client: Client, server: ServerProcess) -> None:
    seen = client.run("everything", server.uri)
    assert seen["seen"] == ["insert 0: -7", "insert 1: -7", "insert 2: -7"]
    assert seen["last"] == ["update 0: 100 to 0: 60", "update 1: 100 to 1: 140"]
    assert seen["balances"] == [60, 140]
    assert seen["gone"] is None


def test_errors_carry_the_text_of_the_module(client: Client, server: ServerProcess) -> None:
    seen = client.run("errors", server.uri)
    refused = "Failed" if client.protocol == "v1" else "SenderError"
    expected = {
        "funds": "insufficient funds",
        "account": "no such account 9",
        "item": "no such item 99",
        "update": "no such item 98",
        "empty": "message must not be empty",
        "reject": "because – of “this” 🎲",
    }
    assert {name: seen[name] for name in expected} == {
        name: {"kind": refused, "text": text} for name, text in expected.items()
    }
    assert "no such reducer" in seen["unknown"]["text"].lower()
    assert seen["unknown"]["kind"] == ("Failed" if client.protocol == "v1" else "InternalError")
    assert seen["duplicate"]


@pytest.mark.parametrize("compression", ["none", "gzip", "brotli"])
def test_ten_thousand_rows_in_one_batch(
    client: Client, server: ServerProcess, compression: str
) -> None:
    if compression == "brotli" and client.version.startswith("1."):
        pytest.skip("this generation of the client does not offer Brotli")
    seen = client.run("batch", server.uri, compression=compression)
    assert seen["count"] == 10_000
    assert seen["hp"] == -5_000
    assert seen["x"] == sum(i / 4 for i in range(10_000))
    assert seen["named"]
    assert seen["late"] == 10_000
    assert seen["counts"] == [{"insert": 10_000, "update": 0, "delete": 10_000}] * 2
    expected = {"none": [0], "gzip": [0, 2], "brotli": [0, 1]}[compression]
    assert seen["prefixes"] == [expected] * 3


def test_auto_increment_and_what_the_server_fills_in(client: Client, server: ServerProcess) -> None:
    seen = client.run("messages", server.uri)
    assert seen["texts"] == ["first", "zweite", "第三", "🎲" * 40, "last"]
    assert len(set(seen["ids"])) == 5
    assert sorted(seen["ids"]) == seen["ids"]
    assert seen["ids"][0] > 0
    assert seen["fromOne"] == [True, True, True, True, False]
    assert sorted(seen["micros"]) == seen["micros"]
    assert all(abs(sent - seen["now"]) < 600e6 for sent in seen["micros"])


def test_sql_errors_say_what_is_wrong_and_end_nothing(
    client: Client, server: ServerProcess
) -> None:
    seen = client.run("sqlErrors", server.uri)
    assert "no_such_table" in seen["unknownTable"]["text"]
    assert "colour" in seen["unknownColumn"]["text"]
    assert "nothing" in seen["oneOfTwo"]["text"]
    for refused in ("wrongType", "projection", "nonsense"):
        assert seen[refused]["text"]
    assert seen["alive"] == [7]


def test_the_query_builder_is_understood(client: Client, server: ServerProcess) -> None:
    seen = client.run("queries", server.uri)
    found: dict[str, Any] = {name: seen[name]["ids"] for name in seen if name != "finished"}
    # hp is ten times the id, even ids are alive, and every third is named "it's".
    assert found == {"and": [4, 6], "or": [1, 3, 6], "both": [1, 5], "id": [4], "twice": [3, 4]}
    assert " AND " in seen["both"]["text"]
    assert " OR " in seen["both"]["text"]
    assert "'it''s'" in seen["or"]["text"]


def test_a_semijoin_follows_both_tables(client: Client, server: ServerProcess) -> None:
    seen = client.run("join", server.uri)
    assert 'JOIN "message" ON' in seen["text"]
    changes = [event for event in seen["seen"] if not event.startswith("update")]
    assert changes == ["insert a", "insert b", "insert c", "delete b"]
    assert seen["left"] == ["a", "c"]


def test_a_thousand_calls_in_flight_are_answered_in_order(
    client: Client, server: ServerProcess
) -> None:
    seen = client.run("pipeline", server.uri)
    assert seen["answered"] == 1_000
    # The money lasts for 500 transfers.
    refused = [f"{i} insufficient funds" for i in range(500, 503)]
    assert seen["order"] == [498, 499, *refused]
    assert seen["balances"] == [[0, 0], [1, 2_000]]
