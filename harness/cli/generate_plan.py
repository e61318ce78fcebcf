"""What ``harness generate`` is to generate: what the command line says, and the configuration.

Each entry of the configuration is a target, and a flag stands in place of the entry's key. Without
entries there is one target: what the command line names, else the module of the project here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import asking
from harness.cli import generate_source as sources
from harness.cli.generate_source import Source
from harness.errors import PlanError
from harness.gen.placing import real
from harness.project import detection, entries
from harness.project.configuration import SOURCES

if TYPE_CHECKING:
    from harness.cli.asking import Where
    from harness.project.configuration import Configuration, Database
    from harness.project.entries import Entries, Entry

#: What the folder of a package is called unless somebody says otherwise.
BINDINGS = "module_bindings"


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says. None is what it does not say."""

    database: str | None = None
    named: str | None = None
    source: Source | None = None
    out_dir: Path | None = None
    row_class: str | None = None
    include_private: bool | None = None
    formatter: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One package to write: from what, where to and how."""

    source: Source
    folder: Path
    row_class: str = "msgspec"
    include_private: bool = False
    formatter: str = "auto"
    rename: Mapping[str, str] = field(default_factory=dict)
    #: Folders that it must not be.
    around: tuple[Path, ...] = ()
    #: Where it stands in the configuration; None if it does not.
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Targets:
    """All of them, and sentences about what is left to others."""

    targets: tuple[Target, ...]
    notices: tuple[str, ...] = ()


def targets(flags: Flags, where: Where) -> Targets:
    """What is to be done. Raises ``PlanError`` and ``click.UsageError``."""
    configuration = asking.configuration(where)
    root = detection.around(Path.cwd())
    found = entries.Entries()
    if not where.no_config:
        found = entries.find(configuration, root)
    return _Planning(flags, where, configuration, root, found).run()


def folders(where: Where) -> frozenset[Path]:
    """Where the entries of the configuration here put their packages. Raises ``PlanError``."""
    configuration = asking.configuration(where)
    if where.no_config:
        return frozenset()
    found = entries.find(configuration, detection.around(Path.cwd()))
    return frozenset(real(_folder(None, entry)) for entry in found.python)


@dataclass(frozen=True, slots=True)
class _Planning:
    flags: Flags
    where: Where
    configuration: Configuration | None
    root: Path | None
    entries: Entries

    @property
    def live(self) -> bool:
        """Whether the command line asks for a database that runs, not for its module."""
        return self.where.server is not None or self.flags.named is not None

    @property
    def known(self) -> tuple[Database, ...]:
        return () if self.configuration is None else self.configuration.named

    def run(self) -> Targets:
        flags = self.flags
        pattern = flags.database or flags.named
        matching: tuple[Database, ...] = ()
        if pattern is not None and self.configuration is not None:
            matching = self.configuration.matching(pattern)
        if flags.source is not None and pattern is not None and not (matching and not self.live):
            what = sources.FLAGS[flags.source.kind]
            raise click.UsageError(f"give one source, not {what} and a database")
        if flags.source is not None and self.live:
            what = sources.FLAGS[flags.source.kind]
            raise click.UsageError(f"give one source, not {what} and a server")
        if pattern is None:
            chosen = self.entries
        else:
            chosen = self.entries.of(frozenset(x.name or "" for x in matching))
        if pattern is not None and not matching:
            if self.known and not self.live:
                raise PlanError(
                    f"No database '{pattern}' found in the configuration, which has"
                    f" {', '.join(x.name or '' for x in self.known)}; --server SERVER asks another"
                    " one, --no-config ignores the configuration"
                )
            return Targets((self._plain(sources.of_database(self._place(pattern, None))),))
        if chosen.python:
            self._check(chosen.python)
            found = tuple(self._target(entry) for entry in chosen.python)
        else:
            found = (self._plain(flags.source or self._implied(pattern, matching)),)
        return Targets(_distinct(found), _left(chosen))

    def _check(self, chosen: tuple[Entry, ...]) -> None:
        """Raises ``PlanError`` for flags that cannot be meant for all of several entries."""
        owners = dict.fromkeys(x.owner.name for x in chosen)
        hint = f"name one of {', '.join(x for x in owners if x)}, or give --no-config"
        if self.flags.out_dir is not None and len(chosen) > 1:
            hint = hint if len(owners) > 1 else "leave it out, or give --no-config"
            raise PlanError(
                f"{len(chosen)} entries of generate are chosen, and one --out-dir; {hint}"
            )
        if self.flags.source is not None and len(owners) > 1:
            flag = sources.FLAGS[self.flags.source.kind]
            raise PlanError(
                f"entries of {len(owners)} databases are chosen, and one {flag}; {hint}"
            )

    def _target(self, entry: Entry) -> Target:
        flags, fields = self.flags, entry.fields
        around = detection.around(entry.folder)
        private = flags.include_private
        return Target(
            flags.source or self._source(entry),
            _folder(flags.out_dir, entry),
            flags.row_class or fields.get("row-class", "msgspec"),
            fields.get("include-private", False) if private is None else private,
            flags.formatter or fields.get("format", "auto"),
            renames(around),
            tuple(x for x in (around, entry.folder) if x is not None),
            entry.where,
        )

    def _source(self, entry: Entry) -> Source:
        found = entry.source
        if self.live or (found is not None and found[0] == "database"):
            name = entry.fields.get("database") or entry.owner.name
            if name is None:
                raise click.UsageError(_NO_DATABASE)
            return sources.of_database(self._place(name, entry.owner, entry.fields.get("server")))
        if found is not None:
            own = found[0] in entry.fields
            return sources.of_key(*found, entry.folder if own else entry.owner.folder)
        return _project(entry.folder)

    def _place(self, name: str, owner: Database | None, server: str | None = None) -> asking.Place:
        """A database that runs: on the server that is named nearest to it."""
        first = self.known[0] if self.known else None
        configured = server or next(
            (x.server for x in (owner, first) if x is not None and x.server is not None), None
        )
        uri = asking.server_uri(self.where, configured)
        anonymous = self.where.anonymous or (owner is not None and owner.anonymous)
        return asking.Place(uri, name, anonymous)

    # --- without entries -------------------------------------------------------------------------

    def _plain(self, source: Source) -> Target:
        """What the command line alone says."""
        flags = self.flags
        folder = flags.out_dir or default_folder(self.root, Path())
        return Target(
            source, folder, flags.row_class or "msgspec", bool(flags.include_private),
            flags.formatter or "auto", renames(self.root),
            () if self.root is None else (self.root,),
        )  # fmt: skip

    def _implied(self, pattern: str | None, matching: tuple[Database, ...]) -> Source:
        """A database that runs, or the module that the configuration or the folder is about."""
        databases = matching if pattern is not None else self.known
        if self.live:
            if not databases:
                raise click.UsageError(_NO_DATABASE)
            if len(databases) > 1:
                raise click.UsageError(f"Missing argument 'DATABASE': one of {_names(databases)}.")
            return sources.of_database(self._place(databases[0].name or "", databases[0]))
        if len(matching) > 1:
            raise PlanError(
                f"{_names(matching)} are chosen, and none has an entry in generate; name one"
            )
        about: tuple[Database, ...] = matching
        if not about and self.configuration is not None:
            about = self.configuration.databases
        for database in about:
            for key in SOURCES:
                if key in database.fields:
                    return sources.of_key(key, database.fields[key], database.folder)
        if self.root is not None:
            return sources.of_project(self.root)
        raise PlanError(
            "there is nothing to generate from: name a module (-p), a compiled one (-b), a"
            " definition (--module-def) or a database, or run this in a Python project (no"
            f" pyproject.toml or setup.py found in {Path.cwd()})"
        )


_NO_DATABASE = "--server needs the database: --database NAME"


def _names(databases: tuple[Database, ...]) -> str:
    return ", ".join(x.name or "" for x in databases)


def _left(found: Entries) -> tuple[str, ...]:
    """Sentences about the entries of other languages."""
    return tuple(
        f"{x.where} is for {x.language}: left to the official command, `spacetime generate`."
        for x in found.others
    )


def _distinct(found: tuple[Target, ...]) -> tuple[Target, ...]:
    """Each target once. Raises ``PlanError`` for two that would write to one place."""
    kept: list[Target] = []
    for target in found:
        folder = real(target.folder)
        for other in kept:
            taken = real(other.folder)
            if folder == taken and _same(target, other):
                break
            if folder == taken or folder in taken.parents or taken in folder.parents:
                inside = "" if folder == taken else ", one inside the other"
                raise PlanError(
                    f"{other.where} and {target.where} write to {taken}"
                    f"{f' and {folder}' if inside else ''}{inside}; give each its own out-dir"
                )
        else:
            kept.append(target)
    return tuple(kept)


def _same(one: Target, other: Target) -> bool:
    def compared(x: Target) -> tuple[Any, ...]:
        return x.source, x.row_class, x.include_private, x.formatter, x.rename

    return compared(one) == compared(other)


# --- the project around a folder ------------------------------------------------------------------


def renames(root: Path | None) -> dict[str, str]:
    """``[tool.harness.rename]`` of a project. Raises ``PlanError``."""
    found = {} if root is None else detection.tool_settings(root).get("rename", {})
    if not isinstance(found, dict) or not all(isinstance(x, str) for x in found.values()):
        raise PlanError(
            "[tool.harness.rename] in pyproject.toml maps paths to names, such as"
            ' "table:user.class" = "kind"'
        )
    return found


def default_folder(root: Path | None, instead: Path) -> Path:
    """In the project's package; if there is none, in the folder ``instead``."""
    try:
        folder = instead if root is None else detection.project_in(root).folder
    except PlanError:
        folder = instead
    return folder / BINDINGS


def _folder(given: Path | None, entry: Entry) -> Path:
    out = given or entry.path("out-dir")
    return out or default_folder(detection.around(entry.folder), entry.folder)


def _project(folder: Path) -> Source:
    """The module of the project that a configuration is about. Raises ``PlanError``."""
    from harness.cli.building import MODULE_FOLDER

    below = folder / MODULE_FOLDER
    root = detection.around(folder)
    if root is not None and (root == folder or not below.is_dir()):
        return sources.of_project(root)
    if below.is_dir():
        return Source("module", str(below), folder)
    raise PlanError(
        f"there is no module to generate from in {folder}: add module-path, bin-path or module-def"
    )
