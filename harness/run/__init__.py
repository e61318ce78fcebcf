"""One scenario from start to end: target, worker, oracle, verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.run.manager import Manager as Manager
    from harness.run.suites import measure as measure
    from harness.run.suites import tracked as tracked

_HOMES = {
    "Manager": "harness.run.manager",
    "measure": "harness.run.suites",
    "tracked": "harness.run.suites",
}

__all__ = ["Manager", "measure", "tracked"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
