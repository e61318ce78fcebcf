"""The outbox in C and its twin in Python do the same, and what they write is a call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.protocol.outbox import LARGE, LAST_ID, Outbox, PyOutbox
from harness.wire import v1, v2

KINDS = [Outbox, PyOutbox]


def refused(name: str, args: bytes, waiter: Any) -> int:
    raise AssertionError(f"{name} was no plain call")


def test_the_one_in_c_was_built() -> None:
    """Or nothing here would compare anything."""
    if Outbox is PyOutbox:
        pytest.skip("the extensions in C were not built here")


@pytest.mark.parametrize("kind", KINDS)
@given(name=st.text(max_size=300), args=st.binary(max_size=3000), id=st.integers(0, LAST_ID - 1))
def test_a_call_is_written_as_the_codec_writes_it(
    kind: type[PyOutbox], name: str, args: bytes, id: int
) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return  # half a surrogate pair: the next test
    for version, expected in (
        (1, v1.CLIENT.encode(v1.CallReducer(name, args, id + 1, 0))),
        (2, v2.CLIENT.encode(v2.CallReducer(id + 1, 0, name, args))),
    ):
        outbox = kind(version, refused)
        outbox.last_id = id
        assert outbox.call(name, args, "w") == id + 1
        assert outbox.take() == [expected]
        assert outbox.waiting == {id + 1: "w"}
        assert outbox.names == ({id + 1: name} if version == 1 else {})
        assert (outbox.last_id, outbox.made, outbox.queue) == (id + 1, 1, [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_cannot_be_written_leaves_nothing(kind: type[PyOutbox]) -> None:
    outbox = kind(1, refused)
    with pytest.raises(UnicodeEncodeError):
        outbox.call("\ud800", b"", "w")
    assert (outbox.waiting, outbox.names, outbox.queue, outbox.last_id) == ({}, {}, [], 0)
    assert outbox.call("a", b"", "w") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_unusual_is_left_to_who_knows_the_rules(kind: type[PyOutbox]) -> None:
    seen = []

    def slowly(name: str, args: bytes, waiter: Any) -> int:
        seen.append((name, len(args), waiter))
        return 77

    outbox = kind(2, slowly)
    assert outbox.call("just", bytes(LARGE), "a") == 1
    assert outbox.call("long", bytes(LARGE + 1), "b") == 77
    outbox.last_id = LAST_ID - 1
    assert outbox.call("last", b"", "c") == LAST_ID
    assert outbox.call("again", b"", "d") == 77
    outbox.last_id = 5
    outbox.plain = False
    assert outbox.call("over", b"", "e") == 77
    assert seen == [("long", LARGE + 1, "b"), ("again", 0, "d"), ("over", 0, "e")]
    assert outbox.waiting.keys() == {1, LAST_ID}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("ids", "waiters"),
    [
        ([1, 2, 3], ["a", "b", "c"]),
        ([3, 1], ["c", "a"]),
        ([], []),
        ([1, 9], None),
        ([2, 2], None),
        ([1, 2, 3, 1], None),
    ],
)
def test_answers_take_their_waiters_or_nothing_happens(
    kind: type[PyOutbox], ids: list[int], waiters: list[str] | None
) -> None:
    outbox = kind(2, refused)
    for waiter in "abc":
        outbox.call("x", b"", waiter)
    assert outbox.answered(ids) == waiters
    left = {1: "a", 2: "b", 3: "c"}
    if waiters is not None:
        left = {id: waiter for id, waiter in left.items() if id not in ids}
    assert outbox.waiting == left


@pytest.mark.parametrize("kind", KINDS)
def test_messages_and_calls_leave_in_order(kind: type[PyOutbox]) -> None:
    outbox = kind(2, refused)
    outbox.say(b"first")
    outbox.call("x", b"", None)
    outbox.say(b"last")
    first, call, last = outbox.take()
    assert (first, call[:1], last) == (b"first", b"\x03", b"last")
    assert outbox.take() == []


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_two_ways_to_write_a_call(kind: type[PyOutbox]) -> None:
    with pytest.raises(ValueError, match="the version is 1 or 2"):
        kind(3, refused)


@pytest.mark.skipif(Outbox is PyOutbox, reason="the extensions in C were not built here")
def test_the_one_in_c_takes_nothing_else() -> None:
    outbox: Any = Outbox(2, refused)
    for wrong in (("x", b""), (b"x", b"", 1), ("x", "y", 1), ("x", bytearray(), 1)):
        with pytest.raises(TypeError):
            outbox.call(*wrong)
    with pytest.raises(TypeError):
        outbox.say("text")
    with pytest.raises(TypeError):
        outbox.answered((1,))
    assert (outbox.waiting, outbox.queue) == ({}, [])
