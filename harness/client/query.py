"""The queries of generated code: ``from harness.client import query as _q``.

``query.user.where(lambda u: u.online & (u.level > 3))``; see ``harness.wire.query``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.client.names import nearest
from harness.client.schema import Module, Table
from harness.wire.query import AnyQuery as AnyQuery
from harness.wire.query import Col as Col
from harness.wire.query import Column as Column
from harness.wire.query import Condition as Condition
from harness.wire.query import IxCol as IxCol
from harness.wire.query import On as On
from harness.wire.query import Predicate as Predicate
from harness.wire.query import Query as Query
from harness.wire.query import Semijoin as Semijoin
from harness.wire.query import column
from harness.wire.query import comparable as comparable
from harness.wire.query import literal as literal
from harness.wire.query import select_all as select_all


class ColsBase:
    """Base of the generated classes of columns."""

    def __init__(self, module: Module, table: Table) -> None:
        self._table = table.name
        for place, (wire, name, type_) in enumerate(module.columns(table)):
            indexed = place in table.indexed
            setattr(self, name, column(table.name, wire, type_, indexed=indexed))

    if not TYPE_CHECKING:  # a type checker must not believe in every name

        def __getattr__(self, name: str) -> Any:
            table = self.__dict__.get("_table", "?")
            raise AttributeError(nearest(f"column of {table!r}", name, vars(self)))


class QueryBase:
    """Base of the generated ``Query``: a query for each table, made when it is first used.

    Those of submodules are in an object of their own.
    """

    def __init__(
        self, module: Module, cols: dict[str, type[ColsBase]],
        submodules: Mapping[str, QueryBase] | None = None,
    ) -> None:  # fmt: skip
        self._module = module
        self._cols = cols
        self._tables = {x.accessor: x for x in module.tables if x.accessor in cols}
        for name, query in (submodules or {}).items():
            setattr(self, name, query)

    if not TYPE_CHECKING:  # a type checker must not believe in every name

        def __getattr__(self, name: str) -> Any:
            table = self.__dict__.get("_tables", {}).get(name)
            if table is None:
                raise AttributeError(nearest("table", name, self.__dict__.get("_tables", ())))
            columns = self._cols[name](self._module, table)
            return self.__dict__.setdefault(name, Query(table.name, columns, None, table.event))
