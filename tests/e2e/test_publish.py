"""Built, published and called on a real server, as a user does it: by the command line."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.client import Http, credentials
from harness.errors import ReducerError
from harness.targets.standalone import Standalone
from tests.e2e import real
from tests.e2e.server import ServerProcess

Run = Callable[..., tuple[int, str, str]]

CHAT = """
from harness.module import ReducerContext, ReducerError, column, reducer, table, u32

@table(public=True)
class User:
    id: u32 = column(primary_key=True)
    name: str

@reducer
def add(ctx: ReducerContext, id: u32, name: str) -> None:
    if name == "":
        raise ReducerError("a name is needed")
    ctx.db[User].insert(User(id=id, name=name))
"""
COLUMN = "    name: str\n"
MEASURE = """
@reducer
def measure(ctx: ReducerContext, id: u32) -> None:
    y = len(id)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Standalone]:
    with Standalone(real.server()) as found:
        yield found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`harness` with a configuration of one's own; no token is ever in what it says."""

    def harness(*arguments: str, user: str = "me") -> tuple[int, str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in credentials.VARIABLES}
        done = subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            cwd=tmp_path, env={**kept, "XDG_CONFIG_HOME": str(tmp_path / user)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "eyJ" not in done.stdout + done.stderr  # how tokens begin
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    (tmp_path / "chat.py").write_text(CHAT)
    return harness


def ask(uri: str, story: Callable[[Http], Coroutine[Any, Any, Any]]) -> Any:
    async def asked() -> Any:
        async with Http(uri) as http:
            return await story(http)

    return asyncio.run(asked())


def rows(uri: str, database: str) -> list[list[Any]]:
    (found,) = ask(uri, lambda http: http.sql(database, "SELECT * FROM user"))
    return list(found.rows)


@pytest.mark.real
def test_the_bench_module(server: Standalone, run: Run) -> None:
    """Built to a file, published from it, called, published again: the rows are still there."""
    assert run("build", "harness.module.bench")[0] == 0
    publish = ("publish", "my-bench", "-b", "build/bench.wasm", "-s", server.uri)
    code, out, err = run(*publish)
    assert code == 0, err
    assert out.startswith("Created new database my-bench, identity: c200")
    identity = out.split()[-1]
    assert "knows you from now on as" in err
    ask(server.uri, lambda http: http.call("my-bench", "noop", []))
    definition = ask(server.uri, lambda http: http.schema("my-bench"))
    assert "noop" in [reducer.name for reducer in definition.reducers]
    assert run(*publish) == (0, f"Updated database my-bench, identity: {identity}\n", "")


#: Every reducer of the bench module, with what it refuses, in an order that leaves rows behind.
STORY: list[tuple[str, list[Any]]] = [
    ("noop", []),
    ("insert_item", [1, 0.5, -1.25, 0.0, -7, True, "one"]),
    ("insert_item", [1, 0.0, 0.0, 0.0, 0, False, "the id is taken"]),
    ("clear_items", []),
    ("insert_item", [2**64 - 1, 1.5, 2.5, 3.5, 2**31 - 1, False, "größer"]),
    ("insert_items", [[[i, 0.0, 1.0, 2.0, i, True, f"item {i}"] for i in range(5)]]),
    ("insert_items", [[[i, 0.0, 0.0, 0.0, 0, True, "none of them"] for i in (9, 4)]]),
    ("update_item", [3, 9.0, 8.0, 7.0, -1, False, "changed"]),
    ("update_item", [77, 0.0, 0.0, 0.0, 0, True, "nobody"]),
    ("delete_item", [0]),
    ("delete_item", [0]),
    ("seed_accounts", [9, 1]),
    ("seed_accounts", [3, 100]),
    ("transfer", [0, 1, 40]),
    ("transfer", [0, 1, 61]),
    ("transfer", [2, 2, 100]),
    ("transfer", [9, 0, 1]),
    ("transfer", [0, 9, 1]),
    ("send_message", ["first"]),
    ("send_message", [""]),
    ("send_message", ["second"]),
    ("reject", ["für den Rufer"]),
    ("reject", [""]),
]


def told(uri: str, database: str) -> tuple[list[str | None], dict[str, list[list[Any]]]]:
    """What callers of the story were told (None: it was done), and the rows that it leaves.

    Who sent a message, and when, differs from server to server: it is checked here instead.
    """

    async def story(http: Http) -> tuple[list[str | None], dict[str, list[list[Any]]]]:
        identity, token = await http.identity()
        texts: list[str | None] = []
        async with Http(uri, token) as caller:
            for reducer, args in STORY:
                try:
                    await caller.call(database, reducer, args)
                    texts.append(None)
                except ReducerError as error:
                    texts.append(str(error))
        left = {}
        for table in ("item", "account", "message"):
            (found,) = await http.sql(database, f"SELECT * FROM {table}")
            left[table] = sorted(found.rows)
        sent = [at for _, _, (at,), _ in left["message"]]
        assert sent == sorted(sent)
        assert all(at > 0 for at in sent)
        assert {f"0x{identity}"} == {who for _, (who,), _, _ in left["message"]}
        left["message"] = [[id, text] for id, _, _, text in left["message"]]
        return texts, left

    found: tuple[list[str | None], dict[str, list[list[Any]]]] = ask(uri, story)
    return found


@pytest.mark.real
def test_every_reducer_does_what_it_does_natively(server: Standalone, run: Run) -> None:
    code, _, err = run("publish", "story", "-m", "harness.module.bench", "-s", server.uri)
    assert code == 0, err
    definition = ask(server.uri, lambda http: http.schema("story"))
    assert {reducer.name for reducer in definition.reducers} == {name for name, _ in STORY}
    with ServerProcess() as embedded:
        texts, left = told(embedded.http, "bench")
    assert told(server.uri, "story") == (texts, left)
    # Neither server is right because the other one says the same.
    assert [STORY[at][0] for at, text in enumerate(texts) if text is not None] == [
        "insert_item", "insert_items", "update_item", "delete_item",
        "transfer", "transfer", "transfer", "send_message", "reject", "reject",
    ]  # fmt: skip
    assert "no such item 77" in texts
    assert "insufficient funds" in texts
    assert "für den Rufer" in texts
    assert [row[0] for row in left["item"]] == [1, 2, 3, 4, 2**64 - 1]
    assert left["account"] == [[0, 60], [1, 140], [2, 100]]
    assert left["message"] == [[1, "first"], [2, "second"]]


@pytest.mark.real
def test_rows_outlive_what_does_not_harm_them(server: Standalone, run: Run, tmp_path: Path) -> None:
    publish = ("publish", "rows", "-m", "chat.py", "-s", server.uri)
    code, out, _ = run(*publish)
    assert (code, out.split(",")[0]) == (0, "Created new database rows")
    ask(server.uri, lambda http: http.call("rows", "add", [1, "ada"]))
    with pytest.raises(ReducerError, match="a name is needed"):
        ask(server.uri, lambda http: http.call("rows", "add", [2, ""]))
    assert run(*publish)[0] == 0
    assert rows(server.uri, "rows") == [[1, "ada"]]

    wider = CHAT.replace(COLUMN, f"{COLUMN}    age: u32\n")
    (tmp_path / "chat.py").write_text(wider.replace("name=name)", "name=name, age=0)"))
    code, _, err = run(*publish)
    assert code == 1, err
    assert err.startswith("harness: Database update rejected: ")
    assert "age" in err
    assert err.endswith("; --clear publishes all the same and deletes the data\n")
    assert rows(server.uri, "rows") == [[1, "ada"]]

    code, _, err = run(*publish, "--clear")
    assert code == 1
    assert "nobody can be asked here, so say -y" in err
    assert rows(server.uri, "rows") == [[1, "ada"]]
    assert run(*publish, "--clear", "-y")[0] == 0
    assert rows(server.uri, "rows") == []


@pytest.mark.real
@pytest.mark.parametrize("more", [[], ["--clear", "-y"], ["--anonymous"]])
def test_a_foreign_identity(server: Standalone, run: Run, more: list[str]) -> None:
    name = f"mine-{len(more)}"
    publish = ("publish", name, "-m", "chat.py", "-s", server.uri)
    assert run(*publish)[0] == 0
    ask(server.uri, lambda http: http.call(name, "add", [1, "ada"]))
    code, out, err = run(*publish, *more, user="somebody-else")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == (
        f"harness: the database {name} belongs to another identity; publish under another name, "
        "or with its owner's token in SPACETIMEDB_TOKEN"
    )
    assert rows(server.uri, name) == [[1, "ada"]]
    assert run(*publish)[0] == 0


@pytest.mark.real
def test_a_module_with_type_errors(server: Standalone, run: Run, tmp_path: Path) -> None:
    wrong = CHAT.replace("    if name", "    x = 1 + name\n    if name") + MEASURE
    (tmp_path / "chat.py").write_text(wrong)
    lines = [wrong[: wrong.index(what)].count("\n") + 1 for what in ("x = 1", "y = len")]
    code, out, err = run("publish", "typed", "-m", "chat.py", "-s", server.uri)
    assert (code, out) == (1, "")
    first, *problems = err.splitlines()
    assert first == "harness: chat does not compile to WebAssembly; nothing was published"
    assert [problem.partition(": ")[0] for problem in problems] == [f"chat.py:{at}" for at in lines]
    assert {x.name for x in tmp_path.iterdir()} <= {"chat.py", "__pycache__"}  # not even a token
    (tmp_path / "chat.py").write_text(CHAT)
    code, out, _ = run("publish", "typed", "-m", "chat.py", "-s", server.uri)
    assert (code, out.split(",")[0]) == (0, "Created new database typed")  # it was not there before


@pytest.mark.real
def test_a_file_that_the_server_refuses(server: Standalone, run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.wasm").write_bytes(b"\0asm\1\0\0\0")
    code, _, err = run("publish", "empty", "-b", "empty.wasm", "-s", server.uri)
    assert code == 1
    assert "harness: the server refused with status 500: unable to determine ABI" in err


@pytest.mark.real
def test_a_server_with_new_keys(server: Standalone, run: Run, tmp_path: Path) -> None:
    """Whoever it was that knew us at this address, the one there now does not."""
    publish = ("publish", "keys", "-m", "chat.py", "-s", server.uri)
    assert run(*publish)[0] == 0
    (kept,) = tmp_path.rglob("tokens/*.json")
    text = kept.read_text()
    head, _, signature = text.rpartition(".")
    other = "B" if signature[0] == "A" else "A"  # never the signature that it was
    kept.write_text(f"{head}.{other}{signature[1:]}")
    code, _, err = run(*publish)
    assert code == 1
    assert err == (
        f"harness: the server does not accept the identity in {kept}; delete that file to get a "
        "new identity\n"
    )
