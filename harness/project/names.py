"""From what somebody calls a project to names that pip, Python and SpacetimeDB take."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from dataclasses import dataclass

from harness.errors import PlanError

#: Import names that a project must not hide: ours, and what tools take for something else.
_OURS = frozenset({"harness", "suites", "reports", "ci", "spacetimedb_harness"})
_OTHERS = frozenset({"src", "test", "tests", "build", "dist", "setup", "conftest"})
#: Longer names fit into no file system's limits together with what is added to them.
LONGEST = 100
#: Letters that do not come apart into one from a to z and its accent.
_LETTERS = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
     "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Names:
    """``my-app`` for pip and as the database, ``my_app`` for Python."""

    distribution: str
    package: str


def safe(name: str) -> Names:
    """The names of a project, made from any words: ``My App`` is ``my-app`` and ``my_app``.

    Raises ``PlanError`` with one that would do, if this one cannot be an import name, is a keyword
    of Python, or would hide a module of the standard library or of ours.
    """
    if "/" in name or "\\" in name:
        last = re.split(r"[/\\]+", name.rstrip("/\\"))[-1]
        raise PlanError(
            f"a project's name is no path: {name!r}; name it, and say where with --project-path, "
            f"as in `harness init {_kebab(last) or 'my-app'} --project-path {name}`"
        )
    distribution = _kebab(name)
    package = distribution.replace("-", "_")
    if not distribution:
        raise PlanError(
            f"the project's name {name!r} has no letter from a to z; call it my-app, for example"
        )
    lost = sorted({x for x in _plain(name) if not x.isascii() and x.isalnum()})
    if lost:
        raise PlanError(
            f"the project's name {name!r} has {', '.join(lost)}, and pip knows only a to z; call "
            f"it {distribution}, for example"
        )
    if len(distribution) > LONGEST:
        raise PlanError(
            f"the project's name has {len(distribution)} letters; {LONGEST} are the most"
        )
    why = _unfit(package)
    if why:
        raise PlanError(f"the project cannot be named {name!r}: {why}; try {_instead(package)}")
    return Names(distribution, package)


def _kebab(name: str) -> str:
    """Words in lower case with hyphens between them; letters lose their accents."""
    ascii_ = _plain(name).encode("ascii", "ignore").decode()
    split = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1-\2", ascii_)
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", split)
    return re.sub(r"[^a-z0-9]+", "-", split.lower()).strip("-")


def _plain(name: str) -> str:
    """With letters apart from their accents."""
    return unicodedata.normalize("NFKD", name.translate(_LETTERS))


def _unfit(package: str) -> str:
    """Why Python could not import a package of this name; empty if it could."""
    if not package.isidentifier():
        return f"{package} is no identifier of Python, which begins with a letter"
    if keyword.iskeyword(package):
        return f"{package} is a keyword of Python"
    if package in sys.stdlib_module_names:
        return f"{package} is a module of Python's standard library"
    if package in _OURS:
        return f"{package} is a name of this tool's own"
    if package in _OTHERS:
        return f"tools take {package} for something else"
    return ""


def _instead(package: str) -> str:
    return f"app_{package}" if package[0].isdigit() else f"{package}_app"
