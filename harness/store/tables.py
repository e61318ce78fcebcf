"""Series as files for other programs to read: CSV and Parquet, a row for each sample."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from harness.errors import StoreError
from harness.series import Series
from harness.store import tidy

#: Rows of one group of a Parquet file.
_GROUP = 1 << 16


def write_csv(series: Iterable[Series], path: Path) -> int:
    """A CSV file, replaced when it is complete; how many rows. Raises ``StoreError``."""
    with _replaced(path, "w") as file:
        return tidy.write_csv(series, file)


def write_parquet(series: Iterable[Series], path: Path) -> int:
    """A Parquet file, replaced when it is complete; how many rows.

    Raises ``StoreError`` if pyarrow is missing, which the extra ``parquet`` brings.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise StoreError(
            "Parquet needs pyarrow, which is not installed:"
            " pip install 'spacetimedb-harness[parquet]', or --format csv"
        ) from error
    fields = [(name, getattr(pyarrow, _ARROW[kind])()) for name, kind in tidy.COLUMNS.items()]
    schema = pyarrow.schema(fields)
    count = 0
    rows = tidy.rows(series)
    with _replaced(path, "wb") as file, pyarrow.parquet.ParquetWriter(file, schema) as writer:
        while group := list(itertools.islice(rows, _GROUP)):
            columns = zip(*group, strict=True)
            arrays = [
                pyarrow.array(column, type=field.type)
                for column, field in zip(columns, schema, strict=True)
            ]
            writer.write_table(pyarrow.table(arrays, schema=schema))
            count += len(group)
    return count


_ARROW = {"string": "string", "int64": "int64", "double": "float64"}


@contextmanager
def _replaced(path: Path, mode: str) -> Iterator[IO[Any]]:
    """A file that takes the place of ``path`` if nothing is raised."""
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(mode, dir=path.parent, delete=False, **text) as file:
            try:
                yield file
                file.flush()
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
        os.chmod(path, 0o644)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
