"""Finding and importing modules."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import HarnessError, SchemaError
from harness.module import registry
from harness.module.registry import Module


def load(what: str | Path) -> Module:
    """The module in a file (``src/chat/main.py``) or under a dotted name (``chat.main``).

    Its code is run. Raises ``SchemaError`` if there is none, if it cannot be imported, or if it
    declares nothing.
    """
    text = str(what)
    path = Path(text)
    if text.endswith(".py") or path.exists():
        return _load_file(path)
    with _replaced(text, text):
        if not _exists(text):
            raise SchemaError(f"there is no module {text!r}; give a file or a dotted name")
        registry.forget(text)
        imported = importlib.import_module(text)
    return _declared(imported, text)


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):
        return False


@contextmanager
def _replaced(name: str, shown: str) -> Iterator[None]:
    """Import ``name`` afresh; what was imported before comes back if that fails."""
    before = sys.modules.pop(name, None)
    try:
        yield
    except Exception as error:  # a module's own code can raise anything
        sys.modules.pop(name, None)
        if before is not None:
            sys.modules[name] = before
        if isinstance(error, HarnessError):
            raise
        raise SchemaError(f"{shown} cannot be imported: {type(error).__name__}: {error}") from error


def _load_file(path: Path) -> Module:
    if path.is_dir():
        raise SchemaError(f"{path} is a folder; name the file that declares the tables")
    if not path.exists():
        raise SchemaError(f"there is no file {path}")
    # A name of its own: a file called json.py must not take the place of another module.
    name = f"harness.loaded.{path.stem}"
    registry.forget(name)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SchemaError(f"{path} is not a Python file")
    imported = importlib.util.module_from_spec(spec)
    with _replaced(name, str(path)):
        sys.modules[name] = imported
        spec.loader.exec_module(imported)
    return _declared(imported, str(path))


def _declared(imported: object, shown: str) -> Module:
    found = [value for value in vars(imported).values() if isinstance(value, Module)]
    explicit = list(dict.fromkeys(found))
    bare = registry.default_module(imported.__name__)  # type: ignore[attr-defined]  # it is a Python module
    if len(explicit) > 1:
        names = ", ".join(module.name for module in explicit)
        raise SchemaError(f"{shown} declares several modules: {names}")
    if explicit and (bare.tables or bare.reducers):
        raise SchemaError(
            f"{shown} declares Module({explicit[0].name!r}) and uses bare decorators beside it; "
            "use one of the two"
        )
    module = explicit[0] if explicit else bare
    if not module.tables and not module.reducers:
        raise SchemaError(f"{shown} declares no table and no reducer")
    return module
