"""A compiled module, put together with storage: its tables, its handles, its reducers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.module.definition import Compiled
from harness.module.handles import Db, TableHandle
from harness.module.queries import From, Source
from harness.module.reading import ReadDb, Reads, ReadTable
from harness.server.engine import Engine
from harness.server.storage import TableStore
from harness.wire import codec as codecs
from harness.wire import types as t
from harness.wire.query import Column, column
from harness.wire.schema import IndexAlgorithm, Lifecycle, ModuleDef, TableDef, is_query


@dataclass(frozen=True, slots=True)
class Runnable:
    """A reducer, ready to be called."""

    name: str
    function: Callable[..., None]
    arguments: codecs.Codec
    private: bool
    lifecycle: Lifecycle | None


def make_runnables(compiled: Compiled) -> dict[str, Runnable]:
    """The module's reducers by name."""
    definition = compiled.definition
    return {
        reducer.name: Runnable(
            reducer.name,
            compiled.functions[reducer.name],
            codecs.compile(reducer.params, definition.typespace, compiled.bindings),
            reducer.private,
            reducer.lifecycle,
        )
        for reducer in definition.reducers
    }


@dataclass(frozen=True, slots=True)
class RunnableView:
    """A view, ready to be evaluated; ``row`` encodes one of its rows.

    ``queried`` is the class of the rows if it returns a query of them.
    """

    name: str
    function: Callable[..., Any]
    anonymous: bool
    row: codecs.Codec
    queried: Any


@dataclass(frozen=True, slots=True)
class RunnableProcedure:
    """A procedure, ready to be called."""

    name: str
    function: Callable[..., Any]
    arguments: codecs.Codec
    returns: codecs.Codec
    is_async: bool
    is_unit: bool
    private: bool

    def encoded(self, value: Any) -> bytes:
        """What it has returned. Raises ``EncodeError`` if that does not fit."""
        # Python's functions return None where the type is the empty product.
        return self.returns.encode(() if self.is_unit and value is None else value)


def make_views(compiled: Compiled) -> dict[str, RunnableView]:
    """The module's views by name."""
    definition = compiled.definition
    return {
        view.name: RunnableView(
            view.name,
            compiled.functions[view.name],
            view.anonymous,
            codecs.compile(t.Ref(table.row), definition.typespace, compiled.bindings),
            compiled.bindings[table.row] if is_query(view.returns) else None,
        )
        for view in definition.views
        for table in [definition.view_table(view)]
    }


def make_procedures(compiled: Compiled) -> dict[str, RunnableProcedure]:
    """The module's procedures by name."""
    space, bindings = compiled.definition.typespace, compiled.bindings
    return {
        procedure.name: RunnableProcedure(
            procedure.name,
            compiled.functions[procedure.name],
            codecs.compile(procedure.params, space, bindings),
            codecs.compile(procedure.returns, space, bindings),
            inspect.iscoroutinefunction(compiled.functions[procedure.name]),
            procedure.returns == t.UNIT,
            procedure.private,
        )
        for procedure in compiled.definition.procedures
    }


def make_stores(compiled: Compiled, engine: Engine) -> dict[str, TableStore]:
    """The module's tables by name."""
    definition = compiled.definition
    space = definition.typespace
    stores = {}
    for table in definition.tables:
        row = definition.row_type(table)
        types = tuple(space.resolve(element.type) for element in row.elements)
        codec = codecs.compile(t.Ref(table.row), space, compiled.bindings)
        stores[table.name] = TableStore(engine, table, row, types, compiled.rows[table.name], codec)
    return stores


def make_handles(stores: dict[str, TableStore]) -> Db:
    """What reducers find under ``ctx.db``."""
    return Db({store.definition.accessor: _handle(store) for store in stores.values()})


def make_readers(stores: dict[str, TableStore], tables: Db, reads: Reads) -> ReadDb:
    """What views find under ``ctx.db``."""
    names = {store.definition.accessor: name for name, store in stores.items()}
    return ReadDb({a: ReadTable(name, getattr(tables, a), reads) for a, name in names.items()})


def make_from(definition: ModuleDef, stores: dict[str, TableStore]) -> From:
    """What views find under ``ctx.from_``; columns are made for the tables that are asked for."""
    return From(
        {
            store.definition.accessor: Source(
                store.definition.name,
                store.row_class,
                store.definition.event,
                partial(_columns, definition, store),
            )
            for store in stores.values()
        }
    )


def _columns(definition: ModuleDef, store: TableStore) -> dict[str, Column[Any, Any]]:
    table = store.definition
    indexed = table.found_by()
    return {
        store.attribute(place): column(
            table.name,
            element.name or "",
            definition.typespace.resolve(element.type),
            indexed=place in indexed,
        )
        for place, element in enumerate(definition.row_type(table).elements)
    }


def _handle(store: TableStore) -> TableHandle[Any]:
    table: TableDef = store.definition
    uniques = {store.attribute(column): column for column in table.unique_columns()}
    found = {index.accessor: index for index in table.indexes if index.accessor is not None}
    indexes = {accessor: index.columns for accessor, index in found.items()}
    hashes = frozenset(a for a, index in found.items() if index.algorithm is IndexAlgorithm.HASH)
    primary = table.primary_key
    key = None if primary is None else (store.attribute(primary), primary)
    return TableHandle(store, key, uniques, indexes, hashes)
