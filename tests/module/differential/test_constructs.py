"""A small program for each construct: what it does natively is what it does compiled.

``wanted`` is what the calls must come to natively, so that a program cannot agree by doing nothing:
"ok", the text that the caller is told, or what crashed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from harness.module import Module
from harness.wire.values import Timestamp
from tests.module.differential.agree import (
    ALICE,
    BOB,
    Call,
    Caller,
    Compiled,
    Seen,
    agree,
    module_of,
)
from tests.module.wasm_host import START, MockHost

TABLES = """
@product
class Point:
    x: f32
    y: f32


class Color(Enum):
    RED = "red"
    GREEN = "green"


@table(public=True, indexes=[btree("by_place", "group", "place", "id")])
class Row:
    id: u64 = auto_inc(primary_key=True)
    group: i32
    place: i64
    name: str = column(unique=True)


@table()
class Plain:
    a: i32
    b: str


@table()
class Wide:
    id: i32 = column(primary_key=True)
    x: f64
    y: f32
    yes: bool
    text: str | None
    number: i64 | None
    point: Point
    color: Color
    who: Identity
    when: Timestamp
    bits: bytes
    many: list[i16]


@table()
class Num:
    id: u8 = column(primary_key=True)
    small: i8
    big: u64
    signed: i64


def fill(ctx: ReducerContext, count: int) -> None:
    for i in range(count):
        ctx.db.row.insert(Row(group=i % 3, place=(i * 7) % 11 - 5, name=f"n{i}"))
"""


@dataclass(frozen=True)
class Case:
    """A program, its calls as (reducer, arguments …), and what they come to."""

    name: str
    source: str
    calls: list[tuple[Any, ...]]
    wanted: list[str]


def shown(seen: Seen) -> str:
    return seen.panic or seen.text or "ok"


CASES: list[Case] = []


def case(name: str, source: str, *calls: tuple[Any, ...] | str) -> None:
    """``calls``: (reducer, arguments …), each followed by a text if it does not come to "ok"."""
    made: list[tuple[Any, ...]] = []
    wanted: list[str] = []
    for part in calls:
        if isinstance(part, str):
            wanted[-1] = part
        else:
            made.append(part)
            wanted.append("ok")
    CASES.append(Case(name, source, made, wanted))


# --- rows: copies, aliases, identity -------------------------------------------------------------

case(
    "an alias is the same object",
    """
@reducer
def go(ctx: ReducerContext) -> None:
    a = Point(x=1.0, y=2.0)
    b = a
    b.x = 5.0
    ctx.log.info(f"{a.x} {b.x} {a == b}")
    c = Point(x=5.0, y=2.0)
    ctx.log.info(f"{a == c}")
""",
    ("go",),
)
case(
    "found rows are copies",
    """
@reducer
def go(ctx: ReducerContext) -> None:
    fill(ctx, 3)
    a = ctx.db.row.id.find(1)
    b = ctx.db.row.id.find(1)
    assert a is not None and b is not None
    a.place = 99
    ctx.log.info(f"{a.place} {b.place} {a == b}")
    ctx.db.row.id.update(b)
    ctx.db.row.id.update(a)
""",
    ("go",),
)
case(
    "a nested value is shared until it is stored",
    """
@reducer
def go(ctx: ReducerContext, who: Identity) -> None:
    point = Point(x=0.5, y=0.25)
    made = Wide(id=1, x=1.0, y=2.0, yes=True, text=None, number=7, point=point, color=Color.GREEN,
                who=who, when=ctx.timestamp, bits=b"", many=[1, -2])
    point.x = 8.0
    ctx.db.wide.insert(made)
    point.x = 9.0
    kept = ctx.db.wide.id.find(1)
    assert kept is not None
    ctx.log.info(f"{made.point.x} {kept.point.x} {kept.color == Color.GREEN} {kept.who == who}")
    kept.point.y = -0.0
    kept.many.append(3)
    kept.text = "now"
    kept.number = None
    ctx.db.wide.id.update(kept)
    again = ctx.db.wide.id.find(1)
    assert again is not None
    ctx.log.info(f"{again.point.y} {len(again.many)} {again.many[2]} {again.text} {again.number}")
""",
    ("go", ALICE),
    ("go", BOB),
    "a row of wide has id 1 already",
)
case(
    "insert gives the row with its number, and leaves the other",
    """
@reducer
def go(ctx: ReducerContext) -> None:
    a = Row(group=1, place=1, name="a")
    b = ctx.db.row.insert(a)
    ctx.log.info(f"{a.id} {b.id}")
    b.place = 7
    ctx.log.info(f"{a.place}")
    c = Row(id=50, group=1, place=1, name="c")
    d = ctx.db.row.insert(c)
    d.place = 8
    ctx.log.info(f"{c.place} {d.place} {d.id}")
    e = Plain(a=1, b="x")
    f = ctx.db.plain.insert(e)
    f.a = 2
    ctx.log.info(f"{e.a}")
""",
    ("go",),
)
case(
    "update gives the row that it was given",
    """
