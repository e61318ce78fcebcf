"""From a module that somebody names to the program that a server is sent.

A package is sent with all of its Python files. A file is sent alone, or together with those files
of its own package that it imports, directly or through others. What is installed beside it stays
where it is: the server has to have it, too.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from harness.errors import SchemaError
from harness.module.program import Program, check

#: The runtime itself is never sent: the server is made of it.
_RUNTIME = "harness"


def collect(what: str | Path) -> Program:
    """The program of a file (``src/chat/main.py``), a package's folder (``src/chat``) or a dotted
    name (``chat.main``). Nothing is imported.

    Raises ``SchemaError`` if there is no such thing or it cannot be read, and ``PlanError`` if it
    is too large to be sent.
    """
    entry = _entry(what)
    is_package = entry.name == "__init__.py"
    folder = entry.parent
    wanted = [entry]
    if is_package:
        wanted += sorted(path for path in folder.rglob("*.py") if _is_source(path, folder))
    top = _top(entry)
    found = _Closure(top)
    found.add(wanted)
    root = folder.parent if is_package else folder
    enough = set(found.files) <= set(wanted) and not found.by_full_name
    if top is not None and not (enough and (is_package or not found.relative)):
        # It needs the package around it, whose parts are imported before it.
        root = top.parent
        around = [place / "__init__.py" for place in entry.parents if place.is_relative_to(top)]
        found.add(around)
    program = Program(
        entry=".".join(_dotted(entry.relative_to(root))),
        files={
            path.relative_to(root).as_posix(): text for path, text in sorted(found.files.items())
        },
    )
    check(program)
    return program


def _entry(what: str | Path) -> Path:
    """The file that a module begins with."""
    text, path = str(what), Path(what)
    if not (text.endswith(".py") or path.exists()):
        try:
            spec = importlib.util.find_spec(text)
        except (ImportError, ValueError, AttributeError):
            spec = None
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            raise SchemaError(f"there is no module {text!r} with a source; give a file")
        path = Path(spec.origin)
    if path.is_dir():
        path = path / "__init__.py"
        if not path.is_file():
            raise SchemaError(f"the folder {what} is no package: it has no __init__.py")
    if not path.is_file():
        raise SchemaError(f"there is no file {path}")
    return path.resolve()


def _top(entry: Path) -> Path | None:
    """The folder of the outermost package that a file is part of."""
    found, folder = None, entry.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        if folder.name == _RUNTIME:
            return found
        found, folder = folder, folder.parent
    return found


def _is_source(path: Path, folder: Path) -> bool:
    """Part of the package: below a hidden folder nothing is, and what is no name is no module."""
    parts = path.relative_to(folder).with_suffix("").parts
    return path.is_file() and all(part.isidentifier() for part in parts)


def _dotted(path: Path) -> tuple[str, ...]:
    parts = path.with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


class _Closure:
    """Files and what they import of the package ``top``, by its full name or as relatives."""

    def __init__(self, top: Path | None) -> None:
        self.files: dict[Path, str] = {}
        self.by_full_name = False
        self.relative = False
        self._root = None if top is None else top.parent
        self._own = None if top is None else top.name

    def add(self, paths: list[Path]) -> None:
        """Files, and all that follows from them."""
        waiting = list(paths)
        while waiting:
            path = waiting.pop()
            if path in self.files:
                continue
            text = self.files[path] = _read(path)
            try:
                tree = ast.parse(text, str(path))
            except (SyntaxError, ValueError):
                continue  # the server's own attempt says so, with the line
            waiting.extend(self._imports(path, tree))

    def _imports(self, path: Path, tree: ast.AST) -> Iterator[Path]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from self._absolute(alias.name)
            elif isinstance(node, ast.ImportFrom) and node.level:
                yield from self._relative(path, node)
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                yield from self._absolute(module)
                for alias in node.names:
                    yield from self._absolute(f"{module}.{alias.name}")

    def _absolute(self, name: str) -> Iterator[Path]:
        parts = name.split(".")
        if self._root is not None and parts[0] == self._own:
            self.by_full_name = True
            yield from _files_of(self._root, parts)

    def _relative(self, path: Path, node: ast.ImportFrom) -> Iterator[Path]:
        place = path.parents[node.level - 1]
        if self._root is None or not place.is_relative_to(self._root):
            return  # the import fails here as it will there
        self.relative = True
        if (place / "__init__.py").is_file():
            yield place / "__init__.py"
        parts = [part for part in (node.module or "").split(".") if part]
        yield from _files_of(place, parts)
        for alias in node.names:
            yield from _files_of(place, [*parts, alias.name])


def _files_of(root: Path, parts: list[str]) -> Iterator[Path]:
    """The file of a module, and those of the packages around it, which are imported with it."""
    place = root
    for part in parts:
        place = place / part
        for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if file.is_file():
                yield file
                break


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise SchemaError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
