"""Operations from a seed, and at the same time the model of what the tables must hold.

Pure: no client, no clock. Each operation is applied to the model when it is handed out, so after a
drained load the model is exact. Coordinates are multiples of 1/8, which every float format holds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from harness.bindings.bench.types import Item as Item
from harness.errors import PlanError
from harness.records import Workload

#: A reducer and its arguments.
Call: TypeAlias = tuple[str, tuple[Any, ...]]
#: A row as values in the order of the columns.
Row: TypeAlias = tuple[Any, ...]

#: Rows of one call while tables are filled before the load.
FILL_BATCH = 1_000
#: What each account holds at first: so much that no transfer of a run can fail.
BALANCE = 1_000_000_000


def item(id: int, salt: int = 0) -> Row:
    """The row of this id; another ``salt`` gives other values of the same size."""
    mixed = (id * 2_654_435_761 + salt * 40_503) & 0xFFFF
    return (
        id,
        mixed / 2,
        (mixed ^ 0x5555) / 4,
        (mixed ^ 0xAAAA) / 8,
        mixed % 1000,
        mixed % 2 == 0,
        f"item-{id:07d}",
    )


class Model:
    """What the tables must hold, and how many transactions made it so."""

    def __init__(self) -> None:
        self.items: dict[int, Row] = {}
        #: Ids whose rows were inserted in batches, and are worked out when somebody asks: a load
        #: generator has better things to do while it is measured.
        self.batches: list[range] = []
        self.accounts: dict[int, Row] = {}
        self.messages: list[str] = []
        self.transactions = 0

    def tables(self) -> dict[str, list[Row]]:
        """Rows of the tables whose contents are known in full."""
        for ids in self.batches:
            self.items.update((id, item(id)) for id in ids)
        self.batches.clear()
        return {"item": list(self.items.values()), "account": list(self.accounts.values())}


class Stream:
    """The operations of a workload.

    ``setup`` gives the calls that fill the tables; then ``next_call`` gives one operation after the
    other and raises ``StopIteration`` when there is nothing left to do.
    """

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.model = Model()
        self._random = random.Random(workload.seed)
        kind = workload.kind.partition(":")[0]
        if kind not in KINDS:
            raise PlanError(f"no workload `{kind}`; there are: {', '.join(sorted(KINDS))}")
        tables, operations = KINDS[kind]
        self._tables = tables
        self.next_call: Callable[[], Call] = operations(self).__next__

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that the operations read or change."""
        return self._tables

    def setup(self) -> Iterator[Call]:
        """Calls that bring the tables to where the operations begin."""
        model, rows = self.model, self.workload.rows
        model.transactions += 1
        if self._tables == ("account",):
            model.accounts = {id: (id, BALANCE) for id in range(rows)}
            yield "seed_accounts", (rows, BALANCE)
            return
        yield "clear_items", ()
        for start in range(0, rows, FILL_BATCH):
            made = [item(id) for id in range(start, min(start + FILL_BATCH, rows))]
            model.items.update((row[0], row) for row in made)
            model.transactions += 1
            yield "insert_items", ([Item(*row) for row in made],)

    # --- the kinds -------------------------------------------------------------------------------

    def noops(self) -> Iterator[Call]:
        """Nothing, as often as asked."""
        model, call = self.model, ("noop", ())
        while True:
            model.transactions += 1
            yield call

    def transfers(self) -> Iterator[Call]:
        """Small amounts between two accounts, both uniformly chosen."""
        model, draw, accounts = self.model, self._random.random, self.workload.rows
        held = model.accounts
        if accounts < 2:
            raise PlanError(f"transfers need at least 2 accounts, not {accounts}")
        while True:
            sender, receiver = int(draw() * accounts), int(draw() * (accounts - 1))
            receiver += receiver >= sender
            amount = 1 + int(draw() * 100)
            held[sender] = (sender, held[sender][1] - amount)
            held[receiver] = (receiver, held[receiver][1] + amount)
            model.transactions += 1
            yield "transfer", (sender, receiver, amount)

    def inserts(self) -> Iterator[Call]:
        """New rows, one a call, ids ascending from ``rows``."""
        model, id = self.model, self.workload.rows
        held = model.items
        while True:
            row = held[id] = item(id)
            model.transactions += 1
            yield "insert_item", row
            id += 1

    def batches(self) -> Iterator[Call]:
        """New rows, ``batch`` a call."""
        model, id, size = self.model, self.workload.rows, self.workload.batch
        while True:
            ids = range(id, id + size)
            model.batches.append(ids)
            model.transactions += 1
            yield "insert_items", ([Item(*item(k)) for k in ids],)
            id += size

    def updates(self) -> Iterator[Call]:
        """New values for a uniformly chosen row."""
        model, draw, rows, salt = self.model, self._random.random, self.workload.rows, 0
        held = model.items
        while rows:
            salt += 1
            id = int(draw() * rows)
            row = held[id] = item(id, salt)
            model.transactions += 1
            yield "update_item", row

    def deletes(self) -> Iterator[Call]:
        """All rows, each once, in random order."""
        model, order = self.model, list(range(self.workload.rows))
        self._random.shuffle(order)
        for id in order:
            del model.items[id]
            model.transactions += 1
            yield "delete_item", (id,)

    def reads(self) -> Iterator[Call]:
        """A uniformly chosen key: the argument is the row that must be found."""
        draw, rows, held = self._random.random, self.workload.rows, self.model.items
        while rows:
            yield "", (held[int(draw() * rows)],)


_ITEM, _ACCOUNT = ("item",), ("account",)

#: Kind of workload -> the tables it touches, and its operations.
KINDS: dict[str, tuple[tuple[str, ...], Callable[[Stream], Iterator[Call]]]] = {
    "noop": (_ITEM, Stream.noops),
    "transfer": (_ACCOUNT, Stream.transfers),
    "insert": (_ITEM, Stream.inserts),
    "insert_batch": (_ITEM, Stream.batches),
    "update": (_ITEM, Stream.updates),
    "delete": (_ITEM, Stream.deletes),
    "query_key": (_ITEM, Stream.reads),
    "query_scan": (_ITEM, Stream.reads),
    "population": (_ITEM, Stream.inserts),
    "connect": (_ITEM, Stream.reads),
    "memory": (_ITEM, Stream.reads),
}
