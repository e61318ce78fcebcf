"""``.env.local``: where a project's database is, for whatever reads such files.

Two lines of it are ours, and all others are somebody else's: they stay as they are, byte for byte.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import StoreError
from harness.store.files import rewrite, umask

FILE = ".env.local"
#: A larger file has no settings.
_LARGEST = 1 << 20


def update(folder: Path, host: str, database: str) -> bool:
    """Set SPACETIMEDB_DB_NAME and SPACETIMEDB_HOST; False if they were as they should be.

    Neither value has a line break. Raises ``StoreError`` if the file cannot be read or written;
    then it is what it was.
    """
    path = folder / FILE
    try:
        before = _read(path)
        after = _set(before, b"SPACETIMEDB_DB_NAME", database.encode())
        after = _set(after, b"SPACETIMEDB_HOST", host.encode())
        if after == before:
            return False
        rewrite(path, after, 0o666 & ~umask())
    except (OSError, RuntimeError) as error:  # links in a circle
        raise StoreError(f"cannot write {path}: {getattr(error, 'strerror', error)}") from None
    return True


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return b""
    if len(found) > _LARGEST or b"\0" in found:
        raise StoreError(f"cannot write {path}: it is no file of settings, a line for each")
    return found


def _set(text: bytes, key: bytes, value: bytes) -> bytes:
    """The text with this value for a key, wherever it stands, or else in a line at its end."""
    line = re.compile(
        rb"(?m)^((?:\xef\xbb\xbf)?[ \t]*(?:export[ \t]+)?%b[ \t]*=[ \t]*)[^\r\n]*" % key
    )
    if line.search(text):
        return line.sub(lambda found: found[1] + value, text)
    ending = b"\r\n" if b"\r\n" in text else b"\n"
    if text and not text.endswith(b"\n"):
        text += ending
    return text + key + b"=" + value + ending
