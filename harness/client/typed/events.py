"""What brought a change, and how a call ended: matched by class.

``match ctx.event: case ReducerEvent(reducer=r.SendMessage(text=text)): …``
"""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

import msgspec

from harness.wire.values import Timestamp

R_co = TypeVar("R_co", covariant=True)
Row_co = TypeVar("Row_co", covariant=True)


class Committed(msgspec.Struct, frozen=True):
    """The call took effect."""


class Failed(msgspec.Struct, frozen=True):
    """The call changed nothing; ``message`` is the module's or the host's."""

    message: str


Status: TypeAlias = Committed | Failed


class ReducerEvent(msgspec.Struct, Generic[R_co], frozen=True):
    """A call of our own. ``reducer`` is the object of its arguments."""

    reducer: R_co
    #: Of the call on the server; None where the protocol does not say it.
    timestamp: Timestamp | None
    status: Status = Committed()


class SubscribeApplied(msgspec.Struct, frozen=True):
    """A subscription begins: these rows match now."""


class UnsubscribeApplied(msgspec.Struct, frozen=True):
    """A subscription has ended as asked: these rows leave."""


class SubscribeError(msgspec.Struct, frozen=True):
    """A subscription was refused, or could not be kept up."""

    message: str


class Disconnected(msgspec.Struct, frozen=True):
    """The connection has ended; ``reason`` is None if we ended it."""

    reason: str | None


class Transaction(msgspec.Struct, frozen=True):
    """Somebody else's transaction, or one that is not a call."""


# --- what ``changes()`` gives ---------------------------------------------------------------------


class Inserted(msgspec.Struct, Generic[Row_co], frozen=True):
    """A row has appeared."""

    row: Row_co


class Updated(msgspec.Struct, Generic[Row_co], frozen=True):
    """A row was replaced under its primary key."""

    old: Row_co
    new: Row_co


class Deleted(msgspec.Struct, Generic[Row_co], frozen=True):
    """A row has vanished."""

    row: Row_co