@reducer
def go(ctx: ReducerContext) -> None:
    fill(ctx, 1)
    a = ctx.db.row.id.find(1)
    assert a is not None
    b = ctx.db.row.id.update(a)
    b.place = 77
    ctx.log.info(f"{a.place}")
    c = ctx.db.row.id.insert_or_update(a)
    c.place = 78
    ctx.log.info(f"{a.place}")
""",
    ("go",),
)
case(
    "rows in lists are the same objects",
    """
def change(points: list[Point], by: float) -> None:
    for point in points:
        point.x += by


@reducer
def go(ctx: ReducerContext) -> None:
    one = Point(x=1.0, y=1.0)
    points = [one, Point(x=2.0, y=2.0), one]
    change(points, 0.5)
    total = 0.0
    for point in points:
        total += point.x
    points[1] = one
    ctx.log.info(f"{one.x} {total} {len(points)} {points[-2].x}")
""",
    ("go",),
)

# --- loops and iterators -------------------------------------------------------------------------

case(
    "early return, break, continue and raise inside table loops",
    """
@reducer
def go(ctx: ReducerContext, how: u8) -> None:
    if ctx.db.row.count() == 0:
        fill(ctx, 10)
    seen = 0
    for row in ctx.db.row.iter():
        if how == 0 and seen == 3:
            return
        if how == 1 and seen == 4:
            break
        if how == 2 and row.group == 1:
            continue
        if how == 3:
            raise ReducerError(f"at {row.name}")
        if how == 4:
            assert row.id < 3, f"id {row.id}"
        if how == 5:
            ctx.log.info(f"{1 // (row.place * 0)}")
        seen += 1
        ctx.log.info(f"{row.id} {row.name}")
    ctx.log.info(f"saw {seen}")
""",
    *[("go", 0), ("go", 1), ("go", 2)],
    ("go", 3),
    "at n0",
    ("go", 4),
    "AssertionError: id 3",
    ("go", 5),
    "ZeroDivisionError: integer division or modulo by zero",
    ("go", 6),
)
case(
    "nested loops over tables and indexes, left from within",
    """
def first_twin(ctx: ReducerContext) -> int:
    for a in ctx.db.row.by_place.filter():
        for b in ctx.db.row.by_place.filter(a.group, ge=a.place):
            for i in range(5):
                if i == 3:
                    break
                if a.id != b.id and a.place == b.place - i:
                    return i
    return -1


@reducer
def go(ctx: ReducerContext, count: u8) -> None:
    ctx.db.row.clear()
    fill(ctx, count)
    ctx.log.info(f"{first_twin(ctx)}")
""",
    *[("go", count) for count in (0, 1, 5, 40)],
)
case(
    "a loop sees the rows of its start",
    """
@reducer
def go(ctx: ReducerContext) -> None:
    fill(ctx, 5)
    for row in ctx.db.row.iter():
        row.place += 1000
        ctx.db.row.id.update(row)
        ctx.db.row.insert(Row(group=9, place=row.place, name=f"new {row.name}"))
        if row.id == 2:
            ctx.db.row.id.delete(5)
    count = 0
    for row in ctx.db.row.by_place.filter(9):
        count += 1
    ctx.log.info(f"{count} {ctx.db.row.count()}")
""",
    ("go",),
    "no row of row has id 5",
)
case(
    "texts outlive the iterator and its buffer",
    """
@reducer
def go(ctx: ReducerContext) -> None:
    for i in range(300):
        ctx.db.plain.insert(Plain(a=i, b=f"{i} " * 80))
    longest = ""
    names: list[str] = []
    kept: list[Plain] = []
    for row in ctx.db.plain.iter():
        if row.b > longest:
            longest = row.b
        names.append(row.b)
        if row.a % 100 == 0:
            kept.append(row)
    total = 0
    for name in names:
        total += len(name)
    ctx.log.info(f"{longest} {total}")
    ordered = 0
    for i in range(300):
        if f"{i} " * 80 in names:
            ordered += 1
    ctx.log.info(f"{ordered} {len(kept)}")
    for row in kept:
        assert row.b.startswith(f"{row.a} ")
""",
    ("go",),
)
case(
    "ranges of every kind",
    """
@reducer
def go(ctx: ReducerContext, a: i16, b: i16) -> None:
    out = ""
    for i in range(b):
        if i > 20:
            break
        out += f"{i} "
    out += "| "
    for i in range(a, b):
        if i > a + 5:
            break
        out += f"{i} "
    out += "| "
    for i in range(a, b, 3):
        out += f"{i} "
        i = 0
    out += "| "
    for i in range(b, a, -2):
        out += f"{i} "
    ctx.log.info(out)
    for i in range(2, -1, -1):
        ctx.log.info(f"{i}")
    for i, text in enumerate(["a", "b"]):
        ctx.log.info(f"{i}{text}")
    for x, y in zip([1, 2, 3], ["p", "q"]):
        ctx.log.info(f"{x}{y}")
""",
    *[("go", a, b) for a in (-3, 0, 5) for b in (-2, 0, 7, 8)],
)
case(
    "while with break, continue and changed variables",
    """
