"""All that does not compile is told at once, each thing once, and nothing that follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SchemaError
from harness.module import compiler
from tests.module.differential.agree import module_of

HEAD = """
@table()
class Item:
    id: u64 = column(primary_key=True)
    hp: i32
    name: str


"""


def problems(source: str) -> list[str]:
    """The lines that something is said of, in order."""
    with pytest.raises(SchemaError) as caught:
        compiler.build(module_of(HEAD + source))
    found = []
    for line in str(caught.value).splitlines():
        path, number, _ = line.split(":", 2)
        found.append(Path(path).read_text().splitlines()[int(number) - 1].strip())
    return found


def test_every_statement_is_told() -> None:
    said = problems(
        """
def helper(ctx: ReducerContext, a: int) -> int:
    x = {}
    y = [lambda: 1]
    return a + 1

@reducer
def first(ctx: ReducerContext, n: i32) -> None:
    try:
        n + 1
    except Exception:
        pass
    s = "a" + n
    v = helper(ctx, "text")
    ctx.db.item.insert(Item(id=1, hp="x", name=s))
    ctx.db.nope.insert(3)

@reducer
def second(ctx: ReducerContext) -> None:
    with open("x") as f:
        print(f)
    del ctx
"""
    )
    assert said == [
        "x = {}",
        "y = [lambda: 1]",
        "try:",
        's = "a" + n',
        'v = helper(ctx, "text")',
        'ctx.db.item.insert(Item(id=1, hp="x", name=s))',
        "ctx.db.nope.insert(3)",
        'with open("x") as f:',
        "print(f)",
        "del ctx",
    ]


def test_what_follows_from_a_problem_is_not_told() -> None:
    said = problems(
        """
@reducer
def go(ctx: ReducerContext, n: i32) -> None:
    d = {"a": n}
    d["b"] = 2
    for key in d:
        q = d[key] + 1
        ctx.log.info(f"{q}")
    while d:
        d.pop("a")
    e = [x for x in d]
    e.append(1)
    if d and e:
        ctx.db.item.id.delete(e[0])
    ctx.log.info(f"{d} {e}")
"""
    )
    assert said == ['d = {"a": n}']


def test_both_ways_and_what_is_behind_are_gone_through() -> None:
    said = problems(
        """
@reducer
def go(ctx: ReducerContext, n: i32) -> None:
    if n in {1: 2}:
        print(1)
    elif print(n):
        x = sorted([n])
    else:
        for i in {1, 2}:
            y = eval("1")
    return
"""
    )
    assert said == [
        "if n in {1: 2}:",
        "print(1)",
        "elif print(n):",
        "x = sorted([n])",
        "for i in {1, 2}:",
        'y = eval("1")',
    ]


def test_a_problem_in_a_loop_is_told_once() -> None:
    """Kinds are worked out in rounds, until they stay what they are."""
    said = problems(
        """
@reducer
def go(ctx: ReducerContext, n: i32) -> None:
    total = 0
    for i in range(n):
        total = total + i
        print(total)
        while total > 3:
            total -= open("x")
"""
    )
    assert said == ["print(total)", 'total -= open("x")']


def test_a_fault_of_a_class_is_told_once() -> None:
    module = module_of(
        """
@table()
class Big:
    id: u64 = column(primary_key=True)
    value: u128


@reducer
def one(ctx: ReducerContext) -> None:
    ctx.db.big.id.delete(1)


@reducer
def two(ctx: ReducerContext) -> None:
    ctx.log.info(str(ctx.db.big.count()))
"""
    )
    with pytest.raises(SchemaError) as caught:
        compiler.build(module)
    assert str(caught.value).count("Big.value: integers have at most 64 bits here") == 1


#: What people try first, and what they are told.
TRIED = [
    ("Item(1, 2, 'x')", "Item takes none by their places; name them: Item(id=…, hp=…, name=…)"),
    ("x = CACHE[n]", "a dict of the module is not compiled: what changes, or is looked up"),
    ("x = LIST[n]", "a list of the module is not compiled; a loop can go through it"),
    ("LIST.append(n)", "a list of the module is not compiled"),
    ("x = sorted([n])", "'sorted' cannot be called here; give the table an index"),
    ("x = json.dumps(n)", "'json.dumps' cannot be called here; use columns"),
    ("x = random.random()", "cannot be called here; ctx.rng has random numbers"),
    ("x = datetime.datetime.now()", "cannot be called here; ctx.timestamp is when"),
    ("n.foo", "the method 'foo' does nothing here; call it"),
    ("os.remove('x')", "a reducer reads its arguments and rows, and nothing outside"),
]


@pytest.mark.parametrize(("line", "words"), TRIED, ids=[line for line, _ in TRIED])
def test_what_people_try(line: str, words: str) -> None:
    source = (
        "import datetime\nimport json\nimport os\nimport random\n\n"
        "CACHE: dict[int, int] = {}\nLIST = [1, 2]\n\n\n"
        f"@reducer\ndef go(ctx: ReducerContext, n: i32) -> None:\n    {line}\n"
    )
    with pytest.raises(SchemaError) as caught:
        compiler.build(module_of(HEAD + source))
    (said,) = str(caught.value).splitlines()
    assert words in said
