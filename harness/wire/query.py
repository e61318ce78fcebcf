"""Conditions and queries written in Python → the SQL that servers take.

``user.where(lambda u: u.online & (u.level > 3)).to_sql()``. The text is that of the official query
builders. Clients subscribe to such queries, and views return them.

Source: `crates/bindings-typescript/src/lib/query.ts` of SpacetimeDB 2.8.3.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeAlias, TypeVar, overload

from harness.wire import types as t
from harness.wire.values import ConnectionId, Identity, Timestamp

Row = TypeVar("Row")
Other = TypeVar("Other")
Value = TypeVar("Value")
Cols = TypeVar("Cols")
OtherCols = TypeVar("OtherCols")


class Predicate(Generic[Row]):
    """A condition on rows of one table. Combine them with ``&``, ``|`` and ``~``."""

    __slots__ = ("_sql",)

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def __repr__(self) -> str:
        return f"<{self._sql}>"

    def to_sql(self) -> str:
        """As it stands behind WHERE."""
        return self._sql

    def __and__(self, other: Condition[Row]) -> Predicate[Row]:
        return Predicate(f"({self._sql}) AND ({_condition(other)})")

    def __or__(self, other: Condition[Row]) -> Predicate[Row]:
        return Predicate(f"({self._sql}) OR ({_condition(other)})")

    def __rand__(self, other: bool) -> Predicate[Row]:
        return Predicate(f"({_condition(other)}) AND ({self._sql})")

    def __ror__(self, other: bool) -> Predicate[Row]:
        return Predicate(f"({_condition(other)}) OR ({self._sql})")

    def __invert__(self) -> Predicate[Row]:
        return Predicate(f"NOT ({self._sql})")

    def __bool__(self) -> NoReturn:
        raise _no_truth()


class Column(Generic[Row, Value]):
    """A column that cannot be compared in SQL: of options, arrays, products, payload sums …"""

    __slots__ = ("_name", "_read", "_sql", "_table")

    def __init__(self, table: str, name: str, type_: t.Type) -> None:
        self._table = table
        self._name = name
        self._sql = f"{_quoted(table)}.{_quoted(name)}"
        self._read = type_

    def __repr__(self) -> str:
        return f"<{self._sql}>"

    def __bool__(self) -> NoReturn:
        raise _no_truth()

    if not TYPE_CHECKING:  # to a type checker it is a comparison of objects: no condition
        # Python would compare the objects, and the query would filter nothing.
        def __eq__(self, other: object) -> NoReturn:
            raise TypeError(
                f"{self._sql} cannot be compared in SQL: options, enums, sums, lists and products "
                "have no operators there; choose rows by other columns"
            )

        __ne__ = __eq__

    __hash__ = object.__hash__


class Col(Column[Row, Value]):
    """A column that can be compared with a value, or with another column of its table."""

    __slots__ = ()

    def _compare(self, sign: str, other: Any) -> Predicate[Row]:
        return Predicate(f"{self._sql} {sign} {self._operand(other)}")

    def _operand(self, other: Any) -> str:
        if isinstance(other, Column):
            return other._sql
        return literal(other, self._read, self._sql)

    def eq(self, other: Value | Col[Row, Value]) -> Predicate[Row]:
        """``column = other``."""
        return self._compare("=", other)

    def ne(self, other: Value | Col[Row, Value]) -> Predicate[Row]:
        """``column <> other``."""
        return self._compare("<>", other)

    def lt(self, other: Value | Col[Row, Value]) -> Predicate[Row]:
        """``column < other``."""
        return self._compare("<", other)

    def lte(self, other: Value | Col[Row, Value]) -> Predicate[Row]:
        """``column <= other``."""
        return self._compare("<=", other)

    def gt(self, other: Value | Col[Row, Value]) -> Predicate[Row]:
        """``column > other``."""
        return self._compare(">", other)

    def gte(self, other: Value | Col[Row, Value]) -> Predicate[Row]:
        """``column >= other``."""
        return self._compare(">=", other)

    if TYPE_CHECKING:

        def __eq__(self, other: Value | Col[Row, Value]) -> Predicate[Row]: ...  # type: ignore[override]  # not a comparison of objects

        def __ne__(self, other: Value | Col[Row, Value]) -> Predicate[Row]: ...  # type: ignore[override]  # not a comparison of objects

        def __lt__(self, other: Value | Col[Row, Value]) -> Predicate[Row]: ...

        def __le__(self, other: Value | Col[Row, Value]) -> Predicate[Row]: ...

        def __gt__(self, other: Value | Col[Row, Value]) -> Predicate[Row]: ...

        def __ge__(self, other: Value | Col[Row, Value]) -> Predicate[Row]: ...

    else:
        __eq__, __ne__, __lt__, __le__, __gt__, __ge__ = eq, ne, lt, lte, gt, gte

    __hash__ = object.__hash__

    def __and__(self: Col[Row, bool], other: Condition[Row]) -> Predicate[Row]:
        return Predicate[Row](_condition(self)) & other

    def __or__(self: Col[Row, bool], other: Condition[Row]) -> Predicate[Row]:
        return Predicate[Row](_condition(self)) | other

    def __rand__(self: Col[Row, bool], other: bool) -> Predicate[Row]:
        return other & Predicate[Row](_condition(self))

    def __ror__(self: Col[Row, bool], other: bool) -> Predicate[Row]:
        return other | Predicate[Row](_condition(self))

    def __invert__(self: Col[Row, bool]) -> Predicate[Row]:
        return ~Predicate[Row](_condition(self))


class IxCol(Col[Row, Value]):
    """A column with an index, by which tables can be joined."""

    __slots__ = ()

    def joins(self, other: IxCol[Other, Value]) -> On[Row, Other]:
        """``column = other`` of another table, for a semijoin; ``eq`` does the same there."""
        return On(f"{self._sql} = {other._sql}")

    @overload
    def eq(self, other: Value | Col[Row, Value]) -> Predicate[Row]: ...

    @overload
    def eq(self, other: IxCol[Other, Value]) -> On[Row, Other]: ...

    def eq(self, other: Any) -> Any:
        """``column = other``: with a value, with a column, or with one of another table."""
        if isinstance(other, IxCol) and other._table != self._table:
            return self.joins(other)
        return self._compare("=", other)

    if not TYPE_CHECKING:
        __eq__ = eq
        __hash__ = object.__hash__


#: Not any ``bool``: that is what Python makes of a column beside a value of another type.
Condition: TypeAlias = "Predicate[Row] | Col[Row, bool] | Literal[True]"


class On(Generic[Row, Other]):
    """By what two tables are joined."""

    __slots__ = ("_sql",)

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def __bool__(self) -> NoReturn:
        raise _no_truth()


# --- queries --------------------------------------------------------------------------------------


class AnyQuery:
    """What can be subscribed to."""

    __slots__ = ()

    def to_sql(self) -> str:
        """The text that the server gets."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{self.to_sql()}>"