@reducer
def go(ctx: ReducerContext, n: u32) -> None:
    steps = 0
    while n != 1:
        steps += 1
        if steps > 500:
            break
        if n % 2 == 0:
            n //= 2
            continue
        n = 3 * n + 1
    ctx.log.info(f"{n} {steps}")
    while True:
        steps -= 1
        if steps < 0:
            return
""",
    *[("go", n) for n in (0, 1, 2, 27, 97, 2**32 - 1)],
)

case(
    "a list that shrinks while it is gone through backwards",
    """
@reducer
def go(ctx: ReducerContext, by: u8) -> None:
    numbers = [1, 2, 3, 4, 5]
    for number in reversed(numbers):
        ctx.log.info(f"{number}")
        for i in range(by):
            if numbers:
                numbers.pop()
""",
    *[("go", by) for by in range(5)],
)
case(
    "nan within lists and rows is compared by nobody",
    """
@reducer
def go(ctx: ReducerContext, x: f64, y: f64) -> None:
    a, b = [x, 1.0], [y, 1.0]
    ctx.log.info(f"{a == b} {x in b} {Point(x=x, y=0.0) == Point(x=y, y=0.0)}")


@reducer
def options(ctx: ReducerContext, x: f64 | None, y: f64 | None) -> None:
    ctx.log.info(f"{x == y}")
    a, b = [x], [y]
    ctx.log.info(f"{a == b} {x in b}")
""",
    *[("go", x, y) for x in (0.0, 1.5) for y in (0.0, -0.0, float("nan"))],
    *[("options", x, y) for x in (None, 1.5) for y in (None, 1.5, float("nan"))],
    ("options", float("nan"), 1.0),
)
case(
    "random numbers from wide ranges",
    """
@reducer
def go(ctx: ReducerContext, a: i64, b: i64) -> None:
    ctx.log.info(f"{ctx.rng.randint(a, b)}")
    ctx.log.info(f"{ctx.rng.randrange(a, b)}")
""",
    ("go", 0, 2**63 - 1),
    ("go", -(2**63), 2**63 - 2),
    ("go", -5, -4),
    ("go", 7, 7),
    "ValueError: empty range for randrange() (7, 7, 0)",
    ("go", 8, 7),
    "ValueError: empty range for randrange() (8, 8, 0)",
)

case(
    "everything in a tuple or list is computed before it is looked into",
    """
def said(ctx: ReducerContext, n: int) -> int:
    ctx.log.info(f"said {n}")
    return n


@reducer
def go(ctx: ReducerContext, n: i32) -> None:
    ctx.log.info(f"{n in (said(ctx, 1), said(ctx, 2))} {n not in [1, 6 // n]}")
    ctx.log.info(f"{n in (1, 2 if n in (5, 6 // n) else 3, 4)}")


@reducer
def nan(ctx: ReducerContext, x: f64, y: f64 | None) -> None:
    ctx.log.info(f"{x in (1.0, 2.0)} {x in (1, 2)} {y in (x, None)}")
""",
    *[("go", n) for n in (1, 2, 6)],
    ("go", 0),
    "ZeroDivisionError: integer division or modulo by zero",
    ("nan", 2.0, float("nan")),
    ("nan", float("nan"), 1.0),
    ("nan", 1.0, None),
)
_OPERATORS = ("+", "-", "*", "//", "%", "<", ">=", "&", "<<")
case(
    "both operands are computed before None is noticed",
    """
def said(ctx: ReducerContext, n: int) -> int:
    if n > 5:
        raise ReducerError("too much")
    ctx.log.info(f"said {n}")
    return n


"""
    + "".join(
        f"""
@reducer
def r{place}(ctx: ReducerContext, a: i32 | None, n: i32) -> None:
    ctx.log.info(f"{{a {op} said(ctx, n)}} {{said(ctx, 2) {op} a}}")

"""
        for place, op in enumerate(_OPERATORS)
    )
    + """
@reducer
def among(ctx: ReducerContext, a: i32 | None, n: i32) -> None:
    ctx.log.info(f"{max(a, said(ctx, n))} {min(3, a, said(ctx, 2))}")


@reducer
def texts(ctx: ReducerContext, a: str | None, n: i32) -> None:
    ctx.log.info(a + "x" * said(ctx, n))
    ctx.log.info(f"{a in 'x' * said(ctx, n)} {a < 'x' * said(ctx, n)} {len(a)} {a.replace(a, a)}")
""",
    *[
        part
        for name, value in (*((f"r{x}", 1) for x in range(len(_OPERATORS))), ("among", 1))
        for part in ((name, value, 2), (name, value, 7), "too much", (name, None, 7), "too much")
    ],
    ("texts", "x", 2),
    ("texts", None, 7),
    "too much",
    ("texts", None, 1),
    "TypeError: unsupported operand type(s) for +: 'NoneType' and 'str'",
)
case(
    "an annotation says what a list holds",
    """
@reducer
def go(ctx: ReducerContext) -> None:
    a: list[int | None] = [None]
    b: list[int | None] = [1, 2]
    c: list[list[int]] = [[], [1]]
    a.append(3)
    b.append(None)
    ctx.log.info(f"{len(a)} {a[0] is None} {b[2] is None} {b == [1, 2, None]} {len(c[0])}")
