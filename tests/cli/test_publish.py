"""``harness publish`` against servers that say whatever the script has."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import main
from harness.cli.sources import COMPONENT, CORE
from harness.client import credentials, publishing, running
from harness.errors import ConnectError
from harness.module import program
from tests.cli.scripted import DATABASE, TOKEN, Scripted, scripted, success
from tests.cli.somebody import Terminal, unknown

WASM = CORE + b"rest"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    unknown(tmp_path, monkeypatch)
    (tmp_path / "chat.wasm").write_bytes(WASM)


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as found:
        yield found


def say(
    server: Scripted | str, capsys: pytest.CaptureFixture[str], *more: str, name: str = "chat"
) -> tuple[int, str, str]:
    """The exit code, and what went to stdout and stderr; never the token."""
    uri = server if isinstance(server, str) else server.uri
    given = () if {"-b", "-m"} & set(more) else ("-b", "chat.wasm")
    code = main(["publish", name, "-s", uri, *given, *more])
    out, err = capsys.readouterr()
    assert TOKEN not in out + err
    assert "Traceback" not in err
    return code, out, err


def test_created_then_updated(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = say(server, capsys)
    assert (code, out) == (0, f"Created new database chat, identity: {DATABASE}\n")
    assert err == (
        f"{server.uri} knows you from now on as {'ab' * 32}; kept in "
        f"{credentials.path_for(server.uri)}\n"
    )
    server.answers["PUT /v1/database/chat"] = success("updated")
    code, out, err = say(server, capsys)
    assert (code, out, err) == (0, f"Updated database chat, identity: {DATABASE}\n", "")
    wanted = ("PUT /v1/database/chat?clear=false", f"Bearer {TOKEN}", WASM)
    assert server.published() == [wanted, wanted]
    assert [x[0] for x in server.asked].count("POST /v1/identity") == 1


@pytest.mark.parametrize("variable", credentials.VARIABLES)
def test_the_token_of_the_environment(
    variable: str, server: Scripted, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(variable, f"{TOKEN}x")
    assert say(server, capsys)[0] == 0
    assert server.published()[0][1] == f"Bearer {TOKEN}x"
    assert credentials.kept(server.uri) is None
    assert "POST /v1/identity" not in [x[0] for x in server.asked]
    # It is shown to nobody but whom it is for.
    assert {x[1] for x in server.asked if "/v1/database/" not in x[0]} == {None}
    server.answers["PUT /v1/database/chat"] = (401, "TokenError")
    code, _, err = say(server, capsys)
    assert (code, err) == (
        1,
        f"harness: the server does not accept the token in {variable}; set {variable} to one that "
        "it gave out\n",
    )


@pytest.mark.parametrize("words", [["town/chat"], ["chat", "--parent", "town"],
                                   ["town/chat", "--parent", "town"]])  # fmt: skip
def test_below_another_database(
    words: list[str], server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *more = words
    assert say(server, capsys, *more, name=name)[0] == 0
    assert server.published()[0][0] == "PUT /v1/database/chat?clear=false&parent=town"


def test_two_parents(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = say(server, capsys, "--parent", "city", name="town/chat")
    assert (code, err) == (
        1, "harness: --parent is city, and town/chat is below town: keep one\n"
    )  # fmt: skip
    server.answers["GET /v1/health"] = (200, '{"package_name": "spacetimedb-harness"}')
    code, _, err = say(server, capsys, name="town/chat")
    assert code == 1
    assert "has no database below another; publish chat without a parent" in err
    assert server.published() == []


def test_anonymous_keeps_nothing(
    server: Scripted, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACETIMEDB_TOKEN", "mine")
    assert say(server, capsys, "--anonymous") == (
        0, f"Created new database chat, identity: {DATABASE}\n", ""
    )  # fmt: skip
    assert server.published()[0][1] == f"Bearer {TOKEN}"
    assert credentials.kept(server.uri) is None


OTHER = (
    "harness: the database chat belongs to another identity; publish under another name, or with "
    "its owner's token in SPACETIMEDB_TOKEN\n"
)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, "Permission denied: `c2` does not own database `c2`", OTHER),
        (403, "c2 is not authorized", OTHER),
        (401, '{"PermissionDenied":{"name":"chat"}}', OTHER),
        (403, "Database is locked", "harness: chat is locked; `harness unlock chat` first\n"),
        (400, "Database update rejected: Errors:\nRemoving the table a\n\nReordering b\n\n",
         "harness: Database update rejected: Errors: Removing the table a; Reordering b; "
         "--clear publishes all the same and deletes the data\n"),
        (400, "Failed to create or update the database: x",
         "harness: Failed to create or update the database: x; --clear publishes all the same and "
         "deletes the data\n"),
        (400, "Invalid URL", "harness: the server refused with status 400: Invalid URL\n"),
        (500, "abi version 10.1 is not supported",
         "harness: the server refused with status 500: abi version 10.1 is not supported\n"),
        (503, "", "harness: the server refused with status 503: it said nothing\n"),
        (500, f"your header was Bearer {TOKEN}\x1b[31m\x07",
         "harness: the server refused with status 500: your header was Bearer … [31m\n"),
        (200, "{}", "does not say that the database was created or updated\n"),
        (200, '{"Success":7}', "does not say that the database was created or updated\n"),
        (200, '{"Success":{"database_identity":"\\u001b[0m","op":"created"}}',
         "does not say that the database was created or updated\n"),
        (200, "<html>", "makes no sense: it is no object\n"),
        (200, "[]", "makes no sense: it is no object\n"),
    ],
)  # fmt: skip
def test_one_sentence_for_each_refusal(
    status: int, body: str, said: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    say(server, capsys)
    server.answers["PUT /v1/database/chat"] = (status, body)
    code, out, err = say(server, capsys)
    assert (code, out) == (1, "")
    assert err.endswith(said)
    assert err.count("\n") == 1


def test_a_long_text_is_cut(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    say(server, capsys)
    server.answers["PUT /v1/database/chat"] = (500, "x" * 100_000)
    assert len(say(server, capsys)[2]) < 1000


def test_a_kept_identity_of_an_earlier_server(
    server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server with new keys does not know those whom it knew before."""
    say(server, capsys)
    path = credentials.path_for(server.uri)
    server.answers["PUT /v1/database/chat"] = (401, "TokenError(Error(InvalidSignature))")
    code, _, err = say(server, capsys)
    assert (code, err) == (
        1,
        f"harness: the server does not accept the identity in {path}; delete that file to get a "
        "new identity\n",
    )
    path.unlink()
    server.answers["PUT /v1/database/chat"] = success("created")
    assert say(server, capsys)[0] == 0


