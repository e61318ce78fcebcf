"""Publishing to the embedded server, as its user does it: made, changed, refused, kept, deleted."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.client import connect, running
from harness.errors import ConnectionLost, HarnessError
from harness.module import collecting
from harness.module.program import CONTENT_TYPE, Program
from tests.e2e.http_client import Answer, ask
from tests.e2e.publishing import Home, agreed, call, home, owner, plan, put, rows, served
from tests.e2e.server import ServerProcess

__all__ = ["home"]

CHAT = """
from harness.module import ReducerContext, ReducerError, column, init, reducer, table, u32

@table(public=True)
class User:
    id: u32 = column(primary_key=True)
    name: str

@init
def setup(ctx: ReducerContext) -> None:
    ctx.db[User].insert(User(id=0, name="first"))

@reducer
def add(ctx: ReducerContext, id: u32, name: str) -> None:
    if name == "":
        raise ReducerError("a name is needed")
    ctx.db[User].insert(User(id=id, name=name))
"""
WIDER = CHAT.replace("    name: str\n", "    name: str\n    age: u32 = column(default=7)\n")
WIDER = WIDER.replace("name=name)", "name=name, age=1)").replace('"first")', '"first", age=0)')
MORE = (
    CHAT
    + """
@reducer
def rename(ctx: ReducerContext, id: u32, name: str) -> None:
    ctx.db[User].id.update(User(id=id, name=name))
"""
)
TALLY = """
from harness.module import ReducerContext, auto_inc, reducer, table, u64

@table(public=True)
class Stroke:
    id: u64 = auto_inc(primary_key=True)

@reducer
def add(ctx: ReducerContext) -> None:
    ctx.db[Stroke].insert(Stroke())
