"""Tables and reducers of the inventory; this part compiles to WebAssembly."""

from __future__ import annotations

from harness.module import (
    Identity,
    ReducerContext,
    ReducerError,
    Timestamp,
    auto_inc,
    btree,
    column,
    i64,
    reducer,
    table,
    u32,
    u64,
)

#: No store has more of a thing than this.
MOST = 1_000_000


@table(public=True)
class Product:
    """What can be in stock; ``price`` in cents. Below ``least`` pieces it runs out."""

    sku: str = column(primary_key=True)
    name: str
    price: u32
    least: u32


@table(public=True, indexes=[btree("by_store", "store", "sku"), btree("by_sku", "sku")])
class Stock:
    """How many pieces of a product a store has; none of it, and there is no row."""

    id: u64 = auto_inc(primary_key=True)
    store: str
    sku: str
    pieces: u32


@table(indexes=[btree("by_holder", "holder", "taken"), btree("by_store", "store", "sku")])
class Loan:
    """Who has taken what. Private: each holder sees its own by the view ``mine``."""

    id: u64 = auto_inc(primary_key=True)
    holder: Identity
    store: str
    sku: str
    pieces: u32
    taken: Timestamp


def known(ctx: ReducerContext, sku: str) -> Product:
    """The product, or an error for the caller."""
    product: Product | None = ctx.db.product.sku.find(sku)
    if product is None:
        raise ReducerError(f"there is no product {sku}")
    return product


def pieces_of(ctx: ReducerContext, store: str, sku: str) -> u32:
    pieces: u32 = 0
    for row in ctx.db.stock.by_store.filter(store, sku):
        pieces = row.pieces
    return pieces


def change(ctx: ReducerContext, store: str, sku: str, by: i64) -> None:
    """Add pieces, or take them away."""
    has = pieces_of(ctx, store, sku)
    pieces = has + by
    if pieces < 0:
        raise ReducerError(f"{store} has {has} of {sku}, not {-by}")
    if pieces > MOST:
        raise ReducerError(f"{store} has no room for {pieces} of {sku}; {MOST} is the most")
    for row in ctx.db.stock.by_store.filter(store, sku):
        if pieces == 0:
            ctx.db.stock.id.delete(row.id)
        else:
            row.pieces = pieces
            ctx.db.stock.id.update(row)
        return
    if pieces > 0:
        ctx.db.stock.insert(Stock(store=store, sku=sku, pieces=pieces))


@reducer
def define(ctx: ReducerContext, sku: str, name: str, price: u32, least: u32) -> None:
    """Make a product known, or change what is known of it."""
    if not sku or not name:
        raise ReducerError("a product has a sku and a name")
    ctx.db.product.sku.insert_or_update(Product(sku=sku, name=name, price=price, least=least))


@reducer
def receive(ctx: ReducerContext, store: str, sku: str, pieces: u32) -> None:
    """Pieces come in."""
    known(ctx, sku)
    if pieces == 0:
        raise ReducerError("nothing came in")
    change(ctx, store, sku, pieces)


@reducer
def move(ctx: ReducerContext, sku: str, source: str, target: str, pieces: u32) -> None:
    """From one store to another: both change, or neither does."""
    known(ctx, sku)
    if source == target:
        raise ReducerError(f"{source} has it already")
    change(ctx, source, sku, -pieces)
    change(ctx, target, sku, pieces)


@reducer
def borrow(ctx: ReducerContext, store: str, sku: str, pieces: u32) -> None:
    """The caller takes pieces with it."""
    known(ctx, sku)
    if pieces == 0:
        raise ReducerError("nothing was taken")
    change(ctx, store, sku, -pieces)
    ctx.db.loan.insert(
        Loan(holder=ctx.sender, store=store, sku=sku, pieces=pieces, taken=ctx.timestamp)
    )


@reducer
def bring_back(ctx: ReducerContext, id: u64) -> None:
    """The caller brings back what it has taken."""
    loan = ctx.db.loan.id.find(id)
    if loan is None or loan.holder != ctx.sender:
        raise ReducerError(f"you have no loan {id}")
    change(ctx, loan.store, loan.sku, loan.pieces)
    ctx.db.loan.id.delete(id)
