"""The model of a module ⇄ the raw definition V9.

V9 has no place for accessors of tables and functions, event tables, visibility and keys of views:
they are lost in it, and read as their defaults.
"""

from __future__ import annotations

from typing import Any

from harness.errors import SchemaError
from harness.wire import schema as s
from harness.wire import schema_raw as raw
from harness.wire import types as t
from harness.wire.schema_types import from_raw, product_from_raw, product_to_raw, to_raw

_ALGORITHMS: dict[Any, s.IndexAlgorithm] = {
    raw.BTree: s.IndexAlgorithm.BTREE,
    raw.Hash: s.IndexAlgorithm.HASH,
    raw.Direct: s.IndexAlgorithm.DIRECT,
}


def to_v9(module: s.ModuleDef) -> raw.ModuleV9:
    """Tables sorted by name, as servers send them; reducers in the order of their ids."""
    tables = sorted(module.tables, key=lambda table: table.name)
    misc: list[raw.MiscExport] = [
        raw.ColumnDefaultValue(table.name, default.column, default.value)
        for table in tables
        for default in table.defaults
    ]
    misc += [
        raw.ProcedureV9(x.name, product_to_raw(x.params), to_raw(x.returns))
        for x in module.procedures
    ]
    misc += [
        raw.ViewV9(
            x.name, x.index, x.public, x.anonymous, product_to_raw(x.params), to_raw(x.returns)
        )
        for x in module.views
    ]
    return raw.ModuleV9(
        raw.Typespace([to_raw(x) for x in module.typespace.types]),
        [_table(table) for table in tables],
        [raw.ReducerV9(x.name, product_to_raw(x.params), x.lifecycle) for x in module.reducers],
        [raw.TypeV9(raw.ScopedNameV9(list(x.scope), x.name), x.type, True) for x in module.types],
        misc,
        [raw.RowLevelSecurity(sql) for sql in module.row_level_security],
    )


def _table(table: s.TableDef) -> raw.TableV9:
    schedule = table.schedule
    return raw.TableV9(
        table.name,
        table.row,
        [] if table.primary_key is None else [table.primary_key],
        [raw.IndexV9(x.name, x.accessor, algorithm_to_raw(x)) for x in table.indexes],
        [raw.ConstraintV9(x.name, raw.Unique(list(x.columns))) for x in table.uniques],
        [
            raw.SequenceV9(x.name, x.column, x.start, x.min_value, x.max_value, x.increment)
            for x in table.sequences
        ],
        raw.ScheduleV9(schedule.name, schedule.function, schedule.column) if schedule else None,
        raw.TableType.SYSTEM if table.system else raw.TableType.USER,
        raw.TableAccess.PUBLIC if table.public else raw.TableAccess.PRIVATE,
    )


def algorithm_to_raw(index: s.IndexDef) -> raw.Algorithm:
    """Raises ``SchemaError`` for a direct index over several columns."""
    match index.algorithm:
        case s.IndexAlgorithm.BTREE:
            return raw.BTree(list(index.columns))
        case s.IndexAlgorithm.HASH:
            return raw.Hash(list(index.columns))
        case s.IndexAlgorithm.DIRECT:
            if len(index.columns) != 1:
                raise SchemaError(f"the direct index {index.name!r} needs exactly one column")
            return raw.Direct(index.columns[0])


