"""Values of rows as text, and rows as a table that fits."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli import cells, grid
from harness.cli.logs import line
from harness.cli.sql import shown_as
from harness.client.http import SqlResult
from harness.wire import schema_types
from harness.wire import types as t

IDENTITY = "0xc2" + "0a" * 31


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        (t.STRING, "hello", "hello"),
        (t.STRING, "a\x1b[31m\nb", "a\\x1b[31m\\nb"),
        (t.STRING, "größer 日本", "größer 日本"),
        (t.BOOL, True, "true"),
        (t.U64, 2**64 - 1, str(2**64 - 1)),
        (t.F64, 1.5, "1.5"),
        (t.F64, None, "null"),
        (t.IDENTITY, [IDENTITY], IDENTITY),
        (t.IDENTITY, {"__identity__": IDENTITY}, IDENTITY),
        (t.CONNECTION_ID, [255], "0x" + "0" * 30 + "ff"),
        (t.TIMESTAMP, [0], "1970-01-01T00:00:00.000000Z"),
        (t.TIMESTAMP, [2**63 - 1], f"{2**63 - 1} µs"),
        (t.TIME_DURATION, [1_500_000], "1.5 s"),
        (t.BYTES, "0aff", "0x0aff"),
        (t.BYTES, [10, 255], "0x0aff"),
        (t.option(t.STRING), [1, []], "(none)"),
        (t.option(t.STRING), [0, "x"], "x"),
        (t.Array(t.option(t.U8)), [[0, 1], [1, []]], "[1, (none)]"),
        (t.product(x=t.U8, y=t.STRING), [1, "a"], "(x = 1, y = a)"),
        (t.sum_of(A=t.UNIT, B=t.U8), [0, []], "A"),
        (t.sum_of(A=t.UNIT, B=t.U8), [1, 7], "B(7)"),
        (t.SCHEDULE_AT, [0, [2_000_000]], "Interval(2 s)"),
        (t.IDENTITY, "not one", '"not one"'),
        (t.product(x=t.U8), [1, 2], "[1,2]"),
        (t.sum_of(A=t.UNIT), [5, []], "[5,[]]"),
    ],
)
def test_a_cell(type_: t.Type, value: Any, text: str) -> None:
    assert cells.cell(value, type_) == text


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
)


_TYPES = [
    t.STRING, t.IDENTITY, t.TIMESTAMP, t.option(t.U8), t.SCHEDULE_AT, t.BYTES, t.U64,
    t.product(a=t.U8, b=t.Array(t.STRING)),
]  # fmt: skip


@given(_JSON, st.sampled_from(_TYPES))
def test_whatever_comes_is_shown_and_harmless(value: Any, type_: t.Type) -> None:
    assert cells.cell(value, type_).isprintable()


# --- tables --------------------------------------------------------------------------------------


def test_a_table() -> None:
    rows = [["1", "ada", "true"], ["22", "日本", "false"], ["3", "", ""]]
    assert grid.draw(["id", "name", "on"], rows, [True, False, False]).splitlines() == [
        "id | name | on",
        "---+------+------",
        " 1 | ada  | true",
        "22 | 日本 | false",
        " 3 |      |",
    ]
    assert grid.draw(["a"], [], [False]) == "a\n-"
    assert grid.draw([], [], []) == ""


def test_long_cells_give_way_first() -> None:
    drawn = grid.draw(["id", "text", "who"], [["1", "x" * 200, "y" * 60]], [True, False, False])
    assert drawn.splitlines()[2] == f" 1 | {'x' * 45}… | {'y' * 45}…"
    drawn = grid.draw(["id", "text", "who"], [["1", "x" * 200, "ada"]], [True, False, False])
    assert drawn.splitlines()[2] == f" 1 | {'x' * 88}… | ada"


def test_too_many_columns_become_blocks() -> None:
    headers = [f"column_{number}" for number in range(20)]
    drawn = grid.draw(headers, [["value " * 3] * 20, ["z" * 200] * 20], [False] * 20)
    lines = drawn.splitlines()
    assert lines[0] == "--- row 1 ---"
    assert lines[1] == "column_0  | value value value"
    assert lines[21] == "--- row 2 ---"
    assert max(map(len, lines)) == 100


@given(
    st.lists(st.text(max_size=300), min_size=1, max_size=8).flatmap(
        lambda headers: st.tuples(
            st.just(headers),
            st.lists(
                st.lists(st.text(max_size=200), min_size=len(headers), max_size=len(headers)),
                max_size=4,
            ),
        )
    )
)
def test_it_always_fits(table: tuple[list[str], list[list[str]]]) -> None:
    headers, rows = ([cells.harmless(x) for x in table[0]],
                     [[cells.harmless(x) for x in row] for row in table[1]])  # fmt: skip
    drawn = grid.draw(headers, rows, [False] * len(headers))
    for each in drawn.splitlines():
        assert grid.places(each) <= grid.WIDTH


# --- results -------------------------------------------------------------------------------------


def result(rows: list[list[Any]], **columns: t.Type) -> SqlResult:
    elements = schema_types.type_to_json(t.product(**columns))["Product"]["elements"]
    return SqlResult(elements, rows, {})


ROWS = result(
    [[1, "a,\"b\"\nc", [0, "x"], [5]], [2, "d", [1, []], [6]]],
    id=t.U64, text=t.STRING, note=t.option(t.STRING), at=t.TIMESTAMP,
)  # fmt: skip


def test_a_result_as_text() -> None:
    assert shown_as(ROWS, "text").splitlines() == [
        "id | text     | note   | at",
        "---+----------+--------+----------------------------",
        ' 1 | a,"b"\\nc | x      | 1970-01-01T00:00:00.000005Z',
        " 2 | d        | (none) | 1970-01-01T00:00:00.000006Z",
        "(2 rows)",
    ]


def test_a_result_for_machines() -> None:
    found = json.loads(shown_as(ROWS, "json"))
    assert found == [
        {"id": 1, "text": 'a,"b"\nc', "note": {"some": "x"},
         "at": {"__timestamp_micros_since_unix_epoch__": 5}},
        {"id": 2, "text": "d", "note": {"none": []},
         "at": {"__timestamp_micros_since_unix_epoch__": 6}},
    ]  # fmt: skip
    lines = shown_as(ROWS, "jsonl").splitlines()
    assert [json.loads(each) for each in lines] == found
    rows = list(csv.reader(io.StringIO(shown_as(ROWS, "csv"))))
    assert rows == [
        ["id", "text", "note", "at"],
        ["1", 'a,"b"\nc', "x", "1970-01-01T00:00:00.000005Z"],
        ["2", "d", "", "1970-01-01T00:00:00.000006Z"],
    ]


def test_results_without_rows() -> None:
    empty = result([], id=t.U8)
    assert shown_as(empty, "text") == "id\n--\n(0 rows)"
    assert json.loads(shown_as(empty, "json")) == []
    changed = SqlResult([], [], {"rows_inserted": 2, "rows_deleted": 0, "rows_updated": 1})
    assert shown_as(changed, "text") == "rows: 2 inserted, 1 updated"
    assert shown_as(SqlResult([], [], {}), "text") == "done; no row was changed"
    assert json.loads(shown_as(changed, "json"))["rows_inserted"] == 2


def test_columns_of_one_name_stay_apart() -> None:
    elements = schema_types.type_to_json(t.product(id=t.U8))["Product"]["elements"]
    nameless = [{**elements[0], "name": {"none": []}}]
    found = SqlResult(elements * 2 + nameless, [[1, 2, 3]], {})
    assert json.loads(shown_as(found, "json")) == [{"id": 1, "id_": 2, "column_3": 3}]


# --- logs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        ({"level": "Info", "ts": 5, "message": "hi", "filename": "main.py", "line_number": 3},
         "1970-01-01T00:00:00.000005Z  INFO main.py:3: hi"),
        ({"level": "Panic", "message": "a\nb", "trace": ["x.py:1 f", {"func_name": "g"}]},
         "PANIC a\n    b\n    x.py:1 f\n    ?!g"),
        ({"level": "Error", "message": "\x1b]0;evil\x07", "filename": "\x9b"},
         "ERROR \\x9b: \\x1b]0;evil\\x07"),
        ({}, "      "),
    ],
)  # fmt: skip
def test_a_record(record: dict[str, Any], shown: str) -> None:
    assert line(record) == shown
