"""SATS-JSON: values as plain JSON objects and back, compiled from a type as a codec is.

Values are those of the BSATN codec for the same type and classes. Written in two styles: *named*,
with objects for products and ``{"Variant": payload}`` for sums, and *positional*, with arrays for
products and ``[tag, payload]`` for sums, as rows of SQL and of transactions are. Either is read.

=====================  ===========================================================================
integers to 128 bits   numbers; 256 bits: text such as ``"0x1f"`` or ``"-0x1f"``
floats                 numbers; NaN and infinities are written as null, and null is read as NaN
bytes                  hexadecimal text; an array of numbers is read, too
products               an object with exactly the fields, or an array; unit is ``[]``
sums                   ``{"Name": payload}``, ``{"<tag>": payload}`` or ``[tag, payload]``
options                as sums; null is read as none
=====================  ===========================================================================

Source: `crates/sats/src/{ser,de}/serde.rs` of SpacetimeDB 2.8.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from harness.errors import EncodeError, SchemaError
from harness.wire import jsonforms, jsonsums, program
from harness.wire import types as t
from harness.wire import values as v
from harness.wire.jsonforms import Convert, Form, Misfit
from harness.wire.jsontext import dumps as dumps
from harness.wire.jsontext import loads as loads
from harness.wire.program import Binding, SumBinding


class JsonCodec:
    """Reads and writes the values of one type. Made by ``compile_json``."""

    __slots__ = ("_read", "_write")

    def __init__(self, read: Convert, write: Convert) -> None:
        self._read = read
        self._write = write

    def from_json(self, json: Any) -> Any:
        """The value that a parsed JSON object stands for, in any accepted form.

        Raises ``EncodeError`` with the path to what does not fit, such as ``$.items[2].hp``.
        """
        return _at_root(self._read, json)

    def to_json(self, value: Any) -> Any:
        """Plain objects. Raises ``EncodeError`` if the value does not fit the type."""
        return _at_root(self._write, value)

    def loads(self, text: str | bytes) -> Any:
        """The value of JSON text. Raises ``DecodeError`` for bad JSON, else as ``from_json``."""
        return self.from_json(loads(text))

    def dumps(self, value: Any) -> str:
        """JSON text without spaces."""
        return dumps(self.to_json(value))


def compile_json(
    type_: t.Type,
    typespace: t.Typespace = t.Typespace(),  # noqa: B008  (frozen)
    bindings: Mapping[int, Binding] | None = None,
    *,
    positional: bool = False,
) -> JsonCodec:
    """A JSON codec for ``type_``; its values are those of ``codec.compile`` of the same arguments.

    It reads both styles and writes the named one, or the other if ``positional`` is set.
    Raises ``SchemaError`` if the type has no finite value or a class does not fit its type.
    """
    program.build(type_, typespace, bindings)  # the one place that checks types and classes
    form = _Builder(typespace, bindings or {}).build(type_)
    return JsonCodec(form.read, form.positional if positional else form.named)


def _at_root(convert: Convert, value: Any) -> Any:
    try:
        return convert(value, 0)
    except Misfit as misfit:
        raise EncodeError(str(misfit), "$" + "".join(reversed(misfit.parts))) from None


@dataclass(slots=True)
class _Builder:
    typespace: t.Typespace
    bindings: Mapping[int, Binding]
    by_ref: dict[int, Form | None] = field(default_factory=dict)

    def build(self, type_: t.Type) -> Form:
        match type_:
            case t.Ref(index):
                return self.ref(index)
            case t.Scalar(kind):
                return jsonforms.scalar(kind)
            case t.Array(element):
                return jsonforms.BYTES if element == t.U8 else jsonforms.array(self.build(element))
            case t.Product():
                return self.product(type_, None)
            case t.Sum():
                return self.sum(type_, None)

    def ref(self, index: int) -> Form:
        known = self.by_ref.get(index)
        if known is not None:
            return known
        if index in self.by_ref:  # being built: the type contains itself
            return _later(self.by_ref, index)
        self.by_ref[index] = None
        binding = self.bindings.get(index)
        target = self.typespace.types[index]
        if binding is not None:
            target = self.typespace.resolve(target)
        if binding is None:
            form = self.build(target)
        elif isinstance(target, t.Product):
            form = self.product(target, binding)
        elif isinstance(target, t.Sum):
            form = self.sum(target, binding)
        else:
            form = self.build(target)
        self.by_ref[index] = form
        return form

    def product(self, type_: t.Product, binding: Binding | None) -> Form:
        names = [element.name for element in type_.elements]
        if type_ in v.SPECIAL:
            class_, attribute = v.SPECIAL[type_]
            inner = jsonforms.NUMBERS.get(class_) or self.build(type_.elements[0].type)
            return jsonforms.product(names, [inner], class_, (attribute,))
        if type_ == t.UUID:
            return jsonsums.UUID
        forms = [self.build(element.type) for element in type_.elements]
        if binding is None:
            return jsonforms.product(names, forms, None, ())
        if isinstance(binding, SumBinding):
            raise SchemaError("classes of a sum were given for a product")
        return jsonforms.product(names, forms, binding, program.field_names(binding))

    def sum(self, type_: t.Sum, binding: Binding | None) -> Form:
        names = [variant.name for variant in type_.variants]
        payload = t.option_payload(type_)
        if payload is not None and binding is None:
            inner = self.typespace.resolve(payload)
            wrapped = inner == t.UNIT or t.option_payload(inner) is not None
            return jsonsums.option(self.build(payload), wrapped)
        forms = [self.build(variant.type) for variant in type_.variants]
        if binding is None and t.result_payloads(type_) is not None:
            binding = SumBinding((v.Ok, v.Err), (False, False))
        elif binding is None and type_ == t.SCHEDULE_AT:
            binding = SumBinding((v.Interval, v.Time), (False, False))
        if binding is None:
            return jsonsums.sum_form(
                names, forms, jsonsums.split_tagged, jsonsums.join_tagged(names)
            )
        if isinstance(binding, SumBinding):
            return jsonsums.sum_form(names, forms, *jsonsums.classes(binding))
        members: tuple[Enum, ...] = tuple(binding)  # type: ignore[arg-type]  # build() saw an Enum
        return jsonsums.sum_form(names, forms, *jsonsums.members_form(members))


def _later(forms: dict[int, Form | None], index: int) -> Form:
    """A form that is complete only when it is first used."""

    def form() -> Form:
        found = forms[index]
        assert found is not None
        return found

    return Form(
        lambda json, depth: form().read(json, depth),
        lambda value, depth: form().named(value, depth),
        lambda value, depth: form().positional(value, depth),
    )
