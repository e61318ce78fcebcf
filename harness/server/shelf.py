"""What a server keeps beside its tables: which databases there are, and the programs they run.

In the data directory, all for the server's user alone:

    databases/IDENTITY.json   a database that was published: its names, and the file of its tables
    programs/DIGEST.json      a program as it came, and beside it, as DIGEST/, its files

Which program a database runs stands in the database itself, so that it changes in the very
transaction that changes the tables. Without a data directory programs lie in a folder that goes
with the server, and nothing else is kept.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

import msgspec

from harness.errors import HarnessError, StoreError
from harness.module import program as programs
from harness.module.program import Program
from harness.server.auth import write_private

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A database that was published. ``file`` is the name of its SQLite file."""

    identity: str
    names: list[str]
    file: str
    form: int = 1


class Shelf:
    """See the module's docstring."""

    def __init__(self, data_dir: Path | None) -> None:
        """Raises ``StoreError`` if others could put programs into the data directory."""
        # Programs are tried in another working directory.
        self.data_dir = None if data_dir is None else data_dir.absolute()
        self._scratch: Path | None = None
        self.kept: dict[str, Kept] = {}
        if self.data_dir is None:
            return
        for name in ("databases", "programs"):
            _private_folder(self.data_dir / name)
        for path in sorted((self.data_dir / "databases").glob("*.json")):
            kept = _record(path)
            self.kept[kept.identity] = kept

    def named(self, name: str) -> Kept | None:
        """The database that was published under a name."""
        return next((kept for kept in self.kept.values() if name in kept.names), None)

    def keep(self, kept: Kept) -> None:
        """Remember a database, whole or not at all. Raises ``StoreError``."""
        self.kept[kept.identity] = kept
        if self.data_dir is None:
            return
        try:
            write_private(self._record_path(kept.identity), msgspec.json.encode(kept) + b"\n")
        except OSError as error:
            raise StoreError(f"the database cannot be kept: {error}") from error

    def forget(self, identity: str) -> None:
        """A database is no more; its file stays. Raises ``StoreError``."""
        if self.kept.pop(identity, None) is None or self.data_dir is None:
            return
        try:
            self._record_path(identity).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"the database cannot be deleted: {error}") from error

    def delete_file(self, file: str) -> None:
        """The tables of a database that is closed."""
        path = self.path(file)
        if path is not None:
            for end in ("", "-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)

    def path(self, file: str) -> Path | None:
        """Where a database's tables lie; None keeps them in memory."""
        return None if self.data_dir is None else self.data_dir / file

    def _record_path(self, identity: str) -> Path:
        assert self.data_dir is not None
        return self.data_dir / "databases" / f"{identity}.json"

    # --- programs --------------------------------------------------------------------------------

    def put(self, program: Program) -> Path:
        """Keep a program; the folder with its files. Raises ``StoreError``."""
        folder = self._programs() / program.digest
        try:
            write_private(folder.with_suffix(".json"), program.encoded())
            self._lay_out(program, folder)
        except OSError as error:
            raise StoreError(f"the program cannot be kept: {error}") from error
        return folder

    def get(self, digest: str) -> tuple[Program, Path]:
        """A program that was kept, and the folder with its files.

        Raises ``StoreError`` if it is missing or not what it was.
        """
        if not _DIGEST.fullmatch(digest):
            raise StoreError(f"{digest!r} is no program")
        folder = self._programs() / digest
        try:
            program = programs.decoded(folder.with_suffix(".json").read_bytes())
            if program.digest != digest:
                raise StoreError(f"the program {digest} is damaged")
            self._lay_out(program, folder)
        except OSError as error:
            raise StoreError(f"the program {digest} cannot be read: {error}") from error
        except HarnessError as error:
            raise StoreError(f"the program {digest} is damaged: {error}") from error
        return program, folder

    def _lay_out(self, program: Program, folder: Path) -> None:
        """The files, new beside their place and then moved there; files of before go."""
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent)) / "files"
        try:
            programs.unpack(program, fresh)
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh.parent, ignore_errors=True)

    def sweep(self, used: set[str]) -> None:
        """Delete programs that no database runs, and what a crash has left."""
        for path in self._programs().iterdir():
            if path.name.removesuffix(".json") in used:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if self.data_dir is None:
            return
        known = {kept.file for kept in self.kept.values()}
        for path in self.data_dir.glob("*.sqlite3"):
            # Named by an identity: made for a database whose publishing did not come to its end.
            if _DIGEST.fullmatch(path.stem) and path.name not in known:
                self.delete_file(path.name)

    def _programs(self) -> Path:
        if self.data_dir is not None:
            return self.data_dir / "programs"
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="harness-programs-")).absolute()
        return self._scratch

    def close(self) -> None:
        """The scratch folder goes with the server."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None


def _private_folder(path: Path) -> None:
    """Make a folder for us alone. Raises ``StoreError`` if it is somebody else's or open to them.

    What lies in it is run: who may write there may run code as us.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if path.is_symlink() or found.st_uid != os.geteuid():
            raise StoreError(f"{path} is not this user's own folder; use another data directory")
        if found.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise StoreError(f"the folder {path} cannot be made: {error}") from error


def _record(path: Path) -> Kept:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError(f"the record {path} cannot be read: {error}") from error
    if kept.form != 1:
        raise StoreError(f"the record {path} has form {kept.form}; this version reads form 1")
    if kept.identity != path.stem or Path(kept.file).name != kept.file:
        raise StoreError(f"the record {path} is damaged")
    return kept