"""
USERS = "SELECT * FROM user"


def test_a_life_of_two_databases(home: Home) -> None:
    home.write("chat.py", CHAT)
    home.write("tally.py", TALLY)
    with home.server() as server:
        first = home.publish(server, "chat", "chat.py")
        assert first.startswith("Created new database chat, identity: c200")
        identity = first.split()[-1]
        assert home.publish(server, "tally", "tally.py").startswith("Created new database tally")
        assert call(server, "chat", "add", 1, "ada").status == 200
        assert call(server, "tally", "add").status == 200
        assert home.publish(server, "chat", "chat.py").split()[-1] == identity
        assert rows(server, "chat", USERS) == [[0, "first"], [1, "ada"]]  # init ran once

        home.write("chat.py", WIDER)  # an appended column with a default
        code, out, err = home.harness("publish", "chat", "-m", "chat.py", "-s", server.http)
        assert (code, out) == (1, "")
        assert err == (
            "table 'user': new column 'age', which has its default in the rows that are there\n"
            "clients that are connected have to go, and to be generated anew:\n"
            "  table 'user' has other columns, keys or visibility\n"
            f"harness: break existing clients of chat on {server.http}: nobody can be asked here, "
            "so say --break-clients\n"
        )
        assert rows(server, "chat", USERS) == [[0, "first"], [1, "ada"]]
        out = home.publish(server, "chat", "chat.py", "--break-clients")
        assert out.startswith("Updated database chat")
        assert rows(server, "chat", USERS) == [[0, "first", 7], [1, "ada", 7]]
        assert call(server, "chat", "add", 2, "bob").status == 200
        assert server.stop() == 0
    with home.server() as server:
        assert rows(server, "chat", USERS) == [[0, "first", 7], [1, "ada", 7], [2, "bob", 1]]
        assert call(server, "chat", "add", 3, "eve").status == 200
        found = ask(server, "GET", "/v1/database/chat").json
        assert found["database_identity"]["__identity__"] == f"0x{identity}"
        assert (
            found["owner_identity"]["__identity__"] == f"0x{running.owner_of(server.http).identity}"
        )
        listed = ask(
            server, "GET", f"/v1/identity/{running.owner_of(server.http).identity}/databases"
        )
        assert identity in listed.json["identities"]
        assert len(listed.json["identities"]) == 2

        assert ask(server, "DELETE", "/v1/database/chat", None, owner(server)).status == 200
        assert ask(server, "GET", "/v1/database/chat").status == 404
        assert call(server, "tally", "add").status == 200
        server.kill()
    with home.server() as server:
        assert ask(server, "GET", "/v1/database/chat").status == 404
        assert len(rows(server, "tally", "SELECT * FROM stroke")) == 2
        assert home.publish(server, "chat", "chat.py").split()[-1] != identity
        assert rows(server, "chat", USERS) == [[0, "first", 0]]
    files = {path.name for path in home.data.iterdir()}
    assert not [name for name in files if name.startswith(identity)], files


def test_a_change_that_does_not_fit_leaves_everything_as_it_was(home: Home) -> None:
    home.write("chat.py", CHAT)
    with home.server() as server:
        home.publish(server, "chat", "chat.py")
        call(server, "chat", "add", 1, "ada")
        home.write("chat.py", WIDER.replace(" = column(default=7)", ""))
        code, out, err = home.harness("publish", "chat", "-m", "chat.py", "-s", server.http)
        assert (code, out) == (1, "")
        assert err == (
            "table 'user': the new column 'age' has no default; write column(default=…)\n"
            "harness: chat cannot be updated with its data in place; --clear publishes all the "
            "same and deletes the data\n"
        )
        # Who sends it without asking first is told the same.
        refused = put(server, "chat", home.path / "chat.py")
        assert (refused.status, refused.text) == (
            400,
            "Database update rejected: the module does not fit the stored data: table 'user': the "
            "new column 'age' has no default; write column(default=…)",
        )
        assert call(server, "chat", "add", 2, "bob").status == 200
        assert rows(server, "chat", USERS) == [[0, "first"], [1, "ada"], [2, "bob"]]
        out = home.publish(server, "chat", "chat.py", "--clear", "-y")
        assert out.startswith("Updated database chat")
        assert rows(server, "chat", USERS) == [[0, "first", 0]]


def test_an_init_that_fails_makes_no_database(home: Home) -> None:
    wrong = CHAT.replace('User(id=0, name="first")', "User(id=-1, name='')")
    home.write("chat.py", wrong)
    with home.server() as server:
        code, _, err = home.harness("publish", "chat", "-m", "chat.py", "-s", server.http)
        assert code == 1
        assert err.startswith("harness: the module's init failed: ")
        assert ask(server, "GET", "/v1/database/chat").status == 404
        home.write("chat.py", CHAT)
        home.publish(server, "chat", "chat.py")
        home.write("chat.py", wrong)  # cleared, it would begin anew: and cannot
        code, _, err = home.harness(
            "publish", "chat", "-m", "chat.py", "-s", server.http, "--clear", "-y"
        )
        assert code == 1
        assert err.startswith("harness: the module's init failed: ")
        assert rows(server, "chat", USERS) == [[0, "first"]]
    assert len(list(home.data.glob("*.sqlite3"))) == 1


#: What a module can do wrong → how the sentence begins and ends.
BROKEN = {
    "raises": ("x = 1 / 0", "chat.py:2: the module cannot be imported: ZeroDivisionError"),
    "syntax": ("x = (", "chat.py:2: SyntaxError: '(' was never closed"),
    "loops": ("while True:\n    pass", "did not end within 1 s; do no work outside of functions"),
    "exits": ("import sys\nsys.exit(3)", "chat.py:3: the module ends the program"),
    "_exits": ("import os\nos._exit(0)", "chat.py:3: the module ends the program"),
    "kills": ("import os\nos.kill(os.getpid(), 9)", "the module ends the program when it is"),
    "interrupts": ("raise KeyboardInterrupt", "cannot be imported: KeyboardInterrupt"),
    "recurses": ("def f(): f()\nf()", "the module cannot be imported: RecursionError"),
    "lacks": ("import no_such_package", "No module named 'no_such_package'"),
    "declares nothing": ("x = 1", "declares no table and no reducer"),
    "declares wrongly": (
        "from harness.module import table\n@table()\nclass A:\n    x: dict\n",
        "dict",
    ),
    "sleeps": ("import time\nfor _ in range(99): time.sleep(1)", "did not end within 1 s"),
    "swallows": (
        "while True:\n    try:\n        [x for x in range(9**9)]\n    except Exception: pass",
        "did not end within 1 s",
    ),
}


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that runs the chat, for all that must not harm it."""
    program = Program("chat", {"chat.py": CHAT})
    with served(tmp_path_factory.mktemp("served"), program, "--import-timeout", "1") as (found, _):
        yield found


