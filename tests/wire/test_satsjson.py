"""SATS-JSON: what is written in both styles, every form that is read, and what is refused."""

from __future__ import annotations

import enum
import math
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given

from harness.errors import DecodeError, EncodeError
from harness.wire import codec, jsontext
from harness.wire import types as t
from harness.wire import values as v
from harness.wire.program import SumBinding
from harness.wire.satsjson import JsonCodec, compile_json
from tests.wire.cases import Case, cases

IDENTITY = v.Identity.from_hex("c2" + "00" * 30 + "ab")
ID_TEXT = "0xc2" + "00" * 30 + "ab"
PERSON = t.product(id=t.U32, name=t.STRING, nick=t.option(t.STRING))

#: (type, value, named JSON text, positional JSON text)
TABLE: list[tuple[t.Type, Any, str, str]] = [
    (t.BOOL, True, "true", "true"),
    (t.U64, 2**64 - 1, "18446744073709551615", "18446744073709551615"),
    (t.U128, 2**128 - 1, str(2**128 - 1), str(2**128 - 1)),
    (t.I128, -(2**127), str(-(2**127)), str(-(2**127))),
    (t.U256, 31, '"0x1f"', '"0x1f"'),
    (t.I256, -(2**255), '"-0x8' + "0" * 63 + '"', '"-0x8' + "0" * 63 + '"'),
    (t.F64, 0.1, "0.1", "0.1"),
    (t.F32, 0.10000000149011612, "0.1", "0.1"),
    (t.F32, 3.4028234663852886e38, "3.4028235e38", "3.4028235e38"),
    (t.STRING, 'a"é', '"a\\"é"', '"a\\"é"'),
    (t.BYTES, b"\x00\xff", '"00ff"', '"00ff"'),
    (t.Array(t.U16), [1, 2], "[1,2]", "[1,2]"),
    (t.UNIT, (), "[]", "[]"),
    (PERSON, (7, "bob", None), '{"id":7,"name":"bob","nick":{"none":[]}}', '[7,"bob",[1,[]]]'),
    (
        PERSON, (7, "bob", "b"), '{"id":7,"name":"bob","nick":{"some":"b"}}',
        '[7,"bob",[0,"b"]]',
    ),
    (t.option(t.option(t.U8)), v.Some(None), '{"some":{"none":[]}}', "[0,[1,[]]]"),
    (t.result(t.U8, t.STRING), v.Err("no"), '{"err":"no"}', '[1,"no"]'),
    (t.sum_of(a=t.U8, b=t.UNIT), v.Tagged(1, "b", ()), '{"b":[]}', "[1,[]]"),
    (t.Sum((t.Variant(None, t.U8),)), v.Tagged(0, None, 5), "[0,5]", "[0,5]"),
    (t.Product((t.Element(None, t.U8), t.Element("x", t.U8))), (1, 2), "[1,2]", "[1,2]"),
    (t.IDENTITY, IDENTITY, f'{{"__identity__":"{ID_TEXT}"}}', f'["{ID_TEXT}"]'),
    (
        t.CONNECTION_ID, v.ConnectionId.from_int(2**127 + 1),
        f'{{"__connection_id__":{2**127 + 1}}}', f"[{2**127 + 1}]",
    ),
    (
        t.TIMESTAMP, v.Timestamp(-5), '{"__timestamp_micros_since_unix_epoch__":-5}', "[-5]",
    ),
    (t.TIME_DURATION, v.TimeDuration(5), '{"__time_duration_micros__":5}', "[5]"),
    (t.UUID, uuid.UUID(int=2**100), f'{{"__uuid__":{2**100}}}', f"[{2**100}]"),
    (
        t.SCHEDULE_AT, v.Interval(v.TimeDuration(5)),
        '{"Interval":{"__time_duration_micros__":5}}', "[0,[5]]",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "value", "named", "positional"), TABLE)
def test_both_styles(type_: t.Type, value: Any, named: str, positional: str) -> None:
    by_name, by_place = compile_json(type_), compile_json(type_, positional=True)
    assert by_name.dumps(value) == named
    assert by_place.dumps(value) == positional
    for codec_ in (by_name, by_place):
        assert codec_.loads(named) == codec_.loads(positional) == value


