"""Making the rows of views: by the module's own code, which may look and not touch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.errors import SqlError
from harness.module.context import AnonymousViewContext, ViewContext
from harness.module.definition import Compiled
from harness.module.handles import Db
from harness.server.engine import GUARD, IDLE, REDUCER, Engine, ReducerTimeout
from harness.server.runtime import make_readers, make_views
from harness.server.storage import TableStore
from harness.server.views import Looked, Place
from harness.wire.values import Identity


class Evaluator:
    """The views of one database. ``failed`` cleans up behind one that raised, by its name."""

    def __init__(
        self,
        compiled: Compiled,
        engine: Engine,
        stores: dict[str, TableStore],
        tables: Db,
        identity: Identity,
        failed: Callable[[str, BaseException], None],
    ) -> None:
        self._engine = engine
        self._identity = identity
        self._failed = failed
        self._views = make_views(compiled)
        self._looked = Looked(stores)
        self._readers = make_readers(stores, tables, self._looked)

    def rows(
        self, view: str, sender: Identity | None
    ) -> tuple[list[bytes], set[str], set[tuple[Place, Any]]]:
        """A view's rows, encoded; and the tables and the key values that it looked at.

        ``sender`` is None for a view that shows everybody the same. Raises ``SqlError`` if it fails
        or tries to change something, and ``StoreError`` if storage has failed.
        """
        context = AnonymousViewContext(self._readers, self._identity)
        if sender is not None:
            context = ViewContext(self._readers, self._identity, sender)
        self._looked.taken()
        # It may stand within a procedure, which has a phase and a time of its own.
        phase, late = GUARD.phase, GUARD.late
        GUARD.late, GUARD.phase = None, REDUCER
        try:
            encoded = self._encoded(view, context)
        except BaseException as error:  # a module's own code can raise anything
            GUARD.phase, GUARD.late = phase, late
            self._failed(view, error)
            said = f"{type(error).__name__}: {error}"
            raise SqlError(f"the view {view!r} failed: {said}") from error
        GUARD.phase, GUARD.late = phase, late
        return encoded, *self._looked.taken()

    def _encoded(self, view: str, context: AnonymousViewContext) -> list[bytes]:
        found = self._views[view]
        touched = len(self._engine.touched)
        returned = found.function(context)
        rows = [] if returned is None else returned if isinstance(returned, list) else [returned]
        encoded = [found.row.encode(row) for row in rows]
        GUARD.phase = IDLE
        if len(self._engine.touched) > touched:
            raise TypeError("a view changed a table")
        if GUARD.late is not None:
            raise ReducerTimeout(GUARD.late)  # it went on after that
        return encoded

    def decoded(self, view: str, data: bytes) -> Any:
        """A view's row as a value."""
        return self._views[view].row.decode(data)