def from_v9(module: raw.ModuleV9) -> s.ModuleDef:
    """Raises ``SchemaError`` for columns and rows that are not there."""
    typespace = t.Typespace(tuple(from_raw(x) for x in module.typespace.types))
    defaults: dict[str, list[s.DefaultValue]] = {}
    procedures: list[s.ProcedureDef] = []
    views: list[s.ViewDef] = []
    for x in module.misc_exports:
        if isinstance(x, raw.ColumnDefaultValue):
            defaults.setdefault(x.table, []).append(s.DefaultValue(x.col_id, x.value))
        elif isinstance(x, raw.ProcedureV9):
            params = product_from_raw(x.params)
            procedures.append(s.ProcedureDef(x.name, x.name, params, from_raw(x.return_type)))
        else:
            views.append(view(x, x.name, x.name))
    tables = []
    for table in module.tables:
        parts = TableParts(typespace, table.product_type_ref, table.name)
        tables.append(
            s.TableDef(
                table.name,
                table.name,
                table.product_type_ref,
                parts.primary_key(table.primary_key),
                tuple(parts.index(x.name, x) for x in table.indexes),
                tuple(parts.unique(x.name, x) for x in table.constraints),
                tuple(parts.sequence(x.name, x) for x in table.sequences),
                _schedule(table),
                table.table_access is raw.TableAccess.PUBLIC,
                table.table_type is raw.TableType.SYSTEM,
                False,
                tuple(defaults.get(table.name, ())),
            )
        )
    return s.ModuleDef(
        typespace,
        tuple(tables),
        tuple(
            s.ReducerDef(x.name, x.name, product_from_raw(x.params), x.lifecycle)
            for x in module.reducers
        ),
        tuple(s.TypeDef(tuple(x.name.scope), x.name.name, x.ty) for x in module.types),
        tuple(procedures),
        tuple(views),
        tuple(x.sql for x in module.row_level_security),
    )


def _schedule(table: raw.TableV9) -> s.ScheduleDef | None:
    x = table.schedule
    if x is None:
        return None
    name = x.name or f"{table.name}_sched"
    return s.ScheduleDef(name, table.name, x.scheduled_at_column, x.reducer_name)


def view(x: Any, name: str, accessor: str, primary_key: tuple[str, ...] = ()) -> s.ViewDef:
    return s.ViewDef(
        name, accessor, x.index, x.is_public, x.is_anonymous, product_from_raw(x.params),
        from_raw(x.return_type), primary_key,
    )  # fmt: skip


class TableParts:
    """Reads what a table is made of, and names what has no name as the server would."""

    def __init__(self, typespace: t.Typespace, row: int, table: str) -> None:
        resolved = typespace.resolve(t.Ref(row))
        if not isinstance(resolved, t.Product):
            raise SchemaError(f"the rows of table {table!r} are not a product")
        self._table = table
        self._columns = [element.name or str(i) for i, element in enumerate(resolved.elements)]

    def _name(self, columns: list[int], ending: str) -> str:
        return "_".join([self._table, *(self._columns[column] for column in columns), ending])

    def _check(self, columns: list[int]) -> tuple[int, ...]:
        for column in columns:
            if column >= len(self._columns):
                raise SchemaError(
                    f"table {self._table!r} has {len(self._columns)} columns, none is {column}"
                )
        return tuple(columns)

    def primary_key(self, columns: list[int]) -> int | None:
        if len(columns) > 1:
            raise SchemaError(f"table {self._table!r} has a primary key of several columns")
        return self._check(columns)[0] if columns else None

    def index(self, name: str | None, x: Any) -> s.IndexDef:
        algorithm = _ALGORITHMS[type(x.algorithm)]
        direct = isinstance(x.algorithm, raw.Direct)
        columns = [x.algorithm.column] if direct else x.algorithm.columns
        self._check(columns)
        found = name or self._name(columns, f"idx_{algorithm.value.lower()}")
        return s.IndexDef(found, x.accessor_name, algorithm, tuple(columns))

    def unique(self, name: str | None, x: Any) -> s.UniqueDef:
        columns = self._check(x.data.columns)
        return s.UniqueDef(name or self._name(x.data.columns, "key"), columns)

    def sequence(self, name: str | None, x: Any) -> s.SequenceDef:
        self._check([x.column])
        return s.SequenceDef(
            name or self._name([x.column], "seq"),
            x.column, x.start, x.min_value, x.max_value, x.increment,
        )  # fmt: skip
