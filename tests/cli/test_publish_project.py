"""``harness publish`` in a project: which databases, what is asked, and what the server plans."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.cli.sources import CORE
from harness.client import credentials, publishing
from harness.client.servers import is_local
from tests.cli.scripted import DATABASE, TOKEN, Answer, Scripted, scripted, success
from tests.cli.somebody import Terminal, unknown

WASM = CORE + b"rest"
REFUSED: Answer = (400, "Database update rejected: column age has no default")


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    unknown(tmp_path, monkeypatch)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("chat.wasm").write_bytes(WASM)
    yield
    for name in [x for x in sys.modules if x.partition(".")[0] == "chat"]:
        del sys.modules[name]


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as found:
        credentials.keep(found.uri, "ab" * 32, TOKEN)
        for name in ("chat", "world-a", "world-b"):
            found.answers[f"PUT /v1/database/{name}"] = success("updated")
        yield found


def configure(server: Scripted, **content: Any) -> None:
    Path("spacetime.json").write_text(json.dumps({"server": server.uri, **content}))


def say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["publish", *words])
    out, err = capsys.readouterr()
    assert TOKEN not in out + err
    assert "Traceback" not in err
    return code, out, err


def put(server: Scripted) -> list[str]:
    """Where something was published, with the query."""
    return [x[0].removeprefix("PUT /v1/database/") for x in server.published()]


# --- which ---------------------------------------------------------------------------------------


def test_a_new_project(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own module, compiled, as the database that its spacetime.json names."""
    assert main(["init", "-l", "py", "chat", "--project-path", "made"]) == 0
    capsys.readouterr()
    assert main(["build", "-p", "made", "-o", "out"]) == 0
    capsys.readouterr()
    built = Path("out/chat.wasm").read_bytes()
    for words in (["chat", "-p", "made"], ["chat", "-m", "made/src/chat/main.py"]):
        code, out, _ = say(capsys, *words, "-s", server.uri)
        assert (code, out) == (0, f"Updated database chat, identity: {DATABASE}\n")
    assert [x[2] for x in server.published()] == [built, built]


