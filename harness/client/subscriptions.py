"""Subscription handles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum


class Phase(Enum):
    """Of a subscription."""

    PENDING = "pending"
    ACTIVE = "active"
    ENDING = "ending"
    ENDED = "ended"


class Subscription:
    """Queries that were subscribed together."""

    def __init__(
        self,
        queries: list[str],
        set_id: int,
        loop: asyncio.AbstractEventLoop,
        unsubscribe: Callable[[Subscription], None],
    ) -> None:
        self.queries = queries
        self.set_id = set_id
        self.phase = Phase.PENDING
        #: Resolved when its rows are in the cache, or with the error that kept them out.
        self.applied: asyncio.Future[None] = loop.create_future()
        #: Resolved when it is over, however that came.
        self.ended: asyncio.Future[None] = loop.create_future()
        #: Why it ended, if nobody asked for it.
        self.error: str | None = None
        self._unsubscribe = unsubscribe

    def __repr__(self) -> str:
        return f"Subscription({self.queries!r}, {self.phase.value})"

    @property
    def is_active(self) -> bool:
        """Whether its rows are in the cache and nobody has asked to end it."""
        return self.phase is Phase.ACTIVE

    @property
    def is_ended(self) -> bool:
        """Whether it is over: it ended as asked, was refused, or died with the connection."""
        return self.phase is Phase.ENDED

    def unsubscribe_soon(self) -> None:
        """End it without waiting; ``ended`` says when its rows have left the cache.

        Raises ``LocalProtocolError`` if it has ended or is ending already.
        """
        self._unsubscribe(self)

    async def unsubscribe(self) -> None:
        """End it; returns when its rows have left the cache.

        Raises ``LocalProtocolError`` if it has ended or is ending already.
        """
        self._unsubscribe(self)
        await asyncio.shield(self.ended)

    def over(self, error: Exception | None = None) -> None:
        """It has ended; ``error`` says why if nobody asked for it."""
        self.phase = Phase.ENDED
        if error is not None:
            self.error = str(error)
        finish(self.applied, error)
        finish(self.ended)


def finish(future: asyncio.Future[None], error: Exception | None = None) -> None:
    """Resolve a future unless its owner has given up."""
    if future.done():
        return
    if error is None:
        future.set_result(None)
        return
    future.set_exception(error)
    future.exception()  # it may be that nobody awaits this one: no warning then
