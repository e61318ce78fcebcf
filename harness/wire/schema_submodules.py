"""Modules inside of modules: how deep they go, and one module with all that is in them.

Each has a typespace and names of its own, and may have submodules again. A table ``items`` of the
submodule ``lib`` is ``lib.items`` on the wire, and ``"lib"."items"`` in SQL; so are functions.

Source: `crates/lib/src/db/raw_def/v10.rs` and `crates/schema/src/def.rs` of SpacetimeDB 2.8.3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from harness.errors import SchemaError
from harness.wire import schema as s
from harness.wire import types as t

#: Submodules inside each other, at most. Nobody nests deeper, and bytes from a server must not.
DEEPEST = 16

_T = TypeVar("_T", t.Type, t.Product)


def check_depth(depth: int) -> None:
    """Raises ``SchemaError`` for submodules inside of too many others."""
    if depth > DEEPEST:
        raise SchemaError(f"submodules are nested deeper than {DEEPEST}")


def joined(module: s.ModuleDef) -> s.ModuleDef:
    """The module with everything of its submodules, by the names that it has on the wire."""
    if not module.submodules:
        return module
    parts = [replace(module, submodules=())]
    first = len(module.typespace.types)
    for submodule in module.submodules:
        part = _placed(joined(submodule.module), submodule.namespace, first)
        first += len(part.typespace.types)
        parts.append(part)
    return s.ModuleDef(
        t.Typespace(tuple(x for part in parts for x in part.typespace.types)),
        tuple(x for part in parts for x in part.tables),
        tuple(x for part in parts for x in part.reducers),
        tuple(x for part in parts for x in part.types),
        tuple(x for part in parts for x in part.procedures),
        tuple(x for part in parts for x in part.views),
        tuple(x for part in parts for x in part.row_level_security),
    )


def _placed(module: s.ModuleDef, namespace: str, first: int) -> s.ModuleDef:
    """A module whose types begin at the place ``first``, and whose names are in a namespace."""

    def whole(name: str) -> str:
        return f"{namespace}.{name}"

    def table(x: s.TableDef) -> s.TableDef:
        schedule = x.schedule
        if schedule is not None:
            schedule = replace(
                schedule, table=whole(schedule.table), function=whole(schedule.function)
            )
        return replace(
            x, name=whole(x.name), accessor=whole(x.accessor), row=x.row + first, schedule=schedule
        )

    return s.ModuleDef(
        t.Typespace(tuple(shifted(x, first) for x in module.typespace.types)),
        tuple(map(table, module.tables)),
        tuple(
            replace(
                x, name=whole(x.name), accessor=whole(x.accessor), params=shifted(x.params, first)
            )
            for x in module.reducers
        ),
        tuple(
            replace(x, scope=(namespace, *x.scope), type=x.type + first) for x in module.types
        ),
        tuple(
            replace(
                x, name=whole(x.name), accessor=whole(x.accessor),
                params=shifted(x.params, first), returns=shifted(x.returns, first),
            )
            for x in module.procedures
        ),
        tuple(
            replace(
                x, name=whole(x.name), accessor=whole(x.accessor),
                params=shifted(x.params, first), returns=shifted(x.returns, first),
            )
            for x in module.views
        ),
        module.row_level_security,
    )  # fmt: skip


def shifted(type_: _T, by: int) -> _T:
    """A type whose references lead so many places further."""
    found: t.Type = type_
    if isinstance(type_, t.Ref):
        found = t.Ref(type_.index + by)
    elif isinstance(type_, t.Array):
        found = t.Array(shifted(type_.element, by))
    elif isinstance(type_, t.Product):
        elements = (t.Element(x.name, shifted(x.type, by)) for x in type_.elements)
        found = t.Product(tuple(elements))
    elif isinstance(type_, t.Sum):
        found = t.Sum(tuple(t.Variant(x.name, shifted(x.type, by)) for x in type_.variants))
    return found
