"""All cached tables of a connection, and the telling of their changes.

What a message says is applied to every table first; only then is anybody told.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

from harness.client.cache import Change, TableCache
from harness.client.rows import Types
from harness.client.tables import TableHandle, Watched
from harness.errors import RemoteProtocolError
from harness.protocol.events import TableRows
from harness.wire.program import field_names

_LOG = logging.getLogger("harness.client")

#: Changes and whom to tell of them.
News = list[tuple[Watched, list[Change]]]


class Store:
    """Caches and handles by table name.

    ``handles`` has what makes the handle of a table, by its name; None: ``TableHandle`` for all.
    """

    def __init__(
        self, types: Types, handles: Mapping[str, Callable[[TableCache], Watched]] | None = None
    ) -> None:
        self.caches: dict[str, TableCache] = {}
        self._handles: dict[str, Watched] = {}
        self._tasks: set[asyncio.Future[Any]] = set()
        #: Called with an exception that a callback raised; logging is the default.
        self.on_callback_error: Callable[[BaseException], Any] = _log_callback
        accessors = {}
        for table in types.tables:
            fields = field_names(types.row_class(table))
            cache = self.caches[table.name] = TableCache(table, fields, types.row_codec(table))
            make = TableHandle if handles is None else handles[table.name]
            accessors[table.accessor] = self._handles[table.name] = make(cache)
        #: Handles by accessor.
        self.accessors: dict[str, Any] = accessors

    def cache(self, table: str) -> TableCache:
        """Raises ``RemoteProtocolError`` for a table that is not in the schema."""
        try:
            return self.caches[table]
        except KeyError:
            raise RemoteProtocolError(
                f"the server sent rows of {table!r}, which is not in the schema"
            ) from None

    def watched(self, table: str) -> bool:
        """Whether somebody hears of the table's changes, one by one."""
        return self.cache(table).definition.event or self._handles[table].wanted

    def apply(self, updates: list[TableRows]) -> News:
        """Apply what one message says. Raises ``RemoteProtocolError`` or ``DecodeError``."""
        if len(updates) == 1:  # most messages change one table
            name = updates[0].table
            cache = self.cache(name)
            handle = self._handles[name]
            changes = cache.apply(updates, handle.wanted)
            return [(handle, changes)] if changes and handle.wanted else []
        return self._each(by_table(updates), TableCache.apply)

    def replace(self, updates: list[TableRows]) -> News:
        """Let a new snapshot take the place of all rows; what is different from before."""
        parts: dict[str, list[TableRows]] = {name: [] for name in self.caches}
        for update in updates:
            self.cache(update.table)
            parts[update.table].append(update)
        return self._each(parts, TableCache.replace)

    def _each(self, parts: dict[str, list[TableRows]], act: Callable[..., list[Change]]) -> News:
        news = []
        for name, updates in parts.items():
            cache = self.cache(name)
            handle = self._handles[name]
            changes = act(cache, updates, handle.wanted)
            if changes and handle.wanted:
                news.append((handle, changes))
        return news

    # --- telling ---------------------------------------------------------------------------------

    def tell(self, news: News, context: Any) -> None:
        """Run the callbacks."""
        for handle, changes in news:
            for old, new in changes:
                for registration in handle.callbacks(old, new):
                    if old is None:
                        self.run(registration.callback, context, new)
                    elif new is None:
                        self.run(registration.callback, context, old)
                    else:
                        self.run(registration.callback, context, old, new)

    def run(self, callback: Callable[..., Any], *args: Any) -> None:
        """Run a user's callback; what it raises must not stop the reader."""
        try:
            result = callback(*args)
            if inspect.isawaitable(result):
                task = asyncio.ensure_future(result)
                self._tasks.add(task)
                task.add_done_callback(self._task_done)
        except Exception as error:  # a user's code can raise anything
            self._failed(error)

    def _task_done(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        try:
            self.on_callback_error(error)
        except Exception as second:  # and so can its handler
            _log_callback(second)


def by_table(updates: list[TableRows]) -> dict[str, list[TableRows]]:
    """Everything that is said about each table."""
    found: dict[str, list[TableRows]] = {}
    for update in updates:
        found.setdefault(update.table, []).append(update)
    return found


def _log_callback(error: BaseException) -> None:
    _LOG.error("a callback raised %r", error, exc_info=error)
