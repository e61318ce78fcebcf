"""Types and functions of a schema as Python's annotations spell them."""

from __future__ import annotations

from harness.wire import types as t
from harness.wire.schema import ModuleDef, ProcedureDef, ReducerDef, ViewDef, is_query

_SPECIAL = {
    t.IDENTITY: "Identity",
    t.CONNECTION_ID: "ConnectionId",
    t.TIMESTAMP: "Timestamp",
    t.TIME_DURATION: "TimeDuration",
    t.SCHEDULE_AT: "ScheduleAt",
    t.UUID: "UUID",
}
_SCALARS = {t.Kind.STRING: "str", t.Kind.BOOL: "bool", t.Kind.F64: "float"}
#: Types without a name of their own are shown so deep.
_DEPTH = 4


class Signatures:
    """Names for the types of one schema."""

    def __init__(self, schema: ModuleDef) -> None:
        self._schema = schema
        self._names = {x.type: "".join((*x.scope, x.name)) for x in schema.types}

    def type(self, type_: t.Type, depth: int = 0) -> str:
        """``list[u32]``, ``str | None``, ``Identity``, or the name of a type of the module."""
        if depth > _DEPTH:
            return "…"
        if isinstance(type_, t.Ref):
            name = self._names.get(type_.index)
            return name or self.type(self._schema.typespace.resolve(type_), depth + 1)
        if type_ in _SPECIAL:
            return _SPECIAL[type_]
        if isinstance(type_, t.Scalar):
            return _SCALARS.get(type_.kind, type_.kind.name.lower())
        if isinstance(type_, t.Array):
            inner = self.type(type_.element, depth + 1)
            return "bytes" if type_ == t.BYTES else f"list[{inner}]"
        if isinstance(type_, t.Sum):
            payload = t.option_payload(type_)
            if payload is not None:
                return f"{self.type(payload, depth + 1)} | None"
            variants = [self._variant(x, depth) for x in type_.variants]
            return " | ".join(variants) or "Never"
        if is_query(type_):
            return f"Query[{self.type(type_.elements[0].type, depth + 1)}]"
        return f"({self._fields(type_, depth + 1)})"

    def _variant(self, variant: t.Variant, depth: int) -> str:
        name = variant.name or "_"
        if variant.type == t.UNIT:
            return name
        return f"{name}({self.type(variant.type, depth + 1)})"

    def _fields(self, product: t.Product, depth: int = 0) -> str:
        return ", ".join(
            f"{x.name or f'field_{place}'}: {self.type(x.type, depth)}"
            for place, x in enumerate(product.elements)
        )

    def function(self, function: ReducerDef | ProcedureDef | ViewDef) -> str:
        """``send_message(text: str)``, and what it returns, if it does."""
        shown = f"{function.name}({self._fields(function.params)})"
        if isinstance(function, ReducerDef):
            return shown
        return f"{shown} -> {self.type(function.returns)}"
