"""From a module that somebody names to its WebAssembly, or to problems with their places."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from threading import current_thread, main_thread
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from harness.errors import HarnessError, SchemaError

if TYPE_CHECKING:
    from harness.module import Module
    from harness.module.compiler import Artefact

#: Seconds that a module's import may take; it only has to declare things.
IMPORT_S = 30.0

#: Problems as the compiler gives them, and as the checks of a definition do.
_PLACE_FIRST = re.compile(r"(?P<file>.+?):(?P<line>\d+): (?P<message>.*)")
_PLACE_LAST = re.compile(r"(?P<message>.*) \((?P<file>[^()]+):(?P<line>\d+)\)")


def valid(what: str) -> Module:
    """The module, loaded and checked; it could be started natively.

    What its code prints goes to stderr. Raises ``SchemaError`` with a line ``file:line: message``
    for each problem whose place is known.
    """
    from harness.module import load

    try:
        with redirect_stdout(sys.stderr), _limited(IMPORT_S), _staying():
            module = load(what)
            module.definition()
    except SchemaError as error:
        cause = error.__cause__
        raise SchemaError(
            _lines(str(error)) if cause is None else _import_problem(what, cause)
        ) from None
    except (HarnessError, SystemExit, _TooLong) as error:
        raise SchemaError(_import_problem(what, error)) from None
    return module


class _TooLong(BaseException):
    """Raised within code that has run for too long; no ``except Exception`` of its own stops it."""


@contextmanager
def _staying() -> Iterator[None]:
    """Turn ``os._exit``, which would end us without a word, into ``SystemExit``."""
    leave, us = os._exit, os.getpid()

    def stay(status: int) -> NoReturn:
        if os.getpid() != us:
            leave(status)  # a process that the module has forked
        raise SystemExit(status)

    os._exit = stay
    try:
        yield
    finally:
        os._exit = leave


@contextmanager
def _limited(limit_s: float) -> Iterator[None]:
    """Raise ``_TooLong`` within what runs longer, where the system can: not on Windows."""
    if not hasattr(signal, "setitimer") or current_thread() is not main_thread():
        yield
        return

    def over(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def compiled(module: Module) -> Artefact:
    """The module as WebAssembly. Raises ``SchemaError`` as ``valid`` does."""
    from harness.module.compiler import build

    try:
        return build(module)
    except SchemaError as error:
        raise SchemaError(_lines(str(error))) from None


#: So many problems are told at a time; nobody reads on behind them.
SHOWN = 50


def shortened(problems: str, limit: int = SHOWN) -> str:
    """The first problems, and how many more there are."""
    lines = problems.splitlines()
    if len(lines) <= limit:
        return problems
    return "\n".join([*lines[:limit], f"and {len(lines) - limit} more"])


def as_records(problems: str) -> list[dict[str, str | int | None]]:
    """Problems for machines: file, line and message of each."""
    records: list[dict[str, str | int | None]] = []
    for text in problems.splitlines():
        match = _PLACE_FIRST.fullmatch(text)
        if match is None:
            records.append({"file": None, "line": None, "message": text})
        else:
            file, line, message = match.groups()
            records.append({"file": file, "line": int(line), "message": message})
    return records


def _lines(problems: str) -> str:
    """Each problem with its place in front, and files as seen from here."""
    lines = []
    for text in problems.splitlines():
        match = _PLACE_FIRST.fullmatch(text) or _PLACE_LAST.fullmatch(text)
        if match is not None:
            text = f"{_near(match['file'])}:{match['line']}: {match['message']}"
        lines.append(text)
    return "\n".join(lines)


def _near(file: str) -> str:
    """A file's path, short if it lies below the working directory."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def _import_problem(what: str, error: BaseException) -> str:
    """What stopped an import, at the line of the module's own code."""
    kind = type(error).__name__
    if isinstance(error, SyntaxError):
        file, line, text = error.filename, error.lineno or 1, error.msg
        place = f"{_near(file)}:{line}" if file else what
        return f"{place}: {kind}: {text}"
    place = _own_place(error.__traceback__) or what
    if isinstance(error, SystemExit):
        return f"{place}: the module ends the program when it is imported"
    if isinstance(error, _TooLong):
        return (
            f"{place}: the import of the module did not end within {IMPORT_S:g} s; do no work"
            " outside of functions"
        )
    text = " ".join(str(error).split())
    return f"{place}: the module cannot be imported: {kind}{': ' if text else ''}{text}"


def _own_place(traceback: TracebackType | None) -> str | None:
    """The innermost line below the folder of the file that was imported first."""
    from harness.module import loading

    own: Path | None = None
    found = None
    while traceback is not None:
        file, line = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next
        if file in (__file__, loading.__file__) or _of_python(file):
            continue
        path = Path(file)
        own = own or path.parent
        if path.is_relative_to(own) and "site-packages" not in path.relative_to(own).parts:
            found = f"{_near(file)}:{line}"
    return found


def _of_python(file: str) -> bool:
    return file.startswith("<") or Path(file).parent.name == "importlib"
