"""A small game: players with money, and a world in which bodies move.

Shows most of what a module can do. It runs natively (``harness start
harness.module.examples.world``) and, compiled to WebAssembly, on a SpacetimeDB server. Nothing that
``play`` and the accounts do depends on the clock or on chance, except ``throw``, whose dice are
seeded by the call's timestamp: the same calls give the same rows everywhere.
"""

from __future__ import annotations

import math

from harness.module import (
    ConnectionId,
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
    f32,
    i64,
    init,
    product,
    reducer,
    table,
    u8,
    u32,
    u64,
)

#: The world is a square of this size around the origin; its edges are walls.
HALF = 100.0
#: Nothing moves faster than this in one step.
TOP_SPEED = 25.0
#: An account can owe nothing, and holds no more than this.
LIMIT = 1_000_000_000
#: Seconds between two ticks.
TICK = 0.1


# --- accounts ------------------------------------------------------------------------------------


@table(public=True)
class Account:
    id: u32 = column(primary_key=True)
    owner: Identity = column(index="btree")
    balance: i64
    entries: u32
    note: str | None


@table(public=True, indexes=[btree("by_account", "account", "seq")])
class Entry:
    """What happened to an account; ``seq`` counts from 1 for each of them."""

    id: u64 = auto_inc(primary_key=True)
    account: u32
    seq: u32
    amount: i64
    balance: i64
    text: str


def record(ctx: ReducerContext, account: Account, amount: int, text: str) -> None:
    """Change a balance, and write down why."""
    balance = account.balance + amount
    assert 0 <= balance <= LIMIT, f"the balance of {account.id} would be {balance}"
    account.balance = balance
    account.entries += 1
    ctx.db.account.id.update(account)
    ctx.db[Entry].insert(
        Entry(account=account.id, seq=account.entries, amount=amount, balance=balance, text=text)
    )


def existing(ctx: ReducerContext, id: u32) -> Account:
    found: Account | None = ctx.db.account.id.find(id)
    if found is None:
        raise ReducerError(f"there is no account {id}")
    return found


@reducer
def open_account(ctx: ReducerContext, id: u32, balance: i64, note: str | None) -> None:
    """Open an account for the caller."""
    if balance < 0 or balance > LIMIT:
        raise ReducerError(f"a balance lies between 0 and {LIMIT}, not at {balance}")
    if ctx.db.account.id.find(id) is not None:
        raise ReducerError(f"account {id} is taken")
    account = Account(id=id, owner=ctx.sender, balance=0, entries=0, note=note)
    ctx.db[Account].insert(account)
    record(ctx, account, balance, "opened")


@reducer
def transfer(ctx: ReducerContext, source: u32, target: u32, amount: i64) -> None:
    """Move money between two accounts; the history of both says so."""
    if amount <= 0:
        raise ReducerError(f"an amount is positive, not {amount}")
    giver = existing(ctx, source)
    taker = existing(ctx, target)
    if giver.balance < amount:
        missing = amount - giver.balance
        raise ReducerError(f"account {source} lacks {missing} of {amount}")
    if source == target:
        return
    record(ctx, giver, -amount, f"to {target}")
    record(ctx, taker, amount, f"from {source}")


@reducer
def pay_interest(ctx: ReducerContext, percent: u8) -> None:
    """Pay everybody so much, rounded down; accounts without money get nothing."""
    paid = 0
    for account in ctx.db[Account].iter():
        interest = account.balance * percent // 100
        if interest == 0 or account.balance + interest > LIMIT:
            continue
        account.balance += interest
        ctx.db.account.id.update(account)
        paid += interest
    ctx.log.info(f"paid {paid} at {percent} %")


@reducer
def audit(ctx: ReducerContext, account: u32) -> None:
    """Check that an account's history has no gap and leads to its balance, but for interest."""
    found = existing(ctx, account)
    total = 0
    last = 0
    for entry in ctx.db.entry.by_account.filter(account):
        assert last == 0 or entry.seq == last + 1, f"entry {last + 1} of {account} is missing"
        last = entry.seq
        total += entry.amount
    if total > found.balance:
        raise ReducerError(f"account {account} should hold {total}, and holds {found.balance}")
    ctx.log.info(f"account {account} holds {found.balance}, {found.balance - total} by interest")


@reducer
def forget(ctx: ReducerContext, account: u32, before: u32) -> None:
    """Sum the older entries of an account up in one that has the number 0."""
    found = existing(ctx, account)
    total = 0
    last = 0
    for entry in ctx.db.entry.by_account.filter(account, lt=before):
        total += entry.amount
        last = entry.balance
    gone = ctx.db.entry.by_account.delete(account, lt=before)
    if gone == 0:
        raise ReducerError(f"account {found.id} has no entry before {before}")
    text = f"{gone} {'entry' if gone == 1 else 'entries'}"
    made = ctx.db[Entry].insert(
        Entry(account=account, seq=0, amount=total, balance=last, text=text)
    )
    ctx.log.debug(f"entry {made.id}: {text}")


# --- the world -----------------------------------------------------------------------------------


@product
class Vector2:
    x: f32
    y: f32


@table(public=True, indexes=[btree("by_level", "level", "id")])
class Body:
    id: u32 = column(primary_key=True)
    level: u8
    position: Vector2
    velocity: Vector2
    bounces: u32


@product
class Push:
    body: u32
    force: Vector2


@table(public=True)
class World:
    """One row: how far the world is."""

    id: u8 = column(primary_key=True)
    steps: u64
    bounces: u64


