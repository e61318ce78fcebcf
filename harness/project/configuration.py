"""``spacetime.json``: which databases a project has, and where they are published.

It is looked for in a folder and those above it. Files beside it lie over it, each key of a later
one in place of an earlier one's: ``spacetime.local.json``, ``spacetime.ENV.json``,
``spacetime.ENV.local.json``; of ``children`` each one is laid over the one in its place. All may
have comments and trailing commas. Paths in them are relative to their folder.

Source: the page "spacetime.json" of the SpacetimeDB documentation, and
`crates/cli/src/spacetime_config.rs` of 2.8.3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from harness.errors import PlanError

FILE = "spacetime.json"
#: A larger file is no configuration.
_LARGEST = 1 << 20
#: Nobody nests databases deeper.
_DEEPEST = 16
#: Of these a child takes none of its parent's if it has one of its own.
SOURCES = ("module-path", "bin-path", "js-path")
_NOT_INHERITED = frozenset({"database", "generate", "children", "dev", "python"})
_TEXTS = ("database", "server", *SOURCES)


@dataclass(frozen=True, slots=True)
class Database:
    """One database that a project publishes. ``fields`` has what its parent left to it, too."""

    name: str | None
    fields: Mapping[str, Any]
    folder: Path

    @property
    def server(self) -> str | None:
        """As people name servers: a nickname, a host or a URI."""
        found: str | None = self.fields.get("server")
        return found

    @property
    def anonymous(self) -> bool:
        return self.fields.get("anonymous") is True

    def path(self, key: str) -> Path | None:
        """One of ``SOURCES``, as seen from anywhere."""
        found = self.fields.get(key)
        return None if found is None else (self.folder / found).resolve()


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the files say. ``files`` are those that were read, the first is spacetime.json."""

    folder: Path
    files: tuple[Path, ...]
    databases: tuple[Database, ...]
    dev: Mapping[str, Any] = field(default_factory=dict)
    #: What is only for Python: ``{"generate": […], "dev": {…}}``.
    python: Mapping[str, Any] = field(default_factory=dict)

    @property
    def named(self) -> tuple[Database, ...]:
        """The databases that have a name, each once."""
        by_name: dict[str, Database] = {}
        for database in self.databases:
            if database.name is not None:
                by_name.setdefault(database.name, database)
        return tuple(by_name.values())

    def matching(self, pattern: str) -> tuple[Database, ...]:
        """The databases whose names fit a pattern such as ``world-*``."""
        return tuple(x for x in self.named if fnmatchcase(x.name or "", pattern))

    @property
    def run(self) -> str | None:
        """The command that ``harness dev`` runs: Python's own comes first."""
        own = self.python.get("dev")
        for found in (own, self.dev):
            if isinstance(found, Mapping) and found.get("run"):
                return str(found["run"])
        return None


def load(start: Path, environment: str | None = None) -> Configuration | None:
    """The configuration that holds in a folder; None if there is none in it or above it.

    Raises ``PlanError`` with the file and what is wrong in it.
    """
    if environment is not None and not environment.replace("-", "").replace("_", "").isalnum():
        raise PlanError(f"an environment is a word such as dev, not {environment!r}")
    start = start.resolve()
    folder = next((x for x in (start, *start.parents) if (x / FILE).is_file()), None)
    if folder is None:
        return None
    names = [FILE, "spacetime.local.json"]
    if environment is not None:
        names += [f"spacetime.{environment}.json", f"spacetime.{environment}.local.json"]
    files = [folder / name for name in names if (folder / name).is_file()]
    merged: dict[str, Any] = {}
    for path in files:
        _overlay(merged, _read(path))
    shown = " with ".join(path.name for path in files)
    databases = tuple(_databases(merged, folder, {}, shown, 0))
    return Configuration(
        folder, tuple(files), databases,
        _table(merged, "dev", shown), _table(merged, "python", shown),
    )  # fmt: skip


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise PlanError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise PlanError(f"{path} is larger than {_LARGEST:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanError(f"{path} is not UTF-8 at byte {error.start}") from None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = _read_json5(text, path)
    if not isinstance(found, dict):
        raise PlanError(f'{path} holds no object, as in {{"database": "my-app"}}')
    return found


def _read_json5(text: str, path: Path) -> Any:
    """JSON with comments, which is slower to read."""
    import json5

    try:
        return json5.loads(text)
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).removeprefix("<string>:").split())
        raise PlanError(f"{path} is not JSON: line {why or '1'}") from None


def _overlay(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    """Lay one file over those before it."""
    for key, value in over.items():
        known = base.get(key)
        if key != "children" or not isinstance(known, list) or not isinstance(value, list):
            base[key] = value
            continue
        for place, child in enumerate(value[: len(known)]):
            if isinstance(known[place], dict) and isinstance(child, dict):
                _overlay(known[place], child)
            else:
                known[place] = child


def _databases(
    entity: Mapping[str, Any], folder: Path, parent: Mapping[str, Any], shown: str, depth: int
) -> list[Database]:
    """An entity and its children, each with what it inherits."""
    if depth > _DEEPEST:
        raise PlanError(f"{shown}: children are nested deeper than {_DEEPEST}")
    own = {key: value for key, value in entity.items() if key != "children"}
    for key in _TEXTS:
        if key in own and not is_text(own[key]):
            raise PlanError(f"{shown}: {key} is a text, not {json.dumps(own[key])}")
    given = [key for key in SOURCES if key in own]
    if len(given) > 1:
        raise PlanError(f"{shown}: {' and '.join(given)} exclude each other; keep one of them")
    left = {
        key: value
        for key, value in parent.items()
        if key not in _NOT_INHERITED and not (given and key in SOURCES)
    }
    fields = {**left, **own}
    found = [Database(own.get("database"), fields, folder)]
    children = entity.get("children") or []
    if not isinstance(children, list) or not all(isinstance(x, dict) for x in children):
        raise PlanError(f"{shown}: children is a list of objects")
    for child in children:
        found += _databases(child, folder, fields, shown, depth + 1)
    return found


def is_text(value: object) -> bool:
    """Whether a value of JSON is a text that can be a name or a path."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    return not any("\ud800" <= letter <= "\udfff" for letter in value)  # halves of letters


def _table(merged: Mapping[str, Any], key: str, shown: str) -> Mapping[str, Any]:
    found = merged.get(key) or {}
    if not isinstance(found, dict):
        raise PlanError(f"{shown}: {key} is an object")
    return found
