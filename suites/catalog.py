"""Which suites there are, in the order in which they run and are printed."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from harness.errors import PlanError

NAMES = (
    "throughput", "tables", "latency", "memory", "concurrency", "connection",
    "codec", "cache", "toolchain", "peers", "scale",
)  # fmt: skip

#: Measured for the history of commits alone, by asv.
HISTORY = ("instructions", "paced")

#: Comparisons of fresh processes in turns take longer than a quick run may: they are part of one
#: only if they are named.
LONG = ("peers", "scale")
#: Measured by ``harness run`` only if they are named: they show growth, and take minutes for it.
NAMED = ("scale",)


def quick_classes() -> list[tuple[str, Any]]:
    """What a quick run measures if nothing else is asked for."""
    return classes(tuple(name for name in NAMES if name not in LONG))


def classes(names: tuple[str, ...] = ()) -> list[tuple[str, Any]]:
    """Name and class of every suite class, as in ``tables.Insert``.

    Raises ``PlanError`` for a name that is none.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise PlanError(f"no suite `{unknown[0]}`; there are: {', '.join(NAMES)}")
    found = []
    for name in names or [name for name in NAMES if name not in NAMED]:
        module = importlib.import_module(f"suites.{name}")
        found += [
            (f"{name}.{made.__name__}", made)
            for made in vars(module).values()
            if inspect.isclass(made) and made.__module__ == module.__name__
        ]
    return found
