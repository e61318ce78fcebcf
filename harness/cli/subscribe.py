"""``harness subscribe``: changes of rows as they happen, a line of JSON for each transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from harness.cli.arguments import Number
from harness.cli.asking import Where, options
from harness.errors import CallError, ConnectError, ConnectionLost

if TYPE_CHECKING:
    from harness.cli.asking import Place
    from harness.client.client import Client


@click.command()
@click.argument("words", nargs=-1, metavar="[DATABASE] QUERY...")
@click.option("-n", "--num-updates", type=click.IntRange(1), metavar="N", help="End after so many.")
@click.option("-t", "--timeout", "timeout_s", type=Number(min=0, min_open=True),
              metavar="SECONDS", help="End after this time.")  # fmt: skip
@click.option("--print-initial-update", "initial", is_flag=True,
              help="Begin with the rows that are there.")  # fmt: skip
@click.option("--confirmed", type=bool, metavar="BOOL", help="Only what is on the server's disk.")
@options
def subscribe(
    words: tuple[str, ...], num_updates: int | None, timeout_s: float | None, initial: bool,
    confirmed: bool | None, where: Where,
) -> int:  # fmt: skip
    """Subscribe to queries, and print each change as JSON: {"TABLE": {"deletes": [...],
    "inserts": [...]}}.

    \b
    Examples:
      harness subscribe "SELECT * FROM message"
      harness subscribe chat "SELECT * FROM user" "SELECT * FROM message" -n 1 -t 60

    \b
    Exit codes:
      0    so many updates came; or time was up, and no number was asked for
      1    refused, time was up before, or the connection was lost
      2    the command line was not understood
      130  ended by Ctrl-C
    """
    from harness.cli import asking

    place, queries = asking.database_and(words, where, "QUERY")
    return asyncio.run(_subscribe(place, queries, num_updates, timeout_s, initial, confirmed))


async def _subscribe(
    place: Place, queries: tuple[str, ...], number: int | None, timeout_s: float | None,
    initial: bool, confirmed: bool | None,
) -> int:  # fmt: skip
    from harness.cli import asking
    from harness.client import connect, publishing

    await publishing.reach(place.uri)
    credential = await asking.known_identity(place.uri, anonymous=place.anonymous)
    token = None if credential is None else credential.token
    lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def ended(_: Client, why: str) -> None:
        if not lost.done():
            lost.set_result(why)

    try:
        connecting = connect(
            place.uri, place.database, token=token, confirmed=confirmed, on_disconnect=ended
        )
        async with connecting as client:
            updates = Updates(client, number)
            updates.muted = not initial
            await client.subscribe(*queries)
            updates.flush()
            updates.muted = False
            return await _until_done(updates, lost, number, timeout_s, place)
    except ConnectError as error:
        raise asking.refused(error, place, credential) from None


async def _until_done(
    updates: Updates, lost: asyncio.Future[str], number: int | None, timeout_s: float | None,
    place: Place,
) -> int:  # fmt: skip
    ends: set[asyncio.Future[Any]] = {updates.enough, lost}
    await asyncio.wait(ends, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    if updates.enough.done():
        updates.enough.result()
        return 0
    came = f"{updates.count} update{'s' * (updates.count != 1)}"
    wanted = "" if number is None else f" of {number}"
    if lost.done():
        raise ConnectionLost(f"{place.uri} ended the connection after {came}{wanted}")
    if number is not None:
        raise CallError(f"{timeout_s:g} s were over after {came}{wanted}")
    return 0


class Updates:
    """Gathers the rows of one transaction from a client's callbacks, and prints them.

    ``enough`` is resolved when so many were printed, or none can be any more. While ``muted``,
    nothing is.
    """

    def __init__(
        self, client: Client, number: int | None, say: Callable[[str], Any] = click.echo
    ) -> None:
        from harness.client.rows import types_of

        self._types = types_of(client.schema)
        self._number, self._say = number, say
        self._loop = asyncio.get_running_loop()
        self._event: Any = None
        self._tables: dict[str, dict[str, list[Any]]] = {}
        self._codecs: dict[str, Any] = {}
        self.enough: asyncio.Future[None] = self._loop.create_future()
        self.count = 0
        self.muted = False
        for table in self._types.tables:
            handle = getattr(client.db, table.accessor, None)
            if handle is not None:
                self._listen(handle, table.name, table.primary_key is not None, table.row)

    def _listen(self, handle: Any, name: str, has_key: bool, row_type: int) -> None:
        from harness.wire import satsjson
        from harness.wire import types as t

        schema = self._types.schema

        def shown(row: Any) -> Any:
            codec = self._codecs.get(name)
            if codec is None:
                codec = self._codecs[name] = satsjson.compile_json(
                    t.Ref(row_type), schema.typespace, self._types.bindings
                )
            return codec.to_json(row)

        def changed(context: Any, old: Any, new: Any) -> None:
            if context.event is not self._event:
                self.flush()
                self._event = context.event
                self._loop.call_soon(self.flush)
            if self.muted:
                return
            rows = self._tables.setdefault(name, {"deletes": [], "inserts": []})
            if old is not None:
                rows["deletes"].append(shown(old))
            if new is not None:
                rows["inserts"].append(shown(new))

        handle.on_insert(lambda context, row: changed(context, None, row))
        handle.on_delete(lambda context, row: changed(context, row, None))
        if has_key:
            handle.on_update(changed)

    def flush(self) -> None:
        """Print what was gathered."""
        from harness.wire import jsontext

        tables, self._tables, self._event = self._tables, {}, None
        if not tables or self.enough.done():
            return
        try:
            self._say(jsontext.dumps(tables))
        except OSError as error:  # whoever read it has gone: nobody above a callback would see that
            self.enough.set_exception(error)
            return
        self.count += 1
        if self.count == self._number:
            self.enough.set_result(None)
