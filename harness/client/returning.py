"""How a client comes back after a loss."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import ConnectError, ConnectionLost, HarnessError, WireError

if TYPE_CHECKING:
    from harness.client.client import Client

#: Answers of a server that will not change by asking again.
FINAL_STATUS = (400, 401, 403, 404)


class Rejected(ConnectError):
    """The handshake went well, and then the module did not let us in."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """When to try again after a loss: doubling from ``first_s`` to ``most_s`` seconds, with jitter.

    ``sleep`` and ``rng`` can be given for tests.
    """

    first_s: float = 1.0
    most_s: float = 30.0
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    rng: random.Random = random.Random()  # noqa: RUF009  (shared on purpose)

    def delay_s(self, attempt: int) -> float:
        """Seconds before attempt 0, 1, 2 …: half to all of the doubled time."""
        whole = min(self.most_s, self.first_s * float(1 << min(attempt, 30)))
        return whole * (0.5 + self.rng.random() / 2)


class Returner:
    """Brings a client back after each loss: connects, subscribes again, compares the rows."""

    def __init__(
        self, client: Client, attach: Callable[[], Awaitable[None]], backoff: Backoff
    ) -> None:
        self._client = client
        self._attach = attach
        self._backoff = backoff
        self._task: asyncio.Task[None] | None = None

    def lost(self) -> None:
        """The connection was lost. While a return is under way, that one goes on trying."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._return())

    async def stop(self) -> None:
        """Do not come back any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _return(self) -> None:
        client, attempt = self._client, 0
        while True:
            await self._backoff.sleep(self._backoff.delay_s(attempt))
            attempt += 1
            try:
                await self._attach()
                await client.resubscribe()
            except ConnectError as refused:
                if isinstance(refused, Rejected) or refused.status in FINAL_STATUS:
                    client.give_up(refused)
                    return
            except WireError as wrong:
                # The same code would read the same rows in the same way, again and again.
                end = ConnectionLost(
                    f"{wrong}: the tables are not those any more that this client knows; generate "
                    "it anew with `harness generate`, and connect again"
                )
                client.give_up(end)
                return
            except HarnessError:
                continue  # lost again before all was there
            else:
                client.stats.reconnects += 1
                if client.is_connected:
                    return
                attempt = 0  # lost again, before this task could end
