"""What is outside of the subset is refused with its place and what to write instead.

And the negative controls of the comparison itself: executions that differ are noticed.
"""

from __future__ import annotations

import pytest

from harness.errors import SchemaError
from harness.module import compiler
from harness.server.outcome import CRASH
from tests.module.differential.agree import Caller, Compiled, Seen, accepted, agree, module_of

BEGIN = """
@table()
class Row:
    id: u32 = column(primary_key=True)
    value: i64
    name: str


LIMIT = 10


class Loud(ReducerError):
    def __init__(self, text: str) -> None:
        super().__init__(text + "!")


@reducer
def go(ctx: ReducerContext, n: i64, items: list[i64]) -> None:
"""

#: One line of a reducer, and words of its refusal.
REFUSED = [
    ('ctx.log.info(f"{n:5}")', "the format '5' is not compiled"),
    ('ctx.log.info(f"{n:x}")', "the format 'x' is not compiled"),
    ("n = len(items + items)", "lists are not added; append in a loop"),
    ("n = {1: 2}[n]", "does not have a dict; use a table or a list"),
    ("print(n)", "print is not compiled; use ctx.log.info"),
    ("n = 'text'", "use two names"),
    ("return n", "returns None"),
    ("go(ctx, *items)", "starred arguments are not compiled"),
    ("ctx.log.info(unknown)", "the name 'unknown' is unknown"),
    ("ctx.db.rows.clear()", "there is no table 'rows'"),
    ("ctx.db.row.find(1)", "has no 'find'"),
    ("ctx.db.row.insert(Row(id=-1, value=0, name=''))", "lies between 0 and 4294967295"),
    ("ctx.db.row.insert(Row(id=1, value=0.5, name=''))", "Row.value is int, not float"),
    ("n = int(ctx.sender)", "int() of Identity is not compiled"),
    ("ctx.timestamp + n", "Timestamp + int is not possible"),
    ("raise KeyError('x')", "KeyError makes its text itself; raise ReducerError"),
    ("raise Loud('x')", "Loud makes its text itself; raise ReducerError"),
    ("ctx.log.info(f'{ctx.db.row.id.find(1)}')", "the text of Row | None is not compiled"),
    ("LIMIT += n", "'LIMIT' has no value here; it is given one in this function"),
    ("ctx.log.info(f'{len(items)}'); len = n", "'len' has no value here"),
]


@pytest.mark.parametrize(("line", "words"), REFUSED, ids=[line for line, _ in REFUSED])
def test_refusals_name_the_line_and_the_construct(line: str, words: str) -> None:
    module = module_of(BEGIN + f"    {line}\n")
    file, _, number = module.reducers[0].where.rpartition(":")
    with pytest.raises(SchemaError) as refused:
        compiler.build(module)
    # The decorator's line, the def's, and then ours.
    assert str(refused.value).startswith(f"{file}:{int(number) + 2}: ")
    assert words in str(refused.value)


def test_a_local_variable_is_local_from_the_start() -> None:
    """Python would fail where it is read before; it is not the module's of the same name."""
    module = module_of(
        BEGIN + "    for i in items:\n        if i > 0:\n            ctx.log.info(f'{LIMIT}')\n"
        "        LIMIT = i\n"
    )
    with pytest.raises(SchemaError, match="'LIMIT' has no value here"):
        compiler.build(module)


def test_a_sum_in_a_column_is_refused_wherever_its_table_is_used() -> None:
    """Its name is known: that is what is told, of the column, and nothing crashes on half a row."""
    source = (
        "@product\nclass Said:\n    text: str\n\n@product\nclass Moved:\n    by: i64\n\n"
        "What: TypeAlias = Said | Moved\n"
        "@table()\nclass Row:\n    id: u32 = auto_inc(primary_key=True)\n    what: What\n"
        "def log(ctx: ReducerContext, what: What) -> None:\n"
        "    ctx.db[Row].insert(Row(what=what))\n"
        "@reducer\ndef go(ctx: ReducerContext, text: str) -> None:\n    log(ctx, Said(text=text))\n"
        "@reducer\ndef on(ctx: ReducerContext) -> None:\n    log(ctx, Moved(by=1))\n"
    )
    with pytest.raises(SchemaError) as refused:
        compiler.build(module_of(source))
    for line in str(refused.value).splitlines():
        assert "sums with contents are not compiled; use an enum and optional columns" in line
    assert "Row.what" in str(refused.value)


def test_recursion_is_refused_where_it_begins() -> None:
    module = module_of(BEGIN + "    go(ctx, n, items)\n")
    with pytest.raises(SchemaError, match="go calls itself; write a loop"):
        compiler.build(module)


def test_an_end_that_a_server_would_not_leave_out_is_refused() -> None:
    """Real servers of 1.2 take `gt` for `ge` where an index has further columns."""
    index = '@table(indexes=[btree("by_name", "name", "value")])'
    scan = "    for row in ctx.db.row.by_name.filter({end}):\n        ctx.log.info(row.name)\n"
    source = BEGIN.replace("@table()", index) + scan
    with pytest.raises(SchemaError, match="'gt' of str needs the last column of an index; take ge"):
        compiler.build(module_of(source.format(end="gt='a'")))
    compiler.build(module_of(source.format(end="ge='a'")))
    compiler.build(module_of(source.format(end="'a', gt=1")))


CONTROL = """
@table()
class Row:
    id: u32 = auto_inc(primary_key=True)
    value: i64


@reducer
def go(ctx: ReducerContext, n: i64) -> None:
    ctx.db.row.insert(Row(value=n // 2))
    ctx.log.info(f"half of {n}")
    if n > 100:
        raise ReducerError(f"{n} is too much")
"""

#: What the other execution does otherwise, and the call that shows it.
CHANGES = [
    ("n // 2", "int(n / 2)", -3),
    ("half of", "the half of", 1),
    ("info(", "warn(", 1),
    ("is too much", "is much", 101),
    ("n > 100", "n > 101", 101),
    ("raise ReducerError(f", "assert False, (f", 101),
]


@pytest.mark.parametrize(("old", "new", "argument"), CHANGES)
def test_a_difference_is_noticed(old: str, new: str, argument: int) -> None:
    module, other = module_of(CONTROL), module_of(CONTROL.replace(old, new))
    calls = [Caller(module)("go", argument)]
    agree(module, calls, others=[Compiled(module)])
    with pytest.raises(AssertionError):
        agree(module, calls, others=[Compiled(other)])


def test_little_is_accepted() -> None:
    fine = Seen("committed")
    beyond = Seen("failed", CRASH, (("Panic", "OverflowError: more than 128 bits"),))
    early = Seen("failed", CRASH, (("Panic", "EncodeError: Row.id: expected u32, got -1"),))
    assert accepted(fine, beyond)
    assert accepted(fine, early)
    for panic in ("FloatingPointError: nan is in what is compared", "OverflowError: … 64 bits"):
        assert accepted(fine, Seen("failed", CRASH, (("Panic", panic),)))
    assert not accepted(beyond, fine)
    for panic in ("ZeroDivisionError: division by zero", "OverflowError: too large", ""):
        assert not accepted(fine, Seen("failed", CRASH, (("Panic", panic),)))
    assert not accepted(fine, Seen("failed", "no", beyond.log))
