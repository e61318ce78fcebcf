"""Types with Python classes bound to them → programs that a codec runs.

A program is a tuple of nodes, each a tuple whose first item is its operation; nodes name each other
by index, so recursive types are ordinary. Node 0 is the root. Both codecs, the one in C and its
twin in Python, take the same program:

=============================================  ====================================================
``("bool",)``                                  one byte, 0 or 1
``("int", width, signed)``                     1, 2, 4, 8, 16 or 32 bytes, little-endian
``("float", width)``                           4 or 8 bytes; a float too large for 4 is refused
``("string",)``, ``("bytes",)``                u32 length and that many bytes
``("fixed", width)``                           exactly so many raw bytes
``("uuid",)``                                  16 bytes, ``uuid.UUID`` from the little-endian number
``("array", node, least)``                     u32 count and elements of at least ``least`` bytes
``("struct", class | None, names, nodes)``     fields in order; without a class, a plain tuple
``("enum", members)``                          one byte, an index into the members
``("sum", nodes)``                             one byte, then the struct node of that index; the
                                               value's exact class says which
``("tagged", names, nodes)``                   a sum without classes: ``Tagged(tag, name, value)``
``("option", node, wrapped)``                  tag 0 and a value, or tag 1 for None; ``wrapped``
                                               puts the value into ``Some``
=============================================  ====================================================
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

import msgspec

from harness.errors import SchemaError
from harness.wire import types as t
from harness.wire import values as v

Node: TypeAlias = tuple[Any, ...]
Program: TypeAlias = tuple[Node, ...]

#: How deep values may be nested; beyond it decoding and encoding refuse.
DEPTH_LIMIT = 128

#: Arrays of elements without bytes: so many more than the buffer has bytes, in all.
FREE_ELEMENTS = 1024


@dataclass(frozen=True, slots=True)
class SumBinding:
    """Python classes for the variants of a sum, in tag order.

    ``flat[i]`` says that class ``i`` *is* the payload's product; otherwise the class has a single
    field that holds the payload (or no field where the payload is the unit type).
    """

    classes: tuple[type[Any], ...]
    flat: tuple[bool, ...]


Binding: TypeAlias = "type[Any] | SumBinding"
"""A product's class, an ``Enum`` for a plain enum, or the classes of a sum."""


