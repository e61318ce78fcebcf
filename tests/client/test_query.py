"""Typed queries: the SQL of the official builders, and a sentence for what is none."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from harness.client import query as q
from harness.client import schema as s
from harness.wire.values import ConnectionId, Identity, Timestamp

ALL = {
    "id": s.U32, "name": s.STRING, "online": s.BOOL, "level": s.I64, "ratio": s.F64,
    "who": s.IDENTITY, "link": s.CONNECTION_ID, "key": s.UUID, "at": s.TIMESTAMP, "raw": s.BYTES,
    "span": s.TIME_DURATION, "maybe": s.option(s.U8), "many": s.array(s.U16), "big": s.U256,
}  # fmt: skip
MODULE = s.module(
    types={"Row": s.product(object, *((wire, wire, kind) for wire, kind in ALL.items()))},
    tables=[
        s.table("user", "user", "Row", object, primary_key=0, unique=[0], indexed=[0, 5]),
        s.table("level", 'Level"s', "Row", object, indexed=[0]),
        s.table("shot", "shot", "Row", object, event=True, indexed=[0]),
        s.table("lib_items", "lib.items", "Row", object),
    ],
    reducers=[],
    procedures=[],
)
query: Any = q.QueryBase(MODULE, dict.fromkeys(["user", "level", "shot", "lib_items"], q.ColsBase))
WHERE = 'SELECT * FROM "user" WHERE '


@pytest.mark.parametrize(
    ("condition", "sql"),
    [
        (lambda u: u.online, '"user"."online" = TRUE'),
        (lambda u: ~u.online, 'NOT ("user"."online" = TRUE)'),
        (lambda u: True, "TRUE = TRUE"),
        (lambda u: u.online == False, '"user"."online" = FALSE'),  # noqa: E712  (it makes SQL)
        (lambda u: u.name == "it's", "\"user\".\"name\" = 'it''s'"),
        (lambda u: u.name != "", "\"user\".\"name\" <> ''"),
        (lambda u: u.level > 3, '"user"."level" > 3'),
        (lambda u: u.level >= -3, '"user"."level" >= -3'),
        (lambda u: u.level < 3, '"user"."level" < 3'),
        (lambda u: u.level <= 3, '"user"."level" <= 3'),
        (lambda u: u.level.lte(3) & u.level.gte(1),
         '("user"."level" <= 3) AND ("user"."level" >= 1)'),
        (lambda u: u.online & (u.level > 3), '("user"."online" = TRUE) AND ("user"."level" > 3)'),
        (lambda u: (u.level > 3) | ~u.online | True,
         '(("user"."level" > 3) OR (NOT ("user"."online" = TRUE))) OR (TRUE = TRUE)'),
        (lambda u: True & (u.level == 1), '(TRUE = TRUE) AND ("user"."level" = 1)'),
        (lambda u: u.id == u.id, '"user"."id" = "user"."id"'),
        (lambda u: u.ratio == 0.5, '"user"."ratio" = 0.5'),
        (lambda u: u.ratio == 2, '"user"."ratio" = 2'),
        (lambda u: u.big == 1 << 255, f'"user"."big" = {1 << 255}'),
        (lambda u: u.who == Identity.from_int(10), f'"user"."who" = 0x{10:064x}'),
        (lambda u: u.link == ConnectionId.from_int(1), f'"user"."link" = 0x{1:032x}'),
        (lambda u: u.key == uuid.UUID(int=255), f'"user"."key" = 0x{255:032x}'),
        (lambda u: u.raw == b"\x00\xff", '"user"."raw" = 0x00ff'),
        (lambda u: u.at > Timestamp(1_500_000),
         "\"user\".\"at\" > '1970-01-01T00:00:01.500000Z'"),
        (lambda u: u.at == Timestamp(-40 * 10**15),
         "\"user\".\"at\" = '0702-06-15T00:53:20.000000Z'"),
    ],
)  # fmt: skip
def test_conditions(condition: Any, sql: str) -> None:
    assert query.user.where(condition).to_sql() == WHERE + sql
    assert query.user.filter(condition).to_sql() == WHERE + sql


@pytest.mark.parametrize(
    ("made", "sql"),
    [
        (lambda: query.user, 'SELECT * FROM "user"'),
        (lambda: query.level, 'SELECT * FROM "Level""s"'),
        (lambda: query.lib_items, 'SELECT * FROM "lib"."items"'),
        (lambda: query.user.where(lambda u: u.level > 1).where(lambda u: u.online),
         WHERE + '("user"."level" > 1) AND ("user"."online" = TRUE)'),
        (lambda: query.user.left_semijoin(query.level, lambda u, x: u.id.eq(x.id)),
         'SELECT "user".* FROM "Level""s" JOIN "user" ON "user"."id" = "Level""s"."id"'),
        (lambda: query.user.right_semijoin(query.level, lambda u, x: u.id == x.id),
         'SELECT "Level""s".* FROM "user" JOIN "Level""s" ON "user"."id" = "Level""s"."id"'),
        (lambda: query.user.where(lambda u: u.online).right_semijoin(
            query.level, lambda u, x: u.id.eq(x.id)).where(lambda x: x.level > 2),
         'SELECT "Level""s".* FROM "user" JOIN "Level""s" ON "user"."id" = "Level""s"."id" WHERE '
         '("user"."online" = TRUE) AND ("Level""s"."level" > 2)'),
        (lambda: query.user.where(lambda u: u.online).left_semijoin(
            query.level, lambda u, x: u.id.eq(x.id)),
         'SELECT "user".* FROM "Level""s" JOIN "user" ON "user"."id" = "Level""s"."id" WHERE '
         '"user"."online" = TRUE'),
    ],
)  # fmt: skip
def test_queries(made: Any, sql: str) -> None:
    assert made().to_sql() == sql
    assert repr(made()) == f"<{sql}>"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda u: u.online and u.level > 3, "use & | ~ and parentheses"),
        (lambda u: not u.online, "use & | ~ and parentheses"),
        (lambda u: 1 < u.level < 3, "use & | ~ and parentheses"),
        (lambda u: (u.level > 1) or u.online, "use & | ~ and parentheses"),
        (lambda u: u.maybe == 1, '"maybe" cannot be compared in SQL'),
        (lambda u: u.many != [], '"many" cannot be compared in SQL'),
        (lambda u: u.span == 1, '"span" cannot be compared in SQL'),
        (lambda u: u.name == 5, '"name" cannot be compared with 5'),
        (lambda u: u.level == "5", "\"level\" cannot be compared with '5'"),
        (lambda u: u.level == True, '"level" cannot be compared with True'),  # noqa: E712
        (lambda u: u.online == 1, '"online" cannot be compared with 1'),
        (lambda u: u.level, "is no condition; write one such as"),
        (lambda u: "x = 1", "is no condition; write one such as"),
        (lambda u: u.who == query.level._cols.id, "is no condition|only in a semijoin"),
    ],
)
def test_what_is_no_condition(wrong: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        query.user.where(wrong)


def test_what_sql_has_no_literal_for() -> None:
    with pytest.raises(ValueError, match="SQL has no literal for nan"):
        query.user.where(lambda u: u.ratio == float("nan"))
    with pytest.raises(ValueError, match="outside of the years 1 to 9999"):
        query.user.where(lambda u: u.at < Timestamp((1 << 63) - 1))


def test_what_cannot_be_joined() -> None:
    with pytest.raises(TypeError, match="cannot be joined with itself"):
        query.user.left_semijoin(query.user, lambda a, b: a.id.joins(b.id))
    with pytest.raises(TypeError, match="has event rows"):
        query.user.left_semijoin(query.shot, lambda a, b: a.id.eq(b.id))
    with pytest.raises(TypeError, match="both indexed"):
        query.user.left_semijoin(query.level, lambda a, b: a.level == b.level)


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match="no table 'usr'; did you mean 'user'"):
        query.usr  # noqa: B018  (looking it up is the test)
    with pytest.raises(AttributeError, match="no column of 'user' 'nmae'; did you mean 'name'"):
        query.user.where(lambda u: u.nmae == 1)
