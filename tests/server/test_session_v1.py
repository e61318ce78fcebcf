"""Sessions of protocol v1, binary and text, on a hub without any wire: both say the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.errors import WireError
from harness.module import Module, ReducerContext, u8
from harness.server import session as sessions
from harness.server.hub import Hub
from harness.wire import v1
from harness.wire.compression import Compression
from harness.wire.values import ConnectionId
from tests.server.databases import open_database
from tests.server.peers import PeerV1, PeerV1Json, PeerV2, bench_hub, moment

ACCOUNTS = "SELECT * FROM account"
NO_REDUCER = (1 << 32) - 1


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = bench_hub()
    yield made
    made.database.close()


@pytest.fixture(params=[PeerV1, PeerV1Json], ids=["binary", "text"])
def kind(request: Any) -> type[PeerV1]:
    found: type[PeerV1] = request.param
    return found


def _joined(hub: Hub, kind: type[PeerV1], number: int = 1, **options: Any) -> PeerV1:
    peer = kind(hub, number, **options)
    peer.received()
    return peer


@pytest.fixture
def peer(hub: Hub, kind: type[PeerV1]) -> PeerV1:
    return _joined(hub, kind)


def _seed(peer: PeerV1, count: int = 2, balance: int = 10) -> Any:
    (answer,) = peer.ask(peer.call("seed_accounts", count, balance))
    assert isinstance(answer.status, v1.Committed)
    return answer


def _multi(peer: PeerV1, *queries: str, query_id: int = 7, request_id: int = 1) -> Any:
    (answer,) = peer.ask(v1.SubscribeMulti(list(queries), request_id, query_id))
    return answer


def _update(peer: PeerV1, message: Any) -> list[tuple[str, Any]]:
    assert isinstance(message, v1.TransactionUpdate)
    assert isinstance(message.status, v1.Committed)
    return peer.tables(message.status.update)


BOTH = [(0, 10), (1, 10)]


# --- greeting and subscriptions ------------------------------------------------------------------


def test_the_greeting_comes_first(hub: Hub, kind: type[PeerV1]) -> None:
    peer = kind(hub, 5)
    peer.send(peer.call("noop"))
    first, second = peer.received()
    assert first == v1.IdentityToken(peer.identity, "token 5", peer.connection_id)
    assert isinstance(second, v1.TransactionUpdate)


def test_multi(peer: PeerV1) -> None:
    _seed(peer)
    answer = _multi(peer, ACCOUNTS, "SELECT * FROM item", "SELECT * FROM account WHERE id = 1")
    assert isinstance(answer, v1.SubscribeMultiApplied)
    assert (answer.request_id, answer.query_id) == (1, 7)
    assert peer.tables(answer.update) == [
        ("account", [(BOTH, [])]),
        ("account", [([(1, 10)], [])]),
    ]
    (gone,) = peer.ask(v1.UnsubscribeMulti(2, 7))
    assert isinstance(gone, v1.UnsubscribeMultiApplied)
    assert (gone.request_id, gone.query_id) == (2, 7)
    assert [x for x in peer.tables(gone.update) if x[1] != [([], [])]] == [
        ("account", [([], BOTH)]),
        ("account", [([], [(1, 10)])]),
    ]
    assert len(peer.hub.registry) == 0


def test_single(peer: PeerV1) -> None:
    _seed(peer)
    (answer,) = peer.ask(v1.SubscribeSingle(ACCOUNTS, 3, 9))
    assert isinstance(answer, v1.SubscribeApplied)
    assert (answer.request_id, answer.query_id) == (3, 9)
    assert answer.rows.table_name == "account"
    assert answer.rows.table_id == answer.rows.table_rows.table_id
    update = v1.DatabaseUpdate([answer.rows.table_rows])
    assert peer.tables(update) == [("account", [(BOTH, [])])]
    (gone,) = peer.ask(v1.Unsubscribe(4, 9))
    assert isinstance(gone, v1.UnsubscribeApplied)
    update = v1.DatabaseUpdate([gone.rows.table_rows])
    assert peer.tables(update) == [("account", [([], BOTH)])]


def test_single_of_an_empty_table_names_it(peer: PeerV1) -> None:
    (answer,) = peer.ask(v1.SubscribeSingle("SELECT * FROM item", 3, 9))
    assert answer.rows.table_name == "item"
    assert peer.tables(v1.DatabaseUpdate([answer.rows.table_rows])) == [("item", [([], [])])]


def test_the_same_query_under_two_ids_is_told_once(peer: PeerV1) -> None:
    _seed(peer)
    assert peer.tables(_multi(peer, ACCOUNTS, query_id=1).update) == [("account", [(BOTH, [])])]
    assert peer.tables(_multi(peer, ACCOUNTS, query_id=2).update) == []
    assert _update(peer, _seed(peer, 1, 5)) == [("account", [([(0, 5)], BOTH)])]
    (first,) = peer.ask(v1.UnsubscribeMulti(3, 1))
    assert peer.tables(first.update) == []
    assert _update(peer, _seed(peer, 1, 6)) == [("account", [([(0, 6)], [(0, 5)])])]
    (last,) = peer.ask(v1.UnsubscribeMulti(4, 2))
    assert peer.tables(last.update) == [("account", [([], [(0, 6)])])]
    assert _update(peer, _seed(peer, 1, 7)) == []


def test_different_queries_of_one_table_share_its_update(peer: PeerV1) -> None:
    _multi(peer, ACCOUNTS, "SELECT * FROM account WHERE id = 1")
    assert _update(peer, _seed(peer)) == [("account", [(BOTH, []), ([(1, 10)], [])])]


def test_legacy_replaces_what_was_subscribed_this_way(peer: PeerV1) -> None:
    _seed(peer)
    for _ in range(2):
        (answer,) = peer.ask(v1.Subscribe([ACCOUNTS], 6))
        assert isinstance(answer, v1.InitialSubscription)
        assert answer.request_id == 6
        assert peer.tables(answer.database_update) == [("account", [(BOTH, [])])]
    (answer,) = peer.ask(v1.Subscribe(["SELECT * FROM item"], 7))
    assert peer.tables(answer.database_update) == []
    assert _update(peer, _seed(peer, 1, 1)) == []


def test_every_table_at_once(peer: PeerV1) -> None:
    _seed(peer, 1)
    peer.ask(peer.call("send_message", "hi"))
    answer = _multi(peer, "SELECT * FROM *")
    assert [table for table, _ in peer.tables(answer.update)] == ["account", "message"]


SUBSCRIBE = {
    "multi": lambda query: v1.SubscribeMulti([query], 44, 7),
    "single": lambda query: v1.SubscribeSingle(query, 44, 7),
    "legacy": lambda query: v1.Subscribe([query], 44),
}


@pytest.mark.parametrize("way", SUBSCRIBE)
@pytest.mark.parametrize("query", ["SELECT * FROM nope", "SELECT", "SELECT id FROM account"])
def test_bad_queries(peer: PeerV1, way: str, query: str) -> None:
    (answer,) = peer.ask(SUBSCRIBE[way](query))
    assert isinstance(answer, v1.SubscriptionError)
    assert (answer.request_id, answer.query_id) == (44, None if way == "legacy" else 7)
    assert answer.table_id is None
    assert answer.error
    assert len(peer.hub.registry) == 0
    assert isinstance(_multi(peer, ACCOUNTS), v1.SubscribeMultiApplied)


def test_an_id_in_use_is_refused_and_the_old_query_lives(peer: PeerV1) -> None:
    _multi(peer, ACCOUNTS)
    for message in (
        v1.SubscribeMulti(["SELECT * FROM item"], 2, 7),
        v1.SubscribeSingle("SELECT * FROM item", 2, 7),
    ):
        (answer,) = peer.ask(message)
        assert isinstance(answer, v1.SubscriptionError)
        assert (answer.request_id, answer.query_id) == (2, 7)
        assert "already in use" in answer.error
    assert _update(peer, _seed(peer)) == [("account", [(BOTH, [])])]


@pytest.mark.parametrize("message", [v1.UnsubscribeMulti(5, 99), v1.Unsubscribe(5, 99)])
def test_unsubscribing_what_is_not_there(peer: PeerV1, message: Any) -> None:
    (answer,) = peer.ask(message)
    assert isinstance(answer, v1.SubscriptionError)
    assert (answer.request_id, answer.query_id) == (5, 99)
    assert "Subscription not found" in answer.error


# --- calls ---------------------------------------------------------------------------------------


def test_the_caller_is_always_answered_in_full(hub: Hub, kind: type[PeerV1]) -> None:
    peer = _joined(hub, kind, light=True)
    (answer,) = peer.ask(peer.call("seed_accounts", 1, 2, request_id=12))
    assert isinstance(answer, v1.TransactionUpdate)
    assert _update(peer, answer) == []
    assert answer.timestamp == moment()
    assert (answer.caller_identity, answer.caller_connection_id) == (
        peer.identity,
        peer.connection_id,
    )
    call = answer.reducer_call
    assert (call.reducer_name, call.request_id) == ("seed_accounts", 12)
    assert call.reducer_id == hub.reducer_id("seed_accounts")
    shown = call.args if kind is PeerV1 else hub.args_from_json("seed_accounts", [1, 2])
    assert shown == peer.schema.args("seed_accounts", 1, 2)
    if kind is PeerV1Json:
        assert call.args in (b"[1,2]", b'{"count":1,"balance":2}')


def test_a_refusal_and_a_crash(hub: Hub, kind: type[PeerV1]) -> None:
    peer = _joined(hub, kind)
    (answer,) = peer.ask(peer.call("reject", "nö", request_id=12))
    assert answer.status == v1.Failed("nö")
    assert (answer.reducer_call.reducer_name, answer.reducer_call.request_id) == ("reject", 12)
    module = Module("broken")

    @module.reducer
    def crash(ctx: ReducerContext) -> None:
        raise KeyError("secret")

    broken = Hub("broken", open_database(module))
    other = _joined(broken, kind)
    (answer,) = other.ask(other.call("crash", request_id=3))
    assert answer.status == v1.Failed("The instance encountered a fatal error.")
    assert answer.reducer_call.request_id == 3
    broken.database.close()


def test_calls_that_never_run_have_request_id_zero(hub: Hub) -> None:
    peer = _joined(hub, PeerV1)
    for reducer, args, says in (
        ("nope", b"\1\2", "no such reducer"),
        ("delete_item", b"\1", "invalid arguments"),
    ):
        (answer,) = peer.ask(v1.CallReducer(reducer, args, 8, 0))
        assert isinstance(answer.status, v1.Failed)
        assert says in answer.status.error
        assert answer.reducer_call == v1.ReducerCallInfo(reducer, NO_REDUCER, b"", 0)


@pytest.mark.parametrize(
    ("reducer", "args", "says"),
    [
        ("nope", "[1]", "no such reducer"),
        ("delete_item", "[]", "invalid arguments"),
        ("delete_item", '["x"]', "invalid arguments"),
        ("delete_item", "[1, 2]", "invalid arguments"),
        ("delete_item", "[-1]", "invalid arguments"),
        ("delete_item", '{"nope": 1}', "invalid arguments"),
    ],
)
def test_text_calls_that_never_run(hub: Hub, reducer: str, args: str, says: str) -> None:
    peer = _joined(hub, PeerV1Json)
    inner = args.replace('"', '\\"')
    text = f'{{"CallReducer":{{"reducer":"{reducer}","args":"{inner}","request_id":8,"flags":0}}}}'
    peer.session.receive(text)
    peer.session.work()
    (answer,) = peer.received()
    assert isinstance(answer.status, v1.Failed)
    assert says in answer.status.error
    assert answer.reducer_call.reducer_name == reducer
    assert answer.reducer_call.request_id == 0


@pytest.mark.parametrize("args", ["[7]", '{"id":7}'])
def test_text_calls_by_position_and_by_name(hub: Hub, args: str) -> None:
    peer = _joined(hub, PeerV1Json)
    inner = args.replace('"', '\\"')
    peer.session.receive(
        f'{{"CallReducer":{{"reducer":"delete_item","args":"{inner}","request_id":8}}}}'
    )
    peer.session.work()
    (answer,) = peer.received()
    assert answer.status == v1.Failed("no such item 7")


def test_procedures_are_unknown(hub: Hub) -> None:
    peer = _joined(hub, PeerV1)
    (answer,) = peer.ask(v1.CallProcedure("nope", b"", 8, 0))
    assert answer.request_id == 8
    assert "no such procedure" in answer.status.error


def test_others_get_the_update_in_full_or_light(hub: Hub, kind: type[PeerV1]) -> None:
    caller, full, light, idle = (
        _joined(hub, kind, number, light=number == 3) for number in (1, 2, 3, 4)
    )
    for each in (full, light):
        _multi(each, ACCOUNTS)
    _multi(idle, "SELECT * FROM item")
    caller.send(caller.call("seed_accounts", 2, 10, request_id=31))
    hub.end_tick()
    (told,) = full.received(tick=False)
    assert _update(full, told) == [("account", [(BOTH, [])])]
    assert told.caller_connection_id == caller.connection_id
    assert told.reducer_call.request_id == 31
    (told,) = light.received(tick=False)
    assert isinstance(told, v1.TransactionUpdateLight)
    assert told.request_id == 31
    assert light.tables(told.update) == [("account", [(BOTH, [])])]
    assert idle.received(tick=False) == []


def test_no_success_notify(hub: Hub, kind: type[PeerV1]) -> None:
    caller, other = _joined(hub, kind, 1), _joined(hub, kind, 2)
    _multi(other, ACCOUNTS)
    caller.send(caller.call("seed_accounts", 2, 10, flags=1), caller.call("reject", "x", flags=1))
    hub.end_tick()
    assert caller.received(tick=False) == []
    assert _update(other, *other.received(tick=False)) == [("account", [(BOTH, [])])]
    _multi(caller, ACCOUNTS)  # a subscriber like any other
    (told,) = caller.ask(caller.call("seed_accounts", 1, 1, flags=1))
    assert _update(caller, told) == [("account", [([(0, 1)], BOTH)])]


def test_changes_without_a_session_name_nobody(hub: Hub, kind: type[PeerV1]) -> None:
    peer = _joined(hub, kind)
    _multi(peer, ACCOUNTS)
    outcome = hub.database.change(
        "account",
        [],
        [peer.schema.rows["account"].encode((9, 9))],
        sender=peer.identity,
        timestamp=moment(),
    )
    hub.publish_outcome("", outcome, peer.identity)
    (told,) = peer.received()
    assert _update(peer, told) == [("account", [([(9, 9)], [])])]
    assert told.caller_connection_id == ConnectionId(bytes(16))
    assert (told.reducer_call.reducer_name, told.reducer_call.request_id) == ("", 0)
    assert told.reducer_call.reducer_id == NO_REDUCER


# --- one-off queries -----------------------------------------------------------------------------


def test_one_off_queries(peer: PeerV1) -> None:
    _seed(peer)
    (answer,) = peer.ask(v1.OneOffQuery(b"\x01id", "SELECT * FROM account WHERE id = 1"))
    assert answer.message_id == b"\x01id"
    assert answer.error is None
    (table,) = answer.tables
    assert (table.table_name, peer.schema.decoded("account", table.rows)) == (
        "account",
        [(1, 10)],
    )
    (answer,) = peer.ask(v1.OneOffQuery(b"", "SELECT * FROM nope"))
    assert "nope" in answer.error
    assert answer.tables == []


# --- payloads and order --------------------------------------------------------------------------


def test_everything_comes_in_the_order_of_commits(hub: Hub, kind: type[PeerV1]) -> None:
    one, two = _joined(hub, kind, 1), _joined(hub, PeerV2, 2)  # type: ignore[arg-type]  # a peer all the same
    one.send(
        one.call("seed_accounts", 1, 100, request_id=1),
        v1.SubscribeMulti([ACCOUNTS], 2, 7),
        one.call("seed_accounts", 1, 101, request_id=3),
    )
    two.send(two.call("seed_accounts", 1, 102))
    one.send(v1.OneOffQuery(b"q", ACCOUNTS))
    hub.end_tick()
    first, applied, second, theirs, asked = one.received(tick=False)
    assert _update(one, first) == []
    assert one.tables(applied.update) == [("account", [([(0, 100)], [])])]
    assert _update(one, second) == [("account", [([(0, 101)], [(0, 100)])])]
    assert _update(one, theirs) == [("account", [([(0, 102)], [(0, 101)])])]
    assert one.schema.decoded("account", asked.tables[0].rows) == [(0, 102)]


def test_confirmed_sessions_wait_for_the_disk(hub: Hub, kind: type[PeerV1]) -> None:
    sure = _joined(hub, kind, 1)
    sure.session.confirmed = True
    sure.send(sure.call("seed_accounts", 1, 5, request_id=1))
    assert hub.end_tick() is True
    assert sure.received(tick=False) == []
    assert hub.synced(hub.database.position) is False
    assert len(sure.received(tick=False)) == 1


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.BROTLI])
def test_only_the_binary_form_is_compressed(hub: Hub, compression: Compression) -> None:
    sizes = {}
    for number, kind in enumerate((PeerV1, PeerV1Json), 1):
        peer = _joined(hub, kind, number, compression=compression)
        peer.ask(peer.call("seed_accounts", 1000, 5))
        peer.send(v1.SubscribeMulti([ACCOUNTS], 1, 7))
        hub.end_tick()
        sizes[kind] = peer.payloads[-1]
        assert len(peer.tables(peer.received()[-1].update)[0][1][0][0]) == 1000
    assert sizes[PeerV1][0] == {Compression.BROTLI: 1, Compression.GZIP: 2}[compression]
    assert sizes[PeerV1Json][:1] == b"{"


def test_a_full_session_handles_nothing_until_its_answers_left(
    peer: PeerV1, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "PENDING_LIMIT", 2000)
    _seed(peer, 200)
    peer.hand_in(*[v1.OneOffQuery(bytes([i]), ACCOUNTS) for i in range(4)])
    assert peer.session.work() is True
    assert len(peer.session.outbox) == 1
    seen = [answer.message_id for answer in peer.received()]
    while peer.session.work() or peer.session.outbox:
        seen += [answer.message_id for answer in peer.received()]
    assert seen == [bytes([i]) for i in range(4)]


# --- what comes in -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\xff",
        b"\x00\x01",
        "",
        "{",
        "[]",
        '{"Nope":{}}',
        '{"CallReducer":{}}',
        '{"CallReducer":1}',
    ],
)
def test_what_is_no_message_raises_after_what_came_before(peer: PeerV1, bad: Any) -> None:
    peer.hand_in(peer.call("seed_accounts", 2, 5))
    peer.session.receive(bad)
    with pytest.raises(WireError):
        peer.session.work()
    (answer,) = peer.received()
    assert isinstance(answer.status, v1.Committed)


def test_unknown_flags_raise(peer: PeerV1) -> None:
    peer.hand_in(peer.call("noop", flags=2))
    with pytest.raises(WireError, match="2 is not a known call flag"):
        peer.session.work()


def test_the_frame_decides_how_a_message_is_read(hub: Hub) -> None:
    """Text on a binary connection is answered in binary, and the other way round."""
    binary, text = _joined(hub, PeerV1, 1), _joined(hub, PeerV1Json, 2)
    call = binary.call("noop", request_id=9)
    binary.session.receive(text.encode(call))
    text.session.receive(binary.encode(call))
    for peer in (binary, text):
        peer.session.work()
    hub.end_tick()
    for peer in (binary, text):
        (answer,) = peer.received(tick=False)
        assert answer.reducer_call.request_id == 9


def test_bytes_after_a_message_are_ignored(hub: Hub) -> None:
    peer = _joined(hub, PeerV1)
    peer.session.receive(bytes(peer.encode(peer.call("noop"))) + b"\xff\xff")  # type: ignore[arg-type]  # binary
    peer.session.work()
    assert len(peer.received()) == 1


# --- both forms ----------------------------------------------------------------------------------


def test_text_and_binary_say_the_same(hub: Hub) -> None:
    """The same story on two connections: the decoded messages are equal but for the arguments,
    which the text form keeps as JSON."""
    peers = [_joined(hub, PeerV1, 1), _joined(hub, PeerV1Json, 2)]
    peers[1].session.identity = peers[0].session.identity
    heard: list[list[Any]] = [[], []]
    story: list[Any] = [
        v1.SubscribeMulti(["SELECT * FROM *"], 1, 1),
        v1.SubscribeSingle(ACCOUNTS, 2, 2),
        v1.SubscribeMulti(["SELECT * FROM nope"], 3, 3),
        v1.OneOffQuery(b"\x00\xff", "SELECT * FROM account WHERE balance = -5"),
        v1.UnsubscribeMulti(4, 1),
        v1.Unsubscribe(5, 2),
        v1.Subscribe([ACCOUNTS], 6),
    ]
    caller = _joined(hub, PeerV1, 3)
    for message in story:
        caller.ask(caller.call("seed_accounts", 2, -5))
        caller.ask(caller.call("insert_item", 2**63, 0.1, -0.0, 1e30, -(2**31), True, 'a"\\\n𝄞'))
        caller.ask(caller.call("send_message", "hi"))
        for peer in peers:
            peer.send(message)
        hub.end_tick()
        for peer, messages in zip(peers, heard, strict=True):
            messages += peer.received(tick=False)
    assert [len(messages) for messages in heard] == [len(heard[0])] * 2
    assert len(heard[0]) > len(story)
    for binary, text in zip(*heard, strict=True):
        assert type(binary) is type(text)
        if isinstance(binary, v1.TransactionUpdate):
            assert binary.status == text.status
            assert binary.reducer_call.request_id == text.reducer_call.request_id
        else:
            assert binary == text


def test_event_tables_are_refused(kind: type[PeerV1]) -> None:
    module = Module("events")

    @module.table(public=True, event=True)
    class Happened:
        x: u8

    @module.table(public=True)
    class Kept:
        x: u8

    @module.reducer
    def add(ctx: ReducerContext) -> None:
        ctx.db[Happened].insert(Happened(x=1))
        ctx.db[Kept].insert(Kept(x=2))

    hub = Hub("events", open_database(module))
    peer = _joined(hub, kind)
    (answer,) = peer.ask(v1.SubscribeMulti(["SELECT * FROM happened"], 1, 1))
    assert isinstance(answer, v1.SubscriptionError)
    assert "requires WebSocket v2" in answer.error
    _multi(peer, "SELECT * FROM *")  # all that can be subscribed
    (told,) = peer.ask(peer.call("add"))
    assert _update(peer, told) == [("kept", [([(2,)], [])])]
    hub.database.close()
