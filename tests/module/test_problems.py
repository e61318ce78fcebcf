"""Everything that can be wrong with a declaration is said in one go, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SchemaError
from harness.module import load

HEAD = "from __future__ import annotations; from harness.module import *; from enum import Enum"

# Each: the source below the first line, and what is said of it as (line, sentence).
PROBLEMS: dict[str, tuple[str, list[tuple[int, str]]]] = {
    "identifier: character": (
        """
@table(name="two words")
class A:
    x: u8
""",
        [(2, "table 'two words' is not an identifier: ' ' at position 3")],
    ),
    "identifier: start": (
        """
@table(name="1st")
class A:
    x: u8
""",
        [(2, "table '1st' is not an identifier: '1' at position 0; a name begins with a letter")],
    ),
    "identifier: normal form": (
        """
@table(name="cafe\\u0301")
class A:
    x: u8
""",
        [(2, "the name is not in the normal form NFC of Unicode")],
    ),
    "identifier: column": (
        """
@table()
class A:
    x: u8 = column(name="x-ray")
""",
        [(2, "column 'x-ray' of table 'a' is not an identifier: '-' at position 1")],
    ),
    "identifier: variant": (
        """
class Mood(Enum):
    GOOD = "in high spirits"
@table()
class A:
    mood: Mood
""",
        [(2, "'in high spirits' of type 'Mood' is not an identifier: ' ' at position 2")],
    ),
    "identifier: reducer": (
        """
@reducer(name="no-op")
def noop(ctx): pass
""",
        [(2, "reducer 'no-op' is not an identifier: '-' at position 2")],
    ),
    "system table": (
        """
@table(name="st_mine")
class A:
    x: u8
""",
        [(2, "table 'st_mine': names with st_ are for system tables")],
    ),
    "word of SQL": (
        """
@table(name="Select")
class A:
    x: u8
""",
        [(2, "table 'Select' is a word of SQL")],
    ),
    "two tables, one name": (
        """
@table(name="same")
class A:
    x: u8
@table(name="same")
class B:
    x: u8
""",
        [(5, "table 'same': the name is taken by the table declared at {file}:2")],
    ),
    "two tables, one accessor": (
        """
@table(accessor="same", name="a")
class A:
    x: u8
@table(accessor="same", name="b")
class B:
    x: u8
""",
        [(5, "table 'b': ctx.db.same is a table already, at {file}:2")],
    ),
    "two tables on one class, one accessor": (
        """
@table(accessor="same", name="b")
@table(accessor="same", name="a")
class A:
    x: u8
""",
        [(2, "table 'b': ctx.db.same is a table already, at {file}:2")],
    ),
    "accessor": (
        """
@table(accessor="my table", name="a")
class A:
    x: u8
""",
        [(2, "table 'a': 'my table' cannot be an attribute of ctx.db")],
    ),
    "index twice": (
        """
@table(indexes=[btree("by_x", "x")])
class A:
    x: u8 = column(index="btree")
""",
        [(2, "index 'a_x_idx_btree': the name is taken by the index declared at {file}:2")],
    ),
    "table and constraint": (
        """
@table()
class A:
    x: u8 = column(unique=True)
@table(name="a_x_key")
class B:
    x: u8
""",
        [(5, "table 'a_x_key': the name is taken by the constraint declared at {file}:2")],
    ),
    "table and sequence": (
        """
@table()
class A:
    x: u8 = auto_inc()
@table(name="a_x_seq")
class B:
    x: u8
""",
        [(5, "table 'a_x_seq': the name is taken by the sequence declared at {file}:2")],
    ),
    "two columns, one name": (
        """
@table()
class A:
    x: u8
    y: u8 = column(name="x")
""",
        [(2, "column 'x' of table 'a': another column has this name")],
    ),
    "two indexes, one accessor": (
        """
@table(indexes=[btree("by", "x"), btree("by", "y")])
class A:
    x: u8
    y: u8
""",
        [(2, "index 'by' of table 'a': another index has this name")],
    ),
    "index called as a method": (
        """
@table(indexes=[btree("insert", "x")])
class A:
    x: u8
