"""What clients see of the inventory, beside its tables: runs natively, not as WebAssembly."""

from __future__ import annotations

from typing import TypeAlias

from harness.module import (
    AnonymousViewContext,
    ProcedureContext,
    Query,
    ReducerContext,
    ReducerError,
    ViewContext,
    column,
    procedure,
    product,
    reducer,
    table,
    u32,
    u64,
    view,
)

from .stock import Loan, Product, Stock, change, known

#: Cents from which a product is dear.
DEAR = 1_000


@table(public=True)
class Store:
    """A store that reports are made of."""

    name: str = column(primary_key=True)


@product
class Short:
    """A product of which a store has too little."""

    id: str
    store: str
    name: str
    pieces: u32
    least: u32


@product
class Worth:
    """What lies in a store, in cents."""

    store: str
    products: u32
    cents: u64


@product
class Here:
    """The store that was asked about has it."""

    pieces: u32


@product
class Elsewhere:
    """Other stores have it."""

    stores: list[str]


@product
class Nowhere:
    """No store has it."""


#: Clients get one of the three, and their type checkers know that there is no fourth.
Availability: TypeAlias = Here | Elsewhere | Nowhere


@reducer
def open_store(ctx: ReducerContext, name: str) -> None:
    """Make a store part of the reports."""
    if ctx.db.store.name.find(name) is not None:
        raise ReducerError(f"there is a store {name}")
    ctx.db.store.insert(Store(name=name))


@view(public=True, primary_key="id")
def mine(ctx: ViewContext) -> list[Loan]:
    """What the caller has taken: everybody sees its own loans, and nobody those of others."""
    return list(ctx.db.loan.by_holder.filter(ctx.sender))


@view(public=True, primary_key="id")
def runs_out(ctx: AnonymousViewContext) -> list[Short]:
    """What each store has less of than the least, and at least one of; the scarcest first."""
    found = []
    for row in ctx.db.stock.by_store.filter(ge=""):
        what: Product | None = ctx.db.product.sku.find(row.sku)
        if what is not None and row.pieces < what.least:
            found.append(
                Short(
                    id=f"{row.store}/{row.sku}", store=row.store, name=what.name,
                    pieces=row.pieces, least=what.least,
                )
            )  # fmt: skip
    return sorted(found, key=lambda short: short.pieces)


@view(public=True)
def most_wanted(ctx: AnonymousViewContext) -> Product | None:
    """The product of which most pieces are on loan, if any is."""
    pieces: dict[str, int] = {}
    for loan in ctx.db.loan.by_store.filter(ge=""):
        pieces[loan.sku] = pieces.get(loan.sku, 0) + loan.pieces
    if not pieces:
        return None
    most: Product | None = ctx.db.product.sku.find(max(sorted(pieces), key=lambda sku: pieces[sku]))
    return most


@view(public=True)
def dear(ctx: AnonymousViewContext) -> Query[Product]:
    """The products that cost much: a query, which the server keeps up from what changes."""
    return ctx.from_[Product].where(lambda what: what.price >= DEAR)


def _worth(ctx: ReducerContext, store: str) -> Worth:
    rows: list[Stock] = list(ctx.db.stock.by_store.filter(store))
    prices = {what.sku: what.price for what in ctx.db.product.iter()}
    cents = sum(row.pieces * prices[row.sku] for row in rows)
    return Worth(store=store, products=len(rows), cents=cents)


@procedure
def worth(ctx: ProcedureContext, store: str) -> Worth:
    """What lies in a store."""
    return ctx.with_tx(lambda tx: _worth(tx, store))


def _where(ctx: ReducerContext, sku: str, store: str) -> Availability:
    known(ctx, sku)
    pieces = {row.store: row.pieces for row in ctx.db.stock.by_sku.filter(sku)}
    if store in pieces:
        return Here(pieces=pieces[store])
    return Elsewhere(stores=sorted(pieces)) if pieces else Nowhere()


@procedure
def look_for(ctx: ProcedureContext, sku: str, store: str) -> Availability:
    """Where a product is to be had: in the store, in others, or nowhere."""
    return ctx.with_tx(lambda tx: _where(tx, sku, store))


@procedure
def fill_up(ctx: ProcedureContext, store: str) -> u32:
    """Bring all that a store has too little of to twice its least; how many products that were.

    Each product is a transaction of its own: what has been filled up stays so if the next fails.
    """

    def skus(tx: ReducerContext) -> list[str]:
        found = []
        for row in tx.db.stock.by_store.filter(store):
            what = tx.db.product.sku.find(row.sku)
            if what is not None and row.pieces < what.least:
                found.append(row.sku)
        return found

    short = ctx.with_tx(skus)
    for sku in short:
        with ctx.tx() as tx:
            what = tx.db.product.sku.find(sku)
            if what is not None:
                for row in list(tx.db.stock.by_store.filter(store, sku)):
                    change(tx, store, sku, 2 * what.least - row.pieces)
    ctx.log.info(f"{store}: filled up {len(short)} products")
    return len(short)
