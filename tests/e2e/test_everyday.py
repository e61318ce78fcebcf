"""The everyday commands on the embedded server and on a real one.

Those that end by themselves are run in this process, for the time that it saves; the servers, and
what goes on, are processes of their own.
"""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from harness.cli import main
from harness.client import credentials
from harness.targets.standalone import Standalone
from tests.e2e import real
from tests.e2e.publishing import Home
from tests.e2e.server import PATIENCE_S, ServerProcess
from tests.processes import running

MODULE = """
from harness.module import (
    Identity, ReducerContext, ReducerError, Timestamp, auto_inc, column, product, reducer, table,
    u32, u64,
)

@product
class Point:
    x: u32
    y: u32

@table(public=True)
class Note:
    id: u64 = auto_inc(primary_key=True)
    owner: Identity
    at: Timestamp
    text: str
    tag: str | None
    place: Point

@table()
class Secret:
    id: u32 = column(primary_key=True)

@reducer
def add(ctx: ReducerContext, text: str, tag: str | None, place: Point) -> None:
    if text == "":
        raise ReducerError("write something, größer")
    ctx.log.info(f"adding {text}")
    ctx.db[Note].insert(
        Note(owner=ctx.sender, at=ctx.timestamp, text=text, tag=tag, place=place)
    )

@reducer
def edit(ctx: ReducerContext, id: u64, text: str) -> None:
    note = ctx.db.note.id.find(id)
    if note is None:
        raise ReducerError("no such note")
    note.text = text
    ctx.db.note.id.update(note)

@reducer
def crash(ctx: ReducerContext) -> None:
    ctx.log.warn("about to fail")
    assert ctx.db[Note].count() > 1_000_000, "too few"

@reducer
def give(ctx: ReducerContext, to: Identity) -> None:
    for note in ctx.db[Note].iter():
        note.owner = to
        ctx.db.note.id.update(note)
"""


