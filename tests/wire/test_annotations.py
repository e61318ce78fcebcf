"""Annotations become types, and what has no type is refused with an alternative."""

from __future__ import annotations

import dataclasses
import enum
import uuid
from typing import Any, ClassVar

import msgspec
import pytest

from harness.errors import SchemaError
from harness.wire import types as t
from harness.wire import values as v
from harness.wire.annotations import ScheduleAt, TypeBuilder, f32, i256, u8, u64


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


class Point(msgspec.Struct):
    x: f32
    y: f32


class Tree(msgspec.Struct):
    value: int
    left: Tree | None
    more: list[Tree]


@pytest.mark.parametrize(
    ("annotation", "type_"),
    [
        (bool, t.BOOL),
        (int, t.I64),
        (float, t.F64),
        (str, t.STRING),
        (bytes, t.BYTES),
        (None, t.UNIT),
        (u8, t.U8),
        (i256, t.I256),
        (list[u64], t.Array(t.U64)),
        (list[u8], t.BYTES),
        (u64 | None, t.option(t.U64)),
        (v.Some[u8 | None] | None, t.option(t.option(t.U8))),
        (v.Ok[u8] | v.Err[str], t.result(t.U8, t.STRING)),
        (ScheduleAt, t.SCHEDULE_AT),
        (v.Identity, t.IDENTITY),
        (uuid.UUID, t.UUID),
    ],
)
def test_types_of_annotations(annotation: Any, type_: t.Type) -> None:
    assert TypeBuilder().type_of(annotation) == type_


def test_named_types_are_made_once() -> None:
    builder = TypeBuilder()
    assert builder.type_of(list[Point]) == t.Array(t.Ref(0))
    assert builder.type_of(Colour) == t.Ref(1)
    assert builder.type_of(Point) == t.Ref(0)
    assert builder.types == [t.product(x=t.F32, y=t.F32), t.sum_of(red=t.UNIT, BLUE=t.UNIT)]
    assert builder.names == ["Point", "Colour"]
    codec = builder.codec(t.Ref(1))
    assert codec.decode(codec.encode(Colour.BLUE)) is Colour.BLUE


def test_a_class_may_contain_itself() -> None:
    builder = TypeBuilder()
    codec = builder.codec(builder.product(Tree))
    tree = Tree(1, Tree(2, None, []), [Tree(3, None, [])])
    assert codec.decode(codec.encode(tree)) == tree


def test_class_variables_are_no_fields() -> None:
    @dataclasses.dataclass
    class Row:
        LIMIT: ClassVar[int] = 5
        id: int

    builder = TypeBuilder()
    Row.__annotations__ = {"LIMIT": ClassVar[int], "id": int}  # as without a local scope
    assert builder.product(Row) == t.Ref(0)
    assert builder.types[0] == t.product(id=t.I64)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (dict[str, int], "where: dict.* has no SpacetimeDB type; use a list of a class"),
        (set[int], "use list"),
        (tuple[int, int], "use a class with named fields"),
        (Any, "use a concrete type"),
        (object, "object has no SpacetimeDB type$"),
        (
            int | str,
            r"the union int \| str has no name; a sum is a union of @product classes",
        ),
    ],
)
def test_what_has_no_type(annotation: Any, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        TypeBuilder().type_of(annotation, "where")


def test_a_declared_sum() -> None:
    class Move(msgspec.Struct):
        x: int

    class Say(msgspec.Struct):
        text: str

    class Quit(msgspec.Struct):
        pass

    for class_ in (Move, Say):  # local classes: give the annotations their meaning
        class_.__annotations__ = {k: {"x": int, "text": str}[k] for k in class_.__annotations__}
    variants: list[tuple[str, type[Any]]] = [("Move", Move), ("Say", Say), ("Quit", Quit)]
    flat, nested = TypeBuilder(), TypeBuilder()
    flat.sum("Act", variants)
    nested.sum("Act", variants, flat=False)
    assert flat.types[0] == t.sum_of(Move=t.Ref(1), Say=t.Ref(2), Quit=t.UNIT)
    assert nested.types[0] == t.sum_of(Move=t.I64, Say=t.STRING, Quit=t.UNIT)
    for builder in (flat, nested):
        assert builder.type_of(Move | Say | Quit) == t.Ref(0)
        codec = builder.codec(t.Ref(0))
        for value in (Move(5), Say("hi"), Quit()):
            assert codec.decode(codec.encode(value)) == value
