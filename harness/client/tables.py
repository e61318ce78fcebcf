"""Tables as users see them: rows, unique columns, indexes, callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from harness.client.cache import TableCache
from harness.client.names import nearest
from harness.errors import LocalProtocolError

Callback = Callable[..., Any]


class Registration:
    """A callback that is registered; ``cancel`` ends it."""

    __slots__ = ("_list", "callback")

    def __init__(self, list_: list[Registration], callback: Callback) -> None:
        self.callback = callback
        self._list = list_
        list_.append(self)

    def cancel(self) -> None:
        """The callback is not called any more. A second time does nothing."""
        if self in self._list:
            self._list.remove(self)


class IndexHandle:
    """An index over the cached rows, on the client's side."""

    __slots__ = ("_cache", "_columns")

    def __init__(self, cache: TableCache, columns: tuple[int, ...]) -> None:
        self._cache = cache
        self._columns = columns

    def filter(
        self, *prefix: Any, ge: Any = None, gt: Any = None, le: Any = None, lt: Any = None
    ) -> Iterator[Any]:
        """Rows whose first columns equal the prefix, with a range on the next column.

        Raises ``ValueError`` for more values than the index has columns.
        """
        if len(prefix) == 1 and isinstance(prefix[0], tuple):
            prefix = prefix[0]
        index = self._cache.index(self._columns)
        return index.filter(tuple(prefix), ge=ge, gt=gt, le=le, lt=lt)


class Unique(IndexHandle):
    """A unique column of the cached rows."""

    __slots__ = ()

    def find(self, value: Any) -> Any:
        """The row with this value, or None."""
        return self._cache.find(self._columns[0], value)


class Watched:
    """The cached rows of one table, and who wants to hear of their changes."""

    def __init__(self, cache: TableCache) -> None:
        self._cache = cache
        self._inserts: list[Registration] = []
        self._deletes: list[Registration] = []
        self._updates: list[Registration] = []
        definition = cache.definition
        for index in definition.indexes:
            if index.accessor is not None:
                setattr(self, free_name(index.accessor), IndexHandle(cache, index.columns))
        for column in definition.unique_columns():
            setattr(self, free_name(cache.fields[column]), Unique(cache, (column,)))

    def count(self) -> int:
        """How many rows there are."""
        return len(self._cache.rows)

    def __len__(self) -> int:
        return len(self._cache.rows)

    def __bool__(self) -> bool:
        return True  # a handle is there whether it has rows or not

    @property
    def wanted(self) -> bool:
        """Whether anybody wants to hear of changes."""
        return bool(self._inserts or self._deletes or self._updates)

    def callbacks(self, old: Any, new: Any) -> list[Registration]:
        """Who is to hear of a row that was inserted (no old), deleted (no new) or updated.

        A copy, so that callbacks may register and cancel others.
        """
        if old is None:
            return self._inserts.copy()
        return self._deletes.copy() if new is None else self._updates.copy()

    if not TYPE_CHECKING:  # a type checker must not believe in every name

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(nearest("column, index or method", name, [*vars(self), *METHODS]))


class TableHandle(Watched):
    """A table as those see it who have no generated code for it.

    Callbacks get the context first, then the row, or the old and the new one. They run after the
    whole message was applied, and may be coroutine functions, which become tasks. An index or a
    unique column whose name is a method here has an underscore after it.
    """

    def iter(self) -> Iterator[Any]:
        """The rows. Raises ``RuntimeError`` if they change while one goes through them."""
        return iter(self._cache)

    __iter__ = iter

    def on_insert(self, callback: Callback) -> Registration:
        """Call ``callback(context, row)`` for rows that appear. Fit for use as a decorator."""
        return Registration(self._inserts, callback)

    def on_delete(self, callback: Callback) -> Registration:
        """Call ``callback(context, row)`` for rows that vanish."""
        return Registration(self._deletes, callback)

    def on_update(self, callback: Callback) -> Registration:
        """Call ``callback(context, old, new)`` for rows replaced under their primary key.

        Raises ``LocalProtocolError`` for a table without one: it has no updates.
        """
        if self._cache.definition.primary_key is None:
            raise LocalProtocolError(
                f"table {self._cache.name} has no primary key, so its rows are never updated"
            )
        return Registration(self._updates, callback)

    if TYPE_CHECKING:  # its indexes and unique columns are those of a schema read at run time

        def __getattr__(self, name: str) -> Any: ...


#: What handles have of their own, with generated code or without: indexes and unique columns of
#: these names have an underscore behind them.
METHODS = frozenset(
    {
        "callbacks", "changes", "count", "iter", "on_delete", "on_insert", "on_update",
        "remove_on_delete", "remove_on_insert", "remove_on_update", "wanted",
        "_cache", "_deletes", "_inserts", "_updates",
    }
)  # fmt: skip


def free_name(name: str) -> str:
    """The attribute of a handle that an index or a unique column of this name is."""
    return f"{name}_" if name in METHODS else name


class Tables:
    """``conn.db``: a handle for each table and view, by its accessor."""

    def __init__(self, handles: Mapping[str, TableHandle]) -> None:
        for name, handle in handles.items():
            setattr(self, name, handle)

    def __getattr__(self, name: str) -> TableHandle:
        raise AttributeError(nearest("table", name, vars(self)))
