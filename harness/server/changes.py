"""The net changes of a transaction: what subscribers are told, and what is undone if it fails."""

from __future__ import annotations


class TableChanges:
    """Rows that came and went, encoded, in order.

    A row that comes and goes again within the transaction leaves no trace.
    """

    __slots__ = ("added", "removed")

    def __init__(self) -> None:
        self.added: dict[bytes, None] = {}
        self.removed: dict[bytes, None] = {}

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    @property
    def inserts(self) -> list[bytes]:
        return list(self.added)

    @property
    def deletes(self) -> list[bytes]:
        return list(self.removed)

    def add(self, row: bytes) -> None:
        """A row came."""
        if row in self.removed:
            del self.removed[row]
        else:
            self.added[row] = None

    def remove(self, row: bytes) -> None:
        """A row went."""
        if row in self.added:
            del self.added[row]
        else:
            self.removed[row] = None
