"""Which ``spacetimedb-standalone`` is started: given, installed, or found on PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import msgspec

from harness.errors import TargetError
from harness.targets import servers

#: Seconds for a program to say its version.
TIMEOUT_S = 10.0


class Program(msgspec.Struct, frozen=True):
    """A server's program, and the version that it names; None if it names none."""

    path: Path
    version: str | None


def given(path: Path) -> Program:
    """The program at a path. Raises ``TargetError`` unless it is a server of SpacetimeDB's."""
    if not path.exists():
        raise TargetError(f"there is no server at {path}")
    if not path.is_file() or not os.access(path, os.X_OK):
        raise TargetError(f"{path} is not an executable file")
    path = path.resolve()
    try:
        done = subprocess.run(
            [str(path), "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise TargetError(
            f"{path} is no spacetimedb-standalone: it did not say its version in {TIMEOUT_S:g} s"
        ) from None
    except OSError as error:
        raise TargetError(f"{path} cannot be run: {error.strerror}") from error
    said = done.stdout + done.stderr
    if "spacetime" not in said.lower():
        first = said.strip().partition("\n")[0][:100] or "nothing"
        raise TargetError(
            f"{path} is no spacetimedb-standalone: asked for its version, it said {first!r}"
        )
    match = re.search(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?", said)
    return Program(path, match[0] if match else None)


def chosen(version: str | None, binary: Path | None = None) -> Program:
    """The program for ``standalone[:VERSION]``.

    A version must be installed. Without one it is ``binary`` if given, else the newest that is
    installed, else the one on PATH. Raises ``TargetError`` with the next step, ``PlanError`` for
    what is no version.
    """
    if version is not None:
        found = servers.find(version)
        if found is None:
            raise TargetError(
                f"server {version} is not installed; install it with: "
                f"harness server install {version}"
            )
        return given(found.path)
    if binary is not None:
        return given(binary)
    newest = servers.newest()
    if newest is not None:
        return given(newest.path)
    on_path = shutil.which(servers.PROGRAM)
    if on_path is not None:
        return given(Path(on_path))
    raise TargetError(f"no {servers.PROGRAM} is installed, and none is on PATH; {servers.ADVICE}")
