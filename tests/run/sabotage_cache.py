"""Preloaded into a worker: the client's cache loses one update of many."""

from __future__ import annotations

import os
from typing import Any

from harness.client.cache import TableCache

#: The initial rows are applied first; this update is one in the middle unless a test wants another.
LOST = int(os.environ.get("SABOTAGE_LOST", "20"))

_apply = TableCache.apply
_count = 0


def apply(self: TableCache, updates: list[Any], wanted: bool) -> list[Any]:
    """Lose one."""
    global _count
    _count += 1
    if _count == LOST:
        return []
    return _apply(self, updates, wanted)


TableCache.apply = apply  # type: ignore[method-assign]  # that is the sabotage
