"""What all protocols have in common: states of subscriptions, request ids, greeting, close."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import LocalProtocolError, RemoteProtocolError
from harness.protocol import SUBPROTOCOLS, open_connection
from harness.protocol.connection import MAX_MESSAGE, SET_STEPS, Connection, SetState, State, Step
from harness.protocol.events import Applied, Ended, Refused
from harness.wire import v1, v2
from harness.wire.rows import EMPTY
from tests.protocol.samples import (
    ME,
    ONE,
    SQL,
    asked,
    greeted,
    greeting,
    payload,
    result2,
    rows2,
    transaction1,
    update1,
    update2,
)

PROTOCOLS = ["v1", "v2", "v3"]
each = pytest.mark.parametrize("protocol", PROTOCOLS)


def set_message(protocol: str, step: Step, set_id: int = 1, request_id: int = 1) -> Any:
    """The server message that makes a step of a subscription."""
    if protocol == "v1":
        return {
            Step.APPLIED: v1.SubscribeMultiApplied(request_id, 0, set_id, update1()),
            Step.ENDED: v1.UnsubscribeMultiApplied(request_id, 0, set_id, update1(EMPTY, ONE)),
            Step.REFUSED: v1.SubscriptionError(0, request_id, set_id, None, "no"),
        }[step]
    return {
        Step.APPLIED: v2.SubscribeApplied(request_id, set_id, rows2()),
        Step.ENDED: v2.UnsubscribeApplied(request_id, set_id, rows2()),
        Step.REFUSED: v2.SubscriptionError(request_id, set_id, "no"),
        Step.DIED: v2.SubscriptionError(None, set_id, "no"),
    }[step]


def hear(connection: Connection, step: Step, set_id: int = 1) -> list[Any]:
    message = set_message(connection.protocol, step, set_id)
    return [type(event) for event in connection.receive(payload(connection.protocol, message))]


#: state → step → next state, None at the end; a step that is missing is refused.
PATHS: dict[SetState, dict[Step, SetState | None]] = {
    SetState.PENDING: {
        Step.APPLIED: SetState.APPLIED,
        Step.REFUSED: None,
        Step.UNSUBSCRIBE: SetState.GIVEN_UP,
    },
    SetState.APPLIED: {Step.UNSUBSCRIBE: SetState.LEAVING, Step.DIED: None},
    SetState.GIVEN_UP: {Step.APPLIED: SetState.LEAVING, Step.REFUSED: None},
    SetState.LEAVING: {Step.ENDED: None, Step.DIED: None},
}


@each
@pytest.mark.parametrize("state", SetState)
@pytest.mark.parametrize("step", Step)
def test_every_step_from_every_state(protocol: str, state: SetState, step: Step) -> None:
    connection = greeted(protocol)
    set_id = connection.subscribe([SQL])
    connection._sets[set_id] = state
    if step in PATHS[state]:
        connection._set_step(set_id, step)
        assert connection._sets.get(set_id) is PATHS[state][step]
        return
    mistake = LocalProtocolError if step is Step.UNSUBSCRIBE else RemoteProtocolError
    with pytest.raises(mistake, match=f"is {state.value}; {step.value} makes no sense"):
        connection._set_step(set_id, step)
    assert connection._sets[set_id] is state


def test_the_table_says_nothing_else() -> None:
    flat = {(state, step): to for state, steps in PATHS.items() for step, to in steps.items()}
    assert flat == SET_STEPS


@each
def test_from_subscribe_to_the_end(protocol: str) -> None:
    connection = greeted(protocol)
    set_id = connection.subscribe([SQL])
    assert hear(connection, Step.APPLIED) == [Applied]
    connection.unsubscribe(set_id)
    with pytest.raises(LocalProtocolError, match="leaving"):
        connection.unsubscribe(set_id)
    assert hear(connection, Step.ENDED) == [Ended]
    with pytest.raises(LocalProtocolError, match="unknown"):
        connection.unsubscribe(set_id)
    with pytest.raises(RemoteProtocolError, match="unknown"):
        hear(connection, Step.APPLIED)


@each
def test_unsubscribed_before_it_was_applied(protocol: str) -> None:
    connection = greeted(protocol)
    set_id = connection.subscribe([SQL])
    connection.unsubscribe(set_id)
    assert len(asked(connection)) == 2  # at once: nobody waits for the answer
    with pytest.raises(LocalProtocolError, match="given up"):
        connection.unsubscribe(set_id)
    assert hear(connection, Step.APPLIED) == [Applied]
    assert hear(connection, Step.ENDED) == [Ended]


@each
def test_unsubscribed_and_then_refused(protocol: str) -> None:
    """The unsubscribe on its way will be refused too; that one is nobody's news."""
    connection = greeted(protocol)
    set_id = connection.subscribe([SQL])
    connection.unsubscribe(set_id)
    assert hear(connection, Step.REFUSED) == [Refused]
    connection._last_set = 0
    assert connection.subscribe([SQL]) == 2  # not 1: an answer for it is still to come
    assert hear(connection, Step.REFUSED, 1) == []
    connection._last_set = 0
    assert connection.subscribe([SQL]) == 1
    assert hear(connection, Step.REFUSED, 1) == [Refused]


@each
def test_applied_twice_is_a_violation(protocol: str) -> None:
    connection = greeted(protocol)
    connection.subscribe([SQL])
    hear(connection, Step.APPLIED)
    with pytest.raises(RemoteProtocolError, match="subscription 1 is applied"):
        hear(connection, Step.APPLIED)


