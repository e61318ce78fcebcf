"""The HTTP routes, by table: what is asked, and the status and words that answer it.

Where SpacetimeDB 1.2 and 2.8 differ, the newer one is followed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.http_client import JSON, ask, call, new_identity, rows, sql
from tests.e2e.peer import V1, V2, V3, Peer, handshake
from tests.e2e.server import BENCH, ServerProcess

DB = "/v1/database/bench"
NOBODY = "c200" + "0" * 60
ITEM = [1, 1.5, -2.25, 0.0, 100, True, "sword"]
TWO_MIB = 2 * 1024 * 1024

REQUESTS = [
    # method, path, headers, body → status, what the body has
    ("GET", "/v1/ping", {}, None, 200, ""),
    ("GET", "/v1/ping", {"authorization": "Bearer a.b.c"}, None, 401, ""),
    ("GET", "/v1/ping", {"authorization": "Basic eHl6"}, None, 400, "malformed token"),
    ("GET", "/v1/health", {}, None, 200, '"version"'),
    ("GET", "/v1/metrics", {}, None, 200, "# TYPE"),
    ("GET", "/v1/identity/public-key", {}, None, 200, "BEGIN PUBLIC KEY"),
    ("POST", "/v1/identity/websocket-token", {}, None, 401, "Authorization required"),
    ("GET", f"/v1/identity/{NOBODY}/verify", {}, None, 401, ""),
    ("GET", f"/v1/identity/{NOBODY}/databases", {}, None, 200, '{"identities":[]}'),
    ("GET", "/v1/nothing", {}, None, 404, ""),
    ("GET", "/", {}, None, 404, ""),
    ("GET", "/v1/database/nowhere", {}, None, 404, "`nowhere` not found"),
    ("GET", f"/v1/database/{NOBODY}", {}, None, 404, "No such database."),
    ("GET", f"{DB}/identity", {}, None, 200, ""),
    ("GET", f"{DB}/names", {}, None, 200, '{"names":["bench"]}'),
    ("GET", f"{DB}/schema?version=9", {}, None, 200, '"typespace"'),
    ("GET", f"{DB}/schema?version=10", {}, None, 200, '"sections"'),
    ("GET", f"{DB}/schema", {}, None, 400, ""),
    ("GET", f"{DB}/schema?version=11", {}, None, 400, ""),
    ("GET", f"{DB}/unstable/timestamp", {}, None, 200, "__timestamp_micros_since_unix_epoch__"),
    # calls
    ("POST", f"{DB}/call/noop", JSON, "[]", 200, ""),
    ("POST", f"{DB}/call/noop", JSON, "{}", 200, ""),
    ("POST", f"{DB}/call/seed_accounts", JSON, '{"count": 2, "balance": 5}', 200, ""),
    ("POST", f"{DB}/call/reject", JSON, '["no such luck"]', 530, "no such luck"),
    ("POST", f"{DB}/call/delete_item", JSON, "[987654]", 530, "no such item 987654"),
    ("POST", f"{DB}/call/nothing", JSON, "[]", 404, "nothing"),
    ("GET", f"{DB}/call/noop", {}, None, 405, ""),
    ("POST", f"{DB}/call/noop", JSON, "[1]", 400, ""),
    ("POST", f"{DB}/call/noop", JSON, "[", 400, ""),
    ("POST", f"{DB}/call/noop", JSON, b"\xff", 400, ""),
    ("POST", f"{DB}/call/noop", JSON, "[" * 100_000, 400, ""),
    ("POST", f"{DB}/call/transfer", JSON, '["a", 1, 1]', 400, ""),
    ("POST", f"{DB}/call/transfer", JSON, "[-1, 1, 1]", 400, ""),
    ("POST", f"{DB}/call/transfer", JSON, "[0, 1]", 400, ""),
    ("POST", f"{DB}/call/noop", {}, "[]", 400, ""),
    ("POST", f"{DB}/call/noop", {"content-type": "text/plain"}, "[]", 415, ""),
    ("POST", f"{DB}/call/noop", {"content-type": "application/json; charset=utf-8"}, "[]", 415, ""),
    ("POST", "/v1/database/nowhere/call/noop", JSON, "[]", 404, "`nowhere` not found"),
    # SQL
    ("POST", f"{DB}/sql", {}, "SELECT COUNT(*) AS n FROM item", 200, '"rows":[['),
    ("POST", f"{DB}/sql", {}, "SELECT COUNT(*) FROM item", 400, ""),
    ("POST", f"{DB}/sql", {}, "SELECT * FROM no_such_table", 400, "no_such_table"),
    ("POST", f"{DB}/sql", {}, "SELECT colour FROM item", 400, "colour"),
    ("POST", f"{DB}/sql", {}, "SELECT", 400, ""),
    ("POST", f"{DB}/sql", {}, "", 400, ""),
    ("POST", f"{DB}/sql", {}, b"\xff\xfe", 400, ""),
    ("POST", f"{DB}/sql", {}, "(" * 50_000, 400, ""),
    ("GET", f"{DB}/sql", {}, None, 405, ""),
    ("POST", "/v1/database/nowhere/sql", {}, "SELECT * FROM item", 404, "`nowhere` not found"),
    # sizes
    ("GET", "/v1/ping", {"x-long": "y" * 100_000}, None, 200, ""),
    ("GET", "/v1/ping", {"x-long": "y" * 1_000_000}, None, 431, ""),
    ("GET", "/v1/ping", {f"x-{i}": "y" for i in range(1_000)}, None, 431, ""),
    ("GET", "/v1/ping?" + "y" * 200_000, {}, None, 414, ""),
]


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "has"),
    REQUESTS,
    ids=[f"{i}-{row[0]}-{row[1][:40]}-{row[4]}" for i, row in enumerate(REQUESTS)],
)
def test_request(
    server: ServerProcess,
    method: str,
    path: str,
    headers: dict[str, str],
    body: str | bytes | None,
    status: int,
    has: str,
) -> None:
    answer = ask(server, method, path, body, headers)
    assert (answer.status, has in answer.text) == (status, True), answer.text[:2_000]


UPGRADES = [
    # subprotocols, path after the database, other headers → status line has, body has
    (V1, "/subscribe", [], 101, ""),
    (V2, "/subscribe", [], 101, ""),
    (V3, "/subscribe", [], 101, ""),
    (f"{V1}, {V2}", "/subscribe?compression=Gzip", [], 101, ""),
    ("v1.json.spacetimedb", "/subscribe", [], 101, ""),
    ("v9.bsatn.spacetimedb", "/subscribe", [], 400, "no valid protocol selected"),
    (None, "/subscribe", [], 400, "no valid protocol selected"),
    (V3, "/subscribe?compression=gzip", [], 400, ""),
    (V3, "/subscribe?confirmed=maybe", [], 400, ""),
    (V3, "/subscribe?connection_id=" + "0" * 32, [], 400, ""),
    (V3, "/subscribe?connection_id=xyz", [], 400, ""),
    (V3, "/subscribe?token=nonsense", [], 401, ""),
    (V3, "/subscribe", ["Authorization: Bearer nonsense"], 401, ""),
    (V3, "/subscribe", ["Authorization: nonsense"], 400, ""),
]


@pytest.mark.parametrize(("offered", "path", "headers", "status", "has"), UPGRADES)
def test_upgrade(
    server: ServerProcess, offered: str | None, path: str, headers: list[str], status: int, has: str
) -> None:
    with Peer(server.address) as peer:
        peer.send(handshake(DB + path, subprotocol=offered, headers=headers))
        head = peer.read_until(b"\r\n\r\n").decode()
        assert head.startswith(f"HTTP/1.1 {status} "), head
        if status == 101:
            assert "spacetime-identity: c200" in head.lower()
            assert "spacetime-identity-token: " in head.lower()
        else:
            assert has in peer.read_all().decode()


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(f"{V1}, {V2}, {V3}", V3), (f"{V1}, {V2}", V2), (f"v1.json.spacetimedb, {V1}", V1)],
)
def test_the_server_prefers_the_newest_protocol(
    server: ServerProcess, offered: str, chosen: str
) -> None:
    with Peer(server.address) as peer:
        peer.send(handshake(subprotocol=offered))
        head = peer.read_until(b"\r\n\r\n").decode().lower()
        assert re.findall(r"sec-websocket-protocol: (\S+)", head) == [chosen]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"GET ", b"POST "), 405),
        ((b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8"), 400),
        ((b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Key: !"), 400),
        ((b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Kay: "), 400),
        ((b"Upgrade: websocket\r\n", b""), 426),
        ((b"/bench/", b"/nowhere/"), 404),
    ],
)
def test_a_wrong_handshake_is_answered(
    server: ServerProcess, change: tuple[bytes, bytes], status: int
) -> None:
    with Peer(server.address) as peer:
        peer.send(handshake().replace(*change))
        head = peer.read_until(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status} ".encode()), head


@pytest.mark.parametrize("route", ["call/reject", "sql"])
class TestBodiesOverTheLimit:
    """Refused at the first byte too many, with nothing of ours left unread."""

    def refusal(self, server: ServerProcess, data: bytes) -> bytes:
        with Peer(server.address) as peer:
            peer.send(data)
            return peer.read_until(b"\r\n\r\n")

    def head(self, route: str, last: str) -> bytes:
        kind = "Content-Type: application/json"
        return f"POST {DB}/{route} HTTP/1.1\r\nHost: x\r\n{kind}\r\n{last}\r\n\r\n".encode()

    def test_by_what_is_announced(self, server: ServerProcess, route: str) -> None:
        head = self.head(route, f"Content-Length: {TWO_MIB + 1}")
        assert self.refusal(server, head).startswith(b"HTTP/1.1 413 ")

    def test_by_what_comes(self, server: ServerProcess, route: str) -> None:
        head = self.head(route, "Transfer-Encoding: chunked")
        chunks = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
        answer = self.refusal(server, head + chunks * 2 + b"1\r\nx\r\n")
        assert answer.startswith(b"HTTP/1.1 413 ")

    def test_the_limit_itself_is_fine(self, server: ServerProcess, route: str) -> None:
        head = self.head(route, f"Content-Length: {TWO_MIB}")
        text = b'["' + b"x" * (TWO_MIB - 4) + b'"]'
        answer = self.refusal(server, head + text)
        assert answer.startswith((b"HTTP/1.1 530 ", b"HTTP/1.1 400 ")), answer


def test_an_identity_is_kept_by_its_token(server: ServerProcess) -> None:
    identity, token = new_identity(server)
    bearer = {"authorization": f"Bearer {token}"}
    for path in (f"{DB}/names?x=1", f"{DB}/schema?version=9"):
        assert ask(server, "GET", path, headers=bearer).headers["spacetime-identity"] == identity
    in_url = ask(server, "GET", f"{DB}/names?token={token}")
    assert in_url.headers["spacetime-identity"] == identity
    assert ask(server, "GET", f"/v1/identity/{identity}/verify", headers=bearer).status == 204
    assert ask(server, "GET", f"/v1/identity/{NOBODY}/verify", headers=bearer).status == 400
    answer = ask(server, "POST", "/v1/identity/websocket-token", headers=bearer)
    short = answer.json["token"]
    assert short != token
    again = ask(server, "GET", f"{DB}/names", headers={"authorization": f"Bearer {short}"})
    assert again.headers["spacetime-identity"] == identity


def test_without_a_token_everybody_is_new(server: ServerProcess) -> None:
    seen = {ask(server, "GET", f"{DB}/names").headers["spacetime-identity"] for _ in range(3)}
    assert len(seen) == 3


def test_browsers_may_ask_first(server: ServerProcess) -> None:
    answer = ask(
        server,
        "OPTIONS",
        "/v1/identity/websocket-token",
        headers={
            "origin": "http://localhost:8080",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization",
        },
    )
    assert answer.status in (200, 204)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "authorization" in answer.headers["access-control-allow-headers"]


def test_a_database_is_found_by_its_identity_too(server: ServerProcess) -> None:
    identity = ask(server, "GET", f"{DB}/identity").text
    assert re.fullmatch("[0-9a-f]{64}", identity)
    info = ask(server, "GET", f"/v1/database/{identity}").json
    assert info["database_identity"] == {"__identity__": f"0x{identity}"}
    assert ask(server, "GET", f"/v1/database/0x{identity}/names").json == {"names": ["bench"]}


def test_rows_come_back_as_sql(server: ServerProcess) -> None:
    assert call(server, "clear_items").status == 200
    assert call(server, "insert_item", *ITEM).status == 200
    answer = sql(server, "SELECT * FROM item")
    assert answer.status == 200, answer.text
    (table,) = answer.json
    names = [element["name"]["some"] for element in table["schema"]["elements"]]
    assert names == ["id", "x", "y", "z", "hp", "alive", "name"]
    assert table["rows"] == [ITEM]
    assert table["total_duration_micros"] >= 0
    assert rows(server, "SELECT name, hp FROM item WHERE id = 1") == [["sword", 100]]
    assert rows(server, "SELECT COUNT(*) AS n FROM item WHERE hp > 100") == [[0]]


def test_a_number_beyond_f32_becomes_infinity_and_shows_as_null(server: ServerProcess) -> None:
    call(server, "clear_items")
    assert call(server, "insert_item", 2, 1e300, -1e300, 0.1, 1, False, "far").status == 200
    ((x, y, z),) = rows(server, "SELECT x, y, z FROM item WHERE id = 2")
    assert (x, y) == (None, None)
    assert z == pytest.approx(0.1, rel=1e-6)


def test_a_failed_call_changes_nothing(server: ServerProcess) -> None:
    call(server, "seed_accounts", 2, 10)
    answer = call(server, "transfer", 0, 1, 11)
    assert (answer.status, answer.text) == (530, "insufficient funds")
    found = rows(server, "SELECT * FROM account")
    assert sorted(found) == [[0, 10], [1, 10]]


def test_calls_tell_how_long_they_took(server: ServerProcess) -> None:
    headers = call(server, "noop").headers
    assert int(headers["spacetime-execution-duration-micros"]) >= 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", DB, b"\0asm"),
        ("DELETE", DB, None),
        ("GET", f"{DB}/logs", None),
    ],
)
def test_strangers_may_not(
    server: ServerProcess, method: str, path: str, body: bytes | None
) -> None:
    _, token = new_identity(server)
    answer = ask(server, method, path, body, {"authorization": f"Bearer {token}"})
    assert answer.status == 403, answer.text
    assert rows(server, "SELECT * FROM account") is not None


def test_strangers_may_not_write_by_sql(server: ServerProcess) -> None:
    call(server, "seed_accounts", 1, 10)
    _, token = new_identity(server)
    for statement in (
        "INSERT INTO account (id, balance) VALUES (7, 7)",
        "UPDATE account SET balance = 1000",
        "DELETE FROM account",
    ):
        assert sql(server, statement, token).status in (400, 401, 403), statement
    assert rows(server, "SELECT * FROM account") == [[0, 10]]


def test_requests_may_follow_each_other_on_one_connection(server: ServerProcess) -> None:
    request = b"GET /v1/ping HTTP/1.1\r\nHost: x\r\n\r\n"
    with Peer(server.address) as peer:
        peer.send(request * 20)
        for _ in range(20):
            assert peer.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


class TestOwner:
    """What only the owner may: whoever can read the data directory."""

    @pytest.fixture
    def owned(self, tmp_path: Path) -> Iterator[tuple[ServerProcess, str]]:
        with ServerProcess([BENCH, "--data-dir", str(tmp_path)]) as server:
            yield server, (tmp_path / "owner.token").read_text().strip()
            assert server.stop() == 0

    def test_writes_by_sql(self, owned: tuple[ServerProcess, str]) -> None:
        server, token = owned
        call(server, "seed_accounts", 2, 10)
        changes = [
            ("INSERT INTO account (id, balance) VALUES (7, 7)", [[0, 10], [1, 10], [7, 7]]),
            ("UPDATE account SET balance = 3 WHERE id = 1", [[0, 10], [1, 3], [7, 7]]),
            ("DELETE FROM account WHERE balance > 5", [[1, 3]]),
        ]
        for statement, left in changes:
            answer = sql(server, statement, token)
            assert answer.status == 200, answer.text
            assert sorted(rows(server, "SELECT * FROM account")) == left

    def test_reads_the_logs(self, owned: tuple[ServerProcess, str]) -> None:
        server, token = owned
        bearer = {"authorization": f"Bearer {token}"}
        answer = ask(server, "GET", f"{DB}/logs?num_lines=10", headers=bearer)
        assert answer.status == 200, answer.text
        for line in answer.text.splitlines():
            assert {"level", "ts", "message"} <= json.loads(line).keys()
