"""A module with views and procedures of every kind.

Its classes stand in a function, so annotations are no texts here: nobody could read them elsewhere.
"""

import asyncio
from enum import Enum

from harness.module import (
    AnonymousViewContext,
    Identity,
    Module,
    ProcedureContext,
    ReducerContext,
    ReducerError,
    ViewContext,
    auto_inc,
    btree,
    column,
    product,
    u32,
    u64,
)


class Kind(Enum):
    tool = "tool"
    food = "food"


@product
class Total:
    kind: Kind
    pieces: u64


def shop() -> Module:
    """A fresh one."""
    module = Module("shop")

    @module.table(
        public=True, indexes=[btree("by_owner", "owner", "kind"), btree("by_kind", "kind")]
    )
    class Item:
        id: u64 = auto_inc(primary_key=True)
        owner: Identity
        kind: Kind
        pieces: u32

    @module.table()
    class Secret:
        owner: Identity = column(primary_key=True)
        text: str

    @module.reducer
    def add(ctx: ReducerContext, kind: Kind, pieces: u32) -> None:
        ctx.db.item.insert(Item(owner=ctx.sender, kind=kind, pieces=pieces))

    @module.reducer
    def take(ctx: ReducerContext, id: u64, pieces: u32) -> None:
        item = ctx.db.item.id.find(id)
        if item is None:
            raise ReducerError("no such item")
        item.pieces = pieces
        if pieces:
            ctx.db.item.id.update(item)
        else:
            ctx.db.item.id.delete(id)

    @module.reducer
    def give(ctx: ReducerContext, id: u64, owner: Identity) -> None:
        item = ctx.db.item.id.find(id)
        item.owner = owner
        ctx.db.item.id.update(item)

    @module.reducer
    def whisper(ctx: ReducerContext, text: str) -> None:
        ctx.db.secret.owner.insert_or_update(Secret(owner=ctx.sender, text=text))

    @module.view(public=True, primary_key="id")
    def mine(ctx: ViewContext) -> list[Item]:
        return list(ctx.db.item.by_owner.filter(ctx.sender))

    @module.view(public=True)
    def my_secret(ctx: ViewContext) -> Secret | None:
        return ctx.db[Secret].owner.find(ctx.sender)

    @module.view(public=True)
    def totals(ctx: AnonymousViewContext) -> list[Total]:
        if ctx.db.item.count() == 0:
            return []
        return [
            Total(kind=kind, pieces=sum(x.pieces for x in ctx.db.item.by_kind.filter(kind)))
            for kind in Kind
        ]

    @module.view(name="hidden_ones")
    def hidden(ctx: AnonymousViewContext) -> list[Item]:
        return [item for item in ctx.db[Item].by_kind.filter(Kind.tool) if item.pieces > 3]

    @module.view(public=True)
    def fragile(ctx: AnonymousViewContext) -> list[Total]:
        pieces = sum(item.pieces for item in ctx.db.item.by_kind.filter(Kind.food))
        return [Total(kind=Kind.food, pieces=100 // (13 - pieces))]

    @module.procedure
    def stock_up(ctx: ProcedureContext, kind: Kind, pieces: list[u32]) -> list[u64]:
        def body(tx: ReducerContext) -> list[u64]:
            if kind is Kind.food and not pieces:
                raise ReducerError("nothing to eat")
            made = [Item(owner=tx.sender, kind=kind, pieces=n) for n in pieces]
            return [tx.db.item.insert(item).id for item in made]

        return ctx.with_tx(body)

    @module.procedure
    def two_steps(ctx: ProcedureContext, fail: bool) -> u64:
        with ctx.tx() as tx:
            tx.db.item.insert(Item(owner=ctx.sender, kind=Kind.tool, pieces=1))
        with ctx.tx() as tx:
            tx.db.item.insert(Item(owner=ctx.sender, kind=Kind.tool, pieces=2))
            if fail:
                raise ReducerError("the second one failed")
        return ctx.with_tx(lambda tx: tx.db.item.count())

    @module.procedure
    async def slowly(ctx: ProcedureContext, pieces: u32) -> Total:
        for _ in range(pieces):
            await asyncio.sleep(0)
            with ctx.tx() as tx:
                tx.db.item.insert(Item(owner=ctx.sender, kind=Kind.food, pieces=1))
        await asyncio.sleep(0)
        return Total(kind=Kind.food, pieces=pieces)

    @module.procedure
    def nothing(ctx: ProcedureContext) -> None:
        ctx.log.info(f"by {ctx.sender}")

    return module
