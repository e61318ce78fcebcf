"""``harness describe``: what a database declares."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from harness.cli.asking import Where, options
from harness.errors import PlanError

if TYPE_CHECKING:
    from harness.cli.asking import Place
    from harness.cli.signatures import Signatures
    from harness.wire.schema import ModuleDef, TableDef

KINDS = ("table", "reducer", "procedure", "view", "type")


@click.command()
@click.argument("words", nargs=-1, metavar="[DATABASE] [KIND NAME]")
@click.option("--json", "as_json", is_flag=True, help="Print the definition as the server has it.")
@options
def describe(words: tuple[str, ...], as_json: bool, where: Where) -> int:
    """Show the tables, reducers, procedures, views and types of a database, or one of them.

    KIND is table, reducer, procedure, view or type.

    \b
    Examples:
      harness describe
      harness describe chat table message
      harness describe chat --json > chat.module.json

    \b
    Exit codes:
      0  shown
      1  there is no such database, or nothing of this name
      2  the command line was not understood
    """
    from harness.cli import asking

    place, rest = asking.database_and(words, where, None)
    if len(rest) not in (0, 2) or (rest and rest[0] not in KINDS):
        raise click.UsageError(f"after DATABASE: nothing, or one of {', '.join(KINDS)} and a name")
    click.echo(asyncio.run(_described(place, rest, as_json)))
    return 0


async def _described(place: Place, rest: tuple[str, ...], as_json: bool) -> str:
    import json

    from harness.cli import asking
    from harness.cli.signatures import Signatures
    from harness.wire import schema_json

    async with asking.asked(place) as http:
        raw = await http.definition(place.database)
    schema = schema_json.from_json(raw)
    if as_json:
        found = {"V9": raw} if not rest else _json_of(raw, schema, rest[0], rest[1])
        return json.dumps(found, indent=1, ensure_ascii=False)
    signatures = Signatures(schema)
    if rest:
        _check(schema, rest[0], rest[1])
        shown = [x for x in _parts(schema, signatures) if x[:2] == (rest[0], rest[1])]
        return "\n".join(shown[0][2])
    counts = [_count(len(getattr(schema, f"{kind}s")), kind) for kind in KINDS[:-1]]
    head = f"{place.database}: {', '.join(x for x in counts if not x.startswith('0 ')) or 'empty'}"
    return "\n".join([head, *_whole(schema, signatures)])


def _count(number: int, kind: str) -> str:
    return f"{number} {kind}{'s' * (number != 1)}"


def _whole(schema: ModuleDef, signatures: Signatures) -> Iterator[str]:
    """Everything, with an empty line before each table and before each list of functions."""
    before = None
    rows = {table.row for table in schema.tables}  # they stand with their tables
    shown = {"".join((*x.scope, x.name)) for x in schema.types if x.type not in rows}
    for kind, name, lines in _parts(schema, signatures):
        if kind == "type" and name not in shown:
            continue
        if kind != before or kind == "table":
            yield ""
        yield from lines
        before = kind


def _parts(schema: ModuleDef, signatures: Signatures) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Kind, name and lines of each thing that is declared."""
    from harness.wire import types as t

    for table in sorted(schema.tables, key=lambda x: x.name):
        yield "table", table.name, _table(schema, table, signatures)
    for reducer in schema.reducers:
        notes = [reducer.lifecycle.value if reducer.lifecycle else "", "private" * reducer.private]
        yield "reducer", reducer.name, [_noted(f"reducer {signatures.function(reducer)}", notes)]
    for procedure in schema.procedures:
        line = _noted(
            f"procedure {signatures.function(procedure)}", ["private" * procedure.private]
        )
        yield "procedure", procedure.name, [line]
    for view in schema.views:
        notes = ["public" if view.public else "private", "anonymous" * view.anonymous]
        yield "view", view.name, [_noted(f"view {signatures.function(view)}", notes)]
    for type_ in sorted(schema.types, key=lambda x: (x.scope, x.name)):
        name = "".join((*type_.scope, type_.name))
        resolved = schema.typespace.resolve(t.Ref(type_.type))
        yield "type", name, [f"type {name} = {signatures.type(resolved)}"]


def _noted(line: str, notes: Sequence[str]) -> str:
    shown = ", ".join(note for note in notes if note)
    return f"{line}  [{shown}]" if shown else line


def _table(schema: ModuleDef, table: TableDef, signatures: Signatures) -> list[str]:
    columns = schema.row_type(table).elements
    names = [x.name or "" for x in columns]
    types = [signatures.type(x.type) for x in columns]
    notes = ["public" if table.public else "private", "event" * table.event]
    if table.schedule is not None:
        notes.append(f"calls {table.schedule.function}")
    lines = [f"table {table.name}  [{', '.join(note for note in notes if note)}]"]
    wide, wider = (max(map(len, x), default=0) for x in (names, types))
    unique = set(table.unique_columns())
    for place, (name, type_) in enumerate(zip(names, types, strict=True)):
        said = [
            "primary key" if place == table.primary_key else "unique" * (place in unique),
            "auto_inc" * any(x.column == place for x in table.sequences),
        ]
        said_as = ", ".join(x for x in said if x)
        lines.append(f"  {name:{wide}}  {type_:{wider}}  {said_as}".rstrip())
    for index in table.indexes:
        if index.columns not in {(x,) for x in unique}:
            on = ", ".join(names[x] for x in index.columns)
            shown = index.accessor or index.name
            lines.append(f"  index {shown} ({on})  {index.algorithm.value.lower()}")
    return lines


def _check(schema: ModuleDef, kind: str, name: str) -> None:
    """Raises ``PlanError`` with the nearest name if there is nothing of this one."""
    from harness.cli.signatures import Signatures
    from harness.client.names import nearest

    known = [x[1] for x in _parts(schema, Signatures(schema)) if x[0] == kind]
    if name not in known:
        raise PlanError(nearest(kind, name, known))


def _json_of(raw: Any, schema: ModuleDef, kind: str, name: str) -> Any:
    """One entry of the definition as the server has it."""
    _check(schema, kind, name)
    if kind in ("table", "reducer"):
        return next(x for x in raw[f"{kind}s"] if x["name"] == name)
    if kind == "type":
        found = next(
            x for x in raw["types"] if "".join((*x["name"]["scope"], x["name"]["name"])) == name
        )
        return {**found, "type": raw["typespace"]["types"][found["ty"]]}
    key = kind.capitalize()
    return next(x[key] for x in raw["misc_exports"] if key in x and x[key]["name"] == name)
