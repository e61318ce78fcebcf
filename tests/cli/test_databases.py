"""``harness rename``, ``lock``, ``unlock`` and ``delete`` against servers that follow a script.

How real ones and ours answer to them is in ``tests/e2e/test_everyday.py``.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.client import credentials
from tests.cli.scripted import DATABASE, TOKEN, Scripted, scripted
from tests.cli.somebody import Terminal, unknown

PATH = f"/v1/database/{DATABASE}"
CHILDREN = {
    "database_tree": {
        "root": {"database_identity": DATABASE, "database_names": ["chat"]},
        "children": [
            {
                "root": {"database_identity": "c2" + "01" * 31, "database_names": ["b", "a"]},
                "children": [
                    {
                        "root": {"database_identity": "c2" + "03" * 31, "database_names": []},
                        "children": [],
                    }
                ],
            },
            {
                "root": {"database_identity": "c2" + "02" * 31, "database_names": ["\x1b[31m"]},
                "children": [],
            },
        ],
    },
    "confirmation_token": "7e57",
}


def deep(levels: int) -> dict[str, Any]:
    """A database with so many below each other."""
    root = {"database_identity": DATABASE, "database_names": ["chat"]}
    return {"root": root, "children": [deep(levels - 1)] if levels else []}


TREE = f"""\
  b, a  {"c2" + "01" * 31}
    (no name)  {"c2" + "03" * 31}
  \\x1b[31m  {"c2" + "02" * 31}
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.chdir(tmp_path)
    unknown(tmp_path, monkeypatch)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with scripted() as found:
        credentials.keep(found.uri, "ab" * 32, TOKEN)
        found.answers |= {
            "GET /v1/database/chat/identity": (200, DATABASE),
            f"GET {PATH}/identity": (200, DATABASE),
            f"GET {PATH}/names": (200, '{"names": ["chat", "talk"]}'),
        }
        yield found


def say(server: Scripted, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main([*words, "-s", server.uri])
    out, err = capsys.readouterr()
    assert TOKEN not in out + err
    return code, out, err


def asked_for(server: Scripted, method: str) -> list[tuple[str, str | None, bytes]]:
    return [x for x in server.asked if x[0].startswith(method)]


# --- rename --------------------------------------------------------------------------------------


@pytest.mark.parametrize("identity", ["chat", DATABASE, f"0x{DATABASE.upper()}"])
def test_rename_replaces_all_names(
    identity: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers[f"PUT {PATH}/names"] = (200, '"Success"')
    code, out, err = say(server, capsys, "rename", identity, "--to", "new-name")
    assert (code, err) == (0, "")
    assert out == f"renamed chat, talk to new-name, identity: {DATABASE}\n"
    assert asked_for(server, "PUT") == [(f"PUT {PATH}/names", f"Bearer {TOKEN}", b'["new-name"]')]
    _, out, _ = say(server, capsys, "rename", identity, "--to", "new-name", "--json")
    assert json.loads(out) == {
        "identity": DATABASE, "name": "new-name", "names_before": ["chat", "talk"],
        "server": server.uri,
    }  # fmt: skip


def test_rename_asks_the_server_of_the_project(
    server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also of one of several; and it says that the project's files have the old name."""
    server.answers[f"PUT {PATH}/names"] = (200, '"Success"')
    chat = {"database": "chat", "server": server.uri}
    found = {**chat, "children": [{"database": "other", "server": "http://127.0.0.1:1"}]}
    Path("spacetime.json").write_text(json.dumps(found))
    assert main(["rename", "chat", "--to", "new-name"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("renamed chat, talk to new-name, ")
    assert err == "the project's files still have its name chat\n"


def test_rename_asks_the_server_of_the_project_for_any_database(
    server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also for one that stands in none of its files."""
    server.answers[f"PUT {PATH}/names"] = (200, '"Success"')
    Path("spacetime.json").write_text(json.dumps({"database": "mine", "server": server.uri}))
    assert main(["rename", DATABASE, "--to", "new"]) == 0
    assert capsys.readouterr().out.startswith("renamed chat, talk to new")


def test_a_name_that_it_has_alone_is_not_asked_for(
    server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """Servers would say that it is in use."""
    server.answers[f"GET {PATH}/names"] = (200, '{"names": ["chat"]}')
    assert say(server, capsys, "rename", "chat", "--to", "chat")[0] == 0
    assert asked_for(server, "PUT") == []


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, '{"OtherError":"Cannot rename to b because it already is in use."}',
         "the name new is taken on {uri}; choose another one"),
        (409, "the name 'new' belongs to another database",
         "the name new is taken on {uri}; choose another one"),
        (401, '{"NotYourDatabase":{"database":"c2"}}',
         "only the owner of chat may do that; you are {me} to {uri}"),
        (401, '{"PermissionDenied":{"domain":"new"}}',
         "only the owner of chat may do that; you are {me} to {uri}"),
        (500, "", "the server refused with status 500: it said nothing"),
    ],
)  # fmt: skip
def test_renames_that_are_refused(
    status: int, body: str, said: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers[f"PUT {PATH}/names"] = (status, body)
    code, out, err = say(server, capsys, "rename", "chat", "--to", "new")
    assert (code, out) == (1, "")
    assert err == f"harness: {said.format(uri=server.uri, me='ab' * 32)}\n"


@pytest.mark.parametrize("name", ["", "Bad Name", "a/b", DATABASE])
def test_names_that_cannot_be(
    name: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = say(server, capsys, "rename", "chat", "--to", name)
    assert code == 1
    assert "name" in err
    assert err.count("\n") == 1
    assert server.asked == []


# --- lock ----------------------------------------------------------------------------------------


def test_lock_and_unlock(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers |= {f"POST {PATH}/lock": (200, ""), f"POST {PATH}/unlock": (200, "")}
    assert say(server, capsys, "lock", "chat") == (
        0, "locked chat; it cannot be deleted before `harness unlock`\n", ""
    )  # fmt: skip
    assert say(server, capsys, "unlock", "chat") == (0, "unlocked chat\n", "")
    assert asked_for(server, "POST") == [
        (f"POST {PATH}/lock", f"Bearer {TOKEN}", b""),
        (f"POST {PATH}/unlock", f"Bearer {TOKEN}", b""),
    ]


def test_servers_without_locks(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = say(server, capsys, "lock", "chat")
    assert (code, err) == (
        1,
        f"harness: {server.uri} knows no locks; SpacetimeDB's own servers do from version 2 on\n",
    )
    code, _, err = say(server, capsys, "unlock", "nothing")
    assert (code, "there is no database nothing" in err) == (1, True)


# --- delete --------------------------------------------------------------------------------------


def family(server: Scripted) -> None:
    """The database has children; they are deleted with it if the server is told their token."""
    server.answers["DELETE /v1/database/chat"] = (428, json.dumps(CHILDREN))
    server.answers["DELETE /v1/database/chat?token=7e57"] = (200, "")


def test_children_go_with_a_database(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    family(server)
    code, out, err = say(server, capsys, "delete", "chat", "-y")
    assert (code, out) == (0, f"deleted chat and 3 below it, identity: {DATABASE}\n")
    assert err == f"these databases go with chat:\n{TREE}"
    code, out, _ = say(server, capsys, "delete", "chat", "-y", "--json")
    assert [x["names"] for x in json.loads(out)["children"]] == [["b", "a"], [], ["\x1b[31m"]]


@pytest.mark.parametrize(
    ("answers", "code", "deletes"),
    [
        ("n\n", 1, []),
        ("y\nn\n", 1, ["DELETE /v1/database/chat"]),
        ("y\ny\n", 0, ["DELETE /v1/database/chat", "DELETE /v1/database/chat?token=7e57"]),
    ],
)
def test_it_asks_once_more_for_children(
    answers: str, code: int, deletes: list[str], server: Scripted,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    family(server)
    monkeypatch.setattr(sys, "stdin", Terminal(answers))
    found, _, err = say(server, capsys, "delete", "chat")
    assert found == code
    assert [x[0] for x in asked_for(server, "DELETE")] == deletes
    assert ("nothing was changed" in err) == (code == 1)
    assert ("Delete 3 more databases with all their data? [y/N]" in err) == bool(deletes)


def test_nobody_answers(
    server: Scripted, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-D, and so Ctrl-C."""
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    code, _, err = say(server, capsys, "delete", "chat")
    assert code == 130
    assert err.endswith(" [y/N]: \nharness: stopped\n")
    assert asked_for(server, "DELETE") == []


@pytest.mark.parametrize(
    "answer",
    ["{}", "[]", '{"database_tree": 7}', json.dumps({**CHILDREN, "confirmation_token": None}),
     json.dumps({**CHILDREN, "database_tree": deep(65)})],
)  # fmt: skip
def test_what_is_not_understood_is_not_agreed_to(
    answer: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["DELETE /v1/database/chat"] = (428, answer)
    code, _, err = say(server, capsys, "delete", "chat", "-y")
    assert code == 1
    assert "wants to delete more than was said, and does not say what" in err
    assert len(asked_for(server, "DELETE")) == 1


def test_a_locked_database(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    said = "Database is locked and cannot be deleted. Run `spacetime unlock` first."
    server.answers["DELETE /v1/database/chat"] = (403, said)
    code, _, err = say(server, capsys, "delete", "chat", "-y")
    assert (code, err) == (1, "harness: chat is locked; `harness unlock chat` first\n")