""",
    ("go",),
)

# --- tables --------------------------------------------------------------------------------------

case(
    "index scans: prefixes, ranges, values beyond the column",
    """
def all_of(ctx: ReducerContext, group: int, low: int, high: int) -> None:
    out = ""
    for row in ctx.db.row.by_place.filter(group):
        out += f"{row.id} "
    out += "ge "
    for row in ctx.db.row.by_place.filter(group, ge=low):
        out += f"{row.id} "
    out += "gt lt "
    for row in ctx.db.row.by_place.filter(group, gt=low, lt=high):
        out += f"{row.id} "
    out += "ge le "
    for row in ctx.db.row.by_place.filter(group, ge=low, le=high):
        out += f"{row.id} "
    out += "two "
    for row in ctx.db.row.by_place.filter(group, low):
        out += f"{row.id} "
    out += "tuple "
    for row in ctx.db.row.by_place.filter((group, low), lt=10):
        out += f"{row.id} "
    out += "first "
    for row in ctx.db.row.by_place.filter(lt=group):
        out += f"{row.id} "
    ctx.log.info(out)


@reducer
def go(ctx: ReducerContext, group: i64, low: i64, high: i64) -> None:
    if ctx.db.row.count() == 0:
        fill(ctx, 33)
    all_of(ctx, group, low, high)
    ctx.log.info(f"{ctx.db.row.by_place.delete(group, ge=low, lt=high)} {ctx.db.row.count()}")
""",
    *[("go", g, low, high) for g in (0, 1, 2, -1) for low in (-9, -5, 0) for high in (-5, 1, 3)],
    *[("go", 1, -(2**63), 2**63 - 1), ("go", 2**40, 0, 1), ("go", -(2**40), 0, 1)],
)
case(
    "ranges that end before they begin have no rows",
    """
class Size(Enum):
    SMALL = 1
    LARGE = 2


@table(indexes=[btree("by_size", "size", "flag", "text", "n")])
class Box:
    size: Size
    flag: bool
    text: str
    n: u64


@reducer
def go(ctx: ReducerContext, a: i32, b: i32) -> None:
    if ctx.db.box.count() == 0:
        fill(ctx, 12)
        for n in range(8):
            size = Size.LARGE if n % 2 else Size.SMALL
            ctx.db.box.insert(Box(size=size, flag=n > 3, text=f"t{n}", n=n))
    found = 0
    for row in ctx.db.row.by_place.filter(0, ge=a, le=b):
        found += 1
    for row in ctx.db.row.by_place.filter(0, gt=a, le=b):
        found += 100
    for row in ctx.db.row.by_place.filter(0, ge=a, lt=b):
        found += 10_000
    for row in ctx.db.row.by_place.filter(0, gt=a, lt=b):
        found += 1_000_000
    ctx.log.info(f"{found} {ctx.db.row.by_place.delete(0, ge=a, lt=b)}")
    for box in ctx.db.box.by_size.filter(gt=Size.SMALL, lt=Size.SMALL):
        ctx.log.info(f"{box.n}")
    for box in ctx.db.box.by_size.filter(gt=Size.SMALL, le=Size.LARGE):
        ctx.log.info(f"{box.n}")
    for box in ctx.db.box.by_size.filter(Size.LARGE, ge=a > b, le=a < b):
        ctx.log.info(f"{box.n}")
    for box in ctx.db.box.by_size.filter(Size.LARGE, True, ge=f"t{a}", le=f"t{b}"):
        ctx.log.info(f"{box.n}")
    for box in ctx.db.box.by_size.filter(Size.LARGE, True, "t5", ge=a, lt=b):
        ctx.log.info(f"{box.n}")


def said(ctx: ReducerContext, n: int) -> int:
    ctx.log.info(f"said {n}")
    return n


@reducer
def order(ctx: ReducerContext, a: i64) -> None:
    for row in ctx.db.row.by_place.filter(said(ctx, a), le=said(ctx, 5), ge=said(ctx, 0)):
        ctx.log.info(row.name)
""",
    *[("go", a, b) for a in (-4, 0, 5, 7) for b in (-4, 0, 5, 6)],
    ("order", 1),
    ("order", 2**40),
)
case(
    "ranges of what does not fit an index",
    """
@reducer
def go(ctx: ReducerContext, a: u64) -> None:
    if ctx.db.row.count() == 0:
        fill(ctx, 9)
    out = ""
    for row in ctx.db.row.by_place.filter(1, ge=0 - a):
        out += f"{row.id} "
    out += "| "
    for row in ctx.db.row.by_place.filter(1, le=a):
        out += f"{row.id} "
    out += "| "
    for row in ctx.db.row.by_place.filter(1, gt=a):
        out += f"{row.id} "
    out += "| "
    for row in ctx.db.row.by_place.filter(1, a):
        out += f"{row.id} "
    ctx.log.info(out + f"{ctx.db.num.id.find(a) is None} {ctx.db.num.id.delete(a)}")
