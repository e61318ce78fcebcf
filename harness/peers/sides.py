"""The peers that we bring: our own client, and the official TypeScript SDK."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.peers.process import Peer

#: Protocol -> the version of the npm package `spacetimedb` that speaks it.
PACKAGES = {"v3": "2.10.1", "v2": "2.10.1", "v1": "1.12.0"}

#: V8 needs some 20,000 calls until a call costs no less any more: after 2,000 one still costs twice
#: as much. Python compiles nothing, and is as quick after 2,000 as after 60,000.
WARM = 6

_HERE = Path(__file__).parent


def ours() -> Peer:
    """This package's client, in a Python of its own."""
    return Peer("ours", [sys.executable, "-m", "harness.peers.ours"])


def awaited() -> Peer:
    """The same, each answer awaited by a task."""
    return Peer("awaited", ours().command)


def typescript(folder: Path) -> Peer:
    """The npm package that is installed in a folder, run by node."""
    # The collector is called before memory is weighed, and at no other time.
    script = str(_HERE / "typescript.mjs")
    return Peer("typescript", ["node", "--expose-gc", script, str(folder)], warm=WARM)