class Query(AnyQuery, Generic[Row, Cols]):
    """Rows of a table, all or those with a condition."""

    __slots__ = ("_cols", "_event", "_name", "_where")

    def __init__(
        self, name: str, cols: Cols, where: str | None = None, event: bool = False
    ) -> None:
        self._name = name
        self._cols = cols
        self._where = where
        self._event = event

    def where(self, condition: Callable[[Cols], Condition[Row]]) -> Query[Row, Cols]:
        """Only rows with this condition as well: ``query.user.where(lambda u: u.online)``."""
        found = _condition(condition(self._cols))
        both = found if self._where is None else f"({self._where}) AND ({found})"
        return Query(self._name, self._cols, both, self._event)

    filter = where

    def left_semijoin(
        self, other: Query[Other, OtherCols], on: Callable[[Cols, OtherCols], On[Row, Other]]
    ) -> Semijoin[Row, Cols]:
        """Rows of this table for which there are rows of ``other``.

        ``query.player.left_semijoin(query.level, lambda p, l: p.level_id.eq(l.id))``. Both columns
        need an index. Raises ``TypeError`` for a table with itself, or with event rows.
        """
        return Semijoin(self, _joinable(other), on(self._cols, other._cols))

    def right_semijoin(
        self, other: Query[Other, OtherCols], on: Callable[[Cols, OtherCols], On[Row, Other]]
    ) -> Semijoin[Other, OtherCols]:
        """Rows of ``other`` for which there are rows of this table."""
        return Semijoin(_joinable(other), self, on(self._cols, other._cols))

    def to_sql(self) -> str:
        everything = select_all(self._name)
        return everything if self._where is None else f"{everything} WHERE {self._where}"