""",
        [(2, "index 'insert' of table 'a': a table's own method has this name")],
    ),
    "two types, one name": (
        """
def one():
    @product
    class P:
        x: u8
    return P
def two():
    @product
    class P:
        x: u8
    return P
@table()
class A:
    one: one()
    two: two()
""".replace("one: one()", "one: One").replace("two: two()", "two: Two")
        + "One, Two = one(), two()\n",
        [(8, "two types are called 'P', the first at {file}:3; rename one")],
    ),
    "two reducers, one name": (
        """
@reducer
def go(ctx): pass
@reducer(name="go")
def went(ctx): pass
""",
        [(4, "reducer 'go' is declared twice, first at {file}:2")],
    ),
    "two inits": (
        """
@init
def a(ctx): pass
@init
def b(ctx): pass
""",
        [(4, "reducer 'b' is a second Init reducer; the first is at {file}:2")],
    ),
    "lifecycle with arguments": (
        """
@client_connected
def hello(ctx, x: u8): pass
""",
        [(2, "OnConnect reducer 'hello' takes no arguments")],
    ),
    "reducer without context": (
        """
@reducer
def go(): pass
""",
        [(2, "reducer 'go' needs a first parameter for its context")],
    ),
    "parameter without type": (
        """
@reducer
def go(ctx, x, y: u8, z): pass
""",
        [
            (2, "reducer 'go': parameter 'x' has no type"),
            (2, "reducer 'go': parameter 'z' has no type"),
        ],
    ),
    "star": (
        """
@reducer
def go(ctx, *rest: u8): pass
""",
        [(2, "reducer 'go': *rest is not possible")],
    ),
    "reducer whose context is something else": (
        """
@reducer
def f(name: str) -> None: ...
""",
        [(2, "reducer 'f': the first parameter is the ReducerContext, 'name' is declared as str")],
    ),
    "generator": (
        """
@reducer
def f(ctx):
    yield
""",
        [(2, "reducer 'f' yields: calling it would run nothing")],
    ),
    "async": (
        """
@reducer
async def go(ctx): pass
""",
        [(2, "reducer 'go' is async; reducers run to their end")],
    ),
    "return": (
        """
@reducer
def go(ctx) -> u8: return 1
""",
        [(2, "reducer 'go' returns something; it must return None")],
    ),
    "unknown annotation of a parameter": (
        """
@reducer
def go(ctx, x: Unheard): pass
""",
        [(2, "reducer 'go': the annotation 'Unheard' is unknown")],
    ),
    "annotation that fails": (
        """
@reducer
def go(ctx, x: 1 / 0): pass
""",
        [(2, "reducer 'go': an annotation fails: division by zero")],
    ),
    "types without an equivalent, all of a table": (
        """
import typing, datetime
@table()
class A:
    fine: u8
    d: dict[str, u8]
    s: set[u8]
    t: tuple[u8, u8]
    a: typing.Any
    w: datetime.datetime
    u: u8 | str
""",
        [
            (3, "A.d: dict has no SpacetimeDB type; use a list of a class with key and value"),
            (3, "A.s: set has no SpacetimeDB type; use list"),
            (3, "A.t: tuple has no SpacetimeDB type; use a class with named fields"),
            (3, "A.a: Any has no SpacetimeDB type; use a concrete type"),
            (3, "A.w: datetime has no SpacetimeDB type"),
            (3, "A.u: the union"),
        ],
    ),
    "type without an equivalent in a parameter": (
        """
@reducer
def go(ctx, x: dict, y: set): pass
""",
        [
            (2, "go(x): dict has no SpacetimeDB type"),
            (2, "go(y): set has no SpacetimeDB type"),
        ],
    ),
    "unknown annotation of a column": (
        """
@table()
class A:
    x: Unheard
""",
        [(2, "'Unheard' is not defined")],
    ),
    "stacked tables over a wrong class": (
        """
@table(accessor="a")
@table(accessor="b")
class A:
    x: dict
""",
        [(2, "A.x: dict has no SpacetimeDB type")],
    ),
    "type without end": (
        """
@product
class Node:
    next: Node
