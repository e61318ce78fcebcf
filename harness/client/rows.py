"""Row classes and codecs made from a schema, for clients without generated code."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

import msgspec

from harness.client.names import nearest
from harness.errors import SchemaError
from harness.wire import codec as codecs
from harness.wire import program
from harness.wire import types as t
from harness.wire.codec import Codec
from harness.wire.schema import ModuleDef, ProcedureDef, ReducerDef, TableDef


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
        #: All tables, and the views, which look like tables to a client.
        self.tables = (*schema.tables, *_views(schema))
        by_name = {table.name: table for table in self.tables}
        for name, class_ in (given or {}).items():
            if name not in by_name:
                raise SchemaError(nearest("table", name, by_name))
            self.bindings[by_name[name].row] = class_
        self._forget()

    @classmethod
    def bound(cls, schema: ModuleDef, bindings: dict[int, program.Binding]) -> Types:
        """The types of a schema whose classes are all there already, as in generated code."""
        types = cls.__new__(cls)
        types.schema = schema
        types.bindings = bindings
        types.tables = schema.tables
        types._forget()
        return types

    def _forget(self) -> None:
        # By what they are for: hashing a whole type for each connection costs more than a look-up.
        self._codecs: dict[tuple[str, str], Codec] = {}
        self._parameters: dict[str, tuple[str, ...]] = {}

    def row_class(self, table: TableDef) -> type[Any]:
        """The class of a table's rows."""
        found = self.bindings[table.row]
        assert isinstance(found, type)
        return found

    def row_codec(self, table: TableDef) -> Codec:
        return self._codec(("row", table.name), t.Ref(table.row))

    def args_codec(self, function: ReducerDef | ProcedureDef) -> Codec:
        """A codec for the tuple of a function's arguments."""
        return self._codec(("args", function.name), function.params)

    def result_codec(self, procedure: ProcedureDef) -> Codec:
        """A codec for what a procedure returns."""
        return self._codec(("result", procedure.name), procedure.returns)

    def parameters(self, function: ReducerDef | ProcedureDef) -> tuple[str, ...]:
        """The names that arguments can be given by."""
        found = self._parameters.get(function.name)
        if found is None:
            elements = function.params.elements
            found = tuple(_identifier(x.name or f"field_{i}") for i, x in enumerate(elements))
            self._parameters[function.name] = found
        return found

    def _codec(self, purpose: tuple[str, str], type_: t.Type) -> Codec:
        codec = self._codecs.get(purpose)
        if codec is None:
            codec = codecs.compile(type_, self.schema.typespace, self.bindings)
            self._codecs[purpose] = codec
        return codec


def types_of(schema: ModuleDef, given: Mapping[str, type[Any]] | None = None) -> Types:
    """The classes and codecs of a schema; the same ones for every connection that knows it."""
    classes = frozenset((given or {}).items())
    found = _LAST.get(id(schema))
    if found is not None and found[0] is schema and found[1] == classes:
        return found[2]
    types = _types(schema, classes)
    if len(_LAST) >= _KEEP:
        _LAST.clear()
    _LAST[id(schema)] = (schema, classes, types)
    return types


_KEEP = 16
#: Schemas by identity, for the many connections that are given the very same one.
_LAST: dict[int, tuple[ModuleDef, frozenset[tuple[str, type[Any]]], Types]] = {}


@lru_cache(maxsize=_KEEP)
def _types(schema: ModuleDef, given: frozenset[tuple[str, type[Any]]]) -> Types:
    return Types(schema, dict(given))


def _views(schema: ModuleDef) -> list[TableDef]:
    """Views return a list or an option of rows."""
    found = []
    for view in schema.views:
        try:
            found.append(schema.view_table(view))
        except SchemaError:
            continue  # rows without a type of their own cannot be subscribed
    return found


def _identifier(name: str) -> str:
    """A name as Python allows it: keywords get an underscore, and ``mro``, which no enum takes."""
    shown = "".join(c if c.isidentifier() or c.isdigit() else "_" for c in name)
    if not shown or not shown.isidentifier():
        shown = f"_{shown}"
    return f"{shown}_" if keyword.iskeyword(shown) or shown == "mro" else shown


def _identifiers(names: Iterable[str]) -> list[str]:
    """Names as Python allows them, and each only once."""
    found: list[str] = []
    for name in names:
        shown = _identifier(name)
        while shown in found:
            shown += "_"
        found.append(shown)
    return found


def _binding(name: str, type_: t.Type) -> program.Binding | None:
    if isinstance(type_, t.Product):
        if type_ in _SPECIAL:
            return None
        fields = _identifiers(e.name or f"field_{i}" for i, e in enumerate(type_.elements))
        return msgspec.defstruct(name, fields, frozen=True, gc=False)
    if not isinstance(type_, t.Sum) or not type_.variants or _is_special_sum(type_):
        return None
    variants = _identifiers(x.name or f"variant_{i}" for i, x in enumerate(type_.variants))
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
