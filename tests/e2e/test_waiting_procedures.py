"""Procedures that wait: others are served meanwhile, and one without end is ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from harness.client import connect
from tests.e2e.publishing import Home, call, home, put, rows
from tests.e2e.server import ServerProcess

__all__ = ["home"]


@pytest.fixture
def server(home: Home) -> Iterator[ServerProcess]:
    with home.server() as found:
        yield found
        assert found.stop() == 0, found.errors()


WAITING = """
import asyncio
from harness.module import ProcedureContext, ReducerContext, auto_inc, procedure, reducer, table
from harness.module import u32

@table(public=True)
class Thing:
    id: u32 = auto_inc(primary_key=True)

@reducer
def add(ctx: ReducerContext) -> None:
    ctx.db[Thing].insert(Thing())

@procedure
async def until(ctx: ProcedureContext, things: u32) -> u32:
    while True:
        with ctx.tx() as tx:
            count = tx.db[Thing].count()
        if count >= things:
            return count
        await asyncio.sleep(0.01)

@procedure
async def for_ever(ctx: ProcedureContext) -> u32:
    await asyncio.sleep(1e6)
    return 1

@procedure
def loops(ctx: ProcedureContext) -> u32:
    with ctx.tx() as tx:
        tx.db[Thing].insert(Thing())
    while True:
        pass
"""


def test_others_are_served_while_a_procedure_waits(home: Home, server: ServerProcess) -> None:
    async def story() -> None:
        async with connect(server.http, "waiting") as client:
            waiting = [asyncio.ensure_future(client.procedures.until(n)) for n in (1, 2)]
            over_http = asyncio.create_task(asyncio.to_thread(call, server, "waiting", "until", 2))
            never = asyncio.ensure_future(client.procedures.for_ever())
            await client.call("add")
            assert await waiting[0] >= 1
            assert not waiting[1].done()
            await client.call("add")
            assert await waiting[1] == 2
            assert (await over_http).json == 2
            # An update ends none that only waits, and the server stops in spite of it.
            module = home.write("waiting.py", f"{WAITING}\n")
            assert (await asyncio.to_thread(put, server, "waiting", module)).status == 200
            assert not never.done()
            never.cancel()

    assert put(server, "waiting", home.write("waiting.py", WAITING)).status == 200
    asyncio.run(story())


@pytest.mark.slow
def test_a_procedure_without_end(home: Home, server: ServerProcess) -> None:
    """As for a reducer, ten seconds are enough; its first transaction stays."""
    put(server, "waiting", home.write("waiting.py", WAITING))
    answer = call(server, "waiting", "loops")
    assert (answer.status, answer.text) == (530, "The instance encountered a fatal error.")
    assert rows(server, "waiting", "SELECT * FROM thing") == [[1]]
