"""v2 and v3: what is asked, what the server says, what that means; batches of v3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import DecodeError, RemoteProtocolError
from harness.protocol import SUBPROTOCOLS, open_connection
from harness.protocol.connection import Connection
from harness.protocol.events import (
    Applied,
    Called,
    Changed,
    Connected,
    Died,
    Ended,
    Queried,
    Refused,
    Returned,
    TableRows,
)
from harness.protocol.v2 import BATCH
from harness.wire import v2
from harness.wire.rows import EMPTY
from harness.wire.values import Err, Ok
from tests.protocol.samples import (
    IDENTITY,
    ME,
    ONE,
    PACKERS,
    SHORT,
    SQL,
    TWO,
    WHEN,
    asked,
    greeted,
    greeting,
    payload,
    result2,
    rows2,
    string,
    update2,
)

CAME = [TableRows("t", ONE, EMPTY)]
both = pytest.mark.parametrize("protocol", ["v2", "v3"])


def call(connection: Connection) -> None:
    connection.call_reducer("add", b"\x2a", "w")


def subscribed(connection: Connection) -> None:
    connection.subscribe([SQL, SQL + "2"])


def applied(connection: Connection) -> None:
    subscribed(connection)
    connection.receive(payload(connection.protocol, v2.SubscribeApplied(1, 1, rows2())))


def leaving(connection: Connection) -> None:
    applied(connection)
    connection.unsubscribe(1)


def queried(connection: Connection) -> None:
    connection.query(SQL, "w")


def procedure(connection: Connection) -> None:
    connection.call_procedure("p", b"\x07", "w")


def nothing(connection: Connection) -> None:
    pass


CALL = [v2.CallReducer(1, 0, "add", b"\x2a")]
SUBSCRIBE = v2.Subscribe(1, 1, [SQL, SQL + "2"])
EVENTS = v2.TransactionUpdate(
    [v2.QuerySetUpdate(1, [v2.TableUpdate("e", [v2.EventTable(ONE), v2.EventTable(TWO)])])]
)

#: (before, what we say in it, what the server answers, events)
TABLE: list[tuple[Callable[[Connection], None], list[Any], Any, list[Any]]] = [
    (call, CALL, result2(v2.ReducerOk(b"", update2())), [Called("w", CAME, WHEN)]),
    (
        call,
        CALL,
        result2(v2.ReducerOk(b"", v2.TransactionUpdate([]))),
        [Called("w", [], WHEN)],
    ),
    (call, CALL, result2(v2.ReducerOkEmpty()), [Called("w", [], WHEN)]),
    (
        call,
        CALL,
        result2(v2.ReducerErr(string("zu teuer: 5 €"))),
        [Called("w", [], WHEN, "zu teuer: 5 €", True)],
    ),
    (
        call,
        CALL,
        result2(v2.ReducerInternalError("trap")),
        [Called("w", [], WHEN, "trap", False)],
    ),
    (nothing, [], update2(TWO, ONE), [Changed([TableRows("t", TWO, ONE)])]),
    (
        nothing,
        [],
        EVENTS,
        [Changed([TableRows("e", ONE, None, True), TableRows("e", TWO, None, True)])],
    ),
    (
        subscribed,
        [SUBSCRIBE],
        v2.SubscribeApplied(1, 1, rows2()),
        [Applied(1, [TableRows("t", ONE, None)])],
    ),
    (subscribed, [SUBSCRIBE], v2.SubscriptionError(1, 1, "bad"), [Refused(1, "bad")]),
    (applied, [SUBSCRIBE], v2.SubscriptionError(None, 1, "gone"), [Died([1], "gone")]),
    (
        leaving,
        [SUBSCRIBE, v2.Unsubscribe(2, 1, 1)],
        v2.UnsubscribeApplied(2, 1, rows2()),
        [Ended(1, [TableRows("t", None, ONE)])],
    ),
    (
        leaving,
        [SUBSCRIBE, v2.Unsubscribe(2, 1, 1)],
        v2.SubscriptionError(2, 1, "internal"),
        [Died([1], "internal")],
    ),
    (
        queried,
        [v2.OneOffQuery(1, SQL)],
        v2.OneOffQueryResult(1, Ok(rows2())),
        [Queried("w", [("t", ONE)])],
    ),
    (
        queried,
        [v2.OneOffQuery(1, SQL)],
        v2.OneOffQueryResult(1, Err("bad")),
        [Queried("w", [], "bad")],
    ),
    (
        procedure,
        [v2.CallProcedure(1, 0, "p", b"\x07")],
        v2.ProcedureResult(v2.Returned(b"\x08"), WHEN, SHORT, 1),
        [Returned("w", b"\x08")],
    ),
    (
        procedure,
        [v2.CallProcedure(1, 0, "p", b"\x07")],
        v2.ProcedureResult(v2.ProcedureInternalError("trap"), WHEN, SHORT, 1),
        [Returned("w", b"", "trap")],
    ),
]


@both
@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize(("before", "said", "answer", "events"), TABLE)
def test_a_question_and_its_answer(
    before: Callable[[Connection], None],
    said: list[Any],
    answer: Any,
    events: list[Any],
    packing: str,
    protocol: str,
) -> None:
    connection = greeted(protocol)
    before(connection)
    assert asked(connection) == said
    assert connection.receive(payload(protocol, answer, packing=packing)) == events


@both
def test_the_greeting_can_share_its_payload_only_in_v3(protocol: str) -> None:
    connection = open_connection(SUBPROTOCOLS[protocol])
    data = greeting(protocol) + payload(protocol, update2())[1:]
    if protocol == "v3":
        assert connection.receive(data) == [Connected(IDENTITY, ME, "secret"), Changed(CAME)]
    else:
        with pytest.raises(DecodeError):
            connection.receive(data)


@both
def test_a_call_looks_the_same_as_by_the_codec(protocol: str) -> None:
    """Calls are put together by hand, since they are the hottest of all messages."""
    connection = greeted(protocol)
    connection.call_reducer("größer", b"\0" * 300, "w")
    message = v2.CallReducer(1, 0, "größer", b"\0" * 300)
    assert connection.data_to_send() == [v2.CLIENT.encode(message)]


@both
@pytest.mark.parametrize(
    "data", [b"", b"\x05\0\0\0no", b"\x01\0\0\0no", b"\x02\0\0\0\xff\xff"], ids=repr
)
def test_a_modules_error_must_be_a_string(protocol: str, data: bytes) -> None:
    connection = greeted(protocol)
    call(connection)
    with pytest.raises(DecodeError, match="error is not"):
        connection.receive(payload(protocol, result2(v2.ReducerErr(data))))
    assert connection.close() == ["w"]


@both
@pytest.mark.parametrize(
    "message",
    [
        result2(v2.ReducerOkEmpty(), 9),
        v2.OneOffQueryResult(9, Err("bad")),
        v2.ProcedureResult(v2.Returned(b""), WHEN, SHORT, 9),
        v2.SubscribeApplied(9, 9, rows2()),
        v2.SubscriptionError(None, 9, "bad"),
        v2.UnsubscribeApplied(9, 9, rows2()),
    ],
)
def test_answers_to_nobody(protocol: str, message: Any) -> None:
    with pytest.raises(RemoteProtocolError, match="9"):
        greeted(protocol).receive(payload(protocol, message))


@both
def test_the_rows_that_leave_must_come(protocol: str) -> None:
    connection = greeted(protocol)
    leaving(connection)
    with pytest.raises(RemoteProtocolError, match="rows that leave"):
        connection.receive(payload(protocol, v2.UnsubscribeApplied(2, 1, None)))


# --- batches of v3 -------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", PACKERS)
def test_many_messages_in_one_payload_keep_their_order(packing: str) -> None:
    connection = greeted("v3")
    for number in range(20):
        connection.call_reducer("add", b"", number)
    order = [*range(20, 0, -2), *range(1, 20, 2)]
    answers = [result2(v2.ReducerOkEmpty(), number) for number in order]
    events = connection.receive(payload("v3", *answers, packing=packing))
    assert events == [Called(number - 1, [], WHEN) for number in order]


@pytest.mark.parametrize("packing", PACKERS)
def test_a_payload_without_messages(packing: str) -> None:
    with pytest.raises(DecodeError, match="no message"):
        greeted("v3").receive(payload("v3", packing=packing))


def test_what_is_asked_leaves_in_one_payload() -> None:
    connection = greeted("v3")
    connection.subscribe([SQL])
    call(connection)
    connection.query(SQL, "w")
    [data] = connection.data_to_send()
    kinds = [type(message) for message in v2.CLIENT.decode_all(data)]
    assert kinds == [v2.Subscribe, v2.CallReducer, v2.OneOffQuery]
    assert connection.data_to_send() == []


def test_payloads_stay_within_the_batch_size() -> None:
    connection = greeted("v3")
    sizes = [1000, 100_000, 100_000, 100_000, BATCH, 10, 10, 3 * BATCH, 10, 200_000, 100_000]
    for number, size in enumerate(sizes):
        connection.call_reducer("add", bytes(size), number)
    payloads = connection.data_to_send()
    held = [[len(m.args) for m in v2.CLIENT.decode_all(data)] for data in payloads]
    assert held == [
        [1000, 100_000, 100_000],
        [100_000],
        [BATCH],  # its head makes it larger than a batch, so it goes alone
        [10, 10],
        [3 * BATCH],
        [10, 200_000],
        [100_000],
    ]
    assert all(len(data) <= BATCH for data, one in zip(payloads, held, strict=True) if len(one) > 1)


def test_v2_sends_one_message_in_a_payload() -> None:
    connection = greeted("v2")
    for number in range(3):
        connection.call_reducer("add", b"", number)
    numbers = [v2.CLIENT.decode(data).request_id for data in connection.data_to_send()]
    assert numbers == [1, 2, 3]


def test_what_comes_before_a_violation_counts() -> None:
    """A batch is no unit: its messages are handled as if they had come one by one."""
    connection = greeted("v3")
    connection.call_reducer("add", b"", "a")
    connection.query(SQL, "b")
    connection.call_procedure("p", b"", "c")
    connection.call_reducer("add", b"", "d")
    batch = payload(
        "v3",
        result2(v2.ReducerOkEmpty(), 1),
        v2.OneOffQueryResult(2, Err("bad")),
        v2.ProcedureResult(v2.Returned(b""), WHEN, SHORT, 3),
        result2(v2.ReducerOkEmpty(), 77),
        result2(v2.ReducerOkEmpty(), 4),
    )
    told: list[Any] = connection.receive(batch)
    assert [event.waiter for event in told] == ["a", "b", "c"]
    assert isinstance(connection.violation, RemoteProtocolError)
    assert "77" in str(connection.violation)
    assert connection.close() == ["d"]
    assert connection.close() == []


def test_a_batch_that_does_not_decode_tells_nothing() -> None:
    connection = greeted("v3")
    connection.call_reducer("add", b"", "w")
    with pytest.raises(DecodeError):
        connection.receive(payload("v3", result2(v2.ReducerOkEmpty(), 1)) + b"\xff")
    assert connection.close() == ["w"]
