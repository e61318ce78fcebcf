"""Puts a WebAssembly module together: functions by name, labels by object, bytes at the end.

Functions call each other by name, in any order; the names become numbers in ``Assembler.build``,
which keeps only what the exports reach. So a library can be offered whole and costs nothing.

Source: WebAssembly Core Specification 2.0, chapter 5 (binary format).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.module.wasm.opcodes import FIXED, MEMORY, PLAIN, SATURATING, TYPES

PAGE = 65_536

_EMPTY_BLOCK = b"\x40"


def unsigned(value: int) -> bytes:
    """LEB128 of a number that is not negative."""
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def signed(value: int) -> bytes:
    """Signed LEB128."""
    made = bytearray()
    while True:
        low = value & 0x7F
        value >>= 7
        if value == (0 if low < 0x40 else -1):
            made.append(low)
            return bytes(made)
        made.append(low | 0x80)


def _vector(parts: Sequence[bytes]) -> bytes:
    return unsigned(len(parts)) + b"".join(parts)


def _sized(data: bytes) -> bytes:
    return unsigned(len(data)) + data


def _name(text: str) -> bytes:
    return _sized(text.encode())


def _types(names: Sequence[str]) -> bytes:
    return _vector([bytes([TYPES[name]]) for name in names])


class Label:
    """A place to branch to: the end of a block, or the start of a loop."""

    __slots__ = ("depth",)

    def __init__(self, depth: int) -> None:
        self.depth = depth


@dataclass
class Function:
    """One function under construction.

    ``params`` are locals 0 … n − 1; ``local`` adds further ones. Instructions are appended by their
    names in the text format.
    """

    name: str
    params: tuple[str, ...]
    results: tuple[str, ...]
    locals: list[str] = field(default_factory=list)
    #: Bytes, and between them the names of called functions and globals, to be numbered later.
    code: list[bytes | tuple[str, str]] = field(default_factory=list)
    _depth: int = 0

    def local(self, type_: str) -> int:
        """The number of a new local variable of a type such as ``i64``."""
        self.locals.append(type_)
        return len(self.params) + len(self.locals) - 1

    def op(self, *names: str) -> None:
        """Instructions without immediates."""
        for name in names:
            plain = PLAIN.get(name)
            if plain is not None:
                self.code.append(bytes([plain]))
            else:
                self.code.append(FIXED.get(name) or SATURATING[name])

    def i32(self, value: int) -> None:
        """A constant; values of 2**31 and more stand for their bit pattern."""
        self.code.append(b"\x41" + signed((value + (1 << 31)) % (1 << 32) - (1 << 31)))

    def i64(self, value: int) -> None:
        """A constant; values of 2**63 and more stand for their bit pattern."""
        self.code.append(b"\x42" + signed((value + (1 << 63)) % (1 << 64) - (1 << 63)))

    def f32(self, value: float) -> None:
        self.code.append(b"\x43" + struct.pack("<f", value))

    def f64(self, value: float) -> None:
        self.code.append(b"\x44" + struct.pack("<d", value))

    def get(self, local: int) -> None:
        self.code.append(b"\x20" + unsigned(local))

    def set(self, local: int) -> None:
        self.code.append(b"\x21" + unsigned(local))

    def tee(self, local: int) -> None:
        self.code.append(b"\x22" + unsigned(local))

    def global_get(self, name: str) -> None:
        self.code += [b"\x23", ("global", name)]

    def global_set(self, name: str) -> None:
        self.code += [b"\x24", ("global", name)]

    def memory(self, name: str, offset: int = 0) -> None:
        """A load or store, such as ``i64.load``, at a constant offset; no alignment is promised."""
        self.code.append(bytes([MEMORY[name][0], 0]) + unsigned(offset))

    def call(self, name: str) -> None:
        self.code += [b"\x10", ("function", name)]

    @contextmanager
    def block(self, result: str | None = None) -> Iterator[Label]:
        """A block; branching to its label leaves it."""
        yield from self._nested(b"\x02", result)

    @contextmanager
    def loop(self) -> Iterator[Label]:
        """A loop; branching to its label starts it again, else it is left at its end."""
        yield from self._nested(b"\x03", None)

    @contextmanager
    def if_(self, result: str | None = None) -> Iterator[Label]:
        """What happens if the i32 on the stack is not 0; ``else_`` parts it."""
        yield from self._nested(b"\x04", result)

    def else_(self) -> None:
        self.code.append(b"\x05")

    def br(self, label: Label) -> None:
        self.code.append(b"\x0c" + unsigned(self._depth - label.depth))

    def br_if(self, label: Label) -> None:
        self.code.append(b"\x0d" + unsigned(self._depth - label.depth))

    def br_table(self, labels: Sequence[Label], default: Label) -> None:
        """Branch to the label whose place is the i32 on the stack."""
        depths = [unsigned(self._depth - label.depth) for label in labels]
        self.code.append(b"\x0e" + _vector(depths) + unsigned(self._depth - default.depth))

    def _nested(self, opcode: bytes, result: str | None) -> Iterator[Label]:
        kind = _EMPTY_BLOCK if result is None else bytes([TYPES[result]])
        self.code.append(opcode + kind)
        self._depth += 1
        yield Label(self._depth)
        self._depth -= 1
        self.code.append(b"\x0b")

    def uses(self) -> list[tuple[str, str]]:
        """The functions and globals that the code names."""
        return [part for part in self.code if isinstance(part, tuple)]


@dataclass(frozen=True, slots=True)
class _Import:
    module: str
    name: str
    params: tuple[str, ...]
    results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Global:
    type: str
    value: int


class Assembler:
    """Collects functions, globals and data of one module with one memory."""

    def __init__(self) -> None:
        self._imports: dict[str, _Import] = {}
        self._functions: dict[str, Function] = {}
        self._globals: dict[str, _Global] = {}
        self._exports: dict[str, str] = {}
        self._data: list[tuple[int, bytes]] = []

    def __contains__(self, name: str) -> bool:
        return name in self._functions or name in self._imports

    def import_function(
        self, module: str, name: str, params: Sequence[str] = (), results: Sequence[str] = ()
    ) -> None:
        """A function of the host, called by its own name."""
        self._imports[name] = _Import(module, name, tuple(params), tuple(results))

    def function(
        self, name: str, params: Sequence[str] = (), results: Sequence[str] = ()
    ) -> Function:
        """A new function to be filled."""
        assert name not in self, f"function {name} is there twice"
        made = self._functions[name] = Function(name, tuple(params), tuple(results))
        return made

    def add(self, function: Function) -> None:
        """A function that was made elsewhere."""
        assert function.name not in self, f"function {function.name} is there twice"
        self._functions[function.name] = function

    def global_(self, name: str, type_: str, value: int = 0) -> None:
        """A mutable global of an integer type."""
        self._globals[name] = _Global(type_, value)

    def export(self, function: str, name: str | None = None) -> None:
        """Make a function visible to the host; the memory always is."""
        self._exports[name or function] = function

    def data(self, address: int, data: bytes) -> None:
        """Bytes that memory has from the start."""
        self._data.append((address, data))

    def build(self, memory_bytes: int) -> bytes:
        """The module. ``memory_bytes`` are there at the start; more can be asked for with grow."""
        reached = self._reached()
        imports = [name for name in self._imports if name in reached]
        functions = [made for name, made in self._functions.items() if name in reached]
        numbers = {name: place for place, name in enumerate(imports)}
        for made in functions:
            numbers[made.name] = len(numbers)
        named = {part for made in functions for part in made.uses()}
        globals_ = [name for name in self._globals if ("global", name) in named]
        places = {("function", name): unsigned(place) for name, place in numbers.items()}
        places |= {("global", name): unsigned(place) for place, name in enumerate(globals_)}
        signatures: dict[bytes, int] = {}

        def signature(params: Sequence[str], results: Sequence[str]) -> bytes:
            coded = b"\x60" + _types(params) + _types(results)
            return unsigned(signatures.setdefault(coded, len(signatures)))

        imported = [
            _name(found.module) + _name(found.name) + b"\x00"
            + signature(found.params, found.results)
            for found in map(self._imports.__getitem__, imports)
        ]  # fmt: skip
        declared = [signature(made.params, made.results) for made in functions]
        pages = -(-memory_bytes // PAGE)
        exports = [_name("memory") + b"\x02\x00"] + [
            _name(shown) + b"\x00" + unsigned(numbers[name])
            for shown, name in self._exports.items()
        ]
        made_globals = [
            bytes([TYPES[found.type], 1, 0x41 if found.type == "i32" else 0x42])
            + signed(found.value) + b"\x0b"
            for found in map(self._globals.__getitem__, globals_)
        ]  # fmt: skip
        bodies = [_sized(_body(made, places)) for made in functions]
        datas = [
            b"\x00\x41" + signed(address) + b"\x0b" + _sized(data) for address, data in self._data
        ]
        sections = [
            (1, _vector(list(signatures))),
            (2, _vector(imported)),
            (3, _vector(declared)),
            (5, _vector([b"\x00" + unsigned(pages)])),
            (6, _vector(made_globals)),
            (7, _vector(exports)),
            (10, _vector(bodies)),
            (11, _vector(datas)),
        ]
        return b"\x00asm\x01\x00\x00\x00" + b"".join(
            bytes([number]) + _sized(content) for number, content in sections if content != b"\x00"
        )

    def _reached(self) -> set[str]:
        """The functions that the exports lead to."""
        found: set[str] = set()
        waiting = list(self._exports.values())
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            if name in self._imports:
                continue
            called = [use for kind, use in self._functions[name].uses() if kind == "function"]
            waiting.extend(called)
        return found


def _body(function: Function, places: dict[tuple[str, str], bytes]) -> bytes:
    runs: list[list[int]] = []
    for type_ in function.locals:
        if runs and runs[-1][1] == TYPES[type_]:
            runs[-1][0] += 1
        else:
            runs.append([1, TYPES[type_]])
    head = _vector([unsigned(count) + bytes([type_]) for count, type_ in runs])
    code = b"".join(part if isinstance(part, bytes) else places[part] for part in function.code)
    return head + code + b"\x0b"
