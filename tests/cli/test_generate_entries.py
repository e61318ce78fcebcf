"""``harness generate`` of entries: flags, servers, tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from tests.cli.scripted import TOKEN, scripted
from tests.cli.somebody import unknown
from tests.gen import schemas


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    unknown(tmp_path, monkeypatch)
    for name, module in (("chat", schemas.chat()), ("other", schemas.module_test())):
        Path(f"{name}.json").write_text(json.dumps(schemas.v10(module)))


def generate(*arguments: str) -> int:
    return main(["generate", *arguments])


def configure(*entries: dict[str, Any], **more: Any) -> None:
    """A database chat with these entries, without a formatter and of chat's definition."""
    full = [{"format": "none", "module-def": "chat.json", **entry} for entry in entries]
    content = {"database": "chat", "python": {"generate": full}, **more}
    Path("spacetime.json").write_text(json.dumps(content))


def packages() -> list[str]:
    return sorted(str(x.parent) for x in Path().rglob("_schema.py"))


def rows(folder: str) -> str:
    text = Path(folder, "types.py").read_text()
    kinds = {"@attrs.frozen": "attrs", "@dataclass": "dataclass", "_t.Struct": "msgspec"}
    return next(kind for mark, kind in kinds.items() if mark in text)


# --- what is generated ----------------------------------------------------------------------------


def test_each_entry_is_a_package(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    private = {"module-def": "other.json", "include-private": True}
    configure({"out-dir": "a", "row-class": "attrs"}, {"out-dir": "b", **private})
    monkeypatch.chdir("below")  # paths are relative to the file
    assert generate() == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        f"{Path('..').resolve()}/a: 2 tables, 2 reducers; 8 files written, 0 unchanged",
        f"{Path('..').resolve()}/b: 9 tables, 2 reducers; 8 files written, 0 unchanged",
        "Generate finished successfully.",
    ]
    monkeypatch.chdir("..")
    assert packages() == ["a", "b"]
    assert (rows("a"), rows("b")) == ("attrs", "msgspec")


