"""Plain answers of v1, read without being taken apart, mean what they mean otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.protocol.events import Called, CalledAlike
from harness.protocol.outbox import Outbox, PyOutbox
from harness.protocol.v1 import ConnectionV1
from harness.wire import v1
from harness.wire.values import Identity, TimeDuration, Timestamp
from tests.protocol.script import ELSEWHERE, HERE, pair, rows

KINDS = sorted({Outbox, PyOutbox}, key=repr)


def answer(request_id: int, name: str = "add", args: bytes = b"ab", here: Any = HERE) -> bytes:
    info = v1.ReducerCallInfo(name, 3, args, request_id)
    committed = v1.Committed(v1.DatabaseUpdate([]))
    update = v1.TransactionUpdate(
        committed, Timestamp(-5), Identity.from_int(7), here, info, 1 << 100, TimeDuration(9)
    )
    return b"\0" + v1.SERVER.encode(update)


def outbox(kind: type[PyOutbox], calls: int = 3) -> PyOutbox:
    made = kind(1, lambda *_: 0)
    for number in range(calls):
        made.call("add", b"", f"w{number}")
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_answer_gives_who_waits_and_when_it_was(kind: type[PyOutbox]) -> None:
    made = outbox(kind)
    assert made.committed(answer(2), HERE.data) == ("w1", (-5).to_bytes(8, "little", signed=True))
    assert made.waiting == {1: "w0", 3: "w2"}
    assert made.names == {1: "add", 3: "add"}
    assert made.committed(answer(2), HERE.data) is None


OTHERS = {
    "nobody's": answer(9),
    "another connection's": answer(1, here=ELSEWHERE),
    "another reducer's": answer(1, name="adb"),
    "a longer name": answer(1, name="add "),
    "compressed": b"\1" + answer(1)[1:],
    "nothing": b"",
    "a head": answer(1)[:67],
    "with a tail": answer(1) + b"\0",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OTHERS)
def test_anything_else_is_left_to_others(kind: type[PyOutbox], name: str) -> None:
    made = outbox(kind)
    assert made.committed(OTHERS[name], HERE.data) is None
    assert len(made.waiting) == len(made.names) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_v2_has_no_such_answers(kind: type[PyOutbox]) -> None:
    made = kind(2, lambda *_: 0)
    made.call("add", b"", "w")
    assert made.committed(answer(1), HERE.data) is None


@given(
    args=st.binary(max_size=20),
    at=st.integers(0, 200),
    value=st.integers(0, 255),
    cut=st.integers(0, 3),
    request_id=st.integers(0, 4),
)
def test_damaged_bytes_mean_the_same_either_way(
    args: bytes, at: int, value: int, cut: int, request_id: int
) -> None:
    """One byte changed, or the end lost: both outboxes, and reading it whole, tell the same."""
    data = bytearray(answer(request_id, args=args))
    data[at % len(data)] = value
    damaged = bytes(data[: len(data) - cut])
    assert _outcome(damaged, short=True) == _outcome(damaged, short=False)
    first, second = (outbox(kind) for kind in (Outbox, PyOutbox))
    assert first.committed(damaged, HERE.data) == second.committed(damaged, HERE.data)
    assert (first.waiting, first.names) == (second.waiting, second.names)


def _outcome(data: bytes, short: bool) -> Any:
    connection, _ = pair("v1")
    assert isinstance(connection, ConnectionV1)
    if not short:
        connection._bytes_of_me = b""
    for number in range(3):
        connection.call_reducer("add", b"", f"w{number}")
    try:
        events = connection.receive(data)
    except Exception as error:  # either way must end alike
        return type(error), str(error), sorted(connection.calls)
    told = []
    for event in events:
        told += event.each() if isinstance(event, CalledAlike) else [event]
    return told, str(connection.violation), sorted(connection.calls), sorted(connection._called)


def test_the_short_cut_is_taken() -> None:
    """Or the comparisons above compare nothing."""
    connection, script = pair("v1")
    first = connection.call_reducer("add", b"", "first")
    second = connection.call_reducer("add", b"", "second")
    (event,) = connection.receive(answer(second))
    assert (type(event), event.waiters) == (CalledAlike, ["second"])
    (event,) = connection.receive(script.payload(script.done(first, "add", rows(1))))
    assert (type(event), event.waiter) == (Called, "first")


def test_the_one_in_c_takes_nothing_else() -> None:
    if Outbox is PyOutbox:
        pytest.skip("the extensions in C were not built here")
    made: Any = outbox(Outbox)
    for wrong in ((), (b"",), (b"", b"short"), ("text", HERE.data), (b"", "x" * 16)):
        with pytest.raises(TypeError):
            made.committed(*wrong)
