"""``generate`` entries: where they stand, whose they are, and what is wrong with them in words."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import PlanError
from harness.project import configuration, entries
from harness.project.entries import Entries


def found(folder: Path, content: Any, pyproject: str | None = None) -> Entries:
    loaded = None
    if content is not None:
        (folder / "spacetime.json").write_text(json.dumps(content))
        loaded = configuration.load(folder)
    if pyproject is not None:
        (folder / "pyproject.toml").write_text(f"[tool.harness]\n{pyproject}\n")
    return entries.find(loaded, None if pyproject is None else folder)


def python(**entry: Any) -> dict[str, Any]:
    return {"generate": [entry]}


def test_they_stand_in_three_places(tmp_path: Path) -> None:
    content = {
        "database": "chat", "module-path": "server", "server": "local",
        "generate": [{"language": "rust", "out-dir": "r"}, {"language": "Python", "out-dir": "a"}],
        "python": python(**{"out-dir": "b"}),
        "children": [{"database": "world", "python": python(**{"out-dir": "c"})}, {}],
    }  # fmt: skip
    all_of_them = found(tmp_path, content, 'generate = [{out-dir = "d"}]')
    assert [(x.where, x.path("out-dir"), x.owner.name, x.source) for x in all_of_them.python] == [
        ("spacetime.json: python.generate of chat, entry 1", tmp_path / "b", "chat",
         ("module-path", "server")),
        ("spacetime.json: generate of chat, entry 2", tmp_path / "a", "chat",
         ("module-path", "server")),
        ("spacetime.json: python.generate of world, entry 1", tmp_path / "c", "world",
         ("module-path", "server")),
        ("pyproject.toml: generate of [tool.harness], entry 1", tmp_path / "d", "chat", None),
    ]  # fmt: skip
    assert [(x.language, x.where) for x in all_of_them.others] == [
        ("rust", "spacetime.json: generate of chat, entry 1")
    ]
    assert [x.owner.server for x in all_of_them.python] == ["local"] * 4
    world = all_of_them.of(frozenset({"world"}))
    assert (len(world.python), len(world.others)) == (1, 0)


def test_a_child_has_none_of_its_parents(tmp_path: Path) -> None:
    content = {"database": "a", "python": python(), "children": [{"database": "b"}]}
    assert [x.owner.name for x in found(tmp_path, content).python] == ["a"]


@pytest.mark.parametrize(
    ("entry", "source"),
    [
        ({}, ("bin-path", "a.wasm")),
        ({"module-path": "x"}, ("module-path", "x")),
        ({"module-def": "x.json"}, ("module-def", "x.json")),
        ({"server": "local"}, ("database", "chat")),
        ({"server": "local", "database": "other"}, ("database", "other")),
    ],
)
def test_its_own_source_comes_before_its_databases(
    entry: Any, source: tuple[str, str], tmp_path: Path
) -> None:
    content = {"database": "chat", "bin-path": "a.wasm", "python": python(**entry)}
    assert found(tmp_path, content).python[0].source == source


@pytest.mark.parametrize(
    ("marks", "language"),
    [(["pyproject.toml"], "python"), (["Cargo.toml"], "rust"), (["package.json"], "typescript")],
)
def test_without_a_language_it_is_that_of_the_folder(
    marks: list[str], language: str, tmp_path: Path
) -> None:
    for name in marks:
        (tmp_path / name).touch()
    both = found(tmp_path, {"generate": [{"out-dir": "x"}]})
    assert [x.language for x in both.others] == ([] if language == "python" else [language])
    assert len(both.python) == (language == "python")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"python": 5}, "spacetime.json: python is an object"),
        ({"python": {"generat": []}}, "python has a key 'generat', which is not known; did you"
                                      " mean 'generate'?"),
        ({"python": {"generate": {}}}, "spacetime.json: python.generate is a list of objects"),
        ({"generate": ["rust"]}, "spacetime.json: generate is a list of objects"),
        ({"python": python(outdir="x")}, "python.generate, entry 1 has a key 'outdir', which is not"
                                         " known; did you mean 'out-dir'?"),
        ({"python": python(**{"out-dir": 5})}, "entry 1: out-dir is a text, not 5"),
        ({"python": python(**{"out-dir": "a\ud800"})}, "entry 1: out-dir is a text, not"),
        ({"database": "a", "module-path": "a\0"}, "module-path is a text, not"),
        ({"python": python(**{"out-dir": ""})}, 'entry 1: out-dir is a text, not ""'),
        ({"python": python(**{"include-private": "yes"})}, "include-private is true or false"),
        ({"python": python(**{"row-class": "tuple"})},
         "row-class is one of msgspec, dataclass, attrs, not 'tuple'"),
        ({"python": python(format="yapf")}, "format is one of auto, black, autopep8, ruff, none"),
        ({"python": python(**{"bin-path": "a", "js-path": "b"})},
         "entry 1: bin-path and js-path exclude each other; keep one of them"),
        ({"python": python(**{"bin-path": "a", "server": "b"})},
         "bin-path and server or database exclude each other"),
        ({"python": python(server="local")}, "has a server and no database; add its name"),
        ({"python": python(language="go")}, "is for Python, not for go: move it to generate"),
        ({"generate": [{"language": 5}]}, "generate, entry 1: language is a text, not 5"),
        ({"generate": [{"out-dir": "x"}]}, 'entry 1 has no language; add "language": "python"'),
        ({"generate": [{"language": "py", "namespace": "N"}]}, "has a key 'namespace'"),
        ({"database": "a", "children": [{"database": "b", "python": python(x=1)}]},
         "spacetime.json: python.generate of b, entry 1 has a key 'x'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_and_key(content: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError) as caught:
        found(tmp_path, content)
    assert said in str(caught.value)


def test_what_is_wrong_in_pyproject(tmp_path: Path) -> None:
    for text, said in (
        ('generate = "x"', "pyproject.toml: generate of [tool.harness] is a list of objects"),
        ("generate = [{out-dir = 2020-01-01}]", 'out-dir is a text, not "2020-01-01"'),
    ):
        with pytest.raises(PlanError) as caught:
            found(tmp_path, None, text)
        assert said in str(caught.value)


def test_a_name_in_pyproject_holds_where_no_other_does(tmp_path: Path) -> None:
    text = 'database = "mine"\ngenerate = [{}]'
    assert found(tmp_path, None, text).python[0].owner.name == "mine"
    assert found(tmp_path, {"server": "local"}, text).python[0].owner.name == "mine"
    assert found(tmp_path, {"database": "chat"}, text).python[0].owner.name == "chat"


GOOD: dict[str, Any] = {
    "database": "chat", "module-path": ".", "server": "local",
    "generate": [{"language": "python", "out-dir": "a", "module-def": "x"}, {"language": "rust"}],
    "python": {"generate": [{"out-dir": "b", "row-class": "attrs", "include-private": True,
                             "format": "none", "server": "local", "database": "d"}], "dev": {}},
    "children": [{"database": "c", "bin-path": "x.wasm", "python": {"generate": [{}]}}, {}],
}  # fmt: skip
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.just([]), st.just({}),
    st.just([None]), st.sampled_from(["\0", "\ud800", "python", "go", "../..", "local"]),
)  # fmt: skip


def places(json: Any) -> list[tuple[Any, Any]]:
    """Every place of a JSON where something else could stand."""
    found: list[tuple[Any, Any]] = []
    for key, value in json.items() if isinstance(json, dict) else enumerate(json):
        found.append((json, key))
        if isinstance(value, dict | list):
            found += places(value)
    return found


@settings(max_examples=60)
@given(st.data())
def test_whatever_stands_there_is_entries_or_a_sentence(data: st.DataObject) -> None:
    content = copy.deepcopy(GOOD)
    holder, key = data.draw(st.sampled_from(places(content)))
    holder[key] = data.draw(JUNK)
    with tempfile.TemporaryDirectory() as folder:
        try:
            for entry in found(Path(folder), content).python:
                path = entry.path("out-dir")
                assert path is None or path.resolve().is_absolute()
        except PlanError:
            pass