def test_entries_of_pyproject_and_of_the_official_key(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure({"out-dir": "a"}, generate=[
        {"language": "python", "out-dir": "b", "module-def": "chat.json"},
        {"language": "typescript", "out-dir": "ts"},
    ])  # fmt: skip
    Path("pyproject.toml").write_text(
        '[tool.harness]\ngenerate = [{out-dir = "c", module-def = "chat.json"}]\n'
        '[tool.harness.rename]\n"table:user.name" = "nick"\n'
    )
    assert generate("--format", "none") == 0
    assert packages() == ["a", "b", "c"]
    assert "nick" in Path("a/types.py").read_text()
    notice = (
        "spacetime.json: generate of chat, entry 2 is for typescript: left to the official command,"
        " `spacetime generate`.\n"
    )
    assert notice in capsys.readouterr().out
    assert generate("--format", "none", "--check", "--json") == 0
    told = capsys.readouterr()
    assert told.err == notice  # and nothing but JSON on the standard output
    assert [json.loads(line)["tables"] for line in told.out.splitlines()] == [2, 2, 2]


def test_a_name_of_pyproject_chooses_from_below(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pyproject.toml").write_text(
        '[tool.harness]\ndatabase = "mine"\n'
        'generate = [{out-dir = "c", module-def = "chat.json", format = "none"}]\n'
    )
    monkeypatch.chdir("below")
    assert generate("mine") == 0
    monkeypatch.chdir("..")
    assert packages() == ["c"]


def test_a_flag_comes_before_its_key() -> None:
    configure({"out-dir": "a", "row-class": "attrs"})
    assert generate("-o", "b", "--row-class", "dataclass", "--module-def", "other.json") == 0
    assert packages() == ["b"]
    assert rows("b") == "dataclass"
    assert "Score" in Path("b/types.py").read_text()
    assert generate("--no-config", "-o", "c", "--module-def", "other.json", "--format", "none") == 0
    assert rows("c") == "msgspec"


def test_a_name_chooses_among_databases(capsys: pytest.CaptureFixture[str]) -> None:
    children = [
        {"database": f"world-{x}", "python": {"generate": [
            {"out-dir": x, "module-def": "chat.json", "format": "none"}]}}
        for x in "bc"
    ]  # fmt: skip
    configure({"out-dir": "a"}, children=children)
    assert generate("world-*") == 0
    assert packages() == ["b", "c"]
    assert generate("world-c", "-o", "d", "--module-def", "other.json") == 0
    assert packages() == ["b", "c", "d"]
    assert generate("moon") == 1
    assert "No database 'moon' found in the configuration, which has chat, world-b, world-c" in (
        capsys.readouterr().err
    )
    assert generate("--module-def", "other.json") == 1
    assert (
        "entries of 3 databases are chosen, and one --module-def; name one of chat, world-b,"
        " world-c, or give --no-config"
    ) in capsys.readouterr().err


def test_layers_of_an_environment() -> None:
    configure({"out-dir": "a"})
    over = {"python": {"generate": [{"out-dir": "b", "module-def": "chat.json"}]}}
    Path("spacetime.test.json").write_text(json.dumps(over))
    assert generate("--env", "test", "--format", "none") == 0
    assert packages() == ["b"]


def test_the_databases_module_is_the_source() -> None:
    server = Path("server")
    server.mkdir()
    (server / "main.py").write_text((schemas.HERE / "chat.py").read_text())
    content = {
        "database": "chat", "module-path": "server/main.py",
        "python": {"generate": [{"out-dir": "a", "format": "none"}]},
    }  # fmt: skip
    Path("spacetime.json").write_text(json.dumps(content))
    assert generate() == 0
    del content["python"]
    Path("spacetime.json").write_text(json.dumps(content))
    assert generate("chat", "--format", "none") == 0
    assert packages() == ["a", "module_bindings"]


# --- all or nothing -------------------------------------------------------------------------------


def test_nothing_is_written_if_one_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = schemas.definition(("Foo", schemas.t.product(a=schemas.t.U8, A=schemas.t.U8)))
    Path("wrong.json").write_text(json.dumps(schemas.v9(wrong)))
    configure({"out-dir": "a"}, {"out-dir": "b", "module-def": "wrong.json"})
    assert generate() == 1
    assert (
        "harness: b: type 'Foo': the columns 'a' and 'A' would both be 'a'"
        in capsys.readouterr().err
    )
    configure({"out-dir": "a"}, {"out-dir": "b"})
    Path("b").mkdir()
    Path("b/types.py").write_text("mine = 1\n")
    assert generate() == 1
    assert "b/types.py exists and was not generated" in capsys.readouterr().err
    assert packages() == []


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"out-dir": "./a", "row-class": "attrs"},
         "entry 1 and spacetime.json: python.generate of chat, entry 2 write to"),
        ({"out-dir": "a/inside"}, "one inside the other; give each its own out-dir"),
        ({"out-dir": "link"}, "write to"),
        ({"out-dir": "a", "module-def": "other.json"}, "write to"),
        ({"out-dir": "a"}, None),
    ],
)  # fmt: skip
def test_two_with_one_place(
    second: dict[str, Any], said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a").mkdir()
    Path("link").symlink_to("a")
    configure({"out-dir": "a"}, second)
    if second["out-dir"] == "link":  # the same files, by another name and with other rows
        second["row-class"] = "attrs"
        configure({"out-dir": "a"}, second)
    assert generate() == (0 if said is None else 1)
    told = capsys.readouterr()
    if said is None:
        assert told.out.count("files written") == 1
    else:
        assert said in told.err
        assert packages() == []


def test_which_of_several_modules_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    children = [{"database": f"world-{x}", "module-path": x} for x in "ab"]
    Path("spacetime.json").write_text(json.dumps({"database": "chat", "children": children}))
    assert generate("world-*") == 1
    assert "world-a, world-b are chosen, and none has an entry in generate; name one" in (
        capsys.readouterr().err
    )


def test_several_are_checked_and_told_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure({"out-dir": "a"}, {"out-dir": "b", "module-def": "other.json"})
    assert generate("--check") == 1
    assert generate("--dry-run") == 0
    assert packages() == []
    assert generate("-o", "c") == 1
    assert "2 entries of generate are chosen, and one --out-dir; leave it out" in (
        capsys.readouterr().err
    )
    assert generate("--json") == 0
    facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(Path(x["folder"]).name, len(x["written"])) for x in facts] == [("a", 8), ("b", 8)]
    Path("b/types.py").unlink()
    assert generate("--check", "--json") == 1
    facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [x["written"] for x in facts] == [[], ["types.py"]]
    assert generate() == 0
    assert generate("--check") == 0


