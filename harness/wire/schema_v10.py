"""The model of a module ⇄ the sections of the raw definition V10.

There ``source_name`` is the accessor, and the section ``ExplicitNames`` maps it to the canonical
name, the one on the wire and in SQL.
"""

from __future__ import annotations

from typing import Any

from harness.wire import schema as s
from harness.wire import schema_raw as raw
from harness.wire import types as t
from harness.wire.schema_names import in_snake_case, pascal, snake
from harness.wire.schema_types import from_raw, product_from_raw, product_to_raw, to_raw
from harness.wire.schema_v9 import TableParts, algorithm_to_raw, view

# --- writing -------------------------------------------------------------------------------------


def to_v10(module: s.ModuleDef) -> dict[str, Any]:
    """The raw payload of each section, by its name; tables sorted by name, as servers send them."""
    tables = sorted(module.tables, key=lambda table: table.name)
    return {
        "Typespace": raw.Typespace([to_raw(x) for x in module.typespace.types]),
        "Types": [
            raw.TypeV10(raw.ScopedNameV10(list(x.scope), x.name), x.type, True)
            for x in module.types
        ],
        "Tables": [_table(table) for table in tables],
        "Reducers": [_reducer(x) for x in module.reducers],
        "Procedures": [
            raw.ProcedureV10(
                x.accessor, product_to_raw(x.params), to_raw(x.returns), _visibility(x.private)
            )
            for x in module.procedures
        ],
        "Views": [
            raw.ViewV10(
                x.accessor, x.index, x.public, x.anonymous, product_to_raw(x.params),
                to_raw(x.returns),
            )
            for x in module.views
        ],
        "Schedules": _schedules(module, tables),
        "LifeCycleReducers": [
            raw.LifecycleV10(x.lifecycle, x.accessor) for x in module.reducers if x.lifecycle
        ],
        "RowLevelSecurity": [raw.RowLevelSecurity(sql) for sql in module.row_level_security],
        "ExplicitNames": raw.ExplicitNames(_explicit_names(module)),
        "ViewPrimaryKeys": [
            raw.ViewPrimaryKey(x.accessor, list(x.primary_key))
            for x in module.views
            if x.primary_key
        ],
    }  # fmt: skip


#: Written even when there is nothing in them.
_ALWAYS = ("Typespace", "Types", "Tables", "Reducers")


def filled(module: s.ModuleDef) -> dict[str, Any]:
    """The payloads that are written: of the main sections, and of those with something in them."""
    return {
        name: payload
        for name, payload in to_v10(module).items()
        if name in _ALWAYS or payload not in ([], raw.ExplicitNames([]))
    }


def _table(table: s.TableDef) -> raw.TableV10:
    return raw.TableV10(
        table.accessor,
        table.row,
        [] if table.primary_key is None else [table.primary_key],
        [raw.IndexV10(x.name, x.accessor, algorithm_to_raw(x)) for x in table.indexes],
        [raw.ConstraintV10(x.name, raw.Unique(list(x.columns))) for x in table.uniques],
        [
            raw.SequenceV10(x.name, x.column, x.start, x.min_value, x.max_value, x.increment)
            for x in table.sequences
        ],
        raw.TableType.SYSTEM if table.system else raw.TableType.USER,
        raw.TableAccess.PUBLIC if table.public else raw.TableAccess.PRIVATE,
        [raw.DefaultV10(x.column, x.value) for x in table.defaults],
        table.event,
    )


def _reducer(x: s.ReducerDef) -> raw.ReducerV10:
    return raw.ReducerV10(
        x.accessor, product_to_raw(x.params), _visibility(x.private), to_raw(t.UNIT),
        to_raw(t.STRING),
    )  # fmt: skip


def _visibility(private: bool) -> raw.Visibility:
    return raw.Visibility.PRIVATE if private else raw.Visibility.CLIENT_CALLABLE


def _schedules(module: s.ModuleDef, tables: list[s.TableDef]) -> list[raw.ScheduleV10]:
    """A schedule names table and function by their accessors, as everything in V10 does."""
    functions = {x.name: x.accessor for x in module.procedures}
    functions |= {x.name: x.accessor for x in module.reducers}
    return [
        raw.ScheduleV10(x.name, table.accessor, x.column, functions.get(x.function, x.function))
        for table in tables
        if (x := table.schedule) is not None
    ]


def _explicit_names(module: s.ModuleDef) -> list[Any]:
    functions = [(x.accessor, x.name) for x in module.reducers]
    functions += [(x.accessor, x.name) for x in module.procedures]
    functions += [(x.accessor, x.name) for x in module.views]
    return [
        *(raw.TableName(raw.NameMapping(x.accessor, x.name)) for x in module.tables),
        *(raw.FunctionName(raw.NameMapping(*names)) for names in functions),
        *(
            raw.IndexName(raw.NameMapping(x.name, x.name))
            for table in module.tables
            for x in table.indexes
        ),
    ]


