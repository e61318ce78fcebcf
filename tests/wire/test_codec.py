"""The codecs by example: bytes written out, and what is refused with which words."""

from __future__ import annotations

import dataclasses
import enum
import gc
import math
import os
import sys
import tracemalloc
import uuid
from typing import Any

import attrs
import msgspec
import pytest

from harness.errors import DecodeError, EncodeError, SchemaError
from harness.wire import codec as codec_module
from harness.wire import program
from harness.wire import types as t
from harness.wire import values as v
from tests.wire.implementations import CCodec, both, make, needs_c

PERSON = t.product(
    id=t.U32, name=t.STRING, active=t.BOOL, tags=t.Array(t.U16), nick=t.option(t.STRING)
)
A_UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
IDENTITY = v.Identity.from_hex("c2" + "00" * 30 + "ab")

#: (type, value, bytes in hexadecimal)
TABLE: list[tuple[t.Type, Any, str]] = [
    (t.BOOL, False, "00"),
    (t.BOOL, True, "01"),
    (t.I8, -1, "ff"),
    (t.U8, 255, "ff"),
    (t.I16, -2, "feff"),
    (t.U16, 258, "0201"),
    (t.I32, -2, "feffffff"),
    (t.U32, 2**32 - 1, "ffffffff"),
    (t.I64, -(2**63), "0000000000000080"),
    (t.U64, 2**64 - 1, "ffffffffffffffff"),
    (t.I128, -2, "fe" + "ff" * 15),
    (t.U128, 2**128 - 1, "ff" * 16),
    (t.I256, -(2**255), "00" * 31 + "80"),
    (t.U256, 2**256 - 1, "ff" * 32),
    (t.F32, 1.5, "0000c03f"),
    (t.F32, math.inf, "0000807f"),
    (t.F64, -0.0, "0000000000000080"),
    (t.F64, -math.inf, "000000000000f0ff"),
    (t.STRING, "", "00000000"),
    (t.STRING, "hé", "03000000 68c3a9"),
    (t.BYTES, b"\x00\xff", "02000000 00ff"),
    (t.Array(t.BOOL), [True, False], "02000000 0100"),
    (t.UNIT, (), ""),
    (t.option(t.STRING), "hi", "00 02000000 6869"),
    (t.option(t.STRING), None, "01"),
    (t.option(t.option(t.U8)), None, "01"),
    (t.option(t.option(t.U8)), v.Some(None), "00 01"),
    (t.option(t.option(t.U8)), v.Some(7), "00 00 07"),
    (t.option(t.UNIT), v.Some(()), "00"),
    (t.result(t.U8, t.STRING), v.Ok(7), "00 07"),
    (t.result(t.U8, t.STRING), v.Err("no"), "01 02000000 6e6f"),
    (t.result(t.UNIT, t.STRING), v.Ok(()), "00"),
    (t.sum_of(a=t.U8, b=t.UNIT), v.Tagged(0, "a", 9), "00 09"),
    (t.sum_of(a=t.U8, b=t.UNIT), v.Tagged(1, "b", ()), "01"),
    (
        PERSON,
        (7, "bob", True, [1, 258], None),
        "07000000 03000000 626f62 01 02000000 0100 0201 01",
    ),
    (t.IDENTITY, IDENTITY, "ab" + "00" * 30 + "c2"),
    (t.CONNECTION_ID, v.ConnectionId.from_int(0x11), "11" + "00" * 15),
    (t.SCHEDULE_AT, v.Interval(v.TimeDuration.from_seconds(1)), "00 40420f0000000000"),
    (t.SCHEDULE_AT, v.Time(v.Timestamp(1_700_000_000_000_000)), "01 00401e18240a0600"),
    (t.UUID, A_UUID, "ffeeddccbbaa99887766554433221100"),
]
ROWS = pytest.mark.parametrize(("type_", "value", "text"), TABLE)


@both
@ROWS
def test_bytes_of_a_value(implementation: Any, type_: t.Type, value: Any, text: str) -> None:
    codec, data = make(implementation, type_), bytes.fromhex(text)
    assert codec.encode(value) == data
    assert repr(codec.decode(data)) == repr(value)


