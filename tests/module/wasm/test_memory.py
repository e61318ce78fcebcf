"""The heap: objects byte by byte, lists that grow, and what a collection keeps."""

from __future__ import annotations

import random
import struct

import pytest
import wasmtime

from tests.module.wasm.machine import HEAP, LIST, PAIR, PAIR_SIZE, STACK, Machine

PAGE = 65_536


@pytest.fixture
def heap() -> Machine:
    return Machine()


def test_objects(heap: Machine) -> None:
    text, held = heap.new("abc"), heap.call("pointers", 2)
    assert text == HEAP
    assert heap.read(text, 11) == b"\x01\0\0\0\x03\0\0\0abc"
    assert held == HEAP + 16
    assert heap.read(held, 16) == b"\x02\0\0\0\x08\0\0\0" + bytes(8)
    assert heap["heap_top"] == HEAP + 32


def test_memory_grows_when_it_is_needed(heap: Machine) -> None:
    at = heap.call("blob", 10 * PAGE)
    heap.write(at + 8 + 10 * PAGE - 1, b"x")
    heap.call("ensure", PAGE)
    heap.write(heap["heap_top"] + PAGE - 1, b"x")


def test_out_of_memory_stops_the_call(heap: Machine) -> None:
    heap.limit(20 * PAGE)
    heap.call("ensure", 18 * PAGE)
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        heap.call("ensure", 20 * PAGE)


def test_sizes_of_2_gib_stop_the_call(heap: Machine) -> None:
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        heap.call("blob", (1 << 31) - 8)
    heap["heap_top"] = (1 << 32) - 64
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        heap.call("ensure", 72)


def test_room_for_less_than_nothing_is_there(heap: Machine) -> None:
    """Code that writes behind the heap's top may ask for an end that lies before it."""
    heap.call("ensure", -8)


@pytest.mark.parametrize("size", [1, 4, 8, 16])
def test_a_list_of_numbers_keeps_them_while_it_grows(heap: Machine, size: int) -> None:
    at = heap.list()
    moves = 0
    for place in range(100):
        before = heap.words(at, 3)[2]
        heap.call("list_reserve", at, size, 0)
        held = heap.words(at, 3)[2]
        moves += held != before
        assert heap.words(held, 2)[1] >= size * (place + 1)
        heap.write(held + 8 + size * place, bytes([place]) * size)
        heap.put(at + 4, place + 1)
    assert heap.data(held)[: 100 * size] == b"".join(bytes([i]) * size for i in range(100))
    assert moves == 5  # 8, 16, 32, 64, 128


def test_room_for_references_is_empty(heap: Machine) -> None:
    heap.write(HEAP, b"\xff" * 256)
    at = heap.list()
    heap.call("list_reserve", at, 4, 1)
    held = heap.words(at, 3)[2]
    assert heap.words(held, 10) == (2, 32, *[0] * 8)


def root(heap: Machine, *references: int) -> None:
    """Put references on the shadow stack."""
    heap.put(STACK, *references)
    heap["sp"] = STACK + 4 * len(references)


def test_garbage_goes(heap: Machine) -> None:
    heap.new("garbage" * 100)
    kept = heap.new("kept")
    heap.new("more garbage")
    root(heap, kept, 0)
    heap.call("collect")
    assert heap.words(STACK, 2) == (HEAP, 0)
    assert heap.data(HEAP) == b"kept"
    assert heap["heap_top"] == HEAP + 16
    assert heap["gc_at"] == HEAP + 16 + (1 << 20)
    root(heap)
    heap.call("collect")
    assert heap["heap_top"] == HEAP


def test_the_text_of_an_error_stays(heap: Machine) -> None:
    heap.new("garbage")
    heap["err_text"] = heap.new("what went wrong")
    heap.call("collect")
    assert heap["err_text"] == HEAP
    assert heap.data(HEAP) == b"what went wrong"


