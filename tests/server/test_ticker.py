"""The heartbeat of a hub: what it leaves behind when it is halted, or not waited for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from harness.module.http import HttpRequest
from harness.server.outgoing import Outgoing
from harness.server.ticker import Ticker
from harness.wire.values import Timestamp


@pytest.mark.parametrize("halted", [False, True])
def test_nothing_due_runs_once_it_is_halted(halted: bool) -> None:
    """Its database may be closed by then: a deleted one with a schedule is."""
    ran: list[str] = []
    database = SimpleNamespace(wal_bytes=0, position=0, next_due=lambda: Timestamp(0))
    hub: Any = SimpleNamespace(
        database=database, procedures=SimpleNamespace(), clock=lambda: 1,
        end_tick=lambda: False, run_due=lambda: ran.append("due"),
    )  # fmt: skip
    loop = asyncio.new_event_loop()
    try:
        ticker = Ticker(hub, loop, lambda error: ran.append(str(error)), Outgoing())
        ticker.end()
        if halted:
            ticker.halt(lambda: ran.append("halted"))
        for _ in range(3):
            loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()
    assert set(ran) == ({"halted"} if halted else {"due"})


def test_a_request_that_nobody_waits_for_any_more_is_given_up() -> None:
    """A module can drop what ``ctx.http`` has begun for it."""

    async def story() -> list[str]:
        told: list[str] = []

        async def asks(request: HttpRequest) -> None:
            told.append("asked")
            try:
                await asyncio.Event().wait()
            finally:
                told.append("given up")

        hub: Any = SimpleNamespace(procedures=SimpleNamespace())
        outgoing: Any = SimpleNamespace(fetch=asks)
        ticker = Ticker(hub, asyncio.get_running_loop(), told.append, outgoing)  # type: ignore[arg-type]  # never called
        coming = ticker.fetch(HttpRequest("http://a/"))
        coming.send(None)
        await asyncio.sleep(0)
        coming.close()
        await asyncio.sleep(0)
        return [*told]  # before the loop ends, which gives up everything

    assert asyncio.run(story()) == ["asked", "given up"]
