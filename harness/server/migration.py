"""What a stored database remembers of itself, and how it follows a changed module.

New tables, new or dropped indexes, dropped unique constraints, changed visibility and changed
reducers are followed. A column that was appended with a default is filled in. An empty table may
go. Everything else is refused, naming the table, and leaves the data as it was.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from harness.errors import SchemaError, StoreError
from harness.server import sequences
from harness.server.engine import Engine
from harness.server.layout import sql_name
from harness.server.storage import TableStore
from harness.wire import types as t
from harness.wire.schema import ModuleDef, TableDef
from harness.wire.values import Identity

#: The layout of the file; a newer one is refused.
FORMAT = 1


class Unfit(SchemaError):
    """A module does not fit the stored data; ``problems`` says why, without what to do."""

    def __init__(self, problems: str) -> None:
        super().__init__(f"{problems}. Use another data directory, or change the module back")
        self.problems = problems


def stored_meta(engine: Engine, identity: Identity, owner: Identity) -> dict[str, str] | None:
    """What the file says of itself; None for a new file. Changes nothing.

    Raises ``StoreError`` if it is another program's, another version's, or another database.
    """
    names = {name for (name,) in engine.fetch("SELECT name FROM sqlite_master")}
    if not names:
        return None
    if "harness_meta" not in names:
        raise StoreError("the file is a SQLite database of another program")
    meta: dict[str, str] = dict(engine.fetch("SELECT key, value FROM harness_meta"))
    found = meta.get("format")
    if found != str(FORMAT):
        raise StoreError(f"the file has format {found}, this version reads format {FORMAT}")
    for key, given in (("identity", identity), ("owner", owner)):
        if meta.get(key) != given.to_hex():
            raise StoreError(f"the file's {key} is {meta.get(key)}, not {given.to_hex()}")
    return meta


def create_meta(engine: Engine, identity: Identity, owner: Identity) -> None:
    """Make the bookkeeping tables of a new file."""
    engine.write("CREATE TABLE harness_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    engine.write(sequences.CREATE)
    rows = (("format", str(FORMAT)), ("identity", identity.to_hex()), ("owner", owner.to_hex()))
    for row in rows:
        engine.write("INSERT INTO harness_meta VALUES (?, ?)", row)


def drop_all(engine: Engine) -> None:
    """Delete everything, as if the file were new, within the tick's transaction."""
    found = engine.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")
    for (name,) in found:
        quoted = name.replace('"', '""')
        engine.write(f'DROP TABLE "{quoted}"')


def save_program(engine: Engine, program: str) -> None:
    """Remember which published program the tables belong to; "" is none."""
    engine.write("INSERT OR REPLACE INTO harness_meta VALUES ('program', ?)", (program,))


