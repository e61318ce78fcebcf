"""Who can not publish: each try brings a program that would leave a mark, and none is left."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.client import running
from harness.module.program import CONTENT_TYPE, LIMIT, Program
from tests.e2e.http_client import Answer, ask, new_identity
from tests.e2e.publishing import Home, home, owner, put, rows, served
from tests.e2e.server import ServerProcess
from tests.e2e.test_publish_embedded import CHAT, USERS

__all__ = ["home"]

Try = Callable[[ServerProcess, Program], Answer]


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    program = Program("chat", {"chat.py": CHAT})
    with served(tmp_path_factory.mktemp("served"), program) as (found, _):
        yield found


@pytest.fixture
def server(chat: ServerProcess) -> Iterator[ServerProcess]:
    """Whatever is tried, it goes on as before."""
    yield chat
    assert rows(chat, "chat", USERS) == [[0, "first"]]
    assert chat.alive()


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "somebody was here"


@pytest.fixture
def trap(mark: Path) -> Program:
    """Fine in every way, and run as soon as it is imported."""
    return Program("chat", {"chat.py": f"open({str(mark)!r}, 'w').close()\n{CHAT}"})


def _by_query(server: ServerProcess, trap: Program) -> Answer:
    token = owner(server)["authorization"].split()[1]
    return put(server, "chat", trap, f"?token={token}", authorization="")


def _as_a_stranger(server: ServerProcess, trap: Program) -> Answer:
    return put(server, "chat", trap, authorization=f"Bearer {new_identity(server)[1]}")


def _with_a_short_token_of_a_stranger(server: ServerProcess, trap: Program) -> Answer:
    bearer = {"authorization": f"Bearer {new_identity(server)[1]}"}
    token = ask(server, "POST", "/v1/identity/websocket-token", None, bearer).json["token"]
    return put(server, "chat", trap, authorization=f"Bearer {token}")


def _forged(server: ServerProcess, trap: Program) -> Answer:
    head, payload, signature = owner(server)["authorization"].split(".")
    return put(server, "chat", trap, authorization=f"{head}.{payload}.{signature[::-1]}")


#: What is tried → the status that it gets.
TRIES: dict[str, tuple[Try, int]] = {
    "without a token": (lambda s, p: put(s, "chat", p, authorization=""), 401),
    "as a stranger": (_as_a_stranger, 403),
    "with a stranger's short token": (_with_a_short_token_of_a_stranger, 403),
    "with a forged token": (_forged, 401),
    "with the token in the URL": (_by_query, 401),
    "a new name as a stranger": (
        lambda s, p: put(s, "new", p, authorization=f"Bearer {new_identity(s)[1]}"), 403,
    ),
    "from a page": (lambda s, p: put(s, "chat", p, origin="https://evil.example"), 403),
    "from a page of the server's own": (lambda s, p: put(s, "chat", p, origin=s.http), 403),
    "from a sandboxed page": (lambda s, p: put(s, "chat", p, origin="null"), 403),
    "by a browser": (lambda s, p: put(s, "chat", p, sec_fetch_site="same-origin"), 403),
    "under a rebound name": (lambda s, p: put(s, "chat", p, host="evil.example:3000"), 403),
    "under a name like ours": (lambda s, p: put(s, "chat", p, host="127.0.0.1.evil.example"), 403),
    "as a form": (
        lambda s, p: put(s, "chat", p, content_type="application/x-www-form-urlencoded"), 415,
    ),
    "as plain text": (lambda s, p: put(s, "chat", p, content_type="text/plain"), 415),
    "as JSON": (lambda s, p: put(s, "chat", p, content_type="application/json"), 415),
}  # fmt: skip


@pytest.mark.parametrize("how", TRIES)
def test_nobody_else_publishes(how: str, server: ServerProcess, trap: Program, mark: Path) -> None:
    attempt, status = TRIES[how]
    answer = attempt(server, trap)
    assert answer.status == status, answer.text
    assert not mark.exists()
    token = owner(server)["authorization"].split()[1]
    assert token not in answer.text
    assert token not in server.errors()


@pytest.mark.parametrize("route", ["POST pre_publish", "PUT reset"])
@pytest.mark.parametrize("how", TRIES)
def test_nobody_else_plans_or_resets(
    how: str, route: str, server: ServerProcess, trap: Program, mark: Path
) -> None:
    method, _, last = route.partition(" ")

    def sent(
        found: ServerProcess, name: str, program: Program, query: str = "", **more: str
    ) -> Answer:
        headers = {"content-type": CONTENT_TYPE, **owner(found)}
        headers |= {k.replace("_", "-"): v for k, v in more.items()}
        given = {key: value for key, value in headers.items() if value}
        path = f"/v1/database/{name}/{last}{query}"
        return ask(found, method, path, program.encoded(), given)

    attempt, status = TRIES[how]
    patch = pytest.MonkeyPatch()
    patch.setitem(globals(), "put", sent)
    try:
        answer = attempt(server, trap)
    finally:
        patch.undo()
    assert answer.status == status, answer.text
    assert not mark.exists()


def test_the_trap_works(server: ServerProcess, trap: Program, mark: Path) -> None:
    """Were it not refused, the mark would be there."""
    assert put(server, "chat", trap).status == 200
    assert mark.exists()


@pytest.mark.parametrize("how", [x for x in TRIES if not x.startswith("as ") or "stranger" in x])
def test_nobody_else_deletes(how: str, server: ServerProcess) -> None:
    seen: list[dict[str, str]] = []

    def deleted(
        found: ServerProcess, name: str, program: object, query: str = "", **more: str
    ) -> Answer:
        headers = {**owner(found), **{k.replace("_", "-"): v for k, v in more.items()}}
        seen.append(headers)
        sent = {key: value for key, value in headers.items() if value}
        return ask(found, "DELETE", f"/v1/database/chat{query}", None, sent)

    patch = pytest.MonkeyPatch()
    patch.setitem(globals(), "put", deleted)
    try:
        answer = TRIES[how][0](server, Program("x", {"x.py": ""}))
    finally:
        patch.undo()
    assert seen
    assert answer.status in (401, 403), answer.text


def test_a_preflight_gives_no_leave_that_helps(server: ServerProcess, trap: Program) -> None:
    """Pages may read and call, as on every server; what they may not is refused when sent."""
    asked = {"origin": "https://evil.example", "access-control-request-method": "PUT"}
    assert ask(server, "OPTIONS", "/v1/database/chat", None, asked).status == 200
    assert put(server, "chat", trap, origin="https://evil.example").status == 403


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
def test_a_server_that_others_can_reach(listen: str, home: Home, trap: Program, mark: Path) -> None:
    arguments = ["--listen", listen, "--in-memory"]
    try:
        first = ServerProcess(arguments)
        first.__enter__()
    except AssertionError as error:
        pytest.skip(f"cannot listen on {listen} here: {str(error)[:80]}")
    try:
        local = _local(first)
        answer = put(local, "chat", trap)
        assert answer.status == 403
        assert "started with --publish-from anywhere" in answer.text
        assert not mark.exists()
    finally:
        first.__exit__()
    with ServerProcess([*arguments, "--publish-from", "anywhere"]) as second:
        local = _local(second)
        assert put(local, "chat", trap, authorization="").status == 401
        assert not mark.exists()
        assert put(local, "chat", trap).status == 200


def _local(server: ServerProcess) -> ServerProcess:
    """The same server by its loopback address."""
    port = server.address[1]
    host = "[::1]" if "[" in server.uri else "127.0.0.1"
    server.uri = f"http://{host}:{port}"
    return server


def test_nowhere(home: Home, trap: Program, mark: Path) -> None:
    with home.server("--publish-from", "nowhere") as server:
        assert running.owner_of(server.http) is None
        token = (home.data / "owner.token").read_text()
        answer = put_as(server, trap, token)
        assert (answer.status, "nowhere" in answer.text) == (403, True)
        assert not mark.exists()
        code, _, err = home.harness("publish", "chat", "-m", "x.py", "-s", server.http)
        assert code == 1
        assert "x.py" in err


def put_as(server: ServerProcess, program: Program, token: str) -> Answer:
    headers = {"content-type": CONTENT_TYPE, "authorization": f"Bearer {token}"}
    return ask(server, "PUT", "/v1/database/chat", program.encoded(), headers)


def test_the_owners_token_lies_where_only_the_owner_reads(home: Home) -> None:
    with home.server() as server:
        path = running.path_for(server.http)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        for private in ("owner.token", "id_ecdsa.pem"):
            assert stat.S_IMODE((home.data / private).stat().st_mode) == 0o600
        assert stat.S_IMODE((home.data / "programs").stat().st_mode) == 0o700
        assert server.stop() == 0
    assert not path.exists()


def test_a_token_is_good_for_one_run_only(home: Home, trap: Program, mark: Path) -> None:
    """Whoever listens at a dead server's address, and is sent the token, gains nothing by it."""
    with home.server() as server:
        token = owner(server)["authorization"].split()[1]
        server.kill()
        assert running.owner_of(server.http) is None, "the process is gone"
    with home.server() as server:
        answer = put_as(server, trap, token)
        assert (answer.status, answer.text) == (
            401, "the token was good for an earlier run of this server",
        )  # fmt: skip
        assert not mark.exists()
        lasting = (home.data / "owner.token").read_text()
        assert put_as(server, trap, lasting).status == 200


