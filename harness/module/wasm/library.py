"""The run-time library of compiled modules, ready for an assembler.

Its sources are in ``sources``; they are translated once in a process, when first asked for.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from harness.module.wasm.assembler import Function
from harness.module.wasm.lowlevel import translate

#: The functions are called ``rt.<name>``.
PREFIX = "rt."
_FILES = ("memory", "texts", "wide", "floats", "decimals", "random")

#: Functions that may leave an error in the global ``err``; look at it after each call.
MAY_FAIL = frozenset(
    PREFIX + name
    for name in (
        "w_add", "w_sub", "w_mul", "w_neg", "w_floordiv", "w_mod", "w_shl", "w_shr", "w_pow",
        "w_div_f64", "w_from_f64", "s_floordiv", "s_mod", "f_div", "f_floordiv", "f_mod",
        "f_floor_w", "f_ceil_w", "f_round_w", "str_at", "str_split",
    )
)  # fmt: skip


def library() -> dict[str, Function]:
    """All functions by their full names; copies that the caller may keep and change.

    ``params`` and ``results`` of each are its types.
    """
    return {
        name: Function(name, made.params, made.results, made.locals.copy(), made.code.copy())
        for name, made in _translated().items()
    }


@cache
def _translated() -> dict[str, Function]:
    folder = files("harness.module.wasm") / "sources"
    return translate({f"{name}.py": (folder / f"{name}.py").read_text("utf-8") for name in _FILES})
