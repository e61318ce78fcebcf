"""When scheduled rows are due. Kept in memory; the rows themselves are the truth."""

from __future__ import annotations

from typing import Any

from harness.server.storage import TableChanges, TableStore
from harness.wire.codec import Codec
from harness.wire.values import Interval, Time, Timestamp


class Schedules:
    """The due times of all scheduled tables, by (table, encoded row)."""

    def __init__(self, codecs: dict[str, Codec]) -> None:
        self._codecs = codecs
        #: The names of the scheduled tables.
        self.tables = frozenset(codecs)
        self._due: dict[tuple[str, bytes], int] = {}

    def load(self, stores: dict[str, TableStore], now: Timestamp) -> None:
        """Take up the rows that were there before."""
        for name in self._codecs:
            for data in stores[name].all_rows():
                self._plan(stores[name], data, now.micros)

    def follow(
        self, stores: dict[str, TableStore], changes: dict[str, TableChanges], now: int
    ) -> None:
        """Rows came and went. ``now`` in microseconds."""
        for name in self._codecs:
            changed = changes.get(name)
            if changed is None:
                continue
            for data in changed.removed:
                self._due.pop((name, data), None)
            for data in changed.added:
                self._plan(stores[name], data, now)

    def _plan(self, store: TableStore, data: bytes, now: int) -> None:
        name = store.definition.name
        at = self.at(store, self._codecs[name].decode(data))
        when = now + at.value.micros if isinstance(at, Interval) else at.value.micros
        self._due[(name, data)] = when

    def at(self, store: TableStore, row: Any) -> Interval | Time:
        """The ScheduleAt of a row."""
        assert store.definition.schedule is not None
        found: Interval | Time = store.value(row, store.definition.schedule.column)
        return found

    def next_due(self) -> int | None:
        """The earliest due time in microseconds."""
        return min(self._due.values(), default=None)

    def due(self, now: int) -> list[tuple[str, bytes]]:
        """What is due, the earliest first."""
        found = [(when, key) for key, when in self._due.items() if when <= now]
        return [key for _, key in sorted(found)]

    def again(self, key: tuple[str, bytes], when: int) -> None:
        """An interval row is due again, unless it is gone."""
        if key in self._due:
            self._due[key] = when
