"""Judging with what earlier reports have found out, kept in the user's cache."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import StoreError
from harness.stats.memory import Entry, Memory
from harness.store import judgements


@contextmanager
def remembered(file: Path | None) -> Iterator[Memory]:
    """A memory that is read from this file and kept there; None remembers nothing.

    That it cannot be kept is told on stderr and is no error.
    """
    memory = Memory(
        judgements.read(file, judgements.version(), Entry) if file is not None else None
    )
    yield memory
    if file is None or not memory.has_news:
        return
    try:
        judgements.save(file, judgements.version(), memory.entries())
    except StoreError as error:
        print(f"warning: judgements are not kept for the next report: {error}", file=sys.stderr)
