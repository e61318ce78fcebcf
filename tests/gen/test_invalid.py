"""Schemas that are not valid: every problem is told, with its place, and all of them at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import SchemaError
from harness.gen.generating import package
from harness.gen.reading import read_text
from harness.wire import schema as s
from harness.wire import types as t
from tests.gen import schemas
from tests.gen.schemas import definition, reducer, table, v9, v10

ROW = t.product(id=t.U64, name=t.STRING, ratio=t.F32)
HASH, DIRECT = s.IndexAlgorithm.HASH, s.IndexAlgorithm.DIRECT
TIMER = t.product(scheduled_id=t.U64, scheduled_at=t.SCHEDULE_AT)


def of(*tables: s.TableDef, row: t.Type = ROW, **parts: Any) -> s.ModuleDef:
    return definition(("Row", row), tables=tables, **parts)


def timer(function: str = "tick", column: int = 1, **parts: Any) -> s.TableDef:
    schedule = s.ScheduleDef("timer_sched", "timer", column, function)
    return table("timer", 0, parts.pop("key", 0), schedule=schedule, **parts)


def sequence(**parts: Any) -> s.TableDef:
    return table("user", 0, sequences=(s.SequenceDef("user_seq", parts.pop("column", 0), **parts),))


def view(returns: t.Type, *key: str) -> s.ViewDef:
    return s.ViewDef("best", "best", 0, True, True, t.UNIT, returns, key)


MODELS: list[tuple[s.ModuleDef, str]] = [
    (of(table("us er", 0)), "table 'us er' is not an identifier: ' ' at position 2"),
    (of(table("9user", 0)), "'9' at position 0; a name begins with a letter or _"),
    (of(table("", 0)), "table '': the name is empty"),
    (of(table("e\u0301", 0)), "the name is not in the normal form NFC of Unicode"),
    (of(table('x"""\nimport os', 0)), "is not an identifier: '\"' at position 1"),
    (of(row=t.product(**{"a b": t.U8})), "field 'a b' is not an identifier: ' ' at position 1"),
    (of(reducers=(reducer("f", **{"x;": t.U8}),)), "parameter 'x;' is not an identifier"),
    # What a client's code is called after is what the module calls it, not what the server does.
    (of(reducers=(s.ReducerDef("f", "f(self,x=exec(bytes(9)))", t.UNIT),)),
     "reducer 'f': its accessor 'f(self,x=exec(bytes(9)))' is not an identifier"),
    (of(procedures=(s.ProcedureDef("f", "a;b", t.UNIT, t.U8),)), "its accessor 'a;b' is not an"),
    (of(views=(s.ViewDef("f", 'a"b', 0, True, True, t.UNIT, t.Array(t.Ref(0))),)),
     "view 'f': its accessor 'a\"b' is not an identifier"),
    (of(table("st_user", 0)), "names with st_ are reserved for system tables; rename it"),
    (of(table("user", 0), table("user", 0)), "table 'user': the name is taken by the table"),
    (of(row=t.Product((t.Element("a", t.U8), t.Element("a", t.U8)))),
     "type 'Row': field 'a' stands twice, at 0 and 1"),
    (definition(("Row", ROW), ("Row", ROW)), "two types are called 'Row', types 0 and 1"),
    (of(reducers=(reducer("f"), reducer("f"))), "reducer 'f': the name is taken by the reducer"),
    (of(reducers=(reducer("f"),), procedures=(s.ProcedureDef("f", "f", t.UNIT, t.UNIT),)),
     "procedure 'f': the name is taken by the reducer 'f'; functions share one namespace"),
    (of(reducers=tuple(s.ReducerDef(x, x, t.UNIT, s.Lifecycle.INIT) for x in "ab")),
     "reducers 'a' and 'b' are both for Init; keep one"),
    (of(row=t.Product((t.Element(None, t.U8),))), "field 0 has no name; give it one"),
    (of(reducers=(s.ReducerDef("f", "f", t.Product((t.Element(None, t.U8),))),)),
     "reducer 'f': parameter 0 has no name"),
    (of(row=t.product(x=t.Ref(7))), "type 0 of the typespace refers to type 7, and there are 1"),
    (of(reducers=(reducer("f", x=t.Ref(3)),)), "reducer 'f' refers to type 3, and there are 1"),
    (s.ModuleDef(t.Typespace((t.Array(t.Ref(1)), t.Array(t.Ref(0))))),
     "a type contains itself, and nothing on the way has a name: type 0 → type 1 → type 0"),
    (of(row=t.product(x=t.Ref(0))), "type 'Row': type 0 contains itself without end"),
    (s.ModuleDef(t.Typespace((ROW,)), (table("user", 0),)),
     "table 'user': its row type, type 0 of the typespace, has no name"),
    (of(s.TableDef("user", "user", 0, 0)), "its primary key 'id' has no unique constraint"),
    (of(table("user", 0, uniques=(s.UniqueDef("k", (1,)),))), "the unique 'name' has no index"),
    (of(table("user", 0, indexes=(s.IndexDef("i", "i", HASH, (1, 1)),))),
     "the index 'i' names a column twice"),
    (of(table("user", 0, indexes=(s.IndexDef("i", "i", HASH, ()),))), "'i' has no columns"),
    (of(table("user", 0, indexes=(s.IndexDef("i", "i", DIRECT, (1,)),))),
     "the index 'i' is direct, which is for one column of u8 to u64"),
    (of(table("user", 0, indexes=(s.IndexDef("user", "i", HASH, (1,)),))),
     "index 'user': the name is taken by the table"),
    (of(sequence(column=1)), "the sequence of column 'name' is for integers alone"),
    (of(sequence(min_value=5, max_value=5)), "has no numbers between 5 and 5"),
    (of(sequence(start=1, min_value=5)), "starts at 1, outside of its range"),
    (of(table("user", 0, sequences=(s.SequenceDef("a", 0), s.SequenceDef("b", 0)))),
     "the sequence of column 'id' is its second one; keep one"),
    (of(timer(), row=TIMER), "table 'timer' schedules 'tick', which is no reducer or procedure"),
    (of(timer(), row=TIMER, reducers=(reducer("tick"),)), "'tick', which does not take its row"),
    (of(timer(key=None), row=TIMER), "it needs a primary key scheduled_id of u64"),
    (of(timer(column=0), row=TIMER), "is scheduled by 'scheduled_id', which is no ScheduleAt"),
    (of(timer(column=9), row=TIMER), "is scheduled by column 9, which it has not"),
    (of(views=(view(t.U8),)), "view 'best' returns no list, option or query of rows"),
    (of(views=(view(t.Array(t.Ref(0)), "nmae"),)), "its primary key 'nmae' is no column of its"),
    (of(table("best", 0), views=(view(t.Array(t.Ref(0))),)), "view 'best': the name is taken by"),
    (of(table("user", 0, defaults=(s.DefaultValue(1, b"\xff"),))),
     "the default of column 'name' is no value of its type"),
    (of(table("user", 0, defaults=(s.DefaultValue(0, bytes(8)),) * 2)), "is its second one"),
    (of(row=t.Sum(tuple(t.Variant(f"V{i}", t.UNIT) for i in range(257)))), "257 variants; 256 are"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "said"), MODELS, ids=range(len(MODELS)))
