"""What only v1 does: strangers' request ids, rejected calls without an id, deaths of everything."""

from __future__ import annotations

import gzip
from typing import Any

import brotli
import msgspec
import pytest

from harness.errors import RemoteProtocolError, WireError
from harness.protocol.events import Called, Changed, Died, Refused
from harness.wire import v1
from tests.protocol.script import ELSEWHERE, HERE, ZERO, pair, rows


def one(connection: Any, script: Any, message: Any) -> Any:
    (event,) = connection.receive(script.payload(message))
    return event


def test_the_bytes_of_a_call() -> None:
    connection, _ = pair("v1")
    connection._outbox.last_id = 4
    connection.call_reducer("add", bytes.fromhex("2a000000"), "w")
    assert connection.data_to_send() == [
        bytes.fromhex("00 03000000 616464 04000000 2a000000 05000000 00")
    ]


def test_two_messages_are_two_payloads() -> None:
    connection, script = pair("v1")
    connection.call_reducer("a", b"", "w")
    connection.call_reducer("b", b"", "w")
    payloads = connection.data_to_send()
    assert [script.heard(payload)[0].reducer for payload in payloads] == ["a", "b"]


def test_a_call_that_never_ran_is_the_oldest_of_its_name() -> None:
    connection, script = pair("v1")
    for name, waiter in [("other", "o"), ("add", "first"), ("add", "second")]:
        connection.call_reducer(name, b"", waiter)
    event = one(connection, script, script.rejected(0, "add", "bad arguments"))
    assert (event.waiter, event.by_module) == ("first", False)
    assert one(connection, script, script.rejected(0, "add", "again")).waiter == "second"
    assert list(connection.calls.values()) == ["o"]


@pytest.mark.parametrize(("args", "energy"), [(b"\0\0\0\0", 0), (b"", 236_000)])
def test_a_refusal_of_1_2_0_has_no_request_id_and_says_that_it_ran(
    args: bytes, energy: int
) -> None:
    connection, script = pair("v1")
    connection.call_reducer("add", b"", "first")
    message = script.rejected(0, "add", "no")
    message = msgspec.structs.replace(
        message,
        reducer_call=msgspec.structs.replace(message.reducer_call, args=args),
        energy_quanta_used=energy,
    )
    event = one(connection, script, message)
    assert (event.waiter, event.error, event.by_module) == ("first", "no", True)


def test_an_answered_call_is_not_the_oldest_any_more() -> None:
    connection, script = pair("v1")
    first = connection.call_reducer("add", b"", "first")
    connection.call_reducer("add", b"", "second")
    one(connection, script, script.done(first, "add"))
    assert one(connection, script, script.rejected(0, "add", "no")).waiter == "second"


@pytest.mark.parametrize("name", ["<none>", "", "unheard-of"])
def test_a_failure_without_a_call_is_nobodys(name: str) -> None:
    connection, script = pair("v1")
    connection.call_reducer("add", b"", "w")
    assert connection.receive(script.payload(script.rejected(0, name, "x"))) == []
    assert list(connection.calls.values()) == ["w"]


def test_a_strangers_request_id_is_not_ours() -> None:
    connection, script = pair("v1")
    mine = connection.call_reducer("add", b"", "w")
    stranger = script.transaction(v1.Failed("theirs"), mine, "add", ELSEWHERE)
    assert connection.receive(script.payload(stranger)) == []
    light = v1.TransactionUpdateLight(mine, script.update(rows(1)))
    assert isinstance(one(connection, script, light), Changed)
    assert list(connection.calls.values()) == ["w"]


def test_our_own_connections_sql_changes_rows_without_a_call() -> None:
    connection, script = pair("v1")
    event = one(connection, script, script.done(0, "", rows(1)))
    assert isinstance(event, Changed)


def test_out_of_energy_is_the_hosts_word() -> None:
    connection, script = pair("v1")
    request_id = connection.call_reducer("add", b"", "w")
    event = one(connection, script, script.transaction(v1.OutOfEnergy(), request_id, "add"))
    assert isinstance(event, Called)
    assert (event.error, event.by_module) == ("the reducer ran out of energy", False)


def test_an_error_without_ids_kills_every_subscription() -> None:
    connection, script = pair("v1")
    sets = [connection.subscribe(["SELECT * FROM t"]) for _ in range(3)]
    one(connection, script, script.applied(sets[0], rows(1)))
    event = one(connection, script, script.set_died(0, "evaluation failed"))
    assert event == Died(sets, "evaluation failed")
    with pytest.raises(RemoteProtocolError):
        connection.receive(script.payload(script.applied(sets[1])))


def test_a_refusal_without_the_request_id_is_still_one() -> None:
    connection, script = pair("v1")
    set_id = connection.subscribe(["SELECT * FROM t"])
    said = v1.SubscriptionError(0, None, set_id, None, "bad")
    assert one(connection, script, said) == Refused(set_id, "bad")


@pytest.mark.parametrize(
    ("wrapped", "squeeze"),
    [
        (v1.GzipUpdate, gzip.compress),
        (v1.BrotliUpdate, brotli.compress),
    ],
)
def test_updates_may_be_compressed_one_by_one(wrapped: Any, squeeze: Any) -> None:
    """Servers up to 1.1 do so."""
    connection, script = pair("v1")
    plain = v1.QUERY_UPDATE.encode(v1.QueryUpdate(rows(1), rows(2, 3)))
    table = v1.TableUpdate(1, "t", 3, [wrapped(squeeze(plain))])
    update = v1.Committed(v1.DatabaseUpdate([table]))
    event = one(connection, script, script.transaction(update, 5, "other", ELSEWHERE))
    ((_, inserts, deletes, _),) = event.updates
    assert (len(inserts), len(deletes)) == (2, 1)
    broken = v1.TableUpdate(1, "t", 3, [wrapped(squeeze(plain)[:-3])])
    update = v1.Committed(v1.DatabaseUpdate([broken]))
    with pytest.raises(WireError):
        connection.receive(script.payload(script.transaction(update, 5, "other", ELSEWHERE)))


@pytest.mark.parametrize(
    "message",
    [
        v1.InitialSubscription(v1.DatabaseUpdate([]), 1, ZERO),
        v1.SubscribeApplied(1, 0, 1, v1.SubscribeRows(1, "t", v1.TableUpdate(1, "t", 0, []))),
    ],
)
def test_answers_to_what_is_never_asked_are_violations(message: Any) -> None:
    connection, script = pair("v1")
    with pytest.raises(RemoteProtocolError, match="nobody asked for"):
        connection.receive(script.payload(message))


def test_our_connection_id_is_what_counts() -> None:
    connection, script = pair("v1")
    request_id = connection.call_reducer("add", b"", "w")
    event = one(connection, script, script.transaction(v1.Failed("no"), request_id, "add", HERE))
    assert event.waiter == "w"