@dataclass(slots=True)
class _Builder:
    typespace: t.Typespace
    bindings: Mapping[int, Binding]
    nodes: list[Node] = field(default_factory=list)
    by_ref: dict[int, int] = field(default_factory=dict)
    shared: dict[Node, int] = field(default_factory=dict)

    def add(self, node: Node) -> int:
        if node not in self.shared:
            self.shared[node] = len(self.nodes)
            self.nodes.append(node)
        return self.shared[node]

    def build(self, type_: t.Type) -> int:
        match type_:
            case t.Ref(index):
                return self.ref(index)
            case t.Scalar(kind):
                return self.add(_scalar(kind))
            case t.Array(element):
                if element == t.U8:
                    return self.add(("bytes",))
                least = least_size(element, self.typespace)
                return self.add(("array", self.build(element), least))
            case t.Product():
                return self.product(type_, None)
            case t.Sum():
                return self.sum(type_, None)

    def ref(self, index: int) -> int:
        target = self.typespace.resolve(t.Ref(index))
        # An entry that is only a reference has the class of what it refers to.
        while index not in self.bindings and isinstance(
            alias := self.typespace.types[index], t.Ref
        ):
            index = alias.index
        if index in self.by_ref:
            return self.by_ref[index]
        binding = self.bindings.get(index)
        # The place is taken first, so that the type can contain itself.
        place = self.by_ref[index] = len(self.nodes)
        self.nodes.append(())
        if isinstance(target, t.Product):
            built = self.product(target, binding)
        elif isinstance(target, t.Sum):
            built = self.sum(target, binding)
        else:
            built = self.build(target)
        self.nodes[place] = self.nodes[built]
        return place

    def product(self, type_: t.Product, binding: Binding | None) -> int:
        if type_ in v.SPECIAL:
            class_, name = v.SPECIAL[type_]
            width = getattr(class_, "WIDTH", 0)
            inner = self.add(("fixed", width) if width else ("int", 8, True))
            return self.add(("struct", class_, (name,), (inner,)))
        if type_ == t.UUID:
            return self.add(("uuid",))
        if isinstance(binding, SumBinding):
            raise SchemaError("classes of a sum were given for a product")
        names = tuple(element.name or str(i) for i, element in enumerate(type_.elements))
        if binding is not None:
            names = field_names(binding)
            if len(names) != len(type_.elements):
                raise SchemaError(
                    f"{binding.__name__} has {len(names)} fields, "
                    f"its type has {len(type_.elements)}"
                )
        nodes = tuple(self.build(element.type) for element in type_.elements)
        return self.add(("struct", binding, names, nodes))

    def sum(self, type_: t.Sum, binding: Binding | None) -> int:
        if len(type_.variants) > 256:
            raise SchemaError(f"a sum has {len(type_.variants)} variants; 256 are the limit")
        payload = t.option_payload(type_)
        if payload is not None and binding is None:
            inner = self.typespace.resolve(payload)
            wrapped = inner == t.UNIT or t.option_payload(inner) is not None
            return self.add(("option", self.build(payload), wrapped))
        if binding is None:
            if t.result_payloads(type_) is not None:
                binding = SumBinding((v.Ok, v.Err), (False, False))
            elif type_ == t.SCHEDULE_AT:
                binding = SumBinding((v.Interval, v.Time), (False, False))
        if isinstance(binding, SumBinding):
            if len(binding.classes) != len(type_.variants):
                raise SchemaError(
                    f"{len(binding.classes)} classes were given for {len(type_.variants)} variants"
                )
            nodes = tuple(map(self.variant, type_.variants, binding.classes, binding.flat))
            return self.add(("sum", nodes))
        if binding is not None:
            if not issubclass(binding, Enum) or len(binding) != len(type_.variants):
                raise SchemaError(f"{binding.__name__} does not fit the variants of its type")
            return self.add(("enum", tuple(binding)))
        names = tuple(variant.name for variant in type_.variants)
        return self.add(("tagged", names, tuple(self.build(x.type) for x in type_.variants)))

    def check_sums(self) -> None:
        """A flat variant is told by its class: it must be bound to the payload's product."""
        for node in self.nodes:
            for index in node[1] if node[0] == "sum" else ():
                if self.nodes[index][0] != "struct" or self.nodes[index][1] is None:
                    raise SchemaError("a flat variant of a sum needs a class bound to its product")

    def variant(self, variant: t.Variant, class_: type[Any], flat: bool) -> int:
        inner = self.build(variant.type)
        if flat:
            return inner
        names = field_names(class_)
        if not names and self.typespace.resolve(variant.type) == t.UNIT:
            return self.add(("struct", class_, (), ()))
        if len(names) != 1:
            raise SchemaError(f"{class_.__name__} needs one field for its payload")
        return self.add(("struct", class_, names, (inner,)))


def build(
    type_: t.Type,
    typespace: t.Typespace = t.Typespace(),  # noqa: B008  (frozen)
    bindings: Mapping[int, Binding] | None = None,
) -> Program:
    """The program for values of ``type_``.

    ``bindings`` maps indexes of the typespace to classes; what is not bound becomes tuples and
    ``Tagged``. Raises ``SchemaError`` for types that have no finite value, for refs that lead
    nowhere, and for classes that do not fit.
    """
    least_size(type_, typespace)
    builder = _Builder(typespace, bindings or {})
    root = builder.build(type_)
    builder.check_sums()
    if root != 0:
        # Node 0 must be the root: append a copy of the old first node and redirect to it.
        moved = len(builder.nodes)
        nodes = [*builder.nodes, builder.nodes[0]]
        nodes[0] = nodes[root]
        return tuple(_redirect(node, {0: moved, root: 0}) for node in nodes)
    return tuple(builder.nodes)


def _redirect(node: Node, places: Mapping[int, int]) -> Node:
    def to(index: int) -> int:
        return places.get(index, index)

    match node[0]:
        case "array":
            return ("array", to(node[1]), node[2])
        case "struct":
            return ("struct", node[1], node[2], tuple(map(to, node[3])))
        case "sum":
            return ("sum", tuple(map(to, node[1])))
        case "tagged":
            return ("tagged", node[1], tuple(map(to, node[2])))
        case "option":
            return ("option", to(node[1]), node[2])
        case _:
            return node