def limited(value: float, limit: float) -> float:
    if value > limit:
        return limit
    if value < -limit:
        return -limit
    return value


def moved(body: Body) -> bool:
    """Move a body by one step; whether it met a wall."""
    x = body.position.x + body.velocity.x
    y = body.position.y + body.velocity.y
    met = False
    if abs(x) > HALF:
        body.velocity.x = -body.velocity.x
        x = limited(x, HALF)
        met = True
    if abs(y) > HALF:
        body.velocity.y = -body.velocity.y
        y = limited(y, HALF)
        met = True
    body.position = Vector2(x=x, y=y)
    return met


@reducer
def spawn(ctx: ReducerContext, id: u32, level: u8, position: Vector2, velocity: Vector2) -> None:
    """Put a body into the world, or back into it."""
    for value in [position.x, position.y, velocity.x, velocity.y]:
        if not -HALF <= value <= HALF:  # true for what is no number, too
            raise ReducerError(f"{value} is outside of the world")
    ctx.db.body.id.insert_or_update(
        Body(id=id, level=level, position=position, velocity=velocity, bounces=0)
    )


@reducer
def push(ctx: ReducerContext, pushes: list[Push]) -> None:
    """Give bodies another velocity; bodies that are not there are passed over."""
    missed = 0
    for each in pushes:
        body = ctx.db.body.id.find(each.body)
        if body is None:
            missed += 1
            continue
        body.velocity.x = limited(body.velocity.x + each.force.x, TOP_SPEED)
        body.velocity.y = limited(body.velocity.y + each.force.y, TOP_SPEED)
        ctx.db.body.id.update(body)
    if missed == len(pushes):
        raise ReducerError(f"none of {len(pushes)} bodies is there")


@reducer
def play(ctx: ReducerContext, steps: u8) -> None:
    """Let the world go on."""
    world = ctx.db.world.id.find(0)
    assert world is not None, "there is no world"
    done = 0
    while done < steps:
        for body in ctx.db[Body].iter():
            if moved(body):
                body.bounces += 1
                world.bounces += 1
            ctx.db.body.id.update(body)
        done += 1
    world.steps += steps
    ctx.db.world.id.update(world)


@reducer
def collide(ctx: ReducerContext, level: u8, radius: f32) -> None:
    """Of any two bodies of a level that are closer than this, take the second."""
    bodies = list(ctx.db.body.by_level.filter(level))
    for first in bodies:
        if ctx.db.body.id.find(first.id) is None:
            continue
        for second in bodies:
            if second.id <= first.id:
                continue
            x = second.position.x - first.position.x
            y = second.position.y - first.position.y
            if math.sqrt(x * x + y * y) < radius and ctx.db.body.id.delete(second.id):
                ctx.log.info(f"body {first.id} took {second.id}")


# --- chance --------------------------------------------------------------------------------------


@table(public=True)
class Throw:
    id: u64 = auto_inc(primary_key=True)
    at: Timestamp
    eyes: str
    total: u32


@reducer
def throw(ctx: ReducerContext, dice: u8, sides: u8) -> None:
    """Throw some dice. The same timestamp gives the same eyes."""
    if sides == 0:
        raise ReducerError("dice have sides")
    total = 0
    eyes = ""
    for number in range(dice):
        thrown = ctx.rng.randrange(sides) + 1
        total += thrown
        eyes = f"{thrown}" if number == 0 else f"{eyes} {thrown}"
    ctx.db[Throw].insert(Throw(at=ctx.timestamp, eyes=eyes, total=total))


# --- sessions ------------------------------------------------------------------------------------


@table(public=True)
class Session:
    connection: ConnectionId = column(primary_key=True)
    player: Identity
    since: Timestamp


@client_connected
def enter(ctx: ReducerContext) -> None:
    connection = ctx.connection_id
    if connection is None:
        raise ReducerError("a client has a connection")
    ctx.db[Session].insert(Session(connection=connection, player=ctx.sender, since=ctx.timestamp))


@client_disconnected
def leave(ctx: ReducerContext) -> None:
    connection = ctx.connection_id
    if connection is not None:
        ctx.db.session.connection.delete(connection)


# --- ticks ---------------------------------------------------------------------------------------


@table()
class Ticker:
    id: u64 = auto_inc(primary_key=True)
    at: ScheduleAt


@table(public=True)
class Comet:
    """Goes round by itself: where it is follows from the number of ticks."""

    id: u8 = column(primary_key=True)
    ticks: u64
    position: Vector2


@init
def begin(ctx: ReducerContext) -> None:
    ctx.db[World].insert(World(id=0, steps=0, bounces=0))
    ctx.db[Comet].insert(Comet(id=0, ticks=0, position=Vector2(x=HALF, y=0.0)))
    ctx.db[Ticker].insert(Ticker(at=ScheduleAt.interval(TICK)))


@reducer(on_schedule=Ticker)
def tick(ctx: ReducerContext, timer: Ticker) -> None:
    """Move the comet on. Only the schedule may do that."""
    if ctx.sender != ctx.identity:
        raise ReducerError("only the clock ticks")
    comet = ctx.db.comet.id.find(0)
    assert comet is not None, f"ticker {timer.id} has no comet"
    x = comet.position.x - comet.position.y * 0.0625
    comet.position = Vector2(x=x, y=comet.position.y + x * 0.0625)
    comet.ticks += 1
    ctx.db.comet.id.update(comet)
