"""Python modules → WebAssembly: a typed subset of Python, compiled without any other tool.

``build`` does it all. ``kinds`` are the types of the subset; ``expressions``, ``operators``,
``calls``, ``tables``, ``loops`` and ``statements`` check a function's code and emit it; ``rows``
makes codecs of rows; ``unit`` puts a module together. What Python would do, the compiled code does,
or it fails loudly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.module.compiler.unit import Artefact as Artefact
    from harness.module.compiler.unit import build as build

__all__ = ["Artefact", "build"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from harness.module.compiler import unit

    return getattr(unit, name)