@both
@ROWS
def test_every_shorter_part_is_refused(
    implementation: Any, type_: t.Type, value: Any, text: str
) -> None:
    codec, data = make(implementation, type_), bytes.fromhex(text)
    for length in range(len(data)):
        with pytest.raises(DecodeError) as raised:
            codec.decode(data[:length])
        assert raised.value.offset <= length


@both
@ROWS
def test_a_tail_is_named(implementation: Any, type_: t.Type, value: Any, text: str) -> None:
    codec, data = make(implementation, type_), bytes.fromhex(text)
    with pytest.raises(DecodeError, match="2 bytes are left over at byte") as raised:
        codec.decode(data + b"\x00\x00")
    assert raised.value.offset == len(data)
    assert codec.decode_from(data + b"\x00\x00", 0)[1] == len(data)


@both
def test_any_buffer_is_read(implementation: Any) -> None:
    codec = make(implementation, t.product(n=t.U8, b=t.BYTES))
    for data in (b"\x07\x01\x00\x00\x00x", bytearray(b"\x07\x01\x00\x00\x00x")):
        assert codec.decode(data) == codec.decode(memoryview(data)) == (7, b"x")
        assert type(codec.decode(data)[1]) is bytes


@both
def test_a_nan_keeps_its_payload(implementation: Any) -> None:
    for type_, text in ((t.F64, "010000000000f8ff"), (t.F32, "0100c17f")):
        data = bytes.fromhex(text)
        codec = make(implementation, type_)
        assert math.isnan(codec.decode(data))
        assert codec.encode(codec.decode(data)) == data


# --- what is refused -----------------------------------------------------------------------------

BAD_BYTES: list[tuple[t.Type, str, int, str]] = [
    (t.BOOL, "02", 0, "a bool is 0 or 1, not 2, at byte 0"),
    (t.product(n=t.U16, b=t.BOOL, m=t.U8), "000001", 3, "stream ends after 0 bytes"),
    (t.product(n=t.U16, b=t.BOOL, m=t.U8), "00000300", 2, "a bool is 0 or 1, not 3, at byte 2"),
    (t.U64, "0102", 0, "stream ends after 2 bytes, expected 8, at byte 0"),
    (t.STRING, "05000000 6162", 4, "stream ends after 2 bytes, expected 5, at byte 4"),
    (t.STRING, "03000000 61ff62", 5, "a string is not UTF-8 at byte 5"),
    (t.STRING, "03000000 eda080", 4, "a string is not UTF-8 at byte 4"),
    (t.sum_of(a=t.UNIT, b=t.UNIT), "02", 0, "tag 2 is outside the 2 variants at byte 0"),
    (t.option(t.U8), "02", 0, "tag 2 is outside the 2 variants at byte 0"),
    (t.NEVER, "00", 0, "tag 0 is outside the 0 variants at byte 0"),
    (
        t.Array(t.U64), "ffffffff 00", 0,
        "an array claims 4294967295 elements of at least 8 bytes where 1 bytes are left at byte 0",
    ),
    (t.Array(t.UNIT), "ffffffff", 0, "an array claims 4294967295 elements without bytes at byte 0"),
    (t.Array(t.Array(t.UNIT)), "02000000 58020000 58020000", 8, "an array claims 600 elements"),
]  # fmt: skip


@both
@pytest.mark.parametrize(("type_", "text", "offset", "words"), BAD_BYTES)
def test_bad_bytes(implementation: Any, type_: t.Type, text: str, offset: int, words: str) -> None:
    codec, data = make(implementation, type_), bytes.fromhex(text)
    with pytest.raises(DecodeError) as raised:
        codec.decode(data)
    assert str(raised.value).startswith(words)
    assert raised.value.offset == offset


class Item(msgspec.Struct, frozen=True):
    id: int
    hp: int
    name: str


class Other(msgspec.Struct):
    value: int