#: (type, JSON text, value): further forms that are read
READ: list[tuple[t.Type, str, Any]] = [
    (PERSON, '{"nick":null,"name":"bob","id":7}', (7, "bob", None)),
    (PERSON, '[7,"bob",null]', (7, "bob", None)),
    (PERSON, '[7,"bob",{"0":"b"}]', (7, "bob", "b")),
    (t.UNIT, "{}", ()),
    (t.option(t.U8), '{"none":{}}', None),
    (t.sum_of(a=t.U8, b=t.UNIT), '{"1":[]}', v.Tagged(1, "b", ())),
    (t.Sum((t.Variant("1", t.U8), t.Variant("0", t.U8))), '{"1":5}', v.Tagged(0, "1", 5)),
    (t.BYTES, '"00FF"', b"\x00\xff"),
    (t.BYTES, "[0,255]", b"\x00\xff"),
    (t.U256, '"0x001F"', 31),
    (t.F32, "1e39", math.inf),
    (t.F32, "-1e39", -math.inf),
    (t.F64, "1" + "0" * 400, math.inf),
    (t.F64, "7", 7.0),
]


@pytest.mark.parametrize(("type_", "text", "value"), READ)
def test_forms_that_are_read(type_: t.Type, text: str, value: Any) -> None:
    assert compile_json(type_).loads(text) == value


def test_numbers_that_json_has_not_are_null() -> None:
    for type_ in (t.F32, t.F64):
        for number in (math.nan, math.inf, -math.inf):
            assert compile_json(type_).dumps(number) == "null"
        assert math.isnan(compile_json(type_).loads("null"))


NESTED = t.product(items=t.Array(PERSON), by=t.sum_of(who=PERSON))
GOOD = '{"items":[{"id":1,"name":"a","nick":null}],"by":{"who":[1,"a",null]}}'
BAD: list[tuple[t.Type, str, str]] = [
    (NESTED, GOOD.replace('"id":1', '"id":"1"'), "$.items[0].id: expected u32, got '1'"),
    (NESTED, GOOD.replace("[1,", "[-1,"), "$.by.who.id: expected u32, got -1"),
    (NESTED, GOOD.replace('"id":1,', ""), "$.items[0]: the field 'id' is missing"),
    (NESTED, GOOD.replace('"id":', '"ids":'), "$.items[0]: there is no field 'ids'"),
    (NESTED, GOOD.replace('[1,"a",null]', '[1,"a"]'), "$.by.who: expected 3 fields, got 2"),
    (NESTED, GOOD.replace('"who"', '"what"'), "$.by: 'what' is none of the 1 variants"),
    (t.U8, "1.0", "$: expected u8, got 1.0"),
    (t.U8, "true", "$: expected u8, got True"),
    (t.U8, "null", "$: expected u8, got None"),
    (t.U128, f"{2**128}", f"$: expected u128, got {2**128}"),
    (t.U256, "31", '$: expected text such as "0x1f", got 31'),
    (t.U256, '"31"', "$: expected text such as \"0x1f\", got '31'"),
    (t.U256, '"0x"', "$: expected text such as \"0x1f\", got '0x'"),
    (t.U256, '"0x 1"', "$: expected text such as \"0x1f\", got '0x 1'"),
    (t.U256, '"-0x1"', "$: expected u256, got -1"),
    (t.STRING, "5", "$: expected text, got 5"),
    (t.STRING, '"\\ud800"', "$: expected text without lone surrogates, got '\\ud800'"),
    (t.BYTES, '"0x00"', "$: expected hexadecimal text or an array of bytes, got '0x00'"),
    (t.BYTES, '"0"', "$: expected hexadecimal text or an array of bytes, got '0'"),
    (t.BYTES, "[256]", "$: expected hexadecimal text or an array of bytes, got [256]"),
    (t.BYTES, "[true]", "$: expected hexadecimal text or an array of bytes, got [True]"),
    (t.Array(t.U8), "5", "$: expected hexadecimal text or an array of bytes, got 5"),
    (t.Array(t.U16), "{}", "$: expected an array, got {}"),
    (t.option(t.U8), "5", '$: expected {"Name": payload} or [tag, payload], got 5'),
    (t.option(t.U8), "[2,5]", "$: tag 2 is none of the 2 variants"),
    (t.option(t.U8), "[-1,5]", "$: tag -1 is none of the 2 variants"),
    (t.option(t.U8), '{"2":5}', "$: '2' is none of the 2 variants"),
    (t.F64, '"1"', "$: expected a number, got '1'"),
    (t.IDENTITY, f'"{ID_TEXT}"', "$: expected an object, got "),
]


