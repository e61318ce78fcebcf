"""The official TypeScript SDK as a peer: installed once into the user's cache, run by node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import TargetError

#: Node before 22 has no WebSocket of its own; the SDK takes it from this package.
UNDICI = "undici@6.21.3"
#: Seconds for an installation and for one script.
INSTALL_TIMEOUT_S = 300
SCRIPT_TIMEOUT_S = 120


def cache_folder() -> Path:
    """Where installed peers and servers are kept: the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "spacetimedb-harness"


def install(version: str = "2.10.1") -> Path:
    """The folder that holds the package `spacetimedb` of this version, installed if need be.

    Raises ``TargetError`` saying what is missing.
    """
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise TargetError(f"{tool} is not installed; the TypeScript SDK needs Node 18 or newer")
    folder = cache_folder() / "npm" / version
    ready = folder / f"{UNDICI}.installed"
    if ready.exists():
        return folder
    # The peers are frameworks for browsers; none is needed here.
    add(folder, f"spacetimedb@{version}", UNDICI, options=["--legacy-peer-deps"])
    ready.touch()
    return folder


def add(folder: Path, *packages: str, options: Sequence[str] = ()) -> None:
    """Install packages into a folder. Raises ``TargetError`` if npm is missing or fails."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        "npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", *options, *packages,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise TargetError("npm is not installed") from None
    except subprocess.TimeoutExpired:
        raise TargetError(f"npm install took more than {INSTALL_TIMEOUT_S} s") from None
    if done.returncode:
        raise TargetError(f"npm install {packages[0]} failed: {done.stderr[-500:]}")


def run_script(script: Path, request: dict[str, Any]) -> dict[str, Any]:
    """The one JSON line that a node script prints for a request. Raises ``TargetError``."""
    try:
        done = subprocess.run(
            ["node", str(script), json.dumps(request)],
            capture_output=True,
            text=True,
            timeout=SCRIPT_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetError(f"node could not run {script.name}: {error}") from error
    if done.returncode:
        raise TargetError(f"{script.name} failed: {done.stderr[-500:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
