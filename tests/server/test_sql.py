"""The SQL that clients send, statement by statement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import SqlError
from harness.server import sql
from harness.server.sql import And, ColumnRef, Compare, Join, Literal, Not, Or, Select


def number(text: str) -> Literal:
    return Literal("number", text)


def column(name: str, table: str | None = None) -> ColumnRef:
    return ColumnRef(table, name)


def whole(table: str, where: sql.Condition | None = None) -> Select:
    return Select("", (), None, table, table, None, where, None)


ACCEPTED = [
    ("SELECT * FROM item", whole("item")),
    ('SELECT * FROM "item" ;', whole("item")),
    ("select * from t1 where c1 = 5", whole("t1", Compare("=", column("c1"), number("5")))),
    ("SELECT * FROM t WHERE 5 < a", whole("t", Compare(">", column("a"), number("5")))),
    ("SELECT * FROM t WHERE a != -1", whole("t", Compare("<>", column("a"), number("-1")))),
    (
        "SELECT * FROM t WHERE name = 'it''s'",
        whole("t", Compare("=", column("name"), Literal("string", "it's"))),
    ),
    (
        "SELECT * FROM t WHERE id = 0xAB OR id = X'cd'",
        whole(
            "t",
            Or(
                (
                    Compare("=", column("id"), Literal("hex", "AB")),
                    Compare("=", column("id"), Literal("hex", "cd")),
                )
            ),
        ),
    ),
    (
        "SELECT * FROM t WHERE online AND NOT (a = 1)",
        whole(
            "t",
            And(
                (
                    Compare("=", column("online"), Literal("bool", "TRUE")),
                    Not(Compare("=", column("a"), number("1"))),
                )
            ),
        ),
    ),
    (
        'SELECT "r".* FROM "l" JOIN "r" ON "l"."a" = "r"."b" WHERE ("r"."c" = :sender)',
        Select(
            "r",
            (),
            None,
            "l",
            "l",
            Join("r", "r", column("a", "l"), column("b", "r")),
            Compare("=", column("c", "r"), Literal("sender", ":sender")),
            None,
        ),
    ),
    # What the query builders write for columns of one table, and for `True`.
    (
        'DELETE FROM t WHERE ("t"."a" < "t"."b") AND (TRUE = TRUE) AND (FALSE = TRUE)',
        sql.Delete(
            "t",
            And(
                (
                    Compare("<", column("a", "t"), column("b", "t")),
                    sql.Constant(True),
                    sql.Constant(False),
                )
            ),
        ),
    ),
    ("SELECT * FROM *", sql.SelectAll()),
    (
        "SELECT COUNT(*) AS n FROM t LIMIT 3",
        Select(None, (), "n", "t", "t", None, None, number("3")),
    ),
    (
        "DELETE FROM t WHERE a = TRUE",
        sql.Delete("t", Compare("=", column("a"), Literal("bool", "TRUE"))),
    ),
    (
        "INSERT INTO t (a, b) VALUES (1, 'x')",
        sql.Insert("t", ("a", "b"), ((number("1"), Literal("string", "x")),)),
    ),
    (
        "UPDATE t SET a = 1 WHERE b < 2",
        sql.Update("t", (("a", number("1")),), Compare("<", column("b"), number("2"))),
    ),
]


@pytest.mark.parametrize(("text", "expected"), ACCEPTED, ids=[text for text, _ in ACCEPTED])
def test_accepted(text: str, expected: sql.Statement) -> None:
    assert sql.parse(text) == expected


REFUSED = [
    ("", "expected one statement, got 0"),
    ("SELECT * FROM a; SELECT * FROM b", "expected one statement, got 2"),
    ("SELECT * FROM t ORDER BY x", "ORDER is not supported"),
    ("SELECT DISTINCT * FROM t", "DISTINCT is not supported"),
    ("SELECT COUNT(*) FROM t", "COUNT\\(\\*\\) needs a name"),
    ("SELECT * FROM (SELECT * FROM t)", "name of a table"),
    ("SELECT * FROM a LEFT JOIN b ON a.x = b.x", "only INNER JOIN"),
    ("SELECT * FROM a JOIN b ON a.x < b.x", "one equality"),
    ("SELECT * FROM a JOIN b ON a.x = b.x JOIN c ON a.x = c.x", "2 joins"),
    ("SELECT * FROM t WHERE 1 = 1", "expected a column"),
    ("SELECT * FROM t WHERE a = b + 1", "with a literal value, or with a column"),
    ("SELECT * FROM t WHERE a + 1 = 2", "expected a column"),
    ("SELECT * FROM t WHERE a LIKE 'x'", "not a condition"),
    ("SELECT * FROM t WHERE a = ?", "no meaning"),
    ("DROP TABLE t", "only SELECT, INSERT"),
    ("SELECT * FROM t WHERE a = 1 -- x", "no meaning"),
    ("SELECT", "needs a FROM"),
    ("SELECT * FROM t WHERE " + "(" * 9000 + "a = 1" + ")" * 9000, "nested too deeply"),
    ("SELECT * FROM t WHERE a = '" + "x" * 70_000 + "'", "65536 are the limit"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[text[:40] for text, _ in REFUSED])
def test_refused(text: str, message: str) -> None:
    with pytest.raises(SqlError, match=message):
        sql.parse(text)


def test_long_chains_are_not_nested() -> None:
    statement = sql.parse("SELECT * FROM t WHERE " + " OR ".join(["a = 1"] * 2000))
    assert isinstance(statement, Select)
    assert isinstance(statement.where, Or)
    assert len(statement.where.parts) == 2000


@given(st.text(max_size=200))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        sql.parse(f"SELECT * FROM t WHERE {text}")
        sql.parse(text)
    except SqlError:
        pass


@given(st.integers(), st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=50))
def test_literals_come_back_as_written(whole_number: int, words: str) -> None:
    quoted = words.replace("'", "''")
    statement = sql.parse(f"SELECT * FROM t WHERE a = {whole_number} AND b = '{quoted}'")
    assert isinstance(statement, Select)
    assert isinstance(statement.where, And)
    first, second = statement.where.parts
    assert isinstance(first, Compare)
    assert isinstance(second, Compare)
    assert int(first.value.text) == whole_number
    assert second.value.text == words
