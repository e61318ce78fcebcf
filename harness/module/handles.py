"""What reducers hold in their hands: tables, unique columns and indexes, over any store.

A store is what a server implements for one table. Rows come out as copies: changing one changes
nothing until it is given back to ``update``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Generic, Protocol, TypeVar

from harness.errors import ReducerError, SchemaError

R = TypeVar("R")


class UniqueConstraintViolation(ReducerError):
    """A row would have the key of another row."""


class AutoIncOverflow(ReducerError):
    """An auto-increment column has run out of numbers."""


class Store(Protocol[R]):
    """One table of one database. ``columns`` are places in the row."""

    @property
    def row_class(self) -> type[R]: ...

    def insert(self, row: R) -> R: ...

    def find(self, column: int, value: Any) -> R | None: ...

    def update(self, column: int, row: R) -> R: ...

    def delete_unique(self, column: int, value: Any) -> bool: ...

    def delete_row(self, row: R) -> bool: ...

    def filter(
        self, columns: tuple[int, ...], prefix: tuple[Any, ...], range_: Range
    ) -> list[R]: ...

    def delete_filter(
        self, columns: tuple[int, ...], prefix: tuple[Any, ...], range_: Range
    ) -> int: ...

    def clear(self) -> int: ...

    def count(self) -> int: ...

    def iter(self) -> Iterator[R]: ...


class Range:
    """A range of values: at most one lower and one upper end, None where it is open."""

    __slots__ = ("ge", "gt", "le", "lt")

    def __init__(self, ge: Any = None, gt: Any = None, le: Any = None, lt: Any = None) -> None:
        if (ge is not None and gt is not None) or (le is not None and lt is not None):
            raise ValueError("a range has one lower and one upper end")
        self.ge, self.gt, self.le, self.lt = ge, gt, le, lt

    def __bool__(self) -> bool:
        return not (self.ge is self.gt is self.le is self.lt is None)

    def ends(self) -> list[tuple[str, Any]]:
        """The ends that there are, by name."""
        named = (("ge", self.ge), ("gt", self.gt), ("le", self.le), ("lt", self.lt))
        return [(name, value) for name, value in named if value is not None]


class Unique(Generic[R]):
    """A unique column."""

    __slots__ = ("_column", "_store")

    def __init__(self, store: Store[R], column: int) -> None:
        self._store = store
        self._column = column

    def find(self, value: Any) -> R | None:
        """The row with this value, or None."""
        return self._store.find(self._column, value)

    def delete(self, value: Any) -> bool:
        """Delete the row with this value; whether there was one."""
        return self._store.delete_unique(self._column, value)


class PrimaryKey(Unique[R]):
    """The primary key: a unique column by which rows can be replaced."""

    __slots__ = ()

    def update(self, row: R) -> R:
        """Replace the row that has this row's key.

        Raises ``ReducerError`` if there is none, ``UniqueConstraintViolation`` if another unique
        column would clash.
        """
        return self._store.update(self._column, row)

    def insert_or_update(self, row: R) -> R:
        """Replace the row that has this row's key, or insert it."""
        from dataclasses import fields

        key = getattr(row, fields(row)[self._column].name)  # type: ignore[arg-type]  # rows are dataclasses
        if self._store.find(self._column, key) is None:
            return self._store.insert(row)
        return self._store.update(self._column, row)


class IndexHandle(Generic[R]):
    """An index over one or more columns. An ``exact`` one, by hash, finds whole keys only."""

    __slots__ = ("_columns", "_exact", "_store")

    def __init__(self, store: Store[R], columns: tuple[int, ...], exact: bool = False) -> None:
        self._store = store
        self._columns = columns
        self._exact = exact

    def filter(
        self, *prefix: Any, ge: Any = None, gt: Any = None, le: Any = None, lt: Any = None
    ) -> Iterator[R]:
        """Rows whose first columns equal ``prefix``, with a range on the column after them.

        The prefix may be given as one tuple. The rows are those of the moment of the call.
        """
        range_ = Range(ge, gt, le, lt)
        return iter(self._store.filter(self._columns, self._prefix(prefix, range_), range_))

    def delete(
        self, *prefix: Any, ge: Any = None, gt: Any = None, le: Any = None, lt: Any = None
    ) -> int:
        """Delete what ``filter`` would give; how many there were."""
        range_ = Range(ge, gt, le, lt)
        return self._store.delete_filter(self._columns, self._prefix(prefix, range_), range_)

    def _prefix(self, prefix: tuple[Any, ...], range_: Range) -> tuple[Any, ...]:
        values = prefix[0] if len(prefix) == 1 and isinstance(prefix[0], tuple) else prefix
        if len(values) > len(self._columns):
            raise ValueError(f"{len(values)} values for an index of {len(self._columns)} columns")
        if self._exact and (range_ or len(values) < len(self._columns)):
            raise ValueError(
                "a hash index finds whole keys only; use btree for ranges and prefixes"
            )
        return tuple(values)


