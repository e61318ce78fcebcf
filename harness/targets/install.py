"""Builds a real server with cargo, into the user's cache."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from harness.errors import TargetError
from harness.targets import servers
from harness.targets.guarded import Guarded
from harness.targets.servers import PROGRAM, Installed

#: Free bytes that a build needs where the cache lies: measured, with some room.
NEEDED_BYTES = 4_000_000_000
#: Lines of cargo's output that are told of a build that fails.
_TAIL_LINES = 15
_COMPILING = re.compile(r"\s*Compiling (\S+) v(\S+)")

#: What is told while cargo works: the seconds since its start, and what it says.
Progress = Callable[[float, str], None]


def cargo() -> str:
    """The path of cargo. Raises ``TargetError`` with the next step if there is none."""
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    found = shutil.which("cargo") or shutil.which("cargo", path=str(home / "bin"))
    if found is None:
        raise TargetError(
            f"building a server needs cargo, and there is none on PATH or in {home / 'bin'}; "
            "install Rust (https://rustup.rs), then try again"
        )
    return found


def install(
    version: str,
    progress: Progress = lambda seconds, text: None,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Installed, bool]:
    """The server of this version, and whether it had to be built.

    It is built in a folder of its own beside the others and moved into place when it is whole.
    Raises ``PlanError`` for what is no version, and ``TargetError`` in one sentence if cargo or
    room is missing, if there is no such version, if the build fails, or if somebody else installs.
    """
    found = servers.find(version)
    if found is not None:
        return found, False
    with servers.locked():
        found = servers.find(version)  # somebody else may have just finished
        if found is not None:
            return found, False
        program = cargo()
        place = servers.folder() / f".building-{version}"
        # What a killed build left behind.
        shutil.rmtree(place, ignore_errors=True)
        _room()
        try:
            _build(program, version, place, progress, clock)
            target = servers.folder() / version
            shutil.rmtree(target, ignore_errors=True)  # a folder without a program in it
            (place / "root").rename(target)
        except OSError as error:
            raise TargetError(f"server {version} was not installed: {error}") from error
        finally:
            shutil.rmtree(place, ignore_errors=True)
    found = servers.find(version)
    if found is None:
        raise TargetError(f"cargo said it was done, but there is no program {PROGRAM} {version}")
    return found, True


def _room() -> None:
    free = shutil.disk_usage(servers.folder()).free
    if free < NEEDED_BYTES:
        raise TargetError(
            f"building a server needs {NEEDED_BYTES / 1e9:g} GB in {servers.folder()}, "
            f"and {free / 1e9:.1f} GB are free"
        )


def _build(
    program: str, version: str, place: Path, progress: Progress, clock: Callable[[], float]
) -> None:
    (place / "build").mkdir(parents=True)
    command = [
        program, "install", PROGRAM, "--version", version, "--locked",
        "--root", str(place / "root"), "--color", "never",
    ]  # fmt: skip
    env = {
        **os.environ,
        "CARGO_TARGET_DIR": str(place / "build"),
        "CARGO_TERM_PROGRESS_WHEN": "never",
    }
    began, said = clock(), deque[str](maxlen=200)
    with Guarded(command, folder=place, log=None, env=env) as running:
        for line in running.output:
            text = line.decode(errors="replace").rstrip()
            if text:
                said.append(text)
                progress(clock() - began, text.strip())
        code = running.wait()
    if code:
        raise TargetError(_why(version, list(said), code))


def _why(version: str, said: list[str], code: int) -> str:
    """Why a build failed, in a sentence."""
    text = "\n".join(said)
    if "could not find" in text and f"={version}" in text:
        return f"there is no {PROGRAM} {version} to install"
    if "No space left on device" in text:
        return f"the disk was full while server {version} was built in {servers.folder()}"
    last = "\n  ".join(line for line in said[-_TAIL_LINES:])
    return f"cargo could not build server {version} (exit code {code}); it said last:\n  {last}"


def compiled(text: str) -> str | None:
    """What cargo compiles now, if that is what a line of it says."""
    match = _COMPILING.match(text)
    return f"{match[1]} {match[2]}" if match else None