@pytest.mark.parametrize("how", BROKEN)
def test_a_program_that_is_broken(how: str, chat: ServerProcess) -> None:
    """One sentence, and the version of before goes on; as a new database there is none."""
    server = chat
    source, said = BROKEN[how]
    before = rows(server, "chat", USERS)
    for name in ("chat", "new"):
        answer = put(server, name, Program("chat", {"chat.py": f"\n{source}\n"}))
        assert answer.status == 400
        assert said in answer.text
        assert "/" not in answer.text.replace("and/or", ""), "no path of the server is told"
    assert call(server, "chat", "add", 1, "").text == "a name is needed"
    assert rows(server, "chat", USERS) == before
    assert ask(server, "GET", "/v1/database/new").status == 404


def test_what_a_module_declares_wrongly_is_told_line_by_line(chat: ServerProcess) -> None:
    wrong = CHAT.replace("id: u32,", "id: set,").replace("    name: str\n", "    name: dict\n")
    answer = put(chat, "chat", Program("chat", {"chat.py": wrong}))
    assert answer.status == 400
    assert [line.partition(": ")[0] for line in answer.text.splitlines()] == [
        "chat.py:4",
        "chat.py:13",
    ]


def test_a_package_whose_files_import_each_other(home: Home) -> None:
    """By relative and by full names; another database has a package of the same name."""
    tables, reducers = CHAT.split("@init")
    header = "from harness.module import ReducerContext, ReducerError, init, reducer, u32\n"
    for place, by in (("one", "from .tables import"), ("two", "from my_app.tables import")):
        base = home.path / place / "my_app"
        home.write(f"{base}/__init__.py", "")
        home.write(f"{base}/tables.py", tables)
        home.write(
            f"{base}/main.py", f"{header}{by} User\n\n@init{reducers}".replace("first", place)
        )
        home.write(f"{base}/client.py", "import what_no_server_has\n")
    with home.server() as server:
        env = home.path
        for place in ("one", "two"):
            answer = put(server, place, env / place / "my_app" / "main.py")
            assert answer.status == 200, answer.text
        for place in ("one", "two"):
            assert rows(server, place, USERS) == [[0, place]]
            assert call(server, place, "add", 1, "x").status == 200
        assert server.stop() == 0
    with home.server() as server:
        assert rows(server, "two", USERS) == [[0, "two"], [1, "x"]]


def test_clients_stay_where_they_can(home: Home) -> None:
    home.write("chat.py", CHAT)

    async def story(server: ServerProcess) -> None:
        seen: list[str] = []
        async with connect(server.http, "chat") as client:
            client.db.user.on_insert(lambda context, row: seen.append(row.name))
            await client.subscribe(USERS)
            await asyncio.to_thread(put, server, "chat", home.write("chat.py", MORE))
            await client.call("add", 1, "ada")  # the same connection, the same subscription
            assert seen[-1] == "ada"
            async with connect(server.http, "chat") as newer:
                await newer.call("rename", 1, "eve")
            wider = home.write("chat.py", WIDER)
            refused = await asyncio.to_thread(put, server, "chat", wider)
            assert refused.status == 400
            assert refused.text.startswith(
                "the update breaks clients: table 'user' has other columns, keys or visibility; "
                "reducer 'rename' is gone. Publish with --break-clients, or with"
            )
            await client.call("add", 3, "tim")  # it is still there
            query = await asyncio.to_thread(agreed, server, "chat", wider)
            answer = await asyncio.to_thread(put, server, "chat", wider, query)
            assert answer.status == 200, answer.text
            with pytest.raises(HarnessError):
                await client.call("add", 2, "bob")
        async with connect(server.http, "chat") as again:
            await again.subscribe(USERS)
            assert sorted((row.id, row.name, row.age) for row in again.db.user.iter()) == [
                (0, "first", 7), (1, "eve", 7), (3, "tim", 7),
            ]  # fmt: skip

    with home.server() as server:
        home.publish(server, "chat", "chat.py")
        asyncio.run(story(server))
        assert server.stop() == 0, server.errors()


