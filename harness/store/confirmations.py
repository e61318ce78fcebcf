"""What measuring a suspect again has said: a JSON file beside the results.

{"confirmations": [{"word": "confirmed", "event": "1f0c…", "benchmark": "codec.Rows", …}]}
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path

import msgspec

from harness.errors import StoreError
from harness.records import Record
from harness.store.files import write

NAME = "confirmations.json"
#: The most bytes of the file, and the most answers in it; the oldest go first.
MOST_BYTES, MOST = 1 << 24, 20_000


class Word(Enum):
    """What became of a suspect."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNSURE = "unsure"


class Confirmation(Record, frozen=True):
    """A suspect that was measured again, both revisions in turns.

    ``event`` is its id if it came from a report of changes, else empty; ``series`` is what it was
    called by who asked; ``benchmark`` and ``metric`` are what was measured. ``suspected`` is the
    ratio that was suspected, head over base, None if none was named; ``ratio`` and ``interval`` are
    what was measured. ``comparison`` is the id of the stored comparison.
    """

    word: Word
    event: str
    series: str
    benchmark: str
    metric: str
    commits: tuple[str, str]
    suspected: float | None
    ratio: float | None
    interval: tuple[float, float] | None
    why: str
    made_at: str
    machine: str
    comparison: str

    @property
    def question(self) -> tuple[str, str, str, str]:
        """What was asked; a later answer to the same question takes the place of this one."""
        return self.benchmark, self.metric, *self.commits


class _File(Record, frozen=True):
    confirmations: list[Confirmation]


def read(folder: Path) -> list[Confirmation]:
    """All of a folder of results, the oldest first; none if it has no such file.

    Raises ``StoreError`` for a file that is damaged or has more than ``MOST_BYTES``.
    """
    path = folder / NAME
    try:
        if path.stat().st_size > MOST_BYTES:
            raise StoreError(f"{path} has more than {MOST_BYTES:,} bytes; remove what is old")
        return msgspec.json.decode(path.read_bytes(), type=_File).confirmations
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} is damaged: {error}") from error


def add(folder: Path, found: Sequence[Confirmation]) -> Path:
    """Keep answers; earlier ones to the same questions are replaced. Raises ``StoreError``."""
    asked = {one.question for one in found}
    kept = [one for one in read(folder) if one.question not in asked]
    data = msgspec.json.encode(_File(confirmations=[*kept, *found][-MOST:]))
    return write(folder / NAME, msgspec.json.format(data, indent=2) + b"\n")
