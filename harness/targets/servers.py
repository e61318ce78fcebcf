"""The real servers that are installed in the user's cache, one folder for each version."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from harness.errors import PlanError, TargetError
from harness.measure.environment import file_sha256
from harness.targets.npm import cache_folder

#: The server's program, its package's name too.
PROGRAM = "spacetimedb-standalone"
#: What is told to people who have none.
ADVICE = "install one with: harness server install 1.2.0"
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)((?:-[0-9A-Za-z.-]+)?)")


class Installed(msgspec.Struct, frozen=True):
    """One installed server. ``sha256`` is the program's."""

    version: str
    path: Path
    size_bytes: int
    sha256: str


def folder() -> Path:
    """Where servers are installed."""
    return cache_folder() / "servers"


def is_version(text: str) -> bool:
    """Whether it is written like 1.2.0."""
    return _VERSION.fullmatch(text) is not None


def checked(version: str) -> str:
    """The version itself. Raises ``PlanError`` unless it is written like 1.2.0."""
    if not is_version(version):
        raise PlanError(f"a server's version is written like 1.2.0, not {version!r}")
    return version


def order(version: str) -> tuple[int, int, int, bool, str]:
    """By number, and what is being prepared before what is done."""
    match = _VERSION.fullmatch(version)
    assert match is not None
    major, minor, patch, rest = match.groups()
    return int(major), int(minor), int(patch), not rest, rest


def installed() -> list[Installed]:
    """All of them, oldest version first. What is no server is passed over."""
    base = folder()
    names = [path.name for path in base.iterdir()] if base.is_dir() else []
    found = [find(name) for name in names if is_version(name)]
    return sorted((x for x in found if x is not None), key=lambda x: order(x.version))


def find(version: str) -> Installed | None:
    """The server of this version, if it is installed. Raises ``PlanError`` for no version."""
    path = folder() / checked(version) / "bin" / PROGRAM
    if not path.is_file() or not os.access(path, os.X_OK):
        return None
    sha256 = file_sha256(str(path)) or ""
    return Installed(version, path, path.stat().st_size, sha256)


def newest() -> Installed | None:
    """The newest that is installed."""
    found = installed()
    return found[-1] if found else None


def remove(version: str) -> None:
    """Delete an installed server. Raises ``TargetError`` if there is none, ``PlanError``."""
    place = folder() / checked(version)
    if not place.is_dir():
        there = ", ".join(x.version for x in installed()) or "none"
        raise TargetError(f"server {version} is not installed; installed: {there}")
    with locked():
        # Out of sight at once, so that nobody finds half a server.
        away = folder() / f".removed-{version}-{os.getpid()}"
        place.rename(away)
        shutil.rmtree(away)


@contextmanager
def locked() -> Iterator[None]:
    """Nobody else installs or removes meanwhile. Raises ``TargetError`` if somebody does.

    The lock is the folder's own, held by the system: there is no file to leave behind, and it ends
    with its process however that ends.
    """
    try:
        folder().mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder(), os.O_RDONLY)
    except OSError as error:
        raise TargetError(f"no folder {folder()}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TargetError(
                f"another harness is installing or removing a server in {folder()}; "
                "wait for it to end"
            ) from None
        yield
    finally:
        os.close(descriptor)
