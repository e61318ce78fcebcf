"""The text form of protocol v1: written out, both ways, and whatever comes in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import EncodeError, WireError
from harness.wire import codec, satsjson, v1, v1_json
from harness.wire import types as t
from harness.wire import values as v
from harness.wire.rows import EMPTY, RowList, RowOffsets, row_list

ROW = t.product(id=t.U32, name=t.STRING)
ROW_CODEC = codec.compile(ROW)
ROW_JSON = satsjson.compile_json(ROW, positional=True)
ARGS_CODEC = codec.compile(t.product(n=t.U32))
ARGS_JSON = satsjson.compile_json(t.product(n=t.U32), positional=True)


def row_to_json(table: str, row: bytes) -> str:
    assert table == "t"
    return ROW_JSON.dumps(ROW_CODEC.decode(row))


def row_from_json(table: str, row: Any) -> bytes:
    assert table == "t"
    return ROW_CODEC.encode(ROW_JSON.from_json(row))


def args_to_json(name: str, args: bytes) -> str:
    assert name == "add"
    return ARGS_JSON.dumps(ARGS_CODEC.decode(args))


def args_from_json(name: str, args: Any) -> bytes:
    assert name == "add"
    return ARGS_CODEC.encode(ARGS_JSON.from_json(args))


ARGS = b"\x2a\x00\x00\x00"
SQL = "SELECT * FROM t"
CLIENT = [
    (
        v1.CallReducer("add", ARGS, 5, 0),
        '{"CallReducer":{"reducer":"add","args":"[42]","request_id":5,"flags":0}}',
    ),
    (
        v1.CallProcedure("add", ARGS, 5, 0),
        '{"CallProcedure":{"procedure":"add","args":"[42]","request_id":5,"flags":0}}',
    ),
    (v1.Subscribe([SQL], 1), '{"Subscribe":{"query_strings":["SELECT * FROM t"],"request_id":1}}'),
    (
        v1.OneOffQuery(b"\x01\xff", SQL),
        '{"OneOffQuery":{"message_id":"01ff","query_string":"SELECT * FROM t"}}',
    ),
    (
        v1.SubscribeSingle(SQL, 1, 2),
        '{"SubscribeSingle":{"query":"SELECT * FROM t","request_id":1,"query_id":{"id":2}}}',
    ),
    (
        v1.SubscribeMulti([SQL], 1, 2),
        '{"SubscribeMulti":{"query_strings":["SELECT * FROM t"],"request_id":1,'
        '"query_id":{"id":2}}}',
    ),
    (v1.Unsubscribe(1, 2), '{"Unsubscribe":{"request_id":1,"query_id":{"id":2}}}'),
    (v1.UnsubscribeMulti(1, 2), '{"UnsubscribeMulti":{"request_id":1,"query_id":{"id":2}}}'),
]


@pytest.mark.parametrize(("message", "text"), CLIENT, ids=[type(m).__name__ for m, _ in CLIENT])
def test_client_messages(message: Any, text: str) -> None:
    assert v1_json.encode_client(message, args_to_json) == text
    assert v1_json.decode_client(text, args_from_json) == message
    assert v1_json.decode_client(text.encode(), args_from_json) == message


def test_forms_that_clients_may_send() -> None:
    table = {
        '{"CallReducer":{"reducer":"add","args":"{\\"n\\":42}","request_id":5}}': CLIENT[0][0],
        '[0,["add","[42]",5,0]]': CLIENT[0][0],
        '{"6":[1,[2]]}': v1.UnsubscribeMulti(1, 2),
        '{"OneOffQuery":{"message_id":[1,255],"query_string":"SELECT * FROM t"}}': CLIENT[3][0],
    }
    for text, message in table.items():
        assert v1_json.decode_client(text, args_from_json) == message


ROWS = row_list(ROW_CODEC.encode_rows([(1, "a"), (2, "bc")]))
UPDATE = v1.TableUpdate(4097, "t", 2, [v1.QueryUpdate(EMPTY, ROWS)])
UPDATE_TEXT = (
    '{"table_id":4097,"table_name":"t","num_rows":2,'
    '"updates":[{"deletes":[],"inserts":["[1,\\"a\\"]","[2,\\"bc\\"]"]}]}'
)
DATABASE = v1.DatabaseUpdate([UPDATE])
DATABASE_TEXT = f'{{"tables":[{UPDATE_TEXT}]}}'
IDENTITY = v.Identity.from_hex("c2" + "00" * 30 + "ab")
ID_TEXT = '{"__identity__":"0xc2' + "00" * 30 + 'ab"}'
CONN = v.ConnectionId.from_int(12345)
CONN_TEXT = '{"__connection_id__":12345}'
WHEN_TEXT = '{"__timestamp_micros_since_unix_epoch__":7}'
SPAN, SPAN_TEXT = v.TimeDuration(3), '{"__time_duration_micros__":3}'
CALL = v1.ReducerCallInfo("add", 1, ARGS, 5)
CALL_TEXT = '{"reducer_name":"add","reducer_id":1,"args":"[42]","request_id":5}'


def _transaction(status: Any) -> v1.TransactionUpdate:
    return v1.TransactionUpdate(status, v.Timestamp(7), IDENTITY, CONN, CALL, 2**100, SPAN)


def _transaction_text(status: str) -> str:
    return (
        f'{{"TransactionUpdate":{{"status":{status},"timestamp":{WHEN_TEXT},'
        f'"caller_identity":{ID_TEXT},"caller_connection_id":{CONN_TEXT},'
        f'"reducer_call":{CALL_TEXT},"energy_quanta_used":{{"quanta":{2**100}}},'
        f'"total_host_execution_duration":{SPAN_TEXT}}}}}'
    )


APPLIED = (
    '"request_id":1,"total_host_execution_duration_micros":250,"query_id":{"id":2},'
    f'"rows":{{"table_id":4097,"table_name":"t","table_rows":{UPDATE_TEXT}}}'
)
MULTI = (
    '"request_id":1,"total_host_execution_duration_micros":250,"query_id":{"id":2},'
    f'"update":{DATABASE_TEXT}'
)
SUBSCRIBED = v1.SubscribeRows(4097, "t", UPDATE)
SERVER = [
    (
        v1.InitialSubscription(DATABASE, 1, SPAN),
        f'{{"InitialSubscription":{{"database_update":{DATABASE_TEXT},"request_id":1,'
        f'"total_host_execution_duration":{SPAN_TEXT}}}}}',
    ),
    (_transaction(v1.Committed(DATABASE)), _transaction_text(f'{{"Committed":{DATABASE_TEXT}}}')),
    (_transaction(v1.Failed("no")), _transaction_text('{"Failed":"no"}')),
    (_transaction(v1.OutOfEnergy()), _transaction_text('{"OutOfEnergy":[]}')),
    (
        v1.TransactionUpdateLight(5, DATABASE),
        f'{{"TransactionUpdateLight":{{"request_id":5,"update":{DATABASE_TEXT}}}}}',
    ),
    (
        v1.IdentityToken(IDENTITY, "tok", CONN),
        f'{{"IdentityToken":{{"identity":{ID_TEXT},"token":"tok","connection_id":{CONN_TEXT}}}}}',
    ),
    (
        v1.OneOffQueryResponse(b"\x01\xff", None, [v1.OneOffTable("t", ROWS)], SPAN),
        '{"OneOffQueryResponse":{"message_id":"01ff","error":{"none":[]},"tables":'
        '[{"table_name":"t","rows":["[1,\\"a\\"]","[2,\\"bc\\"]"]}],'
        f'"total_host_execution_duration":{SPAN_TEXT}}}}}',
    ),
    (
        v1.OneOffQueryResponse(b"", "bad", [], SPAN),
        '{"OneOffQueryResponse":{"message_id":"","error":{"some":"bad"},"tables":[],'
        f'"total_host_execution_duration":{SPAN_TEXT}}}}}',
    ),
    (v1.SubscribeApplied(1, 250, 2, SUBSCRIBED), f'{{"SubscribeApplied":{{{APPLIED}}}}}'),
    (v1.UnsubscribeApplied(1, 250, 2, SUBSCRIBED), f'{{"UnsubscribeApplied":{{{APPLIED}}}}}'),
    (
        v1.SubscriptionError(250, 1, 2, None, "bad"),
        '{"SubscriptionError":{"total_host_execution_duration_micros":250,'
        '"request_id":{"some":1},"query_id":{"some":2},"table_id":{"none":[]},"error":"bad"}}',
    ),
    (v1.SubscribeMultiApplied(1, 250, 2, DATABASE), f'{{"SubscribeMultiApplied":{{{MULTI}}}}}'),
    (v1.UnsubscribeMultiApplied(1, 250, 2, DATABASE), f'{{"UnsubscribeMultiApplied":{{{MULTI}}}}}'),
    (
        v1.ProcedureResult(v1.Returned(b"[1]"), v.Timestamp(7), SPAN, 9),
        f'{{"ProcedureResult":{{"status":{{"Returned":"[1]"}},"timestamp":{WHEN_TEXT},'
        f'"total_host_execution_duration":{SPAN_TEXT},"request_id":9}}}}',
    ),
    (
        v1.ProcedureResult(v1.ProcedureInternalError("no"), v.Timestamp(7), SPAN, 9),
        f'{{"ProcedureResult":{{"status":{{"InternalError":"no"}},"timestamp":{WHEN_TEXT},'
        f'"total_host_execution_duration":{SPAN_TEXT},"request_id":9}}}}',
    ),
]


@pytest.mark.parametrize(("message", "text"), SERVER, ids=[type(m).__name__ for m, _ in SERVER])
def test_server_messages(message: Any, text: str) -> None:
    assert v1_json.encode_server(message, row_to_json, args_to_json) == text
    read = v1_json.decode_server(text, row_from_json)
    if isinstance(message, v1.TransactionUpdate):  # arguments stay text: only the schema can read
        assert read.reducer_call.args == b"[42]"
        text = v1_json.encode_server(read, row_to_json, lambda name, args: args.decode())
        assert v1_json.decode_server(text, row_from_json) == read
        read = _transaction(read.status)
    assert read == message


def test_every_message_is_in_the_tables() -> None:
    classes = {type(message) for message, _ in CLIENT + SERVER}
    names = set(v1.TYPES.names)
    for builder_name in ("ClientMessage", "ServerMessage"):
        place = v1.TYPES.names.index(builder_name)
        assert set(v1.TYPES.bindings[place].classes) <= classes
    assert "RowList" in names


def test_what_has_no_text_form() -> None:
    def with_updates(*updates: Any) -> v1.TransactionUpdateLight:
        return v1.TransactionUpdateLight(
            1, v1.DatabaseUpdate([v1.TableUpdate(1, "t", 0, list(updates))])
        )

    for update, words in (
        (v1.BrotliUpdate(b""), "compressed updates have no text form"),
        (v1.QueryUpdate(EMPTY, RowList(RowOffsets([1]), b"xx")), "row offsets do not ascend"),
    ):
        with pytest.raises(WireError, match=words):
            v1_json.encode_server(with_updates(update), row_to_json, args_to_json)
    with pytest.raises(EncodeError, match="not JSON text"):
        v1_json.encode_server(
            v1.ProcedureResult(v1.Returned(b"\xff"), v.Timestamp(7), SPAN, 9),
            row_to_json,
            args_to_json,
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("5", "expected {"),
        ('{"Nonsense":{}}', "'Nonsense' is none of the 8 variants"),
        ('{"Unsubscribe":{"request_id":1}}', "the field 'query_id' is missing"),
        ('{"Unsubscribe":{"request_id":-1,"query_id":{"id":2}}}', "request_id: expected u32"),
        (
            '{"Subscribe":{"query_strings":[5],"request_id":1}}',
            r"strings\[0\]: expected text",
        ),
        ('{"CallReducer":{"reducer":"add","args":[42],"request_id":5}}', "args: expected text"),
        ('{"CallReducer":{"reducer":"add","args":"[","request_id":5}}', "not JSON"),
        ('{"CallReducer":{"reducer":"add","args":"[-1]","request_id":5}}', "n: expected u32"),
    ],
)
def test_what_is_no_client_message(text: str, words: str) -> None:
    with pytest.raises(WireError, match=words):
        v1_json.decode_client(text, args_from_json)


ODD = [None, -1, 2**70, "x", "[1]", [], {}, {"x": []}, [0, []], True, 1.5]


@given(data=st.data())
def test_damaged_messages_are_refused_or_read(data: Any) -> None:
    _, text = data.draw(st.sampled_from(CLIENT + SERVER))
    whole = json.loads(text)
    at = whole
    while at:
        key = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
        if isinstance(at[key], dict | list) and data.draw(st.booleans()):
            at = at[key]
            continue
        at[key] = data.draw(st.sampled_from(ODD))
        break
    damaged = json.dumps(whole)
    for read in (
        lambda: v1_json.decode_client(damaged, lambda name, args: b""),
        lambda: v1_json.decode_server(damaged, lambda table, row: b""),
    ):
        try:
            read()
        except WireError:
            pass


@given(text=st.text(st.sampled_from('{}[]":,0159.eE-+truefalsnu \\'), max_size=40))
def test_any_text_is_refused_or_read(text: str) -> None:
    for read in (
        lambda: v1_json.decode_client(text, lambda name, args: b""),
        lambda: v1_json.decode_server(text, lambda table, row: b""),
    ):
        try:
            read()
        except WireError:
            pass
