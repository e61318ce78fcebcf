"""How a table lies in SQLite, and the statements that work on it.

Beside the row's bytes stand the columns ``k0``, ``k3`` … that are keys. The first unique column is
SQLite's primary key; a table without one has the whole row for it, since tables are sets.
"""

from __future__ import annotations

import re
from typing import Any

from harness.server.keys import Key, key_of
from harness.wire import types as t
from harness.wire.schema import TableDef

_OPERATORS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def sql_name(table: str) -> str:
    """The quoted SQLite name of a table.

    SQLite does not tell capitals from small letters; ours do, so capitals are marked.
    """
    return f'"t_{_marked(table)}"'


def _marked(name: str) -> str:
    return re.sub("[A-Z]", lambda found: f"!{found[0].lower()}", name).replace('"', '""')


class Layout:
    """One table's statements. Names come from a checked schema; values travel as parameters."""

    def __init__(self, definition: TableDef, row_types: tuple[t.Type, ...]) -> None:
        self.uniques = definition.unique_columns()
        self._indexes = definition.indexes
        columns = {*self.uniques, *(c for index in definition.indexes for c in index.columns)}
        self.keys: dict[int, Key] = {
            column: key_of(row_types[column]) for column in sorted(columns)
        }
        self._marked = _marked(definition.name)
        table = self.table = sql_name(definition.name)
        names = [*(f"k{column}" for column in self.keys), "row"]
        marks = ", ".join("?" * len(names))
        self.insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
        self.find = {c: f"SELECT row FROM {table} WHERE k{c} = ?" for c in self.keys}  # noqa: S608
        self.delete = {c: f"DELETE FROM {table} WHERE k{c} = ?" for c in self.uniques}  # noqa: S608
        self.update = {c: self._update(c) for c in self.uniques}
        self.find_row = f"SELECT 1 FROM {table} WHERE row = ?"  # noqa: S608
        self.delete_row = f"DELETE FROM {table} WHERE row = ?"  # noqa: S608
        self.all = f"SELECT row FROM {table}"  # noqa: S608
        self.clear = f"DELETE FROM {table}"  # noqa: S608
        self.count = f"SELECT count(*) FROM {table}"  # noqa: S608
        self._ranges: dict[Any, str] = {}

    def _update(self, column: int) -> str:
        """Sets all but the column by which the row is found; see ``update_order``."""
        sets = ", ".join(f"k{other} = ?" for other in self.keys if other != column)
        return f"UPDATE {self.table} SET {sets + ', ' if sets else ''}row = ? WHERE k{column} = ?"  # noqa: S608

    def range(self, columns: tuple[int, ...], equal: int, ends: tuple[str, ...]) -> str:
        """Rows in the order of the columns: the first ``equal`` fixed, ``ends`` on the next."""
        asked = (columns, equal, ends)
        sql = self._ranges.get(asked)
        if sql is None:
            tests = [f"k{column} = ?" for column in columns[:equal]]
            tests += [f"k{columns[equal]} {_OPERATORS[end]} ?" for end in ends]
            where = f" WHERE {' AND '.join(tests)}" if tests else ""
            order = ", ".join(f"k{column}" for column in columns)
            sql = f"SELECT row FROM {self.table}{where} ORDER BY {order}"  # noqa: S608
            self._ranges[asked] = sql
        return sql

    def create(self) -> list[str]:
        """The statements that make the table and its indexes."""
        primary = self.uniques[0] if self.uniques else None
        columns = [
            f"k{column} {key.sql_type} NOT NULL{' PRIMARY KEY' if column == primary else ''}"
            for column, key in self.keys.items()
        ]
        columns.append("row BLOB NOT NULL" + (" PRIMARY KEY" if primary is None else ""))
        by_number = primary is not None and self.keys[primary].sql_type == "INTEGER"
        tail = "" if by_number else " WITHOUT ROWID"
        made = [f"CREATE TABLE {self.table} ({', '.join(columns)}){tail}"]
        for column in self.uniques[1:]:
            made.append(
                f'CREATE UNIQUE INDEX "u{column}_{self._marked}" ON {self.table} (k{column})'
            )
        for columns_ in sorted({index.columns for index in self._indexes}):
            if len(columns_) > 1 or columns_[0] not in self.uniques:
                name = "_".join(map(str, columns_))
                keys = ", ".join(f"k{column}" for column in columns_)
                made.append(f'CREATE INDEX "i{name}_{self._marked}" ON {self.table} ({keys})')
        return made

    def shape(self) -> list[Any]:
        """What ``create`` depends on, to notice when a module needs another layout."""
        indexes = sorted({index.columns for index in self._indexes})
        kinds = [[column, key.sql_type] for column, key in self.keys.items()]
        return [kinds, list(self.uniques), [list(columns) for columns in indexes]]
