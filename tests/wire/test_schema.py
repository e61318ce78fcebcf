"""Module definitions in every form: V9 and V10 as JSON, V9 as bytes, and what is refused."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DecodeError, SchemaError
from harness.wire import schema as s
from harness.wire import schema_bsatn, schema_json, schema_types
from harness.wire import types as t
from harness.wire.schema_names import camel, pascal, snake
from tests.wire.cases import Case, cases

#: Something of everything that the model can say.
MODULE = s.ModuleDef(
    typespace=t.Typespace(
        (
            t.product(id=t.U64, owner=t.IDENTITY, tags=t.Array(t.STRING), kind=t.Ref(1)),
            t.sum_of(small=t.UNIT, large=t.UNIT),
            t.product(scheduled_id=t.U64, scheduled_at=t.SCHEDULE_AT),
            t.product(next=t.option(t.Ref(3)), big=t.Array(t.U256)),
        )
    ),
    tables=(
        s.TableDef(
            name="item",
            accessor="Item",
            row=0,
            primary_key=0,
            indexes=(
                s.IndexDef("item_id_idx_btree", "id", s.IndexAlgorithm.BTREE, (0,)),
                s.IndexDef("item_owner_id_idx_hash", None, s.IndexAlgorithm.HASH, (1, 0)),
                s.IndexDef("item_kind_idx_direct", "kind", s.IndexAlgorithm.DIRECT, (3,)),
            ),
            uniques=(s.UniqueDef("item_id_key", (0,)), s.UniqueDef("item_kind_key", (3,))),
            sequences=(s.SequenceDef("item_id_seq", 0, 1, -(2**127), 2**127 - 1, 2),),
            public=True,
            defaults=(s.DefaultValue(2, b"\x00\x00\x00\x00"),),
        ),
        s.TableDef("purge", "purge", 2, schedule=s.ScheduleDef("purge_sched", "purge", 1, "tick")),
        s.TableDef("shout", "shout", 0, system=True, event=True),
    ),
    reducers=(
        s.ReducerDef("add_item", "AddItem", t.product(id=t.U64, kind=t.Ref(1))),
        s.ReducerDef("tick", "Tick", t.product(timer=t.Ref(2)), private=True),
        s.ReducerDef("init", "init", t.UNIT, s.Lifecycle.INIT, private=True),
    ),
    types=(s.TypeDef((), "Item", 0), s.TypeDef(("deep", "er"), "Kind", 1)),
    procedures=(s.ProcedureDef("compute", "Compute", t.product(n=t.U8), t.option(t.U8), True),),
    views=(
        s.ViewDef("mine", "Mine", 0, True, False, t.UNIT, t.Array(t.Ref(0)), primary_key=("id",)),
    ),
    row_level_security=("SELECT * FROM item WHERE owner = :sender",),
)


def _as_v9_keeps_it(module: s.ModuleDef) -> s.ModuleDef:
    def plain(x: Any, **changes: Any) -> Any:
        return dataclasses.replace(x, accessor=x.name, **changes)

    return dataclasses.replace(
        module,
        tables=tuple(plain(x, event=False) for x in module.tables),
        reducers=tuple(plain(x, private=False) for x in module.reducers),
        procedures=tuple(plain(x, private=False) for x in module.procedures),
        views=tuple(plain(x, primary_key=()) for x in module.views),
    )


def test_v10_keeps_everything() -> None:
    served = json.loads(json.dumps(schema_json.to_v10(MODULE)))
    warnings: list[str] = []
    assert schema_json.from_json(served, warnings) == MODULE
    assert schema_json.from_json({"V10": served}) == MODULE
    assert warnings == []


def test_v9_keeps_what_it_has_a_place_for() -> None:
    served = json.loads(json.dumps(schema_json.to_v9(MODULE)))
    assert schema_json.from_json(served) == _as_v9_keeps_it(MODULE)
    assert schema_json.from_json({"V9": served}) == _as_v9_keeps_it(MODULE)
    assert schema_bsatn.from_bsatn(schema_bsatn.to_bsatn(MODULE)) == _as_v9_keeps_it(MODULE)


#: As a server of either line answers `/schema?version=9`.
V9_EXAMPLE = """
{"typespace":{"types":[{"Product":{"elements":[
    {"name":{"some":"x"},"algebraic_type":{"U32":[]}}]}}]},
 "tables":[{"name":"t","product_type_ref":0,"primary_key":[0],
   "indexes":[{"name":{"some":"t_x_idx_btree"},"accessor_name":{"some":"x"},
               "algorithm":{"BTree":[0]}}],
   "constraints":[{"name":{"some":"t_x_key"},"data":{"Unique":{"columns":[0]}}}],
   "sequences":[],"schedule":{"none":[]},"table_type":{"User":[]},"table_access":{"Public":[]}}],
 "reducers":[{"name":"add","params":{"elements":[
    {"name":{"some":"v"},"algebraic_type":{"U32":[]}}]},"lifecycle":{"none":[]}}],
 "types":[{"name":{"scope":[],"name":"T"},"ty":0,"custom_ordering":true}],
 "misc_exports":[],"row_level_security":[]}
