"""``_schema.py``: what the runtime needs to know, wire names among it."""

from __future__ import annotations

from harness.gen import plan as p
from harness.gen.layout import Expr, Group, Pair, call, quoted, row, series
from harness.gen.layout import render as text
from harness.gen.rendering import submodules
from harness.gen.rendering.spelling import described, field, head, uses


def render(plan: p.Plan) -> str:
    types = Group(
        "{",
        tuple(
            Pair(f"{quoted(x.name)}: ", _type(x))
            for x in plan.types
            if not isinstance(x, p.AliasType)
        ),
        "}",
    )
    parts: list[Expr] = [
        Pair("types=", types),
        Pair("tables=", series(map(_table, plan.tables))),
        Pair("reducers=", series(map(_reducer, plan.reducers))),
        Pair("procedures=", series(map(_procedure, plan.procedures))),
    ]
    inner = plan.submodules
    if inner:
        each = (Pair(f"{quoted(x.name)}: ", x.alias) for x in inner)
        parts.append(Pair("submodules=", Group("{", tuple(each), "}")))
    body = text(call("_s.module", *parts), 0, "MODULE = ")
    local = [
        f"from . import {name} as _{name}"
        for name in ("reducers", "tables", "types")
        if uses(body, f"_{name}")
    ]
    local += submodules.local(submodules.imported("_schema", inner, "MODULE"))
    return f"{head(['from harness.client import schema as _s'], local)}\n{body}\n"


def _type(type_: p.NamedType) -> Expr:
    class_ = f"_types.{type_.name}"
    match type_:
        case p.ProductType(_, fields, _):
            return call("_s.product", class_, *map(field, fields))
        case p.EnumType(_, members, _):
            return call("_s.enum", class_, *(quoted(wire) for wire, _ in members))
        case p.SumType(_, variants, _):
            return call("_s.sum_of", *map(_variant, variants))
        case p.AliasType():
            raise AssertionError("an alias has no description of its own")


def _variant(variant: p.VariantType) -> Expr:
    payload = "_s.UNIT" if variant.payload is None else described(variant.payload)
    return row(quoted(variant.wire), f"_types.{variant.name}", payload)


def _table(table: p.TableItem) -> Expr:
    parts: list[Expr] = [
        quoted(table.accessor),
        quoted(table.name),
        quoted(table.row.name),
        f"_tables.{table.handle}",
    ]
    if table.primary_key is not None:
        parts.append(f"primary_key={table.primary_key}")
    if table.unique:
        parts.append(f"unique={list(table.unique)}")
    if table.indexes:
        parts.append(Pair("indexes=", series(map(_index, table.indexes))))
    if table.indexed:
        parts.append(f"indexed={list(table.indexed)}")
    if table.kind == "event table":
        parts.append("event=True")
    if table.kind == "view":
        parts.append("view=True")
    return call("_s.table", *parts)


def _index(index: p.IndexItem) -> Expr:
    columns = ", ".join(map(str, index.columns)) + ("," if len(index.columns) == 1 else "")
    return call("_s.index", quoted(index.accessor), f"({columns})", quoted(index.algorithm))


def _reducer(reducer: p.ReducerItem) -> Expr:
    params = map(field, reducer.params)
    return call("_s.reducer", quoted(reducer.wire), f"_reducers.{reducer.args}", *params)


def _procedure(procedure: p.ProcedureItem) -> Expr:
    params = map(field, procedure.params)
    return call("_s.procedure", quoted(procedure.wire), described(procedure.returns), *params)