class Semijoin(AnyQuery, Generic[Row, Cols]):
    """Rows of a table for which there are rows of another one."""

    __slots__ = ("_by", "_on", "_rows")

    def __init__(self, rows: Query[Row, Cols], by: Query[Any, Any], on: Any) -> None:
        if rows._name == by._name:
            raise TypeError(f"table {rows._name!r} cannot be joined with itself")
        if not isinstance(on, On):
            raise TypeError("tables are joined by lambda a, b: a.column.eq(b.column), both indexed")
        self._rows = rows
        self._by = by
        self._on = on

    def where(self, condition: Callable[[Cols], Condition[Row]]) -> Semijoin[Row, Cols]:
        """Only rows with this condition as well."""
        return Semijoin(self._rows.where(condition), self._by, self._on)

    filter = where

    def to_sql(self) -> str:
        rows, by = _quoted(self._rows._name), _quoted(self._by._name)
        on = self._on._sql
        sql = f"SELECT {rows}.* FROM {by} JOIN {rows} ON {on}"  # noqa: S608  (names are quoted)
        parts = [part for part in (self._by._where, self._rows._where) if part is not None]
        if len(parts) > 1:
            parts = [f"({part})" for part in parts]
        return f"{sql} WHERE {' AND '.join(parts)}" if parts else sql


def select_all(table: str) -> str:
    """All rows of a table."""
    return f"SELECT * FROM {_quoted(table)}"  # noqa: S608  (the name is quoted)


def _joinable(query: Query[Row, Cols]) -> Query[Row, Cols]:
    if query._event:
        raise TypeError(f"table {query._name!r} has event rows: nothing can be joined with them")
    return query


def column(table: str, name: str, type_: t.Type, *, indexed: bool) -> Column[Any, Any]:
    """A column of a table, as what can be done with it: nothing, comparing, or joining as well."""
    kind: type[Column[Any, Any]] = Column
    if comparable(type_):
        kind = IxCol if indexed else Col
    return kind(table, name, type_)


# --- text -----------------------------------------------------------------------------------------


def comparable(type_: t.Type) -> bool:
    """Whether SQL can compare a column of this type with a literal."""
    special = (t.IDENTITY, t.CONNECTION_ID, t.UUID, t.TIMESTAMP, t.BYTES)
    return isinstance(type_, t.Scalar) or type_ in special


def literal(value: object, type_: t.Type, where: str) -> str:
    """A value as SQL. Raises ``TypeError`` or ``ValueError`` for one that no such column has."""
    wanted = _KINDS.get(type_)
    if wanted is None or isinstance(value, bool) is not (wanted is bool):
        found = False
    else:
        found = isinstance(value, wanted)
    if not found:
        raise TypeError(f"{where} cannot be compared with {value!r}")
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, Identity | ConnectionId):
        return f"0x{value.to_hex()}"
    if isinstance(value, uuid.UUID):
        return f"0x{value.hex}"
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, Timestamp):
        return _instant(value, where)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: SQL has no literal for {value!r}")
    return repr(value)


def _instant(value: Timestamp, where: str) -> str:
    try:
        when = value.to_datetime()
    except OverflowError:
        raise ValueError(
            f"{where}: SQL has no literal for {value!r}, which is outside of the years 1 to 9999"
        ) from None
    # Not strftime: its %Y has no zeros in front of early years.
    return f"'{when.replace(tzinfo=None).isoformat(timespec='microseconds')}Z'"


_KINDS: dict[t.Type, Any] = {
    **{t.Scalar(kind): int for kind in t.INTEGERS},
    t.F32: (int, float), t.F64: (int, float),
    t.BOOL: bool, t.STRING: str, t.BYTES: bytes,
    t.IDENTITY: Identity, t.CONNECTION_ID: ConnectionId, t.UUID: uuid.UUID,
    t.TIMESTAMP: Timestamp,
}  # fmt: skip


def _condition(value: object) -> str:
    if isinstance(value, Predicate):
        return value._sql
    if isinstance(value, bool):
        return f"{'TRUE' if value else 'FALSE'} = TRUE"
    if isinstance(value, On):
        raise TypeError("a column of another table stands only in a semijoin")
    if isinstance(value, Col) and value._read == t.BOOL:
        return f"{value._sql} = TRUE"
    raise TypeError(f"{value!r} is no condition; write one such as u.level > 3")


def _quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def _no_truth() -> TypeError:
    return TypeError(
        "a condition has no truth value here: use & | ~ and parentheses instead of and, or, not "
        "and chained comparisons"
    )