"""
V9_MODULE = s.ModuleDef(
    t.Typespace((t.product(x=t.U32),)),
    (
        s.TableDef(
            "t", "t", 0, 0,
            (s.IndexDef("t_x_idx_btree", "x", s.IndexAlgorithm.BTREE, (0,)),),
            (s.UniqueDef("t_x_key", (0,)),),
            public=True,
        ),
    ),
    (s.ReducerDef("add", "add", t.product(v=t.U32)),),
    (s.TypeDef((), "T", 0),),
)  # fmt: skip


def test_the_served_v9() -> None:
    served = json.loads(V9_EXAMPLE)
    assert schema_json.from_json(served) == V9_MODULE
    assert schema_json.to_v9(V9_MODULE) == served


def test_the_bytes_of_v9() -> None:
    data = bytes.fromhex(
        "01"
        # one type: Product{x: U32}
        "01000000 02 01000000 00 01000000 78 0b"
        # one table: t, type 0, primary key [0]
        "01000000 01000000 74 00000000 01000000 0000"
        # one index: some name, some accessor, BTree [0]
        "01000000 00 0d000000 745f785f6964785f6274726565 00 01000000 78 00 01000000 0000"
        # one constraint: some name, Unique [0]
        "01000000 00 07000000 745f785f6b6579 00 01000000 0000"
        # no sequence, no schedule, user, public
        "00000000 01 01 00"
        # one reducer: add(v: U32), no lifecycle
        "01000000 03000000 616464 01000000 00 01000000 76 0b 01"
        # one type name: no scope, T, 0, custom ordering; no exports, no row level security
        "01000000 00000000 01000000 54 00000000 01 00000000 00000000"
    )
    assert schema_bsatn.to_bsatn(V9_MODULE) == data
    assert schema_bsatn.from_bsatn(data) == V9_MODULE
    for length in range(len(data)):
        with pytest.raises(DecodeError):
            schema_bsatn.from_bsatn(data[:length])
    with pytest.raises(DecodeError, match="1 bytes are left over"):
        schema_bsatn.from_bsatn(data + b"x")
    with pytest.raises(SchemaError, match="definition V8 is not read; V9 and V10 are"):
        schema_bsatn.from_bsatn(b"\x00" + data[1:])


#: A module as it describes itself: no canonical names, so the policy names things.
V10_EXAMPLE = """
{"sections": [
 {"Typespace": {"types": [
   {"Product": {"elements": [
     {"name": {"some": "identity"}, "algebraic_type": {"Product": {"elements": [
        {"name": {"some": "__identity__"}, "algebraic_type": {"U256": []}}]}}},
     {"name": {"some": "fullName"}, "algebraic_type": {"Sum": {"variants": [
        {"name": {"some": "some"}, "algebraic_type": {"String": []}},
        {"name": {"some": "none"}, "algebraic_type": {"Product": {"elements": []}}}]}}},
     {"name": {"some": "online"}, "algebraic_type": {"Bool": []}}]}}]}},
 {"Types": [{"source_name": {"scope": [], "source_name": "User"}, "ty": 0,
             "custom_ordering": true}]},
 {"Tables": [{"source_name": "OnlineUser", "product_type_ref": 0, "primary_key": [0],
   "indexes": [{"source_name": {"none": []}, "accessor_name": {"some": "identity"},
                "algorithm": {"BTree": [0]}}],
   "constraints": [{"source_name": {"none": []}, "data": {"Unique": {"columns": [0]}}}],
   "sequences": [], "table_type": {"User": []}, "table_access": {"Public": []},
   "default_values": [], "is_event": false}]},
 {"Reducers": [{"source_name": "setName", "params": {"elements": [
     {"name": {"some": "newName"}, "algebraic_type": {"String": []}}]},
   "visibility": {"ClientCallable": []}, "ok_return_type": {"Product": {"elements": []}},
   "err_return_type": {"String": []}}]}]}
