"""The words of the low-level language: what type checkers and readers see of them.

None of this ever runs. The sources in ``harness.module.wasm.sources`` look like Python, but
``lowlevel`` reads them as text and turns each word into one instruction. So the bodies here raise,
and the signatures let mypy check the sources. ``i32`` and ``i64`` wrap around; plain ``<`` and
``>>`` are signed. What is an i32 may be an address. ``ltu`` … ``rotl`` take two i32 or two i64.
"""

from __future__ import annotations

from typing import NoReturn

i32 = int
i64 = int
f64 = float
#: An i64 from an i32 that is read as unsigned.
u64 = int


class Globals:
    """The globals of a compiled module, all of type i32."""

    heap_base: i32
    heap_top: i32
    sp: i32
    stack_base: i32
    gc_at: i32
    descriptors: i32
    scratch: i32
    err: i32
    err_text: i32
    rd: i32
    rng: i32


g = Globals()


def unreachable() -> NoReturn:
    """Stop at once: the host rolls back."""
    raise NotImplementedError


# --- memory; the offset is a literal and becomes part of the instruction --------------------------


def load8(at: i32, offset: int = 0) -> i32:
    raise NotImplementedError


def load16(at: i32, offset: int = 0) -> i32:
    raise NotImplementedError


def load32(at: i32, offset: int = 0) -> i32:
    raise NotImplementedError


def load64(at: i32, offset: int = 0) -> i64:
    raise NotImplementedError


def load32u(at: i32, offset: int = 0) -> i64:
    """Four bytes as an unsigned number in an i64."""
    raise NotImplementedError


def loadf(at: i32, offset: int = 0) -> f64:
    raise NotImplementedError


def store8(at: i32, value: i32, offset: int = 0) -> None:
    raise NotImplementedError


def store16(at: i32, value: i32, offset: int = 0) -> None:
    raise NotImplementedError


def store32(at: i32, value: i32, offset: int = 0) -> None:
    raise NotImplementedError


def store64(at: i32, value: i64, offset: int = 0) -> None:
    raise NotImplementedError


def store32l(at: i32, value: i64, offset: int = 0) -> None:
    """The low four bytes of an i64."""
    raise NotImplementedError


def storef(at: i32, value: f64, offset: int = 0) -> None:
    raise NotImplementedError


def copy(to: i32, source: i32, count: i32) -> None:
    """Bytes from one place to another, which may overlap."""
    raise NotImplementedError


def fill(to: i32, byte: i32, count: i32) -> None:
    raise NotImplementedError


def pages() -> i32:
    """How much memory there is, in pages of 64 KiB."""
    raise NotImplementedError


def grow(count: i32) -> i32:
    """More pages; how many there were, or -1."""
    raise NotImplementedError


# --- integers -------------------------------------------------------------------------------------


def ltu(a: int, b: int) -> bool:
    raise NotImplementedError


def leu(a: int, b: int) -> bool:
    raise NotImplementedError


def gtu(a: int, b: int) -> bool:
    raise NotImplementedError


def geu(a: int, b: int) -> bool:
    raise NotImplementedError


def divs(a: int, b: int) -> int:
    """Towards zero; traps for zero, and for the least number by -1."""
    raise NotImplementedError


def divu(a: int, b: int) -> int:
    raise NotImplementedError


def rems(a: int, b: int) -> int:
    """With the sign of the dividend."""
    raise NotImplementedError


def remu(a: int, b: int) -> int:
    raise NotImplementedError


def shru(a: int, b: int) -> int:
    raise NotImplementedError


def rotl(a: int, b: int) -> int:
    raise NotImplementedError


def clz(a: int) -> int:
    raise NotImplementedError


def ctz(a: int) -> int:
    raise NotImplementedError


def chars(text: str) -> i64:
    """The bytes of up to eight ASCII characters, the first one lowest."""
    raise NotImplementedError


# --- floats ---------------------------------------------------------------------------------------


def floor(x: f64) -> f64:
    raise NotImplementedError


def ceil(x: f64) -> f64:
    raise NotImplementedError


def trunc(x: f64) -> f64:
    raise NotImplementedError


def nearest(x: f64) -> f64:
    """To an integer, half to even."""
    raise NotImplementedError


def fabs(x: f64) -> f64:
    raise NotImplementedError


def copysign(x: f64, sign: f64) -> f64:
    raise NotImplementedError


def bits(x: f64) -> i64:
    """The same 64 bits."""
    raise NotImplementedError


def from_bits(x: i64) -> f64:
    raise NotImplementedError


def integer(x: f64) -> i64:
    """Towards zero; the nearest i64 if it does not fit, 0 for NaN."""
    raise NotImplementedError


def unsigned_float(x: i64) -> f64:
    """The float nearest to an unsigned number."""
    raise NotImplementedError
