"""Finding and importing modules."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from harness.errors import HarnessError, SchemaError
from harness.module import registry
from harness.module.registry import Module

if TYPE_CHECKING:
    from harness.module.collecting import Found


def load(what: str | Path | ModuleType) -> Module:
    """The module in a file (``src/chat.py``), a package's folder (``src/chat``) or under a dotted
    name (``chat.main``).

    Its code is run, and its classes are new ones. What was imported already (``from chat import
    main``) is taken as it is, with the classes that others have imported of it. A file has what it
    declares and what those files of its package declare that it imports; a package is all that its
    ``__init__`` imports of it. Raises ``SchemaError`` if there is none, if it cannot be imported,
    or if it declares nothing.
    """
    if isinstance(what, ModuleType):
        return declared(what, what.__name__, parts=_reached(what))
    text = str(what)
    path = Path(text)
    if text.endswith(".py") or path.exists():
        return _load_file(path)
    with _replaced(text, text):
        if not _exists(text):
            raise SchemaError(f"there is no module {text!r}; give a file or a dotted name")
        imported = importlib.import_module(text)
    return declared(imported, text, parts=_reached(imported))


def _found(file: Path) -> Found | None:
    """What a file needs of its package; None if it cannot be read, which its import says better."""
    from harness.module import collecting

    try:
        return collecting.find(file)
    except SchemaError:
        return None


def _reached(imported: ModuleType) -> list[str]:
    """The names of the files of its own package that a file imports, and its own."""
    if hasattr(imported, "__path__") or not str(imported.__file__).endswith(".py"):
        return []
    file = Path(str(imported.__file__)).resolve()
    found = _found(file)
    if found is None:
        return []
    root = file.parents[imported.__name__.count(".")]
    paths = (path.relative_to(root) for path in found.reached if path.is_relative_to(root))
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths]


def load_from(source: Path, name: str) -> Module:
    """The module under a dotted name below a folder, as a project has it.

    It has what that file declares and what the files of its package declare that it imports. The
    folder stays importable, since code of the module can import more when it is called. Raises
    ``SchemaError`` as ``load`` does.
    """
    package = name.partition(".")[0]
    if str(source) not in sys.path:
        sys.path.insert(0, str(source))
    importlib.invalidate_caches()
    with _replaced(package, name):
        imported = importlib.import_module(name)
    return declared(imported, name, package)


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):
        return False


def _family(name: str) -> dict[str, ModuleType]:
    """What is imported under this name and below it, in the order of the imports."""
    known = list(sys.modules.items())
    return {key: found for key, found in known if key == name or key.startswith(f"{name}.")}


@contextmanager
def _replaced(name: str, shown: str) -> Iterator[None]:
    """Import ``name`` afresh; what was imported before comes back if that fails."""
    before = _family(name)
    for key in before:
        del sys.modules[key]
    try:
        yield
    except Exception as error:  # a module's own code can raise anything
        for key in _family(name):
            del sys.modules[key]
        sys.modules.update(before)
        if isinstance(error, HarnessError):
            raise
        raise SchemaError(f"{shown} cannot be imported: {type(error).__name__}: {error}") from error


def _load_file(path: Path) -> Module:
    if not path.exists():
        raise SchemaError(f"there is no file {path}")
    file, inside = path, None
    if path.is_dir():
        file, inside = path / "__init__.py", [str(path)]
        if not file.exists():
            raise SchemaError(f"the folder {path} is no package: it has no __init__.py")
    home = _found(file)
    if home is not None and home.needs_package:
        from harness.module import isolated

        return isolated.load(home.root, home.name).module
    # A name of its own: a file called json.py must not take the place of another module, nor one
    # main.py that of another.
    whole = path.resolve()
    digest = hashlib.blake2s(str(whole).encode(), digest_size=4).hexdigest()
    name = f"harness.loaded.x{digest}.{whole.stem}"
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=inside)
    if spec is None or spec.loader is None:
        raise SchemaError(f"{path} is not a Python file")
    imported = importlib.util.module_from_spec(spec)
    with _replaced(name, str(path)):
        sys.modules[name] = imported
        spec.loader.exec_module(imported)
    return declared(imported, str(path))


def declared(
    imported: ModuleType, shown: str, package: str | None = None, parts: Sequence[str] = ()
) -> Module:
    """What an import declares, with all that is imported of ``package``, if that is given, or by
    the names ``parts``.
    """
    found = [value for value in vars(imported).values() if isinstance(value, Module)]
    explicit = list(dict.fromkeys(found))
    bare = registry.default_module(imported.__name__)
    if package is None and hasattr(imported, "__path__"):
        package = imported.__name__
    names = list(_family(package)) if package is not None else parts
    if names:
        bare = Module.together(bare.name, [registry.default_module(name) for name in names])
    if len(explicit) > 1:
        several = ", ".join(module.name for module in explicit)
        raise SchemaError(f"{shown} declares several modules: {several}")
    if explicit and not bare.is_empty:
        raise SchemaError(
            f"{shown} declares Module({explicit[0].name!r}) and uses bare decorators beside it; "
            "use one of the two"
        )
    module = explicit[0] if explicit else bare
    if module.is_empty:
        raise SchemaError(f"{shown} declares no table and no reducer")
    return module
