"""When scheduled rows are due. Kept in memory; the rows themselves are the truth."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from harness.server.changes import TableChanges
from harness.server.storage import TableStore
from harness.wire.values import Interval, Time

#: An interval of nothing would leave no time for anything else, in microseconds.
LEAST_INTERVAL = 1000


class Due(NamedTuple):
    """A procedure whose time has come: ``row`` is the encoded row, which is its argument, too."""

    procedure: str
    table: str
    row: bytes
    once: bool
    since: int


class Schedules:
    """The due times of all scheduled tables, by (table, encoded row), in microseconds."""

    def __init__(self, stores: dict[str, TableStore]) -> None:
        self._stores = stores
        #: The names of the scheduled tables.
        self.tables = frozenset(stores)
        self._due: dict[tuple[str, bytes], int] = {}
        # May hold what is not due any more: ``_due`` decides.
        self._heap: list[tuple[int, str, bytes]] = []

    def load(self, now: int) -> None:
        """Take up the rows that were there before."""
        self._due.clear()
        self._heap.clear()
        for name, store in self._stores.items():
            for data in store.all_rows():
                self._plan(name, data, now)

    def follow(self, changes: dict[str, TableChanges], now: int) -> None:
        """Rows came and went."""
        for name in self._stores:
            changed = changes.get(name)
            if changed is None:
                continue
            for data in changed.removed:
                self._due.pop((name, data), None)
            for data in changed.added:
                self._plan(name, data, now)

    def next_due(self) -> int | None:
        """The earliest due time."""
        heap = self._heap
        while heap and self._due.get(heap[0][1:]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: int) -> list[tuple[str, bytes]]:
        """What is due, the earliest first; it is planned no more."""
        found = []
        while (when := self.next_due()) is not None and when <= now:
            _, name, data = heapq.heappop(self._heap)
            del self._due[(name, data)]
            found.append((name, data))
        return found

    def again(self, name: str, data: bytes, now: int) -> None:
        """An interval row has had its turn; it is planned again if it is still there."""
        if (name, data) not in self._due and self._stores[name].contains(data):
            self._plan(name, data, now)

    def _plan(self, name: str, data: bytes, now: int) -> None:
        store = self._stores[name]
        assert store.definition.schedule is not None
        at: Interval | Time = store.value(store.decode(data), store.definition.schedule.column)
        if isinstance(at, Interval):
            when = now + max(at.value.micros, LEAST_INTERVAL)
        else:
            when = at.value.micros
        self._due[(name, data)] = when
        heapq.heappush(self._heap, (when, name, data))
