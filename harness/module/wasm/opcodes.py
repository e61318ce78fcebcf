"""Instructions of core WebAssembly by their names, as in the text format.

Source: WebAssembly Core Specification 2.0, chapters 5.4 (binary format of instructions) and 5.3
(types). Only what modules need: integers, floats, control, memory, sign extension, bulk memory and
saturating conversions.
"""

from __future__ import annotations

#: Value types.
I32, I64, F32, F64 = 0x7F, 0x7E, 0x7D, 0x7C
TYPES = {"i32": I32, "i64": I64, "f32": F32, "f64": F64}

_COMPARISONS = ["eqz", "eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"]
_FLOAT_COMPARISONS = ["eq", "ne", "lt", "gt", "le", "ge"]
_INTEGER = "clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"
_FLOAT = "abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign"
_CONVERSIONS = """
i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u
i64.extend_i32_s i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u
f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64
f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32
i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64
i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s
"""


def _numbered(first: int, names: list[str]) -> dict[str, int]:
    return {name: first + place for place, name in enumerate(names)}


def _prefixed(type_: str, names: str) -> list[str]:
    return [f"{type_}.{name}" for name in names.split()]


#: Instructions without immediates.
PLAIN: dict[str, int] = {
    "unreachable": 0x00, "nop": 0x01, "return": 0x0F, "drop": 0x1A, "select": 0x1B,
    **_numbered(0x45, [f"i32.{name}" for name in _COMPARISONS]),
    **_numbered(0x50, [f"i64.{name}" for name in _COMPARISONS]),
    **_numbered(0x5B, [f"f32.{name}" for name in _FLOAT_COMPARISONS]),
    **_numbered(0x61, [f"f64.{name}" for name in _FLOAT_COMPARISONS]),
    **_numbered(0x67, _prefixed("i32", _INTEGER)),
    **_numbered(0x79, _prefixed("i64", _INTEGER)),
    **_numbered(0x8B, _prefixed("f32", _FLOAT)),
    **_numbered(0x99, _prefixed("f64", _FLOAT)),
    **_numbered(0xA7, _CONVERSIONS.split()),
}  # fmt: skip

#: Loads and stores: opcode and the natural alignment as a power of two.
MEMORY: dict[str, tuple[int, int]] = {
    "i32.load": (0x28, 2), "i64.load": (0x29, 3), "f32.load": (0x2A, 2), "f64.load": (0x2B, 3),
    "i32.load8_s": (0x2C, 0), "i32.load8_u": (0x2D, 0),
    "i32.load16_s": (0x2E, 1), "i32.load16_u": (0x2F, 1),
    "i64.load8_s": (0x30, 0), "i64.load8_u": (0x31, 0),
    "i64.load16_s": (0x32, 1), "i64.load16_u": (0x33, 1),
    "i64.load32_s": (0x34, 2), "i64.load32_u": (0x35, 2),
    "i32.store": (0x36, 2), "i64.store": (0x37, 3), "f32.store": (0x38, 2), "f64.store": (0x39, 3),
    "i32.store8": (0x3A, 0), "i32.store16": (0x3B, 1),
    "i64.store8": (0x3C, 0), "i64.store16": (0x3D, 1), "i64.store32": (0x3E, 2),
}  # fmt: skip

#: Instructions with fixed bytes behind the opcode.
FIXED: dict[str, bytes] = {
    "memory.size": b"\x3f\x00",
    "memory.grow": b"\x40\x00",
    "memory.copy": b"\xfc\x0a\x00\x00",
    "memory.fill": b"\xfc\x0b\x00",
}

#: What conversions of floats to integers do outside the range: saturate instead of trapping.
SATURATING: dict[str, bytes] = {
    f"{to}.trunc_sat_{source}_{sign}": bytes([0xFC, place])
    for place, (to, source, sign) in enumerate(
        (to, source, sign) for to in ("i32", "i64") for source in ("f32", "f64") for sign in "su"
    )
}
