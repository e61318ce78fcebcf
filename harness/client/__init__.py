"""The client: an asyncio shell over ``protocol``, the row cache, subscriptions, and HTTP.

Code that ``harness generate`` writes is used with names from here as well; its own runtime is
``harness.client.typed``, and ``types``, ``schema`` and ``query`` beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.client.client import Client as Client
    from harness.client.connecting import connect as connect
    from harness.client.http import Http as Http
    from harness.client.http import SqlResult as SqlResult
    from harness.client.returning import Backoff as Backoff
    from harness.client.subscriptions import Subscription as Subscription
    from harness.client.typed.connection import SchemaWarning as SchemaWarning
    from harness.client.typed.credentials_file import CredentialsFile as CredentialsFile
    from harness.client.typed.events import Committed as Committed
    from harness.client.typed.events import Deleted as Deleted
    from harness.client.typed.events import Disconnected as Disconnected
    from harness.client.typed.events import Failed as Failed
    from harness.client.typed.events import Inserted as Inserted
    from harness.client.typed.events import ReducerEvent as ReducerEvent
    from harness.client.typed.events import SubscribeApplied as SubscribeApplied
    from harness.client.typed.events import SubscribeError as SubscribeError
    from harness.client.typed.events import Transaction as Transaction
    from harness.client.typed.events import UnsubscribeApplied as UnsubscribeApplied
    from harness.client.typed.events import Updated as Updated
    from harness.client.typed.subscribing import SubscriptionHandle as SubscriptionHandle
    from harness.errors import CallTimeout as CallTimeout
    from harness.errors import ConnectError as ConnectError
    from harness.errors import ConnectionLost as ConnectionLost
    from harness.errors import InternalError as InternalError
    from harness.errors import QueryError as QueryError
    from harness.errors import ReducerError as ReducerError
    from harness.wire.values import ConnectionId as ConnectionId
    from harness.wire.values import Err as Err
    from harness.wire.values import Identity as Identity
    from harness.wire.values import Interval as Interval
    from harness.wire.values import Ok as Ok
    from harness.wire.values import Some as Some
    from harness.wire.values import Time as Time
    from harness.wire.values import TimeDuration as TimeDuration
    from harness.wire.values import Timestamp as Timestamp

_PLACES = {
    "harness.client.client": "Client",
    "harness.client.connecting": "connect",
    "harness.client.http": "Http SqlResult",
    "harness.client.returning": "Backoff",
    "harness.client.subscriptions": "Subscription",
    "harness.client.typed.connection": "SchemaWarning",
    "harness.client.typed.credentials_file": "CredentialsFile",
    "harness.client.typed.events": (
        "Committed Deleted Disconnected Failed Inserted ReducerEvent SubscribeApplied"
        " SubscribeError Transaction UnsubscribeApplied Updated"
    ),
    "harness.client.typed.subscribing": "SubscriptionHandle",
    "harness.errors": (
        "CallTimeout ConnectError ConnectionLost InternalError QueryError ReducerError"
    ),
    "harness.wire.values": (
        "ConnectionId Err Identity Interval Ok Some Time TimeDuration Timestamp"
    ),
}
_HOME = {name: place for place, names in _PLACES.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value
