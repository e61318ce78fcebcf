"""From stored runs and histories to frames, pictures and pages. Meets no socket and no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.frames import Frames as Frames
    from reports.frames import load as load
    from reports.site import build as build

__all__ = ["Frames", "build", "load"]

#: Public name -> its module, loaded on first use: pandas takes longer than a whole site.
_PLACES = {"Frames": "reports.frames", "build": "reports.site", "load": "reports.frames"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_PLACES[name]), name)
