"""A compiled module, put together with storage: its tables, its handles, its reducers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.module.definition import Compiled
from harness.module.handles import Db, TableHandle
from harness.server.engine import Engine
from harness.server.storage import TableStore
from harness.wire import codec as codecs
from harness.wire import types as t
from harness.wire.schema import IndexAlgorithm, Lifecycle, TableDef


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


def _handle(store: TableStore) -> TableHandle[Any]:
    table: TableDef = store.definition
    uniques = {store.attribute(column): column for column in table.unique_columns()}
    found = {index.accessor: index for index in table.indexes if index.accessor is not None}
    indexes = {accessor: index.columns for accessor, index in found.items()}
    hashes = frozenset(a for a, index in found.items() if index.algorithm is IndexAlgorithm.HASH)
    primary = table.primary_key
    key = None if primary is None else (store.attribute(primary), primary)
    return TableHandle(store, key, uniques, indexes, hashes)