SPACE = t.Typespace((t.product(id=t.U64, hp=t.I32, name=t.STRING), t.Array(t.Ref(0))))
LONG = "x" * 100
BAD_VALUES: list[tuple[t.Type, Any, str]] = [
    (t.U8, 256, "expected u8, got 256"),
    (t.U8, -1, "expected u8, got -1"),
    (t.I8, 128, "expected i8, got 128"),
    (t.I64, 2**63, f"expected i64, got {2**63}"),
    (t.U64, -1, "expected u64, got -1"),
    (t.U64, 2**64, f"expected u64, got {2**64}"),
    (t.U128, -1, "expected u128, got -1"),
    (t.I256, 2**255, f"expected i256, got {str(2**255)[:57]}..."),
    (t.U32, True, "expected u32, got True"),
    (t.U32, 1.0, "expected u32, got 1.0"),
    (t.BOOL, 1, "expected bool, got 1"),
    (t.F32, 1e39, "expected f32, got 1e+39"),
    (t.F64, 10**400, f"expected f64, got {str(10**400)[:57]}..."),
    (t.F64, 10**5000, "expected f64, got <int object at 0x"),
    (t.F64, True, "expected f64, got True"),
    (t.F64, "1", "expected f64, got '1'"),
    (t.STRING, b"a", "expected str, got b'a'"),
    (t.STRING, "\ud800", "expected text without lone surrogates, got '\\ud800'"),
    (t.BYTES, "a", "expected bytes, got 'a'"),
    (t.BYTES, [1], "expected bytes, got [1]"),
    (t.Array(t.U16), b"ab", "expected list, got b'ab'"),
    (PERSON, (1,), "expected 5 fields, got (1,)"),
    (PERSON, [1], "expected tuple, got [1]"),
    (t.IDENTITY, v.Identity(b"short"), "Identity.data: expected 32 bytes, got b'short'"),
    (t.UUID, 5, "expected uuid.UUID, got 5"),
    (t.option(t.UNIT), (), "expected Some or None, got ()"),
    (t.sum_of(a=t.U8), 1, "expected Tagged with a tag below 1, got 1"),
    (t.sum_of(a=t.U8), v.Tagged(1, None, 1), "expected Tagged with a tag below 1, got Tagged("),
    (t.result(t.U8, t.U8), 1, "expected one of Ok, Err, got 1"),
    (t.Ref(0), Item(1, 2**31, "n"), f"Item.hp: expected i32, got {2**31}"),
    (t.Ref(0), (1, 2, 3), "Item.name: expected str, got 3"),
    (t.Ref(0), Other(1), "expected Item, got Other(value=1)"),
    (t.Ref(1), [Item(1, 1, LONG), Item(1, 1, None)], "Item.name: expected str, got None"),
]


@both
@pytest.mark.parametrize(("type_", "value", "words"), BAD_VALUES, ids=[b[2] for b in BAD_VALUES])
def test_bad_values(implementation: Any, type_: t.Type, value: Any, words: str) -> None:
    codec = make(implementation, type_, SPACE, {0: Item})
    with pytest.raises(EncodeError) as raised:
        codec.encode(value)
    assert str(raised.value).startswith(words)
    assert raised.value.path == (words.partition(":")[0] if ": " in words[:16] else "")


@both
def test_a_field_that_was_never_set(implementation: Any) -> None:
    @dataclasses.dataclass(slots=True)
    class Row:
        id: int
        hp: int
        name: str

    codec = make(implementation, t.Ref(0), SPACE, {0: Row})
    row = Row(1, 2, "n")
    del row.hp
    with pytest.raises(EncodeError, match=r"^Row\.hp: the field is not set$"):
        codec.encode(row)


@both
def test_a_released_view_is_no_bytes(implementation: Any) -> None:
    view = memoryview(b"abc")
    codec = make(implementation, t.BYTES)
    assert codec.encode(view[::2]) == b"\x02\x00\x00\x00ac"
    assert codec.encode(memoryview(bytearray(b"abcd")).cast("H")) == b"\x04\x00\x00\x00abcd"
    view.release()
    with pytest.raises(EncodeError, match="expected bytes"):
        codec.encode(view)


