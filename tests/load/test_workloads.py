"""Operations and model agree: replaying the calls on plain tables gives the model's rows."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import PlanError
from harness.load.workloads import BALANCE, KINDS, Stream, item
from harness.records import Workload

WRITING = ["noop", "transfer", "insert", "insert_batch", "update", "delete"]


class Tables:
    """The bench module as its contract says, slowly."""

    def __init__(self) -> None:
        self.item: dict[int, tuple[Any, ...]] = {}
        self.account: dict[int, int] = {}
        self.calls = 0

    def call(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.calls += 1
        getattr(self, name)(*arguments)

    def noop(self) -> None:
        pass

    def clear_items(self) -> None:
        self.item.clear()

    def insert_item(self, *row: Any) -> None:
        assert row[0] not in self.item
        self.item[row[0]] = row

    def insert_items(self, rows: list[Any]) -> None:
        for row in rows:
            self.insert_item(*msgspec.structs.astuple(row))

    def update_item(self, *row: Any) -> None:
        assert row[0] in self.item
        self.item[row[0]] = row

    def delete_item(self, id: int) -> None:
        del self.item[id]

    def seed_accounts(self, count: int, balance: int) -> None:
        self.account = dict.fromkeys(range(count), balance)

    def transfer(self, sender: int, receiver: int, amount: int) -> None:
        assert sender != receiver
        assert self.account[sender] >= amount > 0
        self.account[sender] -= amount
        self.account[receiver] += amount


def replay(stream: Stream, operations: int) -> Tables:
    tables = Tables()
    for name, arguments in stream.setup():
        tables.call(name, arguments)
    for _ in range(operations):
        try:
            name, arguments = stream.next_call()
        except StopIteration:
            break
        tables.call(name, arguments)
    return tables


@given(st.sampled_from(WRITING), st.integers(0, 2**32), st.integers(2, 50), st.integers(0, 200))
def test_the_model_is_what_the_calls_make(kind: str, seed: int, rows: int, operations: int) -> None:
    stream = Stream(Workload(kind=kind, seed=seed, rows=rows, batch=3))
    tables = replay(stream, operations)
    expected = stream.model.tables()
    assert sorted(expected["item"]) == sorted(tables.item.values())
    assert sorted(expected["account"]) == sorted(tables.account.items())
    assert stream.model.transactions == tables.calls


@given(st.sampled_from(WRITING), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_operations(kind: str, seed: int) -> None:
    streams = [Stream(Workload(kind=kind, seed=seed, rows=20)) for _ in range(2)]
    calls = [[*s.setup(), *(s.next_call() for _ in range(20))] for s in streams]
    assert calls[0] == calls[1]


def test_deletes_end_when_nothing_is_left() -> None:
    stream = Stream(Workload(kind="delete", rows=5))
    assert not replay(stream, 100).item
    with pytest.raises(StopIteration):
        stream.next_call()


@given(st.integers(0, 2**40), st.integers(0, 2**20))
def test_coordinates_survive_32_bit_floats(id: int, salt: int) -> None:
    row = item(id, salt)
    for value in row[1:4]:
        assert struct.unpack("<f", struct.pack("<f", value))[0] == value


def test_reads_name_rows_that_are_there() -> None:
    stream = Stream(Workload(kind="query_key", rows=10))
    replay(stream, 0)
    rows = set(stream.model.tables()["item"])
    assert {stream.next_call()[1][0] for _ in range(50)} <= rows


def test_transfers_conserve_money() -> None:
    stream = Stream(Workload(kind="transfer", rows=10))
    tables = replay(stream, 1_000)
    assert sum(tables.account.values()) == 10 * BALANCE


def test_unknown_kinds_and_lonely_accounts_are_refused() -> None:
    with pytest.raises(PlanError, match="there are: connect, delete"):
        Stream(Workload(kind="dance"))
    with pytest.raises(PlanError, match="at least 2 accounts"):
        Stream(Workload(kind="transfer", rows=1)).next_call()


def test_every_kind_names_its_tables() -> None:
    assert all(tables in (("item",), ("account",)) for tables, _ in KINDS.values())
