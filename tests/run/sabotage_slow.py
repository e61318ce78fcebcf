"""Preloaded into a worker: the generator stalls at every call, without using CPU time."""

from __future__ import annotations

import time
from typing import Any

from harness.client.client import Client

#: So long that the generator, here and against the null target, does nothing but stall.
STALL_S = 0.002

_call_for = Client.call_for


def call_for(self: Client, waiter: Any, reducer: str, args: bytes) -> None:
    """Come late."""
    time.sleep(STALL_S)
    _call_for(self, waiter, reducer, args)


Client.call_for = call_for  # type: ignore[method-assign]  # that is the sabotage
