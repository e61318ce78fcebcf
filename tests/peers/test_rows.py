"""All peers make the same rows and say the same of them."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.load.workloads import item
from harness.peers.rows import digest, row

OTHERS: list[Any] = [None, *[lambda number: number + 1] * 4, lambda flag: not flag, str.upper]
FIELDS = ("id", "x", "y", "z", "hp", "alive", "name")


@given(st.integers(0, 2**40), st.integers(0, 2**31))
def test_a_row_is_that_of_the_model(id: int, seed: int) -> None:
    assert row(id, seed) == item(id, seed)


def test_the_text_of_a_digest_is_as_documented() -> None:
    text = "1 4 -2 1 100 1 one\n2 0 0 0 -5 0 zwölf\n"
    rows = [(2, 0.0, 0.0, 0.0, -5, False, "zwölf"), (1, 0.5, -0.25, 0.125, 100, True, "one")]
    assert digest(rows) == (2, hashlib.sha256(text.encode()).hexdigest())


@given(st.lists(st.integers(0, 1_000), unique=True, max_size=30), st.randoms())
def test_order_and_form_of_the_rows_do_not_matter(ids: list[int], shuffler: Any) -> None:
    rows = [row(id) for id in ids]
    others = [SimpleNamespace(**dict(zip(FIELDS, made, strict=True))) for made in rows]
    shuffler.shuffle(others)
    assert digest(rows) == digest(others)


@given(st.integers(0, 50), st.integers(1, 6))
def test_any_other_value_is_another_digest(id: int, column: int) -> None:
    made: list[Any] = list(row(id))
    good = digest([made])
    value = made[column]
    made[column] = (
        f"{value}!" if isinstance(value, str) else not value if column == 5 else value + 1
    )
    assert digest([made]) != good
    assert digest([]) != good


def test_what_is_no_multiple_of_an_eighth_is_told_apart() -> None:
    assert digest([(1, 0.1, 0.0, 0.0, 0, True, "")]) != digest([(1, 0.0, 0.0, 0.0, 0, True, "")])
