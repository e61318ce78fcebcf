"""Adapter for the SDK that this project's first claims were made with, through its public API.

Its package is ``spacetimedb_sdk``, of the repository ``mattsp1290/spacetimedb-python-sdk``; clone
it and say ``harness client PATH[@REVISION] --adapter seed_sdk``. Written against its revision
b8a9130 (2025-06-10).
"""

from __future__ import annotations

import concurrent.futures
import logging
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

#: Seconds for the connection, and for a subscription.
LIMIT_S = 10.0


class Adapter:
    """``ModernSpacetimeDBClient`` with its binary protocol."""

    name = "seed SDK"
    requires: Sequence[str] = ()
    protocols: Sequence[str] = ("v1",)

    def connect(self, uri: str, database: str, token: str | None) -> None:
        """Connect and wait for ``on_connect``, which is how its users know that they are."""
        from spacetimedb_sdk import (  # type: ignore[import-not-found]  # in its own venv only
            ModernSpacetimeDBClient,
        )

        # It logs each message at DEBUG to handlers of its own; nobody would measure it like that.
        logging.disable(logging.CRITICAL)
        self._connected, self._applied = threading.Event(), threading.Event()
        self._trouble: list[str] = []
        self._waiting: dict[str, deque[concurrent.futures.Future[None]]] = {}
        self._lock = threading.Lock()
        parts = urlsplit(uri)
        self._client = ModernSpacetimeDBClient.connect(
            host=parts.netloc,
            database_address=database,
            auth_token=token,
            ssl_enabled=parts.scheme in ("https", "wss"),
            on_connect=self._connected.set,
            on_disconnect=self._lost,
            on_error=lambda error: self._trouble.append(str(error)),
            protocol="binary",
            # Otherwise it calls a reducer of its own accord, which the bench module lacks.
            auto_trigger_lifecycle=False,
        )
        self._client.register_on_subscription_applied(self._applied.set)
        self._client.register_on_event(self._answered)
        if not self._connected.wait(LIMIT_S):
            raise RuntimeError(self._why("no connection"))

    def call(self, reducer: str, args: tuple[Any, ...]) -> concurrent.futures.Future[None]:
        """A future of the event of this reducer; events have no request id, so in their order."""
        future: concurrent.futures.Future[None] = concurrent.futures.Future()
        with self._lock:
            self._waiting.setdefault(reducer, deque()).append(future)
            self._client.call_reducer(reducer, *args)
        return future

    def _answered(self, event: Any) -> None:
        with self._lock:
            waiting = self._waiting.get(event.reducer_name)
            future = waiting.popleft() if waiting else None
        if future is None:
            return
        if event.status == "success":
            future.set_result(None)
        else:
            future.set_exception(RuntimeError(event.message or f"status {event.status}"))

    def _lost(self, reason: str) -> None:
        self._trouble.append(f"disconnected: {reason}")
        with self._lock:
            lost = [future for waiting in self._waiting.values() for future in waiting]
            self._waiting.clear()
        for future in lost:
            future.set_exception(ConnectionError(self._trouble[0]))

    def subscribe(self, queries: Sequence[str]) -> None:
        """Until it says that the subscription is applied."""
        for query in queries:
            self._applied.clear()
            self._client.subscribe_single(query)
            if not self._applied.wait(LIMIT_S):
                raise RuntimeError(self._why("the subscription was not applied"))

    def _why(self, what: str) -> str:
        told = f": {self._trouble[0]}" if self._trouble else ""
        return f"{what} within {LIMIT_S:g} s{told}"

    def rows(self, table: str) -> Iterable[Any]:
        """What its table interface has."""
        return list(getattr(self._client.db, table).iter())

    def close(self) -> None:
        """End its threads."""
        self._client.shutdown()
