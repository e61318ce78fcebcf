"""Files that appear when they are complete, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from harness.errors import StoreError


def write(path: Path, data: bytes) -> Path:
    """Write it under another name beside its place, then move it there.

    Folders are made. What was there stays until the new file is complete. Raises ``StoreError``
    if that cannot be done.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            temporary = file.name
            file.write(data)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            os.unlink(temporary)
    return path
