"""Finding and importing modules."""

from __future__ import annotations

import importlib
import importlib.util
import sys
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
    try:
        registry.forget(text)
        already = sys.modules.pop(text, None)
        imported = importlib.import_module(text)
    except ModuleNotFoundError as error:
        raise SchemaError(
            f"there is no module {text!r} ({error}); give a file or a dotted name"
        ) from error
    except HarnessError:
        raise
    except Exception as error:  # a module's own code can raise anything
        if already is not None:
            sys.modules[text] = already
        raise SchemaError(
            f"module {text!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return _declared(imported, text)


def _load_file(path: Path) -> Module:
    if path.is_dir():
        raise SchemaError(f"{path} is a folder; name the file that declares the tables")
    if not path.exists():
        raise SchemaError(f"there is no file {path}")
    name = path.stem
    registry.forget(name)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SchemaError(f"{path} is not a Python file")
    imported = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = imported
    try:
        spec.loader.exec_module(imported)
    except HarnessError:
        raise
    except Exception as error:  # a module's own code can raise anything
        if before is not None:
            sys.modules[name] = before
        raise SchemaError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return _declared(imported, str(path))


def _declared(imported: object, shown: str) -> Module:
    explicit = [value for value in vars(imported).values() if isinstance(value, Module)]
    if len(explicit) > 1:
        names = ", ".join(module.name for module in explicit)
        raise SchemaError(f"{shown} declares several modules: {names}")
    module = explicit[0] if explicit else registry.default_module(imported.__name__)  # type: ignore[attr-defined]  # it is a Python module
    if not module.tables and not module.reducers:
        raise SchemaError(f"{shown} declares no table and no reducer")
    return module
