"""What views hold in their hands: tables that can be looked into and not changed.

What was looked at is noted. A view's rows depend on nothing else, so they are made again only when
one of these rows changes. Going through a whole table is not offered: it would make the view depend
on every row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

from harness.module.handles import IndexHandle, Store, TableHandle, Unique, hint, only_table

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Reads(Protocol):
    """Takes note of what was looked at."""

    def rows(self, table: str, column: int, value: Any) -> None:
        """The rows with a value in a column, whether there are any or not."""

    def whole(self, table: str) -> None:
        """Any row of the table, or how many there are."""


class ReadUnique(Generic[R]):
    """A unique column."""

    __slots__ = ("_column", "_reads", "_store", "_table")

    def __init__(self, table: str, store: Store[R], column: int, reads: Reads) -> None:
        self._table, self._store, self._column, self._reads = table, store, column, reads

    def find(self, value: Any) -> R | None:
        """The row with this value, or None."""
        self._reads.rows(self._table, self._column, value)
        return self._store.find(self._column, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(_refusal(name, "find"))


class ReadIndex(Generic[R]):
    """An index over one or more columns."""

    __slots__ = ("_columns", "_handle", "_reads", "_table")

    def __init__(
        self, table: str, handle: IndexHandle[R], columns: tuple[int, ...], reads: Reads
    ) -> None:
        self._table, self._handle, self._columns, self._reads = table, handle, columns, reads

    def filter(
        self, *prefix: Any, ge: Any = None, gt: Any = None, le: Any = None, lt: Any = None
    ) -> Iterator[R]:
        """As ``IndexHandle.filter``. A view that gives the first column's value is made again for
        rows with that value only."""
        values = prefix[0] if len(prefix) == 1 and isinstance(prefix[0], tuple) else prefix
        if values:
            self._reads.rows(self._table, self._columns[0], values[0])
        else:
            self._reads.whole(self._table)
        return self._handle.filter(*prefix, ge=ge, gt=gt, le=le, lt=lt)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(_refusal(name, "filter"))


class ReadPart(Protocol[R_co]):
    """What a unique column or an index can do in a view, for type checkers, as ``handles.Part``."""

    def find(self, value: Any, /) -> R_co | None: ...

    def filter(
        self, *prefix: Any, ge: Any = None, gt: Any = None, le: Any = None, lt: Any = None
    ) -> Iterator[R_co]: ...


class ReadTable(Generic[R]):
    """One table. Unique columns and indexes are attributes."""

    def __init__(self, table: str, handle: TableHandle[R], reads: Reads) -> None:
        self._table = table
        self._reads = reads
        self._store = handle._store
        for name, part in vars(handle).items():
            if isinstance(part, Unique):
                setattr(self, name, ReadUnique(table, handle._store, part._column, reads))
            elif isinstance(part, IndexHandle):
                setattr(self, name, ReadIndex(table, part, part._columns, reads))

    def count(self) -> int:
        """How many rows there are; the view is made again whenever the table changes."""
        self._reads.whole(self._table)
        return self._store.count()

    def __getattr__(self, name: str) -> ReadPart[R]:
        known = [x for x in vars(self) if not x.startswith("_")]
        raise AttributeError(_refusal(name, "count", *known))


class ReadDb:
    """All tables: by accessor, ``db.item``, or by row class, ``db[Item]``."""

    def __init__(self, tables: dict[str, ReadTable[Any]]) -> None:
        self._tables = tables
        self._by_row: dict[type[Any], list[str]] = {}
        for accessor, table in tables.items():
            setattr(self, accessor, table)
            self._by_row.setdefault(table._store.row_class, []).append(accessor)

    def __getitem__(self, row: type[R]) -> ReadTable[R]:
        return self._tables[only_table(row, self._by_row, "db")]

    def __getattr__(self, name: str) -> ReadTable[Any]:
        known = self.__dict__.get("_tables", ())
        raise AttributeError(f"there is no table {name!r}{hint(name, known)}")


_WRITES = frozenset(
    ("insert", "try_insert", "insert_or_update", "update", "delete", "clear")
)  # fmt: skip


def _refusal(name: str, *known: str) -> str:
    if name in _WRITES:
        return f"a view only reads: it cannot {name.replace('_', ' ')}"
    if name == "iter":
        return "a view cannot go through a whole table: use find, filter or count"
    return f"a view finds no {name!r} here{hint(name, known)}"