class Part(Protocol[R]):
    """What a unique column or an index can do, for type checkers, which do not know its name.

    So ``ctx.db[User].identity.find(x)`` is a ``User | None``. That there is such a column, and that
    it is unique, is found when the module is built.
    """

    def find(self, value: Any, /) -> R | None: ...

    def filter(
        self, *prefix: Any, ge: Any = None, gt: Any = None, le: Any = None, lt: Any = None
    ) -> Iterator[R]: ...

    def update(self, row: R, /) -> R: ...

    def insert_or_update(self, row: R, /) -> R: ...

    def delete(
        self, *prefix: Any, ge: Any = None, gt: Any = None, le: Any = None, lt: Any = None
    ) -> int: ...


class TableHandle(Generic[R]):
    """One table. Unique columns and indexes are attributes of the handle."""

    def __init__(
        self,
        store: Store[R],
        primary_key: tuple[str, int] | None,
        uniques: dict[str, int],
        indexes: dict[str, tuple[int, ...]],
        exact: frozenset[str] = frozenset(),
    ) -> None:
        self._store = store
        # Bound once: a reducer that inserts calls the store itself.
        self.insert: Callable[[R], R] = store.insert
        self.count: Callable[[], int] = store.count
        self.clear: Callable[[], int] = store.clear
        self.iter: Callable[[], Iterator[R]] = store.iter
        self.delete: Callable[[R], bool] = store.delete_row
        for name, columns in indexes.items():
            setattr(self, name, IndexHandle(store, columns, name in exact))
        for name, column in uniques.items():
            setattr(self, name, Unique(store, column))
        if primary_key is not None:
            setattr(self, primary_key[0], PrimaryKey(store, primary_key[1]))

    def try_insert(self, row: R) -> R | None:
        """Insert; None instead of an error if a key is taken."""
        try:
            return self._store.insert(row)
        except UniqueConstraintViolation:
            return None

    def __getattr__(self, name: str) -> Part[R]:
        known = [x for x in vars(self) if not x.startswith("_")]
        raise AttributeError(
            f"the table has no column, index or method {name!r}{hint(name, known)}"
        )


def hint(name: str, known: Iterable[str]) -> str:
    """How a sentence about a name that is not there ends: with the one that may be meant."""
    near = get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def only_table(row: type[Any], by_row: dict[type[Any], list[str]], place: str) -> str:
    """The accessor of the one table with this row class. Raises ``SchemaError``."""
    names = by_row.get(row, [])
    if not names:
        raise SchemaError(f"{row.__name__} is not the row of a table")
    if len(names) > 1:
        choice = ", ".join(f"{place}.{name}" for name in names)
        raise SchemaError(f"{row.__name__} is the row of several tables; use one of {choice}")
    return names[0]


class Db:
    """All tables: by accessor, ``db.item``, or by row class, ``db[Item]``."""

    def __init__(self, tables: dict[str, TableHandle[Any]]) -> None:
        self._by_row: dict[type[Any], list[str]] = {}
        self._tables = tables
        for accessor, handle in tables.items():
            setattr(self, accessor, handle)
            self._by_row.setdefault(handle._store.row_class, []).append(accessor)
        self._single = {
            row: tables[names[0]] for row, names in self._by_row.items() if len(names) == 1
        }

    def __getitem__(self, row: type[R]) -> TableHandle[R]:
        try:
            return self._single[row]
        except KeyError:
            pass
        return self._tables[only_table(row, self._by_row, "db")]

    def __getattr__(self, name: str) -> TableHandle[Any]:
        known = self.__dict__.get("_tables", ())
        raise AttributeError(f"there is no table {name!r}{hint(name, known)}")
