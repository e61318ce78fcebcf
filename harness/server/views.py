"""Views that are watched: their rows, what these depend on, and what a transaction changes in them.

A view's rows follow from the rows that it has looked at. It is made again when one of them changes
and not otherwise: looking for a key or a value depends on the rows with that value alone, counting
on the whole table. The difference to before is what subscribers are told, as for a table.

A view that returned a query is not made again when the query's tables change: the rows that came
and went say what changes in its own, as in a client's subscription. A semijoin finds a row once for
each of its partners; these are counted, and the view shows the row as long as there is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.errors import SqlError
from harness.server.plans import Changed, Source
from harness.server.subscriptions import LivePlan, Registry

if TYPE_CHECKING:
    from harness.server.database import Database
    from harness.server.evaluation import Evaluation
    from harness.server.storage import TableStore


#: So many evaluations are remembered until something changes.
RECENT = 256


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

    def __init__(self, inserts: list[bytes], deletes: list[bytes]) -> None:
        self.inserts = inserts
        self.deletes = deletes

    @classmethod
    def between(cls, before: Evaluation, after: Evaluation) -> ViewChanges:
        """From one evaluation to another."""
        old, new = Counter(before.shown), Counter(after.shown)
        return cls(list((new - old).elements()), list((old - new).elements()))

    @classmethod
    def counted(
        cls, rows: Counter[bytes], inserts: list[bytes], deletes: list[bytes]
    ) -> ViewChanges:
        """What comes and goes when a query finds rows once more, and once less: ``rows`` follow."""
        gone, come = [], []
        for row in deletes:
            rows[row] -= 1
            if not rows[row]:
                del rows[row]
                gone.append(row)
        for row in inserts:
            if row not in rows:
                come.append(row)
            rows[row] += 1
        return cls(come, gone)

    def __bool__(self) -> bool:
        return bool(self.inserts or self.deletes)


class Failed(ViewChanges):
    """A view that could not be made again, so that nobody can be told what changed."""

    def __init__(self, error: SqlError) -> None:
        super().__init__([], [])
        self.failure = str(error)


class Views:
    """The views of one database. Reads tables, too, as plans want it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._live: dict[Source, Evaluation] = {}
        #: The queries of those that returned one; equal ones are followed once.
        self._queries: Registry[Source] = Registry()
        self._queried: dict[Source, LivePlan[Source]] = {}
        self._by_table: dict[str, dict[Source, None]] = {}
        self._by_point: dict[Place, dict[Any, dict[Source, None]]] = {}
        #: Evaluations since the last change: a snapshot and the watching after it share one.
        self._recent: dict[Source, Evaluation] = {}

    def __len__(self) -> int:
        return len(self._live)

    def all_rows(self, source: str | Source) -> list[bytes]:
        """Every row of a table or a view, encoded. Raises ``SqlError`` if the view fails."""
        if isinstance(source, str):
            return self._database.all_rows(source)
        return self._current(source).shown

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
        touched = self._touched(changes)
        if self._queried:
            self._follow_queries(changes, touched, found)
        for source in touched:
            before = self._live[source]
            self._drop(source, before)
            try:
                after = self._evaluate(source)
            except SqlError as error:
                self._live.pop(source)
                found[source] = Failed(error)
                continue
            self._keep(source, after)
            changed = ViewChanges.between(before, after)
            if changed:
                found[source] = changed
        return found

    def _follow_queries(
        self, changes: dict[Any, Any], touched: dict[Source, None], found: dict[Any, Any]
    ) -> None:
        """Bring the views along that returned queries, but for those that are made again."""
        died: list[tuple[LivePlan[Source], str]] = []
        for query, delta in self._queries.deltas(self._database, Changed(changes), died):
            for source, _ in query.subscribers:
                if source not in touched:
                    rows = self._live[source].rows
                    changed = ViewChanges.counted(rows, delta.inserts, delta.deletes)
                    if changed:
                        found[source] = changed
        for query, reason in died:
            for source, _ in list(query.subscribers):
                if source not in touched:
                    self.unwatch(source)
                    error = SqlError(f"the view {source.view!r} failed: {reason}")
                    found[source] = Failed(error)

    def take_over(self, before: Views) -> dict[Any, Any]:
        """Watch what another module's views were watched for; what changes by that."""
        found: dict[Any, Any] = {}
        for source, live in before._live.items():
            try:
                self.watch(source)
            except SqlError as error:
                found[source] = Failed(error)
                continue
            changed = ViewChanges.between(live, self._live[source])
            if changed:
                found[source] = changed
        return found

    def _touched(self, changes: dict[Any, Any]) -> dict[Source, None]:
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
        return found

    def _current(self, source: Source) -> Evaluation:
        live = self._live.get(source) or self._recent.get(source)
        if live is None:
            if len(self._recent) >= RECENT:
                self._recent.clear()
            live = self._recent[source] = self._evaluate(source)
        return live

    def _evaluate(self, source: Source) -> Evaluation:
        return self._database.evaluator.evaluate(source.view, source.sender)

    def _keep(self, source: Source, live: Evaluation) -> None:
        self._live[source] = live
        if live.plan is not None:
            self._queried[source] = self._queries.add(live.plan, source, 0)
        for place in self._places(live, create=True):
            place[source] = None

    def _drop(self, source: Source, live: Evaluation) -> None:
        query = self._queried.pop(source, None)
        if query is not None:
            self._queries.remove(query, source, 0)
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

    def _places(self, live: Evaluation, *, create: bool) -> Iterator[dict[Source, None]]:
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
