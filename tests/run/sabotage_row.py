"""Preloaded into a worker: the client's cache loses one row, however messages were put together."""

from __future__ import annotations

from typing import Any

from harness.client.cache import TableCache

#: The row is lost once there are more than this; by then the initial rows were applied.
ROWS = 20

_apply = TableCache.apply
_lost = False


def apply(self: TableCache, updates: list[Any], wanted: bool) -> list[Any]:
    """Lose the newest row, once."""
    global _lost
    changes = _apply(self, updates, wanted)
    if not _lost and len(self.rows) > ROWS:
        _lost = True
        self.rows.popitem()
    return changes


TableCache.apply = apply  # type: ignore[method-assign]  # that is the sabotage