def test_plans(chat: ServerProcess, tmp_path: Path) -> None:
    """What would be done is told, and nothing is done."""
    home, before = Home(tmp_path), rows(chat, "chat", USERS)
    same = plan(chat, "chat", home.write("chat.py", CHAT)).json["AutoMigrate"]
    assert (same["migrate_plan"], same["break_clients"]) == ("", False)
    more = plan(chat, "chat", home.write("chat.py", MORE)).json["AutoMigrate"]
    assert (more["migrate_plan"], more["break_clients"]) == ("new reducer 'rename'", False)
    wrong = home.write("wrong.py", CHAT + "\n1 / 0\n")
    answer = plan(chat, "chat", wrong)
    assert (answer.status, "ZeroDivisionError" in answer.text) == (400, True)
    assert plan(chat, "nobody", wrong).status == 404
    manual = plan(chat, "chat", home.write("tally.py", TALLY)).json["ManualMigrate"]
    assert manual["reason"] == (
        "table 'user' is gone from the module and has 1 row "
        '(if its class was renamed: @table(name="user"))'
    )
    # Agreeing to one plan is not agreeing to another.
    other = home.write("other.py", WIDER + "# another program\n")
    wider, query = home.write("wider.py", WIDER), agreed(chat, "chat", other)
    answer = put(chat, "chat", wider, query)
    assert answer.status == 400
    assert "the token is not that of this update" in answer.text
    assert rows(chat, "chat", USERS) == before


def test_a_reset_deletes_the_data_and_begins_anew(home: Home) -> None:
    def reset(body: bytes = b"", **headers: str) -> Answer:
        sent = {**owner(server), **headers}
        return ask(server, "PUT", "/v1/database/chat/reset", body, sent)

    async def story() -> None:
        async with connect(server.http, "chat") as client:
            await client.subscribe(USERS)
            answer = await asyncio.to_thread(reset)
            assert answer.json["Success"]["op"] == "updated", answer.text
            with pytest.raises(HarnessError):
                await client.call("add", 2, "bob")  # its rows are not there any more

    with home.server(str(home.write("chat.py", CHAT))) as server:
        call(server, "chat", "add", 1, "ada")
        asyncio.run(story())
        assert rows(server, "chat", USERS) == [[0, "first"]]
        call(server, "chat", "add", 1, "ada")
        wider = collecting.collect(home.write("chat.py", WIDER)).encoded()
        assert reset(wider).status == 415
        answer = reset(wider, **{"content-type": CONTENT_TYPE})
        assert answer.status == 200, answer.text
        assert rows(server, "chat", USERS) == [[0, "first", 0]]
        unknown = ask(server, "PUT", "/v1/database/other/reset", b"", owner(server))
        assert (unknown.status, unknown.text) == (404, "`other` not found")
        assert server.stop() == 0, server.errors()


def test_clients_of_a_database_that_is_deleted(home: Home) -> None:
    async def story(server: ServerProcess) -> None:
        async with connect(server.http, "chat") as client:
            await client.subscribe(USERS)
            answer = await asyncio.to_thread(
                ask, server, "DELETE", "/v1/database/chat", None, owner(server)
            )
            assert answer.status == 200
            with pytest.raises(HarnessError) as caught:
                await client.call("add", 2, "bob")
            assert isinstance(caught.value, HarnessError | ConnectionLost)

    with home.server() as server:
        put(server, "chat", home.write("chat.py", CHAT))
        asyncio.run(story(server))
        assert put(server, "chat", home.write("chat.py", CHAT)).json["Success"]["op"] == "created"
        assert rows(server, "chat", USERS) == [[0, "first"]]
        assert server.stop() == 0, server.errors()


