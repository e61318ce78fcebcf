"""Preloaded into a worker: it dies in the middle of its load."""

from __future__ import annotations

import os
import sys

from harness.run import window

_start = window.Watch._start


def start(self: window.Watch) -> None:
    """Say something, and die."""
    print("last words of the worker", file=sys.stderr, flush=True)
    os._exit(9)


window.Watch._start = start  # type: ignore[method-assign]  # that is the sabotage
