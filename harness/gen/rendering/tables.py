"""``tables.py``: a handle for each table and view."""

from __future__ import annotations

from harness.client.tables import free_name
from harness.gen import plan as p
from harness.gen.layout import call, docstring, file, guarded, subscript
from harness.gen.layout import render as text_of
from harness.gen.rendering import submodules
from harness.gen.rendering.spelling import annotation, head, needed, renamed

_BASES = {"event table": "EventTable"}


def render(plan: p.Plan) -> str:
    blocks = [guarded(_handle(table)) for table in plan.tables]
    lines = [f"    {table.accessor}: {table.handle}" for table in plan.tables]
    inner = plan.submodules
    lines += submodules.members(inner, "Tables")
    known = submodules.classes(inner, "Tables")
    doc = ["", *lines] if lines else []
    doc += ["", *known] if known else []
    notes = submodules.notes(inner)
    said = ["A handle for each table and view."]
    text = docstring([*said, "", *notes] if notes else said)
    blocks.append(guarded("\n".join(["@final", "class Tables(_c.TablesBase):", text, *doc])))
    body = "\n\n\n".join(blocks)
    ours = ["from harness.client import typed as _c"]
    if "_t." in body:
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
    for column in table.unique:
        field = table.row.fields[column]
        key = annotation(field.shape, types="_types.")
        kind = subscript("_c.UniqueIndex", row, key)
        lines.append(text_of(kind, 4, f"{free_name(field.name)}: "))
    for index in table.indexes:
        kinds = [annotation(shape, types="_types.") for shape in index.shapes]
        prefixes = " | ".join(f"tuple[{', '.join(kinds[: n + 1])}]" for n in range(len(kinds)))
        accessor = free_name(index.accessor)
        kind = subscript("_c.Index", row, kinds[0], prefixes)
        lines.append(text_of(kind, 4, f"{accessor}: "))
    members = [
        (table.row.fields[x].wire, free_name(table.row.fields[x].name)) for x in table.unique
    ]
    notes = renamed(members)
    doc = docstring([said, "", *notes] if notes else [said])
    derived = call(table.handle, subscript(f"_c.{base}", row, '"EventContext"'))
    head_line = text_of(derived, 0, "class ", ":")
    return "\n".join(["@final", head_line, doc, *([""] if lines else []), *lines])
