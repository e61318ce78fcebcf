"""What people have said of events: a JSON file beside the results, to be read and edited by hand.

{"acknowledged": [{"event": "1f0c…", "because": "checks are worth it", "author": "…", …}]}
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec

from harness.errors import StoreError
from harness.records import Record
from harness.store.files import write

NAME = "acknowledged.json"
#: The most bytes of the file, of a reason, and of one word in it.
MOST_BYTES, MOST_TEXT, MOST_WORD = 1 << 24, 2_000, 300


class Mark(Record, frozen=True):
    """An event that may stay, and why. ``benchmark`` and ``commits`` are for readers."""

    event: str
    because: str
    author: str
    date: str
    benchmark: str = ""
    commits: str = ""


class _File(Record, frozen=True):
    acknowledged: list[Mark]


def read(folder: Path) -> list[Mark]:
    """All marks of a folder of results; none if it has no such file.

    Raises ``StoreError`` for a file that is damaged or has more than ``MOST_BYTES``.
    """
    path = folder / NAME
    try:
        if path.stat().st_size > MOST_BYTES:
            raise StoreError(f"{path} has more than {MOST_BYTES:,} bytes; remove what is old")
        return msgspec.json.decode(path.read_bytes(), type=_File).acknowledged
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} is damaged: {error}") from error


def add(folder: Path, mark: Mark) -> Path:
    """Keep a mark; one of the same event is replaced. Raises ``StoreError``."""
    if not mark.because.strip():
        raise StoreError("say why the change may stay: --because TEXT")
    if len(mark.because) > MOST_TEXT:
        raise StoreError(f"the reason has {len(mark.because):,} characters, {MOST_TEXT:,} fit")
    kept = [known for known in read(folder) if known.event != mark.event]
    data = msgspec.json.encode(_File(acknowledged=[*kept, mark]))
    return write(folder / NAME, msgspec.json.format(data, indent=2) + b"\n")


def author(folder: Path) -> str:
    """Who git says that one is, there; empty if it does not know."""
    said = [_config(folder, name) for name in ("user.name", "user.email")]
    name, email = (text[:MOST_WORD] for text in said)
    return f"{name} <{email}>" if name and email else name or email


def _config(folder: Path, name: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "config", "--get", name],
            capture_output=True,
            text=True,
            check=False,
        )
    except (OSError, ValueError):
        return ""
    return done.stdout.strip()