@both
def test_a_list_that_changes_while_it_is_written(implementation: Any) -> None:
    items: list[Any] = []

    class Sly:
        __match_args__ = ("id", "hp", "name")
        id: int
        hp = 1
        name = "n"

        @property
        def id(self) -> int:
            items.clear()
            return 1

    Sly.__annotations__ = {"id": int, "hp": int, "name": str}
    codec = make(implementation, t.Ref(1), SPACE, {0: Sly})
    items[:] = [Sly(), Sly()]
    with pytest.raises(EncodeError, match="the list changed meanwhile"):
        codec.encode(items)


# --- nesting, memory, references -----------------------------------------------------------------

#: A tree, and a list of lists without end.
NESTED = t.Typespace((t.product(next=t.option(t.Ref(0))), t.Array(t.Ref(1))))


@both
def test_nesting_is_bounded_both_ways(implementation: Any) -> None:
    tree = make(implementation, t.Ref(0), NESTED)
    deepest: Any = (None,)
    for _ in range(63):
        deepest = (deepest,)
    assert tree.decode(tree.encode(deepest)) == deepest
    with pytest.raises(EncodeError, match="nested deeper than 128"):
        tree.encode((deepest,))
    with pytest.raises(DecodeError, match="nested deeper than 128 at byte 64"):
        tree.decode(b"\x00" * 64 + b"\x01")


