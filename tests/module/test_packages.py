"""Packages and reloads: put together, and never declared twice."""

from __future__ import annotations

import importlib
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
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if not name.startswith("harness.") or name.startswith("harness.loaded."):
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


def test_a_folder_without_init_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SchemaError, match=r"is no package: it has no __init__.py"):
        load(tmp_path / "empty")


def test_two_files_of_one_name(tmp_path: Path) -> None:
    loaded = []
    for column in ("left", "right"):
        (tmp_path / column).mkdir()
        path = tmp_path / column / "main.py"
        path.write_text(f"from __future__ import annotations\n{TABLES.replace('id', column)}")
        loaded.append(load(path))
    rows = [module.definition().typespace.types[0] for module in loaded]
    assert [row.elements[0].name for row in rows] == ["left", "right"]
