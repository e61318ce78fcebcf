"""Other tools' JSON: read within bounds, held to a shape, told in one sentence if it is no fit."""

from __future__ import annotations

import gzip
import json
import math
import statistics
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from harness.errors import StoreError
from harness.series import Better, Point, Series

#: The most bytes of one file, after decompression.
MOST_BYTES = 1 << 29
#: The most bytes of one line where each line is a document.
MOST_LINE = 1 << 24
#: Samples of one point that are kept; of more only the value that was made of them.
MOST_SAMPLES = 100_000
#: The first bytes of gzip, in which pyperf may write.
_GZIP = b"\x1f\x8b"

_Shape = TypeVar("_Shape")


def load(path: Path, most: int = MOST_BYTES) -> Any:
    """The file's document, gzipped or not. Raises ``StoreError`` if it is too large or no JSON."""
    data = content(path, most)
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise StoreError(f"{path} is no text in UTF-8: byte {error.start} is wrong") from error
    except RecursionError as error:
        raise StoreError(f"{path} is no JSON that can be read: it is nested too deeply") from error
    except ValueError as error:
        raise StoreError(f"{path} is no JSON: {str(error)[:120]}") from error


def content(path: Path, most: int = MOST_BYTES) -> bytes:
    """The file's bytes, unpacked if they are gzip. Raises ``StoreError`` beyond ``most`` bytes."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
            file.seek(0)
            data = gzip.GzipFile(fileobj=file).read(most + 1) if packed else file.read(most + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise StoreError(f"{path} is damaged: {error}") from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > most:
        raise StoreError(f"{path} has more than {most:,} bytes; --most-bytes raises the limit")
    return data


def lines(path: Path, most: int = MOST_BYTES) -> Iterator[Any]:
    """The document of each line, one at a time. Raises ``StoreError`` as ``load`` does.

    A last line that was cut off is left out: a tool that was stopped writes one.
    """
    read = 0
    try:
        with path.open("rb") as file:
            for number in range(1, most):
                line = file.readline(MOST_LINE + 1)
                read += len(line)
                if not line:
                    return
                if len(line) > MOST_LINE or read > most:
                    raise StoreError(
                        f"{path} has more than {most:,} bytes, or a line of more than"
                        f" {MOST_LINE:,}; --most-bytes raises the first limit"
                    )
                if line.isspace():
                    continue
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError) as error:
                    if not line.endswith(b"\n"):
                        return
                    raise StoreError(f"line {number} of {path} is no JSON") from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def shaped(document: Any, shape: type[_Shape], what: str) -> _Shape:
    """The document as this shape; fields that it does not name are ignored.

    Raises ``StoreError``: expected what, found what, and where.
    """
    try:
        return msgspec.convert(document, shape)
    except RecursionError as error:
        raise StoreError(f"it is no {what}: it is nested too deeply") from error
    except (ValueError, OverflowError) as error:  # msgspec's are ValueErrors
        raise StoreError(f"it is no {what}: {error}") from error


def finite(values: Iterable[float | None]) -> tuple[float, ...]:
    """Those that are numbers."""
    return tuple(value for value in values if value is not None and math.isfinite(value))


def measured(
    benchmark: str,
    unit: str,
    *,
    value: float | None = None,
    samples: Iterable[float | None] = (),
    better: Better = Better.LESS,
    parameters: Mapping[str, str] | None = None,
    interval: tuple[float | None, float | None] = (None, None),
    commit: str = "",
    date_ms: int = 0,
    machine: str = "",
    environment: Mapping[str, str] | None = None,
    version: str = "",
) -> Series:
    """A series of one point: what one file says of one metric.

    Without ``value`` it is the median of ``samples``, and None if there are none.
    """
    kept = finite(samples)
    if value is None and kept:
        value = statistics.median(kept)
    if value is not None and not math.isfinite(value):
        value = None
    low, high = (end if end is not None and math.isfinite(end) else None for end in interval)
    point = Point(
        commit=commit,
        value=value,
        date_ms=date_ms,
        samples=kept if len(kept) <= MOST_SAMPLES else (),
        low=low,
        high=high,
    )
    return Series(
        benchmark=benchmark,
        points=(point,),
        parameters=dict(parameters or {}),
        unit=unit,
        better=better,
        machine=machine,
        environment=dict(environment or {}),
        version=version,
    )


def milliseconds(when: str | None) -> int:
    """A date of ISO 8601 in milliseconds since 1970; 0 if it is none. Without a zone it is UTC."""
    try:
        read = datetime.fromisoformat(when or "")
    except ValueError:
        return 0
    try:
        return int((read if read.tzinfo else read.replace(tzinfo=_UTC)).timestamp() * 1000)
    except (OverflowError, OSError):
        return 0


def named(**values: Any) -> dict[str, str]:
    """What is known of an environment, as text."""
    return {name: str(value) for name, value in values.items() if value not in (None, "")}


_UTC = datetime.fromisoformat("1970-01-01T00:00:00+00:00").tzinfo