@both
def test_a_deep_claim_reserves_little(implementation: Any) -> None:
    """Each level says that all the rest are its elements; nobody may believe all of them."""
    data = b"".join(((1 << 20) - at - 4 >> 2).to_bytes(4, "little") for at in range(0, 1 << 20, 4))
    codec = make(implementation, t.Ref(1), NESTED)
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError, match="nested deeper than 128"):
            codec.decode(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(data)


@both
def test_refused_bytes_leave_nothing_behind(implementation: Any) -> None:
    space = t.Typespace(
        (
            t.product(id=t.U64, name=t.STRING, tags=t.Array(t.Ref(0)), who=t.IDENTITY, at=t.UUID),
            t.sum_of(a=t.Ref(0), b=t.option(t.option(t.U128))),
        )
    )

    class Row(msgspec.Struct):
        id: int
        name: str
        tags: list[Any]
        who: v.Identity
        at: uuid.UUID

    codec = make(implementation, t.Array(t.Ref(1)), space, {0: Row})
    leaf = Row(2**63, "n" * 40, [], IDENTITY, A_UUID)
    row = Row(2**63, "n" * 40, [leaf, leaf], IDENTITY, A_UUID)
    valid = codec.encode([v.Tagged(0, "a", row), v.Tagged(1, "b", v.Some(2**100))])
    bad = [valid[:length] for length in range(len(valid))] + [valid + b"x"]
    bad += [valid[:at] + b"\xff" + valid[at + 1 :] for at in range(len(valid))]

    def refuse_all() -> None:
        for data in bad:
            try:
                codec.decode(data)
            except DecodeError:
                pass
            with pytest.raises(EncodeError):
                codec.encode([v.Tagged(0, "a", Row(1, "n", [row, 5], IDENTITY, A_UUID))])

    refuse_all()
    gc.collect()
    counted = (Row, v.Identity, v.Tagged, v.Some, uuid.UUID, IDENTITY, A_UUID, row, leaf, None)
    gc.freeze()  # what other tests left is neither counted nor collected in between
    before, objects = [sys.getrefcount(o) for o in counted], len(gc.get_objects())
    tracemalloc.start()
    try:
        refuse_all()
        gc.collect()
        first = tracemalloc.get_traced_memory()[0]
        for _ in range(4):
            refuse_all()
        gc.collect()
        second = tracemalloc.get_traced_memory()[0]
        objects_after = len(gc.get_objects())
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    after = [sys.getrefcount(o) for o in counted]
    # None is held by everybody: a leak would show as one for each of the hundreds of failures.
    assert all(abs(a - b) < 100 for a, b in zip(after, before, strict=True)), (before, after)
    assert after[:-1] == before[:-1]
    assert abs(objects_after - objects) < 50
    # The smallest object has 16 bytes: one for each of four refusals would be more.
    assert second - first < 48 * len(bad)


@both
def test_a_codec_goes_with_its_class(implementation: Any) -> None:
    """Class and codec may hold each other: the collector must find that."""
    import weakref

    class Row(msgspec.Struct, weakref=True):
        id: int
        hp: int
        name: str
        codec = None

    holder = {"codec": make(implementation, t.Ref(0), SPACE, {0: Row})}
    Row.codec = holder["codec"]
    gone = weakref.ref(Row)
    del Row, holder
    for _ in range(3):
        gc.collect()
    assert gone() is None


# --- classes -------------------------------------------------------------------------------------


def _classes() -> list[Any]:
    fields = [("id", int), ("hp", int), ("name", str)]
    return [
        msgspec.defstruct("Struct", fields),
        msgspec.defstruct("Frozen", fields, frozen=True),
        msgspec.defstruct("NoGc", fields, gc=False),
        msgspec.defstruct("KwOnly", fields, kw_only=True),
        msgspec.defstruct("Weak", fields, weakref=True, dict=True, cache_hash=True, frozen=True),
        dataclasses.make_dataclass("Slots", fields, slots=True),
        dataclasses.make_dataclass("FrozenSlots", fields, slots=True, frozen=True),
        dataclasses.make_dataclass("Plain", fields),
        dataclasses.make_dataclass("PlainKwOnly", fields, kw_only=True),
    ]


@both
@pytest.mark.parametrize("class_", _classes(), ids=lambda class_: class_.__name__)
def test_rows_of_every_kind_of_class(implementation: Any, class_: Any) -> None:
    codec = make(implementation, t.Ref(0), SPACE, {0: class_})
    value = class_(id=7, hp=-1, name="bob")
    data = codec.encode(value)
    assert data == codec.encode((7, -1, "bob"))
    back = codec.decode(data)
    assert type(back) is class_
    assert back == value
    assert repr(back) == repr(value)

    class Sub(class_):  # type: ignore[misc]  # the base is drawn at run time
        pass

    assert codec.encode(Sub(id=7, hp=-1, name="bob")) == data


@both
def test_a_class_that_does_more_than_store_is_called(implementation: Any) -> None:
    class Checked(msgspec.Struct):
        id: int
        hp: int
        name: str

        def __post_init__(self) -> None:
            self.name = self.name.upper()

    @dataclasses.dataclass(slots=True)
    class Handmade:
        id: int
        hp: int
        name: str

        def __init__(self, id: int, hp: int, name: str) -> None:
            self.id, self.hp, self.name = id, hp, name.upper()

    @attrs.define
    class Converted:
        id: int
        hp: int
        name: str = attrs.field(converter=str.upper)

    @attrs.define
    class Completed:
        id: int
        hp: int
        name: str

        def __attrs_post_init__(self) -> None:
            self.name = self.name.upper()

    @attrs.define(init=False)
    class Attributes:
        id: int
        hp: int
        name: str

        def __init__(self, id: int, hp: int, name: str) -> None:
            self.__attrs_init__(id, hp, name.upper())  # type: ignore[attr-defined]  # made by attrs

    for class_ in (Checked, Handmade, Converted, Completed, Attributes):
        codec = make(implementation, t.Ref(0), SPACE, {0: class_})
        assert codec.decode(codec.encode((1, 2, "bob"))).name == "BOB"
        assert not program.is_plain(class_, ("id", "hp", "name"))


@needs_c
def test_structs_of_atoms_need_no_collector() -> None:
    """As msgspec makes them; and one that is given a list later is seen again."""
    row_class = msgspec.defstruct("Row", [("id", int), ("hp", int), ("name", Any)])
    row = make(CCodec, t.Ref(0), SPACE, {0: row_class}).decode(bytes(16))
    assert not gc.is_tracked(row)
    row.name = [row]
    assert gc.is_tracked(row)
    tagged = make(CCodec, t.sum_of(a=t.Array(t.U8), b=t.Array(t.U16))).decode(
        b"\x01\x00\x00\x00\x00"
    )
    assert gc.is_tracked(tagged)


@both
def test_members_of_an_enum(implementation: Any) -> None:
    class Colour(enum.Enum):
        RED = "red"
        BLUE = "blue"

    space = t.Typespace((t.sum_of(red=t.UNIT, blue=t.UNIT),))
    codec = make(implementation, t.Ref(0), space, {0: Colour})
    assert codec.encode(Colour.BLUE) == b"\x01"
    assert codec.decode(b"\x00") is Colour.RED
    for wrong in ("blue", 1, [], None):
        with pytest.raises(EncodeError, match="expected a member of the enum"):
            codec.encode(wrong)
    with pytest.raises(DecodeError, match="tag 2 is outside the 2 variants"):
        codec.decode(b"\x02")


@both
def test_rows_by_offset_and_by_size(implementation: Any) -> None:
    codec = make(implementation, t.STRING)
    data = codec.encode_all(["a", "", "bc"])
    assert codec.decode_rows(data, [0, 5, 9]) == ["a", "", "bc"]
    assert codec.decode_rows(b"", []) == []
    for offsets, words in [
        ([], "15 bytes are left over at byte 0"),
        ([0, 6, 9], "row 0 is said to end at 6 at byte 5"),
        ([0, 4, 9], "stream ends after 0 bytes, expected 1, at byte 4"),
        ([1, 5, 9], "row 0 is said to start at 1 at byte 0"),
        ([0, 5, 2**64 - 1], "row 1 is said to start at 5 at byte 5"),
        ([0, 5, 9, 15], "stream ends after 0 bytes, expected 4, at byte 15"),
    ]:  # fmt: skip
        with pytest.raises(DecodeError) as raised:
            codec.decode_rows(data, offsets)
        assert str(raised.value) == words
    assert codec.decode_fixed(codec.encode_all(["a", "b"]), 5) == ["a", "b"]
    with pytest.raises(DecodeError, match="9 bytes are not rows of 5 bytes each at byte 0"):
        codec.decode_fixed(data[:9], 5)
    with pytest.raises(DecodeError, match="row 0 is said to end at 5 at byte 4"):
        codec.decode_fixed(codec.encode_all(["", "ab"]), 5)
    with pytest.raises(DecodeError, match="a value without bytes cannot be counted"):
        make(implementation, t.UNIT).decode_all(b"x")
    with pytest.raises(DecodeError, match="offset 3 is outside the 2 bytes"):
        codec.decode_from(b"ab", 3)


@needs_c
@pytest.mark.parametrize(
    "nonsense",
    [
        (), ((),), (("what",),), (("int", 3, True),), (("int", 4),), (("array", 1, 0),),
        (("array", -1, 0),), (("array", 2**70, 0),), (("struct", None, ("a",), ()),),
        (("struct", 5, (), ()),), (("struct", None, (1,), (0,)),), (("sum", (0,)),), ("int",),
        (("tagged", ("a",), ()),), (("option", 0, 1),), (("fixed", 0),), (("fixed", 2**62),),
        (("enum", ("x",) * 257),), (("float", 2),), (("sum", ("x",)),),
    ],
)  # fmt: skip
def test_no_program_makes_the_c_codec_fall(nonsense: Any) -> None:
    with pytest.raises((ValueError, OverflowError)):
        CCodec(nonsense)


def test_the_built_codec_is_the_one_that_runs() -> None:
    python = CCodec is None or os.environ.get("HARNESS_PURE_PYTHON")
    assert ("python" if python else "c") == codec_module.IMPLEMENTATION


def test_classes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SchemaError, match="Other has 1 fields, its type has 3"):
        program.build(t.Ref(0), SPACE, {0: Other})
    with pytest.raises(SchemaError, match="contains itself without end"):
        program.build(t.Ref(0), t.Typespace((t.product(a=t.Ref(0)),)))
    with pytest.raises(SchemaError, match="outside the typespace of 0"):
        program.build(t.Ref(0))