# --- ids -----------------------------------------------------------------------------------------


def ask(connection: Connection, kind: str) -> int:
    if kind == "call":
        return connection.call_reducer("add", b"", kind)
    if kind == "query":
        return connection.query(SQL, kind)
    return connection.call_procedure("p", b"", kind)


@each
@pytest.mark.parametrize("kind", ["call", "query", "procedure"])
def test_ids_wrap_and_pass_over_those_in_flight(protocol: str, kind: str) -> None:
    connection = greeted(protocol)
    flying = [ask(connection, other) for other in ("call", "query", "procedure")]
    assert flying == [1, 2, 3]
    connection._outbox.last_id = (1 << 32) - 3
    numbers = [ask(connection, kind) for _ in range(4)]
    assert numbers == [(1 << 32) - 2, (1 << 32) - 1, 4, 5]
    assert 0 not in numbers  # v1 gives it a meaning
    connection._outbox.last_id = (1 << 32) - 3
    assert [ask(connection, kind) for _ in range(2)] == [6, 7]


@each
def test_ids_that_are_free_again_are_used_again(protocol: str) -> None:
    connection = greeted(protocol)
    assert ask(connection, "call") == 1
    answer: Any = result2(v2.ReducerOkEmpty())
    if protocol == "v1":
        answer = transaction1(v1.Committed(v1.DatabaseUpdate([])))
    connection.receive(payload(protocol, answer))
    connection._outbox.last_id = (1 << 32) - 1
    assert ask(connection, "call") == 1


@each
def test_set_ids_wrap_as_well(protocol: str) -> None:
    connection = greeted(protocol)
    assert connection.subscribe([SQL]) == 1
    connection._last_set = (1 << 32) - 2
    assert [connection.subscribe([SQL]) for _ in range(2)] == [(1 << 32) - 1, 2]


# --- greeting, size, end -------------------------------------------------------------------------


@each
def test_nothing_may_come_before_the_greeting(protocol: str) -> None:
    connection = open_connection(SUBPROTOCOLS[protocol])
    assert connection.state is State.OPENING
    early: Any = v1.TransactionUpdateLight(0, update1()) if protocol == "v1" else update2()
    with pytest.raises(RemoteProtocolError, match="before its greeting"):
        connection.receive(payload(protocol, early))


@each
def test_an_answer_before_the_greeting_is_early_too(protocol: str) -> None:
    connection = open_connection(SUBPROTOCOLS[protocol])
    ask(connection, "call")
    answer: Any = result2(v2.ReducerOkEmpty())
    if protocol == "v1":
        answer = transaction1(v1.Committed(v1.DatabaseUpdate([])))
    with pytest.raises(RemoteProtocolError, match="before its greeting"):
        connection.receive(payload(protocol, answer))
    assert connection.close() == ["call"]


@each
def test_one_may_ask_before_the_greeting(protocol: str) -> None:
    connection = open_connection(SUBPROTOCOLS[protocol])
    connection.subscribe([SQL])
    ask(connection, "call")
    assert connection.queued
    assert len(asked(connection)) == 2
    assert not connection.queued


@each
def test_a_second_greeting_is_a_violation(protocol: str) -> None:
    connection = greeted(protocol)
    assert connection.state is State.CONNECTED
    with pytest.raises(RemoteProtocolError, match="greeted twice"):
        connection.receive(greeting(protocol))


@each
def test_a_token_is_nobodys_business(protocol: str) -> None:
    [event] = open_connection(SUBPROTOCOLS[protocol]).receive(greeting(protocol))
    assert event.token == "secret"
    assert "secret" not in repr(event)
    assert str(ME) in repr(event)


@each
def test_calls_that_no_server_takes(protocol: str) -> None:
    connection = greeted(protocol)
    args = bytes(MAX_MESSAGE)
    for ask_for in (connection.call_reducer, connection.call_procedure):
        with pytest.raises(LocalProtocolError, match=f"{MAX_MESSAGE} bytes of arguments"):
            ask_for("add", args, "w")
    assert not connection.queued
    assert connection.close() == []


@each
def test_the_end_gives_back_all_waiters(protocol: str) -> None:
    connection = greeted(protocol)
    for kind in ("call", "query", "procedure"):
        ask(connection, kind)
    connection.subscribe([SQL])
    assert sorted(connection.close()) == ["call", "procedure", "query"]
    assert connection.state is State.CLOSED
    for kind in ("call", "query", "procedure"):
        with pytest.raises(LocalProtocolError, match="closed"):
            ask(connection, kind)
    for act in (lambda: connection.subscribe([SQL]), lambda: connection.unsubscribe(1)):
        with pytest.raises(LocalProtocolError, match="closed"):
            act()


@each
def test_somebody_else_can_have_the_answer(protocol: str) -> None:
    connection = greeted(protocol)
    number = ask(connection, "call")
    connection.forget(number, "nobody")
    connection.forget(99, "nobody")
    assert connection.close() == ["nobody"]


@pytest.mark.parametrize("chosen", ["", "v3", "v1.json.spacetimedb"])
def test_a_subprotocol_that_nobody_offered(chosen: str) -> None:
    with pytest.raises(RemoteProtocolError, match="unasked"):
        open_connection(chosen)
