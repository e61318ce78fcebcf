"""The types of the compiled subset, and how their values lie in WebAssembly.

An ``Int`` knows between which numbers it lies. That decides whether it is one machine word, signed
or not, or two: results are exact up to 128 bits, and no check is made where none is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

S64 = (-(1 << 63), (1 << 63) - 1)
U64 = (0, (1 << 64) - 1)
W128 = (-(1 << 127), (1 << 127) - 1)


@dataclass(frozen=True, slots=True)
class Int:
    """An integer from ``lo`` to ``hi``.

    ``form`` is ``s`` (one signed word), ``u`` (one unsigned word) or ``w`` (two words, low first).
    """

    lo: int
    hi: int

    @property
    def form(self) -> str:
        if S64[0] <= self.lo and self.hi <= S64[1]:
            return "s"
        return "u" if self.lo >= 0 and self.hi <= U64[1] else "w"

    @property
    def wasm(self) -> tuple[str, ...]:
        return ("i64", "i64") if self.form == "w" else ("i64",)

    heap = False

    def within(self, other: Int) -> bool:
        return other.lo <= self.lo and self.hi <= other.hi

    def __str__(self) -> str:
        return "int"


@dataclass(frozen=True, slots=True)
class Plain:
    """A kind without parts. ``heap`` says that its values are references."""

    name: str
    wasm: tuple[str, ...]
    heap: bool = False

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Enumeration:
    """A plain enum: the place of the member in its class."""

    class_: Any
    wasm: tuple[str, ...] = ("i32",)
    heap: bool = False

    def __str__(self) -> str:
        return str(self.class_.__name__)


@dataclass(frozen=True, slots=True)
class Struct:
    """An object with named fields: a row, or another declared class."""

    class_: Any
    wasm: tuple[str, ...] = ("i32",)
    heap: bool = True

    def __str__(self) -> str:
        return str(self.class_.__name__)


@dataclass(frozen=True, slots=True)
class List:
    """A list; ``element`` None is that of an empty list whose elements are not known yet."""

    element: Kind | None
    wasm: tuple[str, ...] = ("i32",)
    heap: bool = True

    def __str__(self) -> str:
        return f"list[{self.element or '?'}]"


@dataclass(frozen=True, slots=True)
class Option:
    """A value or None; ``inner`` None is that of a mere None."""

    inner: Kind | None
    wasm: tuple[str, ...] = ("i32",)
    heap: bool = True

    def __str__(self) -> str:
        return "None" if self.inner is None else f"{self.inner} | None"


Kind: TypeAlias = Int | Plain | Enumeration | Struct | List | Option

BOOL = Plain("bool", ("i32",))
FLOAT = Plain("float", ("f64",))
TIMESTAMP = Plain("Timestamp", ("i64",))
DURATION = Plain("TimeDuration", ("i64",))
STR = Plain("str", ("i32",), heap=True)
BYTES = Plain("bytes", ("i32",), heap=True)
IDENTITY = Plain("Identity", ("i32",), heap=True)
CONNECTION_ID = Plain("ConnectionId", ("i32",), heap=True)
SCHEDULE_AT = Plain("ScheduleAt", ("i32",), heap=True)
#: That of what nothing is known of, because a refusal said so already.
UNTOLD = Plain("?", ())
#: What a call without a result gives.
NOTHING = Plain("None", ())
NONE = Option(None)

#: Where integers of variables that grow are widened to.
_STEPS = (31, 63, 127)


def join(a: Kind, b: Kind) -> Kind | None:
    """The kind that holds both; None if there is none."""
    if a == b:
        return a
    if isinstance(a, Int) and isinstance(b, Int):
        return Int(min(a.lo, b.lo), max(a.hi, b.hi))
    if isinstance(a, List) and isinstance(b, List):
        if a.element is None or b.element is None:
            return a if b.element is None else b
        return None
    if isinstance(a, Option) or isinstance(b, Option):
        inner = [k.inner if isinstance(k, Option) else k for k in (a, b)]
        if None in inner:
            return Option(inner[0] or inner[1])
        assert inner[0] is not None
        assert inner[1] is not None
        both = join(inner[0], inner[1])
        return None if both is None else Option(both)
    return None


def listed(element: Kind) -> List:
    """A list. Its integers may be any, since others may hold the same list and append to it."""
    if isinstance(element, Int):
        return List(Int(*W128))
    if isinstance(element, Option) and isinstance(element.inner, Int):
        return List(Option(Int(*W128)))
    return List(element)


def stored(kind: Kind) -> str:
    """How a value lies in a field or list: ``s``, ``u``, ``w``, ``f64``, ``i32`` or ``ref``."""
    if isinstance(kind, Int):
        return kind.form
    if kind.heap:
        return "ref"
    return "f64" if kind == FLOAT else "s" if kind in (TIMESTAMP, DURATION) else "i32"


#: Bytes of a stored value.
SIZES = {"s": 8, "u": 8, "w": 16, "f64": 8, "i32": 4, "ref": 4}


def widen(old: Kind, new: Kind) -> Kind:
    """``new``, which holds ``old``, with room to grow, so that growing comes to an end."""
    if isinstance(old, Int) and isinstance(new, Int):
        lo, hi = new.lo, new.hi
        if lo < old.lo:
            lo = next((-(1 << n) for n in _STEPS if -(1 << n) <= lo), W128[0])
        if hi > old.hi:
            hi = next(((1 << n) - 1 for n in _STEPS if hi < 1 << n), W128[1])
        return Int(lo, hi)
    if isinstance(old, Option) and isinstance(new, Option) and old.inner and new.inner:
        return Option(widen(old.inner, new.inner))
    return new


def clamp(lo: int, hi: int) -> Int:
    """The interval as far as 128 bits hold it."""
    return Int(max(lo, W128[0]), min(hi, W128[1]))
