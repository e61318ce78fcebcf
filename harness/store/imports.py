"""What was imported: a file for each import, a line for each series, appended and never changed.

``results/imported/ID.jsonl``: the first line says what was imported from where, and has the form's
number; each further line is a ``Series``. The id begins with the format and ends with a hash of the
series, so the same results have the same id however often they are imported, and from wherever.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

from harness.errors import StoreError
from harness.records import Record
from harness.series import Series
from harness.store import files

#: The form of an import. Raised when a field changes its meaning; new fields do not raise it.
FORM = 1

_encoder = msgspec.json.Encoder()


class Import(Record, frozen=True):
    """The head of an import: how many series and points, in what format, from which file when."""

    id: str
    form: int
    format: str
    source: str
    imported_at: str
    series: int
    points: int


def keep(
    series: Iterable[Series], format: str, source: str, now: datetime, folder: Path
) -> tuple[Import, bool]:
    """Store an import in ``folder/imported``; whether it is new. It appears when it is complete.

    Series are written as they come, so their number is not bounded by memory.

    Raises ``StoreError`` if there is nothing in it, or the folder cannot be written.
    """
    place = folder / "imported"
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place) as body:
            digest, count, points = _write(series, body, format, source)
            head = Import(
                id=f"{format}-{digest[:16]}",
                form=FORM,
                format=format,
                source=source,
                imported_at=now.isoformat(timespec="seconds"),
                series=count,
                points=points,
            )
            return head, _publish(head, body, place)
    except OSError as error:
        raise StoreError(f"cannot write in {place}: {error.strerror}") from error


def heads(folder: Path) -> Iterator[Import]:
    """All imports, by id. Raises ``StoreError`` for one that is damaged or of a newer form."""
    for path in sorted((folder / "imported").glob("*.jsonl")):
        with _opened(path) as file:
            yield _head(path, file.readline())


def read(head: Import, folder: Path) -> Iterator[Series]:
    """The series of an import. Raises ``StoreError`` if it is damaged."""
    path = folder / "imported" / f"{head.id}.jsonl"
    decoder = msgspec.json.Decoder(Series)
    count = 0
    with _opened(path) as file:
        file.readline()
        for count, line in enumerate(file, start=1):
            try:
                yield decoder.decode(line)
            except msgspec.MsgspecError as error:
                raise StoreError(f"line {count + 1} of {path} is no series: {error}") from error
    if count != head.series:
        raise StoreError(f"{path} has {count:,} series where its head says {head.series:,}")


def _write(
    series: Iterable[Series], body: IO[bytes], format: str, source: str
) -> tuple[str, int, int]:
    digest = hashlib.sha256(format.encode())
    count = points = 0
    for one in series:
        try:
            line = _encoder.encode(one) + b"\n"
        except UnicodeEncodeError as error:
            raise StoreError(f"{source} has text that is no Unicode: {error.reason}") from error
        digest.update(line)
        body.write(line)
        count, points = count + 1, points + len(one.points)
    if not count:
        raise StoreError(f"{source} has no benchmarks in it")
    return digest.hexdigest(), count, points


def _publish(head: Import, body: IO[bytes], place: Path) -> bool:
    path = place / f"{head.id}.jsonl"
    if path.exists():
        return False
    body.seek(0)
    with tempfile.NamedTemporaryFile(dir=place, prefix=".", delete=False) as file:
        try:
            file.write(_encoder.encode(head) + b"\n")
            while chunk := body.read(1 << 20):
                file.write(chunk)
            file.flush()
            # A link fails if the name is taken; a rename would replace what is there.
            os.link(file.name, path)
        except FileExistsError:
            return False
        finally:
            os.unlink(file.name)
    return True


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def _head(path: Path, line: bytes) -> Import:
    return files.decoded(line, Import, FORM, path, "no import")