def test_a_projects_mistakes_are_told_before_the_server_is_asked(
    server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(server, database="chat", **{"module-path": "made"})
    assert main(["init", "-l", "py", "chat", "--project-path", "made"]) == 0
    with Path("made/src/chat/main.py").open("a") as file:
        file.write("\nprint('hello')\n")
    capsys.readouterr()
    code, _, err = say(capsys)
    assert code == 1
    assert "main.py" in err
    assert "the server prints nothing: use ctx.log.info(…)" in err
    assert server.asked == []


def test_machines_are_told_a_line_for_each(
    server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(server, database="chat", children=TWO, **{"bin-path": "chat.wasm"})
    code, out, _ = say(capsys, "--json")
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == [
        {"database": x, "identity": DATABASE, "op": "updated", "server": server.uri}
        for x in ("chat", "world-a", "world-b")
    ]


TWO = [{"database": "world-a"}, {"database": "world-b"}]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["chat", "world-a", "world-b"]),
        (["chat"], ["chat"]),
        (["world-*"], ["world-a", "world-b"]),
        (["world-?"], ["world-a", "world-b"]),
        (["world-b"], ["world-b"]),
    ],
)
def test_patterns_choose_databases(
    words: list[str], names: list[str], server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(server, database="chat", children=TWO, **{"bin-path": "chat.wasm"})
    code, out, _ = say(capsys, *words)
    assert code == 0
    assert [line.split()[2] for line in out.splitlines()] == [f"{name}," for name in names]
    assert put(server) == [f"{name}?clear=false" for name in names]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["typo"],
            1,
            "No database 'typo' found in spacetime.json, which has chat, world-a, world-",
        ),
        (["world-*", "-b", "chat.wasm"], 1, "2 databases are chosen, and one module; name one of"),
        (["other", "--no-config"], 1, "No pyproject.toml or setup.py found in"),
        (["--no-config"], 2, "Missing argument 'NAME'"),
        (["chat", "-b", "a", "-j", "b"], 2, "give one of --module MODULE and --bin-path FILE.wasm"),
        (["chat", "--yes=everything"], 2, "--yes has no 'everything'; it has all, remote"),
        (["chat", "--delete-data=now"], 2, "is not one of"),
    ],
)
def test_what_is_not_published(
    words: list[str], code: int, said: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(server, database="chat", children=TWO, **{"bin-path": "chat.wasm"})
    found, out, err = say(capsys, *words)
    assert (found, out) == (code, "")
    assert said in err
    assert put(server) == []


def test_the_first_failure_ends_it(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    configure(server, database="chat", children=TWO, **{"bin-path": "chat.wasm"})
    server.answers["PUT /v1/database/world-a"] = (500, "broken")
    code, out, err = say(capsys)
    assert code == 1
    assert out.startswith("Updated database chat,")
    assert err == "harness: the server refused with status 500: broken\n"
    assert put(server) == ["chat?clear=false", "world-a?clear=false"]


def test_javascript_and_hierarchies(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    Path("chat.js").write_text("export default 1;")
    where = ["-s", server.uri]
    assert say(capsys, "chat", "-j", "chat.js", "--parent", "up", "--org", "us", *where)[0] == 0
    assert put(server) == ["chat?clear=false&host_type=Js&parent=up&org=us"]
    assert server.published()[0][2] == b"export default 1;"
    code, _, err = say(capsys, "chat", "-j", "chat.wasm", *where)
    assert (code, err) == (1, "harness: chat.wasm is WebAssembly; publish it with --bin-path\n")


@pytest.mark.parametrize("mark", ["Cargo.toml", "package.json"])
def test_other_languages_are_handed_over(
    mark: str, server: Scripted, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    configure(server, database="chat")
    Path(mark).write_text("")
    code, _, err = say(capsys)
    assert code == 1
    assert "needs the official command `spacetime`, which is not on PATH" in err
    assert server.asked == []


# --- what is asked -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "local"),
    [("http://127.0.0.1:3000", True), ("http://localhost:1", True), ("http://[::1]:1", True),
     ("http://127.9.9.9", True), ("http://10.0.0.1", False), ("https://db.example.org", False),
     ("http://localhost.example.org", False), ("http://127.0.0.1.example.org", False)],
)  # fmt: skip
def test_which_servers_are_on_this_machine(uri: str, local: bool) -> None:
    assert is_local(uri) is local


@pytest.mark.parametrize(
    ("answer", "words", "code"),
    [(None, [], 1), ("n\n", [], 1), ("y\n", [], 0), (None, ["-y"], 0), (None, ["--yes=remote"], 0),
     (None, ["--yes=delete-data,migrate"], 1)],
)  # fmt: skip
def test_another_machine_is_asked_about(
    answer: str | None, words: list[str], code: int, server: Scripted,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("harness.client.servers.is_local", lambda uri: False)
    monkeypatch.setattr(sys, "stdin", io.StringIO() if answer is None else Terminal(answer))
    found, _, err = say(capsys, "chat", "-b", "chat.wasm", "-s", server.uri, *words)
    assert found == code
    assert len(put(server)) == (code == 0)
    if answer is None and code:
        assert err == (
            f"harness: publish chat to {server.uri}, which is not on this machine: nobody can be "
            "asked here, so say -y\n"
        )


@pytest.mark.parametrize("spelling", ["-c", "--delete-data", "--delete-data=always", "--clear",
                                      "--clear-database", "-cy", "-yc"])  # fmt: skip
def test_spellings_of_deleting(
    spelling: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name behind the option stays a name."""
    words = [spelling, "chat", "-b", "chat.wasm", "-s", server.uri, "-y"]
    assert say(capsys, *words)[0] == 0
    assert put(server) == ["chat?clear=true"]


@pytest.mark.parametrize(
    ("words", "code", "clears"),
    [
        ([], 1, ["false"]),
        (["--delete-data=never", "-y"], 1, ["false"]),
        (["--delete-data=on-conflict"], 1, ["false"]),
        (["--delete-data=on-conflict", "-y"], 0, ["false", "true"]),
        (["--delete-data=on-conflict", "--yes=delete-data"], 0, ["false", "true"]),
        (["--delete-data", "-y"], 0, ["true"]),
    ],
)
def test_data_that_is_in_the_way(
    words: list[str], code: int, clears: list[str], server: Scripted,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """An older server, which makes no plans."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    whole = publishing.publish

    async def refusing(*args: Any, clear: bool = False, **kwargs: Any) -> publishing.Published:
        server.answers["PUT /v1/database/chat"] = success("updated") if clear else REFUSED
        return await whole(*args, clear=clear, **kwargs)

    monkeypatch.setattr(publishing, "publish", refusing)
    found, _, err = say(capsys, "chat", "-b", "chat.wasm", "-s", server.uri, *words)
    assert found == code
    assert put(server) == [f"chat?clear={clear}" for clear in clears]
    if clears == ["false"]:
        assert "column age has no default" in err


# --- what the server plans -----------------------------------------------------------------------

HARMLESS = {"AutoMigrate": {"migrate_plan": "Add table x\u001b[1m\n", "break_clients": False,
                            "token": "0xplan", "major_version_upgrade": False}}  # fmt: skip
BREAKING = {"AutoMigrate": {**HARMLESS["AutoMigrate"], "break_clients": True}}
MANUAL = {"ManualMigrate": {"reason": "column age has no default", "major_version_upgrade": False}}


@pytest.mark.parametrize(
    ("plan", "words", "code", "query"),
    [
        (HARMLESS, [], 0, "clear=false"),
        (BREAKING, [], 1, None),
        (BREAKING, ["--break-clients"], 0, "clear=false&policy=BreakClients&token=0xplan"),
        (BREAKING, ["-y"], 0, "clear=false&policy=BreakClients&token=0xplan"),
        (BREAKING, ["--yes=break-clients"], 0, "clear=false&policy=BreakClients&token=0xplan"),
        (BREAKING, ["--yes=remote"], 1, None),
        (MANUAL, ["-y"], 1, None),
        (MANUAL, ["--delete-data=on-conflict"], 1, None),
        (MANUAL, ["--delete-data=on-conflict", "-y"], 0, "clear=true"),
        (MANUAL, ["--delete-data", "-y"], 0, "clear=true"),
    ],
)
def test_plans(
    plan: Any, words: list[str], code: int, query: str | None, server: Scripted,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    server.answers["POST /v1/database/chat/pre_publish"] = (200, json.dumps(plan))
    found, _, err = say(capsys, "chat", "-b", "chat.wasm", "-s", server.uri, *words)
    assert found == code
    assert put(server) == ([] if query is None else [f"chat?{query}"])
    if "--delete-data" not in words:
        told = "column age" if plan is MANUAL else "Add table x\\x1b[1m"
        assert told in err
        asked = [x for x in server.asked if "pre_publish" in x[0]]
        assert [x[1:] for x in asked] == [(f"Bearer {TOKEN}", WASM)]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, "no"), "the server does not accept the identity in"),
        ((403, "no"), "the database chat belongs to another identity"),
        ((200, "{}"), "is no plan for an update"),
    ],
)
def test_plans_that_are_refused(
    answer: Answer, said: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["POST /v1/database/chat/pre_publish"] = answer
    code, _, err = say(capsys, "chat", "-b", "chat.wasm", "-s", server.uri)
    assert code == 1
    assert said in err
    assert put(server) == []
