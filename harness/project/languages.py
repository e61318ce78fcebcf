"""Names of languages, and by which files a project's language is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.errors import PlanError

PYTHON = "python"

#: What people write, in lower case -> the language.
_ALIASES = {
    "python": PYTHON,
    "py": PYTHON,
    "rust": "rust",
    "rs": "rust",
    "csharp": "csharp",
    "c#": "csharp",
    "cs": "csharp",
    "typescript": "typescript",
    "ts": "typescript",
    "cpp": "cpp",
    "c++": "cpp",
    "cxx": "cpp",
    "unrealcpp": "unrealcpp",
    "uecpp": "unrealcpp",
    "ue5cpp": "unrealcpp",
    "unreal": "unrealcpp",
}
#: In which languages there are modules, and in which generated clients.
MODULES = (PYTHON, "rust", "csharp", "typescript", "cpp")
CLIENTS = (PYTHON, "rust", "csharp", "typescript", "unrealcpp")

#: In this order; Python is last, since a module in Rust or TypeScript often has a pyproject.toml
#: for its tools.
_MODULE_MARKS = (
    ("rust", "Cargo.toml"),
    ("csharp", "*.csproj"),
    ("typescript", "package.json"),
    ("cpp", "CMakeLists.txt"),
    (PYTHON, "pyproject.toml"),
    (PYTHON, "setup.py"),
)
_CLIENT_MARKS = tuple((language, mark) for language, mark in _MODULE_MARKS if language in CLIENTS)


def named(text: str, known: Iterable[str] = MODULES) -> str:
    """The language that somebody means, in any case: ``Python``, ``py``, ``C#``.

    Raises ``PlanError`` if it is none of the known ones.
    """
    languages = tuple(known)
    found = _ALIASES.get(text.strip().lower())
    if found not in languages:
        raise PlanError(f"there is no language {text!r}; there are {', '.join(languages)}")
    return found


def of_module(folder: Path) -> str | None:
    """The language of the module in a folder; None if there is no sign of one."""
    return next((language for language, mark in _MODULE_MARKS if _has(folder, mark)), None)


def of_client(folder: Path) -> str:
    """The language for which a client is generated in a folder.

    Raises ``PlanError`` if there is no sign of one, or if there are signs of several.
    """
    signs: dict[str, str] = {}
    for language, mark in _CLIENT_MARKS:
        if _has(folder, mark):
            signs.setdefault(language, mark)
    if len(signs) > 1:
        shown = ", ".join(f"{language} ({mark})" for language, mark in signs.items())
        raise PlanError(f"{folder} could be a client in several languages: {shown}; say --lang")
    if not signs:
        raise PlanError(not_python(folder))
    return next(iter(signs))


def not_python(folder: Path, instead: str = "Pass --lang or run `harness init`.") -> str:
    """The sentence for a folder that is no Python project."""
    return (
        f"No pyproject.toml or setup.py found in {folder}; this does not look like a Python "
        f"project. {instead}"
    )


def _has(folder: Path, mark: str) -> bool:
    if mark.startswith("*"):
        return any(path.is_file() for path in folder.glob(mark))
    return (folder / mark).is_file()
