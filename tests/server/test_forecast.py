"""What an update would do, told before it is done; and that it is what is done then."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.module import Module, load
from harness.server.forecast import Forecast, forecast
from harness.server.migration import Unfit
from tests.server.databases import call, open_database

HEAD = "from harness.module import *\n"
ITEM = """
@table(public=True)
class Item:
    id: u32 = column(primary_key=True)
    name: str
"""
PUT = """
@reducer
def put(ctx: ReducerContext, id: u32) -> None:
    ctx.db[Item].insert(Item(id=id, name=""))
"""
TIMER = """
@table()
class Timer:
    id: u64 = auto_inc(primary_key=True)
    at: ScheduleAt
@reducer(on_schedule=Timer)
def {}(ctx: ReducerContext, timer: Timer) -> None: ...
"""
OLD = HEAD + ITEM + PUT

# What comes after ``OLD`` → (what is done, what clients find no more, why it cannot be done).
UPDATES: dict[str, tuple[str, list[str], list[str], str]] = {
    "nothing": (OLD, [], [], ""),
    "other code": (OLD.replace('name=""', 'name="x"'), [], [], ""),
    "more": (
        OLD + "@table()\nclass Other:\n    id: u32\n"
        "@procedure\ndef ask(ctx: ProcedureContext) -> u32: ...\n"
        "@view\ndef all_items(ctx: ViewContext) -> Query[Item]: ...\n",
        ["new table 'other'", "new procedure 'ask'", "new view 'all_items'"], [], "",
    ),
    "a column": (
        OLD.replace("name: str\n", "name: str\n    age: u8 = column(default=1)\n"),
        ["table 'item': new column 'age', which has its default in the rows that are there"],
        ["table 'item' has other columns, keys or visibility"], "",
    ),
    "a column without a default": (
        OLD.replace("name: str\n", "name: str\n    age: u8\n"),
        [], ["table 'item' has other columns, keys or visibility"],
        "table 'item': the new column 'age' has no default; write column(default=…)",
    ),
    "an index": (
        OLD.replace("name: str", "name: str = column(index='btree')"),
        ["table 'item': new index on name"], [], "",
    ),
    "no key": (
        OLD.replace(" = column(primary_key=True)", ""),
        ["table 'item': column 'id' is not unique any more",
         "table 'item': column 'id' is not the primary key any more",
         "table 'item': no index any more on id"],
        ["table 'item' has other columns, keys or visibility",
         "table 'item' has no index on id any more"], "",
    ),
    "another key": (
        OLD.replace("name: str", "name: str = column(unique=True)"),
        [], ["table 'item' has other columns, keys or visibility"],
        "table 'item': column 'name' became unique",
    ),
    "private, and it counts": (
        OLD.replace("public=True", "").replace("column(primary_key", "auto_inc(primary_key"),
        ["table 'item': column 'id' counts by itself", "table 'item': private"],
        ["table 'item' has other columns, keys or visibility"], "",
    ),
    "other functions": (
        HEAD + ITEM + PUT.replace("put", "store"),
        ["new reducer 'store'", "reducer 'put' goes"], ["reducer 'put' is gone"], "",
    ),
    "other parameters": (
        OLD.replace("id: u32)", "id: u64)"),
        [], ["reducer 'put' takes, gives or allows something else"], "",
    ),
    "no table": (
        HEAD + PUT.replace("ctx.db[Item].insert(Item(id=id, name=\"\"))", "..."),
        ["table 'item' goes; it is empty"], ["table 'item' is gone"], "",
    ),
}  # fmt: skip


def module(path: Path, source: str) -> Module:
    path.write_text(source)
    return load(path)


@pytest.mark.parametrize("how", UPDATES)
@pytest.mark.parametrize("full", [False, True], ids=["empty", "full"])
def test_an_update_does_what_was_told(how: str, full: bool, tmp_path: Path) -> None:
    source, steps, breaks, problems = UPDATES[how]
    old = open_database(module(tmp_path / "old.py", OLD))
    if full:
        call(old, "put", 1)
        if how == "no table":
            steps = []
            problems = (
                "table 'item' is gone from the module and has 1 row "
                '(if its class was renamed: @table(name="item"))'
            )
    new = module(tmp_path / "new.py", source)
    found = forecast(old.definition, new.definition(), old.count)
    assert found == Forecast(tuple(steps), tuple(breaks), problems)
    if problems:
        with pytest.raises(Unfit) as caught:
            old.succeed(new, program="")
        assert caught.value.problems == f"the module does not fit the stored data: {problems}"
        old.close()
    else:
        old.succeed(new, program="").close()


def test_a_column_that_counts_no_more(tmp_path: Path) -> None:
    counting = OLD.replace("column(primary_key", "auto_inc(primary_key")
    old = module(tmp_path / "old.py", counting).definition()
    found = forecast(old, module(tmp_path / "new.py", OLD).definition(), lambda table: 0)
    assert found.steps == ("table 'item': column 'id' does not count by itself any more",)


def test_a_schedule_that_calls_another(tmp_path: Path) -> None:
    old = module(tmp_path / "old.py", HEAD + TIMER.format("tick")).definition()
    new = module(tmp_path / "new.py", HEAD + TIMER.format("tock")).definition()
    found = forecast(old, new, lambda table: 0)
    assert found.steps == (
        "table 'timer': its rows call 'tock'", "new reducer 'tock'", "reducer 'tick' goes",
    )  # fmt: skip
    assert found.text().splitlines()[3:] == [
        "clients that are connected have to go, and to be generated anew:",
        "  reducer 'tick' is gone",
    ]
