"""When a project's files have changed, and when they have come to rest. No clock, no threads.

``snapshot`` says what there is, ``Debounce`` when it has been the same for long enough: editors
write several files in a row, and some of them twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

#: Files that a module or a client is made of.
_SUFFIXES = (".py", ".pyi", ".json", ".toml", ".html", ".css", ".txt")
#: Folders that are never a project's own code.
_SKIPPED = frozenset(
    {".git", ".venv", "venv", "__pycache__", "node_modules", "build", "dist", ".mypy_cache",
     ".ruff_cache", ".pytest_cache", ".harness"}
)  # fmt: skip

Snapshot = Mapping[Path, tuple[int, int]]
"""File -> when it was changed, in nanoseconds, and its size in bytes."""


def snapshot(root: Path, generated: frozenset[Path] = frozenset()) -> Snapshot:
    """The project's files, but for those that .gitignore names and those in ``generated`` folders.

    Files that vanish meanwhile are left out; links to folders are not followed.
    """
    found: dict[Path, tuple[int, int]] = {}
    ignored = Ignored.of(root)
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        inside = here.relative_to(root)
        folders[:] = [
            name
            for name in folders
            if name not in _SKIPPED
            and not name.endswith(".egg-info")
            and here / name not in generated
            and not ignored.folder(inside / name)
        ]
        for name in names:
            if not name.endswith(_SUFFIXES) or ignored.file(inside / name):
                continue
            try:
                status = (here / name).stat()
            except OSError:
                continue
            found[here / name] = (status.st_mtime_ns, status.st_size)
    return found


def changed(before: Snapshot, after: Snapshot) -> list[Path]:
    """The files that came, went, or are not what they were, in order."""
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


@dataclass(frozen=True, slots=True)
class Ignored:
    """What a .gitignore says: one in the root, with names, ``*``, ``/`` and ``!``."""

    patterns: tuple[str, ...] = ()

    @classmethod
    def of(cls, root: Path) -> Ignored:
        """The patterns of a project's .gitignore; none if it cannot be read."""
        try:
            text = (root / ".gitignore").read_text(errors="replace")
        except OSError:
            return cls()
        lines = (line.strip() for line in text.splitlines())
        return cls(tuple(line for line in lines if line and not line.startswith("#")))

    def folder(self, path: Path) -> bool:
        return self._ignored(path, is_folder=True)

    def file(self, path: Path) -> bool:
        return self._ignored(path, is_folder=False)

    def _ignored(self, path: Path, *, is_folder: bool) -> bool:
        """The last pattern that fits decides."""
        found = False
        for pattern in self.patterns:
            negated = pattern.startswith("!")
            if _fits(pattern.removeprefix("!"), path, is_folder):
                found = not negated
        return found


def _fits(pattern: str, path: Path, is_folder: bool) -> bool:
    if pattern.endswith("/"):
        if not is_folder:
            return False
        pattern = pattern.rstrip("/")
    pattern = pattern.removeprefix("**/")
    anywhere = "/" not in pattern
    pattern = pattern.removeprefix("/")
    return any(fnmatchcase(x, pattern) for x in _names(path, anywhere))


def _names(path: Path, anywhere: bool) -> Iterator[str]:
    yield path.as_posix()
    if anywhere:
        yield path.name


@dataclass(slots=True)
class Debounce:
    """Waits until nothing has changed for ``quiet_s`` seconds. Times are the caller's."""

    quiet_s: float = 0.3
    _last: Snapshot = field(default_factory=dict)
    _since: float | None = None

    def begin(self, now: Snapshot) -> None:
        """What is there now is known."""
        self._last, self._since = now, None

    def due(self, now: Snapshot, time_s: float) -> bool:
        """Whether there were changes, and the last one is long enough ago. They are known then."""
        if now != self._last:
            self._last, self._since = now, time_s
            return False
        if self._since is None or time_s - self._since < self.quiet_s:
            return False
        self._since = None
        return True
