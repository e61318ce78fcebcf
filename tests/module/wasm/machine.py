"""The run-time library in a real engine: called from Python, its memory read and written."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache
from typing import Any

import wasmtime

from harness.module.wasm.assembler import Assembler, Function
from harness.module.wasm.library import library
from harness.module.wasm.lowlevel import GLOBALS

#: Places in memory: the generator's state, the shadow stack, tables, and the heap behind them.
RNG, STACK, TABLES, HEAP = 4_096, 8_192, 16_384, 32_768
#: An object with two references and a number: its kind, its size, where the references are.
PAIR, PAIR_SIZE = 4, 24
LIST = 3


@cache
def _engine() -> wasmtime.Engine:
    """Made when it is first used: its traps are signals, which pytest takes as well."""
    return wasmtime.Engine()


@cache
def _compiled() -> wasmtime.Module:
    return compiled(library())


def compiled(functions: Mapping[str, Function]) -> wasmtime.Module:
    """All functions as exports, and one more for each global to read it and to write it."""
    assembler = Assembler()
    places = {
        "heap_base": HEAP, "heap_top": HEAP, "sp": STACK, "stack_base": STACK, "gc_at": HEAP + 4096,
        "descriptors": TABLES, "scratch": 1_024, "rng": RNG,
    }  # fmt: skip
    for name in GLOBALS:
        assembler.global_(name, "i32", places.get(name, 0))
        read = assembler.function(f"get {name}", (), ("i32",))
        read.global_get(name)
        write = assembler.function(f"set {name}", ("i32",), ())
        write.get(0)
        write.global_set(name)
        assembler.export(read.name)
        assembler.export(write.name)
    for function in functions.values():
        assembler.add(function)
        assembler.export(function.name)
    tables = [0, 0, 0, TABLES + 64, TABLES + 96]
    assembler.data(TABLES, struct.pack("<5I", *tables))
    assembler.data(TABLES + 64, struct.pack("<3I", 16, 1, 8))
    assembler.data(TABLES + 96, struct.pack("<4I", PAIR_SIZE, 2, 4, 8))
    return wasmtime.Module(_engine(), assembler.build(HEAP + 1))


class Machine:
    """One instance. Wide integers, results of several values and texts are Python's own."""

    def __init__(self, module: wasmtime.Module | None = None) -> None:
        self._store = wasmtime.Store(_engine())
        instance = wasmtime.Instance(self._store, module or _compiled(), [])
        self._exports: Any = instance.exports(self._store)
        self.memory: Any = self._exports["memory"]

    def limit(self, nbytes: int) -> None:
        """Let memory grow no further than this."""
        self._store.set_limits(memory_size=nbytes)

    def raw(self, name: str, *values: float) -> Any:
        return self._exports[name](self._store, *values)

    def call(self, name: str, *values: float) -> Any:
        """Call a function of the library, which must not fail."""
        self["err"] = 0
        result = self.raw(f"rt.{name}", *values)
        assert self["err"] == 0
        return result

    def failing(self, name: str, *values: float) -> int:
        """Call a function of the library; the error that it left, or 0."""
        self.raw(f"rt.{name}", *values)
        found, self["err"] = self["err"], 0
        return found

    def wide(self, name: str, *values: float) -> int:
        """The integer of 128 bits that a function gives."""
        lo, hi = self.call(name, *values)
        return (hi << 64) + lo % (1 << 64)

    def text(self, name: str, *values: float) -> str:
        """The text that a function gives."""
        return self.data(self.call(name, *values)).decode()

    def __getitem__(self, name: str) -> int:
        return self.raw(f"get {name}") % (1 << 32)

    def __setitem__(self, name: str, value: int) -> None:
        self.raw(f"set {name}", value)

    def read(self, at: int, nbytes: int) -> bytes:
        return bytes(self.memory.read(self._store, at, at + nbytes))

    def write(self, at: int, data: bytes) -> None:
        self.memory.write(self._store, data, at)

    def words(self, at: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}I", self.read(at, 4 * count))

    def put(self, at: int, *words: int) -> None:
        self.write(at, struct.pack(f"<{len(words)}I", *words))

    def data(self, at: int) -> bytes:
        """What is in an object of bytes."""
        kind, nbytes = self.words(at, 2)
        assert kind == 1
        return self.read(at + 8, nbytes)

    def blob(self, data: bytes) -> int:
        at: int = self.call("blob", len(data))
        self.write(at + 8, data)
        return at

    def new(self, text: str) -> int:
        return self.blob(text.encode())

    def reset(self) -> None:
        """An empty heap, as at the start of a reducer's call."""
        self["heap_top"], self["sp"], self["err_text"] = HEAP, STACK, 0

    def list(self, *items: int) -> int:
        """A list of references."""
        at: int = self.call("alloc", 16)
        self.put(at, LIST, len(items), 0, 0)
        if items:
            held: int = self.call("pointers", len(items))
            self.put(held + 8, *items)
            self.put(at + 8, held)
        return at

    def items(self, at: int) -> tuple[int, ...]:
        """The references in a list."""
        kind, count, held = self.words(at, 3)
        assert kind == LIST
        return self.words(held + 8, count) if count else ()


def halves(number: int) -> tuple[int, int]:
    """An integer of 128 bits as its two words, as a host passes them."""
    lo, hi = number % (1 << 64), number >> 64
    return lo - (1 << 64) * (lo >> 63), hi - (1 << 64) * (hi >> 63 & 1 if hi > 0 else 0)
