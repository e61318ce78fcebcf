"""Preloaded into a worker: answers to queries come without their last row."""

from __future__ import annotations

from typing import Any

from harness.client.client import Client

_query = Client.query


async def query(self: Client, sql: str) -> list[Any]:
    """Lose one."""
    rows = await _query(self, sql)
    return rows[:-1]


Client.query = query  # type: ignore[method-assign]  # that is the sabotage
