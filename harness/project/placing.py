"""Putting a project's files in their place: all of them or none, and over nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from harness.errors import PlanError, StoreError
from harness.store.files import umask

#: What may lie in a folder that counts as empty.
_IGNORED = frozenset({".git"})


def check(folder: Path, paths: Mapping[str, object], *, beside_others: bool) -> None:
    """Raises ``PlanError`` if the files cannot go there.

    Without ``beside_others`` the folder must be empty, or not be there; with it, none of the files
    may exist.
    """
    for above in folder.parents:
        if above.exists():
            if not above.is_dir():
                raise PlanError(f"cannot create {folder}: {above} is a file")
            break
    if folder.is_symlink() and not folder.exists():
        raise PlanError(f"cannot create {folder}: it is a link to nothing")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise PlanError(f"cannot create {folder}: it is a file")
    if not beside_others:
        found = sorted(path.name for path in folder.iterdir() if path.name not in _IGNORED)
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            raise PlanError(
                f"Cannot create new SpacetimeDB project in non-empty directory {folder}: it has "
                f"{found[0]}{more}; choose another with --project-path"
            )
        return
    for name in paths:
        taken = folder / name
        if os.path.lexists(taken):
            raise PlanError(f"{taken} exists; move it, or choose another folder")
        for above in taken.relative_to(folder).parents:
            if (folder / above).exists() and not (folder / above).is_dir():
                raise PlanError(f"{folder / above} is a file; {name} needs a folder there")


def place(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the files below a folder; after an error there is what was there before.

    A new folder appears with everything in it. Raises ``StoreError``.
    """
    made: list[Path] = []
    temporary: Path | None = None
    try:
        _make(folder.parent, made)
        near = folder if folder.is_dir() else folder.parent
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=near))
        for name, text in texts.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        if near is folder:
            _move(temporary, folder, list(texts), made)
        else:
            temporary.chmod(0o777 & ~umask())
            temporary.rename(folder)
            temporary = None
    except BaseException as error:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)  # it may lie in a folder to be taken back
        _take_back(made)
        if isinstance(error, OSError):
            why = error.strerror or str(error)
            raise StoreError(f"cannot create {folder}: {why}; nothing was written") from None
        raise
    if temporary is not None:
        shutil.rmtree(temporary, ignore_errors=True)


def _move(source: Path, folder: Path, names: list[str], made: list[Path]) -> None:
    """Move each file to its place, where nothing may have come meanwhile."""
    for name in names:
        target = folder / name
        _make(target.parent, made)
        try:
            os.link(source / name, target)
            made.append(target)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            with target.open("xb") as file:
                made.append(target)
                file.write((source / name).read_bytes())


def _make(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it, and add what is new to ``made``, the outermost first."""
    for path in [x for x in (folder, *folder.parents) if not x.exists()][::-1]:
        path.mkdir()
        made.append(path)


def _take_back(made: list[Path]) -> None:
    for path in reversed(made):
        try:
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
        except OSError:
            continue  # somebody has put something there meanwhile
