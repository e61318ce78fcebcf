"""Which kind a declared type is, and where the fields of its objects lie."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Any

from harness.errors import SchemaError
from harness.module import unions
from harness.module.compiler import kinds as k
from harness.module.registry import Module
from harness.wire import types as t
from harness.wire.annotations import TypeBuilder
from harness.wire.program import field_names

_SPECIAL = {
    t.IDENTITY: k.IDENTITY,
    t.CONNECTION_ID: k.CONNECTION_ID,
    t.TIMESTAMP: k.TIMESTAMP,
    t.TIME_DURATION: k.DURATION,
    t.SCHEDULE_AT: k.SCHEDULE_AT,
    t.BYTES: k.BYTES,
    t.STRING: k.STR,
    t.BOOL: k.BOOL,
    t.F32: k.FLOAT,
    t.F64: k.FLOAT,
}

#: Bytes of an object's header.
HEADER = 4


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct. ``type`` is what is on the wire."""

    name: str
    type: t.Type
    kind: k.Kind
    offset: int

    @property
    def stored(self) -> str:
        return k.stored(self.kind)


@dataclass(frozen=True, slots=True)
class Shape:
    """A struct's fields; ``id`` is its number in the garbage collector's table."""

    class_: Any
    fields: tuple[Field, ...]
    size: int
    id: int

    def field(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name), None)

    def references(self) -> list[int]:
        """Where references lie."""
        return [field.offset for field in self.fields if field.stored == "ref"]


#: The objects that are no classes of the module: a list, and when a row is due.
LIST_ID, SCHEDULE_ID, FIRST_ID = 3, 4, 5


class Shapes:
    """The types of one module."""

    def __init__(self, module: Module) -> None:
        self.builder = TypeBuilder(unions=unions.sums(module))
        for declared in module.contents.sums:
            self.builder.sum(declared.name, [(c.__name__, c) for c in declared.classes])
        self._found: dict[Any, Shape] = {}
        self._open: list[Any] = []
        #: What is wrong with fields: it is so wherever their class is used.
        self.faults: set[str] = set()

    def all(self) -> list[Shape]:
        return list(self._found.values())

    def annotated(self, annotation: Any, where: str) -> tuple[t.Type, k.Kind]:
        """The type and kind of an annotation. Raises ``SchemaError``."""
        type_ = self.builder.type_of(annotation, where)
        return type_, self.kind(type_, where)

    def kind(self, type_: t.Type, where: str) -> k.Kind:
        """The kind of a type's values. Raises ``SchemaError`` for what is not compiled."""
        if type_ in _SPECIAL:
            return _SPECIAL[type_]
        if isinstance(type_, t.Scalar) and type_.kind in t.INTEGERS:
            bits, signed = t.INTEGERS[type_.kind]
            if bits <= 64:
                lo = -(1 << (bits - 1)) if signed else 0
                return k.Int(lo, lo + (1 << bits) - 1)
            raise SchemaError(f"{where}: integers have at most 64 bits here, not {bits}; use u64")
        if isinstance(type_, t.Array):
            return k.listed(self.kind(type_.element, where))
        inner = t.option_payload(type_)
        if inner is not None:
            kind = self.kind(inner, where)
            if isinstance(kind, k.Option):
                raise SchemaError(f"{where}: an option of an option is not compiled; use a class")
            return k.Option(kind)
        if isinstance(type_, t.Ref):
            bound = self.builder.bindings[type_.index]
            if isinstance(bound, type) and issubclass(bound, Enum):
                return k.Enumeration(bound)
            if isinstance(bound, type):
                self.shape(bound)
                return k.Struct(bound)
            raise SchemaError(
                f"{where}: sums with contents are not compiled; use an enum and optional columns"
            )
        raise SchemaError(f"{where}: this type is not compiled")

    def shape(self, class_: Any) -> Shape:
        """The fields of a class. Raises ``SchemaError``."""
        found = self._found.get(class_)
        if found is not None:
            return found
        if class_ in self._open:
            raise SchemaError(
                f"{class_.__name__} contains itself; types that do are not compiled, use ids"
            )
        self._open.append(class_)
        try:
            made = self._laid_out(class_)
        except SchemaError as error:
            self.faults.add(str(error))
            raise
        finally:
            self._open.pop()
        self._found[class_] = made
        return made

    def _laid_out(self, class_: Any) -> Shape:
        ref = self.builder.product(class_)
        product = self.builder.types[ref.index]
        assert isinstance(product, t.Product)
        fields, offset = [], HEADER
        for name, element in zip(field_names(class_), product.elements, strict=True):
            kind = self.kind(element.type, f"{class_.__name__}.{name}")
            fields.append(Field(name, element.type, kind, offset))
            offset += k.SIZES[k.stored(kind)]
        size = -(-offset // 8) * 8
        return Shape(class_, tuple(fields), size, FIRST_ID + len(self._found))


def default(class_: Any, name: str) -> Any:
    """The default of a field; ``dataclasses.MISSING`` without one."""
    if not dataclasses.is_dataclass(class_):
        return dataclasses.MISSING
    return next(f.default for f in dataclasses.fields(class_) if f.name == name)
