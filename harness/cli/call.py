"""``harness call``: a reducer or procedure of a database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from harness.cli.arguments import Command
from harness.cli.asking import Where, options
from harness.errors import InternalError, PlanError

if TYPE_CHECKING:
    from harness.cli.asking import Place
    from harness.cli.call_arguments import Arguments
    from harness.wire.schema import ModuleDef, ProcedureDef, ReducerDef

#: So many functions are named to somebody who asked for one that is not there.
_NAMED = 10


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="[DATABASE] FUNCTION [ARGUMENT]...")
@click.option("--json", "as_object", metavar="OBJECT", help="The arguments by name.")
@options
def call(words: tuple[str, ...], as_object: str | None, where: Where) -> int:
    """Call a reducer or procedure, and print what a procedure returns.

    Each ARGUMENT is JSON. Texts, identities and names of variants need no quotes.

    \b
    Examples:
      harness call send_message Hello
      harness call chat send_message "Hello there" --server local
      harness call chat send_message --json '{"text": "Hello"}'
      harness call bench transfer 0 1 -- -40

    \b
    Exit codes:
      0  committed
      1  refused or not called; the reducer's own words are told
      2  the command line was not understood
    """
    from harness.cli import asking

    place, rest = asking.database_and(words, where, "FUNCTION")
    if as_object is not None and len(rest) > 1:
        raise click.UsageError("--json has all arguments; none may stand beside it")
    result = asyncio.run(_call(place, rest[0], rest[1:], as_object))
    if result:
        click.echo(result)
    return 0


async def _call(place: Place, name: str, words: tuple[str, ...], as_object: str | None) -> str:
    from harness.cli import asking
    from harness.cli.call_arguments import Arguments
    from harness.cli.cells import harmless

    async with asking.asked(place, named=True) as http:
        schema = await http.schema(place.database)
        arguments = Arguments(schema, _function(schema, name))
        values = (
            arguments.from_words(words) if as_object is None else arguments.from_object(as_object)
        )
        try:
            result = await http.call(place.database, arguments.function.name, values)
        except InternalError as error:
            raise InternalError(
                f"{str(error).rstrip('.')}; `harness logs {place.database}` may say why"
            ) from None
        return harmless(_named(result, arguments), "\n\t")


def _named(result: str, arguments: Arguments) -> str:
    """What a procedure returned, with the names of its fields, which servers leave out."""
    from harness.errors import WireError
    from harness.wire import satsjson
    from harness.wire.schema import ProcedureDef

    function = arguments.function
    if not isinstance(function, ProcedureDef) or not result:
        return result
    codec = satsjson.compile_json(function.returns, arguments.schema.typespace)
    try:
        return codec.dumps(codec.loads(result))
    except WireError:
        return result  # it is not what the schema says; it is shown anyhow


def _function(schema: ModuleDef, name: str) -> ReducerDef | ProcedureDef:
    from harness.client.names import nearest

    known: dict[str, ReducerDef | ProcedureDef] = {
        **{each.name: each for each in schema.procedures},
        **{each.name: each for each in schema.reducers},
    }
    found = known.get(name)
    if found is not None and getattr(found, "lifecycle", None) is not None:
        raise PlanError(f"{name} is called by the server alone, when its time has come")
    if found is not None:
        return found
    callable_ = [x.name for x in known.values() if getattr(x, "lifecycle", None) is None]
    sentence = nearest("reducer or procedure", name, callable_)
    if "did you mean" not in sentence:
        some = ", ".join(sorted(callable_)[:_NAMED])
        more = f" and {len(callable_) - _NAMED} more" if len(callable_) > _NAMED else ""
        sentence += f"; it has {some}{more}" if some else "; it has none"
    raise PlanError(sentence)
