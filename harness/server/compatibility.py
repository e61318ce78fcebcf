"""Whether a connected client may go on when its database gets another module.

What it knows must still be true: the tables that it reads and the reducers that it calls. More of
everything is no harm. Indexes may come and may not go, since queries that are watched use them.

Source: what `publish` of SpacetimeDB 2.8.3 calls a change that breaks clients, and more carefully.
"""

from __future__ import annotations

from dataclasses import replace

from harness.server.migration import spell
from harness.wire import types as t
from harness.wire.schema import ModuleDef, TableDef


def broken(old: ModuleDef, new: ModuleDef) -> list[str]:
    """What ``old`` says to clients and does not hold for ``new``, as phrases; empty if all does."""
    reasons = []
    tables = _tables(new)
    for name, told in _tables(old).items():
        if name not in tables:
            reasons.append(f"table {name!r} is gone")
        elif tables[name] != told:
            reasons.append(f"table {name!r} has other columns, keys or visibility")
    for table, columns in sorted(_indexes(old) - _indexes(new)):
        if table in tables:
            names = [x.name or "" for x in old.row_type(old.table(table)).elements]
            index = ", ".join(names[column] for column in columns)
            reasons.append(f"table {table!r} has no index on {index} any more")
    functions = _functions(new)
    for name, told in _functions(old).items():
        if name not in functions:
            reasons.append(f"{told[0]} {name!r} is gone")
        elif functions[name] != told:
            reasons.append(f"{told[0]} {name!r} takes, gives or allows something else")
    return reasons


def _tables(module: ModuleDef) -> dict[str, object]:
    return {table.name: _table(module, table) for table in module.tables}


def _table(module: ModuleDef, table: TableDef) -> object:
    told = replace(table, row=0, accessor="", indexes=(), sequences=(), schedule=None, defaults=())
    return told, spell(t.Ref(table.row), module.typespace)


def _indexes(module: ModuleDef) -> set[tuple[str, tuple[int, ...]]]:
    return {(table.name, index.columns) for table in module.tables for index in table.indexes}


def _functions(module: ModuleDef) -> dict[str, tuple[object, ...]]:
    """Reducers, procedures and views by name: their kinds and what they take and give."""
    space = module.typespace
    found: dict[str, tuple[object, ...]] = {
        x.name: ("reducer", x.lifecycle, x.private, spell(x.params, space)) for x in module.reducers
    }
    for procedure in module.procedures:
        types = spell(procedure.params, space), spell(procedure.returns, space)
        found[procedure.name] = ("procedure", procedure.private, *types)
    for view in module.views:
        told = view.public, view.anonymous, view.primary_key, spell(view.returns, space)
        found[view.name] = ("view", *told)
    return found
