"""spacetime.json in its layers, and cli.toml, as the official tool reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import PlanError
from harness.project import settings
from harness.project.configuration import Configuration, load


def write(folder: Path, **files: Any) -> None:
    """``local=…`` is spacetime.local.json, ``base=…`` spacetime.json; texts are as they are."""
    for name, content in files.items():
        middle = "" if name == "base" else f"{name.replace('_', '.')}."
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"spacetime.{middle}json").write_text(text)


def read(folder: Path, environment: str | None = None) -> Configuration:
    found = load(folder, environment)
    assert found is not None
    return found


def test_it_is_looked_for_upwards(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    write(tmp_path, base={"database": "chat", "module-path": "server"})
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    found = read(below)
    assert (found.folder, [x.name for x in found.named]) == (tmp_path, ["chat"])
    assert found.databases[0].path("module-path") == tmp_path / "server"


def test_later_files_win_by_whole_keys(tmp_path: Path) -> None:
    write(
        tmp_path,
        base={"database": "base", "server": "maincloud", "dev": {"run": "one", "x": 1}},
        local={"server": "local", "dev": {"run": "two"}},
        dev={"database": "dev"},
        dev_local={"database": "mine"},
    )
    assert [x.name for x in read(tmp_path).named] == ["base"]
    assert read(tmp_path).databases[0].server == "local"
    assert dict(read(tmp_path).dev) == {"run": "two"}
    found = read(tmp_path, "dev")
    assert [x.name for x in found.named] == ["mine"]
    assert [x.name for x in found.files] == [
        "spacetime.json", "spacetime.local.json", "spacetime.dev.json", "spacetime.dev.local.json",
    ]  # fmt: skip
    assert [x.name for x in read(tmp_path, "prod").named] == ["base"]


def test_what_children_inherit(tmp_path: Path) -> None:
    write(tmp_path, base={
        "database": "world", "module-path": "./world", "server": "local", "anonymous": True,
        "generate": [{"language": "rust"}], "dev": {"run": "x"},
        "children": [
            {"database": "world-a"},
            {"database": "b", "bin-path": "b.wasm", "server": "maincloud"},
            {"children": [{"database": "world-c"}]},
        ],
    })  # fmt: skip
    found = read(tmp_path)
    assert [x.name for x in found.named] == ["world", "world-a", "b", "world-c"]
    _, a, b, nameless, c = found.databases
    assert nameless.name is None
    assert a.path("module-path") == c.path("module-path") == tmp_path / "world"
    assert (b.path("module-path"), b.path("bin-path")) == (None, tmp_path / "b.wasm")
    assert [x.server for x in (a, b, c)] == ["local", "maincloud", "local"]
    assert a.anonymous
    assert "generate" not in a.fields
    assert [x.name for x in found.matching("world-*")] == ["world-a", "world-c"]


def test_children_are_overlaid_in_their_places(tmp_path: Path) -> None:
    children = [{"database": "a", "server": "local"}, {"database": "b"}]
    write(
        tmp_path,
        base={"children": children},
        local={"children": [{"database": "x"}, {"server": "maincloud"}, {"database": "c"}]},
    )
    found = read(tmp_path)
    assert [(x.name, x.server) for x in found.named] == [("x", "local"), ("b", "maincloud")]


def test_comments_and_commas(tmp_path: Path) -> None:
    write(tmp_path, base='{\n  // ours\n  "database": "chat", /* and\n on */ server: "local",\n}')
    assert [(x.name, x.server) for x in read(tmp_path).named] == [("chat", "local")]


@pytest.mark.parametrize(
    ("dev", "python", "run"),
    [({}, {}, None), ({"run": "npm run dev"}, {}, "npm run dev"),
     ({"run": "npm run dev"}, {"dev": {"run": "python -m x"}}, "python -m x"),
     ({}, {"generate": []}, None)],
)  # fmt: skip
def test_what_dev_runs(dev: Any, python: Any, run: str | None, tmp_path: Path) -> None:
    write(tmp_path, base={"dev": dev, "python": python})
    assert read(tmp_path).run == run


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "holds no object"),
        ("{", "is not JSON: line 1"),
        ('{"database": "a"\n"server": 1}', "is not JSON: line 2"),
        ("", "is not JSON: line"),
        ('{"database": 7}', "spacetime.json: database is a text, not 7"),
        ('{"server": ""}', 'spacetime.json: server is a text, not ""'),
        ('{"bin-path": "a", "js-path": "b"}', "bin-path and js-path exclude each other"),
        ('{"children": {}}', "children is a list of objects") ,
        ('{"children": {"a": 1}}', "children is a list of objects"),
        ('{"children": [1]}', "children is a list of objects"),
        ('{"dev": 1}', "dev is an object"),
        ('{"children": [' * 20 + "{}" + "]}" * 20, "nested deeper than 16"),
        ("[" * 100_000, "is not JSON"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_file(text: str, said: str, tmp_path: Path) -> None:
    write(tmp_path, base=text)
    if text == '{"children": {}}':  # an empty one is as good as none
        assert read(tmp_path).named == ()
        return
    with pytest.raises(PlanError) as found:
        load(tmp_path)
    assert said in str(found.value)
    assert "spacetime.json" in str(found.value)
    assert "\n" not in str(found.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "spacetime.json").write_bytes(b"\xff{}")
    with pytest.raises(PlanError, match="is not UTF-8 at byte 0"):
        load(tmp_path)
    (tmp_path / "spacetime.json").write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(PlanError, match="is larger than 1,048,576 bytes"):
        load(tmp_path)
    with pytest.raises(PlanError, match="an environment is a word such as dev"):
        load(tmp_path, "../../etc/passwd")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["database", "server", "children", "module-path", "dev", "python", "x"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(_JSON, _JSON)
def test_any_json_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, base: Any, local: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    write(folder, base=base, local=local)
    try:
        found = read(folder)
    except PlanError:
        return
    assert all(isinstance(x.name, str) for x in found.named)


# --- cli.toml ------------------------------------------------------------------------------------


def test_settings_of_nobody(tmp_path: Path) -> None:
    found = settings.load(tmp_path / "cli.toml")
    assert found.servers["local"] == "http://127.0.0.1:3000"
    assert (found.default_server, found.token) == (None, None)
    assert settings.path_of({"XDG_CONFIG_HOME": "/c"}) == Path("/c/spacetime/cli.toml")
    assert settings.path_of({"XDG_CONFIG_HOME": "c"}).is_absolute()


def test_settings_of_somebody(tmp_path: Path) -> None:
    path = tmp_path / "cli.toml"
    path.write_text(
        'default_server = "work"\nspacetimedb_token = "secret.token"\nunknown = 1\n'
        '[[server_configs]]\nnickname = "work"\nhost = "db.example.org"\nprotocol = "https"\n'
        '[[server_configs]]\nnickname = "local"\nhost = "127.0.0.1:4000"\nprotocol = "http"\n'
        '[[server_configs]]\nhost = "nameless"\nprotocol = "http"\n'
    )
    found = settings.load(path)
    assert found.default_server == "work"
    assert found.servers["work"] == "https://db.example.org"
    assert found.servers["local"] == "http://127.0.0.1:4000"
    assert found.servers["nameless"] == "http://nameless"
    assert found.token == "secret.token"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [("= 1", "is not valid TOML"), ("x = " + "1" * 5000, "is not valid TOML"),
     ("x = " + "[" * 5000, "is not valid TOML"),
     ("default_server = 1", "default_server is a text"),
     ("server_configs = [1]", "server_configs is a list of tables")],
)  # fmt: skip
def test_settings_that_are_wrong(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "cli.toml"
    path.write_text(f'{text}\nspacetimedb_token = "secret"')
    with pytest.raises(PlanError, match=said) as found:
        settings.load(path)
    assert "secret" not in str(found.value)