def _scalar(kind: t.Kind) -> Node:
    if kind is t.Kind.STRING:
        return ("string",)
    if kind is t.Kind.BOOL:
        return ("bool",)
    if kind in (t.Kind.F32, t.Kind.F64):
        return ("float", t.WIDTHS[kind])
    bits, signed = t.INTEGERS[kind]
    return ("int", bits // 8, signed)


def field_names(class_: type[Any]) -> tuple[str, ...]:
    """The fields of a row class in order: msgspec.Struct, dataclass, attrs, or annotations."""
    names = getattr(class_, "__struct_fields__", None)  # msgspec
    if names is None and dataclasses.is_dataclass(class_):
        names = tuple(field_.name for field_ in dataclasses.fields(class_))
    if names is None:
        attributes = getattr(class_, "__attrs_attrs__", None)
        names = [a.name for a in attributes] if attributes is not None else class_.__annotations__
    return tuple(names)


def is_plain(class_: type[Any], names: tuple[str, ...]) -> bool:
    """Whether making an instance does nothing but store exactly these fields.

    A codec may then store them itself. Known for msgspec structs without ``__post_init__``, and for
    dataclasses and classes of attrs with the ``__init__`` that was written for them; False for
    anything else.
    """
    if hasattr(class_, "__post_init__") or getattr(class_, "__abstractmethods__", None):
        return False
    if type(class_) is type(msgspec.Struct):
        return bool(class_.__struct_fields__ == names)
    if type(class_) is not type:
        return False
    if any("__new__" in base.__dict__ for base in class_.__mro__ if base is not object):
        return False
    code = getattr(class_.__dict__.get("__init__"), "__code__", None)
    if code is None:
        return False
    if "__attrs_attrs__" in class_.__dict__:
        return _is_plain_attrs(class_, names, code.co_filename)
    if "__dataclass_fields__" not in class_.__dict__:
        return False
    fields = dataclasses.fields(class_)
    if tuple(field_.name for field_ in fields) != names or not all(f.init for f in fields):
        return False
    # Not a hand-written one: ``dataclass`` makes its functions inside one of this name.
    return bool(code.co_qualname.startswith("__create_fn__.<locals>."))


def _is_plain_attrs(class_: type[Any], names: tuple[str, ...], written_in: str) -> bool:
    hooks = ("__attrs_pre_init__", "__attrs_post_init__", "_attrs_cached_hash")
    if any(hasattr(class_, hook) for hook in hooks):
        return False
    fields = class_.__attrs_attrs__
    if tuple(field_.name for field_ in fields) != names:
        return False
    if any(not f.init or f.converter is not None or f.validator is not None for f in fields):
        return False
    return written_in.startswith("<attrs generated ")


def least_size(type_: t.Type, typespace: t.Typespace) -> int:
    """The fewest bytes that a value of the type can have.

    Raises ``SchemaError`` if the type contains itself in such a way that no value is finite.
    """
    return _least(type_, typespace, ())


def _least(type_: t.Type, typespace: t.Typespace, open_refs: tuple[int, ...]) -> int:
    match type_:
        case t.Ref(index):
            if index in open_refs:
                raise SchemaError(f"type {index} contains itself without end: it has no value")
            typespace.resolve(type_)
            return _least(typespace.types[index], typespace, (*open_refs, index))
        case t.Scalar(kind):
            return t.WIDTHS.get(kind, 4)
        case t.Array():
            return 4
        case t.Product(elements):
            return sum(_least(element.type, typespace, open_refs) for element in elements)
        case t.Sum(variants):
            if not variants:
                return 1
            least: list[int] = []
            for variant in variants:
                try:
                    least.append(_least(variant.type, typespace, open_refs))
                except SchemaError:
                    continue
            if not least:
                raise SchemaError("every variant of a sum contains the sum: it has no value")
            return 1 + min(least)


def fixed_size(type_: t.Type, typespace: t.Typespace = t.Typespace()) -> int | None:  # noqa: B008  (frozen)
    """How many bytes every value of the type has, or None if they differ."""
    match typespace.resolve(type_):
        case t.Scalar(kind):
            return t.WIDTHS.get(kind)
        case t.Product(elements):
            sizes = [fixed_size(element.type, typespace) for element in elements]
            return None if None in sizes else sum(size for size in sizes if size is not None)
        case t.Sum(variants) as sum_type if variants:
            if _contains_itself(sum_type, typespace):
                return None
            sizes = [fixed_size(variant.type, typespace) for variant in variants]
            first = sizes[0]
            return 1 + first if first is not None and set(sizes) == {first} else None
        case _:
            return None


def _contains_itself(type_: t.Type, typespace: t.Typespace) -> bool:
    seen: set[t.Type] = set()
    waiting = list(t.children(type_))
    while waiting:
        current = typespace.resolve(waiting.pop())
        if current == type_:
            return True
        if current not in seen:
            seen.add(current)
            waiting.extend(t.children(current))
    return False
