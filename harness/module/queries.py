"""Queries that a view returns instead of rows: the server runs them and keeps their result up.

    @view(public=True)
    def adults_online(ctx: AnonymousViewContext) -> Query[User]:
        return ctx.from_[User].where(lambda u: u.online & (u.age >= 18))

To a type checker ``u`` is a row, so that it knows the columns and their types. What runs is given
columns, and writes down what is done with them: only what SQL can do is possible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from harness.errors import SchemaError
from harness.module.handles import hint, only_table
from harness.wire import query as q

_Made: TypeAlias = "q.Query[Any, Columns] | q.Semijoin[Any, Columns]"

R = TypeVar("R")
Other = TypeVar("Other")


class Columns:
    """The columns of one table, by the names of its row's fields."""

    def __init__(self, table: str, columns: dict[str, q.Column[Any, Any]]) -> None:
        self._of = table
        for name, column in columns.items():
            setattr(self, name, column)

    def __getattr__(self, name: str) -> Any:
        known = [x for x in vars(self) if x != "_of"]
        raise AttributeError(f"table {self._of!r} has no column {name!r}{hint(name, known)}")


class Query(Generic[R]):
    """Rows of one table, from ``ctx.from_``: all, those with a condition, those with partners.

    Conditions compare columns with values: ``== != < <= > >=``, or ``eq``, ``ne``, ``lt``, ``lte``,
    ``gt``, ``gte``; they are combined with ``&``, ``|`` and ``~``. Columns of options, lists, enums
    and products cannot be compared.
    """

    __slots__ = ("_made", "row")

    def __init__(self, row: type[R], made: _Made) -> None:
        #: The class of its rows.
        self.row = row
        self._made = made

    def where(self, condition: Callable[[R], int]) -> Query[R]:
        """Only rows with this condition as well: ``lambda u: u.online & (u.age >= 18)``.

        Raises ``TypeError`` or ``ValueError`` for what SQL cannot compare.
        """
        return Query(self.row, self._made.where(condition))  # type: ignore[arg-type]  # it is given columns

    filter = where

    def left_semijoin(self, other: Query[Other], on: Callable[[R, Other], bool]) -> Query[R]:
        """Rows for which there is a row of ``other``; each stands in the result once.

        ``ctx.from_[Player].left_semijoin(ctx.from_[Level], lambda p, l: p.level_id == l.id)``. Both
        columns need an index. Raises ``TypeError`` for a table with itself, and a join of joins.
        """
        mine, theirs = self._single(), other._single()
        return Query(self.row, mine.left_semijoin(theirs, on))  # type: ignore[arg-type]  # columns

    def right_semijoin(self, other: Query[Other], on: Callable[[R, Other], bool]) -> Query[Other]:
        """Rows of ``other`` for which there is one of these."""
        mine, theirs = self._single(), other._single()
        return Query(other.row, mine.right_semijoin(theirs, on))  # type: ignore[arg-type]  # columns

    def to_sql(self) -> str:
        """The text that the server runs."""
        return self._made.to_sql()

    def __repr__(self) -> str:
        return f"<{self.to_sql()}>"

    def __iter__(self) -> Any:
        raise TypeError("a query has no rows yet: return it, and the server runs it")

    def _single(self) -> q.Query[Any, Columns]:
        if isinstance(self._made, q.Semijoin):
            raise TypeError("a query joins two tables at the most")
        return self._made


@dataclass(frozen=True, slots=True)
class Source:
    """A table as queries are made of it. ``columns`` gives them by the names of fields."""

    name: str
    row: type[Any]
    event: bool
    columns: Callable[[], dict[str, q.Column[Any, Any]]]


class From:
    """All tables as queries: by accessor, ``from_.item``, or by row class, ``from_[Item]``."""

    def __init__(self, sources: dict[str, Source]) -> None:
        self._sources = sources
        self._by_row: dict[type[Any], list[str]] = {}
        for accessor, source in sources.items():
            self._by_row.setdefault(source.row, []).append(accessor)

    def __getitem__(self, row: type[R]) -> Query[R]:
        found: Query[R] = getattr(self, only_table(row, self._by_row, "from_"))
        return found

    def __getattr__(self, name: str) -> Any:
        sources = self.__dict__.get("_sources", {})
        source = sources.get(name)
        if source is None:
            raise AttributeError(f"there is no table {name!r}{hint(name, sources)}")
        if source.event:
            raise SchemaError(
                f"table {source.name!r} has event rows, which are never kept: no view can query it"
            )
        columns = Columns(source.name, source.columns())
        made: q.Query[Any, Columns] = q.Query(source.name, columns)
        return self.__dict__.setdefault(name, Query(source.row, made))
