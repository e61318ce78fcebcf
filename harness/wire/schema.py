"""Module definitions: the tables, reducers and types of a database, as one model.

Both served forms, V9 and V10, are read into this model and written from it. ``name`` is always the
canonical name, the one on the wire and in SQL; ``accessor`` is the one that code generation uses.

Source: `crates/lib/src/db/raw_def/{v9,v10}.rs` of SpacetimeDB 1.2.0 and 2.8.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeGuard

from harness.errors import SchemaError
from harness.wire import types as t


class IndexAlgorithm(Enum):
    BTREE = "BTree"
    HASH = "Hash"
    DIRECT = "Direct"


class Lifecycle(Enum):
    INIT = "Init"
    ON_CONNECT = "OnConnect"
    ON_DISCONNECT = "OnDisconnect"


@dataclass(frozen=True, slots=True)
class IndexDef:
    """``accessor`` None marks an index that the system made: no code is generated for it."""

    name: str
    accessor: str | None
    algorithm: IndexAlgorithm
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UniqueDef:
    name: str
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SequenceDef:
    """An auto-increment column; None means the default bound."""

    name: str
    column: int
    start: int | None = None
    min_value: int | None = None
    max_value: int | None = None
    increment: int = 1


@dataclass(frozen=True, slots=True)
class ScheduleDef:
    name: str
    table: str
    column: int
    function: str


@dataclass(frozen=True, slots=True)
class DefaultValue:
    """The BSATN value that a column gets when a migration adds it."""

    column: int
    value: bytes


@dataclass(frozen=True, slots=True)
class TableDef:
    """``row`` is the typespace index of the row's product."""

    name: str
    accessor: str
    row: int
    primary_key: int | None = None
    indexes: tuple[IndexDef, ...] = ()
    uniques: tuple[UniqueDef, ...] = ()
    sequences: tuple[SequenceDef, ...] = ()
    schedule: ScheduleDef | None = None
    public: bool = False
    system: bool = False
    event: bool = False
    defaults: tuple[DefaultValue, ...] = ()

    def unique_columns(self) -> tuple[int, ...]:
        """Columns that are unique by themselves, the primary key first."""
        single = [unique.columns[0] for unique in self.uniques if len(unique.columns) == 1]
        if self.primary_key is not None:
            single = [self.primary_key, *(c for c in single if c != self.primary_key)]
        return tuple(single)

    def found_by(self) -> frozenset[int]:
        """The columns by whose values rows are found without going through all of them."""
        leading = {index.columns[0] for index in self.indexes if index.columns}
        return frozenset(leading | set(self.unique_columns()))


@dataclass(frozen=True, slots=True)
class ReducerDef:
    """``params`` is the product of the arguments, each with a name."""

    name: str
    accessor: str
    params: t.Product
    lifecycle: Lifecycle | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class ProcedureDef:
    name: str
    accessor: str
    params: t.Product
    returns: t.Type
    private: bool = False


@dataclass(frozen=True, slots=True)
class ViewDef:
    name: str
    accessor: str
    index: int
    public: bool
    anonymous: bool
    params: t.Product
    returns: t.Type
    primary_key: tuple[str, ...] = ()


#: The one field of the type that stands for a query of rows.
_QUERY = "__query__"


def query_of(row: t.Ref) -> t.Product:
    """What a view returns that returns a query."""
    return t.Product((t.Element(_QUERY, row),))


def is_query(type_: t.Type) -> TypeGuard[t.Product]:
    """Whether a resolved type is that of a query."""
    return isinstance(type_, t.Product) and [x.name for x in type_.elements] == [_QUERY]


@dataclass(frozen=True, slots=True)
class TypeDef:
    """A name for the type at a typespace index."""

    scope: tuple[str, ...]
    name: str
    type: int


@dataclass(frozen=True, slots=True)
class Submodule:
    """A module inside another one. Its names are its own: on the wire each is ``namespace.name``,
    with the namespaces of all modules around it, the outermost first."""

    namespace: str
    module: ModuleDef


@dataclass(frozen=True, slots=True)
class ModuleDef:
    """Everything that a module declares."""

    typespace: t.Typespace
    tables: tuple[TableDef, ...] = ()
    reducers: tuple[ReducerDef, ...] = ()
    types: tuple[TypeDef, ...] = ()
    procedures: tuple[ProcedureDef, ...] = ()
    views: tuple[ViewDef, ...] = ()
    row_level_security: tuple[str, ...] = ()
    submodules: tuple[Submodule, ...] = ()

    def table(self, name: str) -> TableDef:
        """Raises ``SchemaError`` if there is none of this name."""
        for table in self.tables:
            if table.name == name:
                return table
        raise SchemaError(f"no table is named {name!r}")

    def reducer(self, name: str) -> ReducerDef:
        """Raises ``SchemaError`` if there is none of this name."""
        for reducer in self.reducers:
            if reducer.name == name:
                return reducer
        raise SchemaError(f"no reducer is named {name!r}")

    def view_table(self, view: ViewDef) -> TableDef:
        """A view as the table that it looks like. Raises ``SchemaError`` if it returns no rows."""
        row = self.view_row(view)
        if row is None:
            raise SchemaError(f"the view {view.name!r} returns no rows with a type of their own")
        key = None
        columns = self.view_key(view)
        product = self.typespace.resolve(t.Ref(row))
        if len(columns) == 1 and isinstance(product, t.Product):
            names = [element.name for element in product.elements]
            key = names.index(columns[0]) if columns[0] in names else None
        return TableDef(view.name, view.accessor, row, key, public=view.public)

    def view_row(self, view: ViewDef) -> int | None:
        """The place of the type of a view's rows: it returns a list, an option, or a query."""
        returned = self.typespace.resolve(view.returns)
        row: t.Type | None = t.option_payload(returned)
        if isinstance(returned, t.Array):
            row = returned.element
        elif is_query(returned):
            row = returned.elements[0].type
        return row.index if isinstance(row, t.Ref) else None

    def view_key(self, view: ViewDef) -> tuple[str, ...]:
        """The columns of a view's primary key: its own, or for a query that of the row's table.

        A query has none if tables with the row's type differ in theirs.
        """
        row = self.view_row(view)
        if view.primary_key or row is None or not is_query(self.typespace.resolve(view.returns)):
            return view.primary_key
        keys = {x.primary_key for x in self.tables if x.row == row and x.primary_key is not None}
        if len(keys) != 1:
            return ()
        name = self.row_type(TableDef("", "", row)).elements[keys.pop()].name
        return () if name is None else (name,)

    def row_type(self, table: TableDef) -> t.Product:
        """The product of a table's rows."""
        row = self.typespace.resolve(t.Ref(table.row))
        if not isinstance(row, t.Product):
            raise SchemaError(f"the rows of table {table.name!r} are not a product")
        return row
