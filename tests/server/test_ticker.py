"""The heartbeat of a hub: what it leaves behind when it is halted."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

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
