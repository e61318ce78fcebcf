"""Importing a module that may be wrong in any way, and saying what is wrong with it, by line."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from threading import current_thread, main_thread
from types import TracebackType
from typing import NoReturn

from harness.errors import HarnessError, SchemaError
from harness.module import isolated, loading
from harness.module.registry import Module

#: Seconds that a module's import may take; it only has to declare things.
IMPORT_S = 30.0

#: Problems as the compiler gives them, and as the checks of a definition do.
PLACE_FIRST = re.compile(r"(?P<file>.+?):(?P<line>\d+): (?P<message>.*)")
_PLACE_LAST = re.compile(r"(?P<message>.*) \((?P<file>[^()]+):(?P<line>\d+)\)")


def valid(
    what: str, make: Callable[[str], Module] = loading.load, limit_s: float | None = None
) -> Module:
    """The module, loaded and checked; it could be started natively.

    What its code prints goes to stderr. Raises ``SchemaError`` with a line ``file:line: message``
    for each problem whose place is known.
    """
    limit_s = IMPORT_S if limit_s is None else limit_s
    try:
        with redirect_stdout(sys.stderr), _limited(limit_s), _staying():
            module = make(what)
            module.definition()
    except SchemaError as error:
        cause = error.__cause__
        raise SchemaError(
            lines(str(error)) if cause is None else _import_problem(what, cause, limit_s)
        ) from None
    except (HarnessError, SystemExit, _TooLong) as error:
        raise SchemaError(_import_problem(what, error, limit_s)) from None
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


def lines(problems: str) -> str:
    """Each problem with its place in front, and files as seen from here."""
    lines = []
    for text in problems.splitlines():
        match = PLACE_FIRST.fullmatch(text) or _PLACE_LAST.fullmatch(text)
        if match is not None:
            text = f"{near(match['file'])}:{match['line']}: {match['message']}"
        lines.append(text)
    return "\n".join(lines)


def near(file: str) -> str:
    """A file's path, short if it lies below the working directory."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def _import_problem(what: str, error: BaseException, limit_s: float) -> str:
    """What stopped an import, at the line of the module's own code."""
    kind = type(error).__name__
    if isinstance(error, SyntaxError):
        file, line, text = error.filename, error.lineno or 1, error.msg
        place = f"{near(file)}:{line}" if file else what
        return f"{place}: {kind}: {text}"
    place = _own_place(error.__traceback__) or what
    if isinstance(error, SystemExit):
        return f"{place}: the module ends the program when it is imported"
    if isinstance(error, _TooLong):
        return (
            f"{place}: the import of the module did not end within {limit_s:g} s; do no work"
            " outside of functions"
        )
    text = " ".join(str(error).split())
    return f"{place}: the module cannot be imported: {kind}{': ' if text else ''}{text}"


def _own_place(traceback: TracebackType | None) -> str | None:
    """The innermost line below the folder of the file that was imported first."""
    own: Path | None = None
    found = None
    while traceback is not None:
        file, line = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next
        if file in _OURS or _of_python(file):
            continue
        path = Path(file)
        own = own or path.parent
        if path.is_relative_to(own) and "site-packages" not in path.relative_to(own).parts:
            found = f"{near(file)}:{line}"
    return found


#: Files through which an import goes without being part of it.
_OURS = (__file__, loading.__file__, isolated.__file__)


def _of_python(file: str) -> bool:
    return file.startswith("<") or Path(file).parent.name == "importlib"
