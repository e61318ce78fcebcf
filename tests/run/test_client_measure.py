"""What is said of a foreign client's turn: each fault has its sentence, the deepest cause first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.errors import PlanError, TargetError
from harness.load.workloads import item
from harness.peers.adapter import Described
from harness.peers.environments import ClientEnvironment
from harness.peers.exchange import Result
from harness.peers.rows import digest
from harness.run import client_measure, client_truth
from harness.run.client_frames import Message
from harness.run.client_relay import Heard
from harness.run.client_truth import Turn
from harness.wire import v1

ROWS = [item(id) for id in range(22)]
COUNT, DIGEST = digest(ROWS)
RESULT = Result(
    wall_ns=1, cpu_ns=1, protocol="v1", versions={"package": "x 1"}, calls=20, all_calls=22,
    rows=COUNT, digest=DIGEST, times_ns=[1],
)  # fmt: skip
CALL = v1.CLIENT.encode(v1.CallReducer("noop", b"", 1, 0))
HONEST = Turn(
    "the client", "v1", "noop", RESULT, counted=22, expected=ROWS, found=ROWS,
)  # fmt: skip


def heard(*payloads: bytes, upgraded: bool = True, subprotocol: str = v1.SUBPROTOCOL) -> Heard:
    made = Heard()
    upgrade = "Upgrade: websocket\r\n" if upgraded else ""
    made.client.head = f"GET / HTTP/1.1\r\n{upgrade}"
    made.server.head = f"HTTP/1.1 101\r\n{upgrade}Sec-WebSocket-Protocol: {subprotocol}"
    made.client.messages += [Message(2, payload) for payload in payloads]
    return made


def told(**changes: Any) -> Result:
    return msgspec.structs.replace(RESULT, **changes)


def reasons(turn: Turn) -> list[str]:
    return [check.found for check in client_truth.checks(turn) if not check.passed]


def test_an_honest_turn_has_nothing_against_it() -> None:
    assert reasons(HONEST) == []
    assert reasons(replace(HONEST, heard=[heard(*[CALL] * 22)])) == []
    # Other connections, such as those that ask for a schema, are nobody's calls.
    assert reasons(replace(HONEST, heard=[heard(upgraded=False), heard(*[CALL] * 22)])) == []


LOST = told(errors=3, all_calls=19, calls=17, first_error="OSError: gone")


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (replace(HONEST, result=None, failure="did not connect: OSError: no"),
         ["the client did not connect: OSError: no"]),
        (replace(HONEST, result=None, failure="gave no result; it died with signal 9"),
         ["the client gave no result; it died with signal 9"]),
        (replace(HONEST, result=None, failure="did not connect: X", counted=0,
                 heard=[heard(b"{}")]),
         ["the client did not connect: X", "the client's bytes are not BSATN: message 1"]),
        (replace(HONEST, heard=[heard(*[CALL] * 22, b"\xff\xfe")]),
         ["the client's bytes are not BSATN: message 23 (binary, 2 bytes, beginning ff fe)"]),
        (replace(HONEST, protocol="v2", heard=[heard(*[CALL] * 22)]),
         ["the client spoke v1, its adapter was asked for v2"]),
        (replace(HONEST, counted=0),
         ["no call reached the server: the client claims 22 calls, the server counted 0"]),
        (replace(HONEST, counted=0, heard=[]),
         ["no call reached the server: the client claims 22 calls, the server counted 0"]),
        (replace(HONEST, counted=21), ["the server counted 21 calls, the client claims 22"]),
        (replace(HONEST, counted=23), ["the server counted 23 calls, the client claims 22"]),
        (replace(HONEST, counted=None), ["the server does not count its transactions"]),
        (replace(HONEST, heard=[heard(*[CALL] * 21)]),
         ["the client claims 22 calls, its connection carried 21"]),
        (replace(HONEST, do="insert", found=ROWS[1:], result=told(rows=None)),
         ["the server's rows are not those that the client claims: of `item` on the server: "
          "1 of 22 rows missing"]),
        (replace(HONEST, result=told(rows=21)),
         ["the client's rows differ from the server's: its cache holds 21, the server 22"]),
        (replace(HONEST, result=told(digest="0" * 64)),
         ["the client's rows differ from the server's: both have 22, with other values"]),
        (replace(HONEST, result=told(rows=0, first_error="rows('item'): KeyError: 'x'")),
         ["the client's rows differ from the server's: its cache holds 0, the server 22; "
          "rows('item'): KeyError: 'x'", ]),
        # What was lost may have run or not; what was answered must have.
        (replace(HONEST, counted=19, result=LOST),
         ["the client answered 19 of 22 calls: OSError: gone"]),
        (replace(HONEST, counted=22, result=LOST),
         ["the client answered 19 of 22 calls: OSError: gone"]),
        (replace(HONEST, counted=18, result=LOST),
         ["the server counted 18 calls, the client claims 19", "the client answered 19 of 22"]),
        # All causes together, in their order.
        (replace(HONEST, counted=0, heard=[heard(b"{}")], result=told(rows=1, errors=1)),
         ["the client's bytes are not BSATN", "no call reached", "the client's rows differ",
          "the client answered 22 of 23 calls"]),
    ],
)  # fmt: skip
def test_each_fault_has_its_sentence(turn: Turn, said: list[str]) -> None:
    found = reasons(turn)
    assert len(found) == len(said), found
    for reason, beginning in zip(found, said, strict=True):
        assert reason.startswith(beginning)


def test_calls_that_were_refused_after_they_arrived_did_reach_the_server() -> None:
    turn = replace(
        HONEST, counted=0, heard=[heard(*[CALL] * 22)],
        result=told(all_calls=0, calls=0, errors=22, first_error="refused"),
    )  # fmt: skip
    assert reasons(turn) == ["the client answered 0 of 22 calls: refused"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("the peer client reports: did not connect: X: y", "did not connect: X: y"),
        ("the peer client gave no result; it died with signal 9",
         "gave no result; it died with signal 9"),
    ],
)  # fmt: skip
def test_what_a_process_said_is_taken_from_its_error(error: str, said: str) -> None:
    assert client_truth.failure_of(TargetError(error)) == said


def subject(protocols: tuple[str, ...] = ("v1",), most: int = 64) -> client_measure.Subject:
    environment = ClientEnvironment(Path("python"), "tiny", "1.0", "c" * 40, "3.11", {}, "key")
    adapter = Described(Path("adapter.py"), "tiny", (), protocols, most)
    return client_measure.Subject(adapter, environment, "d" * 64, "tiny")


def test_the_rows_of_a_client() -> None:
    names = [one.name for one in client_measure.scenarios(subject(), "v1")]
    assert names == [
        "client noop ×1", "client noop ×64", "client insert ×1", "client insert ×64",
        "client insert subscribed ×1", "client insert subscribed ×64",
    ]  # fmt: skip
    assert all(one.options["rounds"] % 2 == 0 for one in client_measure.scenarios(subject(), "v1"))


@pytest.mark.parametrize(("most", "depths"), [(1, [1]), (8, [1, 8]), (64, [1, 64]), (500, [1, 64])])
def test_no_more_is_asked_of_a_client_than_it_can_do(most: int, depths: list[int]) -> None:
    assert client_measure.depths(subject(most=most)) == depths


@pytest.mark.parametrize(
    ("spoken", "offered", "chosen"),
    [(("v1",), ["v3", "v2", "v1"], "v1"), (("v3", "v1"), ["v1"], "v1"), (("v2", "v1"), [], "v2")],
)
def test_the_protocol_is_the_best_that_both_speak(
    spoken: tuple[str, ...], offered: list[str], chosen: str
) -> None:
    assert client_measure.protocol(subject(spoken), offered) == chosen


def test_without_a_common_protocol_there_is_nothing_to_measure() -> None:
    with pytest.raises(PlanError, match=r"tiny speaks v3, the server v1: they have no protocol"):
        client_measure.protocol(subject(("v3",)), ["v1"])


def test_a_run_says_which_client_it_was() -> None:
    notes = subject().notes()
    assert notes["commit"] == "c" * 40
    assert notes["adapter_sha256"] == "d" * 64
    assert "python" not in notes
    assert subject().title == "tiny (tiny 1.0 @ cccccccccccc)"
