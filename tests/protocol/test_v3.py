"""What only v2 and v3 do: batches both ways, rows by set, event tables."""

from __future__ import annotations

import pytest

from harness.errors import DecodeError, RemoteProtocolError
from harness.protocol.events import Called, Changed
from harness.protocol.v2 import BATCH
from harness.wire import v2
from harness.wire.compression import Compression
from tests.protocol.script import NOW, pair, rows


@pytest.mark.parametrize("protocol", ["v2", "v3"])
def test_the_bytes_of_a_call(protocol: str) -> None:
    connection, _ = pair(protocol)
    connection._last_id = 4
    connection.call_reducer("add", bytes.fromhex("2a000000"), "w")
    assert connection.data_to_send() == [
        bytes.fromhex("03 05000000 00 03000000 616464 04000000 2a000000")
    ]


def test_v3_sends_what_is_queued_in_one_payload() -> None:
    connection, script = pair("v3")
    connection.subscribe(["SELECT * FROM t"])
    for number in range(100):
        connection.call_reducer("add", bytes([number]), number)
    assert connection.queued == 101
    (payload,) = connection.data_to_send()
    said = script.heard(payload)
    assert [message.args[0] for message in said[1:]] == list(range(100))
    assert isinstance(said[0], v2.Subscribe)


def test_v2_sends_them_one_by_one() -> None:
    connection, script = pair("v2")
    for number in range(3):
        connection.call_reducer("add", bytes([number]), number)
    said = [script.heard(payload) for payload in connection.data_to_send()]
    assert [[message.args for message in one] for one in said] == [[b"\0"], [b"\1"], [b"\2"]]


def test_a_payload_ends_before_it_is_too_large() -> None:
    connection, script = pair("v3")
    sizes = [BATCH // 3, BATCH // 3, BATCH // 3, 10, 2 * BATCH, 10]
    for size in sizes:
        connection.call_reducer("add", bytes(size), "w")
    payloads = connection.data_to_send()
    said = [[len(message.args) for message in script.heard(payload)] for payload in payloads]
    assert said == [sizes[:2], sizes[2:4], [2 * BATCH], [10]]
    assert all(len(payload) <= BATCH for payload in (payloads[0], payloads[1], payloads[3]))


@pytest.mark.parametrize("compression", list(Compression))
def test_a_payload_of_answers_is_read_to_its_end(compression: Compression) -> None:
    connection, script = pair("v3")
    ids = [connection.call_reducer("add", b"", at) for at in range(64)]
    messages = [script.done(request_id) for request_id in ids]
    events = connection.receive(script.payload(*messages, compression=compression))
    assert [event.waiter for event in events if isinstance(event, Called)] == list(range(64))


def test_v2_has_one_message_in_a_payload() -> None:
    connection, script = pair("v2")
    with pytest.raises(DecodeError):
        connection.receive(script.payload(script.changed(rows(1)), script.changed(rows(2))))


def test_what_comes_before_a_violation_counts() -> None:
    connection, script = pair("v3")
    first = connection.call_reducer("add", b"", "first")
    connection.call_reducer("add", b"", "second")
    payload = script.payload(
        script.changed(rows(1)), script.done(first), script.done(99), script.done(2)
    )
    events = connection.receive(payload)
    assert [type(event) for event in events] == [Changed, Called]
    assert isinstance(connection.violation, RemoteProtocolError)
    assert connection.close() == ["second"]


def test_a_batch_that_does_not_decode_tells_nothing() -> None:
    connection, script = pair("v3")
    request_id = connection.call_reducer("add", b"", "w")
    with pytest.raises(DecodeError):
        connection.receive(script.payload(script.done(request_id)) + b"\xff")
    assert connection.close() == ["w"]


def test_an_empty_success_needs_no_rows() -> None:
    connection, script = pair("v3")
    request_id = connection.call_reducer("add", b"", "w")
    said = v2.ReducerResult(request_id, NOW, v2.ReducerOkEmpty())
    (event,) = connection.receive(script.payload(said))
    assert event == Called("w", [], NOW)


@pytest.mark.parametrize("error", [b"", b"\5\0\0\0no", b"\2\0\0\0\xff\xff", b"\1\0\0\0no"])
def test_a_modules_error_must_be_a_string(error: bytes) -> None:
    connection, script = pair("v3")
    request_id = connection.call_reducer("add", b"", "w")
    said = v2.ReducerResult(request_id, NOW, v2.ReducerErr(error))
    with pytest.raises(DecodeError, match="module's error"):
        connection.receive(script.payload(said))


def test_events_are_told_from_rows_that_stay() -> None:
    connection, script = pair("v3")
    table = v2.TableUpdate("t", [v2.EventTable(rows(1)), v2.PersistentTable(rows(2), rows(3))])
    said = v2.TransactionUpdate([v2.QuerySetUpdate(1, [table])])
    (event,) = connection.receive(script.payload(said))
    assert isinstance(event, Changed)
    assert [(update.event, update.deletes is None) for update in event.updates] == [
        (True, True),
        (False, False),
    ]


def test_rows_that_leave_are_asked_for_and_must_come() -> None:
    connection, script = pair("v2")
    set_id = connection.subscribe(["SELECT * FROM t"])
    connection.receive(script.payload(script.applied(set_id, rows(1))))
    connection.data_to_send()
    connection.unsubscribe(set_id)
    (said,) = script.heard(connection.data_to_send()[0])
    assert said.flags == 1
    with pytest.raises(RemoteProtocolError, match="did not come"):
        connection.receive(script.payload(v2.UnsubscribeApplied(2, set_id, None)))


def test_a_set_id_is_not_used_again_while_it_is_live() -> None:
    connection, _ = pair("v3")
    first = connection.subscribe(["SELECT * FROM t"])
    connection._last_set = first - 1
    assert connection.subscribe(["SELECT * FROM t"]) == first + 1
