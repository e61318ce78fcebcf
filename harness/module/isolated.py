"""Loading programs side by side: two with files of one name do not meet.

Each load has a name of its own, below which its files are imported, as often as there are loads:
the old version of a module goes on running while the new one is tried. Where a file imports its
own package by the full name (``from chat.tables import User``), the import is turned to the load
that the file is part of.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import HarnessError, SchemaError
from harness.module.loading import declared
from harness.module.registry import Module

_PREFIX = "_harness_program_"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A module, and what to ``forget`` once nothing of it runs any more."""

    module: Module
    name: str

    def forget(self) -> None:
        """Let go of its imports; functions that somebody still holds go on working."""
        _forget(self.name)


def load(root: Path, entry: str) -> Loaded:
    """Import ``entry``, a dotted name below ``root``, and give what its package declares.

    Its code is run. Raises ``SchemaError`` as ``harness.module.load`` does; nothing of it stays
    imported then. What ends a program (``SystemExit``, ``KeyboardInterrupt``) comes through.
    """
    name = f"{_PREFIX}{next(_numbers)}"
    own = entry.partition(".")[0]
    parent = ModuleType(name)
    parent.__path__ = []
    sys.modules[name] = parent
    _FINDER.roots[name] = (root, own)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    try:
        imported = importlib.import_module(f"{name}.{entry}")
        module = declared(imported, entry, f"{name}.{own}")
        module.compiled  # noqa: B018  (annotations are read while the names are there)
    except HarnessError:
        _forget(name)
        raise
    except Exception as error:  # a module's own code can raise anything
        _forget(name)
        raise SchemaError(f"{entry} cannot be imported: {type(error).__name__}: {error}") from error
    except BaseException:
        _forget(name)
        raise
    return Loaded(module, name)


def below(root: Path) -> Callable[[str], Module]:
    """A way to load entries below a root, for those who do not forget them again."""
    return lambda entry: load(root, entry).module


def _forget(name: str) -> None:
    _FINDER.roots.pop(name, None)
    for key in [x for x in list(sys.modules) if x == name or x.startswith(f"{name}.")]:
        del sys.modules[key]


class _Finder(MetaPathFinder):
    """Finds the files of loads: name of the load → its root, and its own package's name."""

    def __init__(self) -> None:
        self.roots: dict[str, tuple[Path, str]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(_PREFIX):
            return None
        name, *parts = fullname.split(".")
        if name not in self.roots or not parts:
            return None
        root, own = self.roots[name]
        place = root.joinpath(*parts)
        inside: list[str] | None = None
        file = place.with_name(f"{place.name}.py")
        if (place / "__init__.py").is_file():
            file, inside = place / "__init__.py", [str(place)]
        elif not file.is_file():
            if not place.is_dir():
                return None
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(place)]
            return spec
        loader = _Loader(fullname, str(file), name, own)
        return importlib.util.spec_from_file_location(
            fullname, file, loader=loader, submodule_search_locations=inside
        )


_FINDER = _Finder()


class _Loader(SourceFileLoader):
    """Compiles a file with its imports turned."""

    def __init__(self, fullname: str, path: str, load: str, own: str) -> None:
        super().__init__(fullname, path)
        self._turn = _Turn(load, own)

    def path_stats(self, path: str) -> Any:
        # Without a time stamp nothing is cached: the next load has another name.
        raise OSError(f"{path} is compiled for each load")

    def source_to_code(  # type: ignore[override]  # a method in importlib, static in its stubs
        self, data: Any, path: Any, *, _optimize: int = -1
    ) -> Any:
        tree = ast.parse(data, str(path))
        turned = ast.fix_missing_locations(self._turn.visit(tree))
        return compile(turned, str(path), "exec", dont_inherit=True, optimize=_optimize)


class _Turn(ast.NodeTransformer):
    """Imports of the own package by its full name → imports of this load's."""

    def __init__(self, load: str, own: str) -> None:
        self._load = load
        self._own = own

    def _is_own(self, name: str | None) -> bool:
        return name is not None and (name == self._own or name.startswith(f"{self._own}."))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.level == 0 and self._is_own(node.module):
            node.module = f"{self._load}.{node.module}"
        return node

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for alias in node.names:
            if not self._is_own(alias.name):
                made.append(ast.Import([alias]))
            elif alias.asname is not None:
                made.append(ast.Import([ast.alias(f"{self._load}.{alias.name}", alias.asname)]))
            else:
                # The part is imported, and the package's own name bound, as the statement says.
                part = ast.alias(f"{self._load}.{alias.name}", "_harness_imported")
                made.append(ast.Import([part]))
                made.append(ast.ImportFrom(self._load, [ast.alias(self._own)], 0))
        for statement in made:
            ast.copy_location(statement, node)
        return made