@table()
class A:
    node: Node
""",
        [(5, "type 'A': type 1 contains itself"), (2, "type 'Node': type 1 contains itself")],
    ),
    "two primary keys": (
        """
@table()
class A:
    x: u8 = column(primary_key=True)
    y: u8 = column(primary_key=True)
""",
        [(2, "table 'a' has several primary keys: x, y")],
    ),
    "index on an unknown column": (
        """
@table(indexes=[btree("by", "x", "nope")])
class A:
    x: u8
    y: u8
""",
        [(2, "index 'by' of table 'a' names unknown columns: nope; it has x, y")],
    ),
    "index on no column": (
        """
@table(indexes=[btree("by")])
class A:
    x: u8
""",
        [(2, "index 'by' of table 'a' names unknown columns: (none); it has x")],
    ),
    "index that repeats a column": (
        """
@table(indexes=[btree("by", "x", "x")])
class A:
    x: u8
""",
        [(2, "index 'by' of table 'a' repeats a column")],
    ),
    "direct index": (
        """
@table(indexes=[direct("by_i", "i"), direct("by_s", "s"), direct("by_w", "w")])
class A:
    i: i8
    s: str
    w: u128
""",
        [
            (2, "the direct index on 'i' of table 'a' needs a column of u8, u16, u32, u64"),
            (2, "the direct index on 's' of table 'a' needs a column of u8, u16, u32, u64"),
            (2, "the direct index on 'w' of table 'a' needs a column of u8, u16, u32, u64"),
        ],
    ),
    "keys of types that are none": (
        """
@product
class P:
    x: u8
@table()
class A:
    a: f32 = column(index="btree")
    b: f64 = column(unique=True)
    c: Timestamp = column(unique=True)
    d: TimeDuration = column(index="hash")
    e: ScheduleAt = column(index="btree")
    f: list[u8] = column(primary_key=True)
    g: P = column(index="hash")
    h: u8 | None = column(index="btree")
""",
        [(5, f"column {name!r} of table 'a' cannot be a key") for name in "abcdefgh"],
    ),
    "auto_inc": (
        """
@table()
class A:
    x: str = auto_inc()
    y: f32 = auto_inc()
""",
        [
            (2, "auto_inc column 'x' of table 'a' is not an integer"),
            (2, "auto_inc column 'y' of table 'a' is not an integer"),
        ],
    ),
    "default of a key": (
        """
@table()
class A:
    x: u8 = column(unique=True, default=1)
""",
        [(2, "column 'x' of table 'a' has a default and is a key or auto_inc")],
    ),
    "default that does not fit": (
        """
@table()
class A:
    x: u8 = column(default=256)
    y: str = column(default=1)
""",
        [
            (2, "the default of column 'x' of table 'a': "),
            (2, "the default of column 'y' of table 'a': "),
        ],
    ),
    "scheduled table without a time": (
        """
@table()
class Timer:
    id: u64 = auto_inc(primary_key=True)
@reducer(on_schedule=Timer)
def tick(ctx, timer: Timer): pass
""",
        [(5, "scheduled table 'timer' needs a u64 primary key and one ScheduleAt column")],
    ),
    "scheduled table without a key": (
        """
@table()
class Timer:
    id: u32 = auto_inc(primary_key=True)
    at: ScheduleAt
@reducer(on_schedule=Timer)
def tick(ctx, timer: Timer): pass
""",
        [(6, "scheduled table 'timer' needs a u64 primary key and one ScheduleAt column")],
    ),
    "scheduled reducer with other parameters": (
        """
@table()
class Timer:
    id: u64 = auto_inc(primary_key=True)
    at: ScheduleAt
@reducer(on_schedule=Timer)
def tick(ctx, timer: u64): pass
""",
        [(6, "reducer 'tick' must take its context and one row of 'timer'")],
    ),
    "table scheduled twice": (
        """
@table()
class Timer:
    id: u64 = auto_inc(primary_key=True)
    at: ScheduleAt
