"""What one ``harness run`` printed: its rows in their order, beside the runs that they came from.

A run file knows its scenario and figures; which of them stand in the table, beside which claim and
beside what other target, is the session's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import field

from harness.errors import StoreError
from harness.records import Level, Record
from harness.store import files

#: The form of a stored session. Raised when a field changes its meaning.
FORM = 1


class TableRow(Record, frozen=True):
    """One figure beside what was claimed for it; None if there is none, or if it is VOID.

    ``place`` is where it stands beside figures of other targets: as ``params``, but the same for
    the best protocol that each target offers. ``in_process`` is true without a server; ``target``
    says then whether it was one process, or a fresh one each time.
    """

    metric: str
    suite: str
    params: str
    place: str
    target: str
    protocol: str
    claim: float | None
    claim_unit: str
    value: float | None
    unit: str
    interval: tuple[float, float] | None
    how: str
    load: str
    verdict: str
    reasons: list[str]
    in_process: bool
    run: str

    @property
    def void(self) -> bool:
        """Whether the figure must not be used."""
        return self.verdict == Level.VOID.value


class Session(Record, frozen=True):
    """One printed table. ``title`` is the command, ``absent`` what a target does not offer:
    target, suite and parameters."""

    id: str
    form: int
    title: str
    started_at: str
    rows: list[TableRow]
    absent: list[tuple[str, str, str]] = field(default_factory=list)


def save(session: Session, folder: Path) -> Path:
    """Write it to ``folder/sessions/<id>.json``. Raises ``StoreError``."""
    return files.write_record(folder / "sessions" / f"{session.id}.json", session)


def load(path: Path) -> Session:
    """A stored session. Raises ``StoreError`` if it is missing, damaged, or of a newer form."""
    return files.decoded(files.read(path), Session, FORM, path, "not a session")


def paths(folder: Path) -> Iterator[Path]:
    """The files of all sessions, oldest first."""
    yield from sorted((folder / "sessions").glob("*.json"))


def all_of(folder: Path) -> Iterator[Session]:
    """All sessions that can be read, oldest first; what is damaged is left out."""
    for path in paths(folder):
        try:
            yield load(path)
        except StoreError:
            continue  # its runs are stored each by itself, and say the same
