"""Random types with random values: every kind, recursion, bound and unbound, for hypothesis."""

from __future__ import annotations

import dataclasses
import enum
import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import strategies as st

from harness.wire import types as t
from harness.wire import values as v
from harness.wire.program import Binding, SumBinding

SCALARS = [t.Scalar(kind) for kind in t.Kind]
SPECIALS: list[t.Type] = [
    t.BYTES, t.UNIT, t.IDENTITY, t.CONNECTION_ID, t.TIMESTAMP, t.TIME_DURATION, t.UUID,
    t.SCHEDULE_AT,
]  # fmt: skip


@dataclass
class Case:
    """A type in its typespace, the classes bound to it, and one value."""

    type: t.Type
    typespace: t.Typespace
    bindings: dict[int, Binding]
    value: Any


@dataclass
class _World:
    """The typespace while it is drawn."""

    draw: Any
    size: int
    types: list[t.Type] = field(default_factory=list)
    bindings: dict[int, Binding] = field(default_factory=dict)

    def pick(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    # --- types ---

    def type(self, below: int, depth: int = 0) -> t.Type:
        """A type that refers to typespace entries before ``below``, or to any if guarded.

        An array or an option can be empty, so behind one a type may contain itself.
        """
        kinds = ["scalar", "scalar", "special"]
        if depth < 3:
            kinds += ["array", "option", "result", "product", "sum"]
        if below:
            kinds += ["ref", "ref"]
        match self.pick(*kinds):
            case "scalar":
                return self.pick(*SCALARS)
            case "special":
                return self.pick(*SPECIALS)
            case "ref":
                return t.Ref(self.draw(st.integers(0, below - 1)))
            case "array":
                return t.Array(self.type(self.size, depth + 1))
            case "option":
                return t.option(self.type(self.size, depth + 1))
            case "result":
                return t.result(self.type(below, depth + 1), self.type(below, depth + 1))
            case "product":
                return t.product(**self.named("f", below, depth, 0))
            case _:
                return t.sum_of(**self.named("v", below, depth, 1))

    def named(self, prefix: str, below: int, depth: int, least: int) -> dict[str, t.Type]:
        count = self.draw(st.integers(least, 4))
        return {f"{prefix}{i}": self.type(below, depth + 1) for i in range(count)}

    # --- typespace entries ---

    def entry(self, index: int) -> None:
        match self.pick("product", "enum", "sum", "other"):
            case "product":
                type_ = t.product(**self.named("f", index, 0, 0))
                self.types.append(type_)
                if type_ not in v.SPECIAL and self.pick(True, True, False):
                    names = [str(element.name) for element in type_.elements]
                    self.bindings[index] = self.row_class(f"Row{index}", names)
            case "enum":
                names = [f"m{i}" for i in range(self.draw(st.integers(1, 5)))]
                self.types.append(t.sum_of(**dict.fromkeys(names, t.UNIT)))
                if self.pick(True, False):
                    self.bindings[index] = enum.Enum(f"Enum{index}", names)
            case "sum":
                self.bound_sum(index)
            case _:
                self.types.append(self.type(index))

    def bound_sum(self, index: int) -> None:
        payloads, classes, flat = [], [], []
        for i in range(self.draw(st.integers(1, 4))):
            # Flat needs a class of its own that is bound to the payload's product.
            own = [at for at, b in self.bindings.items() if isinstance(b, type)]
            own = [at for at in own if not issubclass(self.bindings[at], enum.Enum)]
            own = [at for at in own if self.bindings[at] not in classes]
            if own and self.pick(True, False):
                at = self.pick(*own)
                payloads.append(t.Ref(at))
                classes.append(self.bindings[at])
                flat.append(True)
                continue
            payload = self.type(index)
            is_unit = t.Typespace(tuple(self.types)).resolve(payload) == t.UNIT
            bare = is_unit and self.pick(True, False)
            payloads.append(payload)
            classes.append(self.row_class(f"Variant{index}_{i}", [] if bare else ["payload"]))
            flat.append(False)
        self.types.append(t.sum_of(**{f"v{i}": p for i, p in enumerate(payloads)}))
        self.bindings[index] = SumBinding(tuple(classes), tuple(flat))

    def row_class(self, name: str, fields: list[str]) -> Any:
        annotated = [(field_, Any) for field_ in fields]
        match self.pick("struct", "frozen", "no gc", "keywords", "late", "slots", "plain"):
            case "struct":
                return msgspec.defstruct(name, annotated)
            case "frozen":
                return msgspec.defstruct(name, annotated, frozen=True)
            case "no gc":
                return msgspec.defstruct(name, annotated, gc=False)
            case "keywords":
                return msgspec.defstruct(name, annotated, kw_only=True)
            case "late":
                methods = {"__post_init__": lambda self: None}
                return msgspec.defstruct(name, annotated, namespace=methods)
            case "slots":
                return dataclasses.make_dataclass(name, annotated, slots=True)
            case _:
                return dataclasses.make_dataclass(name, annotated, frozen=True)

    # --- values ---

    def value(self, type_: t.Type, depth: int = 0, binding: Binding | None = None) -> Any:
        draw = self.draw
        match type_:
            case t.Ref(index):
                return self.value(self.types[index], depth, self.bindings.get(index))
            case t.Scalar(kind):
                return draw(scalar(kind))
            case t.Array(element):
                if element == t.U8:
                    return draw(st.binary(max_size=8))
                count = draw(st.integers(0, 3 if depth < 6 else 0))
                return [self.value(element, depth + 1) for _ in range(count)]
            case t.Product(elements):
                return self.product(type_, elements, depth, binding)
            case t.Sum(variants):
                return self.sum(type_, variants, depth, binding)

    def product(self, type_: t.Type, elements: Any, depth: int, binding: Any) -> Any:
        draw = self.draw
        if type_ in v.SPECIAL:
            class_, _ = v.SPECIAL[type_]
            if hasattr(class_, "WIDTH"):
                return class_(draw(st.binary(min_size=class_.WIDTH, max_size=class_.WIDTH)))
            return class_(draw(scalar(t.Kind.I64)))
        if type_ == t.UUID:
            return draw(st.uuids(allow_nil=True)) if depth else uuid.UUID(int=draw(bits(128)))
        fields = [self.value(element.type, depth + 1) for element in elements]
        if binding is None:
            return tuple(fields)
        return binding(**{e.name: item for e, item in zip(elements, fields, strict=True)})

    def sum(self, type_: t.Type, variants: Any, depth: int, binding: Any) -> Any:
        payload = t.option_payload(type_)
        if payload is not None:
            if depth > 5 or self.pick(True, False):
                return None
            inner = t.Typespace(tuple(self.types)).resolve(payload)
            value = self.value(payload, depth + 1)
            wrapped = inner == t.UNIT or t.option_payload(inner) is not None
            return v.Some(value) if wrapped else value
        tag = self.draw(st.integers(0, len(variants) - 1))
        if isinstance(binding, type) and issubclass(binding, enum.Enum):
            return list(binding)[tag]
        if binding is None and t.result_payloads(type_) is not None:
            binding = SumBinding((v.Ok, v.Err), (False, False))
        if binding is None and type_ == t.SCHEDULE_AT:
            binding = SumBinding((v.Interval, v.Time), (False, False))
        value = self.value(variants[tag].type, depth + 1)
        if binding is None:
            return v.Tagged(tag, variants[tag].name, value)
        class_ = binding.classes[tag]
        if binding.flat[tag]:
            return value
        if value == () and not _fields_of(class_):
            return class_()
        return class_(**{_fields_of(class_)[0]: value})


def _fields_of(class_: Any) -> list[str]:
    if dataclasses.is_dataclass(class_):
        return [f.name for f in dataclasses.fields(class_)]
    return list(class_.__struct_fields__)


def bits(width: int) -> st.SearchStrategy[int]:
    edges = st.sampled_from([0, 1, 2**width - 1, 2 ** (width - 1), 2**30, 2**31 - 1, 2**15])
    return st.one_of(st.integers(0, 2**width - 1), edges.map(lambda n: n % 2**width))


def scalar(kind: t.Kind) -> st.SearchStrategy[Any]:
    """Values of a scalar, edges preferred."""
    if kind is t.Kind.BOOL:
        return st.booleans()
    if kind is t.Kind.STRING:
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    if kind in (t.Kind.F32, t.Kind.F64):
        return st.floats(width=32 if kind is t.Kind.F32 else 64)
    width, signed = t.INTEGERS[kind]
    if not signed:
        return bits(width)
    return bits(width).map(lambda n: n - 2**width if n >> (width - 1) else n)


@st.composite
def cases(draw: Any) -> Case:
    """A random type of random depth with one of its values."""
    world = _World(draw, size=draw(st.integers(1, 4)))
    for index in range(world.size):
        world.entry(index)
    type_ = world.type(world.size)
    return Case(type_, t.Typespace(tuple(world.types)), world.bindings, world.value(type_))


@st.composite
def damaged(draw: Any, data: bytes) -> bytes:
    """Bytes that were valid before some of them were changed, taken out or put in."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(changed)))
        match draw(st.sampled_from(["flip", "cut", "insert", "remove"])):
            case "flip" if at < len(changed):
                changed[at] = draw(st.integers(0, 255))
            case "cut":
                del changed[at:]
            case "insert":
                changed[at:at] = draw(st.binary(min_size=1, max_size=4))
            case _:
                del changed[at : at + 1]
    return bytes(changed)
