"""Row classes and codecs made from a schema, for clients without generated code."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

from harness.wire import codec as codecs
from harness.wire import program
from harness.wire import types as t
from harness.wire.codec import Codec
from harness.wire.schema import ModuleDef, ReducerDef, TableDef


class Types:
    """Python classes for the named types of a schema.

    Products become frozen ``msgspec.Struct`` classes, plain enums ``Enum`` classes, and other sums
    one class for each variant, with the payload in ``value``. ``given`` maps table names to row
    classes that take the place of the made ones.
    """

    def __init__(self, schema: ModuleDef, given: Mapping[str, type[Any]] | None = None) -> None:
        self.schema = schema
        self.bindings: dict[int, program.Binding] = {}
        names = {type_.type: "".join((*type_.scope, type_.name)) for type_ in schema.types}
        rows = {table.row: table.name for table in schema.tables}
        for index, type_ in enumerate(schema.typespace.types):
            name = names.get(index) or rows.get(index, f"Type{index}")
            binding = _binding(_identifier(name), type_)
            if binding is not None:
                self.bindings[index] = binding
        for table in schema.tables:
            if given and table.name in given:
                self.bindings[table.row] = given[table.name]

    def row_class(self, table: TableDef) -> type[Any]:
        """The class of a table's rows."""
        found = self.bindings[table.row]
        assert isinstance(found, type)
        return found

    def row_codec(self, table: TableDef) -> Codec:
        return codecs.compile(t.Ref(table.row), self.schema.typespace, self.bindings)

    def args_codec(self, reducer: ReducerDef) -> Codec:
        """A codec for the tuple of a reducer's arguments."""
        return codecs.compile(reducer.params, self.schema.typespace, self.bindings)


def _identifier(name: str) -> str:
    """A name as Python allows it: keywords get an underscore."""
    shown = "".join(c if c.isidentifier() or c.isdigit() else "_" for c in name)
    if not shown or not shown.isidentifier():
        shown = f"_{shown}"
    return f"{shown}_" if keyword.iskeyword(shown) else shown


def _binding(name: str, type_: t.Type) -> program.Binding | None:
    if isinstance(type_, t.Product):
        if type_ in _SPECIAL:
            return None
        fields = [_identifier(e.name or f"field_{i}") for i, e in enumerate(type_.elements)]
        return msgspec.defstruct(name, fields, frozen=True, gc=False)
    if not isinstance(type_, t.Sum) or not type_.variants or _is_special_sum(type_):
        return None
    variants = [_identifier(x.name or f"variant_{i}") for i, x in enumerate(type_.variants)]
    if t.is_plain_enum(type_):
        make: Any = Enum  # mypy knows the functional form with literals only
        made: type[Any] = make(name, {variant: i for i, variant in enumerate(variants)})
        return made
    classes = tuple(
        msgspec.defstruct(
            f"{name}{variant[:1].upper()}{variant[1:]}",
            [] if x.type == t.UNIT else ["value"],
            frozen=True,
        )
        for variant, x in zip(variants, type_.variants, strict=True)
    )
    return program.SumBinding(classes, (False,) * len(classes))


_SPECIAL = {t.IDENTITY, t.CONNECTION_ID, t.TIMESTAMP, t.TIME_DURATION, t.UUID}


def _is_special_sum(type_: t.Sum) -> bool:
    return (
        type_ == t.SCHEDULE_AT
        or t.option_payload(type_) is not None
        or t.result_payloads(type_) is not None
    )
