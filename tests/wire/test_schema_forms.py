"""V9 and V10, as JSON and as bytes: what is written is read, and as others read it."""

from __future__ import annotations

import dataclasses
import json
import re
import struct
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DecodeError, HarnessError, SchemaError, TargetError
from harness.module import load
from harness.targets import npm
from harness.wire import schema as s
from harness.wire import schema_bsatn, schema_json
from harness.wire import schema_raw as raw
from harness.wire import types as t
from harness.wire.schema_submodules import DEEPEST, joined
from tests.wire.test_schema import MODULE

# --- random definitions ---------------------------------------------------------------------------

_NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
_TYPES = st.recursive(
    st.sampled_from([t.U8, t.U64, t.I128, t.U256, t.F32, t.BOOL, t.STRING, t.IDENTITY,
                     t.TIMESTAMP, t.SCHEDULE_AT, t.UNIT, t.BYTES, t.Ref(0)]),
    lambda inner: st.one_of(
        inner.map(t.Array),
        inner.map(t.option),
        st.dictionaries(_NAMES, inner, max_size=3).map(lambda x: t.product(**x)),
        st.dictionaries(_NAMES, inner, min_size=1, max_size=3).map(lambda x: t.sum_of(**x)),
    ),
    max_leaves=4,
)  # fmt: skip
_PARAMS = st.dictionaries(_NAMES, _TYPES, max_size=3).map(lambda x: t.product(**x))
_WIDE = st.one_of(st.none(), st.integers(-(2**127), 2**127 - 1))


@st.composite
def _tables(draw: st.DrawFn, name: str, rows: list[t.Type], row: int) -> s.TableDef:
    product = rows[row]
    assert isinstance(product, t.Product)
    columns = list(range(len(product.elements)))
    some = st.lists(st.sampled_from(columns), min_size=1, max_size=2, unique=True).map(tuple)
    indexes = [
        s.IndexDef(f"{name}_i{i}", draw(st.one_of(st.none(), _NAMES)), algorithm, found)
        for i, found in enumerate(draw(st.lists(some, max_size=2)))
        for algorithm in [draw(st.sampled_from(s.IndexAlgorithm))]
        if algorithm is not s.IndexAlgorithm.DIRECT or len(found) == 1
    ]
    schedule = s.ScheduleDef(f"{name}_sched", name, draw(st.sampled_from(columns)), "f0")
    return s.TableDef(
        name,
        draw(_NAMES) + name,
        row,
        draw(st.one_of(st.none(), st.sampled_from(columns))),
        tuple(indexes),
        tuple(
            s.UniqueDef(f"{name}_u{i}", found)
            for i, found in enumerate(draw(st.lists(some, max_size=2)))
        ),
        tuple(
            s.SequenceDef(f"{name}_q{i}", column, draw(_WIDE), draw(_WIDE), draw(_WIDE), draw(
                st.integers(-(2**127), 2**127 - 1)))
            for i, column in enumerate(draw(st.lists(st.sampled_from(columns), max_size=1)))
        ),
        draw(st.sampled_from([None, schedule])),
        *(draw(st.booleans()) for _ in range(3)),
        tuple(s.DefaultValue(c, draw(st.binary(max_size=4)))
              for c in draw(st.lists(st.sampled_from(columns), max_size=1))),
    )  # fmt: skip


