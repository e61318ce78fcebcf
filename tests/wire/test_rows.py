"""Row lists: both hints, what producers send, and hints that lie."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DecodeError
from harness.wire import rows
from harness.wire import types as t
from harness.wire.annotations import TypeBuilder
from harness.wire.rows import EMPTY, FixedSize, RowList, RowOffsets, row_list
from tests.wire.implementations import both, make

_builder = TypeBuilder()
rows.register(_builder)
ROW_LIST = _builder.product(RowList)


def _codec(implementation: Any) -> Any:
    return make(implementation, ROW_LIST, _builder.typespace, _builder.bindings)


@both
def test_the_examples(implementation: Any) -> None:
    codec = _codec(implementation)
    u32, string = make(implementation, t.U32), make(implementation, t.STRING)
    table = [
        (u32, [1, 2], "00 0400 08000000 01000000 02000000"),
        (
            string, ["a", ""],
            "01 02000000 0000000000000000 0500000000000000 09000000 01000000 61 00000000",
        ),
        (string, ["a", "b"], "00 0500 0a000000 0100000061 0100000062"),
        (string, [], "01 00000000 00000000"),
        (make(implementation, t.UNIT), [(), ()], "01 02000000" + "00" * 16 + "00000000"),
    ]  # fmt: skip
    for row_codec, values, text in table:
        listed = row_list(row_codec.encode_rows(values))
        data = bytes.fromhex(text)
        assert codec.encode(listed) == data
        assert codec.decode(data) == listed
        assert listed.decode(row_codec) == values
        assert listed.slices() == row_codec.encode_rows(values)
        assert len(listed) == len(values)
        for length in range(len(data)):
            with pytest.raises(DecodeError):
                codec.decode(data[:length])


@both
@given(values=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5)))
def test_any_rows_come_back(implementation: Any, values: list[str]) -> None:
    string = make(implementation, t.STRING)
    listed = row_list(string.encode_rows(values))
    assert listed.decode(string) == values
    assert b"".join(listed.slices()) == listed.rows_data
    assert len(listed) == len(listed.slices()) == len(values)


@both
def test_rows_without_bytes_of_an_old_server_are_none(implementation: Any) -> None:
    listed = RowList(FixedSize(0), b"")
    assert listed.decode(make(implementation, t.UNIT)) == listed.slices() == []
    assert len(listed) == 0


@both
def test_long_rows_need_offsets(implementation: Any) -> None:
    data = make(implementation, t.BYTES)
    for size, hint in ((65531, FixedSize), (65532, RowOffsets)):
        listed = row_list(data.encode_rows([bytes(size)] * 2))
        assert isinstance(listed.size_hint, hint)
        assert listed.decode(data) == [bytes(size)] * 2


LIES = [
    (RowList(FixedSize(0), b"xxxx"), "4 bytes are not rows of 0 bytes each"),
    (RowList(FixedSize(3), b"xxxx"), "4 bytes are not rows of 3 bytes each"),
    (RowList(RowOffsets([]), b"xxxx"), None),
    (RowList(RowOffsets([1]), b"xxxx"), None),
    (RowList(RowOffsets([0, 5]), b"xxxx"), None),
    (RowList(RowOffsets([0, 4, 2]), b"xxxxxxxx"), None),
    (RowList(RowOffsets([0, 2**64 - 1]), b"xxxx"), None),
]


@both
@pytest.mark.parametrize(("listed", "words"), LIES, ids=range(len(LIES)))
def test_a_hint_that_lies_is_refused(
    implementation: Any, listed: RowList, words: str | None
) -> None:
    with pytest.raises(DecodeError, match=words):
        listed.decode(make(implementation, t.U32))
    with pytest.raises(DecodeError, match=words):
        listed.slices()


@both
def test_rows_that_are_not_of_the_announced_size(implementation: Any) -> None:
    """Two rows of 4 and 6 bytes are not two of 5, although the sum is right."""
    string = make(implementation, t.STRING)
    listed = RowList(FixedSize(5), string.encode_all(["", "ab"]))
    with pytest.raises(DecodeError, match="row 0 is said to end at 5"):
        listed.decode(string)


def test_the_empty_list() -> None:
    assert row_list([]) is EMPTY
    assert len(EMPTY) == 0
