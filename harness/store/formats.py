"""Which tool wrote a file, found by its content, and its series."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from harness.errors import StoreError
from harness.series import Series
from harness.store import (
    asv,
    criterion,
    google_benchmark,
    hyperfine,
    k6,
    keynote,
    pyperf,
    pytest_benchmark,
    tidy,
)
from harness.store.documents import MOST_BYTES, lines, load

Warn: TypeAlias = Callable[[str], None]

_Fits: TypeAlias = Callable[[Any], bool]
_Reads: TypeAlias = Callable[[Any], Iterator[Series]]

#: Formats of one document: whether it is one, its series, and what it is.
_DOCUMENTS: dict[str, tuple[_Fits, _Reads, str]] = {
    "google-benchmark": (google_benchmark.fits, google_benchmark.read, google_benchmark.WHAT),
    "hyperfine": (hyperfine.fits, hyperfine.read, hyperfine.WHAT),
    "k6": (k6.fits, k6.read, k6.WHAT),
    "keynote": (keynote.fits, keynote.read, keynote.WHAT),
    "pyperf": (pyperf.fits, pyperf.read, pyperf.WHAT),
    "pytest-benchmark": (pytest_benchmark.fits, pytest_benchmark.read, pytest_benchmark.WHAT),
}
#: Formats of a document on each line.
_STREAMS: dict[str, tuple[_Fits, _Reads]] = {
    "criterion": (criterion.fits_line, criterion.read_lines),
    "k6": (k6.fits_line, k6.read_lines),
}
#: What may be asked for by name.
NAMES = ("asv", "criterion", "csv", *_DOCUMENTS)
#: Names of files that are looked for in a folder.
_SUFFIXES = (".json", ".json.gz", ".jsonl", ".ndjson", ".csv")
_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A file or folder and the format that it has."""

    path: Path
    format: str
    _open: Callable[[Warn], Iterator[Series]]

    def read(self, warn: Warn = lambda text: None) -> Iterator[Series]:
        """Its series. Raises ``StoreError`` if it is damaged or not of the format."""
        try:
            yield from self._open(warn)
        except StoreError as error:
            told = str(error)
            raise StoreError(told if str(self.path) in told else f"{self.path}: {told}") from error


def find(path: Path, wanted: str = "auto", most: int = MOST_BYTES) -> list[Source]:
    """What there is to import at a path; names of files decide nothing but which are looked at.

    A folder is asv's results, or Criterion's, or holds files of any of the formats.

    Raises ``StoreError``, which says what was expected and what was found.
    """
    if not path.exists():
        raise StoreError(f"{path} is not there")
    if not path.is_dir():
        return [_file(path, wanted, most)]
    if wanted in ("auto", "asv") and asv.is_results(path):
        return [Source(path, "asv", lambda warn: asv.read(path, warn=warn, samples=True))]
    if wanted in ("auto", "criterion") and criterion.is_folder(path):
        return [Source(path, "criterion", lambda warn: criterion.read_folder(path, warn, most))]
    files = [file for file in sorted(path.rglob("*")) if file.name.endswith(_SUFFIXES)]
    if wanted == "asv" or not files:
        raise StoreError(
            f"{path} has nothing to import: expected asv's results (a machine.json one folder"
            " down)"
            + ("" if wanted == "asv" else f", Criterion's (a new/estimates.json), or {_known()}")
        )
    return [_file(file, wanted, most) for file in files if file.is_file()]


def _file(path: Path, wanted: str, most: int) -> Source:
    head = _head(path)
    if wanted == "csv" or (wanted == "auto" and tidy.fits(head)):
        return Source(path, "csv", lambda warn: tidy.read(path, most))
    first = _first(head)
    for name, (fits_line, read_lines) in _STREAMS.items():
        if wanted in ("auto", name) and fits_line(first):
            return _stream(path, name, read_lines, most)
    document = load(path, most)
    for name, (fits, read, what) in _DOCUMENTS.items():
        if wanted == name and not isinstance(document, dict):
            raise StoreError(f"{path} is no {what}: found {_kind(document)}")
        if wanted == name or (wanted == "auto" and fits(document)):
            return _document(path, name, read, document)
    raise StoreError(
        f"{path} is of no known format: expected {_known() if wanted == 'auto' else wanted};"
        f" found {_kind(document)}"
    )


def _stream(path: Path, name: str, read: _Reads, most: int) -> Source:
    return Source(path, name, lambda warn: read(lines(path, most)))


def _document(path: Path, name: str, read: _Reads, document: Any) -> Source:
    return Source(path, name, lambda warn: read(document))


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD).decode("utf-8-sig", "replace")
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def _first(head: str) -> Any:
    """The document of the first line, if that is one."""
    try:
        return json.loads(head.partition("\n")[0])
    except (ValueError, RecursionError):
        return None


def _known() -> str:
    return ", ".join(sorted({*_DOCUMENTS, *_STREAMS, "csv"}))


def _kind(document: Any) -> str:
    if isinstance(document, dict):
        keys = ", ".join(map(repr, list(document)[:6]))
        return f"an object with {keys[:80]}" if keys else "an empty object"
    return f"{type(document).__name__} where an object was expected"
