"""Judging series that were judged before, whole or when they were shorter.

A series is known by its values alone: a history with a few new commits is recognised by the values
that it had, wherever it was read from and whatever it is called.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from harness.records import Record
from harness.stats import streaming
from harness.stats.changepoints import Found

#: Series that are remembered; the longest unused go first. One needs some 300 bytes.
MOST_SERIES = 100_000
#: A series is recognised with so many new points at most.
NEW = 8
_DIGEST = 16


class Entry(Record, frozen=True, array_like=True):
    """A judged series."""

    found: Found
    kept: streaming.Kept


class Memory:
    """Finds what changes series, and remembers it.

    ``searched`` counts series of which nothing was known, ``extended`` those that were known when
    they were shorter, ``known`` those that were just the same.
    """

    def __init__(self, entries: dict[bytes, Entry] | None = None) -> None:
        self._old = entries or {}
        self._used: dict[bytes, Entry] = {}
        self.searched = self.extended = self.known = 0

    def find(self, values: NDArray[np.float64]) -> Found:
        """As ``changepoints.find``."""
        digests = _digests(values)
        for new, digest in enumerate(digests):
            entry = self._used.get(digest) or self._old.get(digest)
            if entry is not None:
                return self._again(values, entry, new, digests)
        self.searched += 1
        found, kept = streaming.begin(values)
        self._used[digests[0]] = Entry(found=found, kept=kept)
        return found

    def entries(self, most: int = MOST_SERIES) -> dict[bytes, Entry]:
        """What to keep: series judged now, then as many of those known before as there is room."""
        items: Iterable[tuple[bytes, Entry]] = chain(self._used.items(), self._old.items())
        return dict(islice(items, most))

    @property
    def has_news(self) -> bool:
        """Whether there is anything that was not known before."""
        return bool(self.searched or self.extended)

    def _again(
        self, values: NDArray[np.float64], entry: Entry, new: int, digests: list[bytes]
    ) -> Found:
        self._old.pop(digests[new], None)
        if new == 0:
            self.known += 1
            self._used[digests[0]] = entry
            return entry.found
        self.extended += 1
        found, kept = streaming.go_on(values, entry.kept, new)
        self._used[digests[0]] = Entry(found=found, kept=kept)
        return found


def _digests(values: NDArray[np.float64]) -> list[bytes]:
    """Of all values, and of all but the last, two last … ones; as many as it can be known by."""
    data = np.ascontiguousarray(values, dtype="<f8").tobytes()
    first = max(len(values) - NEW, 1)
    hashed = hashlib.blake2b(data[: 8 * first], digest_size=_DIGEST)
    made = [hashed.digest()]
    for at in range(first, len(values)):
        hashed.update(data[8 * at : 8 * at + 8])
        made.append(hashed.digest())
    return made[::-1]