EMBEDDED = (200, '{"package_name":"spacetimedb-harness"}')
CHAT = (
    "from harness.module import ReducerContext, reducer\n"
    "@reducer\ndef add(ctx: ReducerContext) -> None:\n    x = {1: 2}  # would not compile\n"
)


@pytest.fixture
def embedded(server: Scripted) -> Iterator[Scripted]:
    """One that says it is a server of `harness start`, and whose owner we are."""
    Path("chat.py").write_text(CHAT)
    server.answers["GET /v1/health"] = EMBEDDED
    path = running.announce(server.uri, "ab" * 32, TOKEN)
    yield server
    running.withdraw(path)


def test_the_embedded_server_is_sent_the_source(
    embedded: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    found = say(embedded, capsys, "-m", "chat.py")
    assert found == (0, f"Created new database chat, identity: {DATABASE}\n", "")
    ((_, authorization, body),) = embedded.published()
    assert authorization == f"Bearer {TOKEN}"
    assert program.decoded(body) == program.Program("chat", {"chat.py": CHAT})
    assert "POST /v1/identity" not in [x[0] for x in embedded.asked]


MIGRATION = "Database update rejected: the new column 'x' has no default"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, "the token was good for an earlier run",
         "the server does not accept the owner's token of the server that runs there; start the "
         "server again\n"),
        (403, "c2 is not authorized: only who started this server may publish",
         "only who started this server may publish to it, and the owner's token of the server that "
         "runs there is not that user's; publish from the account that it runs under, without "
         "SPACETIMEDB_TOKEN and --anonymous\n"),
        (403, "this server listens on 0.0.0.0", "this server listens on 0.0.0.0\n"),
        (400, MIGRATION, f"{MIGRATION}; --clear publishes all the same and deletes the data\n"),
        (400, "chat.py:1: wrong\nchat.py:2: wrong", "chat.py:1: wrong chat.py:2: wrong\n"),
        (503, "", "the server refused with status 503: it said nothing\n"),
    ],
)  # fmt: skip
def test_what_the_embedded_server_refuses(
    status: int, body: str, said: str, embedded: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    embedded.answers["PUT /v1/database/chat"] = (status, body)
    assert say(embedded, capsys, "-m", "chat.py") == (1, "", f"harness: {said}")


def test_webassembly_is_nothing_for_the_embedded_server(
    embedded: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert say(embedded, capsys) == (
        1, "", f"harness: {embedded.uri} is a server of `harness start`, which runs Python modules "
        "from their source: publish the source with --module MODULE\n",
    )  # fmt: skip
    assert embedded.published() == []


def test_a_server_of_another_user(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """No identity is made for nothing, and none that other servers gave is shown to it."""
    Path("chat.py").write_text(CHAT)
    server.answers["GET /v1/health"] = EMBEDDED
    credentials.keep(server.uri, "ab" * 32, TOKEN)
    code, out, err = say(server, capsys, "-m", "chat.py")
    assert (code, out) == (1, "")
    assert err.startswith(f"harness: {server.uri} takes modules from who started it only, and no ")
    assert {x[1] for x in server.asked} == {None}
    assert "POST /v1/identity" not in [x[0] for x in server.asked]


def test_nobody_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "STARTING_S", 0.001)
    monkeypatch.setattr(publishing, "_AGAIN_S", 0.001)
    with socket.socket() as held:  # bound, so that nobody else takes it, and not listening
        held.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{held.getsockname()[1]}"
        code, out, err = say(uri, capsys)
    assert (code, out) == (1, "")
    assert err == (
        f"nobody answers at {uri} yet; waiting 0.001 s\n"
        f"harness: nobody answers at {uri} (Connection refused); start a server there "
        f"(`harness start --listen {uri.removeprefix('http://')}`), or name another with "
        "--server\n"
    )
    assert credentials.kept(uri) is None


class Starting:
    """Stands for the HTTP client, at a server that listens when it was asked a few times."""

    def __init__(self, refusals: int) -> None:
        self.refusals, self.asked = refusals, 0
        self.waited: list[float] = []

    def __call__(self, uri: str, timeout_s: float) -> Starting:
        return self

    async def __aenter__(self) -> Starting:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def ping(self) -> None:
        self.asked += 1
        if self.asked <= self.refusals:
            raise ConnectError("cannot be reached") from OSError(errno.ECONNREFUSED, "refused")

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


@pytest.mark.parametrize(
    ("uri", "refusals", "asked"),
    [
        ("http://127.0.0.1:3000", 3, 4),
        ("http://127.0.0.1:3000", 99, 6),
        ("http://db.example.org", 99, 1),
    ],
)
def test_a_server_here_may_be_starting(
    uri: str, refusals: int, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Starting(refusals)
    told: list[str] = []
    monkeypatch.setattr(publishing, "Http", server)
    reaching = publishing.reach(
        uri, starting_s=0.5, waiting=lambda: told.append("waiting"), sleep=server.sleep
    )
    if asked > refusals:
        asyncio.run(reaching)
    else:
        with pytest.raises(ConnectError, match="nobody answers"):
            asyncio.run(reaching)
    assert (server.asked, server.waited) == (asked, [0.1] * (asked - 1))
    assert told == ["waiting"][: asked - 1]


def test_something_else_answers(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["GET /v1/ping"] = (404, "a shop")
    code, _, err = say(server, capsys)
    assert (code, err) == (
        1, f"harness: what answers at {server.uri} is no SpacetimeDB server: its status is 404\n"
    )  # fmt: skip
    server.answers["GET /v1/ping"] = (200, "")
    for body, said in [("{}", "its answer makes no sense"), ("<", "its answer makes no sense")]:
        server.answers["POST /v1/identity"] = (200, body)
        code, _, err = say(server, capsys)
        assert (code, err) == (1, f"harness: {server.uri} gives no identity: {said}\n")
    server.answers["POST /v1/identity"] = (500, "no")
    assert "gives no identity: its status is 500\n" in say(server, capsys)[2]
    assert server.published() == []


@pytest.mark.parametrize("token", ["", "two words", "a\r\nX-Header: b"])
def test_an_identity_without_a_usable_token(
    token: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["POST /v1/identity"] = (200, json.dumps({"identity": "a", "token": token}))
    code, _, err = say(server, capsys)
    assert code == 1
    assert "the server gave an identity without a usable token" in err
    assert credentials.kept(server.uri) is None


def test_an_answer_that_is_lost(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["PUT /v1/database/chat"] = None
    code, _, err = say(server, capsys)
    assert code == 1
    assert re.search(r"was lost \(.+\): whether chat was published is unknown; publish again", err)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("Chat", "chat"), ("my_chat", "my-chat"), ("a--b", "a-b"), ("a-", "a"),
     ("a/b c", "b-c"), ("A/b", "a"), ("a/b/c", "a-b"),
         ("a b", "a-b"), ("é1", "1"), ("a\n", "a"), ("", None), ("_", None)],
)  # fmt: skip
def test_names_that_no_server_takes(
    name: str, hint: str | None, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = say(server, capsys, name=name)
    assert code == 1
    assert "single hyphens between them" in err
    assert err.endswith(f"; perhaps {hint}\n" if hint else f"not {name!r}\n")
    assert server.asked == []


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "is no WebAssembly file (0 bytes)"), (b"(module)", "is no WebAssembly file (8 bytes)"),
     (b"\0asm\2\0\0\0", "is no WebAssembly file"), (COMPONENT, "is a WebAssembly component")],
)  # fmt: skip
def test_a_file_that_is_no_module(
    data: bytes, said: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("chat.wasm").write_bytes(data)
    code, _, err = say(server, capsys)
    assert code == 1
    assert f"harness: chat.wasm {said}" in err
    assert server.asked == []


def test_files_that_cannot_be_read(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    Path("chat.py").write_text("x = 1")
    for file, said in [
        ("nowhere.wasm", "cannot read nowhere.wasm: No such file or directory\n"),
        (".", "cannot read .: Is a directory\n"),
        ("chat.py", "(5 bytes); a Python module is published with --module\n"),
    ]:
        code, _, err = say(server, capsys, "-b", file)
        assert code == 1
        assert err.endswith(said)
    assert server.asked == []


def test_a_module_is_built(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    Path("chat.py").write_text(
        "from harness.module import ReducerContext, reducer\n"
        "@reducer\ndef add(ctx: ReducerContext) -> None:\n    pass\n"
    )
    assert say(server, capsys, "-m", "chat.py")[0] == 0
    assert main(["build", "chat.py"]) == 0
    assert server.published()[0][2] == Path("build/chat.wasm").read_bytes()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("    x = {1: 2}", "harness: chat does not compile to WebAssembly; nothing was published\n"
         "chat.py:4: "),
        ("    x = (", "harness: chat.py:4: SyntaxError: '(' was never closed\n"),
    ],
)  # fmt: skip
def test_a_module_that_is_wrong(
    line: str, said: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("chat.py").write_text(
        "from harness.module import ReducerContext, reducer\n"
        f"@reducer\ndef add(ctx: ReducerContext) -> None:\n{line}\n"
    )
    code, _, err = say(server, capsys, "-m", "chat.py")
    assert code == 1
    assert err.startswith(said)
    assert server.published() == []
    assert {x[1] for x in server.asked} <= {None}  # whoever it is, it knows nothing of us


@pytest.mark.parametrize("more", [["-p", ".", "-b", "b"], ["-m", "a", "-b", "b"]])
def test_one_of_module_and_file(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", "chat", *more]) == 2
    assert "give one of --module MODULE and --bin-path FILE.wasm" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "code", "published"), [("y\n", 0, 1), ("n\n", 1, 0), ("\n", 1, 0), ("", 130, 0)]
)
def test_clear_asks(
    answer: str, code: int, published: int, server: Scripted,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    found, out, err = say(server, capsys, "--clear")
    assert found == code
    assert f"Delete all data of chat on {server.uri}? [y/N]" in out + err
    assert [x[0] for x in server.published()] == ["PUT /v1/database/chat?clear=true"] * published


def test_clear_where_nobody_can_be_asked(
    server: Scripted, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    code, _, err = say(server, capsys, "--clear")
    assert (code, err) == (
        1,
        f"harness: delete all data of chat on {server.uri}: nobody can be asked here, so say -y\n",
    )
    assert server.published() == []
    assert say(server, capsys, "--clear", "-y")[0] == 0
    assert [x[0] for x in server.published()] == ["PUT /v1/database/chat?clear=true"]


def test_the_help_has_examples_and_loads_little() -> None:
    code = (
        "import sys; from harness.cli import main; main(['publish', '--help']);"
        "print(*sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "harness publish chat -m src/chat/main.py" in done.stdout
    assert "0  created or updated" in done.stdout
    assert {"aiohttp", "msgspec", "numpy"}.isdisjoint(done.stderr.split())
