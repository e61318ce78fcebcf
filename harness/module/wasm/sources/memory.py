"""Objects on a heap that grows, and the collector that keeps it small.

An object begins with the number of its kind: 1 has bytes, 2 has references, from 3 on a table
says where references lie. While garbage is collected, the place of the number holds where the
object goes. Nothing here collects by itself: references may wait in locals until ``safepoint``.
"""

from __future__ import annotations

from harness.module.wasm.intrinsics import (
    copy,
    fill,
    g,
    geu,
    grow,
    gtu,
    i32,
    load32,
    ltu,
    pages,
    shru,
    store32,
    unreachable,
)

#: The heap grows by at least so much before it is collected again.
LEAST = 1048576


def ensure(nbytes: i32) -> None:
    """Memory for so many bytes behind the heap's top; for less than none, nothing happens."""
    need = g.heap_top + nbytes
    if nbytes > 0 and ltu(need, nbytes):
        unreachable()
    have = pages() << 16
    if gtu(need, have):
        # A sixteenth more than needed, so that growing is rare; else just what is needed.
        more = shru(need - have, 16) + 1
        if grow(more + shru(have, 20)) == -1 and grow(more) == -1:
            unreachable()


def room(nbytes: i32) -> i32:
    """Memory for a moment: behind the heap's top, until the next object is made there.

    A text may be made of bytes in it: the object's head ends before it.
    """
    ensure(nbytes + 16)
    return g.heap_top + 16


def alloc(nbytes: i32) -> i32:
    """So many bytes, at a multiple of 8. They may hold anything."""
    size = (nbytes + 7) & -8
    if size < 0:
        unreachable()
    ensure(size)
    at = g.heap_top
    g.heap_top = at + size
    return at


def blob(nbytes: i32) -> i32:
    """An object with so many bytes."""
    made = alloc(nbytes + 8)
    store32(made, 1)
    store32(made, nbytes, 4)
    return made


def pointers(count: i32) -> i32:
    """An object with so many references, all None."""
    made = alloc(count * 4 + 8)
    store32(made, 2)
    store32(made, count * 4, 4)
    fill(made + 8, 0, count * 4)
    return made


def object_size(at: i32) -> i32:
    """Bytes of an object, up to the next one."""
    kind = load32(at)
    if kind < 3:
        return (load32(at, 4) + 15) & -8
    return (load32(load32(g.descriptors + kind * 4)) + 7) & -8


def moved(at: i32, delta: i32) -> i32:
    """Where an object will be; it is copied if it is met for the first time."""
    if ltu(at, g.heap_base):
        return at
    kind = load32(at)
    if geu(kind, g.heap_base):
        return kind
    size = object_size(at)
    ensure(size)
    to = g.heap_top
    copy(to, at, size)
    g.heap_top = to + size
    store32(at, to - delta)
    return to - delta


def move_all(at: i32, end: i32, delta: i32) -> None:
    """Follow the references between two addresses."""
    while ltu(at, end):
        store32(at, moved(load32(at), delta))
        at += 4


def collect() -> None:
    """Copy what can be reached behind the heap, and then to its start."""
    top = g.heap_top
    delta = top - g.heap_base
    move_all(g.stack_base, g.sp, delta)
    g.err_text = moved(g.err_text, delta)
    at = top
    while ltu(at, g.heap_top):
        kind = load32(at)
        if kind == 2:
            move_all(at + 8, at + 8 + load32(at, 4), delta)
        elif kind > 2:
            shape = load32(g.descriptors + kind * 4)
            left = load32(shape, 4)
            while left:
                place = at + load32(shape, 8)
                move_all(place, place + 4, delta)
                shape += 4
                left -= 1
        at += object_size(at)
    live = g.heap_top - top
    copy(g.heap_base, top, live)
    g.heap_top = g.heap_base + live
    more = live
    if ltu(more, LEAST):
        more = LEAST
    g.gc_at = g.heap_top + more


def safepoint() -> None:
    """Collect garbage if there may be much. References are in the shadow stack now."""
    if gtu(g.heap_top, g.gc_at):
        collect()


def list_reserve(list_: i32, size: i32, references: i32) -> None:
    """Room in a list for one more item of so many bytes."""
    length = load32(list_, 4)
    old = load32(list_, 8)
    have = 0
    if old:
        have = load32(old, 4)
    if geu(have, (length + 1) * size):
        return
    want = length * size * 2
    if ltu(want, size * 8):
        want = size * 8
    made = pointers(shru(want, 2)) if references else blob(want)
    if old:
        copy(made + 8, old + 8, length * size)
    store32(list_, made, 8)
