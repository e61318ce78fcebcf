"""Whole SQL statements: results as the HTTP API shows them, and what they change."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest

from harness.errors import SqlError
from harness.module import (
    ConnectionId,
    Identity,
    Module,
    ReducerContext,
    TimeDuration,
    Timestamp,
    auto_inc,
    column,
    f32,
    i8,
    i32,
    i64,
    u8,
    u32,
    u64,
    u256,
)
from harness.server.hub import Hub
from harness.server.statements import execute
from harness.wire import v2
from tests.server.databases import ALICE, OWNER, call, open_database, rows
from tests.server.peers import PeerV3


class Mood(Enum):
    GOOD = "Good"
    BAD = "Bad"


MODULE = Module("sql")


@MODULE.table(public=True)
class Person:
    id: u32 = column(primary_key=True)
    name: str = column(unique=True)
    age: u8
    house: u32 = column(index="btree")
    nick: str | None


@MODULE.table(public=True)
class House:
    id: u32 = column(primary_key=True)
    street: str


@MODULE.table()
class Secret:
    x: i32


@MODULE.table(public=True)
class Kinds:
    a: bool
    b: i8
    c: u64
    d: u256
    e: f32
    f: float
    g: bytes
    h: Identity
    i: ConnectionId
    j: Timestamp
    k: TimeDuration
    l: uuid.UUID  # noqa: E741  (the letters count the columns)
    m: Mood
    n: list[u8 | None]


@MODULE.table(public=True)
class Numbered:
    id: u64 = auto_inc(primary_key=True)
    amount: i64


@MODULE.reducer
def fill(ctx: ReducerContext) -> None:
    for id, name, age, house in ((1, "Ann", 30, 7), (2, "Bob", 40, 7), (3, "Cem", 50, 8)):
        nick = "A." if id == 1 else None
        ctx.db[Person].insert(Person(id=id, name=name, age=age, house=house, nick=nick))
    ctx.db[House].insert(House(id=7, street="Elm"))
    ctx.db[House].insert(House(id=8, street="Oak"))
    ctx.db[Kinds].insert(
        Kinds(
            a=True, b=-1, c=2**64 - 1, d=2**255, e=0.5, f=-0.25, g=b"\x00\xff",
            h=Identity.from_int(0xAB), i=ConnectionId.from_int(3), j=Timestamp(5),
            k=TimeDuration(-6), l=uuid.UUID(int=9), m=Mood.BAD, n=[1, None],
        )
    )  # fmt: skip


@pytest.fixture
def hub() -> Iterator[Hub]:
    database = open_database(MODULE)
    call(database, "fill")
    yield Hub("sql", database)
    database.close()


def run(hub: Hub, text: str, *, sender: Identity = OWNER) -> dict[str, Any]:
    return execute(hub, text, sender, owner=sender == OWNER)


def shown(hub: Hub, text: str) -> list[Any]:
    found: list[Any] = sorted(run(hub, text, sender=ALICE)["rows"])
    return found


ZERO = {"rows_inserted": 0, "rows_deleted": 0, "rows_updated": 0}


# --- questions -----------------------------------------------------------------------------------


def test_a_result_in_full(hub: Hub) -> None:
    assert run(hub, "SELECT id, nick FROM person WHERE id < 3") == {
        "schema": {
            "elements": [
                {"name": {"some": "id"}, "algebraic_type": {"U32": []}},
                {
                    "name": {"some": "nick"},
                    "algebraic_type": {
                        "Sum": {
                            "variants": [
                                {"name": {"some": "some"}, "algebraic_type": {"String": []}},
                                {
                                    "name": {"some": "none"},
                                    "algebraic_type": {"Product": {"elements": []}},
                                },
                            ]
                        }
                    },
                },
            ]
        },
        "rows": [[1, [0, "A."]], [2, [1, []]]],
        "stats": ZERO,
    }


def test_every_type_as_json(hub: Hub) -> None:
    (row,) = run(hub, "SELECT * FROM kinds")["rows"]
    identity = "0xab"  # a number of 256 bits, without leading zeros
    assert row == [
        True, -1, 2**64 - 1, hex(2**255), 0.5, -0.25, "00ff", [identity], [3], [5], [-6], [9],
        [1, []], [[0, 1], [1, []]],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT name FROM person", [["Ann"], ["Bob"], ["Cem"]]),
        ("SELECT name AS n, id FROM person WHERE age >= 40", [["Bob", 2], ["Cem", 3]]),
        ("SELECT p.name FROM person p WHERE p.house = 8", [["Cem"]]),
        ("SELECT name FROM person WHERE age > 30 AND age < 50 OR id = 1", [["Ann"], ["Bob"]]),
        ("SELECT name FROM person WHERE name = 'Ann'", [["Ann"]]),
        ("SELECT COUNT(*) AS n FROM person", [[3]]),
        ("SELECT COUNT(*) AS n FROM person WHERE house = 7", [[2]]),
        ("SELECT COUNT(*) AS n FROM person WHERE house = 9", [[0]]),
        ("SELECT COUNT(*) AS n FROM person p JOIN house h ON p.house = h.id", [[3]]),
        (
            "SELECT h.* FROM person p JOIN house h ON p.house = h.id WHERE p.age < 50",
            [[7, "Elm"], [7, "Elm"]],
        ),
        (
            "SELECT p.name FROM person p JOIN house h ON p.house = h.id WHERE h.street = 'Oak'",
            [["Cem"]],
        ),
        ("SELECT id FROM person LIMIT 0", []),
        ("SELECT id FROM person LIMIT 99", [[1], [2], [3]]),
    ],
)
def test_questions(hub: Hub, text: str, expected: list[Any]) -> None:
    assert shown(hub, text) == expected


def test_limit(hub: Hub) -> None:
    assert len(run(hub, "SELECT * FROM person LIMIT 2")["rows"]) == 2


def test_a_projection_names_its_columns(hub: Hub) -> None:
    found = run(hub, "SELECT name AS n, id FROM person")["schema"]["elements"]
    assert [element["name"]["some"] for element in found] == ["n", "id"]
    found = run(hub, "SELECT COUNT(*) AS total FROM person")["schema"]["elements"]
    assert found == [{"name": {"some": "total"}, "algebraic_type": {"U64": []}}]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM nope",
        "SELECT nope FROM person",
        "SELECT x.id FROM person p",
        "SELECT COUNT(*) FROM person",
        "SELECT * FROM person LIMIT -1",
        "SELECT * FROM person LIMIT 1.5",
        "SELECT * FROM *",
        "SELECT id FROM person p JOIN house h ON p.house = h.id",
        "SELECT p.id, h.id FROM person p JOIN house h ON p.house = h.id",
        "SELECT * FROM person WHERE age = 256",
        "SELECT * FROM person WHERE age = -1",
        "SELECT * FROM person WHERE age = 'x'",
        "SELECT * FROM person WHERE nick = 'x'",
        "SELECT * FROM person; SELECT * FROM person",
        "DROP TABLE person",
        "",
        "nonsense",
        "SELECT * FROM person WHERE id = ",
    ],
)
def test_what_is_no_question(hub: Hub, text: str) -> None:
    with pytest.raises(SqlError) as caught:
        run(hub, text)
    assert str(caught.value)


def test_private_tables_are_the_owners(hub: Hub) -> None:
    assert run(hub, "SELECT * FROM secret")["rows"] == []
    with pytest.raises(SqlError, match="secret"):
        run(hub, "SELECT * FROM secret", sender=ALICE)


# --- changes -------------------------------------------------------------------------------------

CHANGES = [
    "INSERT INTO house (id, street) VALUES (9, 'Ash')",
    "UPDATE house SET street = 'Ash'",
    "DELETE FROM house",
]


@pytest.mark.parametrize("text", CHANGES)
def test_only_the_owner_changes_data(hub: Hub, text: str) -> None:
    before = sorted(hub.database.all_rows("house"))
    with pytest.raises(SqlError, match="only the owner"):
        run(hub, text, sender=ALICE)
    assert sorted(hub.database.all_rows("house")) == before


@pytest.mark.parametrize(
    ("text", "stats", "after"),
    [
        (
            "INSERT INTO house (id, street) VALUES (9, 'Ash'), (10, 'Fir')",
            {"rows_inserted": 2},
            [(7, "Elm"), (8, "Oak"), (9, "Ash"), (10, "Fir")],
        ),
        (
            "INSERT INTO house (street, id) VALUES ('Ash', 9)",
            {"rows_inserted": 1},
            [(7, "Elm"), (8, "Oak"), (9, "Ash")],
        ),
        (
            "INSERT INTO house VALUES (9, 'Ash')",
            {"rows_inserted": 1},
            [(7, "Elm"), (8, "Oak"), (9, "Ash")],
        ),
        (
            "UPDATE house SET street = 'Ash' WHERE id = 8",
            {"rows_updated": 1},
            [(7, "Elm"), (8, "Ash")],
        ),
        ("UPDATE house SET street = 'Ash'", {"rows_updated": 2}, [(7, "Ash"), (8, "Ash")]),
        ("UPDATE house SET street = 'x' WHERE id = 99", {}, [(7, "Elm"), (8, "Oak")]),
        ("UPDATE house SET id = 80 WHERE id = 8", {"rows_updated": 1}, [(7, "Elm"), (80, "Oak")]),
        ("DELETE FROM house WHERE street = 'Elm'", {"rows_deleted": 1}, [(8, "Oak")]),
        ("DELETE FROM house", {"rows_deleted": 2}, []),
    ],
)
def test_changes(hub: Hub, text: str, stats: dict[str, int], after: list[Any]) -> None:
    assert run(hub, text) == {
        "schema": {"elements": []},
        "rows": [],
        "stats": {**ZERO, **stats},
    }
    assert sorted((row.id, row.street) for row in rows(hub.database, "house")) == after


def test_updates_may_swap_what_is_unique(hub: Hub) -> None:
    """All old rows go before the new ones come: no clash between the two."""
    run(hub, "INSERT INTO numbered (id, amount) VALUES (5, -3)")
    assert run(hub, "UPDATE numbered SET id = 6 WHERE id = 5")["stats"]["rows_updated"] == 1
    assert [(row.id, row.amount) for row in rows(hub.database, "numbered")] == [(6, -3)]


def test_zero_takes_the_next_number(hub: Hub) -> None:
    run(hub, "INSERT INTO numbered (id, amount) VALUES (0, 1), (0, 2)")
    found = sorted((row.id, row.amount) for row in rows(hub.database, "numbered"))
    assert found == [(1, 1), (2, 2)]


def test_an_identical_row_again_is_nothing(hub: Hub) -> None:
    run(hub, "INSERT INTO house VALUES (7, 'Elm')")
    assert hub.database.count("house") == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("INSERT INTO house VALUES (7, 'Ash')", "a row of house has id 7 already"),
        ("INSERT INTO house VALUES (9, 'a'), (9, 'b')", "a row of house has id 9 already"),
        ("INSERT INTO house (id) VALUES (9)", "needs all of id, street"),
        ("INSERT INTO house VALUES (9)", "1 values for 2 columns"),
        ("INSERT INTO house VALUES (-1, 'x')", "id"),
        ("INSERT INTO house VALUES ('x', 'x')", "id"),
        ("INSERT INTO nope VALUES (1)", "nope"),
        ("UPDATE person SET name = 'Ann'", "a row of person has name Ann already"),
        ("UPDATE person SET age = 300", "age"),
        ("UPDATE person SET nope = 1", "nope"),
        ("UPDATE nope SET x = 1", "nope"),
        ("DELETE FROM person WHERE nope = 1", "nope"),
        ("DELETE FROM nope", "nope"),
    ],
)
def test_a_refused_change_changes_nothing(hub: Hub, text: str, says: str) -> None:
    before = {name: sorted(hub.database.all_rows(name)) for name in hub.database.stores}
    with pytest.raises(SqlError) as caught:
        run(hub, text)
    assert says in str(caught.value)
    assert {name: sorted(hub.database.all_rows(name)) for name in before} == before


def test_changes_are_told_to_subscribers_without_a_caller(hub: Hub) -> None:
    peer = PeerV3(hub)
    peer.received()
    peer.ask(v2.Subscribe(1, 7, ["SELECT * FROM house"]))
    run(hub, "UPDATE house SET street = 'Ash' WHERE id = 8")
    (update,) = peer.received()
    assert peer.sets(update) == {7: [("house", [(8, "Ash")], [(8, "Oak")])]}
    run(hub, "UPDATE house SET street = 'Ash' WHERE id = 8")  # changes nothing
    run(hub, "INSERT INTO house VALUES (7, 'Elm')")
    assert peer.received() == []


def test_the_sender_is_a_parameter(hub: Hub) -> None:
    assert run(hub, "SELECT a FROM kinds WHERE h = :sender", sender=ALICE)["rows"] == []
    found = run(hub, "SELECT a FROM kinds WHERE h = :sender", sender=Identity.from_int(0xAB))
    assert found["rows"] == [[True]]
