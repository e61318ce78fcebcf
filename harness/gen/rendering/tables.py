"""``tables.py``: a handle for each table and view."""

from __future__ import annotations

from harness.client.tables import free_name
from harness.gen import plan as p
from harness.gen.layout import call, docstring, file, guarded, subscript
from harness.gen.layout import render as text_of
from harness.gen.rendering import submodules
from harness.gen.rendering.spelling import annotation, head, needed, prefix_for, renamed, uses

_BASES = {"event table": "EventTable"}


def render(plan: p.Plan) -> str:
    blocks = [guarded(_handle(table)) for table in plan.tables]
    lines = [f"    {table.accessor}: {table.handle}" for table in plan.tables]
    inner = plan.submodules
    lines += submodules.members(inner, "Tables")
    known = submodules.classes(inner, "Tables")
    doc = ["", *lines] if lines else []
    doc += ["", *known] if known else []
    text = submodules.described("A handle for each table and view.", inner)
    blocks.append(guarded("\n".join(["@final", "class Tables(_c.TablesBase):", text, *doc])))
    body = "\n\n\n".join(blocks)
    ours = ["from harness.client import typed as _c"]
    if uses(body, "_t"):
        ours.append("from harness.client import types as _t")
    ours.sort()
    standard = needed(body)
    if plan.tables:
        standard.append("from typing import TYPE_CHECKING, final")
        local = ["from . import types as _types"]
        dots = "." * (plan.depth + 1)
        later = f"\nif TYPE_CHECKING:\n    from {dots} import EventContext\n"
    else:
        standard.append("from typing import final")
        local, later = [], ""
    local += submodules.local(submodules.imported("tables", inner))
    return file(head(standard, ours, local) + later, blocks)


def _handle(table: p.TableItem) -> str:
    base = _BASES.get(table.kind, "Table" if table.primary_key is None else "PkTable")
    said = {
        "event table": f"Rows of the event table ``{table.name}``: told of once, never kept.",
        "view": f"Rows of the view ``{table.name}`` held in the client cache.",
    }.get(table.kind, f"Rows of the {table.kind} ``{table.name}`` held in the client cache.")
    row = f"_types.{table.row.name}"
    lines = []
    members = [
        (table.row.fields[x].wire, free_name(table.row.fields[x].name)) for x in table.unique
    ]
    accessors = [free_name(x.accessor) for x in table.indexes]
    builtins = prefix_for([*(name for _, name in members), *accessors])
    for column, (_, name) in zip(table.unique, members, strict=True):
        key = annotation(table.row.fields[column].shape, types="_types.", builtins=builtins)
        kind = subscript("_c.UniqueIndex", row, key)
        lines.append(text_of(kind, 4, f"{name}: "))
    for accessor, index in zip(accessors, table.indexes, strict=True):
        kinds = [annotation(x, types="_types.", builtins=builtins) for x in index.shapes]
        prefixes = " | ".join(
            f"{builtins}tuple[{', '.join(kinds[: n + 1])}]" for n in range(len(kinds))
        )
        kind = subscript("_c.Index", row, kinds[0], prefixes)
        lines.append(text_of(kind, 4, f"{accessor}: "))
    notes = renamed(members)
    doc = docstring([said, "", *notes] if notes else [said])
    derived = call(table.handle, subscript(f"_c.{base}", row, '"EventContext"'))
    head_line = text_of(derived, 0, "class ", ":")
    return "\n".join(["@final", head_line, doc, *([""] if lines else []), *lines])
