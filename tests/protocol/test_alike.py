"""Answers read all at once say what reading each by itself says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DecodeError, WireError
from harness.protocol import alike
from harness.protocol.connection import Connection
from harness.protocol.events import Called, CalledAlike
from harness.protocol.v2 import ConnectionV2, ConnectionV3
from harness.wire import v2
from harness.wire.rows import EMPTY, FixedSize, RowList, RowOffsets
from harness.wire.values import Timestamp
from tests.protocol.samples import greeting

OFFSETS = RowOffsets([0])


def ok(*sets: v2.QuerySetUpdate) -> v2.ReducerOk:
    return v2.ReducerOk(b"", v2.TransactionUpdate(list(sets)))


def row_of(
    data: bytes, table: str = "t", deletes: RowList = EMPTY, offsets: bool = False, size: int = 0
) -> Any:
    hint = OFFSETS if offsets else FixedSize(size or len(data))
    part = v2.PersistentTable(RowList(hint, data), deletes)
    return ok(v2.QuerySetUpdate(1, [v2.TableUpdate(table, [part])]))


def answers(*outcomes: Any, start: int = 1) -> bytes:
    """A payload with these outcomes of calls start, start + 1, …"""
    results = [
        v2.ReducerResult(start + at, Timestamp(1_000 + at), outcome)
        for at, outcome in enumerate(outcomes)
    ]
    return b"\0" + v2.SERVER.encode_all(results)


def connected(calls: int, kind: type[Connection] = ConnectionV3) -> Connection:
    connection = kind()
    connection.receive(greeting("v3"))
    for at in range(calls):
        connection.call_reducer("add", b"", f"w{at}")
    return connection


def one_by_one(data: bytes, calls: int, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events of the same payload without the short cut."""
    with monkeypatch.context() as patch:
        patch.setattr(alike, "read", lambda payload: None)
        return connected(calls).receive(data)


def rows(list_: RowList | None) -> Any:
    """The rows of a list, whatever its hint; what a wrong hint says."""
    try:
        return [] if list_ is None else list_.slices()
    except DecodeError as error:
        return str(error)


def meaning(events: list[Any]) -> list[Any]:
    """Who was told what, and when it was."""
    found = []
    for event in events:
        for called in event.each() if isinstance(event, CalledAlike) else [event]:
            assert isinstance(called, Called)
            updates = [(x.table, rows(x.inserts), rows(x.deletes)) for x in called.updates]
            found.append((called.waiter, updates, called.timestamp, called.error))
    return found


SHORT_CUTS = {
    "nothing changed": [ok()] * 5,
    "a row each": [row_of(bytes([at] * 9)) for at in range(6)],
    "rows with offsets": [row_of(bytes([at] * 9), offsets=True) for at in range(6)],
    "nothing left, by size": [
        row_of(bytes([at] * 3), deletes=RowList(FixedSize(0), b"")) for at in range(4)
    ],
}


