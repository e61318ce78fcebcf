"""Preloaded into a worker: our own client stands in for the TypeScript SDK, and may lie (LIE)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from harness.peers import sides
from harness.peers.process import Peer
from harness.run import peer_calls, peer_connects
from harness.targets import npm


def _stand_in(folder: Path) -> Peer:
    root = str(Path(__file__).resolve().parents[2])
    return Peer("typescript", [sys.executable, "-m", "tests.peers.liar"], {"PYTHONPATH": root})


def _nothing_to_install(version: str = "") -> Any:
    return Path()


sides.typescript = _stand_in
npm.install = _nothing_to_install
# The figures do not matter here: as few calls as can be.
peer_calls.QUICK_WARMUP, peer_calls.QUICK_OPERATIONS = 20, 40
peer_connects.QUICK_WARMUP, peer_connects.QUICK_OPERATIONS = 1, 4