@st.composite
def modules(draw: st.DrawFn) -> s.ModuleDef:
    """Anything that the model can say, with names that are each other's own."""
    fields = st.dictionaries(_NAMES, _TYPES, min_size=1, max_size=4)
    space: list[t.Type] = [t.product(**draw(fields)) for _ in range(draw(st.integers(1, 3)))]
    functions = [f"f{i}" for i in range(draw(st.integers(0, 6)))]
    kinds = [draw(st.sampled_from(["reducer", "procedure", "view"])) for _ in functions]
    accessors = [f"{draw(_NAMES)}{name}" for name in functions]

    def named(kind: str) -> list[tuple[str, str]]:
        found = zip(functions, accessors, kinds, strict=True)
        return [(name, accessor) for name, accessor, own in found if own == kind]

    lifecycles = draw(st.permutations([None, None, None, *s.Lifecycle]))
    return s.ModuleDef(
        t.Typespace(tuple(space)),
        tuple(
            draw(_tables(name, space, draw(st.integers(0, len(space) - 1))))
            for name in sorted(f"t{i}" for i in range(draw(st.integers(1, 3))))
        ),
        tuple(
            s.ReducerDef(*names, draw(_PARAMS), lifecycle, draw(st.booleans()))
            for names, lifecycle in zip(named("reducer"), lifecycles, strict=False)
        ),
        tuple(
            s.TypeDef(tuple(draw(st.lists(_NAMES, max_size=2))), f"{draw(_NAMES)}{i}", i)
            for i in range(len(space))
        ),
        tuple(
            s.ProcedureDef(*names, draw(_PARAMS), draw(_TYPES), draw(st.booleans()))
            for names in named("procedure")
        ),
        tuple(
            s.ViewDef(*names, i, draw(st.booleans()), draw(st.booleans()), draw(_PARAMS),
                      t.Array(t.Ref(0)), tuple(draw(st.lists(_NAMES, max_size=2))))
            for i, names in enumerate(named("view"))
        ),
        tuple(draw(st.lists(st.text(max_size=10), max_size=2))),
        (s.Submodule(draw(_NAMES), draw(modules())),) if draw(st.integers(0, 3)) == 3 else (),
    )  # fmt: skip


def v9_of(module: s.ModuleDef) -> s.ModuleDef:
    """What V9 has a place for."""

    def plain(found: tuple[Any, ...], **lost: Any) -> tuple[Any, ...]:
        return tuple(dataclasses.replace(x, accessor=x.name, **lost) for x in found)

    return dataclasses.replace(
        module,
        submodules=(),
        tables=plain(module.tables, event=False),
        reducers=plain(module.reducers, private=False),
        procedures=plain(module.procedures, private=False),
        views=plain(module.views, primary_key=()),
    )


@given(modules())
def test_whatever_is_written_is_read(module: s.ModuleDef) -> None:
    v10, v9 = schema_json.to_v10(module), schema_json.to_v9(module)
    assert schema_json.from_json(json.loads(json.dumps(v10))) == module
    assert schema_json.from_json(json.loads(json.dumps(v9))) == v9_of(module)
    assert schema_bsatn.from_bsatn(schema_bsatn.to_bsatn_v10(module)) == module
    assert schema_bsatn.from_bsatn(schema_bsatn.to_bsatn(module)) == v9_of(module)


