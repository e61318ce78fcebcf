"""What must hold for any type and any bytes, and that the two codecs agree in all of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.errors import DecodeError, SchemaError
from harness.wire import program, pycodec
from tests.wire.cases import Case, cases, damaged
from tests.wire.implementations import CCodec, both, make, needs_c, outcome


def _codec(implementation: Any, case: Case) -> Any:
    return make(implementation, case.type, case.typespace, case.bindings)


@both
@given(case=cases())
def test_a_value_comes_back(implementation: Any, case: Case) -> None:
    codec = _codec(implementation, case)
    data = codec.encode(case.value)
    assert repr(codec.decode(data)) == repr(case.value)
    assert codec.encode(codec.decode(data)) == data
    assert len(data) >= program.least_size(case.type, case.typespace)
    fixed = program.fixed_size(case.type, case.typespace)
    assert fixed is None or len(data) == fixed


@both
@given(case=cases())
def test_no_part_of_the_bytes_is_a_value(implementation: Any, case: Case) -> None:
    codec = _codec(implementation, case)
    data = codec.encode(case.value)
    for length in range(len(data)):
        with pytest.raises(DecodeError) as raised:
            codec.decode(data[:length])
        assert 0 <= raised.value.offset <= length


@both
@given(case=cases(), tail=st.binary(min_size=1, max_size=8))
def test_a_tail_is_left_alone_or_refused(implementation: Any, case: Case, tail: bytes) -> None:
    codec = _codec(implementation, case)
    data = codec.encode(case.value)
    value, offset = codec.decode_from(tail + data + tail, len(tail))
    assert (repr(value), offset) == (repr(case.value), len(tail) + len(data))
    assert outcome(codec.decode, data + tail)[0] == "DecodeError"


@both
@given(case=cases(), count=st.integers(0, 4))
def test_many_values_are_each_by_itself(implementation: Any, case: Case, count: int) -> None:
    codec = _codec(implementation, case)
    rows = codec.encode_rows([case.value] * count)
    assert rows == [codec.encode(case.value)] * count
    data = codec.encode_all(case.value for _ in range(count))
    assert data == b"".join(rows)
    offsets = [i * len(codec.encode(case.value)) for i in range(count)]
    assert repr(codec.decode_rows(data, offsets)) == repr([case.value] * count)
    if data:
        assert repr(codec.decode_all(data)) == repr([case.value] * count)
        assert repr(codec.decode_fixed(data, len(rows[0]))) == repr([case.value] * count)


@needs_c
@given(case=cases())
def test_both_write_the_same_bytes(case: Case) -> None:
    assert _codec(CCodec, case).encode(case.value) == _codec(pycodec.Codec, case).encode(case.value)


@needs_c
@given(case=cases(), data=st.data())
@settings(max_examples=300)
def test_both_answer_damaged_bytes_alike(case: Case, data: Any) -> None:
    c, python = _codec(CCodec, case), _codec(pycodec.Codec, case)
    valid = c.encode(case.value)
    bad = data.draw(damaged(valid))
    start = data.draw(st.integers(-1, len(bad) + 1))
    size = data.draw(st.integers(0, len(valid) + 1))
    offsets = data.draw(st.lists(st.integers(0, len(bad) + 1), max_size=4))
    assert outcome(c.decode, bad) == outcome(python.decode, bad)
    assert outcome(c.decode_from, bad, start) == outcome(python.decode_from, bad, start)
    assert outcome(c.decode_all, bad) == outcome(python.decode_all, bad)
    assert outcome(c.decode_fixed, bad, size) == outcome(python.decode_fixed, bad, size)
    assert outcome(c.decode_rows, bad, offsets) == outcome(python.decode_rows, bad, offsets)


@needs_c
@given(case=cases(), data=st.binary(max_size=64))
@settings(max_examples=300)
def test_both_answer_any_bytes_alike(case: Case, data: bytes) -> None:
    c, python = _codec(CCodec, case), _codec(pycodec.Codec, case)
    assert outcome(c.decode, data) == outcome(python.decode, data)
    assert outcome(c.decode_all, data) == outcome(python.decode_all, data)


ODD_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
    st.binary(max_size=3), st.characters(categories=["Cs"]), st.lists(st.integers(), max_size=3),
    st.just(object), st.tuples(), st.tuples(st.integers(), st.text(max_size=2)), st.uuids(),
)  # fmt: skip


@needs_c
@given(case=cases(), value=ODD_VALUES)
@settings(max_examples=300)
def test_both_refuse_a_foreign_value_alike(case: Case, value: Any) -> None:
    c, python = _codec(CCodec, case), _codec(pycodec.Codec, case)
    assert outcome(c.encode, value) == outcome(python.encode, value)


@needs_c
@given(case=cases(), other=cases())
@settings(max_examples=300)
def test_both_refuse_a_value_of_another_type_alike(case: Case, other: Case) -> None:
    c, python = _codec(CCodec, case), _codec(pycodec.Codec, case)
    assert outcome(c.encode, other.value) == outcome(python.encode, other.value)


@given(case=cases())
def test_random_types_have_values(case: Case) -> None:
    """The strategy itself: if it made only refused types, the tests above would test nothing."""
    try:
        program.build(case.type, case.typespace, case.bindings)
    except SchemaError as error:
        raise AssertionError(str(error)) from error
    assume(case.value != ())
