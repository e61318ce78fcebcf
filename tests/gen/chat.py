"""The quick-start chat, as a Python module."""

from __future__ import annotations

from harness.module import (
    Identity,
    ReducerContext,
    ReducerError,
    Timestamp,
    client_connected,
    column,
    reducer,
    table,
)


@table(public=True)
class User:
    identity: Identity = column(primary_key=True)
    name: str | None
    online: bool


@table(public=True)
class Message:
    sender: Identity
    sent: Timestamp
    text: str


@client_connected
def connected(ctx: ReducerContext) -> None:
    user = ctx.db.user.identity.find(ctx.sender)
    if user is None:
        ctx.db[User].insert(User(identity=ctx.sender, name=None, online=True))
    else:
        ctx.db.user.identity.update(User(identity=ctx.sender, name=user.name, online=True))


@reducer
def set_name(ctx: ReducerContext, name: str) -> None:
    if not name:
        raise ReducerError("Names must not be empty")
    user = ctx.db.user.identity.find(ctx.sender)
    if user is None:
        raise ReducerError("Cannot set name for unknown user")
    ctx.db.user.identity.update(User(identity=user.identity, name=name, online=user.online))


@reducer
def send_message(ctx: ReducerContext, text: str) -> None:
    if not text:
        raise ReducerError("Messages must not be empty")
    ctx.db[Message].insert(Message(sender=ctx.sender, sent=ctx.timestamp, text=text))