@reducer(on_schedule=Timer)
def tick(ctx, timer: Timer): pass
@reducer(on_schedule=Timer)
def tock(ctx, timer: Timer): pass
""",
        [(8, "Timer is scheduled by several functions: tick, tock; the first is at {file}:6")],
    ),
    "table scheduled by a procedure, too": (
        """
@table()
class Timer:
    id: u64 = auto_inc(primary_key=True)
    at: ScheduleAt
@procedure(on_schedule=Timer)
def tock(ctx: ProcedureContext, timer: Timer) -> None: pass
@reducer(on_schedule=Timer)
def tick(ctx, timer: Timer): pass
""",
        [(6, "Timer is scheduled by several functions: tick, tock; the first is at {file}:8")],
    ),
    "scheduled procedure's parameters": (
        """
@table()
class Timer:
    id: u64 = auto_inc(primary_key=True)
    at: ScheduleAt
@procedure(on_schedule=Timer)
async def tock(ctx: ProcedureContext, timer: Timer, more: u8) -> None: pass
""",
        [(6, "procedure 'tock' must take its context and one row of 'timer'")],
    ),
    "schedule of what is no table": (
        """
@product
class Timer:
    id: u64
@reducer(on_schedule=Timer)
def tick(ctx, timer: Timer): pass
""",
        [(5, "Timer is not the row of a table")],
    ),
    "sum of what is no product": (
        """
Shape = sum_type("Shape", int, str)
@reducer
def draw(ctx): pass
""",
        [(2, "int of the sum 'Shape' is not a @product class")],
    ),
    "sum of one, and of none": (
        """
@product
class P:
    x: u8
One = sum_type("One", P)
None_ = sum_type("None_")
@reducer
def draw(ctx): pass
""",
        [
            (5, "the sum 'One' needs two or more different classes"),
            (6, "the sum 'None_' needs two or more different classes"),
        ],
    ),
    "two sums of the same": (
        """
@product
class P:
    x: u8
@product
class Q:
    x: u8
One = sum_type("One", P, Q)
Two = sum_type("Two", Q, P)
@reducer
def draw(ctx): pass
""",
        [(9, "the sum 'Two' has the classes of the sum 'One', declared at {file}:8")],
    ),
}  # fmt: skip


def _problems(path: Path, source: str) -> list[str]:
    path.write_text(HEAD + source)
    with pytest.raises(SchemaError) as caught:
        load(path).definition()
    return str(caught.value).split("\n")


@pytest.mark.parametrize("case", PROBLEMS)
def test_each_problem_has_its_sentence_and_its_place(case: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    source, expected = PROBLEMS[case]
    found = _problems(path, source)
    assert len(found) == len(expected), found
    for sentence, (line, text) in zip(found, expected, strict=True):
        assert text.replace("{file}", str(path)) in sentence
        assert sentence.endswith(f"({path}:{line})")


def test_all_problems_are_said_in_one_error(tmp_path: Path) -> None:
    source = """
@table(name="st_a")
class A:
    x: dict
@table(name="select")
class B:
    y: u8 = column(default=-1)
@reducer
async def go(ctx) -> u8: pass
"""
    path = tmp_path / "wrong.py"
    found = _problems(path, source)
    assert [sentence.rpartition(":")[2] for sentence in found] == [
        "2)",
        "2)",
        "5)",
        "5)",
        "8)",
        "8)",
    ]


@pytest.mark.parametrize("case", ["a plain enum", "u8"])
def test_direct_indexes_may_lie_on(case: str, tmp_path: Path) -> None:
    type_ = {"a plain enum": "Mood", "u8": "u8"}[case]
    path = tmp_path / "fine.py"
    path.write_text(f"""{HEAD}
class Mood(Enum):
    GOOD = 1
    BAD = 2
@table(indexes=[direct("by_x", "x")])
class A:
    x: {type_}
""")
    (index,) = load(path).definition().tables[0].indexes
    assert index.name == "a_x_idx_direct"


def test_an_unknown_kind_of_index_is_refused_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(f'{HEAD}\n@table()\nclass A:\n    x: u8 = column(index="tree")\n')
    with pytest.raises(SchemaError, match="an index is btree, hash or direct, not 'tree'"):
        load(path)
