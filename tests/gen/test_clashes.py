"""Names that Python does not take, and names that become one: never silently another name."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import LocalProtocolError, SchemaError
from harness.gen import names, planning
from harness.gen.generating import package
from harness.gen.planning import Options
from harness.wire import schema as s
from harness.wire import types as t
from tests.gen import schemas
from tests.gen.schemas import definition, made, reducer, table


@pytest.mark.parametrize(
    ("name", "words", "member", "class_"),
    [
        ("user", ["user"], "user", "User"),
        ("HTTPServer", ["HTTP", "Server"], "http_server", "HTTPServer"),
        ("http_server", ["http", "server"], "http_server", "HttpServer"),
        ("camelCase", ["camel", "Case"], "camel_case", "CamelCase"),
        ("arg2", ["arg", "2"], "arg2", "Arg2"),
        ("Arg2", ["Arg", "2"], "arg_2", "Arg2"),
        ("OneU8", ["One", "U", "8"], "one_u_8", "OneU8"),
        ("one_u8", ["one", "u", "8"], "one_u8", "OneU8"),
        ("_private", ["private"], "_private", "Private"),
        ("__mangled", ["mangled"], "_mangled", "Mangled"),
        ("__both__", ["both"], "_both__", "Both"),
        ("UPPER_SNAKE", ["UPPER", "SNAKE"], "upper_snake", "UpperSnake"),
        ("größe", ["größe"], "größe", "Größe"),
        ("ﬁ", ["ﬁ"], "fi", "Fi"),
        ("class", ["class"], "class", "Class"),
        ("None", ["None"], "none", "None_"),
        ("_2D", ["2", "D"], "_2_d", "N2D"),
        ("_2", ["2"], "_2", "N2"),
        ("_", [], "_", "Underscore"),
    ],
)  # fmt: skip
def test_names(name: str, words: list[str], member: str, class_: str) -> None:
    assert names.words(name) == words
    assert names.member(name) == member
    assert names.class_name(name) == class_


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("red", "RED"),
        ("darkGreen", "DARK_GREEN"),
        ("None", "NONE"),
        ("mro", "MRO"),
        ("U8", "U_8"),
        ("_2D", "_2_D"),
        ("_", "_"),
    ],
)
def test_members_of_enums(name: str, member: str) -> None:
    assert names.constant(name) == member


def rows(*columns: str) -> s.ModuleDef:
    return definition(("Row", t.product(**dict.fromkeys(columns, t.U8))), tables=(table("r", 0),))


def types(*found: str) -> s.ModuleDef:
    return definition(*((name, t.product(x=t.U8)) for name in found))


CLASHES: list[tuple[s.ModuleDef, str]] = [
    (rows("Foo", "FOO"), "the columns 'Foo' and 'FOO' would both be 'foo' in Python"),
    (rows("_a", "a"), "the columns '_a' and 'a' would both be"),
    (rows("arg2", "arg_2"), "the columns 'arg2' and 'arg_2' would both be"),
    (rows("ﬁ", "fi"), "the columns 'ﬁ' and 'fi' would both be"),
    (rows("class", "class_"), "the columns 'class' and 'class_' would both be"),
    (types("Foo_Bar", "FooBar"), "would both be the class 'FooBar'"),
    (types("foo", "Foo"), "would both be the class 'Foo'"),
    (definition(("foo", t.product(a=t.U8, b=t.U8)), ("Foo", t.product(a=t.U8)),
                tables=(table("r", 0, 0), table("q", 0, 1))), "would both be the class 'Foo'"),
    (types("Foo", "FOO"), "the types 'Foo' and 'FOO' differ in capitals alone"),
    (definition(("Tree", t.sum_of(Leaf=t.U8, Node=t.UNIT)), ("TreeLeaf", t.product(x=t.U8))),
     "the variant 'Leaf' of type 'Tree' and type 'TreeLeaf' would both be the class 'TreeLeaf'"),
    (definition(("Sum", t.sum_of(aB=t.U8, a_b=t.U8))), "would both be the class 'SumAB'"),
    (definition(("R", t.product(x=t.U8)), tables=(table("foo_bar", 0), table("fooBar", 0))),
     "the tables 'fooBar' and 'foo_bar' would both be"),
    (definition(reducers=(reducer("go"), reducer("Go"))), "the reducers 'go' and 'Go' would both"),
    (definition(reducers=(reducer("f", a=t.U8, A=t.U8),)), "the parameters 'a' and 'A' would both"),
    (definition(("R", t.product(a=t.U8, b=t.U8)), tables=(table("r", 0, 0, indexes=(
        s.IndexDef("i", "b", s.IndexAlgorithm.BTREE, (0,)),
        s.IndexDef("j", "b", s.IndexAlgorithm.BTREE, (1,)))),)),
     "would both be the attribute 'b' in Python"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "said"), CLASHES, ids=range(len(CLASHES)))
def test_names_that_become_one(module: s.ModuleDef, said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        package(schemas.v9(module))
    assert said in str(caught.value)
    assert "rename one in the module" in str(caught.value)


def test_types_may_differ_in_capitals_if_somebody_says_so() -> None:
    options = Options(rename={"type:FOO": "FOo"})
    found = package(schemas.v9(types("Foo", "FOO")), options).files["types.py"]
    assert "class Foo(" in found
    assert "class FOo(" in found


@pytest.mark.parametrize("row_class", ["msgspec", "dataclass", "attrs"])
def test_names_of_pythons_own_and_of_our_base_classes(row_class: str, tmp_path: Any) -> None:
    """Each is used, so that one that hides what makes things work would be seen."""
    own = ["__init__", "__slots__", "__class__", "__getattr__", "__eq__", "__hash__"]
    bases = ["_cols", "_tables", "_module", "_submodules", "_connection", "_timeout_s", "_kind"]
    kept = t.sum_of(_missing_=t.UNIT, MISSING=t.UNIT, __init__=t.UNIT, INIT=t.UNIT)
    row = t.product(**dict.fromkeys([*own, "_cache", "_inserts", "_deletes"], t.U8))
    module = definition(
        ("Row", row), ("Kept", kept), ("Used", t.product(kept=t.Ref(1))),
        tables=(
            *(table(x, 0) for x in own), *(table(x, 2) for x in bases),
            s.TableDef("keyed", "keyed", 0, 6, (s.IndexDef("i", "_inserts", schemas.BTREE, (7,)),
                       s.IndexDef("k", None, schemas.BTREE, (6,))), (s.UniqueDef("u", (6,)),),
                       public=True),
        ),
        reducers=tuple(reducer(x, **{x: t.U8}) for x in (*own, *bases, "type_alias")),
    )  # fmt: skip
    with schemas.imported(made(module, row_class), tmp_path) as bindings:
        module_ = bindings.REMOTE_MODULE
        values = bindings.Row(*range(9))
        assert module_.codecs.row_codec(module_.definition.tables[0]).encode(values) == bytes(
            range(9)
        )
        assert [x.value for x in bindings.Kept] == [0, 1, 2, 3]
        builder = bindings.DbConnection.builder().with_uri("http://x").with_database_name("x")
        conn = builder.build()
        for x in module_.tables:
            assert getattr(conn.db, x.accessor).count() == 0
            assert getattr(bindings.query, x.accessor).to_sql() == f'SELECT * FROM "{x.name}"'
        assert conn.db.keyed._cache_.find(1) is None
        assert list(conn.db.keyed._inserts_.filter(1)) == []
        for x in module_.reducers:
            method = names.safe(names.member(x.name), planning._OF_BASES)
            with pytest.raises(LocalProtocolError, match="there is no connection"):
                getattr(conn.reducers, method)(1)


def test_a_chosen_name_mends_it(tmp_path: Any) -> None:
    module = rows("Foo", "FOO")
    found = made(module, rename={"table:r.FOO": "other"})
    with schemas.imported(found, tmp_path) as bindings:
        assert bindings.Row(foo=1, other=2) == bindings.Row(1, 2)
        (table_,) = bindings.REMOTE_MODULE.tables
        assert bindings.REMOTE_MODULE.columns(table_) == [
            ("Foo", "foo", t.U8),
            ("FOO", "other", t.U8),
        ]


@pytest.mark.parametrize(
    ("rename", "said"),
    [
        ({"table:r.nothing": "x"}, "nothing is called 'table:r.nothing'"),
        (
            {"table:r.Foo": "not a name"},
            "'not a name' for 'table:r.Foo' cannot be a name of Python",
        ),
        ({"table:r.Foo": "__x"}, "'__x' for 'table:r.Foo' cannot be a name of Python"),
        ({"table:r.Foo": "class"}, "'class' for 'table:r.Foo' cannot be a name of Python"),
    ],
)
def test_names_that_cannot_be_chosen(rename: dict[str, str], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        made(rows("Foo"), rename=rename)


def test_everything_can_be_renamed(tmp_path: Any) -> None:
    rename = {
        "table:user": "people", "table:user.name": "nick", "type:Message": "Note",
        "reducer:set_name": "rename_me", "reducer:set_name.name": "nick",
    }  # fmt: skip
    with schemas.imported(made(schemas.chat(), rename=rename), tmp_path) as bindings:
        assert bindings.User.__struct_fields__ == ("identity", "nick", "online")
        assert bindings.query.people.where(lambda u: u.online).to_sql().startswith(
            'SELECT * FROM "user" WHERE'
        )  # fmt: skip
        assert bindings.Note.__struct_fields__ == ("sender", "sent", "text")
        assert bindings.reducers.RenameMe(nick="x").nick == "x"
        wire = [x.name for x in bindings.REMOTE_MODULE.reducers]
        assert wire == ["set_name", "send_message"]


def test_an_added_table_renames_nothing() -> None:
    """What one item is called never depends on the others."""
    base = schemas.module_test()
    more = s.ModuleDef(
        t.Typespace((*base.typespace.types, t.product(x=t.U8))),
        (*base.tables, table("zebra", 4)), base.reducers,
        (*base.types, s.TypeDef((), "Zebra", 4)), base.procedures, base.views,
    )  # fmt: skip
    before, after = made(base).files, made(more).files
    for name in ("types.py", "tables.py", "queries.py", "reducers.py"):
        lines = set(after[name].splitlines())
        assert [x for x in before[name].splitlines() if x not in lines and "query:" not in x] == []


def test_types_that_the_package_itself_exports() -> None:
    found = made(definition(("Event", t.product(x=t.U8)), ("Ok", t.product(x=t.U8))))
    assert (
        "the type 'Event' has the name of something that the package exports" in found.warnings[0]
    )
    assert len(found.warnings) == 1
    assert "    Ok,\n" in found.files["__init__.py"] or "import Ok" in found.files["__init__.py"]
    assert "import Event" not in found.files["__init__.py"]


def test_private_tables_are_skipped_and_named() -> None:
    found = made(schemas.sdk_test.definition())
    assert found.notices == (
        "Skipping private tables during codegen: indexed_table, indexed_table_2.",
    )
    assert "class IndexedTable(" not in found.files["tables.py"]
    assert "class IndexedTable(" in found.files["types.py"]
    everything = made(schemas.sdk_test.definition(), include_private=True)
    assert everything.notices == ()
    assert "indexed_table: IndexedTableTable" in everything.files["tables.py"]


@pytest.mark.parametrize("form", [schemas.v9, schemas.v10])
def test_what_is_scheduled_is_called_by_no_client(form: Any) -> None:
    """Reducers and procedures; of the two forms V10 alone says that they are private."""
    row = t.product(scheduled_id=t.U64, scheduled_at=t.SCHEDULE_AT)
    timers = [
        table(x, 0, 0, public=False, schedule=s.ScheduleDef(f"{x}_sched", x, 1, f"on_{x}"))
        for x in ("a", "b")
    ]
    takes = t.product(timer=t.Ref(0))
    module = definition(
        ("Timer", row), tables=tuple(timers),
        reducers=(s.ReducerDef("on_a", "on_a", takes, private=True), reducer("go")),
        procedures=(
            s.ProcedureDef("on_b", "on_b", takes, t.UNIT, private=True),
            s.ProcedureDef("ask", "ask", t.UNIT, t.U8),
        ),
    )  # fmt: skip
    found = package(form(module))
    assert (found.reducers, found.procedures) == (1, 1)
    assert "on_" not in found.files["reducers.py"] + found.files["procedures.py"]


def test_options_have_their_defaults() -> None:
    assert Options() == Options("msgspec", False, {})
