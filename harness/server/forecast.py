"""What an update would do to a database, told before it is done: its tables, functions, clients.

Nothing is changed, and no data is looked at but whether a table that would go is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.server.compatibility import broken
from harness.server.migration import removal_problem, table_problem
from harness.wire.schema import ModuleDef, TableDef


@dataclass(frozen=True, slots=True)
class Forecast:
    """``steps`` are what changes, ``breaks`` what clients rely on and find no more.

    ``problems`` is why the data cannot come along; "" if it can.
    """

    steps: tuple[str, ...]
    breaks: tuple[str, ...]
    problems: str

    def text(self) -> str:
        """For people, a line for each thing; "" if there is nothing to tell."""
        lines = list(self.steps)
        if self.breaks:
            lines.append("clients that are connected have to go, and to be generated anew:")
            lines += [f"  {reason}" for reason in self.breaks]
        return "\n".join(lines)


def forecast(old: ModuleDef, new: ModuleDef, count: Callable[[str], int]) -> Forecast:
    """What following ``new`` would do; ``count`` gives the number of rows of a table of ``old``."""
    problems = []
    before = {table.name: table for table in old.tables}
    after = {table.name: table for table in new.tables}
    steps = []
    for name, table in after.items():
        if name not in before:
            steps.append(f"new table {name!r}")
            continue
        problem = table_problem(old, before[name], new, table)
        if problem is not None:
            problems.append(problem)
            continue
        steps += [f"table {name!r}: {x}" for x in _table(old, before[name], new, table)]
    for name in sorted(before.keys() - after.keys()):
        problem = removal_problem(name, count(name))
        if problem is not None:
            problems.append(problem)
        else:
            steps.append(f"table {name!r} goes; it is empty")
    steps += _functions(old, new)
    return Forecast(tuple(steps), tuple(broken(old, new)), "; ".join(problems))


def _table(old: ModuleDef, before: TableDef, new: ModuleDef, after: TableDef) -> Iterator[str]:
    columns = [x.name or "" for x in new.row_type(after).elements]
    for name in columns[len(old.row_type(before).elements) :]:
        yield f"new column {name!r}, which has its default in the rows that are there"
    for column in sorted({*before.unique_columns()} - {*after.unique_columns()}):
        yield f"column {columns[column]!r} is not unique any more"
    if before.primary_key is not None and after.primary_key != before.primary_key:
        yield f"column {columns[before.primary_key]!r} is not the primary key any more"
    had = {index.columns for index in before.indexes}
    has = {index.columns for index in after.indexes}
    for kind, found in (("new index on", has - had), ("no index any more on", had - has)):
        for index in sorted(found):
            yield f"{kind} {', '.join(columns[column] for column in index)}"
    counted = {x.column for x in before.sequences}
    counts = {x.column for x in after.sequences}
    for column in sorted(counts - counted):
        yield f"column {columns[column]!r} counts by itself"
    for column in sorted(counted - counts):
        yield f"column {columns[column]!r} does not count by itself any more"
    if before.public != after.public:
        yield "public" if after.public else "private"
    if before.schedule and after.schedule and before.schedule.function != after.schedule.function:
        yield f"its rows call {after.schedule.function!r}"


def _functions(old: ModuleDef, new: ModuleDef) -> Iterator[str]:
    for kind, had, has in (
        ("reducer", old.reducers, new.reducers),
        ("procedure", old.procedures, new.procedures),
        ("view", old.views, new.views),
    ):
        before, after = {x.name for x in had}, {x.name for x in has}
        yield from (f"new {kind} {name!r}" for name in sorted(after - before))
        yield from (f"{kind} {name!r} goes" for name in sorted(before - after))
