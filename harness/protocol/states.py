"""The states of a connection and of a query set, and what leads from one to the next.

These two tables are the whole truth: whatever is not in them is refused.
"""

from __future__ import annotations

from enum import Enum, auto


class ConnectionState(Enum):
    OPENING = auto()  # the transport is open; the server has not yet said who we are
    CONNECTED = auto()
    CLOSING = auto()  # we asked to close; answers still count
    CLOSED = auto()


class ConnectionTrigger(Enum):
    GREETED = auto()  # the server's first message
    CLOSE = auto()  # we want to end
    LOST = auto()  # the transport is gone


CONNECTION: dict[tuple[ConnectionState, ConnectionTrigger], ConnectionState] = {
    (ConnectionState.OPENING, ConnectionTrigger.GREETED): ConnectionState.CONNECTED,
    (ConnectionState.OPENING, ConnectionTrigger.CLOSE): ConnectionState.CLOSING,
    (ConnectionState.OPENING, ConnectionTrigger.LOST): ConnectionState.CLOSED,
    (ConnectionState.CONNECTED, ConnectionTrigger.CLOSE): ConnectionState.CLOSING,
    (ConnectionState.CONNECTED, ConnectionTrigger.LOST): ConnectionState.CLOSED,
    (ConnectionState.CLOSING, ConnectionTrigger.GREETED): ConnectionState.CLOSING,
    (ConnectionState.CLOSING, ConnectionTrigger.CLOSE): ConnectionState.CLOSING,
    (ConnectionState.CLOSING, ConnectionTrigger.LOST): ConnectionState.CLOSED,
    (ConnectionState.CLOSED, ConnectionTrigger.CLOSE): ConnectionState.CLOSED,
    (ConnectionState.CLOSED, ConnectionTrigger.LOST): ConnectionState.CLOSED,
}


class SetState(Enum):
    """A query set: the queries that were subscribed together."""

    PENDING = auto()
    APPLIED = auto()
    LEAVING_EARLY = auto()  # unsubscribed before it was applied: both answers will come
    LEAVING = auto()
    ENDED = auto()
    FAILED = auto()


class SetTrigger(Enum):
    APPLIED = auto()  # the server sent the rows
    UNSUBSCRIBE = auto()  # we asked to end it
    ENDED = auto()  # the server confirmed the end
    ERROR = auto()  # the server refused or dropped it


QUERY_SET: dict[tuple[SetState, SetTrigger], SetState] = {
    (SetState.PENDING, SetTrigger.APPLIED): SetState.APPLIED,
    (SetState.PENDING, SetTrigger.UNSUBSCRIBE): SetState.LEAVING_EARLY,
    (SetState.PENDING, SetTrigger.ERROR): SetState.FAILED,
    (SetState.APPLIED, SetTrigger.UNSUBSCRIBE): SetState.LEAVING,
    (SetState.APPLIED, SetTrigger.ERROR): SetState.FAILED,
    (SetState.LEAVING_EARLY, SetTrigger.APPLIED): SetState.LEAVING,
    (SetState.LEAVING_EARLY, SetTrigger.ERROR): SetState.FAILED,
    (SetState.LEAVING, SetTrigger.ENDED): SetState.ENDED,
    (SetState.LEAVING, SetTrigger.ERROR): SetState.FAILED,
}

#: States in which the server holds the set: its rows are in the cache.
HOLDS_ROWS = frozenset({SetState.APPLIED, SetState.LEAVING})
#: States after which nothing more is heard of a set.
FINAL = frozenset({SetState.ENDED, SetState.FAILED})