def test_invalid_models(module: s.ModuleDef, said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        package(v10(module))
    assert said in str(caught.value)


Change = Callable[[dict[str, Any]], None]


def section(json: dict[str, Any], name: str) -> Any:
    return next(x[name] for x in json["V10"]["sections"] if name in x)


def of_type(json: dict[str, Any], column: int, type_: Any) -> None:
    types = section(json, "Typespace")["types"]
    types[0]["Product"]["elements"][column]["algebraic_type"] = type_


#: What no model can hold: the JSON is changed. In the chat, table 0 is `message`, type 0 `User`.
JSONS: list[tuple[Change, str]] = [
    (lambda x: of_type(x, 1, {"Map": {}}), "unsupported type 'Map' at table 'user', column name"),
    (lambda x: of_type(x, 1, {"Array": {"Array": {"I512": []}}}),
     "unsupported type 'I512' at table 'user', column name"),
    (lambda x: section(x, "Reducers")[1]["params"]["elements"][0].update(
        algebraic_type={"S": {}}), "unsupported type 'S' at reducer 'set_name', parameter name"),
    (lambda x: section(x, "Tables")[1].update(primary_key=[0, 1]),
     "table 'user' has a primary key of several columns ('identity', 'name'); make it one"),
    (lambda x: section(x, "Tables")[1].update(primary_key=[9]),
     "table 'user': its primary key names column 9, and there are 3, from 0"),
    (lambda x: section(x, "Tables")[1]["indexes"][0].update(algorithm={"BTree": [5]}),
     "table 'user': index 0 names column 5, and there are 3, from 0"),
    (lambda x: section(x, "Tables")[1]["indexes"][0].update(algorithm={"Direct": 5}),
     "table 'user': index 0 names column 5"),
    (lambda x: section(x, "Tables")[1]["constraints"][0].update(data={"Unique": {"columns": [4]}}),
     "table 'user': constraint 0 names column 4"),
    (lambda x: section(x, "Tables")[0].update(product_type_ref=40),
     "table 'message': its rows are type 40, which is no product of the typespace of 2"),
    (lambda x: section(x, "Reducers")[1].update(ok_return_type={"U8": []}),
     "reducer 'set_name' returns a value; a reducer returns nothing"),
    (lambda x: section(x, "Reducers")[1].update(err_return_type={"U8": []}),
     "reducer 'set_name' has errors that are no texts; they are String"),
    (lambda x: x["V10"]["sections"].append({"Schedules": [
        {"source_name": {"none": []}, "table_name": "user", "schedule_at_col": 0,
         "function_name": "set_name"}] * 2}), "table 'user' is scheduled twice; keep one schedule"),
    (lambda x: section(x, "Tables")[0].pop("table_type"), "the section Tables is malformed"),
    (lambda x: x["V10"]["sections"].append({"Tables": []}), "the section Tables stands twice"),
    (lambda x: x["V10"].update(sections=5), "the sections of a module definition are a list"),
    (lambda x: (x.clear(), x.update(V8BackCompat={})), "the module is too old"),
    (lambda x: (x.clear(), x.update(V11={})), "'V11' is not known; V9 and V10 are: update"),
    (lambda x: (x.clear(), x.update(name="x", typespace={})), "malformed"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), JSONS, ids=range(len(JSONS)))
def test_invalid_json(change: Change, said: str) -> None:
    json = copy.deepcopy(v10(schemas.chat()))
    package(json)
    change(json)
    with pytest.raises(SchemaError) as caught:
        package(json)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the module definition is not JSON"),
        ("{", "the module definition is not JSON"),
        ('{"V9": {}, "V9": {}}', "the key 'V9' stands twice"),
        ("[1]", "a module definition is a JSON object, not list"),
        ("5", "a module definition is a JSON object, not int"),
        ("[" * 100_000, "nested too deeply"),
        ('{"V9":' * 2_000 + "1" + "}" * 2_000, "nested too deeply|not known|malformed"),
        (json.dumps({"V9": {"typespace": {"types": []}, "tables": []}}), "malformed"),
        ("\xff", "not JSON"),
    ],
)
def test_what_is_no_definition(text: str, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        read_text(text)


def test_deep_types_are_refused() -> None:
    deep: Any = {"U8": []}
    for _ in range(400):
        deep = {"Array": deep}
    json = v9(schemas.empty())
    json["V9"]["typespace"]["types"] = [deep]
    with pytest.raises(SchemaError, match="nested deeper than 128"):
        package(json)


def test_all_problems_are_told_together() -> None:
    """Those of the JSON and those of the model, of different tables and functions."""
    module = of(
        table("st_a", 0), table("b", 0), timer(), reducers=(reducer("f"), reducer("f")),
        row=t.product(id=t.U64, name=t.STRING, bad=t.STRING),
    )  # fmt: skip
    json = v10(module)
    of_type(json, 2, {"Map": {}})
    section(json, "Tables")[1].update(primary_key=[0, 1])
    with pytest.raises(SchemaError) as caught:
        package(json)
    lines = str(caught.value).splitlines()
    wanted = ["'Map' at table", "primary key of several", "st_", "name is taken", "ScheduleAt"]
    assert [word for word in wanted if not any(word in line for line in lines)] == []
    assert len(lines) >= len(wanted)


def test_what_is_new_is_a_warning() -> None:
    json = v10(schemas.chat())
    json["V10"]["sections"].append({"Sparkles": [1, 2]})
    assert package(json).warnings == ("the section Sparkles of the module definition is not used",)