def stored_program(path: Path) -> str:
    """The digest of the program that a closed database belongs to; "" if it has none.

    Raises ``StoreError`` if the file cannot be read.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT value FROM harness_meta WHERE key = 'program'")
            return next((str(value) for (value,) in found), "")
    except sqlite3.Error as error:
        raise StoreError(f"the database {path} cannot be read: {error}") from error


def save_shape(engine: Engine, definition: ModuleDef, stores: dict[str, TableStore]) -> None:
    """Remember the tables as they are now."""
    shape = {table.name: _shape(definition, table, stores) for table in definition.tables}
    engine.write("INSERT OR REPLACE INTO harness_meta VALUES ('shape', ?)", (json.dumps(shape),))


def migrate(
    engine: Engine, meta: dict[str, str], definition: ModuleDef, stores: dict[str, TableStore]
) -> None:
    """Bring the stored tables to what the module declares. Raises ``SchemaError``."""
    before: dict[str, Any] = json.loads(meta["shape"])
    problems: list[str] = []
    for table in definition.tables:
        now = _shape(definition, table, stores)
        old = before.pop(table.name, None)
        if old is None:
            stores[table.name].create()
        elif old != now:
            problem = _problem(table, old, now)
            if problem is not None:
                problems.append(problem)
            else:
                _change(engine, table, stores[table.name], old, now)
    for name in before:
        ((count,),) = engine.fetch(f"SELECT count(*) FROM {sql_name(name)}")  # noqa: S608  (quoted)
        problem = removal_problem(name, count)
        if problem is not None:
            problems.append(problem)
        else:
            engine.write(f"DROP TABLE {sql_name(name)}")
    if problems:
        raise Unfit("the module does not fit the stored data: " + "; ".join(problems))


def table_problem(before: ModuleDef, old: TableDef, after: ModuleDef, new: TableDef) -> str | None:
    """Why a table cannot be followed to another definition; None if it can."""
    return _problem(new, _facts(before, old), _facts(after, new))


def removal_problem(table: str, count: int) -> str | None:
    """Why a table with so many rows cannot go; None if it can."""
    if not count:
        return None
    rows = "1 row" if count == 1 else f"{count} rows"
    renamed = f'if its class was renamed: @table(name="{table}")'
    return f"table {table!r} is gone from the module and has {rows} ({renamed})"


def _problem(table: TableDef, old: dict[str, Any], now: dict[str, Any]) -> str | None:
    what = f"table {table.name!r}"
    old_columns, columns = old["columns"], now["columns"]
    if columns[: len(old_columns)] != old_columns:
        return f"{what}: its columns were changed, removed or reordered"
    defaults = {default.column for default in table.defaults}
    missing = [columns[i][0] for i in range(len(old_columns), len(columns)) if i not in defaults]
    if missing:
        return f"{what}: the new column {missing[0]!r} has no default; write column(default=…)"
    added = [column for column in now["uniques"] if column not in old["uniques"]]
    if added:
        return f"{what}: column {columns[added[0]][0]!r} became unique"
    for kind in ("scheduled", "event"):
        if old[kind] != now[kind]:
            how = f"it was {kind} and is not any more" if old[kind] else f"it became {kind}"
            return f"{what}: {how}"
    return None


def _change(
    engine: Engine, table: TableDef, store: TableStore, old: dict[str, Any], now: dict[str, Any]
) -> None:
    """Follow one table, which is possible."""
    defaults = {default.column: default.value for default in table.defaults}
    added = range(len(old["columns"]), len(now["columns"]))
    tail = b"".join(defaults[i] for i in added)
    quoted = sql_name(table.name)
    rows = [data + tail for (data,) in engine.fetch(f"SELECT row FROM {quoted}")]  # noqa: S608  (quoted)
    engine.write(f"DROP TABLE {quoted}")
    store.create()
    store.restore(rows)


def _shape(definition: ModuleDef, table: TableDef, stores: dict[str, TableStore]) -> dict[str, Any]:
    return {**_facts(definition, table), "layout": stores[table.name].layout.shape()}


def _facts(definition: ModuleDef, table: TableDef) -> dict[str, Any]:
    row = definition.row_type(table)
    space = definition.typespace
    return {
        "columns": [[e.name, spell(e.type, space)] for e in row.elements],
        "uniques": sorted(table.unique_columns()),
        "scheduled": table.schedule is not None,
        "event": table.event,
    }


def spell(type_: t.Type, space: t.Typespace, open_refs: tuple[int, ...] = ()) -> str:
    """A type written out, whatever the numbers of its refs."""
    match type_:
        case t.Ref(index):
            if index in open_refs:
                return f"^{len(open_refs) - open_refs.index(index)}"
            return spell(space.types[index], space, (*open_refs, index))
        case t.Scalar():
            return type_.name
        case t.Array(element):
            return f"[{spell(element, space, open_refs)}]"
        case t.Product(elements):
            return (
                "("
                + ",".join(f"{e.name}:{spell(e.type, space, open_refs)}" for e in elements)
                + ")"
            )
        case t.Sum(variants):
            return (
                "<"
                + "|".join(f"{x.name}:{spell(x.type, space, open_refs)}" for x in variants)
                + ">"
            )
