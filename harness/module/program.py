"""A module's source as it travels to a server: texts by path, in one JSON document.

The embedded server runs the source itself, so a module is sent as its files. The form is as narrow
as it can be: there is no compression (a small document is a small program), and a path is a chain
of Python names that ends in ``.py``. Links, permissions, absolute paths, ``..`` and two files of
one name cannot even be said.
"""

from __future__ import annotations

import hashlib
import keyword
from pathlib import Path

import msgspec

from harness.errors import PlanError

#: How the document is named in HTTP. No page can send it without asking first: a browser asks for
#: leave (CORS preflight) before it sends any type but those of forms.
CONTENT_TYPE = "application/vnd.spacetimedb-harness.program+json"
#: The most bytes that a document may have.
LIMIT = 8 * 1024 * 1024
#: The most files, and the deepest folder.
MAX_FILES = 1_000
MAX_DEPTH = 16
MAX_PATH = 240


class Program(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``entry`` is the dotted name of the file or package that declares the module; ``files`` has
    texts by path, such as ``chat/tables.py``."""

    entry: str
    files: dict[str, str]
    form: int = 1

    def encoded(self) -> bytes:
        """The document; the same program gives the same bytes."""
        return msgspec.json.encode(self, order="sorted")

    @property
    def digest(self) -> str:
        """The name of a program among others: SHA-256 of the document, in hexadecimal digits."""
        return hashlib.sha256(self.encoded()).hexdigest()

    @property
    def own(self) -> str:
        """The name by which the program's files import each other."""
        return self.entry.partition(".")[0]


def decoded(data: bytes) -> Program:
    """The program in a document. Raises ``PlanError`` with a sentence for what is wrong."""
    if len(data) > LIMIT:
        raise PlanError(f"the program has {len(data):,} bytes; {LIMIT:,} are the limit")
    try:
        program = msgspec.json.decode(data, type=Program)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PlanError(f"the program is no document of this form: {error}") from None
    if program.form != 1:
        raise PlanError(f"the program has form {program.form}; this version reads form 1")
    check(program)
    return program


def check(program: Program) -> None:
    """Raises ``PlanError`` for a program that could not be laid out as files safely."""
    if not 0 < len(program.files) <= MAX_FILES:
        raise PlanError(f"the program has {len(program.files):,} files; 1 to {MAX_FILES:,} may be")
    seen: dict[str, str] = {}
    for path in program.files:
        _check_path(path)
        # Where capitals count for nothing, one of the two would take the other's place.
        other = seen.setdefault(path.casefold(), path)
        if other != path:
            raise PlanError(f"the program's files {other!r} and {path!r} differ in capitals only")
    size = sum(len(text) for text in program.files.values())
    if size > LIMIT:
        raise PlanError(f"the program has {size:,} characters; {LIMIT:,} are the limit")
    names = program.entry.split(".")
    if not all(map(_is_name, names)):
        raise PlanError(f"the program's entry {program.entry!r} is no dotted name")
    place = "/".join(names)
    if f"{place}.py" not in program.files and f"{place}/__init__.py" not in program.files:
        raise PlanError(f"the program's entry {program.entry!r} is none of its files")


def _check_path(path: str) -> None:
    names = path.removesuffix(".py").split("/")
    if not path.endswith(".py") or len(path) > MAX_PATH or len(names) > MAX_DEPTH:
        short = path if len(path) <= 80 else f"{path[:80]}…"
        raise PlanError(f"the program's file {short!r} is no Python file with a short path")
    if not all(map(_is_name, names)):
        raise PlanError(f"the program's file {path!r} is no chain of Python names")


def _is_name(name: str) -> bool:
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def unpack(program: Program, folder: Path) -> None:
    """Write the files below a new ``folder`` that nobody but us can enter.

    Raises ``OSError``, with nothing but files in the folder, and ``FileExistsError`` if it is there
    already: what lies there might be somebody's trap.
    """
    check(program)
    folder.mkdir(mode=0o700)
    for path, text in program.files.items():
        place = folder.joinpath(*path.split("/"))
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
