"""Words on a command line as the arguments of a function."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.call_arguments import Arguments
from harness.errors import PlanError
from harness.wire import jsontext, satsjson
from harness.wire import types as t
from harness.wire.schema import ModuleDef, ReducerDef, TypeDef

POINT = t.product(x=t.I32, y=t.I32)
MOOD = t.sum_of(Happy=t.UNIT, Sad=t.UNIT, Other=t.STRING)
SPACE = t.Typespace((POINT, MOOD))
SCHEMA = ModuleDef(SPACE, types=(TypeDef((), "Point", 0), TypeDef((), "Mood", 1)))


def arguments(**params: t.Type) -> Arguments:
    return Arguments(SCHEMA, ReducerDef("go", "go", t.product(**params)))


IDENTITY = "c2" + "0a" * 31


@pytest.mark.parametrize(
    ("type_", "word", "value"),
    [
        (t.STRING, "hello there", "hello there"),
        (t.STRING, '"quoted"', "quoted"),
        (t.STRING, "null", "null"),
        (t.STRING, "7", "7"),
        (t.STRING, "", ""),
        (t.STRING, '"', '"'),
        (t.U32, "7", 7),
        (t.I64, "-7", -7),
        (t.U128, str(2**100), 2**100),
        (t.BOOL, "true", True),
        (t.F64, "1.5", 1.5),
        (t.BYTES, '"0aff"', "0aff"),
        (t.IDENTITY, IDENTITY, {"__identity__": f"0x{IDENTITY}"}),
        (t.IDENTITY, f"0x{IDENTITY}", {"__identity__": f"0x{IDENTITY}"}),
        (t.IDENTITY, f'["0x{IDENTITY}"]', {"__identity__": f"0x{IDENTITY}"}),
        (t.CONNECTION_ID, "0a", {"__connection_id__": 10}),
        (t.TIMESTAMP, "[5]", {"__timestamp_micros_since_unix_epoch__": 5}),
        (t.option(t.STRING), "hello", {"some": "hello"}),
        (t.option(t.STRING), "null", {"none": []}),
        (t.option(t.U32), "null", {"none": []}),
        (t.option(t.U32), "[0, 5]", {"some": 5}),
        (t.Ref(0), '{"x": 1, "y": -1}', {"x": 1, "y": -1}),
        (t.Ref(0), "[1, -1]", {"x": 1, "y": -1}),
        (t.Ref(1), "Happy", {"Happy": []}),
        (t.Ref(1), '{"Other": "x"}', {"Other": "x"}),
        (t.Array(t.U32), "[1, 2]", [1, 2]),
    ],
)
def test_a_word(type_: t.Type, word: str, value: Any) -> None:
    assert arguments(a=type_).from_words([word]) == [value]


@pytest.mark.parametrize(
    ("type_", "word", "said"),
    [
        (
            t.U32,
            "many",
            "argument 1 of go (a: u32) is no JSON: Expecting value at byte 0",
        ),
        (t.U32, "-1", "argument 1 of go (a: u32): expected u32, got -1"),
        (t.U32, '"7"', "argument 1 of go (a: u32): expected u32, got '7'"),
        (t.Ref(0), '{"x": 1}', "argument 1 of go (a: Point): "),
        (t.Ref(1), "Angry", "argument 1 of go (a: Mood) is no JSON"),
        (t.IDENTITY, "xyz", "argument 1 of go (a: Identity) is no JSON"),
        (t.IDENTITY, "0x" + "f" * 65, "argument 1 of go (a: Identity) is no JSON"),
        (t.option(t.U32), "x", "argument 1 of go (a: u32 | None) is no JSON"),
        (t.U32, '{"a": 1, "a": 2}', "the key 'a' stands twice"),
    ],
)
def test_what_is_no_argument(type_: t.Type, word: str, said: str) -> None:
    with pytest.raises(PlanError) as found:
        arguments(a=type_).from_words([word])
    assert said in str(found.value)


def test_too_few_and_too_many_are_told_with_the_signature() -> None:
    of = arguments(id=t.U32, at=t.Ref(0), text=t.option(t.STRING), all=t.Array(t.IDENTITY))
    signature = "go(id: u32, at: Point, text: str | None, all: list[Identity])"
    for words, number in (([], "not 0"), (["1"] * 5, "not 5")):
        with pytest.raises(PlanError) as found:
            of.from_words(words)
        assert str(found.value) == f"go takes 4 arguments, {number}: {signature}"
    with pytest.raises(PlanError, match=r"go takes 0 arguments, not 1: go\(\)"):
        arguments().from_words(["x"])
    with pytest.raises(PlanError, match=r"go takes 1 argument, not 0"):
        arguments(x=t.U8).from_words([])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}', None), ("[1]", None),
        ("{", "--json is no JSON"),
        ("7", "--json has an object with the arguments of go(a: u32)"),
        ("{}", "--json has an object with the arguments of"),
        ('{"a": 1, "b": 2}', "--json has an object with the arguments of"),
        ('{"a": "x"}', "argument 1 of go (a: u32): expected u32, got 'x'"),
        ("[1, 2]", "go takes 1 argument, not 2"),
    ],
)  # fmt: skip
def test_by_name(text: str, said: str | None) -> None:
    if said is None:
        assert arguments(a=t.U32).from_object(text) == [1]
        return
    with pytest.raises(PlanError) as found:
        arguments(a=t.U32).from_object(text)
    assert said in str(found.value)


_TYPES = st.recursive(
    st.sampled_from([t.STRING, t.U8, t.BOOL, t.IDENTITY, t.TIMESTAMP, t.Ref(0), t.Ref(1), t.F32]),
    lambda inner: st.builds(t.Array, inner) | st.builds(t.option, inner),
    max_leaves=3,
)


@given(_TYPES, st.text(max_size=20))
def test_any_word_is_an_argument_or_a_sentence(type_: t.Type, word: str) -> None:
    try:
        (value,) = arguments(a=type_).from_words([word])
    except PlanError as error:
        assert str(error).startswith("argument 1 of go (a: ")  # noqa: PT017  (either is right)
        return
    codec = satsjson.compile_json(type_, SPACE)
    assert codec.to_json(codec.from_json(jsontext.loads(jsontext.dumps(value)))) == value