@dataclass
class Town:
    """A server with the module as its database ``notes``, and somebody who lives there."""

    home: Home
    uri: str
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def run(self, *words: str, code: int = 0, user: str = "config") -> tuple[str, str]:
        """What a command says on stdout and stderr, with the exit code that it must have."""
        self.monkeypatch.setenv("XDG_CONFIG_HOME", str(self.home.path / user))
        found = main(list(words))
        out, err = self.capsys.readouterr()
        assert found == code, (out, err)
        assert "eyJ" not in out + err  # how tokens begin
        return out, err

    def say(self, *words: str, code: int = 0, user: str = "config") -> tuple[str, str]:
        """The same, about this server."""
        return self.run(*words, "-s", self.uri, code=code, user=user)

    def json(self, *words: str) -> Any:
        return json.loads(self.say(*words)[0])

    def begin(self, *words: str) -> AbstractContextManager[subprocess.Popen[str]]:
        """A command that goes on, until the test ends it or fails."""
        kept = {k: v for k, v in os.environ.items() if k not in credentials.VARIABLES}
        return running(
            [sys.executable, "-m", "harness", *words, "-s", self.uri],
            cwd=self.home.path, env={**kept, "XDG_CONFIG_HOME": str(self.home.path / "config")},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip


@pytest.fixture(
    scope="module", params=["embedded", pytest.param("standalone", marks=pytest.mark.real)]
)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Home, str]]:
    """A user's folder, and a server for all tests here: each leaves it without a database."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.write("notes.py", MODULE)
    server: ServerProcess | Standalone
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(home.path / "config"))
        server = home.server() if request.param == "embedded" else Standalone(real.server())
        with server:
            yield home, server.uri


@pytest.fixture
def town(
    served: tuple[Home, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Town]:
    home, uri = served
    monkeypatch.chdir(home.path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())  # nobody can be asked
    for name in credentials.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    found = Town(home, uri, capsys, monkeypatch)
    assert found.say("publish", "notes", "-m", "notes.py")[0].startswith("Created new")
    yield found
    for one in found.json("list", "--json")["databases"]:
        found.say("delete", one["identity"], "-y")


def test_a_day(town: Town) -> None:
    """Call, read, describe, list, delete: each answer fits the ones before."""
    assert town.say("call", "notes", "add", "one", "null", '{"x": 1, "y": 2}') == ("", "")
    assert town.say("call", "notes", "add", 'tw"o', "a tag", "[3, 4]") == ("", "")
    args = '{"text": "three", "tag": null, "place": {"x": 0, "y": 0}}'
    assert town.say("call", "notes", "add", "--json", args) == ("", "")
    _, err = town.say("call", "notes", "add", "", "x", "[0, 0]", code=1)
    assert err == "harness: write something, größer\n"
    _, err = town.say("call", "notes", "edit", "99", "x", code=1)
    assert err == "harness: no such note\n"
    _, err = town.say("call", "notes", "ad", "x", code=1)
    assert err == "harness: there is no reducer or procedure 'ad'; did you mean 'add'?\n"
    _, err = town.say("call", "notes", "add", "x", code=1)
    assert err.endswith("not 1: add(text: str, tag: str | None, place: Point)\n")
    other = "c2" + "00" * 30 + "77"
    town.say("call", "notes", "give", other)

    query = "SELECT * FROM note"
    rows = sorted(town.json("sql", "notes", query, "--json"), key=lambda row: row["id"])
    assert [row["text"] for row in rows] == ["one", 'tw"o', "three"]
    assert [row["tag"] for row in rows] == [{"none": []}, {"some": "a tag"}, {"none": []}]
    assert [row["place"] for row in rows][:2] == [{"x": 1, "y": 2}, {"x": 3, "y": 4}]
    assert {row["owner"]["__identity__"] for row in rows} == {f"0x{other}"}
    text, _ = town.say("sql", "notes", query)
    lines = text.splitlines()
    assert lines[0].split()[::2] == ["id", "owner", "at", "text", "tag", "place"]
    assert lines[-1] == "(3 rows)"
    assert max(map(len, lines)) <= 100
    table = list(csv.DictReader(io.StringIO(town.say("sql", "notes", query, "--format", "csv")[0])))
    assert sorted(row["text"] for row in table) == ["one", "three", 'tw"o']
    assert {row["owner"] for row in table} == {f"0x{other}"}
    _, err = town.say("sql", "notes", "SELECT * FROM nothing", code=1)
    assert "nothing" in err
    assert err.count("\n") == 1

    shown, _ = town.say("describe", "notes")
    assert shown.startswith("notes: 2 tables, 4 reducers\n")
    assert "table secret  [private]\n  id  u32  primary key\n" in shown
    assert "  place  Point\n" in shown
    assert "reducer add(text: str, tag: str | None, place: Point)\n" in shown
    assert "type Point = (x: u32, y: u32)\n" in shown
    found = town.json("describe", "notes", "table", "note", "--json")
    assert found["name"] == "note"
    _, err = town.say("describe", "notes", "table", "notes", code=1)
    assert err == "harness: there is no table 'notes'; did you mean 'note'?\n"

    listed = town.json("list", "--json")
    assert [x["names"] for x in listed["databases"]] == [["notes"]]
    _, err = town.say("delete", "notes", code=1)
    assert err.endswith("with all its data: nobody can be asked here, so say -y\n")
    _, err = town.say("delete", "notes", "-y", code=1, user="somebody-else")
    assert "only" in err
    assert town.json("sql", "notes", "SELECT COUNT(*) AS n FROM note", "--json") == [{"n": 3}]
    deleted, _ = town.say("delete", "notes", "-y")
    assert deleted == f"deleted notes, identity: {listed['databases'][0]['identity']}\n"
    _, err = town.say("sql", "notes", query, code=1)
    assert err.startswith("harness: there is no database notes on ")
    assert town.json("list", "--json")["databases"] == []


def test_logs(town: Town) -> None:
    town.say("call", "notes", "add", "one", "null", "[0, 0]")
    town.say("call", "notes", "crash", code=1)
    records = [json.loads(x) for x in town.say("logs", "notes", "--json")[0].splitlines()]
    own = [x["message"] for x in records if x["message"] in ("adding one", "about to fail")]
    assert own == ["adding one", "about to fail"]
    text, _ = town.say("logs", "notes")
    assert " INFO " in text
    assert ": adding one\n" in text
    text, _ = town.say("logs", "notes", "-l", "warn", "--level-exact")
    assert [line.rpartition(": ")[2] for line in text.splitlines()] == ["about to fail"]
    assert len(town.say("logs", "notes", "-n", "1")[0].splitlines()) >= 1
    _, err = town.say("logs", "notes", code=1, user="somebody-else")
    assert "only the owner of notes may do that" in err

    with town.begin("logs", "notes", "-f", "--json") as following:
        assert following.stdout is not None
        seen: list[str] = []
        while "about to fail" not in seen:
            seen.append(json.loads(following.stdout.readline())["message"])
        town.say("call", "notes", "add", "later", "null", "[0, 0]")
        while "adding later" not in seen:
            seen.append(json.loads(following.stdout.readline())["message"])
        following.send_signal(signal.SIGINT)
        _, err = following.communicate(timeout=PATIENCE_S)
        assert (following.returncode, err) == (130, "\nharness: stopped\n")


def leave(reader: subprocess.Popen[str], town: Town) -> None:
    """The reader of a command that goes on has seen enough, and then something happens."""
    assert reader.stdout is not None
    assert reader.stdout.readline()
    reader.stdout.close()
    town.say("call", "notes", "add", "unread", "null", "[0, 0]")
    _, err = reader.communicate(timeout=PATIENCE_S)
    assert (err, reader.returncode) == ("", 0)


def test_readers_that_leave(town: Town) -> None:
    """As in ``harness logs -f | head -1``: the command ends with them, and says nothing."""
    town.say("call", "notes", "add", "one", "null", "[0, 0]")
    with town.begin("logs", "notes", "-f") as following:
        leave(following, town)
    query = "SELECT * FROM note"
    with town.begin("subscribe", "notes", query, "--print-initial-update") as watching:
        leave(watching, town)


def test_subscribe(town: Town) -> None:
    town.say("call", "notes", "add", "one", "null", "[0, 0]")
    query = "SELECT * FROM note"
    watch = town.begin("subscribe", "notes", query, "--print-initial-update", "-n", "4", "-t", "60")
    with watch as watching:
        assert watching.stdout is not None

        def update() -> tuple[list[str], list[str]]:
            found = json.loads(watching.stdout.readline())  # type: ignore[union-attr]  # asked above
            assert list(found) == ["note"]
            deletes, inserts = found["note"]["deletes"], found["note"]["inserts"]
            return [x["text"] for x in deletes], [x["text"] for x in inserts]

        assert update() == ([], ["one"])
        town.say("call", "notes", "add", "two", "null", "[0, 0]")
        assert update() == ([], ["two"])
        town.say("call", "notes", "edit", "1", "uno")
        assert update() == (["one"], ["uno"])
        town.say("call", "notes", "give", "c2" + "00" * 30 + "77")
        deletes, inserts = update()
        assert sorted(deletes) == sorted(inserts) == ["two", "uno"]
        assert watching.wait(PATIENCE_S) == 0
    _, err = town.say("subscribe", "notes", query, "-n", "1", "-t", "0.2", code=1)
    assert err == "harness: 0.2 s were over after 0 updates of 1\n"
    assert town.say("subscribe", "notes", query, "-t", "0.2") == ("", "")
    _, err = town.say("subscribe", "notes", "SELECT * FROM nothing", code=1)
    assert "nothing" in err
    _, err = town.say("subscribe", "nowhere", query, code=1)
    assert err.count("\n") == 1


def test_other_names(town: Town) -> None:
    assert town.say("publish", "others", "-m", "notes.py")[0].startswith("Created new")
    identity = town.json("rename", "notes", "--to", "kept", "--json")["identity"]
    assert town.say("sql", "notes", "SELECT * FROM note", code=1)[1].startswith(
        "harness: there is no database notes on "
    )
    assert town.json("sql", "kept", "SELECT * FROM note", "--json") == []
    _, err = town.say("rename", identity, "--to", "others", code=1)
    assert err == f"harness: the name others is taken on {town.uri}; choose another one\n"
    _, err = town.say("rename", identity, "--to", "mine", code=1, user="somebody-else")
    assert err.startswith(f"harness: only the owner of {identity} may do that; you are ")
    _, err = town.say("rename", "nothing", "--to", "mine", code=1)
    assert "there is no database nothing on " in err
    _, err = town.say("lock", "kept", code=1)
    assert "knows no locks" in err


def test_who_is_who(town: Town) -> None:
    me = town.json("login", "show", "--json")
    assert "token" not in me
    listed = town.json("list", "--json")
    assert listed["owner"] == me["identity"]
    _, err = town.say("login", "show", code=1, user="nobody")
    assert "does not know you; say `harness login`" in err
    out, _ = town.say("login", user="nobody")
    told, _ = town.say("login", "show", user="nobody")
    assert out.split(" as ")[1].split(",")[0] in told
    assert town.say("server", "ping", code=2)[1]  # it takes its server without -s
    out, _ = town.run("server", "ping", town.uri)
    assert f"{town.uri} answers in " in out


def test_a_table_of_queries_from_a_pipe(town: Town) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "sql", "notes", "--interactive", "--format", "jsonl",
         "-s", town.uri],
        input=b"SELECT id FROM note\n\nSELECT x FROM\n\xff\n.exit\nSELECT never\n",
        capture_output=True, check=False, cwd=town.home.path,
        env={**os.environ, "XDG_CONFIG_HOME": str(town.home.path / "config")},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == b""
    told = done.stderr.decode().splitlines()
    assert len(told) == 2
    assert told[1] == "harness: '\\udcff' is not UTF-8 at its letter 1"


def test_ctrl_c_ends_a_subscription(town: Town) -> None:
    with town.begin("subscribe", "notes", "SELECT * FROM note", "--print-initial-update") as found:
        assert found.stdout is not None
        town.say("call", "notes", "add", "one", "null", "[0, 0]")
        assert "one" in found.stdout.readline()
        found.send_signal(signal.SIGINT)
        _, err = found.communicate(timeout=PATIENCE_S)
        assert (found.returncode, err) == (130, "\nharness: stopped\n")
