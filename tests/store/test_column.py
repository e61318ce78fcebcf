"""A column is read as whoever wrote it meant it, or a sentence says why not."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.store import column
from harness.store.column import read


def values(text: str, name: str = "value") -> list[float | None]:
    return [point.value for point in read(io.BytesIO(text.encode()), name).points]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("value\n1\n2.5\n-3e2\n", "value", [1, 2.5, -300]),
        ("a,value\nx,1\ny,2\n", "value", [1, 2]),
        ("a;value\nx;1,5\ny;2,25\n", "value", [1.5, 2.25]),
        ("a\tvalue\nx\t1\n", "value", [1]),
        ("a|value|b\nx|1|y\n", "value", [1]),
        ('a,value\n"x, y","1"\n', "value", [1]),
        ("value\r\n1\r\n2\r\n", "value", [1, 2]),
        ("\ufeffvalue\n1\n", "value", [1]),
        (" value , other\n 1 , 2\n", "value", [1]),
        ("value\n1\n\n\n2\n", "value", [1, 2]),
        ("a,value\nx,1\ny,\nz,NaN\nw,n/a\nv\nu,inf\n", "value", [1, None, None, None, None, None]),
        ("1\n2\n3\n", "0", [1, 2, 3]),
        ("1,10\n2,20\n", "1", [10, 20]),
        ("a,b\n1,10\n2,20\n", "1", [10, 20]),
        ("0,1\n5,6\n", "1", [6]),  # here 0 and 1 are names
        ("0\n5\n", "0", [0, 5]),
        ("value\n1e300\n-0.0\n", "value", [1e300, -0.0]),
        ("value\n", "value", []),
    ],
)
def test_forms(text: str, name: str, expected: list[float | None]) -> None:
    assert values(text, name) == expected


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("", "value", "has no rows"),
        ("\n \n", "value", "has no rows"),
        ("a,b\n1,2\n", "value", "no column 'value'; it has: 'a', 'b'"),
        ("1,2\n3,4\n", "value", "no column 'value'; it has: numbers 0 to 1"),
        ("1,2\n3,4\n", "2", "no column '2'; it has: numbers 0 to 1"),
        ("value\n1\nfast\n", "value", "row 1 of column 'value' in the input is no number: 'fast'"),
    ],
)
def test_what_is_wrong_is_said(text: str, name: str, said: str) -> None:
    with pytest.raises(StoreError) as caught:
        values(text, name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(StoreError, match=r"cannot read .*a\.csv: No such file"):
        read(path, "value")
    path.write_bytes(b"value\n\xff\n")
    with pytest.raises(StoreError, match="no text in UTF-8: byte 6 is wrong"):
        read(path, "value")
    monkeypatch.setattr(column, "MOST_BYTES", 10)
    path.write_text("value\n" + "1\n" * 10)
    with pytest.raises(StoreError, match="more than 10 bytes"):
        read(path, "value")


@given(st.binary(max_size=300), st.sampled_from(["value", "0", "1", ""]))
def test_any_bytes_are_numbers_or_a_sentence(data: bytes, name: str) -> None:
    said = ""
    try:
        read(io.BytesIO(data), name)
    except StoreError as error:
        said = str(error)
    assert "\n" not in said


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_come_back(numbers: list[float]) -> None:
    text = "name,value\n" + "".join(f"x,{number!r}\n" for number in numbers)
    assert values(text) == numbers


@pytest.mark.parametrize("missing", ['""', "NaN", "nan", "NA"])
def test_a_missing_value_in_a_file_of_one_column_keeps_its_place(
    missing: str, tmp_path: Path
) -> None:
    """As Python's csv and pandas write it; an empty line is no row, to them as to us."""
    path = tmp_path / "one.csv"
    path.write_text(f"value\n1\n{missing}\n3\n\n4\n")
    assert [point.value for point in read(path, "value").points] == [1.0, None, 3.0, 4.0]


def test_a_row_of_separators_keeps_its_place(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("i,value\n0,1\n,\n2,3\n")
    assert [point.value for point in read(path, "value").points] == [1.0, None, 3.0]
