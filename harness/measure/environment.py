"""Where a run is made: machine, kernel, versions, commit. Never user names, tokens, variables."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import psutil

import harness
from harness.records import Environment
from harness.wire import codec

#: The packages whose versions can change a number.
PACKAGES = (
    "aiohttp", "asv", "brotli", "h11", "msgspec", "numpy", "picows", "psutil", "pyperf",
    "sqlglot", "uvloop", "websockets",
)  # fmt: skip
_SOURCE = Path(harness.__file__).parent
_GIT_TIMEOUT_S = 5


def environment() -> Environment:
    """This machine and this installation, now."""
    commit, dirty = _git()
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=f"{platform.system()} {platform.machine()}",
        kernel=platform.release(),
        cpu_model=_cpu_model(),
        cpu_count=os.cpu_count() or 1,
        governor=_first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        load_average=os.getloadavg()[0],
        memory_bytes=int(psutil.virtual_memory().total),
        packages=_versions(),
        wire_codec=codec.IMPLEMENTATION,
        harness_version=harness.__version__,
        git_commit=commit,
        git_dirty=dirty,
    )


@cache
def source_sha256() -> str:
    """A hash over all Python and C files of this installation: which code answered or asked."""
    digest = hashlib.sha256()
    for path in sorted([*_SOURCE.rglob("*.py"), *_SOURCE.rglob("*.c")]):
        digest.update(str(path.relative_to(_SOURCE)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def file_sha256(path: str) -> str | None:
    """The hash of a file; None if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def filesystem(path: Path) -> str:
    """The kind of file system that a path lies on, such as ``ext4`` or ``tmpfs``."""
    place = str(path.resolve())
    mounts = [
        disk
        for disk in psutil.disk_partitions(all=True)
        if place == disk.mountpoint or place.startswith(disk.mountpoint.rstrip("/") + "/")
    ]
    return max(mounts, key=lambda disk: len(disk.mountpoint)).fstype if mounts else "unknown"


@cache
def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _first_line(path: str) -> str | None:
    try:
        with open(path) as file:
            return file.readline().strip()
    except OSError:
        return None


@cache
def _git() -> tuple[str | None, bool | None]:
    """The commit of the checkout that this code runs from; None for an installed wheel."""
    if not (_SOURCE.parent / ".git").exists():
        return None, None
    commit = _git_says("rev-parse", "HEAD")
    status = _git_says("status", "--porcelain", "--untracked-files=no")
    return commit, None if status is None else bool(status)


def _git_says(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(_SOURCE.parent), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=_GIT_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def interpreter() -> str:
    """The path of the running interpreter, with links followed."""
    return os.path.realpath(sys.executable)
