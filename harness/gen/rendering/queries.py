"""``queries.py``: the columns of each table, for conditions that become SQL."""

from __future__ import annotations

from harness.client.query import comparable
from harness.gen import plan as p
from harness.gen.layout import Expr, Group, Pair, file, guarded, quoted, subscript
from harness.gen.layout import render as text
from harness.gen.rendering import submodules
from harness.gen.rendering.spelling import annotation, head, needed, prefix_for, uses
from harness.wire import types as t


def render(plan: p.Plan) -> str:
    blocks = [guarded(_cols(table)) for table in plan.tables]
    lines = [
        text(subscript("_q.Query", f"_types.{x.row.name}", x.cols), 4, f"{x.accessor}: ")
        for x in plan.tables
    ]
    inner = plan.submodules
    lines += submodules.members(inner, "Query")
    doc = submodules.described("A query for each table and view: all its rows.", inner)
    blocks.append(
        guarded(
            "\n".join(
                ["@final", "class Query(_q.QueryBase):", doc, *([""] if lines else []), *lines]
            )
        )
    )
    classes = Group("{", tuple(Pair(f"{quoted(x.accessor)}: ", x.cols) for x in plan.tables), "}")
    given: list[Expr] = ["MODULE", classes]
    if inner:
        given.append(submodules.mapping(inner, "query"))
    blocks.append(text(Group("Query(", tuple(given)), 0, "query: Final = "))
    body = "\n\n\n".join(blocks)
    ours = ["from harness.client import query as _q"]
    if uses(body, "_t"):
        ours.append("from harness.client import types as _t")
    local = ["from . import types as _types"] if uses(body, "_types") else []
    others = submodules.imported("queries", inner)
    local += submodules.local(["from ._schema import MODULE", *others])
    standard = [*needed(body), "from typing import Final, final"]
    return file(head(standard, ours, local), blocks)


def _cols(table: p.TableItem) -> str:
    row = f"_types.{table.row.name}"
    lines = []
    builtins = prefix_for(x.name for x in table.row.fields)
    for place, field in enumerate(table.row.fields):
        kind = "Column"
        if _comparable(field.shape):
            kind = "IxCol" if place in table.indexed else "Col"
        value = annotation(field.shape, types="_types.", builtins=builtins)
        lines.append(text(subscript(f"_q.{kind}", row, value), 4, f"{field.name}: "))
    return "\n".join(["@final", f"class {table.cols}(_q.ColsBase):", *(lines or ["    pass"])])


def _comparable(shape: p.Shape) -> bool:
    match shape:
        case t.Scalar():
            return comparable(shape)
        case p.Special(type_):
            return comparable(type_)
        case _:
            return False
