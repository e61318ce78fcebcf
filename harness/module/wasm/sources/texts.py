"""Texts: UTF-8 in objects of bytes, counted and cut by characters as Python does."""

from __future__ import annotations

from harness.module.wasm.intrinsics import (
    chars,
    copy,
    divu,
    g,
    i32,
    i64,
    leu,
    load8,
    load32,
    load64,
    ltu,
    remu,
    store8,
    store32,
    store64,
    u64,
    unreachable,
)  # fmt: skip
from harness.module.wasm.sources.memory import alloc, blob, list_reserve, room


def from_bytes(at: i32, nbytes: i32) -> i32:
    """A text of these bytes."""
    made = blob(nbytes)
    copy(made + 8, at, nbytes)
    return made


def read_str() -> i32:
    """A text at ``rd``: its length, its bytes."""
    nbytes = load32(g.rd)
    made = from_bytes(g.rd + 4, nbytes)
    g.rd = g.rd + 4 + nbytes
    return made


def skip_str() -> None:
    """Go past a text at ``rd``."""
    g.rd = g.rd + 4 + load32(g.rd)


def write_str(at: i32, text: i32) -> i32:
    """Write a text's length and bytes; the address after them."""
    nbytes = load32(text, 4)
    copy(at + 4, text + 8, nbytes)
    store32(at, nbytes)
    return at + 4 + nbytes


def str_concat(a: i32, b: i32) -> i32:
    """``a + b``."""
    first = load32(a, 4)
    second = load32(b, 4)
    if second == 0:
        return a
    if first == 0:
        return b
    made = blob(first + second)
    copy(made + 8, a + 8, first)
    copy(made + 8 + first, b + 8, second)
    return made


def compare_bytes(a: i32, b: i32, nbytes: i32) -> i32:
    """-1, 0 or 1."""
    end = a + nbytes
    while leu(a + 8, end) and load64(a) == load64(b):
        a += 8
        b += 8
    while ltu(a, end):
        difference = load8(a) - load8(b)
        if difference:
            return -1 if difference < 0 else 1
        a += 1
        b += 1
    return 0


def str_eq(a: i32, b: i32) -> i32:
    """``a == b``."""
    if a == b:
        return 1
    if load32(a, 4) != load32(b, 4):
        return 0
    return compare_bytes(a + 8, b + 8, load32(a, 4)) == 0


def str_cmp(a: i32, b: i32) -> i32:
    """-1, 0 or 1: the order of UTF-8's bytes is that of the characters."""
    first = load32(a, 4)
    second = load32(b, 4)
    least = first
    if ltu(second, first):
        least = second
    found = compare_bytes(a + 8, b + 8, least)
    if found:
        return found
    return (first > second) - (first < second)


def count_until(at: i32, end: i32) -> i64:
    """Characters between two addresses: bytes that do not continue one."""
    count: i64 = 0
    while ltu(at, end):
        if (load8(at) & 192) != 128:
            count += 1
        at += 1
    return count


def str_len(text: i32) -> i64:
    """``len(text)``."""
    return count_until(text + 8, text + 8 + load32(text, 4))


def place_of(text: i32, index: i64) -> i32:
    """The address of a character, or the end if there are not so many, or for a negative index."""
    at = text + 8
    end = at + load32(text, 4)
    while ltu(at, end):
        if (load8(at) & 192) != 128:
            if index == 0:
                return at
            index -= 1
        at += 1
    return end


def after(at: i32, end: i32) -> i32:
    """Where the next character begins."""
    at += 1
    while ltu(at, end) and (load8(at) & 192) == 128:
        at += 1
    return at


def str_at(text: i32, index: i64) -> i32:
    """``text[index]``."""
    if index < 0:
        index += str_len(text)
    at = place_of(text, index)
    end = text + 8 + load32(text, 4)
    if at == end:
        g.err = 9
        return 0
    return from_bytes(at, after(at, end) - at)


def bounded(index: i64, length: i64) -> i64:
    """An end of a slice, as Python takes it."""
    if index < 0:
        index += length
        if index < 0:
            index = 0
    if index > length:
        index = length
    return index


def str_slice(text: i32, start: i64, stop: i64) -> i32:
    """``text[start:stop]``."""
    length = str_len(text)
    start = bounded(start, length)
    stop = bounded(stop, length)
    if start >= stop:
        return from_bytes(text, 0)
    first = place_of(text, start)
    return from_bytes(first, place_of(text, stop) - first)


def search(text: i32, wanted: i32, at: i32) -> i32:
    """The address from ``at`` on where the wanted bytes are, or 0."""
    nbytes = load32(wanted, 4)
    last = text + 8 + load32(text, 4) - nbytes
    while at <= last:
        if compare_bytes(at, wanted + 8, nbytes) == 0:
            return at
        at += 1
    return 0


def str_in(wanted: i32, text: i32) -> i32:
    """``wanted in text``."""
    return search(text, wanted, text + 8) != 0


def str_find(text: i32, wanted: i32) -> i64:
    """``text.find(wanted)``."""
    found = search(text, wanted, text + 8)
    if found == 0:
        return -1
    return count_until(text + 8, found)


def str_starts(text: i32, wanted: i32) -> i32:
    """``text.startswith(wanted)``."""
    nbytes = load32(wanted, 4)
    if load32(text, 4) < nbytes:
        return 0
    return compare_bytes(text + 8, wanted + 8, nbytes) == 0


