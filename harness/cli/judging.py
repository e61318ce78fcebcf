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

#: The parts of the method that decide what is found.
METHOD = ("autoregression", "changepoints", "memory", "models", "searching", "significance",
          "spikes", "splits", "streaming")  # fmt: skip


@cache
def version() -> str:
    """Of the method: the hash of its code, so that no one has to remember to raise a number."""
    hashed = hashlib.blake2b(np.__version__.encode(), digest_size=16)
    for name in METHOD:
        hashed.update((resources.files("harness.stats") / f"{name}.py").read_bytes())
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