@pytest.mark.parametrize("name", SHORT_CUTS)
def test_alike_answers_are_one_event(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = SHORT_CUTS[name]
    data, count = answers(*outcomes), len(outcomes)
    connection = connected(count)
    events = connection.receive(data)
    assert [type(event) for event in events] == [CalledAlike]
    assert meaning(events) == meaning(one_by_one(data, count, monkeypatch))
    assert not connection.calls


OTHERS = {
    "too few": [ok()] * 3,
    "another error": [ok(), ok(), v2.ReducerErr(b"\1\0\0\0x"), ok(), ok()],
    "a value returned": [v2.ReducerOk(b"v", v2.TransactionUpdate([]))] + [ok()] * 4,
    "another length": [row_of(b"aaa"), row_of(b"bbb"), row_of(b"cccc"), row_of(b"ddd")] * 2,
    "another table": [row_of(b"aaa"), row_of(b"bbb", "u"), row_of(b"ccc"), row_of(b"ddd")],
    "a row leaves": [row_of(b"aaa", deletes=RowList(FixedSize(1), b"x"))] * 4,
    "two rows": [row_of(b"aabb", size=2)] * 4,
    "two sets": [ok(*row_of(b"a").transaction_update.query_sets * 2)] * 4,
    "empty rows": [row_of(b"")] * 4,
    "mixed": [ok(), row_of(b"aaa")] * 3,
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_read_one_by_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = OTHERS[name]
    data = answers(*outcomes)
    events = connected(len(outcomes)).receive(data)
    assert not any(isinstance(event, CalledAlike) for event in events)
    assert events == one_by_one(data, len(outcomes), monkeypatch)


def test_an_answer_that_nobody_asked_for_is_found_after_those_before_it() -> None:
    connection = connected(4)
    events = connection.receive(answers(*[ok()] * 6))
    assert [event.waiter for event in events] == ["w0", "w1", "w2", "w3"]
    assert "call 5, which nobody made" in str(connection.violation)


def test_an_answer_that_comes_twice_is_found() -> None:
    connection = connected(8)
    result = v2.ReducerResult(2, Timestamp(0), ok())
    events = connection.receive(b"\0" + v2.SERVER.encode_all([result] * 5))
    assert [event.waiter for event in events] == ["w1"]
    assert connection.violation is not None


def test_nothing_is_alike_before_the_greeting() -> None:
    connection = ConnectionV3()
    for at in range(5):
        connection.call_reducer("add", b"", at)
    with pytest.raises(Exception, match="before its greeting"):
        connection.receive(answers(*[ok()] * 5))


def test_v2_has_no_batches() -> None:
    with pytest.raises(WireError):
        connected(5, ConnectionV2).receive(answers(*[ok()] * 5))


@given(
    name=st.sampled_from(sorted(SHORT_CUTS)),
    at=st.integers(0, 500),
    value=st.integers(0, 255),
    cut=st.integers(0, 3),
)
def test_damaged_bytes_mean_the_same_either_way(name: str, at: int, value: int, cut: int) -> None:
    """One byte changed, or the end lost: the short cut never believes what reading each refuses."""
    outcomes = SHORT_CUTS[name]
    data = bytearray(answers(*outcomes))
    data[at % len(data)] = value
    damaged = bytes(data[: len(data) - cut])
    with pytest.MonkeyPatch.context() as patch:
        slow = _outcome(damaged, len(outcomes), patch)
    fast = _outcome(damaged, len(outcomes), None)
    assert fast == slow


COLUMNS = sorted({alike.columns, alike._columns}, key=repr)


@pytest.mark.parametrize("columns", COLUMNS)
@given(
    sizes=st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    count=st.integers(0, 6),
    start=st.integers(0, 3),
    spoilt=st.none() | st.tuples(st.integers(0, 200), st.integers(1, 255)),
)
def test_columns_of_messages(
    columns: Any, sizes: tuple[int, int, int], count: int, start: int, spoilt: Any
) -> None:
    """Id, time and row may differ; a change of any other byte of any message is seen."""
    head, row, tail = sizes
    size = 13 + head + row + tail
    data = bytearray(start)
    for at in range(count):
        data += b"\6" + (0xFFFFFFF0 + at).to_bytes(4, "little")
        data += (-at).to_bytes(8, "little", signed=True)
        data += bytes(range(1, 1 + head)) + bytes([at] * row) + bytes(range(50, 50 + tail))
    differs = False
    if spoilt is not None and count:
        place = start + spoilt[0] % (size * count)
        data[place] ^= spoilt[1]
        inside = (place - start) % size
        differs = count > 1 and not (1 <= inside < 13 or 13 + head <= inside < 13 + head + row)
    found = columns(bytes(data), start, size, 13 + head, row)
    assert found == alike._columns(bytes(data), start, size, 13 + head, row)
    assert (found is None) == differs
    if spoilt is None:
        ids, times, rows = found
        assert ids == [0xFFFFFFF0 + at for at in range(count)]
        assert times == b"".join((-at).to_bytes(8, "little", signed=True) for at in range(count))
        assert rows == b"".join(bytes([at] * row) for at in range(count))


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize(
    "layout", [(0, 13, 12, 0), (0, 20, 14, 7), (0, 20, 13, -1), (1, 20, 13, 1), (0, 26, 27, 0)]
)
def test_messages_of_another_size_are_refused(columns: Any, layout: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no messages of one size"):
        columns(bytes(40), *layout)


def _outcome(data: bytes, calls: int, patch: pytest.MonkeyPatch | None) -> Any:
    if patch is not None:
        patch.setattr(alike, "read", lambda payload: None)
    connection = connected(calls)
    try:
        events = connection.receive(data)
    except Exception as error:  # either way must end alike
        return type(error), str(error)
    if not all(isinstance(event, Called | CalledAlike) for event in events):
        return repr(events)
    return meaning(events), str(connection.violation), sorted(connection.calls)
