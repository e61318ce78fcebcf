"""The write-ahead log of one database file: how long it is, when it is on disk, when it is folded.

The log is synced through a descriptor of its own, and folded into the database by a connection of
its own, so that both can run in a thread while the event loop goes on writing.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from pathlib import Path

from harness.errors import StoreError

# The wal-index, see https://sqlite.org/walformat.html: how many frames the log has, and how many of
# them are in the database already.
_LENGTH_AT, _FOLDED_AT = 16, 96
_U32 = struct.Struct("=I")
_FRAME_HEADER = 24


class Journal:
    """Exists once something was committed."""

    def __init__(self, path: Path, page_bytes: int) -> None:
        """Raises ``StoreError``."""
        self._path = path
        self._frame_bytes = page_bytes + _FRAME_HEADER
        try:
            self._log = os.open(f"{path}-wal", os.O_RDONLY)
            self._index = os.open(f"{path}-shm", os.O_RDONLY)
            _sync_directory(path.parent)
        except OSError as error:
            raise StoreError(f"the write-ahead log cannot be opened: {error}") from error

    @property
    def unfolded_bytes(self) -> int:
        """What is in the log only."""
        return (self._number(_LENGTH_AT) - self._number(_FOLDED_AT)) * self._frame_bytes

    @property
    def length_bytes(self) -> int:
        """The log, folded parts too: it starts from the front once all of it is folded."""
        return self._number(_LENGTH_AT) * self._frame_bytes

    def _number(self, offset: int) -> int:
        found = os.pread(self._index, 4, offset)
        number: int = _U32.unpack(found)[0] if len(found) == 4 else 0
        return number

    def sync(self) -> None:
        """Bring what is in the log to disk. Blocks. Raises ``StoreError``."""
        try:
            os.fdatasync(self._log)
        except OSError as error:
            raise StoreError(f"the write-ahead log cannot be synced: {error}") from error

    def fold(self) -> None:
        """Copy the log into the database file, as far as it has come. Blocks.

        Raises ``StoreError``.
        """
        try:
            connection = sqlite3.connect(self._path, isolation_level=None)
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StoreError(f"the write-ahead log cannot be folded in: {error}") from error

    def close(self) -> None:
        """Only after the database's connections: SQLite's locks on the index go with this."""
        os.close(self._log)
        os.close(self._index)


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