""",
    *[("go", a) for a in (0, 1, 255, 256, 2**63, 2**64 - 1)],
)
case(
    "unique columns: taken, missing, put right",
    """
@reducer
def add(ctx: ReducerContext, id: u64, name: str) -> None:
    made = ctx.db.row.insert(Row(id=id, group=1, place=1, name=name))
    ctx.log.info(f"{made.id}")


@reducer
def attempt(ctx: ReducerContext, id: u64, name: str) -> None:
    made = ctx.db.row.try_insert(Row(id=id, group=2, place=2, name=name))
    ctx.log.info("taken" if made is None else f"{made.id}")
    ctx.log.info(f"{ctx.db.row.count()}")


@reducer
def put(ctx: ReducerContext, id: u64, name: str) -> None:
    ctx.db.row.id.update(Row(id=id, group=3, place=3, name=name))


@reducer
def either(ctx: ReducerContext, id: u64, name: str) -> None:
    made = ctx.db.row.id.insert_or_update(Row(id=id, group=4, place=4, name=name))
    ctx.log.info(f"{made.id}")


@reducer
def remove(ctx: ReducerContext, id: u64, name: str) -> None:
    ctx.log.info(f"{ctx.db.row.id.delete(id)} {ctx.db.row.name.delete(name)}")
    found = ctx.db.row.name.find(name)
    ctx.log.info(f"{found is None}")
""",
    ("add", 0, "a"),
    ("add", 0, "b"),
    ("add", 0, "a"),
    "a row of row has name a already",
    ("add", 1, "c"),
    "a row of row has id 1 already",
    ("add", 1, "b"),
    "a row of row has id 1 already",
    ("add", 7, "Zoë 🎲"),
    *[("attempt", 0, "a"), ("attempt", 7, "x"), ("attempt", 0, "y")],
    ("put", 99, "q"),
    "no row of row has id 99",
    ("put", 1, "a"),
    ("put", 1, "b"),
    "a row of row has name b already",
    ("either", 1, "renamed"),
    ("either", 300, "fresh"),
    ("either", 301, "fresh"),
    "a row of row has name fresh already",
    ("either", 7, "fresh"),
    "a row of row has name fresh already",
    *[("remove", 1, "b"), ("remove", 1, "b"), ("remove", 2**64 - 1, "")],
)
case(
    "a table without keys is a set",
    """
@reducer
def go(ctx: ReducerContext) -> None:
    for i in range(6):
        ctx.db.plain.insert(Plain(a=i % 2, b="same"))
    ctx.log.info(f"{ctx.db.plain.count()}")
    ctx.log.info(f"{ctx.db.plain.delete(Plain(a=1, b='same'))}")
    ctx.log.info(f"{ctx.db.plain.delete(Plain(a=1, b='same'))}")
    ctx.log.info(f"{ctx.db[Plain].count()} {ctx.db.plain.clear()} {ctx.db.plain.clear()}")
""",
    *[("go",), ("go",)],
)
case(
    "a failed call leaves nothing, but numbers are used up",
    """
@reducer
def go(ctx: ReducerContext, how: u8) -> None:
    fill(ctx, 1)
    ctx.db.plain.insert(Plain(a=how, b=""))
    ctx.db.row.name.delete("n0")
    made = ctx.db.row.insert(Row(group=0, place=0, name=f"kept {how}"))
    if how == 1:
        raise ReducerError(f"refused after {made.id}")
    if how == 2:
        ctx.log.warn(f"{[1][how]}")
    ctx.log.info(f"{made.id}")
""",
    ("go", 0),
    ("go", 1),
    "refused after 4",
    ("go", 2),
    "IndexError: list index out of range",
    ("go", 3),
)
case(
    "values that do not fit their column",
    """
@reducer
def small(ctx: ReducerContext, a: i64) -> None:
    ctx.db.num.insert(Num(id=1, small=a, big=0, signed=0))
    ctx.db.num.clear()


@reducer
def big(ctx: ReducerContext, a: i64) -> None:
    ctx.db.num.insert(Num(id=1, small=0, big=a - 5, signed=0))
    ctx.db.num.clear()


@reducer
def signed(ctx: ReducerContext, a: i64) -> None:
    ctx.db.num.insert(Num(id=1, small=0, big=0, signed=a * 2))
    ctx.db.num.clear()


@reducer
def float32(ctx: ReducerContext, a: f64, who: Identity) -> None:
    ctx.db.wide.insert(
        Wide(id=1, x=a, y=a, yes=True, text=None, number=None, point=Point(x=0.0, y=0.0),
             color=Color.RED, who=who, when=ctx.timestamp, bits=b"", many=[]))
""",
    ("small", 127),
    ("small", 128),
    "EncodeError: Num.small: expected i8, got 128",
    ("big", 5),
    ("big", 4),
    "EncodeError: Num.big: expected u64, got -1",
    ("signed", 2**62 - 1),
    ("signed", 2**62),
    "EncodeError: Num.signed: expected i64, got 9223372036854775808",
    ("float32", 3.5, ALICE),
    ("float32", 1e39, ALICE),
    "EncodeError: Wide.y: expected f32, got 1e+39",
)

# --- errors, texts, values -----------------------------------------------------------------------

case(
    "every way to fail",
    """