_FUNCTIONS = ("Reducers", "Procedures", "Views")

# --- reading -------------------------------------------------------------------------------------


class _Names:
    """From source names to canonical ones: explicitly, or by the policy."""

    def __init__(self, sections: dict[str, Any]) -> None:
        entries = sections["ExplicitNames"].entries if "ExplicitNames" in sections else []
        self._explicit = {(type(x), x.names.source_name): x.names.canonical_name for x in entries}
        named: list[tuple[type[Any], str]]
        named = [(raw.TableName, x.source_name) for x in sections.get("Tables", [])]
        if not named:
            functions = (x for kind in _FUNCTIONS for x in sections.get(kind, []))
            named = [(raw.FunctionName, x.source_name) for x in functions]
        policy = sections.get("CaseConversionPolicy", raw.Policy.SNAKE_CASE)
        # A server has applied the policy already, and says so by naming every table, or every
        # function of a module without tables.
        served = bool(named) and all(x in self._explicit for x in named)
        self.converts = policy is raw.Policy.SNAKE_CASE and not served

    def _find(self, kind: type[Any], source: str) -> str:
        explicit: str | None = self._explicit.get((kind, source))
        return explicit or (snake(source) if self.converts else source)

    def table(self, source: str) -> str:
        return self._find(raw.TableName, source)

    def function(self, source: str) -> str:
        return self._find(raw.FunctionName, source)

    def index(self, source: str | None) -> str | None:
        return source and self._explicit.get((raw.IndexName, source), source)


def from_v10(sections: dict[str, Any]) -> s.ModuleDef:
    """From raw payloads by section. Raises ``SchemaError`` for columns that are not there."""
    names = _Names(sections)
    found = [from_raw(x) for x in sections["Typespace"].types] if "Typespace" in sections else []
    if names.converts:
        found = [in_snake_case(x) for x in found]
    typespace = t.Typespace(tuple(found))
    lifecycles = {x.function_name: x.lifecycle_spec for x in sections.get("LifeCycleReducers", [])}
    keys = {x.view_source_name: tuple(x.columns) for x in sections.get("ViewPrimaryKeys", [])}
    schedules = {names.table(x.table_name): x for x in sections.get("Schedules", [])}

    def params(x: Any) -> t.Product:
        product = product_from_raw(x.params)
        if not names.converts:
            return product
        elements = (t.Element(e.name and snake(e.name), e.type) for e in product.elements)
        return t.Product(tuple(elements))

    return s.ModuleDef(
        typespace,
        tuple(_read_table(x, names, typespace, schedules) for x in sections.get("Tables", [])),
        tuple(
            s.ReducerDef(
                names.function(x.source_name), x.source_name, params(x),
                lifecycles.get(x.source_name), x.visibility is raw.Visibility.PRIVATE,
            )
            for x in sections.get("Reducers", [])
        ),
        tuple(_read_type(x, names) for x in sections.get("Types", [])),
        tuple(
            s.ProcedureDef(
                names.function(x.source_name), x.source_name, params(x), from_raw(x.return_type),
                x.visibility is raw.Visibility.PRIVATE,
            )
            for x in sections.get("Procedures", [])
        ),
        tuple(
            view(x, names.function(x.source_name), x.source_name, keys.get(x.source_name, ()))
            for x in sections.get("Views", [])
        ),
        tuple(x.sql for x in sections.get("RowLevelSecurity", [])),
    )  # fmt: skip


def _read_type(x: raw.TypeV10, names: _Names) -> s.TypeDef:
    name = x.source_name.source_name
    scope = tuple(x.source_name.scope)
    return s.TypeDef(scope, pascal(name) if names.converts else name, x.ty)


def _read_table(
    x: raw.TableV10, names: _Names, typespace: t.Typespace, schedules: dict[str, Any]
) -> s.TableDef:
    name = names.table(x.source_name)
    parts = TableParts(typespace, x.product_type_ref, name)
    planned = schedules.get(name)
    schedule = planned and s.ScheduleDef(
        planned.source_name or f"{name}_sched",
        name,
        planned.schedule_at_col,
        names.function(planned.function_name),
    )
    return s.TableDef(
        name,
        x.source_name,
        x.product_type_ref,
        parts.primary_key(x.primary_key),
        tuple(parts.index(names.index(i.source_name), i) for i in x.indexes),
        tuple(parts.unique(c.source_name, c) for c in x.constraints),
        tuple(parts.sequence(q.source_name, q) for q in x.sequences),
        schedule,
        x.table_access is raw.TableAccess.PUBLIC,
        x.table_type is raw.TableType.SYSTEM,
        x.is_event,
        tuple(s.DefaultValue(d.col_id, d.value) for d in x.default_values),
    )
