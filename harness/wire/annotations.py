"""Python annotations → algebraic types: how messages, rows and reducer parameters are declared.

``u8 … u256``, ``i8 … i256`` and ``f32`` are ``int`` and ``float`` to a type checker; the width
rides along in ``Annotated``. Classes become named types of the builder's typespace, bound to
themselves, so that a codec reads straight into them.
"""

from __future__ import annotations

import types as python_types
import typing
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, TypeAlias, Union

from harness.errors import SchemaError
from harness.wire import codec, program
from harness.wire import types as t
from harness.wire import values as v

i8 = Annotated[int, t.I8]
u8 = Annotated[int, t.U8]
i16 = Annotated[int, t.I16]
u16 = Annotated[int, t.U16]
i32 = Annotated[int, t.I32]
u32 = Annotated[int, t.U32]
i64 = Annotated[int, t.I64]
u64 = Annotated[int, t.U64]
i128 = Annotated[int, t.I128]
u128 = Annotated[int, t.U128]
i256 = Annotated[int, t.I256]
u256 = Annotated[int, t.U256]
f32 = Annotated[float, t.F32]
f64 = Annotated[float, t.F64]
ScheduleAt: TypeAlias = v.Interval | v.Time

_PLAIN: dict[Any, t.Type] = {
    bool: t.BOOL,
    int: t.I64,
    float: t.F64,
    str: t.STRING,
    bytes: t.BYTES,
    None: t.UNIT,
    type(None): t.UNIT,
    uuid.UUID: t.UUID,
    v.Identity: t.IDENTITY,
    v.ConnectionId: t.CONNECTION_ID,
    v.Timestamp: t.TIMESTAMP,
    v.TimeDuration: t.TIME_DURATION,
}

_INSTEAD = {
    dict: "a list of a class with key and value",
    set: "list",
    tuple: "a class with named fields",
    Any: "a concrete type",
}


