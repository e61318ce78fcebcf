"""``types.py``: every named type, in one file, so that they can name each other."""

from __future__ import annotations

from harness.gen import plan as p
from harness.gen.layout import docstring, file, guarded, quoted, union
from harness.gen.rendering.spelling import (
    annotation,
    class_line,
    classes,
    head,
    needed,
    prefix_for,
    renamed,
    uses,
)


def render(plan: p.Plan) -> str:
    blocks = [guarded(_block(plan, type_)) for type_ in plan.types if not _late(type_)]
    # Aliases are evaluated when the module is imported: what they name stands above them.
    blocks += [guarded(_block(plan, type_)) for type_ in _in_order(plan)]
    body = "\n\n\n".join(blocks)
    typing_names = [
        name
        for name, used in (
            ("TypeAlias", ": TypeAlias" in body),
            ("final", "@final" in body),
        )
        if used
    ]
    standard = needed(body)
    if "@dataclass" in body:
        standard.append("from dataclasses import dataclass")
    if typing_names:
        standard.append(f"from typing import {', '.join(typing_names)}")
    other = ["import attrs"] if "@attrs." in body else []
    if uses(body, "_t"):
        other.append("from harness.client import types as _t")
    top = head(standard, other)
    return file(top, blocks)


def _late(type_: p.NamedType) -> bool:
    return isinstance(type_, p.AliasType)


def _in_order(plan: p.Plan) -> list[p.NamedType]:
    """Aliases of types without a class of their own; none of them names another."""
    return [type_ for type_ in plan.types if _late(type_)]


def _block(plan: p.Plan, type_: p.NamedType) -> str:
    match type_:
        case p.ProductType():
            return fields_class(plan, type_.name, type_.fields, type_.source)
        case p.EnumType(name, members, source):
            lines = _doc(
                name, source, [(wire, shown) for wire, shown in members if wire.upper() != shown]
            )
            values = [f"    {shown} = {tag}" for tag, (_, shown) in enumerate(members)]
            return "\n".join(["@final", f"class {name}(_enum.Enum):", *lines, *values])
        case p.SumType(name, variants, _):
            blocks = [_variant(plan, type_, variant) for variant in variants]
            return "\n\n\n".join([*blocks, union(name, [x.name for x in variants])])
        case p.AliasType(name, shape, _):
            return union(name, _choices(annotation(shape)))


def _choices(text: str) -> list[str]:
    """What an annotation is a union of; one in brackets is a part of something."""
    found = [""]
    for part in text.split(" | "):
        inside = found[-1].count("[") > found[-1].count("]")
        if inside:
            found[-1] += f" | {part}"
        else:
            found.append(part)
    return found[1:]


def _variant(plan: p.Plan, owner: p.SumType, variant: p.VariantType) -> str:
    if variant.payload is None:
        doc = docstring([f"``{variant.wire}`` of ``{owner.name}``; it carries nothing."])
        return f"{classes(plan)}{class_line(plan, variant.name)}\n{doc}"
    line = f"    value: {annotation(variant.payload)}"
    return f"{classes(plan)}{class_line(plan, variant.name)}\n{line}"


def _doc(name: str, source: str, members: list[tuple[str, str]]) -> list[str]:
    """A docstring where the module calls something otherwise, and an empty line behind it."""
    said = renamed(members)
    if name != source:
        said.insert(0, f'The type "{source}" of the module.')
    if not said:
        return []
    return [docstring(said if len(said) == 1 else [said[0], "", *said[1:]]), ""]


def _alias(plan: p.Plan, name: str) -> str:
    """attrs would leave out the underscore in front of a name: ``_from`` would become a keyword."""
    hidden = plan.row_class == "attrs" and name.startswith("_")
    return f" = attrs.field(alias={quoted(name)})" if hidden else ""


def fields_class(plan: p.Plan, name: str, fields: tuple[p.Field, ...], source: str) -> str:
    """A class with these fields."""
    doc = _doc(name, source, [(x.wire, x.name) for x in fields])
    builtins = prefix_for(x.name for x in fields)
    lines = [
        f"    {x.name}: {annotation(x.shape, builtins=builtins)}{_alias(plan, x.name)}"
        for x in fields
    ]
    if not fields:
        doc = doc[:1] or [docstring(["It has no fields."])]
    return classes(plan) + "\n".join([class_line(plan, name), *doc, *lines])
