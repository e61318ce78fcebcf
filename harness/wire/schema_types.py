"""Algebraic types as they are sent: as JSON, and as the raw values of ``schema_raw``."""

from __future__ import annotations

from typing import Any

from harness.errors import SchemaError, WireError
from harness.wire import schema_raw as raw
from harness.wire import types as t
from harness.wire.values import Tagged

_REF, _SUM, _PRODUCT, _ARRAY = range(4)
_SCALARS = {kind.value: t.Scalar(kind) for kind in t.Kind}


def type_to_json(type_: t.Type) -> Any:
    """``{"U32": []}``, ``{"Ref": 3}``, ``{"Array": {"U8": []}}`` …"""
    return raw.json(raw.AlgebraicType).to_json(to_raw(type_))


def product_to_json(product: t.Product) -> Any:
    """``{"elements": [{"name": {"some": "id"}, "algebraic_type": {"U32": []}}]}``."""
    return raw.json(raw.ProductType).to_json(product_to_raw(product))


def type_from_json(json: Any) -> t.Type:
    """Raises ``SchemaError`` for what is no algebraic type, saying where."""
    try:
        return from_raw(raw.json(raw.AlgebraicType).from_json(json))
    except WireError as error:
        raise SchemaError(f"not an algebraic type: {error}") from error


def type_to_bsatn(type_: t.Type) -> bytes:
    """The bytes of a type inside a binary module definition."""
    return raw.bsatn(raw.AlgebraicType).encode(to_raw(type_))


def type_from_bsatn(data: bytes) -> t.Type:
    """Raises ``DecodeError`` for what is no type."""
    return from_raw(raw.bsatn(raw.AlgebraicType).decode(data))


def to_raw(type_: t.Type) -> Tagged:
    match type_:
        case t.Scalar(kind):
            return Tagged(kind.value, type_.name, ())
        case t.Ref(index):
            return Tagged(_REF, "Ref", index)
        case t.Array(element):
            return Tagged(_ARRAY, "Array", to_raw(element))
        case t.Product():
            return Tagged(_PRODUCT, "Product", product_to_raw(type_))
        case t.Sum(variants):
            return Tagged(_SUM, "Sum", ([(x.name, to_raw(x.type)) for x in variants],))


def product_to_raw(product: t.Product) -> Any:
    return ([(x.name, to_raw(x.type)) for x in product.elements],)


def from_raw(value: Tagged) -> t.Type:
    match value.tag:
        case 0:
            return t.Ref(value.value)
        case 1:
            return t.Sum(tuple(t.Variant(name, from_raw(x)) for name, x in value.value[0]))
        case 2:
            return product_from_raw(value.value)
        case 3:
            return t.Array(from_raw(value.value))
        case tag:
            return _SCALARS[tag]


def product_from_raw(value: Any) -> t.Product:
    return t.Product(tuple(t.Element(name, from_raw(x)) for name, x in value[0]))
