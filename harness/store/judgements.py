"""What was found in series, kept between reports: a file in the user's cache.

The file is MessagePack, written whole beside its place and moved there. What cannot be read, is too
large or was kept by another version of the method counts as nothing kept: it is only a cache.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from harness.store.files import write

#: The most bytes of a file that is read.
MOST_BYTES = 1 << 28

Entry = TypeVar("Entry")


@cache
def version() -> str:
    """Of the method: the hash of all code that judges, so that nobody has to raise a number."""
    hashed = hashlib.blake2b(np.__version__.encode(), digest_size=16)
    parts = [part for part in resources.files("harness.stats").iterdir() if part.is_file()]
    for part in sorted(parts, key=lambda part: part.name):
        if part.name.endswith((".py", ".c")):
            hashed.update(part.read_bytes())
    return hashed.hexdigest()


def default_file() -> Path:
    """In the user's cache folder, as the XDG specification has it."""
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(root).expanduser() / "spacetimedb-harness" / "judgements.msgpack"


def read(file: Path, version: str, kind: type[Entry]) -> dict[bytes, Entry]:
    """What was kept by this version, by digest; each entry is checked to be of this type."""
    form: Any = tuple[str, msgspec.Raw]
    try:
        if file.stat().st_size > MOST_BYTES:
            return {}
        kept_by, entries = msgspec.msgpack.decode(file.read_bytes(), type=form)
        if kept_by != version:
            return {}
        return msgspec.msgpack.decode(entries, type=dict[bytes, kind])  # type: ignore[valid-type]  # a type that the caller chose
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}


def save(file: Path, version: str, entries: dict[bytes, Any]) -> None:
    """Replace what was kept. Raises ``StoreError`` if it cannot be written."""
    write(file, msgspec.msgpack.encode((version, entries)))
