"""Row classes made from a schema: every kind of type, there and back, and names Python dislikes."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec
import pytest

from harness.client.rows import Types
from harness.errors import EncodeError
from harness.wire import types as t
from harness.wire import values as v
from harness.wire.program import SumBinding, field_names
from harness.wire.schema import ModuleDef, ReducerDef, TableDef, TypeDef

SHAPE = t.sum_of(circle=t.F64, square=t.product(side=t.U32), nothing=t.UNIT)
TREE = t.Product(
    (t.Element("value", t.U8), t.Element("children", t.Array(t.Ref(3))), t.Element("x", t.BOOL))
)
CHAIN = t.sum_of(end=t.UNIT, link=t.product(value=t.U16, rest=t.Ref(4)))
POINT = t.product(x=t.I32, y=t.I32)
#: Index in the typespace → the type's own name.
NAMED: list[tuple[str, t.Type]] = [
    ("Colour", t.sum_of(red=t.UNIT, green=t.UNIT)),
    ("Shape", SHAPE),
    ("Point", POINT),
    ("Tree", TREE),
    ("Chain", CHAIN),
]


def schema(*columns: tuple[str | None, t.Type], params: t.Product = t.UNIT) -> ModuleDef:
    """A database of one table with these columns and one reducer with these parameters."""
    row = t.Product(tuple(t.Element(name, type_) for name, type_ in columns))
    types = tuple(type_ for _, type_ in NAMED)
    return ModuleDef(
        t.Typespace((*types, row)),
        tables=(TableDef("stuff", "stuff", len(types)),),
        reducers=(ReducerDef("act", "act", params),),
        types=tuple(TypeDef((), name, at) for at, (name, _) in enumerate(NAMED)),
    )


def made(module: ModuleDef) -> tuple[Types, type[Any], Any]:
    """(types, row class, row codec) of the only table."""
    types = Types(module)
    return types, types.row_class(module.tables[0]), types.row_codec(module.tables[0])


IDENTITY = v.Identity.from_int(7)

#: (type of the column, value, the value's bytes in hexadecimal)
KINDS: list[tuple[t.Type, Any, str]] = [
    (t.BOOL, True, "01"),
    (t.I8, -1, "ff"),
    (t.U8, 200, "c8"),
    (t.I16, -2, "feff"),
    (t.U16, 65535, "ffff"),
    (t.I32, -2, "feffffff"),
    (t.U32, 1, "01000000"),
    (t.I64, -1, "ff" * 8),
    (t.U64, 2**64 - 1, "ff" * 8),
    (t.I128, -1, "ff" * 16),
    (t.U128, 1, "01" + "00" * 15),
    (t.I256, -1, "ff" * 32),
    (t.U256, 1, "01" + "00" * 31),
    (t.F32, 0.5, "0000003f"),
    (t.F64, 0.5, "000000000000e03f"),
    (t.STRING, "é", "02000000c3a9"),
    (t.BYTES, b"\x01\x02", "020000000102"),
    (t.Array(t.U16), [1, 2], "0200000001000200"),
    (t.Array(t.Array(t.BOOL)), [[True], []], "02000000010000000100000000"),
    (t.option(t.U8), 5, "0005"),
    (t.option(t.U8), None, "01"),
    (t.result(t.U8, t.STRING), v.Ok(5), "0005"),
    (t.result(t.U8, t.STRING), v.Err("n"), "01010000006e"),
    (t.IDENTITY, IDENTITY, "07" + "00" * 31),
    (t.CONNECTION_ID, v.ConnectionId.from_int(7), "07" + "00" * 15),
    (t.TIMESTAMP, v.Timestamp(2), "02" + "00" * 7),
    (t.TIME_DURATION, v.TimeDuration(3), "03" + "00" * 7),
    (t.SCHEDULE_AT, v.Interval(v.TimeDuration(3)), "0003" + "00" * 7),
    (t.SCHEDULE_AT, v.Time(v.Timestamp(3)), "0103" + "00" * 7),
]


@pytest.mark.parametrize(("type_", "value", "data"), KINDS)
def test_a_column_of_every_kind(type_: t.Type, value: Any, data: str) -> None:
    _, class_, codec = made(schema(("before", t.U8), ("it", type_), ("after", t.U8)))
    row = class_(1, value, 2)
    assert codec.encode(row).hex() == f"01{data}02"
    back = codec.decode(bytes.fromhex(f"01{data}02"))
    assert type(back) is class_
    assert back == row
    assert type(back.it) is type(value)


def test_rows_are_frozen_and_show_their_fields() -> None:
    _, class_, _ = made(schema(("id", t.U8), ("name", t.STRING)))
    row = class_(id=1, name="x")
    assert repr(row) == "stuff(id=1, name='x')"
    with pytest.raises(AttributeError):
        row.id = 2
    assert hash(row) == hash(class_(1, "x"))


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("class", "class_"),
        ("None", "None_"),
        ("async", "async_"),
        ("hit points", "hit_points"),
        ("2nd", "_2nd"),
        ("größe", "größe"),
        (None, "field_0"),
    ],
)
def test_columns_that_python_would_not_take(column: str | None, field: str) -> None:
    _, class_, codec = made(schema((column, t.U8), ("other", t.U8)))
    assert field_names(class_) == (field, "other")
    assert getattr(codec.decode(b"\x07\x08"), field) == 7


def test_columns_that_would_be_the_same_in_python() -> None:
    _, class_, codec = made(schema(("a b", t.U8), ("a-b", t.U8), ("a_b_", t.U8), ("a_b", t.U8)))
    assert field_names(class_) == ("a_b", "a_b_", "a_b__", "a_b___")
    row = codec.decode(b"\x01\x02\x03\x04")
    assert row == class_(1, 2, 3, 4)
    assert codec.encode(row) == b"\x01\x02\x03\x04"


def test_plain_enums() -> None:
    types, class_, codec = made(schema(("colour", t.Ref(0))))
    colour = types.bindings[0]
    assert isinstance(colour, type)
    assert issubclass(colour, Enum)
    assert [member.name for member in colour] == ["red", "green"]
    row = codec.decode(b"\x01")
    assert row.colour is colour["green"]
    assert codec.encode(class_(colour["red"])) == b"\x00"


def test_enums_with_names_that_python_would_not_take() -> None:
    names = ["None", "mro", "a b", "a-b"]
    enum = t.Sum(tuple(t.Variant(name, t.UNIT) for name in names))
    module = ModuleDef(
        t.Typespace((enum, t.product(it=t.Ref(0)))), tables=(TableDef("stuff", "stuff", 1),)
    )
    types, class_, codec = made(module)
    made_enum: Any = types.bindings[0]
    assert [member.name for member in made_enum] == ["None_", "mro_", "a_b", "a_b_"]
    for tag, member in enumerate(made_enum):
        assert codec.encode(class_(member)) == bytes([tag])
        assert codec.decode(bytes([tag])).it is member


def test_sums_have_a_class_for_each_variant() -> None:
    types, class_, codec = made(schema(("shape", t.Ref(1))))
    binding = types.bindings[1]
    assert isinstance(binding, SumBinding)
    circle, square, nothing = binding.classes
    assert [c.__name__ for c in binding.classes] == ["ShapeCircle", "ShapeSquare", "ShapeNothing"]
    row = codec.decode(b"\x00" + bytes.fromhex("000000000000e03f"))
    assert row == class_(circle(0.5))
    assert codec.decode(b"\x02") == class_(nothing())
    assert codec.encode(class_(nothing())) == b"\x02"
    inner = codec.decode(b"\x01\x05\0\0\0").shape
    assert type(inner) is square
    assert codec.encode(class_(inner)) == b"\x01\x05\0\0\0"


def test_products_inside_rows() -> None:
    types, class_, codec = made(schema(("at", t.Ref(2)), ("path", t.Array(t.Ref(2)))))
    point: Any = types.bindings[2]
    assert point.__name__ == "Point"
    row = class_(point(1, -1), [point(2, 3)])
    assert codec.decode(codec.encode(row)) == row


def test_recursive_products() -> None:
    types, class_, codec = made(schema(("tree", t.Ref(3))))
    tree: Any = types.bindings[3]
    row = class_(tree(1, [tree(2, [], True), tree(3, [tree(4, [], False)], False)], True))
    assert codec.decode(codec.encode(row)) == row


def test_recursive_sums() -> None:
    types, class_, codec = made(schema(("chain", t.Ref(4))))
    binding = types.bindings[4]
    assert isinstance(binding, SumBinding)
    end, _ = binding.classes
    assert codec.decode(b"\x00") == class_(end())
    data = bytes.fromhex("01 0700 01 0800 00")
    row = codec.decode(data)
    assert type(row.chain) is binding.classes[1]
    assert codec.encode(row) == data


def test_classes_of_ones_own() -> None:
    class Mine(msgspec.Struct, frozen=True):
        id: int
        name: str

    module = schema(("id", t.U8), ("name", t.STRING))
    types = Types(module, {"stuff": Mine})
    assert types.row_class(module.tables[0]) is Mine
    row = types.row_codec(module.tables[0]).decode(b"\x01\x01\0\0\0x")
    assert type(row) is Mine
    assert row == Mine(1, "x")


def test_arguments_are_a_tuple_in_the_declared_order() -> None:
    module = schema(params=t.product(id=t.U8, at=t.Ref(2)))
    types = Types(module)
    codec = types.args_codec(module.reducers[0])
    point: Any = types.bindings[2]
    data = codec.encode((1, point(2, 3)))
    assert data == b"\x01\x02\0\0\0\x03\0\0\0"
    with pytest.raises(EncodeError):
        codec.encode((256, point(2, 3)))