"""


def test_a_module_that_leaves_names_to_the_policy() -> None:
    module = schema_json.from_json(json.loads(V10_EXAMPLE))
    (table,) = module.tables
    assert (table.name, table.accessor) == ("online_user", "OnlineUser")
    assert table.indexes[0].name == "online_user_identity_idx_btree"
    assert table.uniques[0].name == "online_user_identity_key"
    assert [e.name for e in module.row_type(table).elements] == ["identity", "full_name", "online"]
    assert module.row_type(table).elements[0].type == t.IDENTITY
    assert module.row_type(table).elements[1].type == t.option(t.STRING)
    (reducer,) = module.reducers
    assert (reducer.name, reducer.accessor) == ("set_name", "setName")
    assert reducer.params == t.product(new_name=t.STRING)


def test_the_policy_none_and_explicit_names_leave_names_alone() -> None:
    kept = json.loads(V10_EXAMPLE)
    kept["sections"].append({"CaseConversionPolicy": {"None": []}})
    assert schema_json.from_json(kept).tables[0].name == "OnlineUser"
    served = json.loads(V10_EXAMPLE)
    names = {"source_name": "OnlineUser", "canonical_name": "User2"}
    served["sections"].append({"ExplicitNames": {"entries": [{"Table": names}]}})
    module = schema_json.from_json(served)
    assert module.tables[0].name == "User2"
    assert module.row_type(module.tables[0]).elements[1].name == "fullName"
    # A module of functions alone: their names say it.
    functions = json.loads(V10_EXAMPLE)
    functions["sections"] = [x for x in functions["sections"] if "Tables" not in x]
    assert schema_json.from_json(functions).reducers[0].params == t.product(new_name=t.STRING)
    names = {"source_name": "setName", "canonical_name": "setName"}
    functions["sections"].append({"ExplicitNames": {"entries": [{"Function": names}]}})
    assert schema_json.from_json(functions).reducers[0].params == t.product(newName=t.STRING)


@pytest.mark.parametrize(
    ("source", "snake_", "camel_", "pascal_"),
    [
        ("user", "user", "user", "User"),
        ("OnlineUser", "online_user", "onlineUser", "OnlineUser"),
        ("HTTPServer2", "http_server2", "httpServer2", "HttpServer2"),
        ("set_name", "set_name", "setName", "SetName"),
    ],
)
def test_names_by_policy(source: str, snake_: str, camel_: str, pascal_: str) -> None:
    assert (snake(source), camel(source), pascal(source)) == (snake_, camel_, pascal_)
    assert snake(snake_) == snake_


def test_sections_that_are_not_known_are_left_out_with_a_warning() -> None:
    served = schema_json.to_v10(MODULE)
    served["sections"] += [{"HttpHandlers": []}, {"Future": {"any": 1}}]
    warnings: list[str] = []
    assert schema_json.from_json(served, warnings) == MODULE
    assert warnings == [
        "the section HttpHandlers of the module definition is not used",
        "the section Future of the module definition is not used",
    ]


def _changed(text: str, old: str, new: str) -> Any:
    assert old in text
    return json.loads(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("served", "words"),
    [
        ([], "a module definition is a JSON object, not list"),
        ({"V8BackCompat": {}}, "the module is too old (definition V8)"),
        ({"V11": {}}, "a module definition 'V11' is not known"),
        ({"sections": 5}, "the sections of a module definition are a list"),
        ({"sections": [{"Types": []}, {"Types": []}]}, "the section Types stands twice"),
        ({"sections": [{"Tables": [5]}]}, "the section Tables is malformed: $[0]: expected an"),
        (
            _changed(V9_EXAMPLE, '"U32"', '"Map"'),
            "the module definition V9 is malformed: $.typespace.types[0].Product.elements[0]"
            ".algebraic_type: 'Map' is none of the 20 variants",
        ),
        (_changed(V9_EXAMPLE, '"ty":0', '"ty":-1'), "the module definition V9 is malformed: $.typ"),
        (_changed(V9_EXAMPLE, '"BTree":[0]', '"BTree":[1]'), "table 't' has 1 columns, none is 1"),
        (_changed(V9_EXAMPLE, '_key":[0]', '_key":[0,0]'), "table 't' has a primary key of sev"),
        (_changed(V9_EXAMPLE, '_ref":0', '_ref":7'), "type reference 7 is outside the typespace"),
    ],
)
def test_what_is_no_definition_is_refused(served: Any, words: str) -> None:
    with pytest.raises(SchemaError) as raised:
        schema_json.from_json(served)
    assert str(raised.value).startswith(words)


TYPE_TABLE = [
    (t.product(id=t.U32), "02 01000000 00 02000000 6964 0b"),
    (
        t.option(t.STRING),
        "01 02000000 00 04000000 736f6d65 04 00 04000000 6e6f6e65 02 00000000",
    ),
    (t.BYTES, "03 07"),
    (t.Ref(5), "00 05000000"),
]


@pytest.mark.parametrize(("type_", "text"), TYPE_TABLE)
def test_bytes_of_a_type(type_: t.Type, text: str) -> None:
    assert schema_types.type_to_bsatn(type_) == bytes.fromhex(text)
    assert schema_types.type_from_bsatn(bytes.fromhex(text)) == type_


def test_json_of_a_type() -> None:
    assert schema_json.type_to_json(t.U32) == {"U32": []}
    assert schema_json.type_to_json(t.Ref(3)) == {"Ref": 3}
    assert schema_json.type_to_json(t.BYTES) == {"Array": {"U8": []}}
    element = {"name": {"some": "id"}, "algebraic_type": {"U32": []}}
    assert schema_json.type_to_json(t.product(id=t.U32)) == {"Product": {"elements": [element]}}
    with pytest.raises(SchemaError, match="not an algebraic type"):
        schema_json.type_from_json({"U33": []})


@given(case=cases())
def test_any_type_comes_back(case: Case) -> None:
    assert schema_types.type_from_bsatn(schema_types.type_to_bsatn(case.type)) == case.type
    assert schema_json.type_from_json(schema_json.type_to_json(case.type)) == case.type


@given(data=st.data())
def test_damaged_definitions_are_refused_or_read(data: Any) -> None:
    """Take something out or put something else in, anywhere: SchemaError or a definition."""
    served = copy.deepcopy(data.draw(st.sampled_from([V9_DAMAGED, V10_DAMAGED])))
    at: Any = served
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if isinstance(at[key], dict | list) and at[key] and data.draw(st.booleans()):
            at = at[key]
            continue
        odd = [None, -1, 2**70, "x", [], {}, {"x": []}, [0, []], True, 1.5]
        at[key] = data.draw(st.sampled_from(odd))
        break
    try:
        module = schema_json.from_json(served)
    except SchemaError:
        return
    schema_json.to_v9(module)


V9_DAMAGED = schema_json.to_v9(MODULE)
V10_DAMAGED = schema_json.to_v10(MODULE)


@given(data=st.binary(max_size=80), at=st.integers(0, 400))
def test_damaged_bytes_are_refused_or_read(data: bytes, at: int) -> None:
    valid = schema_bsatn.to_bsatn(MODULE)
    try:
        schema_bsatn.from_bsatn(valid[:at] + data + valid[at + len(data) :])
    except (SchemaError, DecodeError):
        pass