LIMIT = 3


@reducer
def go(ctx: ReducerContext, how: u8, text: str) -> None:
    ctx.log.error("e")
    ctx.log.warn("w")
    ctx.log.info("i")
    ctx.log.debug("d")
    ctx.log.trace(f"t {text}")
    items = [1, 2, 3]
    zero = 0.0
    missing = ctx.db.row.id.find(how)
    if how == 0:
        raise ReducerError(text)
    if how == 1:
        raise ReducerError()
    if how == 2:
        assert how == 3
    if how == 3:
        assert how < LIMIT, f"{how} is not below {LIMIT}: {text}"
    if how == 4:
        ctx.log.info(f"{items[how]}")
    if how == 5:
        ctx.log.info(f"{items[-how]}")
    if how == 6:
        ctx.log.info(f"{how // (how - 6)}")
    if how == 7:
        ctx.log.info(f"{how % (how - 7)}")
    if how == 8:
        ctx.log.info(f"{1.5 / zero}")
    if how == 9:
        ctx.log.info(f"{1.5 // zero}")
    if how == 10:
        ctx.log.info(f"{1.5 % zero}")
    if how == 11:
        ctx.log.info(f"{missing.name}")
    if how == 12:
        ctx.log.info(f"{text[how]}")
    if how == 13:
        ctx.log.info(f"{int(zero / 1 * math.inf)}")
    if how == 14:
        ctx.log.info(f"{int(math.inf)}")
    if how == 15:
        ctx.log.info(f"{1 << (how - 16)}")
    if how == 16:
        ctx.log.info(f"{math.sqrt(zero - 1.0)}")
    if how == 17:
        raise ValueError(f"not {text}")
    if how == 18:
        raise KeyError
    if how == 19:
        ctx.log.info(f"{how / (how - 19)}")
    if how == 20:
        ctx.log.info(f"{min([x for x in items if x > how])}")
""",
    ("go", 0, "Zoë says: {no} 🎲"),
    "Zoë says: {no} 🎲",
    ("go", 0, ""),
    ("go", 1, ""),
    *[("go", how, "text") for how in range(2, 21)],
)
CASES[-1] = Case(CASES[-1].name, CASES[-1].source, CASES[-1].calls, [])  # Python says what it says
case(
    "errors from helper functions undo and end everything",
    """
def deepest(ctx: ReducerContext, n: int) -> int:
    if n < 3:
        raise ReducerError(f"bottom {n}")
    return n


def deeper(ctx: ReducerContext, n: int) -> int:
    for row in ctx.db.plain.iter():
        ctx.db.plain.insert(Plain(a=row.a + 1, b="deeper"))
        return deepest(ctx, n - 1) + row.a
    return 0


def deep(ctx: ReducerContext, n: int) -> int:
    total = 0
    for row in ctx.db.plain.iter():
        total += deeper(ctx, n - 1) + len(row.b)
    return total


@reducer
def go(ctx: ReducerContext, n: u8) -> None:
    ctx.db.plain.insert(Plain(a=n, b=""))
    ctx.log.info(f"{deep(ctx, n)}")
""",
    ("go", 0),
    "bottom -2",
    ("go", 5),
    ("go", 4),
    "bottom 2",
)
case(
    "negative zero, infinity and rounding survive storage",
    """
@table()
class Number:
    id: u8 = column(primary_key=True)
    a: f64
    b: f32


@reducer
def go(ctx: ReducerContext, id: u8, a: f64) -> None:
    ctx.db.number.insert(Number(id=id, a=a, b=0.1))
    found = ctx.db.number.id.find(id)
    assert found is not None
    ctx.log.info(f"{found.a} {found.b} {found.a == 0} {-found.a} {0.0 * found.a} {found.a:.3f}")
    found.a = -found.a
    ctx.db.number.id.update(found)
""",
    *[("go", i, a) for i, a in enumerate([0.0, -0.0, float("inf"), 5e-324, 0.1, 1e22, 2.5])],
)
case(
    "identities, instants and connections",
    """
@table()
class Visit:
    who: Identity = column(primary_key=True)
    when: Timestamp = column(index="btree")
    last: Timestamp | None
    friend: Identity | None


@reducer
def go(ctx: ReducerContext, friend: Identity | None) -> None:
    before = ctx.db.visit.who.find(ctx.sender)
    last = None if before is None else before.when
    ctx.db.visit.who.insert_or_update(
        Visit(who=ctx.sender, when=ctx.timestamp, last=last, friend=friend))
    ctx.log.info(f"{ctx.sender} {ctx.sender == friend} {ctx.sender != ctx.identity}")
    ctx.log.info(f"{ctx.timestamp.micros} {ctx.connection_id is None} {last == ctx.timestamp}")
    for visit in ctx.db.visit.when.filter(le=ctx.timestamp):
        ctx.log.info(f"{visit.who.to_hex()[-3:]} {visit.friend is None}")
    if friend is not None and friend == ctx.sender:
        raise ReducerError(f"{friend} is you")