def test_names(home: Home) -> None:
    with home.server() as server:
        chat = Program("chat", {"chat.py": CHAT})
        identity = put(server, "chat", chat).json["Success"]["database_identity"]
        put(server, "other", chat)
        names = "/v1/database/chat/names"
        answer = ask(server, "POST", names, "talk", owner(server))
        assert answer.json == {"Success": {"domain": "talk", "database_identity": identity}}
        assert ask(server, "GET", names).json == {"names": ["chat", "talk"]}
        assert ask(server, "GET", "/v1/database/talk/identity").text == identity
        for wrong, body in (("POST", "other"), ("POST", "No Name"), ("PUT", '["other"]'),
                            ("PUT", "{}"), ("PUT", '["../x"]')):  # fmt: skip
            assert ask(server, wrong, names, body, owner(server)).status == 400, body
        assert ask(server, "POST", names, "mine").status == 401
        answer = ask(server, "PUT", names, '["talk"]', owner(server))
        assert (answer.status, answer.json) == (200, "Success")
        assert ask(server, "GET", names).status == 404
        assert put(server, identity, chat).json["Success"] == {
            "domain": None, "database_identity": identity, "op": "updated",
        }  # fmt: skip
        assert put(server, "chat", chat).json["Success"]["op"] == "created"
        nameless = ask(
            server, "POST", "/v1/database", chat.encoded(),
            {"content-type": "application/vnd.spacetimedb-harness.program+json", **owner(server)},
        ).json["Success"]  # fmt: skip
        assert (nameless["domain"], nameless["op"]) == (None, "created")
        assert server.stop() == 0
    with home.server() as server:
        assert ask(server, "GET", "/v1/database/talk/identity").text == identity
        assert rows(server, nameless["database_identity"], USERS) == [[0, "first"]]


def test_publishing_over_what_the_server_was_started_with(home: Home) -> None:
    home.write("chat.py", CHAT)
    with home.server(str(home.path / "chat.py")) as server:
        call(server, "chat", "add", 1, "ada")
        wider = home.write("chat.py", WIDER)
        query = agreed(server, "chat", wider)
        assert put(server, "chat", wider, query).json["Success"]["op"] == "updated"
        assert server.stop() == 0
    with home.server() as server:  # without a module it goes on with the published one
        assert rows(server, "chat", USERS) == [[0, "first", 7], [1, "ada", 7]]
        assert server.stop() == 0
    with home.server(str(home.path / "chat.py")) as server:
        assert rows(server, "chat", USERS) == [[0, "first", 7], [1, "ada", 7]]


def test_a_stored_program_that_cannot_be_loaded_any_more(home: Home) -> None:
    """The others are served; this one says why, takes a new version, and can be deleted."""
    marker = home.path / "broken"
    moody = f"import os\nif os.path.exists({str(marker)!r}):\n    raise OSError('moody')\n{CHAT}"
    with home.server() as server:
        put(server, "moody", Program("chat", {"chat.py": moody}))
        put(server, "fine", Program("chat", {"chat.py": CHAT}))
        call(server, "moody", "add", 1, "ada")
        assert server.stop() == 0
    marker.write_text("")
    for _ in range(2):
        with home.server() as server:
            assert rows(server, "fine", USERS) == [[0, "first"]]
            answer = ask(server, "GET", "/v1/database/moody")
            assert answer.status == 503
            assert "moody" in answer.text
            assert "publish again" in answer.text
            assert "moody cannot be served" in server.errors()
    with home.server() as server:
        answer = put(server, "moody", Program("chat", {"chat.py": CHAT}))
        assert answer.json["Success"]["op"] == "updated"
        assert rows(server, "moody", USERS) == [[0, "first"], [1, "ada"]]
        put(server, "fine", Program("chat", {"chat.py": moody.replace("broken", "other")}))
    (home.path / "other").write_text("")
    with home.server() as server:
        assert ask(server, "DELETE", "/v1/database/fine", None, owner(server)).status == 200
        assert ask(server, "GET", "/v1/database/fine").status == 404