MANY = b",".join(b'"a%d.py":""' % number for number in range(2_000))

#: Programs that cannot be laid out as files: what is sent, and what is said of it.
HOSTILE: dict[str, bytes] = {
    "up": b'{"entry":"a","files":{"a.py":"","../b.py":""}}',
    "absolute": b'{"entry":"a","files":{"a.py":"","/tmp/b.py":""}}',
    "of Windows": rb'{"entry":"a","files":{"a.py":"","..\\b.py":""}}',
    "another ending": b'{"entry":"a","files":{"a.py":"","b.pth":""}}',
    "hidden": b'{"entry":"a","files":{"a.py":"",".b.py":""}}',
    "a NUL": b'{"entry":"a","files":{"a.py":"","b\\u0000.py":""}}',
    "capitals": b'{"entry":"a","files":{"a.py":"","A.py":""}}',
    "a file as a folder": b'{"entry":"a","files":{"a.py":"","a.py/d.py":""}}',
    "no entry": b'{"entry":"b","files":{"a.py":""}}',
    "a deep one": b'{"entry":"a","files":{"a.py":"","' + b"b/" * 99 + b'b.py":""}}',
    "nothing": b'{"entry":"a","files":{}}',
    "half a character": b'{"entry":"a","files":{"a.py":"\xff"}}',
    "half a surrogate": b'{"entry":"a","files":{"a.py":"\\ud800"}}',
    "another form": b'{"entry":"a","files":{"a.py":""},"form":2}',
    "more fields": b'{"entry":"a","files":{"a.py":""},"mode":511}',
    "no JSON": b"PK\x03\x04",
    "no bytes": b"",
    "deep JSON": b"[" * 100_000,
    "many files": b'{"entry":"a","files":{%s}}' % MANY,
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_document_that_is_a_trap(what: str, server: ServerProcess, tmp_path: Path) -> None:
    before = {path for path in tmp_path.rglob("*") if path.suffix in (".py", ".pth")}
    answer = put(server, "chat", HOSTILE[what])
    assert answer.status == 400, answer.text
    assert answer.text.startswith("the program")
    assert answer.text.count("\n") == 0
    assert {path for path in tmp_path.rglob("*") if path.suffix in (".py", ".pth")} == before


def test_a_document_that_is_too_large(server: ServerProcess) -> None:
    large = Program("a", {"a.py": "#" * (LIMIT + 1)})
    assert put(server, "chat", large).status == 413


def test_webassembly(server: ServerProcess) -> None:
    answer = put(server, "chat", b"\0asm\1\0\0\0")
    assert answer.status == 400
    assert "publish the source with harness publish NAME -m MODULE" in answer.text
