"""Views: subscribed, kept up, queried; made again only when what they looked at has changed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import SqlError
from harness.module import Identity, Module, ReducerContext, ViewContext, column, u32
from harness.server.database import ReducerTimeout, interrupt
from harness.server.hub import Hub
from harness.server.outcome import OutcomeKind
from harness.server.plans import Source
from harness.server.statements import execute
from harness.server.testing import TestDatabase
from harness.server.views import RECENT
from harness.wire import v1, v2
from tests.server.databases import ALICE, OWNER, call, open_database, scripted
from tests.server.peers import NOW, PeerV1, PeerV2
from tests.server.shop import Kind, shop

BOB = Identity.from_int(0xB0B)


def shop_hub() -> Hub:
    return Hub("shop", open_database(shop()), clock=lambda: NOW)


def peer(hub: Hub, identity: Identity = ALICE, number: int = 1) -> PeerV2:
    found = PeerV2(hub, number, identity=identity)
    found.received()
    return found


def watch(client: PeerV2, *queries: str, set_id: int = 1) -> dict[str, list[Any]]:
    (applied,) = client.ask(v2.Subscribe(7, set_id, list(queries)))
    assert isinstance(applied, v2.SubscribeApplied), applied
    return dict(client.rows(applied.rows))


def changes(client: PeerV2) -> list[tuple[str, list[Any], list[Any]]]:
    """What updates brought, one for each transaction: (view, inserts, deletes)."""
    found = []
    for message in client.received():
        if isinstance(message, v2.ReducerResult):
            assert isinstance(message.result, v2.ReducerOk | v2.ReducerOkEmpty), message
            message = getattr(message.result, "transaction_update", v2.TransactionUpdate([]))
        assert isinstance(message, v2.TransactionUpdate), message
        for tables in client.sets(message).values():
            found += tables
    return found


def do(hub: Hub, reducer: str, *args: Any, sender: Identity = ALICE) -> None:
    outcome = call(hub.database, reducer, *args, sender=sender)
    assert outcome.kind is OutcomeKind.COMMITTED, outcome.error
    hub.publish_outcome(reducer, outcome, sender)


def test_each_sender_sees_its_own() -> None:
    hub = shop_hub()
    alice, bob = peer(hub, ALICE, 1), peer(hub, BOB, 2)
    do(hub, "add", Kind.tool, 5)
    assert watch(alice, "SELECT * FROM mine")["mine"][0][0] == 1
    assert watch(bob, "SELECT * FROM mine") == {}
    do(hub, "add", Kind.food, 2, sender=BOB)
    assert changes(alice) == []
    ((view, came, gone),) = changes(bob)
    assert (view, [row[0] for row in came], gone) == ("mine", [2], [])
    do(hub, "give", 1, BOB)
    assert [(x[0], len(x[1]), len(x[2])) for x in changes(alice)] == [("mine", 0, 1)]
    assert [(x[0], len(x[1]), len(x[2])) for x in changes(bob)] == [("mine", 1, 0)]


def test_an_optional_row() -> None:
    hub = shop_hub()
    alice = peer(hub)
    assert watch(alice, "SELECT * FROM my_secret") == {}
    do(hub, "whisper", "one", sender=BOB)
    assert changes(alice) == []
    for text in ("one", "two"):
        do(hub, "whisper", text)
    first, second = changes(alice)
    assert (first[1][0][1], first[2]) == ("one", [])
    assert (second[1][0][1], second[2][0][1]) == ("two", "one")


def test_a_row_of_its_own_kind_for_everybody() -> None:
    hub = shop_hub()
    alice, bob = peer(hub, ALICE, 1), peer(hub, BOB, 2)
    assert watch(alice, "SELECT * FROM totals") == {}
    do(hub, "add", Kind.tool, 5)
    watch(bob, "SELECT * FROM totals WHERE pieces > 4")
    assert [len(x[1]) for x in changes(alice)] == [2]
    do(hub, "add", Kind.food, 9)
    assert [(len(x[1]), len(x[2])) for x in changes(alice)] == [(1, 1)]
    assert [(len(x[1]), len(x[2])) for x in changes(bob)] == [(1, 0)]
    assert hub.views is not None
    assert len(hub.views) == 1, "all who ask share what everybody sees"


@pytest.mark.parametrize(
    ("query", "owner", "said"),
    [
        ("SELECT * FROM hidden_ones", False, "no such table: `hidden_ones`"),
        ("SELECT * FROM hidden_ones", True, ""),
        ("SELECT * FROM hidden", True, "no such table: `hidden`"),
        ("SELECT mine.* FROM mine JOIN item ON mine.id = item.id", True, "needs an index"),
        ("SELECT * FROM mine WHERE price = 3", True, "has no column 'price'"),
    ],
)
def test_what_may_be_asked(query: str, owner: bool, said: str) -> None:
    hub = shop_hub()
    client = peer(hub, OWNER if owner else ALICE)
    (answer,) = client.ask(v2.Subscribe(7, 1, [query]))
    if said:
        assert isinstance(answer, v2.SubscriptionError)
        assert said in answer.error
    else:
        assert isinstance(answer, v2.SubscribeApplied)


def test_sql_reads_views_and_does_not_change_them() -> None:
    hub = shop_hub()
    do(hub, "add", Kind.tool, 5)
    do(hub, "add", Kind.food, 2, sender=BOB)

    def rows(text: str, sender: Identity = ALICE) -> Any:
        return execute(hub, text, sender, owner=True)["rows"]

    assert [row[0] for row in rows("SELECT * FROM mine")] == [1]
    assert [row[0] for row in rows("SELECT * FROM mine", BOB)] == [2]
    assert rows("SELECT count(*) AS n FROM totals") == [[2]]
    assert rows("SELECT pieces FROM totals WHERE pieces < 4") == [[2]]
    for text in (
        "DELETE FROM mine",
        "UPDATE totals SET pieces = 1",
        "INSERT INTO totals (kind, pieces) VALUES ('tool', 1)",
    ):
        with pytest.raises(SqlError, match="is a view"):
            rows(text)
    # A statement is a transaction that views follow, too.
    alice = peer(hub)
    watch(alice, "SELECT * FROM mine")
    rows("DELETE FROM item WHERE id = 1")
    assert [(len(x[1]), len(x[2])) for x in changes(alice)] == [(0, 1)]


def test_a_view_that_fails_ends_its_subscription_alone() -> None:
    hub = shop_hub()
    alice = peer(hub)
    watch(alice, "SELECT * FROM fragile", set_id=1)
    watch(alice, "SELECT * FROM item", set_id=2)
    do(hub, "add", Kind.food, 13)
    ended, update = alice.received()
    assert isinstance(ended, v2.SubscriptionError)
    assert (ended.request_id, ended.query_set_id) == (None, 1)
    assert ended.error == "the view 'fragile' failed: ZeroDivisionError: integer division or " \
        "modulo by zero"  # fmt: skip
    assert list(alice.sets(update)) == [2]
    (told,) = [x for x in hub.database.logs if "ZeroDivisionError" in x.message]
    assert told.ts == NOW
    (refused,) = alice.ask(v2.Subscribe(8, 1, ["SELECT * FROM fragile"]))
    assert isinstance(refused, v2.SubscriptionError)
    (one_off,) = alice.ask(v2.OneOffQuery(9, "SELECT * FROM fragile"))
    assert "failed" in str(one_off.result)
    do(hub, "take", 1, 3)
    assert len(changes(alice)) == 1
    watch(alice, "SELECT * FROM fragile", set_id=1)


def test_all_who_watch_a_view_that_fails_are_told_and_nobody_else() -> None:
    hub = shop_hub()
    alice, bob = peer(hub, ALICE, 1), peer(hub, BOB, 2)
    watch(alice, "SELECT * FROM fragile WHERE pieces = 7")
    watch(bob, "SELECT * FROM fragile", "SELECT * FROM totals", set_id=1)
    watch(bob, "SELECT * FROM item", set_id=2)
    do(hub, "add", Kind.food, 13)
    (ended,) = alice.received()
    assert (ended.query_set_id, ended.request_id) == (1, None)
    ended_too, update = bob.received()  # the set that ended is not told of any more
    assert (ended_too.query_set_id, list(bob.sets(update))) == (1, [2])
    assert hub.views is not None
    assert len(hub.views) == 0


def test_what_is_remembered_is_bounded() -> None:
    hub = shop_hub()
    assert hub.views is not None
    for number in range(2 * RECENT):
        hub.views.all_rows(Source("mine", Identity.from_int(number + 1)))
    assert len(hub.views._recent) <= RECENT


def test_nothing_is_kept_up_that_nobody_watches() -> None:
    hub = shop_hub()
    assert hub.views is not None
    alice, bob = peer(hub, ALICE, 1), peer(hub, BOB, 2)
    watch(alice, "SELECT * FROM mine", "SELECT * FROM totals", set_id=1)
    watch(alice, "SELECT * FROM mine WHERE pieces > 2", set_id=2)
    watch(bob, "SELECT * FROM totals")
    assert len(hub.views) == 2
    alice.ask(v2.Unsubscribe(3, 1, 1))
    assert len(hub.views) == 2
    alice.ask(v2.Unsubscribe(4, 2, 0))
    assert len(hub.views) == 1
    hub.disconnect(bob.session)
    assert len(hub.views) == 0
    assert not hub.views._by_table
    assert not hub.views._by_point


def test_protocol_v1_has_them_as_well() -> None:
    hub = shop_hub()
    client = PeerV1(hub, 3, identity=ALICE)
    client.received()
    do(hub, "add", Kind.tool, 5)
    (applied,) = client.ask(v1.SubscribeMulti(["SELECT * FROM mine"], 1, 1))
    (table,) = applied.update.tables
    assert (table.table_name, table.num_rows) == ("mine", 1)
    do(hub, "add", Kind.tool, 6)
    (update,) = client.received()
    (again,) = update.status.update.tables
    assert (again.table_id, again.num_rows) == (table.table_id, 1)


# --- only what depends ---------------------------------------------------------------------------


def counted() -> tuple[Module, list[str]]:
    """A module whose views tell that they were made."""
    module, made = Module("counted"), []

    @module.table(public=True)
    class Thing:
        id: u32 = column(primary_key=True)
        group: u32 = column(index="btree")
        text: str = column(unique=True)

    @module.table(public=True)
    class Other:
        id: u32 = column(primary_key=True)

    @module.reducer
    def put(ctx: ReducerContext, id: u32, group: u32, text: str) -> None:
        ctx.db.thing.id.insert_or_update(Thing(id=id, group=group, text=text))

    @module.reducer
    def other(ctx: ReducerContext, id: u32) -> None:
        ctx.db.other.insert(Other(id=id))

    def view(function: Any) -> None:
        def told(ctx: ViewContext) -> list[Thing]:
            made.append(function.__name__)
            found = function(ctx.db.thing)
            return [found] if isinstance(found, Thing) else list(found or [])

        told.__name__ = function.__name__
        told.__annotations__ = {"ctx": ViewContext, "return": list[Thing]}
        module.view(told, public=True)

    @view
    def by_key(thing: Any) -> Any:
        return thing.id.find(1)

    @view
    def by_text(thing: Any) -> Any:
        return thing.text.find("a")

    @view
    def by_group(thing: Any) -> Any:
        return thing.group.filter(1)

    @view
    def by_range(thing: Any) -> Any:
        return thing.group.filter(ge=2)

    @view
    def by_count(thing: Any) -> Any:
        return [] if thing.count() else None

    @view
    def by_nothing(thing: Any) -> Any:
        return thing.id.find(-1)

    return module, made


ALL = ["by_key", "by_text", "by_group", "by_range", "by_count", "by_nothing"]


@pytest.mark.parametrize(
    ("reducer", "args", "made"),
    [
        ("put", (1, 5, "x"), ["by_key", "by_range", "by_count"]),
        ("put", (2, 1, "x"), ["by_group", "by_range", "by_count"]),
        ("put", (2, 5, "a"), ["by_text", "by_range", "by_count"]),
        ("put", (2, 5, "x"), ["by_range", "by_count"]),
        ("other", (1,), []),
    ],
)
def test_only_what_depends_is_made_again(reducer: str, args: Any, made: list[str]) -> None:
    module, seen = counted()
    hub = Hub("counted", open_database(module), clock=lambda: NOW)
    client = peer(hub)
    watch(client, *[f"SELECT * FROM {name}" for name in ALL])
    assert sorted(seen) == sorted(ALL), "once for the snapshot and the watching together"
    seen.clear()
    do(hub, reducer, *args)
    assert sorted(seen) == sorted(made)


@st.composite
def _calls(draw: st.DrawFn) -> list[tuple[str, tuple[Any, ...], Identity]]:
    sender = st.sampled_from([ALICE, BOB])
    kind = st.sampled_from(list(Kind))
    one = st.one_of(
        st.tuples(st.just("add"), st.tuples(kind, st.integers(0, 9)), sender),
        st.tuples(st.just("take"), st.tuples(st.integers(1, 5), st.integers(0, 9)), sender),
        st.tuples(st.just("give"), st.tuples(st.integers(1, 5), sender), sender),
        st.tuples(st.just("whisper"), st.tuples(st.sampled_from(["a", "b"])), sender),
    )
    return draw(st.lists(one, max_size=25))


@given(_calls())
def test_what_is_kept_up_is_what_a_fresh_look_gives(
    calls: list[tuple[str, tuple[Any, ...], Identity]],
) -> None:
    """The slow twin: the same view, asked anew after each call."""
    hub = shop_hub()
    clients = [peer(hub, ALICE, 1), peer(hub, BOB, 2)]
    queries = {"mine": "SELECT * FROM mine", "totals": "SELECT * FROM totals",
               "my_secret": "SELECT * FROM my_secret"}  # fmt: skip
    kept: list[dict[str, list[Any]]] = []
    for client in clients:
        found = watch(client, *queries.values())
        kept.append({name: list(found.get(name, [])) for name in queries})
    for reducer, args, sender in calls:
        outcome = call(hub.database, reducer, *args, sender=sender)
        if outcome.kind is OutcomeKind.COMMITTED:
            hub.publish_outcome(reducer, outcome, sender)
        for client, cache in zip(clients, kept, strict=True):
            for name, came, gone in changes(client):
                for row in gone:
                    cache[name].remove(row)
                cache[name] += came
            for name, query in queries.items():
                plan = hub.one_off(query, client.session)
                fresh = [client.schema.rows[name].decode(data) for data in plan.rows(hub.rows)]
                assert sorted(cache[name], key=repr) == sorted(fresh, key=repr), name


# --- reading only --------------------------------------------------------------------------------

FORBIDDEN = {
    "insert": "a view only reads: it cannot insert",
    "delete": "a view only reads: it cannot delete",
    "clear": "a view only reads: it cannot clear",
    "try_insert": "a view only reads: it cannot try insert",
    "iter": "a view cannot go through a whole table: use find, filter or count",
    "by_owners": "a view finds no 'by_owners' here; did you mean 'by_owner'?",
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_view_reaches_nothing_that_writes(name: str) -> None:
    module = shop()

    @module.view
    def wrong(ctx: ViewContext) -> list[Any]:
        return list(getattr(ctx.db.item, name)())

    row = next(table.row for table in module.tables if table.name == "item")
    wrong.__annotations__["return"] = list[row]  # type: ignore[valid-type]  # the module's own
    with TestDatabase(module) as db, pytest.raises(SqlError) as caught:
        db.view("wrong")
    assert str(caught.value) == f"the view 'wrong' failed: AttributeError: {FORBIDDEN[name]}"


def test_a_view_that_swallows_its_time_out_has_no_rows() -> None:
    module = shop()

    @module.view
    def late(ctx: ViewContext) -> list[Any]:
        with suppress(ReducerTimeout):
            interrupt("too long")
        return []

    row = next(table.row for table in module.tables if table.name == "item")
    late.__annotations__["return"] = list[row]  # type: ignore[valid-type]  # the module's own
    with TestDatabase(module) as db:
        with pytest.raises(SqlError, match="the view 'late' failed: ReducerTimeout: too long"):
            db.view("late")
        assert db.view("mine") == [], "the next one has all of its time"


def test_a_write_that_a_view_smuggles_in_is_undone() -> None:
    module = shop()
    play = scripted(module)
    kept: list[Any] = []
    row = next(table.row for table in module.tables if table.name == "item")

    @module.view(public=True)
    def sly(ctx: ViewContext) -> list[Any]:
        kept[0].item.insert(row(owner=ctx.sender, kind=Kind.tool, pieces=1))
        return []

    sly.__annotations__["return"] = list[row]  # type: ignore[valid-type]  # the module's own
    hub = Hub("shop", open_database(module), clock=lambda: NOW)
    play(hub.database, lambda ctx: kept.append(ctx.db))
    (answer,) = peer(hub).ask(v2.Subscribe(1, 1, ["SELECT * FROM sly"]))
    assert isinstance(answer, v2.SubscriptionError)
    assert "a view changed a table" in answer.error
    assert hub.database.count("item") == 0


def test_in_a_test_of_the_module() -> None:
    with TestDatabase(shop()) as db:
        db.call("add", Kind.tool, 5, sender=ALICE)
        assert [row.pieces for row in db.view("mine", sender=ALICE)] == [5]
        assert db.view("mine", sender=BOB) == []
        assert [(x.kind, x.pieces) for x in db.view("totals")] == [(Kind.tool, 5), (Kind.food, 0)]
        assert db.view("my_secret") == []


def test_other_code_keeps_the_rows_up() -> None:
    """Another version of the module: who watches is told what its view shows otherwise."""
    hub = shop_hub()
    alice = peer(hub)
    for pieces in (2, 5, 9):
        do(hub, "add", Kind.tool, pieces)
    watch(alice, "SELECT * FROM mine")
    newer = shop()
    item = next(table.row for table in newer.tables if table.name == "item")
    newer.contents.views[:] = [view for view in newer.views if view.name != "mine"]

    @newer.view(public=True, primary_key="id")
    def mine(ctx: ViewContext) -> list[Any]:
        return [row for row in ctx.db.item.by_owner.filter(ctx.sender) if row.pieces > 2]

    mine.__annotations__["return"] = list[item]  # type: ignore[valid-type]  # the module's own
    assert hub.adopt(hub.database.succeed(newer, program=""))
    assert [(x[0], len(x[1]), len(x[2])) for x in changes(alice)] == [("mine", 0, 1)]
    do(hub, "take", 2, 1)
    assert [(x[0], len(x[1]), len(x[2])) for x in changes(alice)] == [("mine", 0, 1)]