@dataclass(slots=True)
class TypeBuilder:
    """Collects named types while annotations are read.

    ``types[i]`` is the algebraic type at ``Ref(i)``, ``names[i]`` its name and ``bindings[i]`` its
    class or classes. ``unions`` are sums that become types when they are used: name and classes, in
    tag order.
    """

    types: list[t.Type] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    bindings: dict[int, program.Binding] = field(default_factory=dict)
    unions: Mapping[frozenset[type[Any]], tuple[str, tuple[type[Any], ...]]] = field(
        default_factory=dict
    )
    _places: dict[Any, int] = field(default_factory=dict)
    _sums: dict[frozenset[type[Any]], int] = field(default_factory=dict)

    @property
    def typespace(self) -> t.Typespace:
        return t.Typespace(tuple(self.types))

    def type_of(self, annotation: Any, where: str = "") -> t.Type:
        """The algebraic type of an annotation; ``where`` names the place for errors.

        Raises ``SchemaError`` for what has no algebraic type, naming an alternative.
        """
        origin = typing.get_origin(annotation)
        if origin is Annotated:
            base, *extras = typing.get_args(annotation)
            for extra in extras:
                if isinstance(extra, t.Scalar | t.Array | t.Product | t.Sum | t.Ref):
                    return extra
            return self.type_of(base, where)
        try:
            if annotation in _PLAIN:
                return _PLAIN[annotation]
        except TypeError:
            pass
        if origin is list:
            return t.Array(self.type_of(typing.get_args(annotation)[0], where))
        if origin is v.Some:
            return self.type_of(typing.get_args(annotation)[0], where)
        if origin in (Union, python_types.UnionType):
            return self._union(typing.get_args(annotation), where)
        if type(annotation).__name__ == "TypeAliasType":  # type Shape = Circle | Box, from 3.12 on
            return self._alias(annotation, where)
        if isinstance(annotation, type) and issubclass(annotation, Enum):
            return self._enum(annotation)
        if isinstance(annotation, type) and is_struct(annotation):
            return self.product(annotation)
        instead = _INSTEAD.get(origin or annotation)
        hint = f"; use {instead}" if instead else ""
        raise SchemaError(f"{where or 'type'}: {_show(annotation)} has no SpacetimeDB type{hint}")

    def product(self, class_: type[Any], name: str | None = None) -> t.Ref:
        """The named product of a class with annotated fields."""
        if class_ in self._places:
            return t.Ref(self._places[class_])
        place = self._take(class_, name or class_.__name__, class_)
        hints = _hints(class_)
        self.types[place] = t.Product(
            tuple(
                t.Element(field_, self.type_of(hints[field_], f"{class_.__name__}.{field_}"))
                for field_ in program.field_names(class_)
            )
        )
        return t.Ref(place)

    def sum(self, name: str, variants: list[tuple[str, type[Any]]], *, flat: bool = True) -> t.Ref:
        """The named sum of these (variant name, class) pairs, in tag order.

        With ``flat`` a class is its payload's product; otherwise its one field holds the payload.
        A class without fields carries nothing, in both.
        """
        classes = tuple(class_ for _, class_ in variants)
        key = frozenset(classes)
        if key in self._sums:
            return t.Ref(self._sums[key])
        flats = tuple(flat and bool(program.field_names(class_)) for class_ in classes)
        place = self._take(None, name, program.SumBinding(classes, flats))
        self._sums[key] = place
        payloads: list[t.Type] = []
        for class_, is_flat in zip(classes, flats, strict=True):
            if is_flat:
                payloads.append(self.product(class_))
            elif names := program.field_names(class_):
                where = f"{class_.__name__}.{names[0]}"
                payloads.append(self.type_of(_hints(class_)[names[0]], where))
            else:
                payloads.append(t.UNIT)
        self.types[place] = t.Sum(
            tuple(
                t.Variant(label, payload)
                for (label, _), payload in zip(variants, payloads, strict=True)
            )
        )
        return t.Ref(place)

    def codec(self, type_: t.Type) -> codec.Codec:
        """A codec for a type that was made by this builder."""
        return codec.compile(type_, self.typespace, self.bindings)

    def _take(self, key: Any, name: str, binding: program.Binding) -> int:
        place = len(self.types)
        if key is not None:
            self._places[key] = place
        self.types.append(t.UNIT)
        self.names.append(name)
        self.bindings[place] = binding
        return place

    def _enum(self, class_: type[Enum]) -> t.Ref:
        if class_ not in self._places:
            place = self._take(class_, class_.__name__, class_)
            self.types[place] = t.Sum(
                tuple(t.Variant(variant_name(member), t.UNIT) for member in class_)
            )
        return t.Ref(self._places[class_])

    def _alias(self, alias: Any, where: str) -> t.Type:
        value = alias.__value__
        classes = typing.get_args(value)
        is_union = typing.get_origin(value) in (Union, python_types.UnionType)
        if is_union and all(isinstance(x, type) and is_struct(x) for x in classes):
            return self._named(alias.__name__, classes)
        return self.type_of(value, where)

    def _union(self, arguments: tuple[Any, ...], where: str) -> t.Type:
        rest = [a for a in arguments if a is not type(None)]
        if len(rest) < len(arguments):
            inner: Any = rest[0] if len(rest) == 1 else Union[tuple(rest)]  # noqa: UP007  (of a tuple)
            return t.option(self.type_of(inner, where))
        if set(rest) == {v.Interval, v.Time}:
            return t.SCHEDULE_AT
        origins = {typing.get_origin(a): a for a in rest}
        if set(origins) == {v.Ok, v.Err}:
            ok, err = (typing.get_args(origins[side])[0] for side in (v.Ok, v.Err))
            return t.result(self.type_of(ok, where), self.type_of(err, where))
        key = frozenset(rest)
        if key in self._sums:
            return t.Ref(self._sums[key])
        if key in self.unions:
            return self._named(*self.unions[key])
        shown = " | ".join(map(_show, rest))
        instead = f"give it one in the module, as in Shape: TypeAlias = {shown}"
        if not all(isinstance(x, type) and is_struct(x) for x in rest):
            instead = "a sum is a union of @product classes"
        raise SchemaError(f"{where or 'type'}: the union {shown} has no name; {instead}")

    def _named(self, name: str, classes: tuple[type[Any], ...]) -> t.Ref:
        return self.sum(name, [(class_.__name__, class_) for class_ in classes])


def is_struct(class_: type[Any]) -> bool:
    """Whether instances have named fields: msgspec.Struct, dataclass or attrs."""
    marks = ("__struct_fields__", "__dataclass_fields__", "__attrs_attrs__")
    return any(hasattr(class_, mark) for mark in marks)


def variant_name(member: Enum) -> str:
    """The source name of an enum member: its value if that is text, else its Python name."""
    return member.value if isinstance(member.value, str) else member.name


def _hints(class_: type[Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(class_, include_extras=True)
    except NameError as error:
        raise SchemaError(f"{class_.__name__}: the annotation {error.name!r} is unknown") from error


def _show(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or repr(annotation)
