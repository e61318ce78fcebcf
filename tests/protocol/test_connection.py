"""One suite for all protocols: what a connection asks, and what it makes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import LocalProtocolError, RemoteProtocolError, WireError
from harness.protocol import SUBPROTOCOLS
from harness.protocol.connection import (
    SET_STEPS,
    TURNS,
    SetState,
    State,
    Step,
    Turn,
)
from harness.protocol.events import (
    Called,
    CalledAlike,
    Changed,
    Died,
    Queried,
    Refused,
    Returned,
)
from harness.wire.compression import Compression
from tests.protocol.script import PROTOCOLS, pair, rows

pytestmark = pytest.mark.parametrize("protocol", PROTOCOLS)

_LAST = (1 << 32) - 1


def one(connection: Any, script: Any, message: Any) -> Any:
    """The one thing that a message says."""
    (event,) = connection.receive(script.payload(message))
    if isinstance(event, CalledAlike):
        (event,) = event.each()
    return event


def test_a_call_says_name_arguments_and_id(protocol: str) -> None:
    connection, script = pair(protocol)
    request_id = connection.call_reducer("add", b"\x2a\0\0\0", "waiter")
    (payload,) = connection.data_to_send()
    (said,) = script.heard(payload)
    assert (said.reducer, said.args, said.request_id, said.flags) == ("add", b"\x2a\0\0\0", 1, 0)
    assert request_id == 1
    assert connection.data_to_send() == []


def test_each_answer_finds_its_waiter(protocol: str) -> None:
    connection, script = pair(protocol)
    ids = [connection.call_reducer("add", b"", waiter) for waiter in "abc"]
    events = [one(connection, script, script.done(ids[at], "add")) for at in (1, 0, 2)]
    assert [event.waiter for event in events] == ["b", "a", "c"]
    assert all(isinstance(event, Called) and event.error is None for event in events)
    assert connection.calls == {}


def test_an_answer_brings_the_rows_that_the_call_changed(protocol: str) -> None:
    connection, script = pair(protocol)
    request_id = connection.call_reducer("add", b"", "w")
    event = one(connection, script, script.done(request_id, "add", rows(5, 6)))
    ((table, inserts, _, is_event),) = event.updates
    assert (table, is_event, inserts.slices()) == ("t", False, [b"\5\0\0\0", b"\6\0\0\0"])


def test_the_modules_words_are_told_from_the_hosts(protocol: str) -> None:
    connection, script = pair(protocol)
    first = connection.call_reducer("add", b"", "first")
    second = connection.call_reducer("add", b"", "second")
    event = one(connection, script, script.refused(second, "add", "no"))
    assert (event.waiter, event.error, event.by_module) == ("second", "no", True)
    event = one(connection, script, script.rejected(first, "add", "no such reducer"))
    assert (event.waiter, event.error, event.by_module) == ("first", "no such reducer", False)


def test_somebody_elses_change_is_no_answer(protocol: str) -> None:
    connection, script = pair(protocol)
    connection.call_reducer("add", b"", "w")  # request id 1, as in the other's transaction
    event = one(connection, script, script.changed(rows(1), rows(2)))
    assert isinstance(event, Changed)
    ((_, inserts, deletes, _),) = event.updates
    assert (inserts.slices(), deletes.slices()) == ([b"\1\0\0\0"], [b"\2\0\0\0"])
    assert list(connection.calls.values()) == ["w"]


def test_unsubscribing_twice_is_our_mistake(protocol: str) -> None:
    connection, script = pair(protocol)
    set_id = connection.subscribe(["SELECT * FROM t"])
    one(connection, script, script.applied(set_id))
    connection.unsubscribe(set_id)
    with pytest.raises(LocalProtocolError, match="leaving"):
        connection.unsubscribe(set_id)
    one(connection, script, script.ended(set_id))
    with pytest.raises(LocalProtocolError, match="unknown"):
        connection.unsubscribe(set_id)


def test_a_refused_set_was_never_there(protocol: str) -> None:
    connection, script = pair(protocol)
    set_id = connection.subscribe(["SELECT * FROM nowhere"])
    assert one(connection, script, script.set_refused(set_id, "bad")) == Refused(set_id, "bad")
    with pytest.raises(LocalProtocolError):
        connection.unsubscribe(set_id)


def test_a_set_can_die_later(protocol: str) -> None:
    connection, script = pair(protocol)
    set_id = connection.subscribe(["SELECT * FROM t"])
    one(connection, script, script.applied(set_id, rows(1)))
    assert one(connection, script, script.set_died(set_id, "broke")) == Died([set_id], "broke")


def test_a_set_that_may_not_leave_is_dead(protocol: str) -> None:
    """Its rows stay, and the server does not keep them up."""
    connection, script = pair(protocol)
    set_id = connection.subscribe(["SELECT * FROM t"])
    one(connection, script, script.applied(set_id, rows(1)))
    connection.unsubscribe(set_id)
    event = one(connection, script, script.set_refused(set_id, "internal"))
    assert event == Died([set_id], "internal")


@pytest.mark.parametrize("message", ["applied", "ended", "set_refused"])
def test_unknown_sets_are_a_violation(protocol: str, message: str) -> None:
    connection, script = pair(protocol)
    said = script.set_refused(9, "x") if message == "set_refused" else getattr(script, message)(9)
    with pytest.raises(RemoteProtocolError, match="subscription 9 is unknown"):
        connection.receive(script.payload(said))


def test_queries_are_answered_by_id(protocol: str) -> None:
    connection, script = pair(protocol)
    first, second = connection.query("SELECT 1", "first"), connection.query("SELECT 2", "second")
    event = one(connection, script, script.answer(second, rows(3)))
    assert isinstance(event, Queried)
    assert (event.waiter, event.error) == ("second", None)
    assert [(name, found.slices()) for name, found in event.tables] == [("t", [b"\3\0\0\0"])]
    event = one(connection, script, script.no_answer(first, "bad SQL"))
    assert (event.waiter, event.tables, event.error) == ("first", [], "bad SQL")
    with pytest.raises(RemoteProtocolError, match="nobody asked"):
        connection.receive(script.payload(script.answer(first, rows())))


def test_procedures_are_answered_by_id(protocol: str) -> None:
    connection, script = pair(protocol)
    first = connection.call_procedure("roll", b"\6", "first")
    (said,) = script.heard(connection.data_to_send()[0])
    assert (said.procedure, said.args, said.request_id) == ("roll", b"\6", first)
    second = connection.call_procedure("roll", b"", "second")
    assert one(connection, script, script.returned(second, b"\4")) == Returned("second", b"\4")
    assert one(connection, script, script.failed(first, "no")) == Returned("first", b"", "no")
    with pytest.raises(RemoteProtocolError, match="nobody made"):
        connection.receive(script.payload(script.returned(first, b"")))


def test_after_goodbye_answers_still_count(protocol: str) -> None:
    connection, script = pair(protocol)
    request_id = connection.call_reducer("add", b"", "w")
    connection.goodbye()
    for ask in (
        lambda: connection.call_reducer("add", b"", "late"),
        lambda: connection.subscribe(["SELECT * FROM t"]),
        lambda: connection.query("SELECT 1", "late"),
        lambda: connection.call_procedure("roll", b"", "late"),
    ):
        with pytest.raises(LocalProtocolError, match="closing"):
            ask()
    assert one(connection, script, script.done(request_id, "add")).waiter == "w"


@pytest.mark.parametrize("compression", list(Compression))
def test_the_prefix_decides_about_compression(protocol: str, compression: Compression) -> None:
    connection, script = pair(protocol)
    payload = script.payload(script.changed(rows(*range(1000))), compression=compression)
    (event,) = connection.receive(payload)
    assert len(event.updates[0].inserts) == 1000


@pytest.mark.parametrize("payload", [b"", b"\0", b"\3\0", b"\1\0", b"\2\0", b"\0\xff"])
def test_bytes_that_are_no_message_end_it(protocol: str, payload: bytes) -> None:
    connection, script = pair(protocol)
    with pytest.raises(WireError):
        connection.receive(payload)
    with pytest.raises(WireError):  # the same error again: nothing is believed any more
        connection.receive(script.payload(script.changed(rows(1))))


def test_every_turn_and_step_has_its_place_in_the_tables(protocol: str) -> None:
    assert protocol in SUBPROTOCOLS
    assert {(state, turn) for state in State for turn in (Turn.GOODBYE, Turn.LOST)} <= set(TURNS)
    assert {state for state, _ in SET_STEPS} == set(SetState)
    assert {step for _, step in SET_STEPS} == set(Step)
    assert None in SET_STEPS.values()
