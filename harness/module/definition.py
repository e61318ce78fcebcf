"""Module → definition: names, types, indexes, and everything that can be wrong with them.

All problems are found in one go; each names its entity and its place in the source.

Source of the rules: `crates/schema/src/def/validate/v9.rs` and `crates/schema/src/error.rs` of
SpacetimeDB 1.2.0 and 2.8.3.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import SchemaError
from harness.module.columns import MISSING
from harness.module.functions import Functions
from harness.module.handles import TableHandle
from harness.module.keys import is_key
from harness.module.registry import Module, Procedure, Reducer, Table
from harness.wire import program
from harness.wire import types as t
from harness.wire.schema import (
    DefaultValue,
    IndexAlgorithm,
    IndexDef,
    ModuleDef,
    ScheduleDef,
    SequenceDef,
    TableDef,
    TypeDef,
    UniqueDef,
)

#: What a table's handle has of its own: no column or index can be reached by such a name.
_METHODS = frozenset({"insert", "count", "clear", "iter", "delete", *vars(TableHandle)})
_DIRECT_KINDS = {t.U8, t.U16, t.U32, t.U64}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A definition, and how its types are bound to Python classes.

    ``rows`` maps table names to row classes, ``functions`` the names of
    reducers, procedures and views to functions.
    """

    definition: ModuleDef
    bindings: dict[int, program.Binding]
    rows: dict[str, type[Any]]
    functions: dict[str, Callable[..., Any]]


def compile_module(module: Module) -> Compiled:
    """Check and compile. Raises ``SchemaError`` with one line for each problem."""
    return _Compiler(module).run()


