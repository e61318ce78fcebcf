"""Views and procedures: how they are declared, and everything that can be wrong with that."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SchemaError
from harness.module import compiler, load
from harness.wire import types as t
from harness.wire.schema import query_of

HEAD = """from __future__ import annotations
from harness.module import *
@table(public=True)
class Item:
    id: u32 = column(primary_key=True)
    name: str = column(name="label")
@product
class Total:
    pieces: u64
    share: f32
"""
LINE = HEAD.count("\n") + 1

FINE = (
    HEAD
    + """
@view(public=True, primary_key="name")
def items(ctx: ViewContext) -> list[Item]: ...
@view
def one(ctx: AnonymousViewContext) -> Item | None: ...
@view(name="all_totals", primary_key="pieces")
def totals(ctx: AnonymousViewContext) -> list[Total]: ...
@view
def named(ctx: ViewContext) -> Query[Item]: ...
@view(primary_key="name")
def named_by(ctx: ViewContext) -> Query[Item]: ...
@procedure
def count(ctx: ProcedureContext, since: Timestamp, names: list[str] | None) -> Total | None: ...
@procedure(name="go_on")
async def go(ctx: ProcedureContext) -> None: ...
"""
)

# What stands below the first lines → what is said of it, as (line, sentence).
PROBLEMS: dict[str, tuple[str, list[tuple[int, str]]]] = {
    "no rows": (
        "@view\ndef v(ctx: ViewContext) -> u32: ...",
        [(0, "view 'v' must return list[Row] or Row | None, where Row is the row of a table or")],
    ),
    "one row, always": (
        "@view\ndef v(ctx: ViewContext) -> Item: ...",
        [(0, "view 'v' must return list[Row] or Row | None")],
    ),
    "nothing said": (
        "@view\ndef v(ctx: ViewContext): ...",
        [(0, "view 'v' must return list[Row] or Row | None")],
    ),
    "rows of no class": (
        "@view\ndef v(ctx: ViewContext) -> list[Identity]: ...",
        [(0, "view 'v': its rows are Identity, which is no row of a table and no @product class")],
    ),
    "rows of an unknown kind": (
        "@view\ndef v(ctx: ViewContext) -> list[dict]: ...",
        [(0, "what view 'v' returns: dict has no SpacetimeDB type")],
    ),
    "an unknown name": (
        "@view\ndef v(ctx: ViewContext) -> list[Nobody]: ...",
        [(0, "view 'v': the annotation 'Nobody' is unknown")],
    ),
    "a query of no table": (
        "@view\ndef v(ctx: ViewContext) -> Query[Total]: ...",
        [(0, "view 'v' returns a query of Total, which is no row of a table")],
    ),
    "a query of many": (
        "@view\ndef v(ctx: ViewContext) -> Query[list[Item]]: ...",
        [(0, "view 'v' must return list[Row] or Row | None, where Row is the row of a table or a "
             "@product class, or Query[Row] of a table")],
    ),
    "a query of something": (
        "@view\ndef v(ctx: ViewContext) -> Query: ...",
        [(0, "view 'v' must return list[Row] or Row | None")],
    ),
    "arguments": (
        "@view\ndef v(ctx: ViewContext, x: u8) -> list[Item]: ...",
        [(0, "view 'v' takes no arguments, but for its context: 'x'")],
    ),
    "no context": (
        "@view\ndef v() -> list[Item]: ...",
        [(0, "view 'v' needs a first parameter for its context")],
    ),
    "a context that writes": (
        "@view\ndef v(ctx: ReducerContext) -> list[Item]: ...",
        [(0, "the first parameter is the ViewContext or AnonymousViewContext, 'ctx' is declared")],
    ),
    "async view": (
        "@view\nasync def v(ctx: ViewContext) -> list[Item]: ...",
        [(0, "view 'v' is async; views only look and return")],
    ),
    "yields": (
        "@view\ndef v(ctx: ViewContext) -> list[Item]:\n    yield",
        [(0, "view 'v' yields: calling it would run nothing")],
    ),
    "an unknown key": (
        "@view(primary_key='ID')\ndef v(ctx: ViewContext) -> list[Item]: ...",
        [(0, "view 'v': the primary key 'ID' is no field of Item, which has id, name")],
    ),
    "a key that cannot be one": (
        "@view(primary_key='share')\ndef v(ctx: ViewContext) -> list[Total]: ...",
        [(0, "view 'v': 'share' cannot be a key: keys are integers")],
    ),
    "the name of a table": (
        "@view(name='item')\ndef v(ctx: ViewContext) -> list[Item]: ...",
        [(0, "view 'item': the name is taken by the table declared at")],
    ),
    "a name of the system": (
        "@view\ndef st_v(ctx: ViewContext) -> list[Item]: ...",
        [(0, "view 'st_v': names with st_ are for system tables")],
    ),
    "a word of SQL": (
        "@view\ndef select(ctx: ViewContext) -> list[Item]: ...",
        [(0, "view 'select' is a word of SQL")],
    ),
    "two of a name": (
        "@view\ndef v(ctx: ViewContext) -> list[Item]: ...\n"
        "@procedure(name='v')\ndef p(ctx: ProcedureContext) -> None: ...\n"
        "@reducer(name='v')\ndef r(ctx: ReducerContext) -> None: ...",
        [(2, "procedure 'v' is declared twice, first at "),
         (0, "view 'v' is declared twice, first at ")],
    ),
    "procedure: context": (
        "@procedure\ndef p(ctx: ReducerContext) -> None: ...",
        [(0, "procedure 'p': the first parameter is the ProcedureContext, 'ctx' is declared as")],
    ),
    "procedure: parameter": (
        "@procedure\ndef p(ctx: ProcedureContext, x, *y: u8) -> None: ...",
        [(0, "procedure 'p': parameter 'x' has no type"),
         (0, "procedure 'p': *y is not possible")],
    ),
    "procedure: result": (
        "@procedure\ndef p(ctx: ProcedureContext) -> set[u8]: ...",
        [(0, "what p returns: set has no SpacetimeDB type; use")],
    ),
    "procedure: yields": (
        "@procedure\nasync def p(ctx: ProcedureContext) -> None:\n    yield",
        [(0, "procedure 'p' yields: calling it would run nothing")],
    ),
    "procedure: name": (
        "@procedure(name='p-q')\ndef p(ctx: ProcedureContext) -> None: ...",
        [(0, "procedure 'p-q' is not an identifier: '-' at position 1")],
    ),
}  # fmt: skip


def problems(path: Path, source: str) -> list[str]:
    path.write_text(source)
    with pytest.raises(SchemaError) as caught:
        load(path).definition()
    return str(caught.value).splitlines()


@pytest.mark.parametrize("case", PROBLEMS)
def test_problems(case: str, tmp_path: Path) -> None:
    source, wanted = PROBLEMS[case]
    path = tmp_path / "wrong.py"
    found = problems(path, HEAD + source)
    assert len(found) == len(wanted), found
    for sentence, (line, said) in zip(found, wanted, strict=True):
        assert said in sentence
        assert sentence.endswith(f"({path}:{LINE + line})")


def test_all_problems_are_said_in_one_error(tmp_path: Path) -> None:
    everything = HEAD + "\n".join(source for source, _ in PROBLEMS.values() if "'v'" not in source)
    found = problems(tmp_path / "wrong.py", everything)
    said = [text for _, wanted in PROBLEMS.values() for _, text in wanted]
    known = [text for text in said if any(text in sentence for sentence in found)]
    assert len(known) > len(said) * 0.7


def test_what_is_declared(tmp_path: Path) -> None:
    path = tmp_path / "fine.py"
    path.write_text(FINE)
    definition = load(path).definition()
    item, total = (
        t.Ref(next(x.type for x in definition.types if x.name == name))
        for name in ("Item", "Total")
    )
    assert [
        (x.name, x.accessor, x.index, x.public, x.anonymous, x.returns, x.primary_key)
        for x in definition.views
    ] == [
        # Those for everybody are counted apart, as real servers call them apart.
        ("items", "items", 0, True, False, t.Array(item), ("label",)),
        ("one", "one", 0, False, True, t.option(item), ()),
        ("all_totals", "totals", 1, False, True, t.Array(total), ("pieces",)),
        # A query has the key of its table, unless it says otherwise.
        ("named", "named", 1, False, False, query_of(item), ("id",)),
        ("named_by", "named_by", 2, False, False, query_of(item), ("label",)),
    ]
    assert [(x.name, x.accessor, x.returns, x.private) for x in definition.procedures] == [
        ("count", "count", t.option(total), False),
        ("go_on", "go", t.UNIT, False),
    ]
    since, names = definition.procedures[0].params.elements
    assert (since.name, since.type) == ("since", t.TIMESTAMP)
    assert (names.name, names.type) == ("names", t.option(t.Array(t.STRING)))


def test_neither_is_compiled(tmp_path: Path) -> None:
    path = tmp_path / "fine.py"
    path.write_text(FINE)
    with pytest.raises(SchemaError) as caught:
        compiler.build(load(path))
    found = str(caught.value).splitlines()
    # Each at its own line, with what to do.
    assert [sentence.partition(": ")[0] for sentence in found] == [
        f"{path}:{LINE + at}" for at in (1, 3, 5, 7, 9, 11, 13)
    ]
    assert "@view 'items' is not compiled: servers of 1.x have no views; put it in a" in found[0]
    assert "@procedure 'go_on' is not compiled: servers of 1.x have no procedures" in found[6]


def test_a_module_of_views_and_procedures_alone(tmp_path: Path) -> None:
    path = tmp_path / "only.py"
    path.write_text(
        "from harness.module import ProcedureContext, procedure, u8\n"
        "@procedure\ndef one(ctx: ProcedureContext) -> u8: return 1\n"
    )
    assert [x.name for x in load(path).definition().procedures] == ["one"]