def test_without_a_data_directory_nothing_is_left(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = home.path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    with ServerProcess([]) as server:
        assert "nothing is kept" in server.errors()
        put(server, "chat", Program("chat", {"chat.py": CHAT}))
        put(server, "chat", Program("chat", {"chat.py": MORE}))
        assert rows(server, "chat", USERS) == [[0, "first"]]
        (folder,) = scratch.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
        assert server.stop() == 0
    assert list(scratch.iterdir()) == []
    assert list(running.folder().iterdir()) == []


def test_a_data_directory_by_a_relative_path(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.path)
    for _ in range(2):
        with ServerProcess(["--data-dir", "data"]) as server:
            assert put(server, "chat", Program("chat", {"chat.py": CHAT})).status == 200
            assert rows(server, "chat", USERS) == [[0, "first"]]


def test_old_programs_go(home: Home) -> None:
    with home.server() as server:
        for number in range(3):
            source = f"{CHAT}\nnumber = {number}\n"
            assert put(server, "chat", Program("chat", {"chat.py": source})).status == 200
            left = {path.name.partition(".")[0] for path in (home.data / "programs").iterdir()}
            assert len(left) == 1
        assert put(server, "chat", Program("chat", {"chat.py": "x ="})).status == 400
        assert {path.name.partition(".")[0] for path in (home.data / "programs").iterdir()} == left


def test_two_at_a_time_take_turns(home: Home) -> None:
    async def both(server: ServerProcess) -> None:
        programs = [Program("chat", {"chat.py": f"{CHAT}\nn = {n}\n"}) for n in range(4)]
        answers = await asyncio.gather(
            *(asyncio.to_thread(put, server, "chat", program) for program in programs)
        )
        assert sorted(answer.json["Success"]["op"] for answer in answers) == [
            "created", "updated", "updated", "updated",
        ]  # fmt: skip

    with home.server() as server:
        asyncio.run(both(server))
        assert rows(server, "chat", USERS) == [[0, "first"]]


def test_the_log_goes_on(home: Home) -> None:
    source = CHAT.replace("    if name", "    ctx.log.info(name)\n    if name")
    with home.server() as server:
        put(server, "chat", Program("chat", {"chat.py": source}))
        call(server, "chat", "add", 1, "before")
        put(server, "chat", Program("chat", {"chat.py": source + "\n"}))
        call(server, "chat", "add", 2, "after")
        answer = ask(server, "GET", "/v1/database/chat/logs", None, owner(server))
        records = [json.loads(line) for line in answer.text.splitlines()]
        assert [record["message"] for record in records] == ["before", "after"]
        assert [Path(record["filename"]).name for record in records] == ["chat.py"] * 2


def test_a_server_dies_while_a_program_is_tried(home: Home) -> None:
    """Nothing of it is there afterwards, neither as a process nor as a file."""

    async def story(server: ServerProcess) -> None:
        endless = Program("chat", {"chat.py": "import time\ntime.sleep(600)\n"})
        waiting = asyncio.create_task(asyncio.to_thread(_put_quietly, server, endless))
        while not list((home.data / "programs").glob("*.json")):
            await asyncio.sleep(0.01)
        server.kill()
        await waiting

    with home.server() as server:
        asyncio.run(story(server))
    with home.server() as server:
        assert list((home.data / "programs").iterdir()) == []
        assert put(server, "chat", Program("chat", {"chat.py": CHAT})).status == 200


def _put_quietly(server: ServerProcess, program: Program) -> None:
    try:
        put(server, "chat", program)
    except Exception:  # whatever a client sees of a killed server
        return


def test_a_data_directory_that_others_could_write_to(home: Home) -> None:
    with home.server() as server:
        put(server, "chat", Program("chat", {"chat.py": CHAT}))
        assert server.stop() == 0
    programs = home.data / "programs"
    moved = home.path / "elsewhere"
    shutil.move(programs, moved)
    programs.symlink_to(moved)
    with ServerProcess(["--data-dir", str(home.data)], wait=False) as server:
        assert server.ends() == 1
        assert "is not this user's own folder" in server.errors()
    programs.unlink()
    shutil.move(moved, programs)
    os.chmod(programs, 0o777)
    with home.server() as server:
        assert programs.stat().st_mode & 0o077 == 0
        assert rows(server, "chat", USERS) == [[0, "first"]]
