"""The oracle sees every difference, and nothing where there is none."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.workloads import Item
from harness.run import oracle

rows = st.lists(st.tuples(st.integers(0, 20), st.text(max_size=3)), max_size=10)


@given(rows, st.randoms(use_true_random=False))
def test_order_does_not_matter(expected: list[tuple[int, str]], random: object) -> None:
    found = list(expected)
    random.shuffle(found)  # type: ignore[attr-defined]  # hypothesis' own class
    assert oracle.same_rows("here", expected, found).passed


@given(rows, rows)
def test_it_agrees_with_sorting(one: list[tuple[int, str]], other: list[tuple[int, str]]) -> None:
    assert oracle.same_rows("here", one, other).passed is (sorted(one) == sorted(other))


def test_the_difference_is_told() -> None:
    check = oracle.same_rows("in cache 3", [(1, "a"), (2, "b")], [(2, "b"), (2, "b")])
    assert not check.passed
    assert check.found == (
        "in cache 3: 1 of 2 rows missing, 1 unexpected; missing (1, 'a'), unexpected (2, 'b')"
    )


def test_rows_are_compared_however_they_come() -> None:
    row = (1, 0.5, 0.25, 0.125, 7, True, "x")
    assert oracle.plain(Item(*row)) == oracle.plain(list(row)) == row
    assert oracle.plain(dict(zip(Item.__struct_fields__, row, strict=True))) == row
    assert oracle.same_rows("", [row], [msgspec.convert(list(row), tuple)]).passed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("other 5\n", None),
        ("# TYPE spacetime_num_txns_total counter\nspacetime_num_txns_total 5\n", 5),
        ('spacetime_num_txns_total{db="a"} 5\nspacetime_num_txns_total{db="b"} 2\n', 7),
        (
            'spacetime_num_txns_total{txn_type="Reducer",committed="true",reducer="noop"} 5\n'
            'spacetime_num_txns_total{txn_type="Reducer",committed="false",reducer="noop"} 3\n'
            'spacetime_num_txns_total{txn_type="Internal",committed="true"} 2\n',
            5,
        ),
        (  # as 1.2.0 counts one call over HTTP and one query, on a database just published
            'spacetime_num_txns_total{committed="true",db="c2",reducer="",txn_type="Internal"} 7\n'
            'spacetime_num_txns_total{committed="true",db="c2",reducer="",txn_type="Sql"} 2\n'
            'spacetime_num_txns_total{committed="true",db="c2",reducer="__identity_connected__",'
            'txn_type="Reducer"} 2\n'
            'spacetime_num_txns_total{committed="true",db="c2",reducer="__identity_disconnected__",'
            'txn_type="Reducer"} 2\n'
            'spacetime_num_txns_total{committed="true",db="c2",reducer="n",txn_type="Reducer"} 1\n'
            'spacetime_num_txns_total{committed="true",db="c2",reducer="n",txn_type="Update"} 1\n',
            1,
        ),
        ("spacetime_num_txns_totals 5\n", None),
    ],
)
def test_the_servers_own_count(text: str, expected: int | None) -> None:
    assert oracle.transactions(text) == expected


def test_counts() -> None:
    assert oracle.same_count("transactions", 5, 5, "counted").passed
    assert oracle.same_count("transactions", 5, 4, "counted").found == "counted: 4, expected 5"
