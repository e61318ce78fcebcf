"""Where the schema of a generated client is from: a module, what it was built to, or a database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import PlanError
from harness.project import detection, languages

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.cli.asking import Place

#: Options of the command line, and what they are for.
FLAGS = {"module": "--module-path", "compiled": "--bin-path", "bundle": "--js-path",
         "definition": "--module-def"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """One of the kinds below, and what it is: a path, or a dotted name.

    A relative path and a dotted name are looked for in ``folder``. Sources that are equal have the
    same schema.
    """

    kind: str
    text: str
    folder: Path
    place: Place | None = None

    def json(self) -> Any:
        """The schema. Raises ``SchemaError``, ``PlanError``, ``ConnectError``, ``CallError``."""
        return _READERS[self.kind](self)

    @property
    def path(self) -> Path:
        """Its file or folder, as people see it from here."""
        whole = self.folder / self.text
        return Path(self.text) if self.folder == Path.cwd() else whole


def given(
    module: str | None, compiled: Path | None, bundle: Path | None, definition: str | None
) -> Source | None:
    """The source that the command line names. Raises ``click.UsageError`` for several."""
    found = {"module": module, "compiled": compiled, "bundle": bundle, "definition": definition}
    named = {kind: text for kind, text in found.items() if text is not None}
    if len(named) > 1:
        raise click.UsageError(f"give one source, not {' and '.join(FLAGS[x] for x in named)}")
    return next((Source(kind, str(text), Path.cwd()) for kind, text in named.items()), None)


def by_suffix(name: str) -> Source | None:
    """What stands where a database could, if it is a file's name or a folder's."""
    here = Path.cwd()
    if name.endswith(".py") or ("/" in name and Path(name).is_dir()):
        return Source("module", name, here)
    if name.endswith(".wasm"):
        return Source("compiled", name, here)
    return Source("definition", name, here) if name.endswith(".json") else None


def of_key(key: str, text: str, folder: Path) -> Source:
    """What a key of the configuration names, seen from its file."""
    kind = {flag[2:]: kind for kind, flag in FLAGS.items()}[key]
    return Source(kind, text, folder)


def of_project(root: Path) -> Source:
    """The module of the project in a folder."""
    return Source("project", str(root), root)


def of_database(place: Place) -> Source:
    """A database that runs."""
    return Source("database", place.database, Path(), place)


# --- reading --------------------------------------------------------------------------------------


def is_project(folder: Path) -> bool:
    """Whether a folder is a project's, and no package itself."""
    files = ("pyproject.toml", "setup.py")
    return any((folder / x).is_file() for x in files) and not (folder / "__init__.py").exists()


def _project(source: Source) -> Any:
    from harness.cli import extracting

    project = detection.project_in(source.path.resolve())
    return extracting.definition_of(project.module, [project.source], project=True)


def _module(source: Source) -> Any:
    from harness.cli import extracting

    path = source.path
    if is_project(path):
        return _project(source)
    language = languages.of_module(path) if path.is_dir() else None
    if language not in (None, languages.PYTHON):
        raise PlanError(
            f"{path} is a module in {language}: build it with `spacetime build` and name what comes"
            " out with bin-path (or js-path), or name a database that runs it"
        )
    folders = [x.resolve() for x in (source.folder / "src", source.folder) if x.is_dir()]
    text = str(path) if path.exists() or not _dotted(source.text) else source.text
    return extracting.definition_of(text, folders)


def _dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _definition(source: Source) -> Any:
    from harness.gen import sources

    return sources.from_file("-" if source.text == "-" else str(source.path))


def _compiled(source: Source) -> Any:
    from harness.gen import sources

    return sources.from_compiled(source.path)


def _database(source: Source) -> Any:
    assert source.place is not None
    return asyncio.run(_served(source.place))


async def _served(place: Place) -> Any:
    from harness.cli import asking
    from harness.gen import sources

    async with asking.asked(place) as http:
        return await sources.from_server(http, place.database)


_READERS: dict[str, Callable[[Source], Any]] = {
    "project": _project, "module": _module, "compiled": _compiled, "bundle": _compiled,
    "definition": _definition, "database": _database,
}  # fmt: skip
