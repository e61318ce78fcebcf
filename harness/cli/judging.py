"""Judging with what earlier reports have found out, kept in the user's cache."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from harness.errors import StoreError
from harness.stats.memory import Entry, Memory
from harness.store import judgements


@cache
def version() -> str:
    """Of the method: the hash of all code that judges, so that nobody has to raise a number."""
    hashed = hashlib.blake2b(np.__version__.encode(), digest_size=16)
    parts = [part for part in resources.files("harness.stats").iterdir() if part.is_file()]
    for part in sorted(parts, key=lambda part: part.name):
        if part.name.endswith(".py"):
            hashed.update(part.read_bytes())
    return hashed.hexdigest()


@contextmanager
def remembered(file: Path | None) -> Iterator[Memory]:
    """A memory that is read from this file and kept there; None remembers nothing.

    That it cannot be kept is told on stderr and is no error.
    """
    memory = Memory(judgements.read(file, version(), Entry) if file is not None else None)
    yield memory
    if file is None or not memory.has_news:
        return
    try:
        judgements.save(file, version(), memory.entries())
    except StoreError as error:
        print(f"warning: judgements are not kept for the next report: {error}", file=sys.stderr)
