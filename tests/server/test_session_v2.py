"""Sessions of protocols v2 and v3 on a hub, without any wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.errors import WireError
from harness.module import Module, ReducerContext, ReducerError, u8
from harness.server import session as sessions
from harness.server.hub import Hub
from harness.wire import v2
from harness.wire.compression import Compression
from harness.wire.values import Err, Ok, Timestamp
from tests.server.databases import OWNER, open_database
from tests.server.peers import NOW, PeerV2, PeerV3, bench_hub

ACCOUNTS = "SELECT * FROM account"


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = bench_hub()
    yield made
    made.database.close()


@pytest.fixture(params=[PeerV2, PeerV3], ids=["v2", "v3"])
def kind(request: Any) -> type[PeerV2]:
    found: type[PeerV2] = request.param
    return found


@pytest.fixture
def peer(hub: Hub, kind: type[PeerV2]) -> PeerV2:
    made = kind(hub)
    made.received()
    return made


def _seed(peer: PeerV2, count: int = 3, balance: int = 10) -> None:
    (answer,) = peer.ask(peer.call("seed_accounts", count, balance))
    assert isinstance(answer.result, v2.ReducerOk)


def _subscribe(peer: PeerV2, *queries: str, set_id: int = 7, request_id: int = 1) -> Any:
    (answer,) = peer.ask(v2.Subscribe(request_id, set_id, list(queries)))
    return answer


# --- greeting ------------------------------------------------------------------------------------


def test_the_greeting_comes_first(hub: Hub, kind: type[PeerV2]) -> None:
    peer = kind(hub, 5)
    peer.send(v2.CallReducer(1, 0, "noop", b""))
    first, second = peer.received()
    assert first == v2.InitialConnection(peer.identity, peer.connection_id, "token 5")
    assert isinstance(second, v2.ReducerResult)


def test_a_refused_client_hears_nothing(kind: type[PeerV2]) -> None:
    module = Module("closed")

    @module.client_connected
    def hello(ctx: ReducerContext) -> None:
        raise ReducerError("members only")

    @module.reducer
    def noop(ctx: ReducerContext) -> None: ...

    hub = Hub("closed", open_database(module))
    peer = kind(hub)
    assert peer.refusal == "members only"
    assert peer.received() == []
    assert not hub.sessions
    hub.database.close()


# --- subscriptions -------------------------------------------------------------------------------


def test_a_subscription_brings_the_rows_there_are(peer: PeerV2) -> None:
    _seed(peer)
    answer = _subscribe(peer, ACCOUNTS, "SELECT * FROM item", "SELECT * FROM account WHERE id > 1")
    assert (answer.request_id, answer.query_set_id) == (1, 7)
    assert peer.rows(answer.rows) == [
        ("account", [(0, 10), (1, 10), (2, 10)]),
        ("account", [(2, 10)]),
    ]


def test_equal_queries_count_once_in_a_set(peer: PeerV2) -> None:
    _seed(peer)
    answer = _subscribe(peer, ACCOUNTS, ACCOUNTS, "select * from account")
    assert peer.rows(answer.rows) == [("account", [(0, 10), (1, 10), (2, 10)])]


def test_every_table_at_once(peer: PeerV2) -> None:
    _seed(peer, 1)
    peer.ask(peer.call("send_message", "hi"))
    answer = _subscribe(peer, "SELECT * FROM *")
    assert [table for table, _ in peer.rows(answer.rows)] == ["account", "message"]


def test_the_same_query_in_two_sets_is_told_to_both(peer: PeerV2) -> None:
    for set_id in (9, 4):
        _subscribe(peer, ACCOUNTS, set_id=set_id)
    (answer,) = peer.ask(peer.call("seed_accounts", 1, 5))
    update = answer.result.transaction_update
    assert [one.query_set_id for one in update.query_sets] == [4, 9]
    assert peer.sets(update) == {4: [("account", [(0, 5)], [])], 9: [("account", [(0, 5)], [])]}
    peer.ask(v2.Unsubscribe(2, 9, 0))
    (answer,) = peer.ask(peer.call("seed_accounts", 1, 6))
    assert peer.sets(answer.result.transaction_update) == {
        4: [("account", [(0, 6)], [(0, 5)])],
    }


def test_different_queries_of_a_set_tell_a_row_each(peer: PeerV2) -> None:
    _subscribe(peer, ACCOUNTS, "SELECT * FROM account WHERE balance > 0", "SELECT * FROM item")
    (answer,) = peer.ask(peer.call("seed_accounts", 1, 5))
    assert peer.sets(answer.result.transaction_update) == {
        7: [("account", [(0, 5)], []), ("account", [(0, 5)], [])]
    }


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT * FROM nope", "nope"),
        ("SELECT * FROM", ""),
        ("", ""),
        ("SELECT id FROM account", "whole rows"),
        ("SELECT * FROM account LIMIT 1", "LIMIT"),
        ("SELECT * FROM account WHERE nope = 1", "nope"),
        ("SELECT * FROM account WHERE id = 'x'", "id"),
        ("DELETE FROM account", ""),
    ],
)
def test_bad_queries_are_answered_and_nothing_is_watched(
    peer: PeerV2, query: str, says: str
) -> None:
    answer = _subscribe(peer, ACCOUNTS, query, request_id=44)
    assert isinstance(answer, v2.SubscriptionError)
    assert (answer.request_id, answer.query_set_id) == (44, 7)
    assert answer.error
    assert says in answer.error
    assert len(peer.hub.registry) == 0
    assert isinstance(_subscribe(peer, ACCOUNTS), v2.SubscribeApplied)  # the id is free


def test_a_set_id_in_use_is_refused_and_the_old_set_lives(peer: PeerV2) -> None:
    _subscribe(peer, ACCOUNTS)
    answer = _subscribe(peer, "SELECT * FROM item", request_id=2)
    assert isinstance(answer, v2.SubscriptionError)
    assert (answer.request_id, answer.query_set_id) == (2, 7)
    assert "already in use" in answer.error
    (result,) = peer.ask(peer.call("seed_accounts", 1, 1))
    assert list(peer.sets(result.result.transaction_update)) == [7]


@pytest.mark.parametrize("flags", [0, 1])
def test_unsubscribing_brings_the_leaving_rows_if_asked(peer: PeerV2, flags: int) -> None:
    _seed(peer, 2)
    _subscribe(peer, ACCOUNTS)
    (answer,) = peer.ask(v2.Unsubscribe(3, 7, flags))
    assert isinstance(answer, v2.UnsubscribeApplied)
    if flags:
        assert answer.rows is not None
        assert peer.rows(answer.rows) == [("account", [(0, 10), (1, 10)])]
    else:
        assert answer.rows is None
    (result,) = peer.ask(peer.call("seed_accounts", 1, 1))
    assert result.result.transaction_update.query_sets == []
    assert len(peer.hub.registry) == 0


def test_unsubscribing_what_is_not_there(peer: PeerV2) -> None:
    (answer,) = peer.ask(v2.Unsubscribe(3, 99, 1))
    assert isinstance(answer, v2.SubscriptionError)
    assert (answer.request_id, answer.query_set_id) == (3, 99)
    assert "Subscription not found" in answer.error


def test_a_client_that_went_is_watched_for_no_more(hub: Hub, kind: type[PeerV2]) -> None:
    gone, stays = kind(hub, 1), kind(hub, 2)
    hub.end_tick()
    assert len(stays.received()) == 1
    _subscribe(stays, ACCOUNTS)
    gone.ask(v2.Subscribe(1, 1, [ACCOUNTS, "SELECT * FROM item"]))
    gone.received()
    assert len(hub.registry) == 2
    hub.disconnect(gone.session)
    hub.disconnect(gone.session)  # twice is nothing
    assert len(hub.registry) == 1
    stays.ask(stays.call("seed_accounts", 1, 1))
    assert gone.received() == []
    assert gone.session.outbox == []


def test_private_tables_are_the_owners(kind: type[PeerV2]) -> None:
    module = Module("secrets")

    @module.table()
    class Secret:
        x: u8

    @module.table(public=True)
    class Open:
        x: u8

    @module.reducer
    def add(ctx: ReducerContext) -> None:
        ctx.db[Secret].insert(Secret(x=1))
        ctx.db[Open].insert(Open(x=2))

    hub = Hub("secrets", open_database(module))
    stranger, owner = kind(hub, 1), kind(hub, 2, identity=OWNER)
    stranger.received(), owner.received()
    answer = _subscribe(stranger, "SELECT * FROM secret")
    assert isinstance(answer, v2.SubscriptionError)
    assert "secret" in answer.error
    _subscribe(stranger, "SELECT * FROM *")
    _subscribe(owner, "SELECT * FROM *")
    stranger.send(stranger.call("add"))
    (result,) = stranger.received()
    assert stranger.sets(result.result.transaction_update) == {7: [("open", [(2,)], [])]}
    (update,) = owner.received()
    assert owner.sets(update) == {7: [("open", [(2,)], []), ("secret", [(1,)], [])]}
    hub.database.close()


def test_event_rows_come_as_events(kind: type[PeerV2]) -> None:
    module = Module("events")

    @module.table(public=True, event=True)
    class Happened:
        x: u8

    @module.reducer
    def add(ctx: ReducerContext) -> None:
        ctx.db[Happened].insert(Happened(x=1))

    hub = Hub("events", open_database(module))
    peer = kind(hub)
    hub.end_tick()
    peer.received()
    peer.ask(peer.call("add"))
    assert peer.rows(_subscribe(peer, "SELECT * FROM happened").rows) == []
    (answer,) = peer.ask(peer.call("add"))
    ((update,),) = [one.tables for one in answer.result.transaction_update.query_sets]
    (part,) = update.rows
    assert isinstance(part, v2.EventTable)
    assert peer.schema.decoded("happened", part.events) == [(1,)]
    hub.database.close()


# --- calls ---------------------------------------------------------------------------------------


def test_a_call_without_rows_is_ok_and_empty(peer: PeerV2) -> None:
    (answer,) = peer.ask(peer.call("noop", request_id=12))
    assert answer == v2.ReducerResult(
        12, Timestamp(NOW), v2.ReducerOk(b"", v2.TransactionUpdate([]))
    )


def test_a_refusal_brings_the_modules_text(peer: PeerV2) -> None:
    (answer,) = peer.ask(peer.call("reject", "nö", request_id=12))
    assert answer.request_id == 12
    assert answer.result == v2.ReducerErr(b"\x03\x00\x00\x00n\xc3\xb6")


def test_a_crash_tells_nothing(kind: type[PeerV2]) -> None:
    module = Module("broken")

    @module.reducer
    def crash(ctx: ReducerContext) -> None:
        raise KeyError("secret")

    hub = Hub("broken", open_database(module))
    peer = kind(hub)
    peer.received()
    (answer,) = peer.ask(peer.call("crash", request_id=3))
    assert answer.result == v2.ReducerInternalError("The instance encountered a fatal error.")
    assert answer.request_id == 3
    hub.database.close()


@pytest.mark.parametrize(
    ("reducer", "args", "says"),
    [
        ("nope", b"", "no such reducer"),
        ("delete_item", b"\1", "invalid arguments for reducer delete_item"),
        ("noop", b"\1", "invalid arguments for reducer noop"),
        ("", b"", "no such reducer"),
    ],
)
def test_calls_that_never_run(peer: PeerV2, reducer: str, args: bytes, says: str) -> None:
    (answer,) = peer.ask(v2.CallReducer(8, 0, reducer, args))
    assert answer.request_id == 8
    assert isinstance(answer.result, v2.ReducerInternalError)
    assert says in answer.result.error


def test_procedures_are_unknown(peer: PeerV2) -> None:
    (answer,) = peer.ask(v2.CallProcedure(8, 0, "nope", b""))
    assert answer.request_id == 8
    assert answer.timestamp == Timestamp(0)
    assert "no such procedure" in answer.status.error


def test_the_caller_gets_its_rows_in_the_result_and_others_an_update(
    hub: Hub, kind: type[PeerV2]
) -> None:
    caller, other, idle = kind(hub, 1), kind(hub, 2), kind(hub, 3)
    for each in (caller, other):
        each.received()
        _subscribe(each, ACCOUNTS)
    idle.received()
    _subscribe(idle, "SELECT * FROM item")
    caller.send(caller.call("seed_accounts", 2, 5))
    (result,) = caller.received()
    assert caller.sets(result.result.transaction_update) == {7: [("account", [(0, 5), (1, 5)], [])]}
    (update,) = other.received()
    assert isinstance(update, v2.TransactionUpdate)
    assert other.sets(update) == {7: [("account", [(0, 5), (1, 5)], [])]}
    assert idle.received() == []


def test_failed_calls_are_told_to_nobody_else(hub: Hub, kind: type[PeerV2]) -> None:
    caller, other = kind(hub, 1), kind(hub, 2)
    caller.received(), other.received()
    _subscribe(other, ACCOUNTS)
    caller.ask(caller.call("reject", "no"), caller.call("transfer", 1, 2, 3))
    assert other.received() == []


def test_everything_comes_in_the_order_of_commits(hub: Hub, kind: type[PeerV2]) -> None:
    one, two = kind(hub, 1), kind(hub, 2)
    one.received(), two.received()
    one.send(
        one.call("seed_accounts", 1, 100, request_id=1),
        v2.Subscribe(2, 7, [ACCOUNTS]),
        one.call("seed_accounts", 1, 101, request_id=3),
    )
    two.send(two.call("seed_accounts", 1, 102, request_id=1))
    one.send(one.call("reject", "x", request_id=4), v2.OneOffQuery(5, ACCOUNTS))
    hub.end_tick()
    first, applied, second, theirs, refused, asked = one.received()
    assert first.result.transaction_update.query_sets == []
    assert one.rows(applied.rows) == [("account", [(0, 100)])]
    assert one.sets(second.result.transaction_update) == {7: [("account", [(0, 101)], [(0, 100)])]}
    assert one.sets(theirs) == {7: [("account", [(0, 102)], [(0, 101)])]}
    assert [x.request_id for x in (first, applied, second, refused, asked)] == [1, 2, 3, 4, 5]
    assert one.rows(asked.result.value) == [("account", [(0, 102)])]


# --- one-off queries -----------------------------------------------------------------------------


def test_one_off_queries(peer: PeerV2) -> None:
    _seed(peer)
    (answer,) = peer.ask(v2.OneOffQuery(5, "SELECT * FROM account WHERE id = 1"))
    assert isinstance(answer.result, Ok)
    assert peer.rows(answer.result.value) == [("account", [(1, 10)])]
    (answer,) = peer.ask(v2.OneOffQuery(6, "SELECT * FROM account WHERE id = 77"))
    assert peer.rows(answer.result.value) == [("account", [])]
    (answer,) = peer.ask(v2.OneOffQuery(7, "SELECT * FROM nope"))
    assert answer.request_id == 7
    assert isinstance(answer.result, Err)
    assert "nope" in answer.result.value


# --- payloads ------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", list(Compression))
def test_long_payloads_are_compressed_as_asked(
    hub: Hub, kind: type[PeerV2], compression: Compression
) -> None:
    peer = kind(hub, 1, compression=compression)
    peer.received()
    peer.send(peer.call("seed_accounts", 1000, 5))
    hub.end_tick()
    peer.received()
    peer.send(v2.Subscribe(1, 7, [ACCOUNTS]))
    hub.end_tick()
    (payload,) = peer.payloads
    prefixes = {Compression.NONE: 0, Compression.BROTLI: 1, Compression.GZIP: 2}
    assert payload[0] == prefixes[compression]
    (answer,) = peer.received()
    assert len(peer.rows(answer.rows)[0][1]) == 1000


def test_only_v3_packs_the_messages_of_a_tick(hub: Hub) -> None:
    two, three = PeerV2(hub, 1), PeerV3(hub, 2)
    hub.end_tick()
    two.received(), three.received()
    for peer in (two, three):
        peer.send(*[peer.call("noop", request_id=i) for i in range(10)])
    hub.end_tick()
    assert (len(two.payloads), len(three.payloads)) == (10, 1)
    for peer in (two, three):
        assert [x.request_id for x in peer.received()] == list(range(10))


def test_confirmed_sessions_wait_for_the_disk_in_order(hub: Hub, kind: type[PeerV2]) -> None:
    sure, quick = kind(hub, 1, confirmed=True), kind(hub, 2)
    hub.end_tick()
    hub.synced(hub.database.position)
    sure.received(), quick.received()
    quick.send(v2.Subscribe(1, 7, [ACCOUNTS]))
    sure.send(sure.call("seed_accounts", 1, 5, request_id=1))
    assert hub.end_tick() is True
    first = hub.database.position
    assert len(quick.received(tick=False)) == 2
    assert sure.received(tick=False) == []
    sure.send(sure.call("reject", "x", request_id=2))  # nothing to sync, and still behind
    hub.end_tick()
    sure.send(sure.call("seed_accounts", 1, 6, request_id=3))
    hub.end_tick()
    assert sure.received(tick=False) == []
    assert hub.synced(first) is True
    assert [x.request_id for x in sure.received(tick=False)] == [1, 2]
    assert hub.synced(hub.database.position) is False
    assert [x.request_id for x in sure.received(tick=False)] == [3]
    assert hub.durable == hub.database.position
    assert sure.session.held_bytes == 0
    sure.send(sure.call("noop", request_id=4))  # nothing was written since: no waiting
    assert hub.end_tick() is False
    assert [x.request_id for x in sure.received(tick=False)] == [4]


# --- what comes in -------------------------------------------------------------------------------


def _wrong(peer: PeerV2, *payloads: Any) -> list[Any]:
    def feed() -> None:
        for payload in payloads:
            peer.session.receive(payload)
        while peer.session.work():
            pass

    with pytest.raises(WireError):
        feed()
    return peer.received()


@pytest.mark.parametrize("bad", [b"\xff", b"\x03\x01", b"\x00\x01\x00\x00\x00" + b"\xff" * 8])
def test_bad_bytes_raise_after_what_came_before_was_handled(peer: PeerV2, bad: bytes) -> None:
    good = v2.CLIENT.encode(peer.call("seed_accounts", 2, 5))
    (answer,) = _wrong(peer, good, bad)
    assert isinstance(answer.result, v2.ReducerOk)
    assert peer.hub.database.count("account") == 2


def test_bytes_after_a_message_are_ignored_by_v2_and_read_by_v3(hub: Hub) -> None:
    two, three = PeerV2(hub, 1), PeerV3(hub, 2)
    hub.end_tick()
    two.received(), three.received()
    good = v2.CLIENT.encode(two.call("noop"))
    two.session.receive(good + b"\xff\xff")
    two.session.work()
    assert len(two.received()) == 1
    assert len(_wrong(three, good + b"\xff\xff")) == 1
    three.session = PeerV3(hub, 3).session
    three.session.sink = three.payloads.extend
    three.session.receive(good * 5)
    three.session.work()
    assert len([x for x in three.received() if isinstance(x, v2.ReducerResult)]) == 5


@pytest.mark.parametrize(
    "message",
    [
        v2.CallReducer(1, 1, "noop", b""),
        v2.CallProcedure(1, 1, "noop", b""),
        v2.Unsubscribe(1, 1, 2),
    ],
)
def test_unknown_flags_raise(peer: PeerV2, message: Any) -> None:
    assert _wrong(peer, v2.CLIENT.encode(message)) == []


@pytest.mark.parametrize("payload", ["{}", "", b""])
def test_text_and_nothing_raise(peer: PeerV2, payload: Any) -> None:
    assert _wrong(peer, payload) == []


def test_a_full_session_handles_nothing_until_its_answers_left(
    peer: PeerV2, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "PENDING_LIMIT", 2000)
    peer.ask(peer.call("seed_accounts", 200, 5))  # one answer of 2,400 bytes
    peer.hand_in(*[v2.OneOffQuery(i, ACCOUNTS) for i in range(5)])
    assert peer.session.work() is True
    assert len(peer.session.outbox) == 1
    assert peer.session.full
    assert peer.session.work() is True  # asked again, it still waits
    assert len(peer.session.outbox) == 1
    seen = [answer.request_id for answer in peer.received()]
    while peer.session.work() or peer.session.outbox:
        seen += [answer.request_id for answer in peer.received()]
    assert seen == list(range(5))


def test_payloads_held_for_the_disk_count_as_full(
    hub: Hub, kind: type[PeerV2], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "PENDING_LIMIT", 2000)
    peer = kind(hub, 1, confirmed=True)
    hub.end_tick()
    hub.synced(hub.database.position)
    peer.received()
    peer.send(peer.call("seed_accounts", 200, 5), v2.OneOffQuery(1, ACCOUNTS))
    hub.end_tick()
    peer.hand_in(peer.call("noop", request_id=9))
    assert peer.session.work() is True
    assert peer.session.outbox == []
    hub.synced(hub.database.position)
    assert peer.session.work() is False
    assert peer.received()[-1].request_id == 9


def test_many_messages_give_others_their_turn(peer: PeerV2) -> None:
    peer.hand_in(*[peer.call("noop", request_id=i) for i in range(sessions.SLICE + 10)])
    assert peer.session.work() is True
    assert len(peer.session.outbox) == sessions.SLICE
    assert peer.session.has_work
    assert peer.session.work() is False
    assert not peer.session.has_work
    assert peer.session.backlog == 0
    assert [x.request_id for x in peer.received()] == list(range(sessions.SLICE + 10))
