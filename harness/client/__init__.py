"""The client: an asyncio shell over ``protocol``, the row cache, subscriptions, and HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.client.client import Client as Client
    from harness.client.connecting import connect as connect
    from harness.client.http import Http as Http
    from harness.client.http import SqlResult as SqlResult
    from harness.client.returning import Backoff as Backoff
    from harness.client.subscriptions import Subscription as Subscription

_HOME = {
    "Backoff": "returning",
    "Client": "client",
    "Http": "http",
    "SqlResult": "http",
    "Subscription": "subscriptions",
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
