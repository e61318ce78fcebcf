"""Modules inside of modules: their packages, what their clients send, and names that clash.

No server here has submodules, so a client and what a server would say meet without a wire.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from harness.client.typed.connection import Settings
from harness.errors import SchemaError
from harness.gen.generating import package
from harness.gen.planning import Options
from harness.wire import schema as s
from harness.wire import types as t
from harness.wire import v2
from harness.wire.rows import row_list
from harness.wire.values import Identity
from tests.client.scene import Wire
from tests.gen import schemas
from tests.gen.schemas import definition, made, reducer, table
from tests.protocol.script import ScriptV2


class Peer:
    """The way to a server that says what the test says."""

    uri, database, token, timeout_s = "http://nowhere", "chat", None, 1.0

    def __init__(self, module: s.ModuleDef) -> None:
        self.module = module
        self.wire = Wire()
        self.script = ScriptV2()
        self.versions: list[int] = []
        self.client: Any = None

    async def go(self, client: Any, limit_s: float) -> None:
        self.client = client
        self.wire.on_close = client.on_close
        client.start(self.wire)
        self.say(self.script.greeting())

    async def schema(self, version: int) -> s.ModuleDef:
        self.versions.append(version)
        return self.module

    def say(self, *messages: Any) -> None:
        self.client.on_message(self.script.payload(*messages))

    async def said(self) -> list[Any]:
        await asyncio.sleep(0)
        sent, self.wire.sent = self.wire.sent, []
        return [x for payload in sent for x in self.script.heard(payload)]


@pytest.mark.parametrize("row_class", ["msgspec", "dataclass"])
def test_a_client_and_what_a_server_would_say(row_class: str, tmp_path: Path) -> None:
    module = schemas.submodules()
    with schemas.imported(made(module, row_class), tmp_path) as bindings:
        asyncio.run(story(bindings, module))


async def story(b: Any, module: s.ModuleDef) -> None:
    peer = Peer(module)
    conn = b.DbConnection(Settings(peer, check_schema="strict"))  # type: ignore[arg-type]  # has all that is used
    conn._driver.here()
    await conn._start()
    assert peer.versions == [10]  # V9 would say nothing of submodules

    # Rows of a submodule's table are in its own object, of its own class.
    handle = conn.subscribe(b.query.lib.items.where(lambda i: i.id > 3), b.query.user)
    [asked] = await peer.said()
    assert asked.query_strings == [
        'SELECT * FROM "lib"."items" WHERE "lib"."items"."id" > 3', 'SELECT * FROM "user"',
    ]  # fmt: skip
    me = Identity.from_int(7)
    item = b.lib.Item(5, me, b.lib.KindNamed("x"), b.lib.Item(4, me, b.lib.KindPlain(), None))
    heard: list[Any] = []
    conn.db.lib.items.on_insert(lambda ctx, row: heard.append((ctx.event, row, ctx.db.lib)))
    own = conn._store.caches["lib.items"]
    data = own.codec.encode(item)
    found = v2.QueryRows([v2.SingleTableRows("lib.items", row_list([data]))])
    peer.say(v2.SubscribeApplied(asked.request_id, asked.query_set_id, found))
    await handle
    assert heard[0][1:] == (item, conn.db.lib)
    assert conn.db.lib.items.id.find(5) == item
    assert list(conn.db.lib.items.by_owner.filter(me)) == [item]
    assert conn.db.user.count() == conn.db.lib.auth_lib.items.count() == 0

    # Calls have the whole name; arguments are objects of the submodule's classes.
    call = conn.reducers.lib.auth_lib.forget(b.lib.auth_lib.Item("secret"))
    value = conn.procedures.lib.count(b.lib.KindPlain())
    late = conn.reducers.with_options(timeout=5.0).types_.run(class_=1)
    said = await peer.said()
    assert [getattr(x, "reducer", None) or x.procedure for x in said] == [
        "lib.authLib.forget", "lib.count", "types.run",
    ]  # fmt: skip
    assert said[0].args == b"\x06\0\0\0secret"
    assert call.args == b.lib.auth_lib.reducers.Forget(b.lib.auth_lib.Item("secret"))
    assert conn.reducers.with_options(timeout=5.0).lib.auth_lib._timeout_s == 5.0
    peer.say(peer.script.done(said[0].request_id), peer.script.done(said[2].request_id))
    peer.say(peer.script.returned(said[1].request_id, (9).to_bytes(8, "little")))
    assert (await call, await value, await late) == (None, 9, None)

    # All tables are those of submodules as well, and a wrong name is told where it is wrong.
    assert conn._all_tables() == [
        'SELECT * FROM "user"', 'SELECT * FROM "class"."items"', 'SELECT * FROM "lib"."items"',
        'SELECT * FROM "lib"."mine"', 'SELECT * FROM "lib"."authLib"."items"',
        'SELECT * FROM "lib9"."items"',
    ]  # fmt: skip
    for wrong in ("db.lib.itms", "reducers.lib.ad", "procedures.lib.cout", "db.lb", "reducers.lb"):
        with pytest.raises(AttributeError, match="did you mean"):
            _ = eval(f"conn.{wrong}", {"conn": conn})
    await conn.close()


def test_a_database_that_is_another_is_refused(tmp_path: Path) -> None:
    async def start(b: Any) -> None:
        peer = Peer(s.ModuleDef(t.Typespace()))
        conn = b.DbConnection(Settings(peer, check_schema="strict"))  # type: ignore[arg-type]  # has all that is used
        conn._driver.here()
        await conn._start()

    with (
        schemas.imported(made(schemas.submodules()), tmp_path) as bindings,
        pytest.raises(SchemaError, match=r"table 'class\.items' is gone"),
    ):
        asyncio.run(start(bindings))


# --- names ----------------------------------------------------------------------------------------


def holding(*namespaces: str, inner: s.ModuleDef | None = None, **parts: Any) -> s.ModuleDef:
    inner = inner or definition(("T", t.product(x=t.U8)), tables=(table("rows", 0),))
    found = tuple(s.Submodule(x, inner) for x in namespaces)
    return definition(("Row", t.product(a=t.U8)), submodules=found, **parts)


CALLS = definition(
    reducers=(reducer("go"),), procedures=(s.ProcedureDef("ask", "ask", t.UNIT, t.U8),)
)
TWICE = definition(("T", t.product(x=t.U8)), tables=(table("r", 0), table("r", 0)))
BEGINS = definition(reducers=(s.ReducerDef("init", "init", t.UNIT, s.Lifecycle.INIT),))


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (holding("lib", tables=(table("lib", 0),)),
         "the table 'lib' and the submodule 'lib' would both be 'lib': rename one"),
        (holding("lib", inner=CALLS, reducers=(reducer("lib"),)),
         "the reducer 'lib' and the submodule 'lib'"),
        (holding("lib", inner=CALLS, procedures=(s.ProcedureDef("lib", "lib", t.UNIT, t.U8),)),
         "the procedure 'lib' and the submodule 'lib'"),
        (definition(
            ("名", t.product(a=t.U8)), submodules=(s.Submodule("名", CALLS),)),
         "the type '名' and the submodule '名'"),
        (holding("lib", "lib"), "two submodules have the namespace 'lib'; rename one"),
        (holding("lib", "Lib"), "the submodules 'lib' and 'Lib' would both be 'lib' in Python"),
        (holding("a-b"), "the namespace 'a-b' is not an identifier: '-' at position 1"),
        (holding(""), "the namespace '': the name is empty"),
        (holding("x" * 64), "has 64 bytes; 63 are the limit"),
        (holding("é" * 32), "has 64 bytes; 63 are the limit"),
        (holding("lib", inner=BEGINS), "reducer 'init' is for Init, which is for the outermost"),
        (holding("lib", inner=holding("sub", inner=TWICE)),
         "submodule 'lib': submodule 'sub': table 'r': the name is taken"),
        (holding("lib", inner=definition(("F", t.product(aB=t.U8, a_b=t.U8)),
                                         tables=(table("f", 0),))),
         "submodule 'lib': type 'F': the columns 'aB' and 'a_b' would both be 'a_b'"),
    ],
)  # fmt: skip
def test_what_clashes_or_is_wrong(module: s.ModuleDef, said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        made(module)
    assert said in str(caught.value)


def test_json_that_no_model_holds_is_told_with_its_submodule() -> None:
    json = schemas.v10(holding("lib"))
    sections = json["V10"]["sections"]
    inner = next(x["Submodules"] for x in sections if "Submodules" in x)[0]["module"]["sections"]
    next(x["Tables"] for x in inner if "Tables" in x)[0]["primary_key"] = [0, 0]
    next(x["Typespace"] for x in inner if "Typespace" in x)["types"].append({"Map": []})
    with pytest.raises(SchemaError) as caught:
        package(json)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("submodule 'lib': unsupported type 'Map' at type 1")
    assert lines[1].startswith("submodule 'lib': table 'rows' has a primary key of several columns")


def test_a_reducer_may_have_the_name_of_a_submodule_without_any() -> None:
    found = made(holding("lib", reducers=(reducer("lib"),)))
    assert "def lib(self)" in found.files["reducers.py"]


@pytest.mark.parametrize(
    ("namespace", "folder"),
    [("lib", "lib"), ("authLib", "auth_lib"), ("class", "class_"), ("types", "types_"),
     ("query", "query_"), ("_schema", "_schema_"), ("with_options", "with_options_"),
     ("_cols", "_cols_"), ("final", "final_"), ("match", "match"), ("Lib2", "lib_2")],
)  # fmt: skip
def test_folders_of_submodules(namespace: str, folder: str, tmp_path: Path) -> None:
    found = made(holding(namespace))
    assert {x.partition("/")[0] for x in found.files if "/" in x} == {folder}
    with schemas.imported(found, tmp_path) as bindings:
        inside = getattr(bindings.query, folder)
        assert inside.rows.to_sql() == f'SELECT * FROM "{namespace}"."rows"'
        assert getattr(bindings, folder).T(1).x == 1


def test_renames_inside_of_a_submodule() -> None:
    rename = {
        "submodule:lib": "library", "table:lib.rows": "lines", "type:lib.T": "Line",
        "type:lib.T.x": "number",
    }  # fmt: skip
    found = package(schemas.v10(holding("lib")), Options(rename=rename))
    assert "library/tables.py" in found.files
    assert "lines: LinesTable" in found.files["library/tables.py"]
    assert "class Line(" in found.files["library/types.py"]
    assert "number: _t.u8" in found.files["library/types.py"]
    for path in ("table:rows", "submodule:other", "type:lib.Nothing"):
        with pytest.raises(SchemaError, match=f"nothing is called '{path}'"):
            package(schemas.v10(holding("lib")), Options(rename={path: "x"}))
    with pytest.raises(SchemaError, match="a submodule's package cannot be called 'types'"):
        package(schemas.v10(holding("lib")), Options(rename={"submodule:lib": "types"}))


def test_private_tables_are_named_with_their_submodule() -> None:
    assert made(schemas.submodules()).notices == (
        "Skipping private tables during codegen: lib.hidden.",
    )
    found = made(schemas.submodules(), include_private=True)
    assert "HiddenTable" in found.files["lib/tables.py"]


def test_what_is_counted_is_counted_everywhere() -> None:
    found = made(schemas.submodules())
    assert (found.tables, found.reducers, found.procedures) == (6, 8, 1)
