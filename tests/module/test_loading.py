"""Loading: from files, folders and names; again and again; and whatever is wrong with them."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import SchemaError
from harness.module import Module, load
from harness.module.registry import default_module

TABLES = """
from harness.module import table, u32

@table()
class User:
    id: u32
"""
REDUCERS = """
from harness.module import ReducerContext, reducer, u32
from .tables import User

@reducer
def add(ctx: ReducerContext, id: u32) -> None:
    ctx.db[User].insert(User(id=id))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "chatty"
    folder.mkdir()
    (folder / "tables.py").write_text(TABLES)
    (folder / "reducers.py").write_text(REDUCERS)
    (folder / "__init__.py").write_text("from . import reducers\n")
    return folder


@pytest.fixture(autouse=True)
def _same_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(tmp_path)
    yield
    # Only what lies here: a part of ours that was loaded first in this test is everybody's.
    for name, found in list(sys.modules.items()):
        if (getattr(found, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def names(module: Module) -> tuple[list[str], list[str]]:
    definition = module.definition()
    return [x.name for x in definition.tables], [x.name for x in definition.reducers]


@pytest.mark.parametrize("how", ["folder", "name"])
def test_a_package_is_put_together(package: Path, how: str) -> None:
    for _ in range(2):
        module = load(package if how == "folder" else "chatty")
        assert module.name == "chatty"
        assert names(module) == (["user"], ["add"])


def test_one_file_of_a_package(package: Path) -> None:
    assert names(load("chatty.tables")) == (["user"], [])


@pytest.mark.parametrize("how", ["name", "file"])
@pytest.mark.parametrize("tables", [".tables", "chatty.tables", ".", "chatty"])
def test_a_file_comes_with_those_of_its_package_that_it_imports(
    package: Path, how: str, tables: str
) -> None:
    """As the same file does where it is built and where it is sent."""
    file = package / "reducers.py"
    file.write_text(REDUCERS.replace(".tables", tables))
    (package / "other.py").write_text(TABLES.replace("User", "Other"))
    (package / "__init__.py").write_text(TABLES if tables in (".", "chatty") else "")
    for _ in range(2):
        assert names(load(file if how == "file" else "chatty.reducers")) == (["user"], ["add"])


def test_what_is_imported_already_keeps_its_classes(package: Path) -> None:
    """A test compares rows and enums with those that it has imported."""
    reducers = importlib.import_module("chatty.reducers")
    module = load(reducers)
    assert names(module) == (["user"], ["add"])
    assert module.tables[0].row is reducers.User


def test_a_package_sees_changes_of_its_files(package: Path) -> None:
    load("chatty")
    (package / "tables.py").write_text(TABLES.replace("    id: u32", "    id: u32\n    age: u32"))
    importlib.invalidate_caches()
    definition = load("chatty").definition()
    assert [x.name for x in definition.row_type(definition.tables[0]).elements] == ["id", "age"]


def test_a_reload_replaces(package: Path) -> None:
    imported = importlib.import_module("chatty.tables")
    for _ in range(2):
        assert len(default_module("chatty.tables").tables) == 1
        importlib.reload(imported)


def test_a_failed_import_leaves_what_was_there(package: Path) -> None:
    before = load("chatty")
    imported = sys.modules["chatty.tables"]
    (package / "tables.py").write_text("1 / 0  # a longer text than before, so that it is read\n")
    with pytest.raises(SchemaError, match="chatty cannot be imported: ZeroDivisionError"):
        load("chatty")
    assert sys.modules["chatty.tables"] is imported
    assert default_module("chatty.tables").tables == before.tables


def test_a_file_called_as_another_module(tmp_path: Path) -> None:
    path = tmp_path / "json.py"
    path.write_text(TABLES)
    assert names(load(path)) == (["user"], [])
    assert sys.modules["json"] is json


def test_two_files_of_one_name(tmp_path: Path) -> None:
    loaded = []
    for column in ("left", "right"):
        (tmp_path / column).mkdir()
        path = tmp_path / column / "main.py"
        path.write_text(f"from __future__ import annotations\n{TABLES.replace('id', column)}")
        loaded.append(load(path))
    rows = [module.definition().typespace.types[0] for module in loaded]
    assert [row.elements[0].name for row in rows] == ["left", "right"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "declares no table and no reducer"),
        ("x = 1 +", "cannot be imported: SyntaxError"),
        ("import nothing_of_this_name", "cannot be imported: ModuleNotFoundError"),
        (
            "from harness.module import Module\na = Module('a')\nb = Module('b')",
            "declares several modules: a, b",
        ),
        (
            "from harness.module import Module, u8\na = Module('a')\n" + TABLES,
            r"declares Module\('a'\) and uses bare decorators",
        ),
    ],
)
def test_files_that_are_no_module(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(text)
    with pytest.raises(SchemaError, match=f"wrong.py {says}"):
        load(path)


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for what, says in (
        ("no.such.thing", "there is no module 'no.such.thing'; give a file or a dotted name"),
        (tmp_path / "no.py", "there is no file"),
        (tmp_path / "empty", "is no package: it has no __init__.py"),
    ):
        with pytest.raises(SchemaError, match=says):
            load(what)


def test_an_explicit_module(tmp_path: Path) -> None:
    path = tmp_path / "main.py"
    path.write_text(
        "from harness.module import Module, u32\nchat = Module('chat')\n"
        "@chat.table()\nclass User:\n    id: u32\n"
    )
    module = load(path)
    assert (module.name, names(module)) == ("chat", (["user"], []))


def test_a_missing_import_is_not_taken_for_a_missing_module(package: Path) -> None:
    (package / "other.py").write_text("import nowhere_at_all\n")
    with pytest.raises(SchemaError, match=r"^chatty\.other cannot be imported: .*nowhere_at_all"):
        load("chatty.other")


@pytest.mark.parametrize("name", ["no_such.thing", "chatty.nope", "chatty.tables.deeper", "..x"])
def test_names_that_lead_nowhere(package: Path, name: str) -> None:
    with pytest.raises(SchemaError, match=r"give a file or a dotted name|cannot be imported"):
        load(name)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(SchemaError, match=r"notes\.txt is not a Python file"):
        load(tmp_path / "notes.txt")


def test_an_empty_module_has_an_empty_definition() -> None:
    definition = Module("empty").definition()
    assert (definition.tables, definition.reducers, definition.types) == ((), (), ())
