"""A client of the inventory: fills a store, takes something from it, and watches what that changes.

It runs on every server that has the inventory's tables. Where there are its views and procedures as
well, it subscribes to those and asks them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from harness.errors import HarnessError, QueryError, ReducerError

from .module_bindings import (
    Availability,
    AvailabilityElsewhere,
    AvailabilityHere,
    AvailabilityNowhere,
    DbConnection,
    EventContext,
    Loan,
    Short,
    Stock,
    query,
)

#: Seconds to wait for an answer.
PATIENCE_S = 30.0

ENDING = """\
Exit codes: 0 at the end; 1 no server, no such database, or the inventory refused; 2 the command
line was not understood; 130 Ctrl-C.
"""


def tell(text: str) -> None:
    print(text, flush=True)


# --- tables, which every server has ---------------------------------------------------------------


async def fill(conn: DbConnection, store: str) -> None:
    """Bring saws and nails into a store, and see how its stock changes."""
    # This store's stock, and of the products only those that it has: a join, which the server keeps
    # up to date. Type checkers know the columns; what is sent is SQL.
    here = query.stock.where(lambda s: s.store == store)
    await conn.subscribe(here, here.right_semijoin(query.product, lambda s, p: s.sku.joins(p.sku)))

    @conn.db.stock.on_insert
    def came(ctx: EventContext, row: Stock) -> None:
        tell(f"{row.store}: {row.pieces} of {row.sku}")

    @conn.db.stock.on_update
    def changed(ctx: EventContext, old: Stock, new: Stock) -> None:
        tell(f"{new.store}: {old.pieces} -> {new.pieces} of {new.sku}")

    await conn.reducers.define("saw", "a saw", price=2_500, least=4)
    await conn.reducers.define("nail", "a nail", price=2, least=100)
    await conn.reducers.receive(store, "saw", pieces=3)
    await conn.reducers.receive(store, "saw", pieces=2)
    await conn.reducers.receive(store, "nail", pieces=50)
    try:
        await conn.reducers.borrow(store, "saw", pieces=1_000)
    except ReducerError as error:
        tell(f"refused, as it should be: {error}")
    for row in sorted(conn.db.stock.by_store.filter(store), key=lambda row: row.sku):
        product = conn.db.product.sku.find(row.sku)
        assert product is not None  # the join brings a product together with its stock
        tell(f"{store} has {row.pieces} of {product.name}, {row.pieces * product.price} cents")


# --- views and procedures -------------------------------------------------------------------------


async def watch(conn: DbConnection, store: str) -> None:
    """Take a saw home and bring it back. Raises ``QueryError`` on a server without views."""
    # Views are subscribed to as tables are. Everybody has a ``mine`` of its own.
    await conn.subscribe(query.mine, query.runs_out.where(lambda short: short.store == store))
    taken: list[Loan] = []

    @conn.db.mine.on_insert
    def took(ctx: EventContext, loan: Loan) -> None:
        taken.append(loan)
        tell(f"I have {loan.pieces} of {loan.sku} from {loan.store}")

    @conn.db.runs_out.on_insert
    def lacks(ctx: EventContext, short: Short) -> None:
        tell(f"{short.store} runs out of {short.name}: {short.pieces} of {short.least}")

    @conn.db.runs_out.on_update
    def still(ctx: EventContext, old: Short, new: Short) -> None:
        tell(f"{new.store} runs out of {new.name}: {old.pieces} -> {new.pieces} of {new.least}")

    @conn.db.runs_out.on_delete
    def enough(ctx: EventContext, short: Short) -> None:
        tell(f"{short.store} has enough of {short.name}")

    await conn.reducers.borrow(store, "saw", pieces=2)
    await conn.reducers.borrow(store, "saw", pieces=1)
    await conn.reducers.bring_back(taken[0].id)


async def ask(conn: DbConnection, store: str) -> None:
    """Call the procedures, which give a value."""
    tell(where(await conn.procedures.look_for("saw", store)))
    tell(where(await conn.procedures.look_for("saw", "the moon")))
    worth = await conn.procedures.worth(store)
    tell(f"{worth.store}: {worth.products} products, worth {worth.cents} cents")
    tell(f"{store}: {await conn.procedures.fill_up(store)} products were filled up")


def where(found: Availability) -> str:
    """A sum: one of its classes, by ``match``. A type checker says so if one is forgotten."""
    match found:
        case AvailabilityHere(here):
            return f"there are {here.pieces} here"
        case AvailabilityElsewhere(elsewhere):
            return f"try {', '.join(elsewhere.stores)}"
        case AvailabilityNowhere():
            return "there are none"


async def run(server: str, database: str, store: str) -> None:
    # The bindings know the views, which the tables alone do not bring: that is no mistake here.
    async with await DbConnection.connect(
        server, database, call_timeout_s=PATIENCE_S, check_schema="off"
    ) as conn:
        await fill(conn, store)
        try:
            await watch(conn, store)
        except QueryError:
            tell("no views here: that is all")
            return
        await ask(conn, store)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the client, and give the exit code."""
    parser = argparse.ArgumentParser(
        "python -m harness.module.examples.inventory.client", description=__doc__, epilog=ENDING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--server", default="http://127.0.0.1:3000", metavar="URI",
                        help="the server (%(default)s)")  # fmt: skip
    parser.add_argument("--database", default="inventory", metavar="NAME",
                        help="the database (%(default)s)")  # fmt: skip
    parser.add_argument("--store", default="north", metavar="NAME",
                        help="which store it is about (%(default)s)")  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        asyncio.run(run(options.server, options.database, options.store))
    except HarnessError as error:
        print(f"{options.database} at {options.server}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
