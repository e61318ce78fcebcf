"""Texts of compiled modules against Python's ``str``."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.module.wasm.machine import Machine

NO_CHARACTER, NO_SEPARATOR = 9, 19
#: Few letters, of one to four bytes, so that they are found in each other; and any text.
TEXT = st.one_of(st.text("abß€😀 ", max_size=12), st.text(st.characters(exclude_categories=["Cs"])))
INDEX = st.one_of(st.integers(-15, 15), st.sampled_from([-(1 << 63), (1 << 63) - 1]))
SPACES = [chr(code) for code in range(0x110000) if chr(code).isspace()]


@given(TEXT, TEXT)
def test_two_texts(machine: Machine, a: str, b: str) -> None:
    machine.reset()
    x, y = machine.new(a), machine.new(b)
    assert machine.text("str_concat", x, y) == a + b
    assert machine.call("str_eq", x, y) == (a == b)
    assert machine.call("str_eq", x, machine.new(a)) == 1
    assert machine.call("str_cmp", x, y) == (a > b) - (a < b)
    assert machine.call("str_len", x) == len(a)
    assert machine.call("str_in", y, x) == (b in a)
    assert machine.call("str_find", x, y) == a.find(b)
    assert machine.call("str_starts", x, y) == a.startswith(b)
    assert machine.call("str_ends", x, y) == a.endswith(b)
    assert machine.call("str_starts", machine.new(a + b), x) == 1
    assert machine.call("str_ends", machine.new(a + b), y) == 1


@given(TEXT, INDEX)
def test_characters(machine: Machine, a: str, index: int) -> None:
    machine.reset()
    x = machine.new(a)
    if -len(a) <= index < len(a):
        assert machine.text("str_at", x, index) == a[index]
    else:
        assert machine.failing("str_at", x, index) == NO_CHARACTER


@given(TEXT, INDEX, INDEX)
def test_slices(machine: Machine, a: str, start: int, stop: int) -> None:
    machine.reset()
    assert machine.text("str_slice", machine.new(a), start, stop) == a[start:stop]


@given(st.text(st.sampled_from([*SPACES, "a", "\u200b", "\u2066", "€"]), max_size=12))
def test_strip(machine: Machine, a: str) -> None:
    machine.reset()
    assert machine.text("str_strip", machine.new(a)) == a.strip()


def test_strip_knows_every_space(machine: Machine) -> None:
    for code in [*range(0x3100), 0xFEFF, 0x1F600]:
        if not 0xD800 <= code < 0xE000:
            machine.reset()
            text = f"{chr(code)}a{chr(code)}"
            assert machine.text("str_strip", machine.new(text)) == text.strip()


@given(TEXT, st.one_of(st.integers(-2, 9), st.just(-(1 << 63))))
def test_repeat(machine: Machine, a: str, times: int) -> None:
    machine.reset()
    assert machine.text("str_repeat", machine.new(a), times) == a * times


@given(TEXT, st.text("abß€😀 ", max_size=2), TEXT)
@example("", "", "x")
@example("aaa", "aa", "b")
def test_replace_split_join(machine: Machine, a: str, old: str, new: str) -> None:
    machine.reset()
    x, y, z = machine.new(a), machine.new(old), machine.new(new)
    assert machine.text("str_replace", x, y, z) == a.replace(old, new)
    if not old:
        assert machine.failing("str_split", x, y) == NO_SEPARATOR
        return
    parts = machine.call("str_split", x, y)
    assert [machine.data(part).decode() for part in machine.items(parts)] == a.split(old)
    assert machine.text("str_join", z, parts) == new.join(a.split(old))
    assert machine.text("str_join", z, machine.list()) == ""


@given(TEXT)
def test_on_the_wire(machine: Machine, a: str) -> None:
    """u32 length, then the bytes, as rows and arguments have them."""
    machine.reset()
    coded = struct.pack("<I", len(a.encode())) + a.encode()
    text = machine.new(a)
    at = machine.call("alloc", len(coded))
    assert machine.call("write_str", at, text) == at + len(coded)
    assert machine.read(at, len(coded)) == coded
    machine["rd"] = at
    assert machine.text("read_str") == a
    assert machine["rd"] == at + len(coded)
    machine["rd"] = at
    machine.call("skip_str")
    assert machine["rd"] == at + len(coded)


@pytest.mark.parametrize(("value", "expected"), [(0, "False"), (1, "True")])
def test_truth(machine: Machine, value: int, expected: str) -> None:
    assert machine.text("str_bool", value) == expected


@given(st.binary(max_size=40))
def test_hexadecimal(machine: Machine, data: bytes) -> None:
    machine.reset()
    at = machine.blob(data)
    assert machine.text("hex_reversed", at + 8, len(data)) == data[::-1].hex()
