"""The ``generate`` entries of a project: which typed clients it has, from what, and where they go.

They stand in ``spacetime.json``, below our key (``"python": {"generate": [{…}]}``) or below the
official one with ``"language": "python"``, and in ``pyproject.toml`` as ``generate`` of
``[tool.harness]``. Each belongs to a database, whose module it is about unless it says otherwise.
Entries of other languages are the official command's; here they are only named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from harness.errors import PlanError
from harness.project import detection, languages
from harness.project.configuration import SOURCES, Configuration, Database, is_text

#: What an entry can say, and what kind of value says it.
_KEYS: Mapping[str, type] = {
    "out-dir": str, "row-class": str, "include-private": bool, "format": str,
    **dict.fromkeys(SOURCES, str), "module-def": str, "server": str, "database": str,
    "language": str,
}  # fmt: skip
#: What rows can be instances of, and who can format what is written.
ROW_CLASSES = ("msgspec", "dataclass", "attrs")
FORMATTERS = ("auto", "black", "autopep8", "ruff", "none")
_CHOICES = {"row-class": ROW_CLASSES, "format": FORMATTERS}
#: Whatever of these an entry has, it has one: a server and its database are one.
_SOURCES = (*SOURCES, "module-def")
_PYTHON_KEYS = ("generate", "dev")


@dataclass(frozen=True, slots=True)
class Entry:
    """One client in Python. Paths in it are relative to ``folder``, its file's."""

    #: For people: the file and the key.
    where: str
    folder: Path
    fields: Mapping[str, Any]
    owner: Database

    def path(self, key: str) -> Path | None:
        """A path that the entry has, as seen from anywhere."""
        found = self.fields.get(key)
        return None if found is None else self.folder / found

    @property
    def source(self) -> tuple[str, str] | None:
        """Where its schema is from, as key and value: its own, else its database's.

        A ``database`` stands for a live one.
        """
        for key in (*_SOURCES, "database"):
            if key in self.fields:
                return key, self.fields[key]
        if "server" in self.fields:
            return "database", self.owner.name or ""
        return next(((x, self.owner.fields[x]) for x in SOURCES if x in self.owner.fields), None)


@dataclass(frozen=True, slots=True)
class Other:
    """One client in another language; ``where`` is the file and the key."""

    language: str
    where: str
    owner: Database


@dataclass(frozen=True, slots=True)
class Entries:
    """Those for Python, and those of other languages."""

    python: tuple[Entry, ...] = ()
    others: tuple[Other, ...] = ()

    def of(self, names: frozenset[str]) -> Entries:
        """Only those that belong to databases of these names."""
        return Entries(
            tuple(x for x in self.python if x.owner.name in names),
            tuple(x for x in self.others if x.owner.name in names),
        )


@dataclass(slots=True)
class _Found:
    python: list[Entry] = field(default_factory=list)
    others: list[Other] = field(default_factory=list)


def find(configuration: Configuration | None, root: Path | None) -> Entries:
    """All entries: of spacetime.json, then of the project in ``root``.

    Raises ``PlanError`` with the file and the key that is wrong.
    """
    found = _Found()
    if configuration is not None:
        shown = " with ".join(x.name for x in configuration.files)
        for database in configuration.databases:
            _of_database(database, shown, found)
    settings = {} if root is None else detection.tool_settings(root)
    if root is not None and "generate" in settings:
        name = settings.get("database")
        owner = _owner(name if isinstance(name, str) else None, configuration, root)
        where = "pyproject.toml: generate of [tool.harness]"
        for place, one in enumerate(_list(settings["generate"], where)):
            found.python.append(_entry(one, f"{where}, entry {place + 1}", root, owner))
    return Entries(tuple(found.python), tuple(found.others))


def _owner(name: str | None, configuration: Configuration | None, root: Path) -> Database:
    """The database of pyproject.toml's entries: its module is the project's own.

    The name that stands there holds only where spacetime.json has none.
    """
    if configuration is None:
        return Database(name, {}, root)
    same = configuration.databases[0]
    fields = {x: same.fields[x] for x in ("server", "anonymous") if x in same.fields}
    return Database(same.name or name, fields, root)


def _of_database(database: Database, shown: str, found: _Found) -> None:
    of = f" of {database.name}" if database.name is not None else ""
    python = database.fields.get("python")
    if python is not None and not isinstance(python, dict):
        raise PlanError(f"{shown}: python{of} is an object, not {json.dumps(python)}")
    for key in python or {}:
        _known(key, _PYTHON_KEYS, f"{shown}: python{of}")
    where = f"{shown}: python.generate{of}"
    for place, one in enumerate(_list((python or {}).get("generate"), where)):
        entry = _entry(one, f"{where}, entry {place + 1}", database.folder, database)
        found.python.append(entry)
    where = f"{shown}: generate{of}"
    for place, one in enumerate(_list(database.fields.get("generate"), where)):
        at = f"{where}, entry {place + 1}"
        language = _language(one, at, database.folder)
        if language == languages.PYTHON:
            found.python.append(_entry(one, at, database.folder, database))
        else:
            found.others.append(Other(language, at, database))


def _list(found: Any, where: str) -> list[Mapping[str, Any]]:
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(x, dict) for x in found):
        raise PlanError(f'{where} is a list of objects, such as {{out-dir = "src/bindings"}}')
    return found


def _language(one: Mapping[str, Any], where: str, folder: Path) -> str:
    """Whose entry it is: as it says, else by what lies beside its file."""
    named = one.get("language")
    if named is None:
        try:
            return languages.of_client(folder)
        except PlanError:
            raise PlanError(
                f'{where} has no language; add "language": "python", or its own'
            ) from None
    if not isinstance(named, str):
        raise PlanError(f"{where}: language is a text, not {json.dumps(named)}")
    try:
        return languages.named(named, languages.CLIENTS)
    except PlanError:
        return named  # one that the official command may have learnt since


def _entry(one: Mapping[str, Any], where: str, folder: Path, owner: Database) -> Entry:
    for key, value in one.items():
        _known(key, tuple(_KEYS), where)
        wanted = _KEYS[key]
        if not (is_text(value) if wanted is str else isinstance(value, wanted)):
            kind = "true or false" if wanted is bool else "a text"
            raise PlanError(f"{where}: {key} is {kind}, not {json.dumps(value, default=str)}")
        choices = _CHOICES.get(key)
        if choices is not None and value not in choices:
            raise PlanError(f"{where}: {key} is one of {', '.join(choices)}, not {value!r}")
    if "language" in one and _language(one, where, folder) != languages.PYTHON:
        raise PlanError(f"{where} is for Python, not for {one['language']}: move it to generate")
    given = [x for x in _SOURCES if x in one]
    given += ["server or database"] if "server" in one or "database" in one else []
    if len(given) > 1:
        raise PlanError(f"{where}: {' and '.join(given)} exclude each other; keep one of them")
    if "server" in one and "database" not in one and owner.name is None:
        raise PlanError(f"{where} has a server and no database; add its name")
    return Entry(where, folder, dict(one), owner)


def _known(key: str, keys: tuple[str, ...], where: str) -> None:
    if key in keys:
        return
    near = get_close_matches(key, keys, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(keys)}"
    raise PlanError(f"{where} has a key {key!r}, which is not known; {hint}")
