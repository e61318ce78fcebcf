"""A client of the world: puts a body on a level, and moves it on with each tick of the comet."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from harness.errors import HarnessError, ReducerError

from .module_bindings import Body, Comet, DbConnection, EventContext, Push, Vector2, query

#: Seconds to wait for an answer, and for a tick, of which there are ten a second.
PATIENCE_S = 30.0

ENDING = """\
Exit codes: 0 when all ticks have come; 1 no server, no such database, or the world refused;
2 the command line was not understood; 130 Ctrl-C.
"""


def at(place: Vector2) -> str:
    return f"({place.x:.1f}, {place.y:.1f})"


def moved(ctx: EventContext, old: Body, new: Body) -> None:
    """A body of our level is not what it was: ``old`` and ``new`` are the whole rows."""
    bounced = ", off a wall" if new.bounces > old.bounces else ""
    print(f"body {new.id}: {at(old.position)} -> {at(new.position)}{bounced}", flush=True)


async def play(server: str, database: str, body: int, level: int, ticks: int) -> None:
    """Spawn a body, push it, and let the world go on by a step a tick."""
    #: What the comet was and is, for each tick; None when the connection has ended.
    ticked: asyncio.Queue[tuple[Comet, Comet] | None] = asyncio.Queue()
    async with await DbConnection.connect(
        server, database, call_timeout_s=PATIENCE_S,
        on_disconnect=lambda conn, error: ticked.put_nowait(None),
    ) as conn:  # fmt: skip
        # Only what we want to see is sent to us: the bodies of one level, and the comet.
        await conn.subscribe(query.body.where(lambda b: b.level == level), query.comet)
        print(f"level {level} has {conn.db.body.count()} bodies", flush=True)
        await spawn(conn, body, level)
        conn.db.body.on_update(moved)
        await conn.reducers.push([Push(body=body, force=Vector2(x=0.0, y=-3.0))])

        @conn.db.comet.on_update
        def tick(ctx: EventContext, old: Comet, new: Comet) -> None:
            ticked.put_nowait((old, new))

        for _ in range(ticks):
            change = await asyncio.wait_for(ticked.get(), PATIENCE_S)
            if change is not None:
                old, new = change
                print(
                    f"tick {new.ticks}: comet {at(old.position)} -> {at(new.position)}", flush=True
                )
            await conn.reducers.play(steps=1)  # raises if there is no connection any more
        found = conn.db.body.id.find(body)
        where = "gone" if found is None else f"at {at(found.position)}"
        print(f"after {ticks} ticks body {body} is {where}", flush=True)


async def spawn(conn: DbConnection, body: int, level: int) -> None:
    """Put the body into the middle of the world, and see that it cannot be put outside."""
    still, middle = Vector2(x=0.0, y=0.0), Vector2(x=0.0, y=0.0)
    try:
        await conn.reducers.spawn(body, level, position=Vector2(x=500.0, y=0.0), velocity=still)
    except ReducerError as error:
        # The words are the module's own, and nothing of the call is in the tables.
        print(f"refused, as it should be: {error}", flush=True)
    await conn.reducers.spawn(body, level, position=middle, velocity=Vector2(x=40.0, y=0.0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the client, and give the exit code."""
    parser = argparse.ArgumentParser(
        "python -m harness.module.examples.world.client", description=__doc__, epilog=ENDING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--server", default="http://127.0.0.1:3000", metavar="URI",
                        help="the server (%(default)s)")  # fmt: skip
    parser.add_argument("--database", default="world", metavar="NAME",
                        help="the database (%(default)s)")  # fmt: skip
    parser.add_argument("--body", type=int, default=1, metavar="ID", help="which (%(default)s)")
    parser.add_argument("--level", type=int, default=0, help="0 to 255 (%(default)s)")
    parser.add_argument("--ticks", type=int, default=5, metavar="N",
                        help="how many to wait for (%(default)s)")  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        asyncio.run(
            play(options.server, options.database, options.body, options.level, options.ticks)
        )
    except (HarnessError, TimeoutError) as error:
        why = error if isinstance(error, HarnessError) else f"no tick within {PATIENCE_S:.0f} s"
        print(f"{options.database} at {options.server}: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