# --- databases that run ---------------------------------------------------------------------------


def test_servers_and_tokens_are_those_of_the_other_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACETIMEDB_TOKEN", TOKEN)
    with scripted() as server:
        schema = Path("chat.json").read_text()
        for name in ("chat", "secret"):
            server.answers[f"GET /v1/database/{name}/schema"] = (200, schema)
        settings = tmp_path / "config" / "spacetime" / "cli.toml"
        settings.parent.mkdir(parents=True)
        host = server.uri.removeprefix("http://")
        settings.write_text(
            f'[[server_configs]]\nnickname = "here"\nhost = "{host}"\nprotocol = "http"\n'
        )
        asks = {
            # The server of an entry, of spacetime.json, of the command line; with a token or not.
            "entry": ([{"server": "here"}], {}, [], "chat", TOKEN),
            "file": ([{"database": "secret"}], {"server": "here"}, [], "secret", TOKEN),
            "flag": ([{}], {"server": "nowhere.example"}, ["-s", "here"], "chat", TOKEN),
            "name": ([{}], {"server": "here"}, ["--database", "chat"], "chat", TOKEN),
            "nobody": ([{"server": "here"}], {"anonymous": True}, [], "chat", None),
            "flags": ([{"server": "here"}], {}, ["--anonymous"], "chat", None),
        }
        for name, (entries, more, flags, database, token) in asks.items():
            server.asked.clear()
            full = [{"out-dir": name, "format": "none", **x} for x in entries]
            content = {"database": "chat", "python": {"generate": full}, **more}
            Path("spacetime.json").write_text(json.dumps(content))
            assert generate(*flags) == 0, name
            asked = [x[:2] for x in server.asked if "schema" in x[0]]
            expected = None if token is None else f"Bearer {token}"
            assert asked == [(f"GET /v1/database/{database}/schema?version=10", expected)], name
        assert packages() == sorted(asks)
        assert generate("moon", "-s", "here") == 1
        told = capsys.readouterr()
        assert f"there is no database moon on {server.uri}" in told.err
        assert TOKEN not in told.out + told.err


def test_a_database_of_a_server_without_any_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with scripted() as server:
        server.answers["GET /v1/database/chat/schema"] = (200, Path("chat.json").read_text())
        assert generate("chat", "-s", server.uri, "--format", "none") == 0
    assert packages() == ["module_bindings"]
    assert "2 tables, 2 reducers" in capsys.readouterr().out


# --- what cannot be done --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"out-dir": ".", "module-def": "chat.json"}, "cannot be a folder for generated files"),
        ({"out-dir": "../..", "module-def": "chat.json"}, "cannot be a folder for generated files"),
        ({"out-dir": "my-bindings", "module-def": "chat.json"}, "name the folder 'my_bindings'"),
        ({"out-dir": "a\0b"}, "out-dir is a text, not"),
        (
            {"out-dir": "chat.json/x", "module-def": "chat.json"},
            "chat.json is a file; name another folder",
        ),
        ({"module-def": "nowhere.json"}, "nowhere.json: No such file"),
        ({"bin-path": "nowhere.wasm"}, "nowhere.wasm"),
        ({"module-path": "nowhere.py"}, "there is no file"),
        ({"module-path": "server"}, "server is a module in rust: build it with `spacetime build`"),
        ({"server": "http://127.0.0.1:1"}, "nobody answers at http://127.0.0.1:1"),
        ({"server": "no server"}, "a server is `local` or a URI such as"),
        ({}, "there is no module to generate from in"),
    ],
)
def test_what_cannot_be_done(
    entry: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("server").mkdir()
    Path("server/Cargo.toml").touch()
    content = {"database": "chat", "python": {"generate": [{"out-dir": "a", **entry}]}}
    Path("spacetime.json").write_text(json.dumps(content))
    assert generate("--format", "none") == 1
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert packages() == []
