"""What ``harness lock`` and ``harness unlock`` share: asking a server that may not know of it."""

from __future__ import annotations

import asyncio

from harness.cli import asking
from harness.cli.asking import Place, Where
from harness.errors import CallError, ConnectError


def set_lock(database: str | None, where: Where, *, locked: bool) -> Place:
    """Lock or unlock a database, and give its place. Raises ``CallError`` if that cannot be."""
    place = asking.database(database, where)
    asyncio.run(_set(place, locked))
    return place


async def _set(place: Place, locked: bool) -> None:
    async with asking.asked(place) as http:
        identity = await http.identity_of(place.database)
        try:
            await http.lock(identity, locked=locked)
        except ConnectError as error:
            if error.status in (404, 405):  # the database is there, so the route is not
                raise CallError(
                    f"{place.uri} knows no locks; SpacetimeDB's own servers do from version 2 on"
                ) from None
            raise
