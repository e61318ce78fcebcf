"""Algebraic types: what the bytes mean, as data.

A module's schema is made of these, they are what is sent as JSON and BSATN schema definitions, and
codecs are compiled from them. All are frozen and hashable. ``Ref`` points into a ``Typespace``;
recursion is possible only through it.

Source of the shapes and tags: SpacetimeDB's SATS, as described in its public `crates/sats`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Kind(Enum):
    """Scalars and strings. The value is the BSATN tag of the type inside a schema."""

    STRING = 4
    BOOL = 5
    I8 = 6
    U8 = 7
    I16 = 8
    U16 = 9
    I32 = 10
    U32 = 11
    I64 = 12
    U64 = 13
    I128 = 14
    U128 = 15
    I256 = 16
    U256 = 17
    F32 = 18
    F64 = 19


#: Width in bytes of every kind of fixed width.
WIDTHS: dict[Kind, int] = {
    Kind.BOOL: 1, Kind.I8: 1, Kind.U8: 1, Kind.I16: 2, Kind.U16: 2, Kind.I32: 4, Kind.U32: 4,
    Kind.I64: 8, Kind.U64: 8, Kind.I128: 16, Kind.U128: 16, Kind.I256: 32, Kind.U256: 32,
    Kind.F32: 4, Kind.F64: 8,
}  # fmt: skip

#: Integer kinds as (bits, signed).
INTEGERS: dict[Kind, tuple[int, bool]] = {
    kind: (WIDTHS[kind] * 8, kind.name.startswith("I")) for kind in Kind if kind.name[0] in "IU"
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A bool, number or string."""

    kind: Kind

    @property
    def name(self) -> str:
        """As written in schema JSON: ``U32``, ``String``, ``Bool`` …"""
        return {"STRING": "String", "BOOL": "Bool"}.get(self.kind.name, self.kind.name)


@dataclass(frozen=True, slots=True)
class Array:
    """Any number of elements of one type. ``Array(U8)`` is bytes."""

    element: Type


@dataclass(frozen=True, slots=True)
class Element:
    """A field of a product."""

    name: str | None
    type: Type


@dataclass(frozen=True, slots=True)
class Product:
    """Fields in order; the unit type is the product without fields."""

    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """An alternative of a sum; its tag is its position."""

    name: str | None
    type: Type


@dataclass(frozen=True, slots=True)
class Sum:
    """One of at most 256 variants."""

    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class Ref:
    """The type at an index of the typespace."""

    index: int


Type: TypeAlias = Scalar | Array | Product | Sum | Ref


@dataclass(frozen=True, slots=True)
class Typespace:
    """The types that ``Ref`` can point to."""

    types: tuple[Type, ...] = ()

    def resolve(self, type_: Type) -> Type:
        """Follow refs until something else stands there. Raises ``SchemaError`` on a bad chain."""
        from harness.errors import SchemaError

        for _ in range(len(self.types) + 1):
            if not isinstance(type_, Ref):
                return type_
            if not 0 <= type_.index < len(self.types):
                raise SchemaError(
                    f"type reference {type_.index} is outside the typespace of {len(self.types)}"
                )
            type_ = self.types[type_.index]
        raise SchemaError("a type reference leads back to itself without a product or sum between")


STRING = Scalar(Kind.STRING)
BOOL = Scalar(Kind.BOOL)
I8, U8 = Scalar(Kind.I8), Scalar(Kind.U8)
I16, U16 = Scalar(Kind.I16), Scalar(Kind.U16)
I32, U32 = Scalar(Kind.I32), Scalar(Kind.U32)
I64, U64 = Scalar(Kind.I64), Scalar(Kind.U64)
I128, U128 = Scalar(Kind.I128), Scalar(Kind.U128)
I256, U256 = Scalar(Kind.I256), Scalar(Kind.U256)
F32, F64 = Scalar(Kind.F32), Scalar(Kind.F64)
BYTES = Array(U8)
UNIT = Product(())
NEVER = Sum(())


def product(**fields: Type) -> Product:
    """``product(id=U32, name=STRING)``, in the order written."""
    return Product(tuple(Element(name, type_) for name, type_ in fields.items()))


def sum_of(**variants: Type) -> Sum:
    """``sum_of(some=U32, none=UNIT)``, in the order written."""
    return Sum(tuple(Variant(name, type_) for name, type_ in variants.items()))


# The special types are recognised by shape: one field of this name and type, nothing else.
IDENTITY = product(__identity__=U256)
CONNECTION_ID = product(__connection_id__=U128)
TIMESTAMP = product(__timestamp_micros_since_unix_epoch__=I64)
TIME_DURATION = product(__time_duration_micros__=I64)
UUID = product(__uuid__=U128)
SCHEDULE_AT = sum_of(Interval=TIME_DURATION, Time=TIMESTAMP)


def option(some: Type) -> Sum:
    """``Option<some>``: tag 0 is the value, tag 1 is nothing."""
    return sum_of(some=some, none=UNIT)


def result(ok: Type, err: Type) -> Sum:
    """``Result<ok, err>``: tag 0 is ok."""
    return sum_of(ok=ok, err=err)


def option_payload(type_: Type) -> Type | None:
    """The type inside if ``type_`` is an option by shape, else None."""
    if (
        isinstance(type_, Sum)
        and [variant.name for variant in type_.variants] == ["some", "none"]
        and type_.variants[1].type == UNIT
    ):
        return type_.variants[0].type
    return None


def result_payloads(type_: Type) -> tuple[Type, Type] | None:
    """The (ok, err) types if ``type_`` is a result by shape, else None."""
    if isinstance(type_, Sum) and [variant.name for variant in type_.variants] == ["ok", "err"]:
        return type_.variants[0].type, type_.variants[1].type
    return None


def is_plain_enum(type_: Type) -> bool:
    """Whether ``type_`` is a sum with at least one variant, none of which carries anything."""
    return (
        isinstance(type_, Sum)
        and bool(type_.variants)
        and all(variant.type == UNIT for variant in type_.variants)
    )


def children(type_: Type) -> Iterator[Type]:
    """The types directly inside ``type_``."""
    if isinstance(type_, Array):
        yield type_.element
    elif isinstance(type_, Product):
        for element in type_.elements:
            yield element.type
    elif isinstance(type_, Sum):
        for variant in type_.variants:
            yield variant.type
