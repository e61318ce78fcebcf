"""Schemas that the tests of generated code share, and how to make and import their packages."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.client.http import Http
from harness.gen.generating import Package, package
from harness.gen.planning import Options
from harness.gen.sources import from_server
from harness.module import load
from harness.wire import schema as s
from harness.wire import schema_json
from harness.wire import types as t
from tests.gen import sdk_test

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).parent
BTREE = s.IndexAlgorithm.BTREE


def served(uri: str, database: str) -> Any:
    """The definition that a server serves, as JSON."""

    async def ask() -> Any:
        async with Http(uri) as http:
            return await from_server(http, database)

    return asyncio.run(ask())


def v9(module: s.ModuleDef) -> dict[str, Any]:
    return {"V9": schema_json.to_v9(module)}


def v10(module: s.ModuleDef) -> dict[str, Any]:
    return {"V10": schema_json.to_v10(module)}


def definition(*types: tuple[str, t.Type], **parts: Any) -> s.ModuleDef:
    """A module of these named types."""
    return s.ModuleDef(
        t.Typespace(tuple(type_ for _, type_ in types)),
        types=tuple(s.TypeDef((), name, place) for place, (name, _) in enumerate(types)),
        **parts,
    )


def table(name: str, row: int, key: int | None = None, **parts: Any) -> s.TableDef:
    """A public table; a primary key brings its constraint and its index."""
    if key is not None:
        parts["indexes"] = (
            s.IndexDef(f"{name}_{key}_idx_btree", None, BTREE, (key,)), *parts.get("indexes", ()),
        )  # fmt: skip
        parts["uniques"] = (s.UniqueDef(f"{name}_{key}_key", (key,)), *parts.get("uniques", ()))
    return s.TableDef(name, name, row, key, **{"public": True, **parts})


def reducer(name: str, /, **params: t.Type) -> s.ReducerDef:
    return s.ReducerDef(name, name, t.product(**params))


def chat() -> s.ModuleDef:
    return load(HERE / "chat.py").definition()


def bench() -> s.ModuleDef:
    return load("harness.module.bench").definition()


def empty() -> s.ModuleDef:
    return s.ModuleDef(t.Typespace())


def every_nesting() -> s.ModuleDef:
    """Each kind of type inside each kind of type, and types without names inside of others."""
    inline = t.product(x=t.I32, deeper=t.product(y=t.option(t.STRING)))
    choice = t.sum_of(None_=t.UNIT, One=t.U8, Many=t.Array(t.product(z=t.U16)))
    fields: dict[str, t.Type] = {
        **{kind.name.lower(): t.Scalar(kind) for kind in t.Kind},
        "identity": t.IDENTITY, "connection": t.CONNECTION_ID, "uuid": t.UUID,
        "at": t.TIMESTAMP, "span": t.TIME_DURATION, "due": t.SCHEDULE_AT, "raw": t.BYTES,
        "unit": t.UNIT, "maybe": t.option(t.U32), "maybe_maybe": t.option(t.option(t.U32)),
        "maybe_unit": t.option(t.UNIT), "lists": t.Array(t.Array(t.option(t.Array(t.U16)))),
        "outcome": t.result(t.U32, t.STRING), "outcomes": t.Array(t.result(t.UNIT, t.Ref(1))),
        "shape": t.Ref(1), "colour": t.Ref(2), "tree": t.Ref(3), "inline": inline,
        "choice": choice, "twice": t.result(t.product(a=t.U8), t.product(a=t.U8)),
    }  # fmt: skip
    return definition(
        ("Everything", t.product(**fields)),
        ("Shape", t.sum_of(Circle=t.F32, Box=t.product(w=t.F64, h=t.F64), Nothing=t.UNIT)),
        ("Colour", t.sum_of(red=t.UNIT, darkGreen=t.UNIT, BLUE=t.UNIT)),
        ("Tree", t.sum_of(Leaf=t.U32, Node=t.Array(t.Ref(3)), Empty=t.UNIT)),
        ("Odd", t.product(even=t.option(t.Ref(5)))),
        ("Even", t.product(odd=t.Array(t.Ref(4)))),
        ("Lone", t.sum_of(Only=t.STRING)),
        ("Nobody", t.NEVER),
        ("Blank", t.UNIT),
        tables=(table("everything", 0), table("odd", 4)),
        reducers=(
            reducer("set_everything", all=t.Ref(0), rest=t.Array(t.Ref(0))),
            reducer("plant", tree=t.Ref(3), lone=t.Ref(6), inline=t.product(p=t.U8)),
        ),
        procedures=(
            s.ProcedureDef("count", "count", t.product(shape=t.Ref(1)), t.option(t.Ref(3))),
            s.ProcedureDef("pair", "pair", t.UNIT, t.product(a=t.U8, b=t.STRING)),
        ),
    )


def module_test() -> s.ModuleDef:
    """Scopes, one row type in two tables, private tables, views, event tables, indexes."""
    types = t.Typespace(
        (
            t.product(id=t.U32, name=t.STRING, seen=t.TIMESTAMP),
            t.sum_of(Foo=t.UNIT, Bar=t.UNIT),
            t.product(field=t.STRING),
            t.product(id=t.U64, kind=t.Ref(1), ratio=t.F32),
        )
    )
    by_kind = s.IndexDef("score_kind_id_idx_btree", "by_kind", BTREE, (1, 0))
    return s.ModuleDef(
        types,
        (
            table("player", 0, 0),
            table("logged_out_player", 0, 0),
            table("test_f", 2),
            table("secret", 2, public=False),
            table("score", 3, indexes=(by_kind, s.IndexDef("r", "by_ratio", BTREE, (2,)))),
            table("shot", 3, event=True),
        ),
        (
            reducer("say_hello"),
            s.ReducerDef("init", "init", t.UNIT, s.Lifecycle.INIT),
            reducer("test", arg=t.Ref(0), arg2=t.Ref(1), arg3=t.Array(t.Ref(3))),
        ),
        (
            s.TypeDef((), "Player", 0), s.TypeDef(("Namespace",), "TestC", 1),
            s.TypeDef((), "TestFoobar", 2), s.TypeDef((), "Score", 3),
        ),
        views=(
            s.ViewDef("me", "me", 0, True, False, t.UNIT, t.option(t.Ref(0)), ("id",)),
            s.ViewDef("best", "best", 1, True, True, t.UNIT, t.Array(t.Ref(3))),
            # A query: it has the key of its row's tables.
            s.ViewDef("here", "here", 2, True, False, t.UNIT, s.query_of(t.Ref(0))),
        ),
    )  # fmt: skip


def keywords() -> s.ModuleDef:
    """Names that Python, or the package, has already."""
    row = t.product(
        **{"class": t.U32, "from": t.STRING, "None": t.BOOL, "match": t.U8, "str": t.STRING,
           "list": t.Array(t.STRING), "_t": t.I8, "__private": t.U16, "self": t.U64,
           "camelCase": t.F32, "HTTPServer": t.F64}
    )  # fmt: skip
    return definition(
        ("Class", row),
        ("Reducer", t.product(event=t.U8)),
        ("Enum", t.sum_of(**{"None": t.UNIT, "mro": t.UNIT, "name": t.UNIT})),
        ("list", t.product(count=t.Ref(2))),
        tables=(
            table("class", 0, 0, indexes=(s.IndexDef("i", "count", BTREE, (3,)),)),
            table("reducer", 1),
            table("iter", 3),
        ),
        reducers=(
            reducer("import", **{"self": t.U8, "lambda": t.Array(t.STRING), "str": t.STRING}),
            reducer("list", names=t.Array(t.STRING)),
            reducer("with_options", timeout=t.U8),
            reducer("reducer", _c=t.Ref(1)),
        ),
        procedures=(s.ProcedureDef("async", "async", t.product(await_=t.U8), t.STRING),),
    )


def odd_names() -> s.ModuleDef:
    """Names that begin with a digit behind their ``_``, or have letters without capitals and two
    columns wide; keys called as what annotations are made of; namespaces that end as our imports.
    """
    kinds = {"str": t.STRING, "tuple": t.U8, "bytes": t.BYTES, "bool": t.BOOL, "_": t.U64}
    keyed = [s.IndexDef(f"i{x}", None, BTREE, (x,)) for x in range(5)]
    keyed += [s.IndexDef(f"i_{x}", f"{x}", BTREE, (0, 1)) for x in ("float", "list", "_2D", "索引")]
    row = t.product(**kinds, _2D=t.U8, 名=t.option(t.Ref(1)), größe=t.STRING, A٣=t.U8, A1=t.U8)
    one_line = dict.fromkeys("動名表形箱円", t.Ref(1))  # 88 letters in all, and some more columns
    inner = definition(("T", t.product(x=t.U8)), tables=(table("rows", 0, 0),))
    spaces = ("lib_t", "my_types", "sub_b", "_t", "_uuid", "y_tables", "str", "_2x")
    return definition(
        ("_1", row),
        ("名", t.product(名=t.U32, 値=t.option(t.Ref(1)))),
        ("Dim", t.sum_of(_2D=t.UNIT, _3D=t.UNIT)),
        ("Shape", t.sum_of(_2D=t.Ref(2), _=t.UNIT, 円=t.Ref(1))),
        ("A٣", t.product(mro=t.U8, _3=t.U8)),
        ("A1", t.product(a=t.Array(t.product(_8=t.U8)))),
        tables=(
            s.TableDef("_2B", "_2B", 0, 4, tuple(keyed), tuple(
                s.UniqueDef(f"u{x}", (x,)) for x in range(5)), public=True),
            table("名", 1, 0), table("_", 4), table("a٣", 4), table("list", 5), table("db", 5),
        ),
        reducers=(
            reducer("_1", _1=t.U8, _2A=t.Ref(2)), reducer("動", **one_line), reducer("名", 名=t.U8),
            reducer("_", _=t.Ref(3), cls=t.U8, self=t.U8), reducer("conn"), reducer("tuple"),
        ),
        procedures=(
            s.ProcedureDef("_9", "_9", t.product(_9=t.U8), t.product(_8=t.U8)),
            s.ProcedureDef("bytes", "bytes", t.product(bytes=t.BYTES), t.Array(t.BYTES)),
        ),
        submodules=tuple(s.Submodule(x, inner) for x in spaces),
    )  # fmt: skip


def long_names() -> s.ModuleDef:
    """Names for which no line is wide enough, and more fields than a call had arguments once."""
    name, class_ = "a_name_" + "and_on_" * 12 + "x", "VeryLong" * 14
    many = {f"p{i}": t.U8 for i in range(300)}
    return definition(
        (class_, t.product(**{name: t.U32, f"{name}y": t.option(t.Ref(1)), "plain": t.STRING})),
        (f"{class_}Sum", t.sum_of(**{class_: t.UNIT, f"B{class_}": t.Ref(0), "C": t.U8})),
        (f"E{class_}", t.sum_of(**{class_: t.UNIT, f"b{class_}": t.UNIT})),
        ("Many", t.product(**many)),
        # A type without a class is called by a name alone, and is written out behind it.
        ("EitherOfTheTwoOrNothing", t.result(t.option(t.Ref(5)), t.Array(t.option(t.Ref(5))))),
        ("OneOfThoseThatMightBe", t.product(x=t.U8)),
        ("ManyOfThemOrNothing" * 3, t.Array(t.option(t.Ref(5)))),
        tables=(
            table(name, 0, 0, indexes=(s.IndexDef("i", f"{name}_idx", BTREE, (2, 0)),)),
            table("many", 3),
        ),
        reducers=(reducer(f"{name}_r", **{name: t.Ref(1)}), reducer("many", **many)),
        procedures=(
            s.ProcedureDef(
                f"{name}_p", f"{name}_p", t.product(**{name: t.Ref(0)}), t.option(t.Ref(1))
            ),
        ),
    )


def submodules() -> s.ModuleDef:
    """Modules in modules: the same names again, names that Python has, nothing at all."""
    item = t.product(id=t.U64, owner=t.IDENTITY, kind=t.Ref(1), next=t.option(t.Ref(0)))
    deepest = definition(
        ("Item", t.product(token=t.STRING)),
        tables=(table("items", 0, 0),),
        reducers=(reducer("forget", item=t.Ref(0)),),
    )
    lib = definition(
        ("Item", item),
        ("Kind", t.sum_of(Plain=t.UNIT, Named=t.STRING)),
        tables=(
            table("items", 0, 0, indexes=(s.IndexDef("i", "by_owner", BTREE, (1,)),)),
            table("hidden", 0, public=False),
        ),
        reducers=(reducer("add", item=t.Ref(0)), reducer("tick")),
        procedures=(s.ProcedureDef("count", "count", t.product(of=t.Ref(1)), t.U64),),
        views=(s.ViewDef("mine", "mine", 0, True, False, t.UNIT, t.Array(t.Ref(0)), ("id",)),),
        submodules=(s.Submodule("authLib", deepest),),
    )
    functions = definition(reducers=(reducer("run", **{"class": t.U8}),))
    return definition(
        ("User", t.product(id=t.U64, name=t.STRING)),
        tables=(table("user", 0, 0),),
        reducers=(reducer("set_name", name=t.STRING),),
        submodules=(
            s.Submodule("lib", lib), s.Submodule("types", functions), s.Submodule("lib10", empty()),
            s.Submodule("lib9", deepest), s.Submodule("class", deepest),
            s.Submodule(f"the_longest_name_{'of_all_' * 6}okay", functions),
        ),
    )  # fmt: skip


SCHEMAS = {
    "chat": chat,
    "bench": bench,
    "empty": empty,
    "every_nesting": every_nesting,
    "module_test": module_test,
    "keywords": keywords,
    "sdk_test": sdk_test.definition,
    "submodules": submodules,
    "long_names": long_names,
    "odd_names": odd_names,
}
#: Those whose whole output stands in goldens.
GOLDENS = ("chat", "empty", "every_nesting", "module_test", "keywords", "submodules")


def made(module: s.ModuleDef, row_class: str = "msgspec", **options: Any) -> Package:
    """The package for a definition, by way of its JSON."""
    return package(v10(module), Options(row_class, **options))


def write(found: Package, folder: Path) -> Path:
    for name, text in found.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    return folder


@contextmanager
def imported(found: Package, folder: Path) -> Iterator[ModuleType]:
    """The package, imported under a name of its own; gone afterwards."""
    name = f"bindings_{abs(hash(str(folder))):x}"
    write(found, folder / name)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
        for key in [key for key in sys.modules if key.partition(".")[0] == name]:
            del sys.modules[key]
