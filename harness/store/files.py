"""Files of records: written whole or not at all, and read with a sentence for what is wrong."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TypeVar

import msgspec

from harness.errors import StoreError

#: Who may read what is written: results are meant for others, too.
_MODE = 0o644

Kept = TypeVar("Kept")


def write(path: Path, data: bytes) -> Path:
    """Write it under another name beside its place, then move it there.

    Folders are made. What was there stays until the new file is complete. Raises ``StoreError``
    if that cannot be done.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            temporary = file.name
            file.write(data)
        os.chmod(temporary, _MODE)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            os.unlink(temporary)
    return path


def rewrite(path: Path, data: bytes, new_mode: int) -> None:
    """Write a file that is the user's own, whole or not at all.

    Its permissions stay, and a link to it stays a link; ``new_mode`` is for a file that is not
    there yet. Raises ``OSError``.
    """
    place = path.resolve()
    try:
        mode = place.stat().st_mode & 0o777
    except FileNotFoundError:
        mode = new_mode
    descriptor, name = tempfile.mkstemp(prefix=f".{place.name}-", dir=place.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(name, place)
    except BaseException:
        os.unlink(name)
        raise


def write_record(path: Path, record: msgspec.Struct) -> Path:
    """Write a record as JSON that people can read as well. Raises ``StoreError``."""
    return write(path, msgspec.json.format(msgspec.json.encode(record), indent=1))


def read(path: Path) -> bytes:
    """The bytes of a file. Raises ``StoreError`` if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def decoded(data: bytes, kind: type[Kept], form: int, path: Path, not_one: str) -> Kept:
    """A record from JSON, its field ``form`` looked at before all others.

    Raises ``StoreError`` for a form that is newer than ``form``, and for what is ``not_one``, such
    as "not a run".
    """
    try:
        found = msgspec.json.decode(data, type=_Form).form
        if found > form:
            raise StoreError(f"{path} has form {found}; this version reads up to {form}")
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise StoreError(f"{path} is {not_one}: {error}") from error


class _Form(msgspec.Struct):
    form: int = 0


def umask() -> int:
    """Which permissions new files do not get; it can only be read by setting it."""
    found = os.umask(0o077)
    os.umask(found)
    return found
