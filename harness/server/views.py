"""Views that are watched: their rows, what these depend on, and what a transaction changes in them.

A view's rows follow from the rows that it has looked at. It is made again when one of them changes
and not otherwise: looking for a key or a value depends on the rows with that value alone, counting
on the whole table. The difference to before is what subscribers are told, as for a table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import SqlError
from harness.wire.values import Identity

if TYPE_CHECKING:
    from harness.server.database import Database
    from harness.server.storage import TableStore


#: So many evaluations are remembered until something changes.
RECENT = 256


class Source(NamedTuple):
    """A view as rows are read from it: ``sender`` is None if everybody sees the same."""

    view: str
    sender: Identity | None


#: The value of a column in SQLite's form, by (table, column): rows with it were looked for.
Place = tuple[str, int]


class Looked:
    """What one evaluation has looked at; implements ``harness.module.reading.Reads``."""

    def __init__(self, stores: dict[str, TableStore]) -> None:
        self._stores = stores
        self.tables: set[str] = set()
        self.points: set[tuple[Place, Any]] = set()

    def rows(self, table: str, column: int, value: Any) -> None:
        key = self._stores[table].key(column, value)
        if key is not None:  # else no row can ever have the value
            self.points.add(((table, column), key))

    def whole(self, table: str) -> None:
        self.tables.add(table)

    def taken(self) -> tuple[set[str], set[tuple[Place, Any]]]:
        """What was noted, which is forgotten here."""
        found = self.tables, self.points
        self.tables, self.points = set(), set()
        return found


class ViewChanges:
    """What changed in a view's rows, as ``harness.server.plans.RowChanges``."""

    #: Why the view could not be made again; "" if it could.
    failure = ""

    def __init__(self, before: Counter[bytes], after: Counter[bytes]) -> None:
        self.inserts = list((after - before).elements())
        self.deletes = list((before - after).elements())

    def __bool__(self) -> bool:
        return bool(self.inserts or self.deletes)


class Failed(ViewChanges):
    """A view that could not be made again, so that nobody can be told what changed."""

    def __init__(self, error: SqlError) -> None:
        self.inserts = self.deletes = []
        self.failure = str(error)


class _Live:
    """A view that somebody watches."""

    __slots__ = ("points", "rows", "tables")

    def __init__(self, rows: list[bytes], tables: set[str], points: set[tuple[Place, Any]]) -> None:
        self.rows = Counter(rows)
        self.tables = tables
        self.points = points


class Views:
    """The views of one database. Reads tables, too, as plans want it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._live: dict[Source, _Live] = {}
        self._by_table: dict[str, dict[Source, None]] = {}
        self._by_point: dict[Place, dict[Any, dict[Source, None]]] = {}
        #: Evaluations since the last change: a snapshot and the watching after it share one.
        self._recent: dict[Source, _Live] = {}

    def __len__(self) -> int:
        return len(self._live)

    def all_rows(self, source: str | Source) -> list[bytes]:
        """Every row of a table or a view, encoded. Raises ``SqlError`` if the view fails."""
        if isinstance(source, str):
            return self._database.all_rows(source)
        return list(self._current(source).rows.elements())

    def lookup(self, source: str | Source, column: int, value: Any) -> list[bytes]:
        """As ``Database.lookup``; views have no indexes, so nobody asks it of them."""
        assert isinstance(source, str)
        return self._database.lookup(source, column, value)

    def watch(self, source: Source) -> None:
        """Keep a view up from now on. Raises ``SqlError`` if it fails."""
        self._keep(source, self._current(source))

    def unwatch(self, source: Source) -> None:
        """Nobody watches it any more."""
        live = self._live.pop(source, None)
        if live is not None:
            self._drop(source, live)

    def follow(self, changes: dict[Any, Any]) -> dict[Any, Any]:
        """A transaction's changes, together with what they change in watched views."""
        self._recent.clear()
        if not self._live:
            return changes
        found = dict(changes)
        for source in self._touched(changes):
            before = self._live[source]
            self._drop(source, before)
            try:
                after = self._evaluate(source)
            except SqlError as error:
                self._live.pop(source)
                found[source] = Failed(error)
                continue
            self._keep(source, after)
            changed = ViewChanges(before.rows, after.rows)
            if changed:
                found[source] = changed
        return found

    def take_over(self, before: Views) -> dict[Any, Any]:
        """Watch what another module's views were watched for; what changes by that."""
        found: dict[Any, Any] = {}
        for source, live in before._live.items():
            try:
                self.watch(source)
            except SqlError as error:
                found[source] = Failed(error)
                continue
            changed = ViewChanges(live.rows, self._live[source].rows)
            if changed:
                found[source] = changed
        return found

    def _touched(self, changes: dict[Any, Any]) -> list[Source]:
        found: dict[Source, None] = {}
        for table, changed in changes.items():
            found.update(self._by_table.get(table, {}))
            store = self._database.stores.get(table)
            if store is None:
                continue
            places = [place for place in self._by_point if place[0] == table]
            if not places:
                continue
            for data in (*changed.inserts, *changed.deletes):
                row = store.decode(data)
                for place in places:
                    key = store.key(place[1], store.value(row, place[1]))
                    found.update(self._by_point[place].get(key, {}))
        return list(found)

    def _current(self, source: Source) -> _Live:
        live = self._live.get(source) or self._recent.get(source)
        if live is None:
            if len(self._recent) >= RECENT:
                self._recent.clear()
            live = self._recent[source] = self._evaluate(source)
        return live

    def _evaluate(self, source: Source) -> _Live:
        return _Live(*self._database.evaluator.rows(source.view, source.sender))

    def _keep(self, source: Source, live: _Live) -> None:
        self._live[source] = live
        for place in self._places(live, create=True):
            place[source] = None

    def _drop(self, source: Source, live: _Live) -> None:
        for place in self._places(live, create=False):
            place.pop(source, None)
        for table in live.tables:
            if not self._by_table.get(table, True):
                del self._by_table[table]
        for place_, key in live.points:
            by_value = self._by_point.get(place_, {})
            if not by_value.get(key, True):
                del by_value[key]
            if not by_value:
                self._by_point.pop(place_, None)

    def _places(self, live: _Live, *, create: bool) -> Iterator[dict[Source, None]]:
        for table in live.tables:
            if create:
                yield self._by_table.setdefault(table, {})
            elif table in self._by_table:
                yield self._by_table[table]
        for place, key in live.points:
            if create:
                yield self._by_point.setdefault(place, {}).setdefault(key, {})
            elif key in self._by_point.get(place, {}):
                yield self._by_point[place][key]
