"""Whatever the schema: either a package that imports, or a sentence; never anything else."""

from __future__ import annotations

import ast
import builtins
import json
import operator
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import SchemaError
from harness.gen.generating import package
from harness.gen.planning import Options
from harness.gen.reading import read_text
from harness.project.entries import ROW_CLASSES
from harness.wire import schema as s
from harness.wire import types as t
from tests.gen import schemas

WORDS = [
    "a", "b", "A", "id", "ID", "class", "None", "self", "str", "list", "_t", "__x", "user", "User",
    "Foo", "foo_bar", "FooBar", "count", "iter", "Event", "größe", "名", "x1", "x_1", "Reducer",
    "_1", "_2D", "_", "x٣", "X2", "X٣", "名1", "bytes", "tuple", "types", "_uuid", "x_t",
    "final", "mro",
]  # fmt: skip
NAMES = st.sampled_from(WORDS)
#: Names that are none, rarely: each of them makes the schema invalid.
BROKEN = st.one_of(NAMES, NAMES, NAMES, NAMES, st.text(max_size=6))
#: How many submodules there are: mostly none, so that they end.
FEW = [0, 0, 0, 0, 1, 2]
SIMPLE: list[t.Type] = [
    *(t.Scalar(kind) for kind in t.Kind), t.IDENTITY, t.CONNECTION_ID, t.UUID, t.TIMESTAMP,
    t.TIME_DURATION, t.SCHEDULE_AT, t.BYTES, t.UNIT, t.NEVER,
]  # fmt: skip


def a_type(names: st.SearchStrategy[str], refs: int) -> st.SearchStrategy[t.Type]:
    leaves = st.one_of(st.sampled_from(SIMPLE), st.integers(0, refs).map(t.Ref))

    def deeper(inner: st.SearchStrategy[t.Type]) -> st.SearchStrategy[t.Type]:
        pairs = st.lists(st.tuples(names, inner), max_size=4, unique_by=lambda x: x[0])
        return st.one_of(
            inner.map(t.Array), inner.map(t.option), st.builds(t.result, inner, inner),
            pairs.map(lambda x: t.Product(tuple(t.Element(*y) for y in x))),
            pairs.map(lambda x: t.Sum(tuple(t.Variant(*y) for y in x))),
        )  # fmt: skip

    return st.recursive(leaves, deeper, max_leaves=5)


@st.composite
def modules(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> s.ModuleDef:
    count = draw(st.integers(1, 4))
    some = a_type(names, count - 1)
    fields = st.lists(st.tuples(names, some), max_size=4, unique_by=lambda x: x[0])
    rows = [
        t.Product(tuple(t.Element(*column) for column in columns))
        for columns in draw(st.lists(fields, max_size=2))
    ]
    types = [*rows, *(draw(some) for _ in range(count))]
    labels = draw(st.lists(names, min_size=len(types), max_size=len(types), unique=True))
    tables = []
    for place, row in enumerate(rows):
        keyed = bool(row.elements) and draw(st.booleans())
        name = draw(names)
        extra: tuple[s.IndexDef, ...] = ()
        if len(row.elements) > 1 and draw(st.booleans()):
            extra = (s.IndexDef(f"{name}_i{place}", draw(names), schemas.BTREE, (1, 0)),)
        event = draw(st.booleans())
        tables.append(schemas.table(name, place, 0 if keyed else None, indexes=extra, event=event))
    params = st.dictionaries(names, some, max_size=3)
    reducers = draw(st.dictionaries(names, params, max_size=3))
    return s.ModuleDef(
        t.Typespace(tuple(types)), tuple(tables),
        tuple(schemas.reducer(name, **found) for name, found in reducers.items()),
        tuple(s.TypeDef((), label, place) for place, label in enumerate(labels)),
        tuple(s.ProcedureDef("proc", "proc", t.UNIT, x) for x in draw(st.lists(some, max_size=1))),
        submodules=tuple(
            s.Submodule(draw(names), draw(modules(names)))
            for _ in range(draw(st.sampled_from(FEW)))
        ),
    )  # fmt: skip


def tried(module: s.ModuleDef, row_class: str) -> bool:
    """Whether a package was made and imports; else it was refused in a sentence."""
    try:
        found = package(schemas.v10(module), Options(row_class))
    except SchemaError:
        return False
    for name, text in found.files.items():
        tree = ast.parse(text, name)
        for node in ast.walk(tree):  # nothing of the schema has become a call of something else
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert not hasattr(builtins, node.func.id), ast.dump(node)
    with tempfile.TemporaryDirectory() as folder, schemas.imported(found, Path(folder)) as made:
        types = made.REMOTE_MODULE.codecs
        for table in types.tables:
            types.row_codec(table)
        for reducer in made.REMOTE_MODULE.reducers:
            made.REMOTE_MODULE.encoder(reducer.args)
        for table in made.REMOTE_MODULE.tables:
            operator.attrgetter(table.accessor)(made.query).to_sql()
        assert set(made.__all__) >= {"DbConnection", "query"}
    assert package(schemas.v10(module), Options(row_class)).files == found.files
    return True


MADE: set[bool] = set()


@settings(max_examples=60)
@given(modules(), st.sampled_from(ROW_CLASSES))
def test_random_schemas(module: s.ModuleDef, row_class: str) -> None:
    MADE.add(tried(module, row_class))


def test_both_outcomes_were_seen() -> None:
    """Otherwise the property above would say nothing; it needs no other test to have run."""
    if not MADE:
        test_random_schemas()
    assert {True, False} == MADE


@settings(max_examples=30)
@given(modules(BROKEN))
def test_names_that_are_none(module: s.ModuleDef) -> None:
    tried(module, "msgspec")


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 300), st.text(max_size=4), st.just([])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["Ref", "Array", "Product", "elements", "name", "some", "algebraic_type", "U8"]
            ),
            inner, max_size=3,
        ),
    ),
    max_leaves=6,
)  # fmt: skip


def places(json: Any) -> list[tuple[Any, Any]]:
    """Every place of a JSON where something else could stand."""
    found: list[tuple[Any, Any]] = []
    items = json.items() if isinstance(json, dict) else enumerate(json)
    for key, value in items:
        found.append((json, key))
        if isinstance(value, dict | list):
            found += places(value)
    return found


@settings(max_examples=100)
@given(st.data())
def test_damaged_definitions(data: st.DataObject) -> None:
    """One place of a good definition has something else in it."""
    forms = [(schemas.v9, schemas.module_test), (schemas.v10, schemas.module_test),
             (schemas.v10, schemas.submodules)]  # fmt: skip
    form, schema = data.draw(st.sampled_from(forms))
    good = json.loads(json.dumps(form(schema())))
    holder, key = data.draw(st.sampled_from(places(good)))
    holder[key] = data.draw(JSON)
    try:
        package(good)
    except SchemaError:
        pass


@settings(max_examples=100)
@given(st.one_of(st.binary(max_size=60), JSON.map(lambda x: json.dumps(x).encode())))
def test_any_bytes(data: bytes) -> None:
    try:
        read_text(data)
    except SchemaError:
        pass
