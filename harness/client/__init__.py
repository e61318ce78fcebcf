"""The client: an asyncio shell over ``protocol``, the row cache, subscriptions, and HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.client.client import Client as Client
    from harness.client.connecting import Backoff as Backoff
    from harness.client.connecting import connect as connect
    from harness.client.handles import Subscription as Subscription
    from harness.client.http import Http as Http
    from harness.client.http import SqlResult as SqlResult

_HOME = {
    "Backoff": "connecting",
    "Client": "client",
    "Http": "http",
    "SqlResult": "http",
    "Subscription": "handles",
    "connect": "connecting",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
