"""The folder of a site: a file is written if its bytes differ, and removed if nobody wants it.

What was written is remembered in a manifest beside the site's other memory, so that a rebuild need
not read three hundred files to find that one of them changed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from harness.errors import StoreError
from harness.store import files

#: Where a site keeps what it needs to be rebuilt; it is not a part of what is published.
MEMORY = ".memory"
_MANIFEST = "manifest.msgpack"
_DIGEST = 16


class Folder:
    """Writes a site. A context manager: what was not written in it is removed at its end.

    ``written`` and ``kept`` count files. Raises ``StoreError`` if the folder has something else in
    it, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.memory = path / MEMORY
        self._before: dict[str, tuple[bytes, int]] = {}
        self._now: dict[str, tuple[bytes, int]] = {}
        self._made: set[Path] = set()
        self.written = self.kept = self.bytes = 0

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            there = {entry.name for entry in os.scandir(self.path)}
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror}") from error
        if there and MEMORY not in there:
            raise StoreError(
                f"{self.path} has files in it and is no site of ours: name a new folder with --out"
            )
        self._made = {self.path, self.memory}
        files.write(self.memory / "README", b"What the site is rebuilt from; not a part of it.\n")
        try:
            form: Any = dict[str, tuple[bytes, int]]
            data = (self.memory / _MANIFEST).read_bytes()
            self._before = msgspec.msgpack.decode(data, type=form)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            self._before = {}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        # What was written stands in the manifest in any case; old files go when all is there.
        if kind is None:
            self._remove()
            files.write(self.memory / _MANIFEST, msgspec.msgpack.encode(self._now))
        else:
            files.write(self.memory / _MANIFEST, msgspec.msgpack.encode(self._before | self._now))

    def put(self, name: str, data: bytes) -> None:
        """A file of the site by its path below it; a name twice is a mistake of the caller."""
        if name in self._now:
            raise ValueError(f"{name} is written twice")
        digest = hashlib.blake2b(data, digest_size=_DIGEST).digest()
        mark = digest, len(data)
        self._now[name] = mark
        self.bytes += len(data)
        path = self.path / name
        if self._before.get(name) == mark and path.is_file():
            self.kept += 1
            return
        self._write(path, data)
        self.written += 1

    def keep(self, names: Sequence[str]) -> bool:
        """Say that files are as they were; False if one is not there, and all must be written."""
        marks = {name: self._before.get(name) for name in names}
        for name, mark in marks.items():
            if mark is None or not (self.path / name).is_file():
                return False
        self._now |= {name: mark for name, mark in marks.items() if mark is not None}
        self.bytes += sum(mark[1] for mark in marks.values() if mark is not None)
        self.kept += len(marks)
        return True

    def _write(self, path: Path, data: bytes) -> None:
        """Under another name first, then moved there. Plain calls: there may be thousands."""
        temporary = path.with_name(f".{path.name}.new")
        try:
            if path.parent not in self._made:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._made.add(path.parent)
            with open(temporary, "wb") as file:
                file.write(data)
            # Out of the way first: ext4 writes a file to disk at once if it is renamed over another
            # one, ten milliseconds each. What is missing after a crash is made again.
            path.unlink(missing_ok=True)
            os.rename(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise StoreError(f"cannot write {path}: {error.strerror}") from error

    def _remove(self) -> None:
        """Files of an earlier build that nobody wrote now. Others are not ours to remove."""
        for name in self._before.keys() - self._now.keys():
            try:
                (self.path / name).unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"cannot remove {self.path / name}: {error.strerror}") from error
