"""Whole SQL statements, as the HTTP route runs them: projections, counts, and changes of data."""

from __future__ import annotations

from typing import Any

from harness.errors import HarnessError, SqlError, WireError
from harness.server import sql
from harness.server.database import OutcomeKind
from harness.server.hub import Hub
from harness.server.literals import value_of
from harness.server.plans import Plan, Row, TableInfo, plan
from harness.wire import satsjson, schema_json
from harness.wire import types as t
from harness.wire.values import Identity, Timestamp


def execute(hub: Hub, text: str, sender: Identity, *, owner: bool) -> dict[str, Any]:
    """Run one statement; its result as the HTTP API shows it.

    Rows come as positional arrays. Only the owner may change data. Raises ``SqlError``.
    """
    statement = sql.parse(text)
    match statement:
        case sql.Select():
            return _select(hub, statement, sender, owner)
        case sql.SelectAll():
            raise SqlError("SELECT * FROM * can only be subscribed")
    if not owner:
        raise SqlError("only the owner of the database may change data with SQL")
    match statement:
        case sql.Insert():
            return _insert(hub, statement, sender)
        case sql.Update():
            return _update(hub, statement, sender)
        case sql.Delete():
            return _delete(hub, statement, sender)


def _result(elements: list[tuple[str, t.Type]], rows: list[Any], **stats: int) -> dict[str, Any]:
    counts = {"rows_inserted": 0, "rows_deleted": 0, "rows_updated": 0, **stats}
    schema = t.Product(tuple(t.Element(name, type_) for name, type_ in elements))
    return {
        "schema": {"elements": schema_json.type_to_json(schema)["Product"]["elements"]},
        "rows": rows,
        "stats": counts,
    }


def _select(hub: Hub, select: sql.Select, sender: Identity, owner: bool) -> dict[str, Any]:
    planned = plan(_whole_rows(select), hub.catalog, sender, owner=owner)
    table = planned.side.table
    if select.count is not None:
        return _result([(select.count, t.U64)], [[_count(hub, planned)]])
    if select.star is not None:
        columns = list(range(len(table.types)))
        names = list(table.columns)
    else:
        columns = [table.column(p.column.name) for p in select.projections]
        names = [p.name for p in select.projections]
        for projection in select.projections:
            if projection.column.table not in (None, select.alias):
                raise SqlError(f"{projection.column.table!r} is not a table of this query")
    rows = planned.values(hub.rows)
    if select.limit is not None:
        rows = rows[: _limit(select.limit)]
    element = hub.database.definition.row_type(table.definition).elements
    types = [element[column].type for column in columns]
    typespace = hub.database.definition.typespace
    writers = [satsjson.compile_json(x, typespace, positional=True).to_json for x in types]
    shown = [
        [write(row[column]) for write, column in zip(writers, columns, strict=True)] for row in rows
    ]
    return _result(list(zip(names, types, strict=True)), shown)


def _whole_rows(select: sql.Select) -> sql.Select:
    """The same question about whole rows: what plans are made for."""
    if select.star is not None or select.join is None:
        star = select.star if select.star is not None else ""
    elif select.projections:
        tables = {projection.column.table for projection in select.projections}
        if len(tables) != 1 or None in tables:
            raise SqlError("a join can return columns of one of its tables, named with the table")
        star = str(tables.pop())
    else:
        star = select.alias
    return sql.Select(star, (), None, select.table, select.alias, select.join, select.where, None)


def _count(hub: Hub, planned: Plan) -> int:
    if type(planned) is Plan and not planned.side.tests and not planned.side.table.is_view:
        return hub.database.count(planned.table)
    return len(planned.rows(hub.rows))


def _limit(literal: sql.Literal) -> int:
    if literal.kind != "number" or not literal.text.isdigit():
        raise SqlError(f"LIMIT needs a whole number, not {literal.text!r}")
    return int(literal.text)


# --- changes -------------------------------------------------------------------------------------


def _insert(hub: Hub, insert: sql.Insert, sender: Identity) -> dict[str, Any]:
    table = _changeable(hub.catalog.table(insert.table, sender, owner=True))
    names = insert.columns or tuple(table.columns)
    if sorted(names) != sorted(table.columns):
        raise SqlError(f"an INSERT into {table.name!r} needs all of {', '.join(table.columns)}")
    order = [table.column(name) for name in names]
    rows: list[Row] = []
    for cells in insert.rows:
        if len(cells) != len(order):
            raise SqlError(f"a row has {len(cells)} values for {len(order)} columns")
        values: dict[int, Any] = {
            column: value_of(cell, table.types[column], sender, name)
            for column, cell, name in zip(order, cells, names, strict=True)
        }
        rows.append(tuple(values[column] for column in range(len(order))))
    _change(hub, sender, table, [], rows)
    return _result([], [], rows_inserted=len(rows))


def _update(hub: Hub, update: sql.Update, sender: Identity) -> dict[str, Any]:
    table, found = _where(hub, update.table, update.where, sender)
    changes = {
        table.column(name): value_of(literal, table.types[table.column(name)], sender, name)
        for name, literal in update.assignments
    }
    decode = table.codec.decode
    after = [tuple(changes.get(i, value) for i, value in enumerate(decode(data))) for data in found]
    _change(hub, sender, table, found, after)
    return _result([], [], rows_updated=len(found))


def _delete(hub: Hub, delete: sql.Delete, sender: Identity) -> dict[str, Any]:
    table, found = _where(hub, delete.table, delete.where, sender)
    _change(hub, sender, table, found, [])
    return _result([], [], rows_deleted=len(found))


def _changeable(table: TableInfo) -> TableInfo:
    if table.is_view:
        raise SqlError(f"{table.name!r} is a view: it follows from tables, and only they change")
    return table


def _where(
    hub: Hub, name: str, where: sql.Condition | None, sender: Identity
) -> tuple[TableInfo, list[bytes]]:
    select = sql.Select("", (), None, name, name, None, where, None)
    planned = plan(select, hub.catalog, sender, owner=True)
    return _changeable(planned.side.table), planned.rows(hub.rows)


def _change(
    hub: Hub, sender: Identity, table: TableInfo, gone: list[bytes], come: list[Row]
) -> None:
    try:
        encoded = [table.codec.encode(row) for row in come]
        outcome = hub.database.change(
            table.name, gone, encoded, sender=sender, timestamp=Timestamp(hub.clock())
        )
    except (WireError, HarnessError) as error:
        raise SqlError(str(error)) from error
    if outcome.kind is not OutcomeKind.COMMITTED:
        raise SqlError(outcome.error)
    hub.publish_outcome("", outcome, sender)