""",
    *[("go", None), ("go", ALICE), ("go", BOB)],
)
CASES[-1] = Case(CASES[-1].name, CASES[-1].source, CASES[-1].calls * 3, [])
case(
    "instants and spans",
    """
BREAK = TimeDuration.from_seconds(1.5)


@table()
class Alarm:
    scheduled_id: u64 = auto_inc(primary_key=True)
    scheduled_at: ScheduleAt
    at: Timestamp
    late: TimeDuration


@reducer(on_schedule=Alarm)
def ring(ctx: ReducerContext, alarm: Alarm) -> None:
    ctx.log.info(f"{alarm.at} {alarm.late}")


@reducer
def go(ctx: ReducerContext, since: Timestamp, more: i64) -> None:
    span = TimeDuration(more) + BREAK - TimeDuration(1)
    when = since
    when += span
    ctx.log.info(f"{when.micros} {(when - since).micros} {when - since == span}")
    ctx.log.info(f"{(since - BREAK).micros}")
    ctx.db[Alarm].insert(Alarm(scheduled_at=ScheduleAt.time(when), at=when, late=when - since))

""",
    *[("go", Timestamp(at), more) for at, more in ((0, 0), (-5, 10**12), (1767225600000001, -7))],
)
case(
    "random numbers are those of Python",
    """
@reducer
def go(ctx: ReducerContext, n: u32, seed: i64) -> None:
    out = f"{ctx.rng.random()} {ctx.rng.randrange(n)} {ctx.rng.randint(-5, 5)} "
    out += f"{ctx.rng.uniform(-1.0, 2.5)} {ctx.rng.getrandbits(17)} "
    items = [1, 2, 3, 4, 5, 6, 7]
    ctx.rng.shuffle(items)
    for item in items:
        out += f"{item}"
    out += f" {ctx.rng.choice(items)}"
    for i in range(700):
        seed = ctx.rng.randrange(1 << 40)
    ctx.log.info(f"{out} {seed}")
""",
    *[("go", n, 0) for n in (1, 2, 7, 2**31, 2**32 - 1)],
    ("go", 0, 0),
    "ValueError: empty range for randrange()",
)
case(
    "variables that grow",
    """
@reducer
def go(ctx: ReducerContext, n: u8) -> None:
    a = 1
    b = 1
    for i in range(n):
        a, b = b, a + b
    ctx.log.info(f"{a}")
    factor = 1
    for i in range(1, min(n, 30) + 1):
        factor *= i
    ctx.log.info(f"{factor} {factor // 10**9} {factor % 97} ")
""",
    *[("go", n) for n in (0, 1, 90, 93, 94, 120, 180, 182)],
)
case(
    "options of everything",
    """
def half(n: int) -> int | None:
    if n % 2:
        return None
    return n // 2


def name_of(n: int | None) -> str:
    return "nothing" if n is None else f"{n}"


@reducer
def go(ctx: ReducerContext, a: i64 | None, b: str | None) -> None:
    c = a
    if c is None:
        c = 12
    out = f"{name_of(half(c))} {name_of(a)} {b or 'empty'} {b is None} "
    d = half(c)
    if d is not None and d > 2:
        out += f"{d + 1} {name_of(half(d))}"
    ctx.log.info(out)
    if a == 4:
        ctx.log.info(f"{half(3) is None} {half(4) == 2} {half(4) != half(8)}")
""",
    *[("go", a, b) for a in (None, 4, 7, -2) for b in (None, "", "text")],
)
MATCHING = """
KINDS = 3


def name(n: int) -> str:
    match n:
        case 0:
            return "zero"
        case 1 | 2:
            return "few"
        case _:
            return "many"


@reducer
def go(ctx: ReducerContext, n: i8, color: Color, yes: bool) -> None:
    if n < 0:
        size = "negative"
    elif n == 0:
        size = "none"
    elif n < KINDS and not yes:
        size = "small"
    else:
        size = "big"
    ctx.log.info(f"{size} {name(n)} {color.name} {color.value} {color is Color.RED} {yes}")
    if color == Color.GREEN or (yes and n > 1):
        ctx.log.info("green")
"""
LISTS = """
@reducer
def go(ctx: ReducerContext, rows: list[Plain], numbers: list[u64], texts: list[str]) -> None:
    for row in rows:
        row.a += 1
        ctx.db.plain.insert(row)
    total = 0
    for number in numbers:
        total += number
    ctx.log.info(f"{len(rows)} {total} {''.join(texts)}")
