"""Making the rows of views: by the module's own code, which may look and not touch.

That code gives the rows, or a query of a table, which is planned as one of a client's would be. The
plan runs with the module's rights: private tables are there for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any

from harness.errors import SqlError
from harness.module.context import AnonymousViewContext, ViewContext
from harness.module.definition import Compiled
from harness.module.handles import Db
from harness.module.queries import Query
from harness.server import sql
from harness.server.engine import GUARD, IDLE, REDUCER, Engine, ReducerTimeout
from harness.server.plans import Catalog, Plan, Rows, plan
from harness.server.runtime import RunnableView, make_from, make_readers, make_views
from harness.server.storage import TableStore
from harness.server.views import Looked, Place
from harness.wire.values import Identity

_NOBODY = Identity(bytes(32))


class Evaluation:
    """What came of evaluating a view: rows, encoded, and what they depend on.

    ``tables`` and ``points`` are what the view's own code has looked at; ``plan`` is its query, if
    it returned one, whose rows are counted as often as the query finds them.
    """

    __slots__ = ("plan", "points", "rows", "tables")

    def __init__(
        self,
        rows: list[bytes],
        tables: set[str],
        points: set[tuple[Place, Any]],
        plan: Plan | None,
    ) -> None:
        self.rows = Counter(rows)
        self.tables = tables
        self.points = points
        self.plan = plan

    @property
    def shown(self) -> list[bytes]:
        """The view's rows. A query shows each once, however many partners it has in a join."""
        return list(self.rows.elements() if self.plan is None else self.rows)


class Evaluator:
    """The views of one database. ``failed`` cleans up behind one that raised, by its name."""

    def __init__(
        self,
        compiled: Compiled,
        engine: Engine,
        stores: dict[str, TableStore],
        tables: Db,
        identity: Identity,
        rows: Rows,
        failed: Callable[[str, BaseException], None],
    ) -> None:
        self._definition = compiled.definition
        self._engine = engine
        self._identity = identity
        self._rows = rows
        self._failed = failed
        self._views = make_views(compiled)
        self._looked = Looked(stores)
        self._readers = make_readers(stores, tables, self._looked)
        self._from = make_from(compiled.definition, stores)

    def evaluate(self, view: str, sender: Identity | None) -> Evaluation:
        """A view as it is now.

        ``sender`` is None for a view that shows everybody the same. Raises ``SqlError`` if it fails
        or tries to change something, and ``StoreError`` if storage has failed.
        """
        context = AnonymousViewContext(self._readers, self._from, self._identity)
        if sender is not None:
            context = ViewContext(self._readers, self._from, self._identity, sender)
        self._looked.taken()
        # It may stand within a procedure, which has a phase and a time of its own.
        phase, late = GUARD.phase, GUARD.late
        GUARD.late, GUARD.phase = None, REDUCER
        try:
            encoded, query = self._encoded(self._views[view], context, sender)
        except BaseException as error:  # a module's own code can raise anything
            GUARD.phase, GUARD.late = phase, late
            self._failed(view, error)
            said = f"{type(error).__name__}: {error}"
            raise SqlError(f"the view {view!r} failed: {said}") from error
        GUARD.phase, GUARD.late = phase, late
        return Evaluation(encoded, *self._looked.taken(), query)

    def _encoded(
        self, view: RunnableView, context: AnonymousViewContext, sender: Identity | None
    ) -> tuple[list[bytes], Plan | None]:
        touched = len(self._engine.touched)
        returned = view.function(context)
        encoded: list[bytes] = []
        text = ""
        if view.queried is not None:
            text = _text(view, returned)
        elif returned is not None:
            rows = returned if isinstance(returned, list) else [returned]
            encoded = [view.row.encode(row) for row in rows]
        GUARD.phase = IDLE
        if len(self._engine.touched) > touched:
            raise TypeError("a view changed a table")
        if GUARD.late is not None:
            raise ReducerTimeout(GUARD.late)  # it went on after that
        if view.queried is None:
            return encoded, None
        select = sql.parse(text)
        assert isinstance(select, sql.Select), "queries are written so"
        query = plan(select, self._catalog, sender or _NOBODY, owner=True)
        return query.rows(self._rows), query

    @cached_property
    def _catalog(self) -> Catalog:
        return Catalog(self._definition)

    def decoded(self, view: str, data: bytes) -> Any:
        """A view's row as a value."""
        return self._views[view].row.decode(data)


def _text(view: RunnableView, returned: Any) -> str:
    """The query that a view has returned."""
    wanted = view.queried.__name__
    if not isinstance(returned, Query):
        kind = type(returned).__name__
        raise TypeError(
            f"it is declared as Query[{wanted}] and returned {kind}; return ctx.from_[{wanted}], "
            "with a condition if you like"
        )
    if returned.row is not view.queried:
        raise TypeError(
            f"it is declared as Query[{wanted}] and returned a query of {returned.row.__name__}"
        )
    return returned.to_sql()
