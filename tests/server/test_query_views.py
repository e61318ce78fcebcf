"""Views that return a query: what they show, how it follows, and what cannot be asked."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import SqlError
from harness.module import (
    AnonymousViewContext,
    Identity,
    Module,
    Query,
    ReducerContext,
    ViewContext,
    column,
    u32,
)
from harness.server import evaluation
from harness.server.hub import Hub
from harness.server.outcome import OutcomeKind
from harness.server.plans import JoinPlan
from harness.server.statements import execute
from harness.server.testing import TestDatabase
from harness.wire import v2
from tests.server.databases import ALICE, call, open_database
from tests.server.peers import NOW, PeerV2

BOB = Identity.from_int(0xB0B)


def arena(view: Callable[[Any], Any] | None = None) -> Module:
    """Players, and the hits that each has taken, which are private. ``view`` is one more view."""
    module = Module("arena")

    @module.table(public=True)
    class Player:
        id: u32 = column(primary_key=True)
        owner: Identity = column(index="btree")
        level: u32
        label: str = column(name="name")
        nick: str | None

    @module.table()
    class Hit:
        id: u32 = column(primary_key=True)
        player: u32 = column(index="btree", name="player_id")
        points: u32

    @module.table(public=True, event=True)
    class Shot:
        player: u32

    @module.reducer
    def put(ctx: ReducerContext, id: u32, level: u32, label: str) -> None:
        found = Player(id=id, owner=ctx.sender, level=level, label=label, nick=None)
        ctx.db.player.id.insert_or_update(found)

    @module.reducer
    def hit(ctx: ReducerContext, id: u32, player: u32, points: u32) -> None:
        ctx.db.hit.id.insert_or_update(Hit(id=id, player=player, points=points))

    @module.reducer
    def gone(ctx: ReducerContext, players: list[u32], hits: list[u32]) -> None:
        for id in players:
            ctx.db.player.id.delete(id)
        for id in hits:
            ctx.db.hit.id.delete(id)

    @module.view(public=True)
    def strong(ctx: AnonymousViewContext) -> Query[Player]:
        return ctx.from_[Player].where(lambda p: (p.level > 3) & ~(p.label == "it's"))

    @module.view(public=True)
    def mine(ctx: ViewContext) -> Query[Player]:
        return ctx.from_.player.where(lambda p: p.owner == ctx.sender)  # type: ignore[no-any-return]  # its class is made here

    @module.view(public=True)
    def hurt(ctx: AnonymousViewContext) -> Query[Player]:
        hits = ctx.from_[Hit].where(lambda h: h.points >= 2)
        return ctx.from_[Player].left_semijoin(hits, lambda p, h: p.id == h.player)

    @module.view(public=True)
    def hits_of_strong(ctx: AnonymousViewContext) -> Query[Hit]:
        players = ctx.from_[Player].where(lambda p: p.level > 3)
        return players.right_semijoin(ctx.from_[Hit], lambda p, h: p.id == h.player)

    @module.view(public=True)
    def as_strong_as_the_first(ctx: AnonymousViewContext) -> Query[Player]:
        first = ctx.db[Player].id.find(1)
        level = first.level if first else 0
        return ctx.from_[Player].where(lambda p: p.level == level)

    if view is not None:
        view.__annotations__ = {"ctx": ViewContext, "return": Query[Player]}
        module.view(view, public=True)
    return module


VIEWS = ["strong", "mine", "hurt", "hits_of_strong", "as_strong_as_the_first"]


def arena_hub() -> Hub:
    return Hub("arena", open_database(arena()), clock=lambda: NOW)


def peer(hub: Hub, identity: Identity = ALICE, number: int = 1) -> PeerV2:
    found = PeerV2(hub, number, identity=identity)
    found.received()
    return found


def watch(client: PeerV2, query: str, set_id: int = 1) -> list[Any]:
    (applied,) = client.ask(v2.Subscribe(7, set_id, [query]))
    assert isinstance(applied, v2.SubscribeApplied), applied
    return [row for _, rows in client.rows(applied.rows) for row in rows]


def do(hub: Hub, reducer: str, *args: Any, sender: Identity = ALICE) -> None:
    outcome = call(hub.database, reducer, *args, sender=sender)
    assert outcome.kind is OutcomeKind.COMMITTED, outcome.error
    hub.publish_outcome(reducer, outcome, sender)


def changes(client: PeerV2) -> list[tuple[str, list[int], list[int]]]:
    """What each transaction brought: (view, ids that came, ids that went)."""
    found = []
    for message in client.received():
        assert isinstance(message, v2.TransactionUpdate), message
        for tables in client.sets(message).values():
            found += [(v, [x[0] for x in came], [x[0] for x in gone]) for v, came, gone in tables]
    return found


def test_a_condition() -> None:
    hub = arena_hub()
    do(hub, "put", 1, 5, "a")
    alice = peer(hub)
    assert [row[0] for row in watch(alice, "SELECT * FROM strong")] == [1]
    do(hub, "put", 2, 9, "it's")
    do(hub, "put", 3, 3, "c")
    assert changes(alice) == []
    do(hub, "put", 3, 4, "c")
    do(hub, "put", 1, 2, "a")
    assert changes(alice) == [("strong", [3], []), ("strong", [], [1])]


def test_each_sender_has_a_query_of_its_own() -> None:
    hub = arena_hub()
    alice, bob = peer(hub, ALICE, 1), peer(hub, BOB, 2)
    assert (watch(alice, "SELECT * FROM mine"), watch(bob, "SELECT * FROM mine")) == ([], [])
    do(hub, "put", 1, 5, "a")
    assert (changes(alice), changes(bob)) == ([("mine", [1], [])], [])
    do(hub, "put", 1, 5, "a", sender=BOB)
    assert (changes(alice), changes(bob)) == ([("mine", [], [1])], [("mine", [1], [])])


def test_a_row_with_several_partners_stands_there_once() -> None:
    """The table of hits is private: what the view tells of it is told to everybody."""
    hub = arena_hub()
    do(hub, "put", 1, 5, "a")
    do(hub, "hit", 1, 1, 2)
    do(hub, "hit", 2, 1, 3)
    alice = peer(hub)
    assert len(watch(alice, "SELECT * FROM hurt")) == 1
    do(hub, "hit", 3, 1, 9)
    do(hub, "gone", [], [1, 3])
    assert changes(alice) == []
    do(hub, "gone", [], [2])
    assert changes(alice) == [("hurt", [], [1])]


def test_a_query_that_depends_on_rows_that_were_looked_at() -> None:
    hub = arena_hub()
    for number in (1, 2, 3):
        do(hub, "put", number, number, "x")
    alice = peer(hub)
    assert [row[0] for row in watch(alice, "SELECT * FROM as_strong_as_the_first")] == [1]
    do(hub, "put", 1, 2, "x")  # another query now, and a row that came for both
    ((_, came, gone),) = changes(alice)
    assert (sorted(came), gone) == ([1, 2], [1])
    do(hub, "put", 3, 2, "x")
    assert changes(alice) == [("as_strong_as_the_first", [3], [])]


def test_only_the_rows_that_changed_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = arena_hub()
    alice = peer(hub)
    watch(alice, "SELECT * FROM strong", 1)
    watch(alice, "SELECT * FROM hurt", 2)

    def again(*_: Any) -> Any:
        raise AssertionError("the view is made again")

    monkeypatch.setattr(evaluation.Evaluator, "evaluate", again)
    monkeypatch.setattr(hub.database, "all_rows", again)
    do(hub, "put", 1, 5, "a")
    do(hub, "hit", 1, 1, 2)
    assert changes(alice) == [("strong", [1], []), ("hurt", [1], [])]


def test_sql_and_the_definition() -> None:
    hub = arena_hub()
    do(hub, "put", 1, 5, "a")
    do(hub, "put", 2, 5, "b", sender=BOB)

    def ids(text: str) -> list[Any]:
        return [row[0] for row in execute(hub, text, ALICE, owner=False)["rows"]]

    assert ids("SELECT * FROM mine") == [1]
    assert ids("SELECT id FROM strong WHERE name = 'b'") == [2]
    definition = hub.database.definition
    # The key of the table is the view's: clients see updates.
    assert {x.name: (x.primary_key, definition.view_table(x).row) for x in definition.views} == {
        view: (("id",), definition.table("hit" if "hits" in view else "player").row)
        for view in VIEWS
    }


def test_nothing_is_kept_up_that_nobody_watches() -> None:
    hub = arena_hub()
    views = hub.views
    assert views is not None
    alice, bob = peer(hub, ALICE, 1), peer(hub, BOB, 2)
    for number, client in enumerate((alice, bob)):
        watch(client, "SELECT * FROM strong")
        watch(client, "SELECT * FROM mine", 2)
        assert len(views._queries) == 2 + number, "what everybody sees is followed once"
    hub.disconnect(alice.session)
    alice.received()
    bob.ask(v2.Unsubscribe(3, 1, 0), v2.Unsubscribe(4, 2, 0))
    assert (len(views), len(views._queries), views._queried) == (0, 0, {})


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"), st.integers(1, 4), st.integers(2, 5), st.sampled_from(["a", "b"])
        ),
        st.tuples(st.just("hit"), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3)),
        st.tuples(
            st.just("gone"),
            st.lists(st.integers(1, 4), max_size=2),
            st.lists(st.integers(1, 5), max_size=3),
        ),
    ),
    max_size=25,
)


@settings(max_examples=20)
@given(STEPS, st.lists(st.booleans(), min_size=25, max_size=25))
def test_followed_rows_are_those_of_a_fresh_look(steps: list[Any], whose: list[bool]) -> None:
    """A slow twin: what subscribers know in the end is what the views show when asked anew."""
    hub = arena_hub()
    known: dict[tuple[str, str], set[Any]] = {}
    clients = {"alice": peer(hub, ALICE, 1), "bob": peer(hub, BOB, 2)}
    for who, client in clients.items():
        for number, view in enumerate(VIEWS):
            known[who, view] = set(watch(client, f"SELECT * FROM {view}", number))
    for step, is_alice in zip(steps, whose, strict=False):
        do(hub, *step, sender=ALICE if is_alice else BOB)
        for who, client in clients.items():
            for message in client.received():
                for tables in client.sets(message).values():
                    for view, came, gone in tables:
                        rows = known[who, view]
                        assert rows >= set(gone)
                        rows -= set(gone)
                        assert rows.isdisjoint(came)
                        rows |= set(came)
    fresh = Hub("fresh", hub.database, clock=lambda: NOW)
    for (who, view), rows in known.items():
        other = peer(fresh, ALICE if who == "alice" else BOB)
        shown = watch(other, f"SELECT * FROM {view}")
        assert (len(shown), set(shown)) == (len(rows), rows)
        fresh.disconnect(other.session)


# --- what cannot be asked ------------------------------------------------------------------------


WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "rows": (
        lambda ctx: [],
        "it is declared as Query[Player] and returned list; return ctx.from_[Player], with a "
        "condition if you like",
    ),
    "another table": (
        lambda ctx: ctx.from_.hit,
        "it is declared as Query[Player] and returned a query of Hit",
    ),
    "an unknown table": (
        lambda ctx: ctx.from_.players,
        "there is no table 'players'; did you mean 'player'?",
    ),
    "an unknown column": (
        lambda ctx: ctx.from_.player.where(lambda p: p.levle > 3),
        "table 'player' has no column 'levle'; did you mean 'level'?",
    ),
    "the column's name on the wire": (
        lambda ctx: ctx.from_.player.where(lambda p: p.name == "a"),
        "table 'player' has no column 'name'",
    ),
    "a column that cannot be compared": (
        lambda ctx: ctx.from_.player.where(lambda p: p.nick == "a"),
        '"player"."nick" cannot be compared in SQL',
    ),
    "a value of another type": (
        lambda ctx: ctx.from_.player.where(lambda p: p.level == "a"),
        '"player"."level" cannot be compared with \'a\'',
    ),
    "a value that no row can have": (
        lambda ctx: ctx.from_.player.where(lambda p: p.level == -1),
        "'-1' is no U32 for column 'level': outside 0 … 4294967295",
    ),
    "and": (
        lambda ctx: ctx.from_.player.where(lambda p: p.level > 3 and p.id > 1),
        "a condition has no truth value here: use & | ~",
    ),
    "no condition": (
        lambda ctx: ctx.from_.player.where(lambda p: p.level),
        "is no condition; write one such as u.level > 3",
    ),
    "columns of two types": (
        lambda ctx: ctx.from_.player.where(lambda p: p.level == p.owner),
        "columns 'owner' and 'level' cannot be compared: both have to be of one type",
    ),
    "a join without an index": (
        lambda ctx: ctx.from_.player.left_semijoin(ctx.from_.hit, lambda p, h: p.id == h.points),
        "tables are joined by lambda a, b: a.column.eq(b.column), both indexed",
    ),
    "a join with itself": (
        lambda ctx: ctx.from_.player.left_semijoin(ctx.from_.player, lambda p, o: p.id == o.id),
        "table 'player' cannot be joined with itself",
    ),
    "a join of a join": (
        lambda ctx: ctx.from_.hit.right_semijoin(
            ctx.from_.player, lambda h, p: h.player == p.id
        ).left_semijoin(ctx.from_.hit, lambda p, h: p.id == h.player),
        "a query joins two tables at the most",
    ),
    "event rows": (
        lambda ctx: ctx.from_.shot,
        "table 'shot' has event rows, which are never kept: no view can query it",
    ),
    "what is no row": (
        lambda ctx: ctx.from_[Module],
        "Module is not the row of a table",
    ),
    "going through it": (
        lambda ctx: list(ctx.from_.player),
        "a query has no rows yet: return it, and the server runs it",
    ),
}


@pytest.mark.parametrize("how", WRONG)
def test_what_a_view_cannot_ask(how: str) -> None:
    body, said = WRONG[how]

    def extra(ctx: Any) -> Any:
        return body(ctx)

    with TestDatabase(arena(extra)) as db, pytest.raises(SqlError) as caught:
        db.view("extra")
    text = str(caught.value)
    assert text.startswith("the view 'extra' failed: ")
    assert said in text


def test_a_query_of_one_of_two_tables_with_a_row_class() -> None:
    module = Module("twins")

    @module.table(accessor="red")
    class Thing:
        id: u32 = column(primary_key=True)

    module.table(accessor="blue", name="blue")(Thing)

    @module.view
    def any_of_them(ctx: ViewContext) -> Query[Thing]:
        return ctx.from_[Thing]

    @module.view
    def blue_ones(ctx: ViewContext) -> Query[Thing]:
        return ctx.from_.blue  # type: ignore[no-any-return]  # its class is made here

    with TestDatabase(module) as db:
        assert db.view("blue_ones") == []
        with pytest.raises(SqlError, match=r"use one of from_\.red, from_\.blue"):
            db.view("any_of_them")


# --- over time -----------------------------------------------------------------------------------


def test_other_code_keeps_the_rows_up() -> None:
    """Another version of the module: who watches is told what its query finds otherwise."""
    hub = arena_hub()
    for number in (3, 4, 5):
        do(hub, "put", number, number, "x")
    alice = peer(hub)
    watch(alice, "SELECT * FROM strong")
    newer = arena()
    player = next(table.row for table in newer.tables if table.name == "player")
    newer.contents.views[:] = [view for view in newer.views if view.name != "strong"]

    @newer.view(public=True)
    def strong(ctx: AnonymousViewContext) -> Query[player]:  # type: ignore[valid-type]  # its class is made here
        return ctx.from_.player.where(lambda p: p.level > 4)  # type: ignore[no-any-return]  # its class is made here

    assert hub.adopt(hub.database.succeed(newer, program=""))
    assert changes(alice) == [("strong", [], [4])]
    do(hub, "put", 6, 6, "x")
    do(hub, "put", 7, 4, "x")
    assert changes(alice) == [("strong", [6], [])]


def test_a_query_that_cannot_be_followed_ends_its_subscription_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub = arena_hub()
    alice = peer(hub)
    watch(alice, "SELECT * FROM hurt", 1)
    watch(alice, "SELECT * FROM strong", 2)

    def too_much(*_: Any) -> Any:
        raise SqlError("the query looks at too many rows")

    with monkeypatch.context() as patch:
        patch.setattr(JoinPlan, "delta", too_much)
        do(hub, "put", 1, 5, "a")
    ended, update = alice.received()
    assert isinstance(ended, v2.SubscriptionError)
    assert (ended.query_set_id, list(alice.sets(update))) == (1, [2])
    assert ended.error == "the view 'hurt' failed: the query looks at too many rows"
    assert hub.views is not None
    assert len(hub.views) == 1
    assert watch(alice, "SELECT * FROM hurt", 1) == []