"""


@pytest.mark.parametrize("each", CASES, ids=[each.name for each in CASES])
def test_construct(each: Case) -> None:
    module = module_of(TABLES + each.source)
    caller = Caller(module)
    senders = (ALICE, BOB)
    calls = [
        caller(name, *args, sender=senders[place % 2])
        for place, (name, *args) in enumerate(each.calls)
    ]
    seen = agree(module, calls)
    assert len(seen) == len(calls) + 1
    if each.wanted:
        assert [shown(one) for one in seen[1:]] == each.wanted


def classes(module: Module) -> dict[str, Any]:
    found = module.compiled.bindings.values()
    return {class_.__name__: class_ for class_ in found if isinstance(class_, type)}


def test_conditions_and_matching() -> None:
    module = module_of(TABLES + MATCHING)
    color, caller = classes(module)["Color"], Caller(module)
    calls = [
        caller("go", n, each, yes)
        for n in (-128, 0, 1, 2, 3)
        for each in color
        for yes in (False, True)
    ]
    agree(module, calls)


def test_lists_of_rows_as_parameters() -> None:
    module = module_of(TABLES + LISTS)
    plain, caller = classes(module)["Plain"], Caller(module)
    many = [plain(a=i, b="ä" * i) for i in range(3000)]
    top = plain(a=2**31 - 1, b="")
    calls = [
        caller("go", [], [], []),
        caller("go", many[:3], [1, 2**64 - 1, 2**64 - 1], ["a", "", "b"]),
        caller("go", many, list(range(5000)), ["x"] * 15_000),
        caller("go", [top], [], []),
    ]
    seen = agree(module, calls)
    assert shown(seen[-1]) == "EncodeError: Plain.a: expected i32, got 2147483648"


# --- memory --------------------------------------------------------------------------------------

MEMORY = '''
@reducer
def texts(ctx: ReducerContext) -> None:
    """Far more texts than memory would hold."""
    last = ""
    for i in range(200_000):
        last = f"number {i} of many, which nobody keeps"
    ctx.log.info(last)


@reducer
def growing(ctx: ReducerContext) -> None:
    """What is kept lives on through every collection."""
    kept: list[str] = []
    points: list[Point] = []
    text = ""
    for i in range(20_000):
        text = f"{i}" + text[:50]
        if i % 100 == 0:
            kept.append(text)
            points.append(Point(x=1.0 * i, y=0.5))
    total = 0.0
    for point in points:
        total += point.x
    ctx.log.info(f"{len(kept)} {kept[0]} {kept[77]} {kept[-1]} {total} {text}")


@reducer
def rows(ctx: ReducerContext) -> None:
    for i in range(40):
        fill(ctx, 200)
        for row in ctx.db.row.iter():
            row.name = row.name + "!"
            ctx.db.row.id.update(row)
        ctx.db.row.clear()
    ctx.log.info(f"{ctx.db.row.count()}")


@reducer
def little(ctx: ReducerContext, text: str) -> None:
    ctx.log.info(text + "!")
'''


@pytest.mark.parametrize("reducer", ["texts", "growing", "rows"])
def test_memory_stays_bounded_in_loops(reducer: str) -> None:
    module = module_of(TABLES + MEMORY)
    compiled = Compiled(module)
    agree(module, [Caller(module)(reducer)] * 2, others=[compiled])
    assert compiled.host.memory_bytes < 8 << 20


def test_memory_does_not_grow_from_call_to_call() -> None:
    module = module_of(TABLES + MEMORY)
    artefact = Compiled(module)
    host: MockHost = artefact.host
    first = 0
    for place in range(10_000):
        assert host.call("little", "some text").kind == "committed"
        if place == 100:
            first = host.memory_bytes
    assert host.memory_bytes == first


@pytest.mark.parametrize("options", [{"read_sizes": (1, 7)}, {"chunk": 1}, {"chunk": 200}])
def test_neither_chunks_nor_pieces_matter(options: dict[str, Any]) -> None:
    module = module_of(TABLES + LISTS + MEMORY.replace("range(40)", "range(2)"))
    plain, caller = classes(module)["Plain"], Caller(module)
    calls: list[Call] = [
        caller("go", [plain(a=i, b="x" * i) for i in range(100)], [7], ["some", "texts"]),
        caller("rows"),
        caller("little", "text"),
    ]
    agree(module, calls, others=[Compiled(module, **options)])


NAN = """
@reducer
def lists(ctx: ReducerContext, x: f64) -> None:
    ctx.log.info(f"{[x] == [x]}")


@reducer
def rows(ctx: ReducerContext, x: f64) -> None:
    a, b = Point(x=x, y=0.0), Point(x=x, y=0.0)
    ctx.log.info(f"{a == b}")


@reducer
def among(ctx: ReducerContext, x: f64) -> None:
    numbers = [1.0, x]
    ctx.log.info(f"{x in numbers}")


@reducer
def wide(ctx: ReducerContext, x: f64) -> None:
    ctx.log.info(f"{ctx.rng.randint(-9223372036854775808, 9223372036854775807)}")
"""


@pytest.mark.parametrize(
    ("reducer", "panic"),
    [
        *[(name, "FloatingPointError: nan is in what is") for name in ("lists", "rows", "among")],
        ("wide", "OverflowError: the range of the random number has more than 64 bits"),
    ],
)
def test_where_python_has_objects_the_call_fails(reducer: str, panic: str) -> None:
    """Whether Python finds nan equal there depends on which object it is, and on the version."""
    module = module_of(TABLES + NAN)
    call = Caller(module)(reducer, float("nan"))
    compiled = Compiled(module)
    compiled.start()
    assert compiled.run(call, START).panic.startswith(panic)
    assert len(agree(module, [call])) == 1