@given(modules(), st.data())
def test_damaged_bytes_are_refused_or_mean_something(
    module: s.ModuleDef, data: st.DataObject
) -> None:
    whole = bytearray(schema_bsatn.to_bsatn_v10(module))
    at = data.draw(st.integers(1, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(whole), bytes(whole[:at])):
        try:
            schema_bsatn.from_bsatn(damaged)
        except HarnessError:
            continue


# --- bytes ----------------------------------------------------------------------------------------


def test_the_bytes_of_v10() -> None:
    module = s.ModuleDef(
        t.Typespace((t.product(x=t.U8),)),
        (s.TableDef("t", "T", 0, public=True, event=True),),
    )
    assert schema_bsatn.to_bsatn_v10(module).hex() == (
        "02" "06000000"
        # types: Product{x: U8}; names of types: none
        "00" "01000000" "02" "01000000" "00" "01000000" "78" "07"
        "01" "00000000"
        # the table T: its row, no key, indexes, constraints, sequences; of the user, public
        "02" "01000000" "01000000" "54" "00000000" "00000000" "00000000" "00000000" "00000000"
        "01" "00" "00000000" "01"
        # reducers: none; names stand as they are; T is called t
        "03" "00000000"
        "09" "00"
        "0a" "01000000" "00" "01000000" "54" "01000000" "74"
    )  # fmt: skip


def test_the_bytes_of_a_submodule() -> None:
    inner = s.ModuleDef(t.Typespace(), submodules=(s.Submodule("b", s.ModuleDef(t.Typespace())),))
    module = s.ModuleDef(t.Typespace(), submodules=(s.Submodule("a", inner),))
    empty = "00000000000100000000020000000003000000000900"
    assert schema_bsatn.to_bsatn_v10(module).hex() == (
        "02" "06000000" + empty
        # one of the name a, which has one of the name b
        + "0e" "01000000" "01000000" "61" "06000000" + empty
        + "0e" "01000000" "01000000" "62" "05000000" + empty
    )  # fmt: skip


def test_submodules_inside_of_too_many_others() -> None:
    module = s.ModuleDef(t.Typespace())
    for _ in range(DEEPEST):
        module = s.ModuleDef(t.Typespace(), submodules=(s.Submodule("x", module),))
    deeper = s.ModuleDef(t.Typespace(), submodules=(s.Submodule("x", module),))
    for write, read in (
        (schema_json.to_v10, schema_json.from_json),
        (schema_bsatn.to_bsatn_v10, schema_bsatn.from_bsatn),
    ):
        assert read(write(module)) == module  # type: ignore[operator, arg-type]  # each its own
        with pytest.raises(SchemaError, match="submodules are nested deeper than 16"):
            read(write(deeper))  # type: ignore[operator, arg-type]  # each its own


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({}, "the section Submodules is malformed: it is a list"),
        ([{"namespace": "a"}], "it has objects of namespace and module"),
        ([{"namespace": 5, "module": {"sections": []}}], "a namespace is a text"),
        ([{"namespace": "a", "module": {"V10": {}}}], "a submodule is an object such as"),
        ([{"namespace": "a", "module": {"sections": [{"Types": 5}]}}], "Types is malformed"),
    ],
)
def test_submodules_that_are_none(payload: Any, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        schema_json.from_json({"sections": [{"Submodules": payload}]})


def test_joined_types_and_names_are_those_on_the_wire() -> None:
    table = s.TableDef("items", "Items", 0, schedule=s.ScheduleDef("x", "items", 0, "tick"))
    inner = s.ModuleDef(
        t.Typespace((t.product(next=t.option(t.Ref(0)), many=t.Array(t.Ref(1))), t.sum_of(A=t.U8))),
        (table,),
        (s.ReducerDef("tick", "Tick", t.product(item=t.Ref(0))),),
        (s.TypeDef(("Scope",), "Item", 0),),
        (s.ProcedureDef("p", "P", t.product(a=t.Ref(1)), t.Ref(0)),),
        (s.ViewDef("v", "V", 0, True, True, t.UNIT, t.Array(t.Ref(0))),),
    )
    middle = s.ModuleDef(t.Typespace((t.U8,)), submodules=(s.Submodule("sub", inner),))
    outer = s.ModuleDef(
        t.Typespace((t.product(x=t.U8),)), (s.TableDef("own", "own", 0),),
        submodules=(s.Submodule("lib", middle),),
    )  # fmt: skip
    found = joined(outer)
    assert [(x.name, x.accessor, x.row) for x in found.tables] == [
        ("own", "own", 0), ("lib.sub.items", "lib.sub.Items", 2),
    ]  # fmt: skip
    schedule = found.tables[1].schedule
    assert schedule is not None
    assert (schedule.table, schedule.function) == ("lib.sub.items", "lib.sub.tick")
    assert found.typespace.types[2:] == (
        t.product(next=t.option(t.Ref(2)), many=t.Array(t.Ref(3))), t.sum_of(A=t.U8),
    )  # fmt: skip
    assert found.reducers[0] == s.ReducerDef(
        "lib.sub.tick", "lib.sub.Tick", t.product(item=t.Ref(2))
    )
    assert found.types == (s.TypeDef(("lib", "sub", "Scope"), "Item", 2),)
    assert (found.procedures[0].name, found.procedures[0].returns) == ("lib.sub.p", t.Ref(2))
    assert (found.views[0].name, found.views[0].returns) == ("lib.sub.v", t.Array(t.Ref(2)))


SECTIONS = {
    b"\x0b" + bytes(4): "the section HttpHandlers of a binary module definition is not read",
    b"\x63" + bytes(4): "the section tag 99 of a binary module definition is not read",
    b"\x01" + bytes(4) + b"\x01" + bytes(4): "the section Types stands twice",
    b"\x0e" + bytes(4) + b"\x0e" + bytes(4): "the section Submodules stands twice",
}


@pytest.mark.parametrize("sections", SECTIONS)
def test_sections_that_are_not_read(sections: bytes) -> None:
    count = len(sections) // 5
    with pytest.raises(SchemaError, match=SECTIONS[sections]):
        schema_bsatn.from_bsatn(b"\x02" + struct.pack("<I", count) + sections)


@pytest.mark.parametrize("data", [b"", b"\x02", b"\x02\x01\0\0\0", b"\x02\0\0\0\0x"])
def test_bytes_that_end_early_or_late(data: bytes) -> None:
    with pytest.raises(DecodeError):
        schema_bsatn.from_bsatn(data)


def test_no_definition_is_lost_on_its_way() -> None:
    """What Python modules declare, by every way to whoever generates code of it."""
    for name in ("bench", "examples.chat", "examples.world", "examples.inventory"):
        module = load(f"harness.module.{name}").definition()
        ordered = dataclasses.replace(
            module, tables=tuple(sorted(module.tables, key=lambda x: x.name))
        )
        assert schema_json.from_json(json.loads(json.dumps(schema_json.to_v10(module)))) == ordered
        assert schema_bsatn.from_bsatn(schema_bsatn.to_bsatn_v10(module)) == ordered
    served = schema_bsatn.from_bsatn(schema_bsatn.to_bsatn_v10(MODULE))
    assert schema_json.to_v10(served) == schema_json.to_v10(MODULE)


# --- beside the official client -------------------------------------------------------------------

#: The classes here, by what the official TypeScript client calls them.
OFFICIAL = {
    "RawTypeDefV10": raw.TypeV10, "RawTableDefV10": raw.TableV10,
    "RawReducerDefV10": raw.ReducerV10,
    "RawProcedureDefV10": raw.ProcedureV10, "RawViewDefV10": raw.ViewV10,
    "RawScheduleDefV10": raw.ScheduleV10, "RawLifeCycleReducerDefV10": raw.LifecycleV10,
    "RawIndexDefV10": raw.IndexV10, "RawConstraintDefV10": raw.ConstraintV10,
    "RawSequenceDefV10": raw.SequenceV10, "RawColumnDefaultValueV10": raw.DefaultV10,
    "RawScopedTypeNameV10": raw.ScopedNameV10, "NameMapping": raw.NameMapping,
    "ExplicitNames": raw.ExplicitNames, "RawViewPrimaryKeyDefV10": raw.ViewPrimaryKey,
    "RawModuleDefV9": raw.ModuleV9, "RawTableDefV9": raw.TableV9, "RawReducerDefV9": raw.ReducerV9,
    "CaseConversionPolicy": raw.Policy, "FunctionVisibility": raw.Visibility,
}  # fmt: skip


def _official() -> dict[str, list[str]]:
    """Its own types: the names of their fields or variants, in wire order."""
    text = (npm_folder() / "src/lib/autogen/types.ts").read_text()
    found = {}
    pattern = r"export const (\w+) = __t\.(?:object|enum)\(\s*'\w+',\s*\{(.*?)\n *\}\s*\);"
    for name, body in re.findall(pattern, text, re.DOTALL):
        found[name] = re.findall(r"^ {2,4}(?:get )?(\w+)(?:\(\)|:)", body, re.MULTILINE)
    return found


def npm_folder() -> Path:
    try:
        return npm.install("2.10.1") / "node_modules" / "spacetimedb"
    except TargetError as error:
        pytest.skip(str(error))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@pytest.mark.npm
@pytest.mark.parametrize("name", OFFICIAL)
def test_fields_stand_as_in_the_official_client(name: str) -> None:
    class_ = OFFICIAL[name]
    if issubclass(class_, Enum):
        ours = [str(member.value) for member in class_]
    else:
        assert issubclass(class_, msgspec.Struct)
        ours = [_camel(field) for field in class_.__struct_fields__]
    assert [x for x in _official()[name] if x != "return"] == ours


@pytest.mark.npm
def test_sections_have_the_tags_of_the_official_client() -> None:
    theirs = [x for x in _official()["RawModuleDefV10Section"] if x != "return"]
    tags = {name: theirs.index(name) for name in raw.SECTIONS}
    assert tags == schema_bsatn._TAGS
    assert theirs.index(raw.SUBMODULES) == schema_bsatn._SUBMODULES
    assert _official()["RawSubmoduleV10"] == ["namespace", "module"]
    assert [x for x in _official()["RawModuleDef"] if x != "return"] == [
        "V8BackCompat",
        "V9",
        "V10",
    ]
    names = [x for x in _official()["ExplicitNameEntry"] if x != "return"]
    assert names == ["Table", "Function", "Index"]
    encode = raw.bsatn(raw.ExplicitNames).encode
    for tag, kind in enumerate((raw.TableName, raw.FunctionName, raw.IndexName)):
        data = encode(raw.ExplicitNames([kind(raw.NameMapping("", ""))]))
        assert data[4] == tag
