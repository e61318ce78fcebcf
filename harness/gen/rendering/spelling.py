"""Types as annotations, and as descriptions for the runtime."""

from __future__ import annotations

import re
from collections.abc import Iterable

from harness.gen import plan as p
from harness.gen.layout import Expr, call, quoted, row
from harness.wire import types as t

_PLAIN = {t.BOOL: "bool", t.STRING: "str", t.F64: "float"}
_SPECIAL = {
    t.IDENTITY: "_t.Identity",
    t.CONNECTION_ID: "_t.ConnectionId",
    t.TIMESTAMP: "_t.Timestamp",
    t.TIME_DURATION: "_t.TimeDuration",
    t.SCHEDULE_AT: "_t.ScheduleAt",
    t.UUID: "_uuid.UUID",
    t.BYTES: "bytes",
    t.UNIT: "_t.Unit",
    t.NEVER: "_t.Never",
}
_DESCRIBED = {
    t.IDENTITY: "_s.IDENTITY",
    t.CONNECTION_ID: "_s.CONNECTION_ID",
    t.TIMESTAMP: "_s.TIMESTAMP",
    t.TIME_DURATION: "_s.TIME_DURATION",
    t.SCHEDULE_AT: "_s.SCHEDULE_AT",
    t.UUID: "_s.UUID",
    t.BYTES: "_s.BYTES",
    t.UNIT: "_s.UNIT",
    t.NEVER: "_s.NEVER",
}
#: Names of Python that annotations use: where a field has one, it stands in front as ``_b``.
BUILTINS = frozenset({"bool", "bytes", "float", "list", "str", "tuple"})


def annotation(shape: p.Shape, *, types: str = "", builtins: str = "") -> str:
    """As an annotation; ``types`` and ``builtins`` stand in front of what is from there."""

    def of(inner: p.Shape) -> str:
        return annotation(inner, types=types, builtins=builtins)

    match shape:
        case t.Scalar(kind):
            return builtins + _PLAIN[shape] if shape in _PLAIN else f"_t.{kind.name.lower()}"
        case p.Special(type_):
            text = _SPECIAL[type_]
            return text if text.startswith("_") else builtins + text
        case p.Array(element):
            return f"{builtins}list[{of(element)}]"
        case p.Option(some, wrapped):
            return f"_t.Some[{of(some)}] | None" if wrapped else f"{of(some)} | None"
        case p.Result(ok, err):
            return f"_t.Ok[{of(ok)}] | _t.Err[{of(err)}]"
        case p.Named(name):
            return types + name


def described(shape: p.Shape) -> Expr:
    """As the runtime's schema has it."""
    match shape:
        case t.Scalar(kind):
            return f"_s.{kind.name}"
        case p.Special(type_):
            return _DESCRIBED[type_]
        case p.Array(element):
            return call("_s.array", described(element))
        case p.Option(some):
            return call("_s.option", described(some))
        case p.Result(ok, err):
            return call("_s.result", described(ok), described(err))
        case p.Named(name):
            return call("_s.ref", quoted(name))


def field(of: p.Field) -> Expr:
    """A field for the runtime: its two names and its type."""
    return row(quoted(of.wire), quoted(of.name), described(of.shape))


def prefix_for(names: Iterable[str]) -> str:
    """How builtins are spelt among members of these names."""
    return "_b." if BUILTINS.intersection(names) else ""


def uses(text: str, alias: str) -> bool:
    """Whether code has something of an import; names of the module in quotes may look like it."""
    return re.search(rf"""(?<![\w.`'"]){alias}\.""", text) is not None


def needed(bodies: str) -> list[str]:
    """The imports of the standard library that a text needs."""
    found = []
    if uses(bodies, "_b"):
        found.append("import builtins as _b")
    if uses(bodies, "_enum"):
        found.append("import enum as _enum")
    if uses(bodies, "_uuid"):
        found.append("import uuid as _uuid")
    return found


def renamed(fields: Iterable[tuple[str, str]]) -> list[str]:
    """A sentence for each member whose Python name is not that of the module."""
    return [f"``{name}`` is {quoted(wire)} in the module." for wire, name in fields if wire != name]


def head(*groups: Iterable[str]) -> str:
    """The imports of a file: groups with an empty line between them."""
    found = ["from __future__ import annotations"]
    found += ["\n".join(group) for group in map(list, groups) if group]
    return "\n\n".join(found) + "\n"


def classes(plan: p.Plan) -> str:
    """What stands in front of a class with fields."""
    return {
        "msgspec": "@final\n",
        "dataclass": "@final\n@dataclass(frozen=True, slots=True)\n",
        "attrs": "@final\n@attrs.frozen\n",
    }[plan.row_class]


def class_line(plan: p.Plan, name: str) -> str:
    """The first line of a class with fields."""
    base = "(_t.Struct, frozen=True, gc=False)" if plan.row_class == "msgspec" else ""
    return f"class {name}{base}:"