def str_ends(text: i32, wanted: i32) -> i32:
    """``text.endswith(wanted)``."""
    nbytes = load32(wanted, 4)
    more = load32(text, 4) - nbytes
    if more < 0:
        return 0
    return compare_bytes(text + 8 + more, wanted + 8, nbytes) == 0


def space_at(at: i32) -> i32:
    """Bytes of the character at an address if Python takes it for space, else 0."""
    first = load8(at)
    if first == 32 or (first >= 9 and first <= 13) or (first >= 28 and first <= 31):
        return 1
    second = load8(at, 1)
    if first == 194:
        return (second == 133 or second == 160) << 1
    third = load8(at, 2)
    if first == 225 and second == 154 and third == 128:
        return 3
    if first == 226 and second == 128 and (third <= 138 or third == 168 or third == 169):
        return 3
    if first == 226 and second == 128 and third == 175:
        return 3
    if first == 226 and second == 129 and third == 159:
        return 3
    if first == 227 and second == 128 and third == 128:
        return 3
    return 0


def str_strip(text: i32) -> i32:
    """``text.strip()``."""
    at = text + 8
    end = at + load32(text, 4)
    while ltu(at, end):
        width = space_at(at)
        if width == 0:
            break
        at += width
    while ltu(at, end):
        last = end - 1
        while (load8(last) & 192) == 128:
            last -= 1
        if space_at(last) == 0:
            break
        end = last
    return from_bytes(at, end - at)


def str_repeat(text: i32, times: i64) -> i32:
    """``text * times``."""
    nbytes = load32(text, 4)
    if times <= 0 or nbytes == 0:
        return from_bytes(text, 0)
    if times > 2147483647 or u64(nbytes) * times > 2147483647:
        unreachable()
    count = i32(times)
    made = blob(nbytes * count)
    at = made + 8
    while count:
        copy(at, text + 8, nbytes)
        at += nbytes
        count -= 1
    return made


def new_list_of_texts() -> i32:
    made = alloc(16)
    store32(made, 3)
    store32(made, 0, 4)
    store32(made, 0, 8)
    return made


def append_text(list_: i32, text: i32) -> None:
    list_reserve(list_, 4, 1)
    length = load32(list_, 4)
    store32(load32(list_, 8) + 8 + length * 4, text)
    store32(list_, length + 1, 4)


def str_split(text: i32, separator: i32) -> i32:
    """``text.split(separator)``."""
    made = new_list_of_texts()
    nbytes = load32(separator, 4)
    if nbytes == 0:
        g.err = 19
        return 0
    at = text + 8
    while True:
        found = search(text, separator, at)
        if found == 0:
            break
        append_text(made, from_bytes(at, found - at))
        at = found + nbytes
    append_text(made, from_bytes(at, text + 8 + load32(text, 4) - at))
    return made


def str_join(separator: i32, list_: i32) -> i32:
    """``separator.join(list)``."""
    length = load32(list_, 4)
    items = load32(list_, 8) + 8
    nbytes = 0
    place = 0
    while place < length:
        nbytes += load32(load32(items + place * 4), 4)
        place += 1
    if length > 1:
        nbytes += load32(separator, 4) * (length - 1)
    made = blob(nbytes)
    at = made + 8
    place = 0
    while place < length:
        if place:
            copy(at, separator + 8, load32(separator, 4))
            at += load32(separator, 4)
        item = load32(items + place * 4)
        copy(at, item + 8, load32(item, 4))
        at += load32(item, 4)
        place += 1
    return made


def str_replace(text: i32, old: i32, new: i32) -> i32:
    """``text.replace(old, new)``."""
    if load32(old, 4) == 0:
        return between_characters(text, new)
    return str_join(new, str_split(text, old))


def between_characters(text: i32, new: i32) -> i32:
    """``new`` before each character and at the end."""
    made = new_list_of_texts()
    append_text(made, from_bytes(text, 0))
    at = text + 8
    end = at + load32(text, 4)
    while ltu(at, end):
        next_ = after(at, end)
        append_text(made, from_bytes(at, next_ - at))
        at = next_
    append_text(made, from_bytes(text, 0))
    return str_join(new, made)


def digits_before(end: i32, value: i64) -> i32:
    """Write a number without a sign in front of an address; where it begins."""
    while True:
        end -= 1
        store8(end, 48 + i32(remu(value, 10)))
        value = divu(value, 10)
        if value == 0:
            return end


def str_u(value: i64) -> i32:
    """``str`` of a number without a sign."""
    end = room(64) + 64
    at = digits_before(end, value)
    return from_bytes(at, end - at)


def str_s(value: i64) -> i32:
    """``str`` of a number."""
    if value >= 0:
        return str_u(value)
    end = room(64) + 64
    at = digits_before(end, 0 - value) - 1
    store8(at, 45)
    return from_bytes(at, end - at)


def letters(ascii: i64, nbytes: i32) -> i32:
    """A text of a few ASCII letters."""
    made = blob(8)
    store64(made, ascii, 8)
    store32(made, nbytes, 4)
    return made


def str_bool(value: i32) -> i32:
    """``True`` or ``False``."""
    if value:
        return letters(chars("True"), 4)
    return letters(chars("False"), 5)


def hex_digit(value: i32) -> i32:
    if value < 10:
        return 48 + value
    return 87 + value


def hex_reversed(at: i32, nbytes: i32) -> i32:
    """Bytes as hexadecimal digits, the last byte first."""
    made = blob(nbytes * 2)
    to = made + 8
    while nbytes:
        nbytes -= 1
        byte = load8(at + nbytes)
        store8(to, hex_digit(byte >> 4))
        store8(to, hex_digit(byte & 15), 1)
        to += 2
    return made
