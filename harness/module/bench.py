"""The bench module: what the suites measure, on every server.

Served as database `bench`. Its tables are public and its contract is fixed, since other clients
drive it too.
"""

from __future__ import annotations

from harness.module import (
    Identity,
    ReducerContext,
    ReducerError,
    Timestamp,
    auto_inc,
    column,
    f32,
    i32,
    i64,
    reducer,
    table,
    u32,
    u64,
)


@table(public=True)
class Item:
    id: u64 = column(primary_key=True)
    x: f32
    y: f32
    z: f32
    hp: i32
    alive: bool
    name: str


@table(public=True)
class Account:
    id: u32 = column(primary_key=True)
    balance: i64


@table(public=True)
class Message:
    id: u64 = auto_inc(primary_key=True)
    sender: Identity
    sent: Timestamp
    text: str


@reducer
def noop(ctx: ReducerContext) -> None:
    """Do nothing: what a call costs by itself."""


@reducer
def insert_item(
    ctx: ReducerContext, id: u64, x: f32, y: f32, z: f32, hp: i32, alive: bool, name: str
) -> None:
    ctx.db[Item].insert(Item(id=id, x=x, y=y, z=z, hp=hp, alive=alive, name=name))


@reducer
def insert_items(ctx: ReducerContext, items: list[Item]) -> None:
    for item in items:
        ctx.db[Item].insert(item)


@reducer
def update_item(
    ctx: ReducerContext, id: u64, x: f32, y: f32, z: f32, hp: i32, alive: bool, name: str
) -> None:
    if ctx.db.item.id.find(id) is None:
        raise ReducerError(f"no such item {id}")
    ctx.db.item.id.update(Item(id=id, x=x, y=y, z=z, hp=hp, alive=alive, name=name))


@reducer
def delete_item(ctx: ReducerContext, id: u64) -> None:
    if not ctx.db.item.id.delete(id):
        raise ReducerError(f"no such item {id}")


@reducer
def clear_items(ctx: ReducerContext) -> None:
    ctx.db[Item].clear()


@reducer
def seed_accounts(ctx: ReducerContext, count: u32, balance: i64) -> None:
    """Replace all accounts by the ids 0 … count − 1."""
    ctx.db[Account].clear()
    for id in range(count):
        ctx.db[Account].insert(Account(id=id, balance=balance))


@reducer
def transfer(ctx: ReducerContext, sender: u32, receiver: u32, amount: i64) -> None:
    source = ctx.db.account.id.find(sender)
    if source is None:
        raise ReducerError(f"no such account {sender}")
    target = ctx.db.account.id.find(receiver)
    if target is None:
        raise ReducerError(f"no such account {receiver}")
    if source.balance < amount:
        raise ReducerError("insufficient funds")
    if sender == receiver:
        return
    ctx.db.account.id.update(Account(id=sender, balance=source.balance - amount))
    ctx.db.account.id.update(Account(id=receiver, balance=target.balance + amount))


@reducer
def send_message(ctx: ReducerContext, text: str) -> None:
    if not text:
        raise ReducerError("message must not be empty")
    ctx.db[Message].insert(Message(sender=ctx.sender, sent=ctx.timestamp, text=text))


@reducer
def reject(ctx: ReducerContext, reason: str) -> None:
    """Always fail, with the caller's own text."""
    raise ReducerError(reason)