class _Compiler(Functions):
    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.accessors: dict[str, str] = {}

    def run(self) -> Compiled:
        for declared in self.module.contents.sums:
            self.sum(declared)
        tables = [found for found in map(self.table, self.module.tables) if found]
        reducers = [found for found in map(self.reducer, self.module.reducers) if found]
        scheduled = self.schedules(tables)
        procedures = [found for found in map(self.procedure, self.module.procedures) if found]
        views = self.views()
        self.unique_functions()
        self.types()
        if self.problems:
            raise SchemaError("\n".join(dict.fromkeys(self.problems)))
        definition = ModuleDef(
            typespace=self.builder.typespace,
            tables=tuple(scheduled),
            reducers=tuple(reducers),
            types=tuple(TypeDef((), name, place) for place, name in enumerate(self.builder.names)),
            procedures=tuple(procedures),
            views=tuple(views),
        )
        keyed = tuple(replace(x, primary_key=definition.view_key(x)) for x in definition.views)
        definition = replace(definition, views=keyed)
        return Compiled(
            definition,
            dict(self.builder.bindings),
            {table.name: table.row for table in self.module.tables},
            {declared.name: declared.function for declared in self.module.functions},
        )

    # --- tables ----------------------------------------------------------------------------------

    def table(self, table: Table) -> TableDef | None:
        where = table.where
        self.relation("table", table.name, where)
        self.accessor(table)
        ref = self.row(table)
        if ref is None:
            return None
        row = self.builder.types[ref.index]
        assert isinstance(row, t.Product)
        columns = list(table.columns)
        self.column_names(table, row)
        primary = [i for i, name in enumerate(columns) if table.columns[name].primary_key]
        if len(primary) > 1:
            names = ", ".join(columns[i] for i in primary)
            self.problem(f"table {table.name!r} has several primary keys: {names}", where)
        uniques = [
            i
            for i, name in enumerate(columns)
            if table.columns[name].unique or table.columns[name].primary_key
        ]
        indexes = self.indexes(table, columns, uniques)
        for index in indexes:
            self.index_types(table, index, row, columns)
        return TableDef(
            name=table.name,
            accessor=table.accessor,
            row=ref.index,
            primary_key=primary[0] if primary else None,
            indexes=tuple(indexes),
            uniques=tuple(self.uniques(table, row, uniques)),
            sequences=tuple(self.sequences(table, columns, row)),
            public=table.public,
            event=table.event,
            defaults=tuple(self.defaults(table, columns, row)),
        )

    def accessor(self, table: Table) -> None:
        taken = self.accessors.get(table.accessor)
        self.accessors.setdefault(table.accessor, table.where)
        if not table.accessor.isidentifier() or table.accessor.startswith("_"):
            self.problem(
                f"table {table.name!r}: {table.accessor!r} cannot be an attribute of ctx.db",
                table.where,
            )
        elif taken is not None:
            self.problem(
                f"table {table.name!r}: ctx.db.{table.accessor} is a table already, at {taken}",
                table.where,
            )

    def uniques(self, table: Table, row: t.Product, uniques: list[int]) -> list[UniqueDef]:
        found = []
        for column in uniques:
            name = f"{table.name}_{row.elements[column].name}_key"
            self.claim(name, f"constraint {name!r}", table.where)
            found.append(UniqueDef(name, (column,)))
        return found

    def indexes(self, table: Table, columns: list[str], uniques: list[int]) -> list[IndexDef]:
        found: list[IndexDef] = []
        wire = {name: said.name or name for name, said in table.columns.items()}
        for place, name in enumerate(columns):
            said = table.columns[name]
            algorithm = said.index or (IndexAlgorithm.BTREE if place in uniques else None)
            if algorithm is not None:
                full = _index_name(table.name, [wire[name]], algorithm)
                found.append(IndexDef(full, name, algorithm, (place,)))
        for index in table.indexes:
            unknown = [name for name in index.columns if name not in columns]
            if unknown or not index.columns:
                names = ", ".join(unknown) or "(none)"
                self.problem(
                    f"index {index.accessor!r} of table {table.name!r} names unknown columns: "
                    f"{names}; it has {', '.join(columns)}",
                    table.where,
                )
                continue
            if len(set(index.columns)) < len(index.columns):
                self.problem(
                    f"index {index.accessor!r} of table {table.name!r} repeats a column",
                    table.where,
                )
            places = tuple(columns.index(name) for name in index.columns)
            full = _index_name(table.name, [wire[x] for x in index.columns], index.algorithm)
            found.append(IndexDef(full, index.accessor, index.algorithm, places))
        for index_def in found:
            self.claim(index_def.name, f"index {index_def.name!r}", table.where)
        self.index_accessors(table, [index.accessor or "" for index in found])
        return found

    def index_accessors(self, table: Table, accessors: list[str]) -> None:
        for place, accessor in enumerate(accessors):
            what = f"index {accessor!r} of table {table.name!r}"
            if accessor in _METHODS:
                self.problem(f"{what}: a table's own method has this name", table.where)
            elif not accessor.isidentifier():
                self.problem(f"{what}: the name cannot be an attribute", table.where)
            elif accessor in accessors[:place]:
                self.problem(f"{what}: another index has this name", table.where)

    def index_types(
        self, table: Table, index: IndexDef, row: t.Product, columns: list[str]
    ) -> None:
        for place in index.columns:
            type_ = self.builder.typespace.resolve(row.elements[place].type)
            if not is_key(type_) and not self.is_ordered_time(table, index, type_, place):
                self.problem(
                    f"column {columns[place]!r} of table {table.name!r} cannot be a key: keys are "
                    "integers, bool, str, Identity, ConnectionId, UUID and plain enums",
                    table.where,
                )
            direct = type_ in _DIRECT_KINDS or t.is_plain_enum(type_)
            if index.algorithm is IndexAlgorithm.DIRECT and not direct:
                self.problem(
                    f"the direct index on {columns[place]!r} of table {table.name!r} needs a "
                    "column of u8, u16, u32, u64 or a plain enum",
                    table.where,
                )

    def is_ordered_time(self, table: Table, index: IndexDef, type_: t.Type, place: int) -> bool:
        """Instants and spans may be indexed by their order; they are no keys."""
        said = list(table.columns.values())[place]
        return (
            type_ in (t.TIMESTAMP, t.TIME_DURATION)
            and index.algorithm is IndexAlgorithm.BTREE
            and not (said.primary_key or said.unique)
        )

    def sequences(self, table: Table, columns: list[str], row: t.Product) -> list[SequenceDef]:
        found = []
        for place, name in enumerate(columns):
            if not table.columns[name].auto_inc:
                continue
            type_ = row.elements[place].type
            if not isinstance(type_, t.Scalar) or type_.kind not in t.INTEGERS:
                self.problem(
                    f"auto_inc column {name!r} of table {table.name!r} is not an integer",
                    table.where,
                )
                continue
            full = f"{table.name}_{row.elements[place].name}_seq"
            self.claim(full, f"sequence {full!r}", table.where)
            found.append(SequenceDef(full, place))
        return found

    def defaults(self, table: Table, columns: list[str], row: t.Product) -> list[DefaultValue]:
        found = []
        for place, name in enumerate(columns):
            said = table.columns[name]
            if said.default is MISSING:
                continue
            if said.primary_key or said.unique or said.auto_inc:
                self.problem(
                    f"column {name!r} of table {table.name!r} has a default and is a key or "
                    "auto_inc; it can only be one",
                    table.where,
                )
                continue
            codec = self.builder.codec(row.elements[place].type)
            try:
                found.append(DefaultValue(place, codec.encode(said.default)))
            except Exception as error:  # whatever a wrong default does, it is the default's fault
                self.problem(
                    f"the default of column {name!r} of table {table.name!r}: {error}", table.where
                )
        return found

    def schedules(self, tables: Sequence[TableDef]) -> list[TableDef]:
        by_row: dict[type[Any], list[Reducer | Procedure]] = {}
        functions: list[Reducer | Procedure] = [*self.module.reducers, *self.module.procedures]
        for function in functions:
            if function.on_schedule is not None:
                by_row.setdefault(function.on_schedule, []).append(function)
        declared = {table.name: table for table in self.module.tables}
        known = {table.row for table in self.module.tables}
        for row, called in by_row.items():
            if row not in known:
                self.problem(f"{row.__name__} is not the row of a table", called[0].where)
            if len(called) > 1:
                names = ", ".join(function.name for function in called)
                self.problem(
                    f"{row.__name__} is scheduled by several functions: {names}; the first is at "
                    f"{called[0].where}",
                    called[1].where,
                )
        return [self.schedule(table, by_row.get(declared[table.name].row)) for table in tables]

    def schedule(self, table: TableDef, functions: list[Reducer | Procedure] | None) -> TableDef:
        if not functions:
            return table
        function = functions[0]
        row = self.builder.types[table.row]
        assert isinstance(row, t.Product)
        at = [i for i, element in enumerate(row.elements) if element.type == t.SCHEDULE_AT]
        key = table.primary_key
        if len(at) != 1 or key is None or row.elements[key].type != t.U64:
            self.problem(
                f"scheduled table {table.name!r} needs a u64 primary key and one ScheduleAt column",
                function.where,
            )
            return table
        try:
            hints = typing.get_type_hints(function.function, include_extras=True)
        except Exception:  # the function's own check has said so
            return table
        parameters = list(inspect.signature(function.function).parameters)[1:]
        if [hints.get(name) for name in parameters] != [function.on_schedule]:
            kind = type(function).__name__.lower()
            self.problem(
                f"{kind} {function.name!r} must take its context and one row of {table.name!r}",
                function.where,
            )
        self.claim(f"{table.name}_sched", f"schedule {table.name}_sched", function.where)
        schedule = ScheduleDef(f"{table.name}_sched", table.name, at[0], function.name)
        return TableDef(
            table.name, table.accessor, table.row, table.primary_key, table.indexes, table.uniques,
            table.sequences, schedule, table.public, table.system, table.event, table.defaults,
        )  # fmt: skip


def _index_name(table: str, columns: Sequence[str], algorithm: IndexAlgorithm) -> str:
    return f"{table}_{'_'.join(columns)}_idx_{algorithm.value.lower()}"
