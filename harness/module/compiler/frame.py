"""One function while it is emitted: its variables, its frame on the shadow stack, its way out.

References live in slots on a shadow stack in memory, where the garbage collector finds and changes
them; everything else lives in locals of WebAssembly. An error is a number in the global ``err``:
after each call that may set it, code branches to the innermost place that cleans up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.module.compiler.kinds import Int, Kind, Option
from harness.module.compiler.values import Value
from harness.module.wasm.assembler import Function, Label

if TYPE_CHECKING:
    from harness.module.compiler.unit import Unit

#: What the library and the host leave in the global ``err``.
OK, REFUSED, CRASHED = 0, 1, 2
#: More lines than a file has: places are kept as the file's number times this, plus the line.
LINES = 1_000_000


class Variable:
    """A local variable: ``places`` are locals, or one slot if the kind is a reference."""

    __slots__ = ("kind", "places")

    def __init__(self, kind: Kind, places: tuple[int, ...]) -> None:
        self.kind, self.places = kind, places


class Frame:
    """Emits into one function."""

    def __init__(self, unit: Unit, function: Function, file: str) -> None:
        self.unit = unit
        self.f = function
        self._file = unit.file(file)
        self._fp = function.local("i32")
        self._reference = function.local("i32")
        self._slots = 0
        self.errors: list[Label] = []
        #: What leaves the loops that are open, innermost last, for ``return``.
        self.leaving: list[Callable[[], None]] = []

    # --- variables -------------------------------------------------------------------------------

    def variable(self, kind: Kind) -> Variable:
        """A new one, without a value."""
        if kind.heap:
            self._slots += 1
            return Variable(kind, (self._slots - 1,))
        return Variable(kind, tuple(map(self.f.local, kind.wasm)))

    def load(self, variable: Variable) -> None:
        if variable.kind.heap:
            self.f.get(self._fp)
            self.f.memory("i32.load", 4 * variable.places[0])
        else:
            for place in variable.places:
                self.f.get(place)

    def store(self, variable: Variable) -> None:
        """Take the value from the stack."""
        if variable.kind.heap:
            self.f.set(self._reference)
            self.f.get(self._fp)
            self.f.get(self._reference)
            self.f.memory("i32.store", 4 * variable.places[0])
        else:
            for place in reversed(variable.places):
                self.f.set(place)

    def temp(self, type_: str) -> int:
        """A local for a moment. References may wait in it only while nothing is called."""
        return self.f.local(type_)

    def keep(self, kind: Kind) -> Variable:
        """Take the value from the stack into a new variable."""
        made = self.variable(kind)
        self.store(made)
        return made

    # --- several values at once ------------------------------------------------------------------

    def push(self, *values: Value) -> None:
        """Leave all values on the stack, in order."""
        last = max((i for i, value in enumerate(values) if value.calls), default=-1)
        waiting: list[Variable] = []
        for place, value in enumerate(values):
            value.emit()
            if place < last:
                waiting.append(self.keep(value.kind))
            elif place == last and waiting:
                # What was computed before lies elsewhere, and must come first on the stack.
                top = self.keep(value.kind)
                for kept in waiting:
                    self.load(kept)
                self.load(top)

    # --- errors ----------------------------------------------------------------------------------

    def check(self, line: int | None = None) -> None:
        """Leave if there is an error; ``line`` is where it happened, if it happened here."""
        self.f.global_get("err")
        if line is None:
            self.f.br_if(self.errors[-1])
            return
        with self.f.if_():
            self.at(line)
            self.f.br(self.errors[-1])

    def place(self, line: int) -> None:
        """Leave the number that stands for a line of this function's file."""
        self.f.i32(self._file * LINES + line)

    def at(self, line: int) -> None:
        """Note where an error happened."""
        self.place(line)
        self.f.global_set("err_at")

    def crash(self, text: str, line: int) -> None:
        """Fail as Python does with an exception that is not the module's own."""
        self.f.i32(self.unit.text(text))
        self.crash_with(line)

    def crash_with(self, line: int) -> None:
        """Fail with the text on the stack."""
        self.f.global_set("err_text")
        self.f.i32(CRASHED)
        self.f.global_set("err")
        self.at(line)
        self.f.br(self.errors[-1])

    def crash_if(self, text: str, line: int) -> None:
        """Fail if the i32 on the stack is not 0."""
        with self.f.if_():
            self.crash(text, line)

    def call(self, name: str, line: int) -> None:
        """Call a function of the library; leave if it fails."""
        self.f.call(name)
        if name in self.unit.may_fail:
            self.check(line)

    # --- kinds -----------------------------------------------------------------------------------

    def convert(self, value: Kind, wanted: Kind) -> None:
        """The value on the stack in the form of a kind that holds it."""
        if isinstance(value, Int) and isinstance(wanted, Int):
            formed(self.f, value.form, wanted.form)
        elif isinstance(wanted, Option) and not isinstance(value, Option):
            self.box(value)

    def box(self, kind: Kind) -> None:
        """A present option of the value on the stack."""
        boxed(self.f, kind)

    def unbox(self, kind: Kind) -> None:
        """The value in the box on the stack, which is there."""
        if kind.heap:
            return
        if not isinstance(kind, Int):
            self.f.memory(f"{kind.wasm[0]}.load", 8)
            return
        if kind.form != "w":
            self.f.memory("i64.load", 8)
            return
        kept = self.temp("i32")
        self.f.tee(kept)
        self.f.memory("i64.load", 8)
        self.f.get(kept)
        self.f.memory("i64.load", 16)

    # --- the whole -------------------------------------------------------------------------------

    def leave(self) -> None:
        """Give the frame back."""
        self.f.get(self._fp)
        self.f.global_set("sp")

    def finish(self) -> int:
        """Put the frame's making in front of the code; the frame's size in bytes."""
        code, self.f.code = self.f.code, []
        self.f.global_get("sp")
        self.f.set(self._fp)
        if self._slots:
            self.f.get(self._fp)
            self.f.i32(4 * self._slots)
            self.f.op("i32.add")
            self.f.global_set("sp")
            self.f.get(self._fp)
            self.f.i32(0)
            self.f.i32(4 * self._slots)
            self.f.op("memory.fill")
        self.f.code += code
        return 4 * self._slots


def formed(f: Function, form: str, wanted: str) -> None:
    """The integer on the stack in another form, which holds it."""
    if wanted == "w" and form == "s":
        kept = f.local("i64")
        f.tee(kept)
        f.get(kept)
        f.i64(63)
        f.op("i64.shr_s")
    elif wanted == "w" and form == "u":
        f.i64(0)
    elif wanted != "w" and form == "w":
        f.op("drop")


def boxed(f: Function, kind: Kind) -> None:
    """A present option of the value on the stack. Integers are always two words in it."""
    if kind.heap:
        return
    if isinstance(kind, Int):
        formed(f, kind.form, "w")
    types = ("i64", "i64") if isinstance(kind, Int) else kind.wasm
    kept = [f.local(type_) for type_ in types]
    for place in reversed(kept):
        f.set(place)
    made = f.local("i32")
    f.i32(8 * len(types))
    f.call("rt.blob")
    f.set(made)
    for number, place in enumerate(kept):
        f.get(made)
        f.get(place)
        f.memory(f"{types[0]}.store", 8 + 8 * number)
    f.get(made)