def test_what_was_there_from_the_start_does_not_move(heap: Machine) -> None:
    literal = HEAP - 64
    heap.write(literal, struct.pack("<II", 1, 2) + b"hi")
    root(heap, heap.list(literal), literal)
    heap.call("collect")
    assert heap.words(STACK + 4, 1) == (literal,)
    assert heap.items(HEAP) == (literal,)


def test_a_safepoint_collects_only_when_there_is_much(heap: Machine) -> None:
    heap.new("garbage")
    top = heap["heap_top"]
    heap.call("safepoint")
    assert heap["heap_top"] == top
    heap["gc_at"] = top - 8
    heap.call("safepoint")
    assert heap["heap_top"] == HEAP


def test_much_that_lives_delays_the_next_collection(heap: Machine) -> None:
    root(heap, heap.call("blob", 3 << 20))
    heap.call("collect")
    assert heap["gc_at"] == heap["heap_top"] + (3 << 20) + 8


# --- random graphs, against a twin in Python ------------------------------------------------------


class Node:
    """A twin: a text has ``data``, a pair and a list refer to other nodes or to None."""

    def __init__(self, kind: str, data: bytes) -> None:
        self.kind, self.data = kind, data
        self.to: list[Node | None] = [None, None] if kind == "pair" else []


def _grow(draw: random.Random, count: int) -> list[Node]:
    nodes = [
        Node(draw.choice(["text", "pair", "list"]), draw.randbytes(draw.randrange(12)))
        for _ in range(count)
    ]
    for node in nodes:
        if node.kind == "list":
            node.to = [None] * draw.randrange(6)
        node.to = [draw.choice([None, *nodes]) for _ in node.to]
    return nodes


def _build(heap: Machine, draw: random.Random, nodes: list[Node]) -> dict[Node, int]:
    """Put the nodes into memory, with garbage between them."""
    places = {}
    for node in nodes:
        heap.blob(bytes(draw.randrange(40)))
        if node.kind == "text":
            places[node] = heap.blob(node.data)
        elif node.kind == "pair":
            places[node] = heap.call("alloc", PAIR_SIZE)
            heap.put(places[node], PAIR, 0, 0, len(node.data), 0, 0)
        else:
            places[node] = heap.list(*[0] * len(node.to))
    for node, at in places.items():
        references = [places[other] if other else 0 for other in node.to]
        if node.kind == "pair":
            heap.put(at + 4, *references)
        elif references:
            heap.put(heap.words(at, 3)[2] + 8, *references)
    return places


def _compare(heap: Machine, roots: list[tuple[Node | None, int]]) -> int:
    """Walk both graphs side by side: same shape, same sharing. How many nodes were met."""
    seen: dict[Node, int] = {}
    waiting = list(roots)
    while waiting:
        node, at = waiting.pop()
        if node is None:
            assert at == 0
            continue
        if node in seen:
            assert seen[node] == at
            continue
        seen[node] = at
        assert HEAP <= at < heap["heap_top"]
        if node.kind == "text":
            assert heap.data(at) == node.data
        elif node.kind == "pair":
            kind, first, second, number = heap.words(at, 4)
            assert (kind, number) == (PAIR, len(node.data))
            waiting += zip(node.to, (first, second), strict=True)
        else:
            assert heap.words(at, 1) == (LIST,)
            waiting += zip(node.to, heap.items(at), strict=True)
    assert len(set(seen.values())) == len(seen)
    return len(seen)


@pytest.mark.parametrize("seed", range(30))
def test_graphs_survive_with_their_shape(heap: Machine, seed: int) -> None:
    draw = random.Random(seed)
    nodes = _grow(draw, draw.randrange(1, 60))
    places = _build(heap, draw, nodes)
    picked = [draw.choice([None, *nodes]) for _ in range(4)]
    root(heap, *(places[node] if node else 0 for node in picked))
    before = heap["heap_top"]
    for _ in range(3):
        heap.call("collect")
        assert _compare(heap, list(zip(picked, heap.words(STACK, 4), strict=True))) <= len(nodes)
    after = heap["heap_top"]
    assert after < before
    heap.call("collect")
    assert heap["heap_top"] == after
