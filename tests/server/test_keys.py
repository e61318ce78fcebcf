"""Keys: SQLite orders what is stored exactly as the type orders its values."""

from __future__ import annotations

import sqlite3
import uuid
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import SchemaError
from harness.server.keys import key_of
from harness.wire import types as t
from harness.wire.values import ConnectionId, Identity, Tagged, TimeDuration, Timestamp


class Mood(Enum):
    GOOD = "z"
    FAIR = "a"
    BAD = 5


MOODS = t.Sum(tuple(t.Variant(name, t.UNIT) for name in ("z", "a", "BAD")))


def _bounds(kind: t.Kind) -> tuple[int, int]:
    bits, signed = t.INTEGERS[kind]
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def _integers(kind: t.Kind) -> st.SearchStrategy[int]:
    least, most = _bounds(kind)
    edges = [
        x for x in (least, most, -1, 0, 1, 1 << 62, 1 << 63, (1 << 63) - 1) if least <= x <= most
    ]
    return st.one_of(st.sampled_from(edges), st.integers(least, most))


def _utf8(text: str) -> bytes:
    return text.encode()


#: Every type that can be a key: its values, and what Python sorts them by.
KEYS: dict[str, tuple[t.Type, st.SearchStrategy[Any], Any]] = {
    **{kind.name: (t.Scalar(kind), _integers(kind), int) for kind in t.INTEGERS},
    "bool": (t.BOOL, st.booleans(), int),
    # Rust orders strings by their UTF-8 bytes; surrogates are no characters.
    "str": (
        t.STRING,
        st.text(st.one_of(st.sampled_from("\0a\x7f\x80\uffff𝄞"), st.characters(codec="utf-8"))),
        _utf8,
    ),
    "Identity": (t.IDENTITY, _integers(t.Kind.U256).map(Identity.from_int), int),
    "ConnectionId": (t.CONNECTION_ID, _integers(t.Kind.U128).map(ConnectionId.from_int), int),
    "UUID": (t.UUID, _integers(t.Kind.U128).map(lambda x: uuid.UUID(int=x)), int),
    "Timestamp": (t.TIMESTAMP, _integers(t.Kind.I64).map(Timestamp), lambda x: x.micros),
    "TimeDuration": (t.TIME_DURATION, _integers(t.Kind.I64).map(TimeDuration), lambda x: x.micros),
    "bytes": (t.BYTES, st.binary(max_size=8), bytes),
    "enum": (MOODS, st.sampled_from(Mood), list(Mood).index),
    "enum without a class": (
        MOODS,
        st.sampled_from([Tagged(i, name, ()) for i, name in enumerate(("z", "a", "BAD"))]),
        lambda x: x.tag,
    ),
}


def _in_sqlite(type_: t.Type, values: list[Any]) -> list[int]:
    """The places of the values in SQLite's order."""
    key = key_of(type_)
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(f"CREATE TABLE x (k {key.sql_type} NOT NULL, place INTEGER)")
        connection.executemany(
            "INSERT INTO x VALUES (?, ?)", [(key.to_sql(v), i) for i, v in enumerate(values)]
        )
        found = connection.execute("SELECT place FROM x ORDER BY k, place").fetchall()
        for value in values:
            ((count,),) = connection.execute(
                "SELECT count(*) FROM x WHERE k = ?", (key.to_sql(value),)
            )
            assert count == values.count(value)
    finally:
        connection.close()
    return [place for (place,) in found]


@pytest.mark.parametrize("name", KEYS)
@given(data=st.data())
def test_sqlite_orders_keys_as_their_type_does(name: str, data: st.DataObject) -> None:
    type_, strategy, by = KEYS[name]
    values = data.draw(st.lists(strategy, max_size=12))
    expected = sorted(range(len(values)), key=lambda i: (by(values[i]), i))
    assert _in_sqlite(type_, values) == expected


@pytest.mark.parametrize("kind", t.INTEGERS)
def test_the_ends_of_every_integer_fit_and_what_lies_beyond_is_known(kind: t.Kind) -> None:
    key = key_of(t.Scalar(kind))
    least, most = _bounds(kind)
    assert _in_sqlite(t.Scalar(kind), [most, 0, least]) in ([2, 1, 0], [1, 2, 0])
    assert [key.side(x) for x in (least - 1, least, most, most + 1)] == [-1, 0, 0, 1]


def test_the_test_can_see_a_wrong_order() -> None:
    """A negative control: little-endian blobs are out of order."""
    wrong = [(5).to_bytes(4, "little"), (256).to_bytes(4, "little")]
    assert _in_sqlite(t.BYTES, wrong) == [1, 0]


@pytest.mark.parametrize("wrong", [1, b"x", None])
def test_a_value_of_another_type_is_no_text(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a key of type str"):
        key_of(t.STRING).to_sql(wrong)


@pytest.mark.parametrize("type_", [t.F32, t.F64, t.SCHEDULE_AT, t.Array(t.U16), t.option(t.U8)])
def test_what_cannot_be_a_key(type_: t.Type) -> None:
    with pytest.raises(SchemaError, match="cannot be a key"):
        key_of(type_)
