"""``reducers.py`` and ``procedures.py``: a typed method for each function."""

from __future__ import annotations

from collections.abc import Iterable

from harness.gen import plan as p
from harness.gen.layout import call, file, guarded, quoted, render, union
from harness.gen.rendering import submodules
from harness.gen.rendering.spelling import BUILTINS, annotation, head, needed, uses
from harness.gen.rendering.types import fields_class


def reducers(plan: p.Plan) -> str:
    items = plan.reducers
    blocks = [guarded(_args_class(plan, item)) for item in sorted(items, key=lambda x: x.args)]
    inner = submodules.with_any(plan, lambda x: x.reducers)
    names = [item.args for item in items] + [f"{x.alias}.Reducer" for x in inner]
    alias = union("Reducer", names) if names else "Reducer: TypeAlias = _t.Never"
    builtins = "_b." if BUILTINS.intersection(x.name for x in items) else ""
    methods = [_method(item, builtins) for item in items]
    blocks += [
        guarded(alias),
        guarded(_class("Reducers", "ReducersBase", "reducer", methods, inner)),
    ]
    body = "\n\n\n".join(blocks)
    standard, other = needed(body), []
    if "@dataclass" in body:
        standard.append("from dataclasses import dataclass")
    standard.append("from typing import TypeAlias, final")
    if "@attrs." in body:
        other.append("import attrs")
    other.append("from harness.client import typed as _c")
    if uses(body, "_t"):
        other.append("from harness.client import types as _t")
    local = ["from . import types as _types"] if uses(body, "_types") else []
    local += submodules.local(submodules.imported("reducers", inner))
    return file(head(standard, other, local), blocks)


def _args_class(plan: p.Plan, item: p.ReducerItem) -> str:
    text = fields_class(plan, item.args, _qualified(item.params), item.args)
    return text.replace("It has no fields.", "It takes no arguments.")


def _qualified(fields: Iterable[p.Field]) -> tuple[p.Field, ...]:
    """Fields whose types are those of the module ``types``."""
    return tuple(p.Field(x.wire, x.name, _elsewhere(x.shape)) for x in fields)


def _elsewhere(shape: p.Shape) -> p.Shape:
    match shape:
        case p.Named(name):
            return p.Named(f"_types.{name}")
        case p.Array(element):
            return p.Array(_elsewhere(element))
        case p.Option(some, wrapped):
            return p.Option(_elsewhere(some), wrapped)
        case p.Result(ok, err):
            return p.Result(_elsewhere(ok), _elsewhere(err))
        case _:
            return shape


def _method(item: p.ReducerItem, builtins: str) -> str:
    params = _params(item.params, builtins)
    values = call(item.args, *(x.name for x in item.params))
    line = render(call("_c.call_reducer", "self", values), 8, "return ")
    return f"{render(call(item.name, *params), 4, 'def ', ' -> _c.Call[None]:')}\n{line}"


def _params(fields: Iterable[p.Field], builtins: str) -> list[str]:
    return [
        "self",
        *(f"{x.name}: {annotation(x.shape, types='_types.', builtins=builtins)}" for x in fields),
    ]


def procedures(plan: p.Plan) -> str:
    items = plan.procedures
    builtins = "_b." if BUILTINS.intersection(x.name for x in items) else ""
    methods = []
    for item in items:
        returns = annotation(item.returns, types="_types.", builtins=builtins)
        params = _params(item.params, builtins)
        values = call(
            "_c.call_procedure", "self", quoted(item.wire), *(x.name for x in item.params)
        )
        first = render(call(item.name, *params), 4, "def ", f" -> _c.Call[{returns}]:")
        methods.append(f"{first}\n{render(values, 8, 'return ')}")
    inner = submodules.with_any(plan, lambda x: x.procedures)
    body = guarded(_class("Procedures", "ProceduresBase", "procedure", methods, inner))
    ours = ["from harness.client import typed as _c"]
    if uses(body, "_t"):
        ours.append("from harness.client import types as _t")
    local = ["from . import types as _types"] if uses(body, "_types") else []
    local += submodules.local(submodules.imported("procedures", inner))
    standard = [*needed(body), "from typing import final"]
    return file(head(standard, ours, local), [body])


def _class(
    name: str, base: str, kind: str, methods: list[str], inner: list[p.SubmoduleItem]
) -> str:
    doc = submodules.described(f"A method for each {kind}; what it returns is awaited.", inner)
    top = "\n".join(["@final", f"class {name}(_c.{base}):", doc])
    parts = [
        "\n".join(x)
        for x in (submodules.members(inner, name), submodules.classes(inner, name))
        if x
    ]
    return "\n\n".join([top, *parts, *methods])