@pytest.mark.parametrize(("type_", "text", "words"), BAD)
def test_what_does_not_fit_is_refused_with_its_path(type_: t.Type, text: str, words: str) -> None:
    with pytest.raises(EncodeError) as raised:
        compile_json(type_).loads(text)
    assert str(raised.value).startswith(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON: Expecting property name enclosed in double quotes at byte 1"),
        ('{"a":1,"a":2}', "the key 'a' stands twice in an object"),
        ("NaN", "NaN is not a number of JSON"),
        ("-Infinity", "-Infinity is not a number of JSON"),
        ("[" * 100_000, "JSON text is nested too deeply"),
        ("1" * 5000, "not JSON: Exceeds the limit"),
        (b"\xff", "JSON text is not UTF-8 at byte 0"),
    ],
    ids=["cut", "twice", "nan", "infinity", "deep", "long", "utf-8"],
)
def test_text_that_is_no_json(text: str | bytes, words: str) -> None:
    with pytest.raises(DecodeError, match=words):
        jsontext.loads(text)


def test_nesting_is_bounded() -> None:
    space = t.Typespace((t.product(next=t.option(t.Ref(0))),))
    codec_ = compile_json(t.Ref(0), space)
    with pytest.raises(EncodeError, match="nested deeper than 128"):
        codec_.loads('{"next":{"some":' * 200 + "null" + "}}" * 200)
    value: Any = (None,)
    for _ in range(100):
        value = (value,)
    with pytest.raises(EncodeError, match="nested deeper than 128"):
        codec_.to_json(value)


def test_classes_are_filled() -> None:
    class Colour(enum.Enum):
        RED = 0
        BLUE = 1

    class Move(msgspec.Struct):
        x: int
        y: int

    class Say(msgspec.Struct):
        text: str

    class Quit(msgspec.Struct):
        pass

    space = t.Typespace(
        (
            t.sum_of(Red=t.UNIT, Blue=t.UNIT),
            t.product(x=t.I32, y=t.I32),
            t.sum_of(Move=t.Ref(1), Say=t.STRING, Quit=t.UNIT),
        )
    )
    bindings = {0: Colour, 1: Move, 2: SumBinding((Move, Say, Quit), (True, False, False))}
    codec_ = compile_json(t.Array(t.Ref(2)), space, bindings)
    values = [Move(1, 2), Say("hi"), Quit()]
    text = '[{"Move":{"x":1,"y":2}},{"Say":"hi"},{"Quit":[]}]'
    assert codec_.dumps(values) == text
    assert codec_.loads(text) == values
    in_order = compile_json(t.Array(t.Ref(2)), space, bindings, positional=True)
    assert in_order.dumps(values) == '[[0,[1,2]],[1,"hi"],[2,[]]]'
    colours = compile_json(t.Ref(0), space, bindings)
    assert colours.dumps(Colour.BLUE) == '{"Blue":[]}'
    assert colours.loads("[0,[]]") is Colour.RED
    with pytest.raises(EncodeError, match="expected one of Move, Say, Quit, got 5"):
        codec_.to_json([5])


def _both_styles(case: Case) -> list[JsonCodec]:
    arguments = case.type, case.typespace, case.bindings
    return [compile_json(*arguments, positional=positional) for positional in (False, True)]


@given(case=cases())
def test_any_value_comes_back_in_both_styles(case: Case) -> None:
    binary = codec.compile(case.type, case.typespace, case.bindings)
    for json in _both_styles(case):
        text = json.dumps(case.value)
        back = json.loads(text)
        # NaN and infinities become null, hence NaN; whatever holds none comes back as it was.
        if "null" not in text:
            assert binary.encode(back) == binary.encode(case.value)
        assert json.dumps(back) == text


@given(case=cases(), other=cases())
def test_a_value_of_another_type_is_refused_or_fits(case: Case, other: Case) -> None:
    for json, foreign in zip(_both_styles(case), _both_styles(other), strict=True):
        for convert, value in (
            (json.to_json, other.value),
            (json.from_json, foreign.to_json(other.value)),
        ):
            try:
                convert(value)
            except EncodeError as error:
                assert error.path.startswith("$")  # noqa: PT017  (either outcome is right)
