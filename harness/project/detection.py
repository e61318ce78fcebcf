"""A Python project on disk: its root, its package and the module of its server.

A project is a folder with ``pyproject.toml`` or ``setup.py``. ``[tool.harness]`` in the former
names the module; without it the module is ``main`` of the one package below ``src``, or of the one
beside ``pyproject.toml``, or that package itself if it has no ``main``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import PlanError
from harness.project import languages

#: Folders beside pyproject.toml that are no packages of the project, whatever lies in them.
_NOT_PACKAGES = frozenset(
    {"tests", "test", "docs", "doc", "examples", "build", "dist", "venv", "env", "node_modules"}
)


@dataclass(frozen=True, slots=True)
class Project:
    """``module`` is the dotted name that declares tables and reducers; it is imported from
    ``source``, and belongs to the top-level ``package``."""

    root: Path
    source: Path
    package: str
    module: str
    #: ``database`` of ``[tool.harness]``, if it is there.
    database: str | None = None

    @property
    def folder(self) -> Path:
        """Where the package's files are; of a package of one file, the folder around it."""
        folder = self.source / self.package
        return folder if folder.is_dir() else self.source


def project_in(root: Path) -> Project:
    """The Python project in a folder. Raises ``PlanError`` with what is missing and where."""
    if not root.is_dir():
        what = "is a file; name its project's folder" if root.exists() else "does not exist"
        raise PlanError(f"{root} {what}")
    if not (root / "pyproject.toml").is_file() and not (root / "setup.py").is_file():
        raise PlanError(
            languages.not_python(root, "Name a module's file or folder, or run `harness init`.")
        )
    settings = tool_settings(root)
    database = _text(settings, "database", root)
    named = _text(settings, "module", root)
    if named is not None:
        source = _source_of(root, named)
        return Project(root, source, named.partition(".")[0], named, database)
    source, package = _only_package(root)
    has_main = (source / package / "main.py").is_file()
    return Project(root, source, package, f"{package}.main" if has_main else package, database)


def around(folder: Path) -> Path | None:
    """The nearest folder with a Python project, from a folder upwards."""
    for each in (folder, *folder.parents):
        if (each / "pyproject.toml").is_file() or (each / "setup.py").is_file():
            return each
    return None


def tool_settings(root: Path) -> dict[str, Any]:
    """``[tool.harness]`` of pyproject.toml; empty if there is none. Raises ``PlanError``."""
    path = root / "pyproject.toml"
    try:
        found = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise PlanError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # of numbers and depths beyond measure, too
        raise PlanError(f"{path} is not valid TOML: {error}") from None
    tool = found.get("tool", {})
    settings = tool.get("harness", {}) if isinstance(tool, dict) else {}
    if not isinstance(settings, dict):
        raise PlanError(f"{path}: tool.harness is not a table")
    return settings


def _text(settings: dict[str, Any], key: str, root: Path) -> str | None:
    value = settings.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise PlanError(
            f"{root / 'pyproject.toml'}: {key} in [tool.harness] is a text, not {value!r}"
        )
    return value


def _source_of(root: Path, module: str) -> Path:
    """The folder from which a module is imported: ``src`` or the root."""
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        raise PlanError(
            f"{root / 'pyproject.toml'}: module in [tool.harness] is a dotted name such as "
            f"my_app.main, not {module!r}"
        )
    looked = []
    for source in (root / "src", root):
        path = source.joinpath(*parts)
        if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file():
            return source
        looked.append(str(path.with_suffix(".py").relative_to(root)))
    raise PlanError(
        f"[tool.harness] in {root / 'pyproject.toml'} names the module {module}, which is not "
        f"there: looked for {' and '.join(looked)}"
    )


def _only_package(root: Path) -> tuple[Path, str]:
    """Where the project's one package is, and its name. Raises ``PlanError``."""
    for source in (root / "src", root):
        found = _packages(source, all_of_them=source != root)
        if len(found) > 1:
            raise PlanError(
                f"{source} has several packages: {', '.join(found)}; say which one has the module, "
                f'as in module = "{found[0]}.main" below [tool.harness] in pyproject.toml'
            )
        if found:
            return source, found[0]
    raise PlanError(f"no importable package found under {root} (looked for src/<name>/__init__.py)")


def _packages(source: Path, *, all_of_them: bool) -> list[str]:
    if not source.is_dir():
        return []
    return sorted(
        path.name
        for path in source.iterdir()
        if path.name.isidentifier()
        and (path / "__init__.py").is_file()
        and (all_of_them or path.name not in _NOT_PACKAGES)
    )
