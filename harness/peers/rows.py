"""The rows that peers insert, and the digest by which a cache is compared without sending it.

Standard library only, and nothing of this package: peers in foreign environments may load it too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any


def row(id: int, seed: int = 1) -> tuple[int, float, float, float, int, bool, str]:
    """The row of this id: id, x, y, z, hp, alive, name."""
    mixed = (id * 2_654_435_761 + seed * 40_503) & 0xFFFF
    return (
        id,
        mixed / 2,
        (mixed ^ 0x5555) / 4,
        (mixed ^ 0xAAAA) / 8,
        mixed % 1000,
        mixed % 2 == 0,
        f"item-{id:07d}",
    )


def digest(rows: Iterable[Any]) -> tuple[int, str]:
    """How many rows there are, and the SHA-256 of their text, whatever order they come in.

    A row is anything with the seven columns in order, or with attributes of their names.
    """
    lines = sorted(map(_line, rows))
    text = hashlib.sha256()
    for _, line in lines:
        text.update(line.encode())
    return len(lines), text.hexdigest()


def _line(row: Any) -> tuple[int, str]:
    if isinstance(row, (tuple, list)):
        id, x, y, z, hp, alive, name = row
    else:
        id, x, y, z, hp, alive, name = (
            row.id, row.x, row.y, row.z, row.hp, row.alive, row.name,
        )  # fmt: skip
    numbers = f"{_eighths(x)} {_eighths(y)} {_eighths(z)} {hp} {int(alive)}"
    return id, f"{id} {numbers} {name}\n"


def _eighths(value: float) -> str:
    """Eight times the value as a decimal integer; the value itself if it is none."""
    times = value * 8
    return str(int(times)) if times == times // 1 else repr(value)
