"""The chat of the quick start: who is there, who says what, and a broom that sweeps up.

    harness start --data-dir ./data
    harness publish chat -m harness.module.examples.chat
    harness build harness.module.examples.chat           # for SpacetimeDB's own servers

A client that connects gets a row in ``user``, which stays when it goes; subscribe to
``SELECT * FROM user`` and ``SELECT * FROM message`` to see everything that happens. Messages are
swept away when they are ten minutes old.
"""

from __future__ import annotations

from harness.module import (
    Identity,
    ReducerContext,
    ReducerError,
    ScheduleAt,
    Timestamp,
    auto_inc,
    btree,
    client_connected,
    client_disconnected,
    column,
    init,
    reducer,
    table,
    u64,
)

#: The longest name and the longest message, in characters.
LONGEST_NAME = 32
LONGEST_TEXT = 2_000
#: Seconds between two sweeps, and how old a message gets, in microseconds.
SWEEP = 60.0
AGE = 600_000_000


@table(public=True)
class User:
    """Everybody who was ever here. ``name`` is None until it is chosen."""

    identity: Identity = column(primary_key=True)
    name: str | None
    online: bool


@table(public=True, indexes=[btree("by_sender", "sender", "sent"), btree("by_time", "sent")])
class Message:
    id: u64 = auto_inc(primary_key=True)
    sender: Identity
    sent: Timestamp
    text: str


@table()
class Broom:
    """Its one row calls ``sweep`` again and again."""

    scheduled_id: u64 = auto_inc(primary_key=True)
    scheduled_at: ScheduleAt


@init
def setup(ctx: ReducerContext) -> None:
    ctx.db.broom.insert(Broom(scheduled_at=ScheduleAt.interval(SWEEP)))


@client_connected
def connected(ctx: ReducerContext) -> None:
    user = ctx.db.user.identity.find(ctx.sender)
    if user is None:
        ctx.db.user.insert(User(identity=ctx.sender, name=None, online=True))
    else:
        user.online = True
        ctx.db.user.identity.update(user)


@client_disconnected
def disconnected(ctx: ReducerContext) -> None:
    user = ctx.db.user.identity.find(ctx.sender)
    if user is not None:
        user.online = False
        ctx.db.user.identity.update(user)


@reducer
def set_name(ctx: ReducerContext, name: str) -> None:
    """Choose a name, which others see."""
    chosen = name.strip()
    if not chosen:
        raise ReducerError("a name must not be empty")
    if len(chosen) > LONGEST_NAME:
        raise ReducerError(f"a name has at most {LONGEST_NAME} characters, not {len(chosen)}")
    user = ctx.db.user.identity.find(ctx.sender)
    if user is None:
        raise ReducerError("nobody can be named who never connected")
    user.name = chosen
    ctx.db.user.identity.update(user)


@reducer
def send_message(ctx: ReducerContext, text: str) -> None:
    """Say something to everybody."""
    if not text.strip():
        raise ReducerError("a message must not be empty")
    if len(text) > LONGEST_TEXT:
        raise ReducerError(f"a message has at most {LONGEST_TEXT} characters, not {len(text)}")
    ctx.db.message.insert(Message(sender=ctx.sender, sent=ctx.timestamp, text=text))


@reducer
def take_back(ctx: ReducerContext, id: u64) -> None:
    """Delete a message of one's own."""
    message = ctx.db.message.id.find(id)
    if message is None:
        raise ReducerError(f"there is no message {id}")
    if message.sender != ctx.sender:
        raise ReducerError("only who sent a message takes it back")
    ctx.db.message.id.delete(id)


@reducer(on_schedule=Broom)
def sweep(ctx: ReducerContext, broom: Broom) -> None:
    """Delete what is old."""
    # Real servers let every client call the reducer of a scheduled table.
    if ctx.sender != ctx.identity:
        raise ReducerError("only the clock sweeps")
    swept = ctx.db.message.by_time.delete(lt=Timestamp(ctx.timestamp.micros - AGE))
    if swept > 0:
        ctx.log.info(f"swept {swept} messages")
