"""From a module that somebody names to its WebAssembly, or to problems with their places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import SchemaError

if TYPE_CHECKING:
    from harness.module import Module
    from harness.module.compiler import Artefact


def valid(what: str, load: Callable[[str], Module] | None = None) -> Module:
    """The module, loaded and checked, as ``harness.module.checking.valid`` does.

    ``load`` finds it by its name, as ``harness.module.load`` does without another one.
    """
    from harness.module import checking, loading

    return checking.valid(what, load or loading.load)


def near(file: str | Path) -> str:
    """A file's path, short if it lies below the working directory."""
    from harness.module import checking

    return checking.near(str(file))


def compiled(module: Module) -> Artefact:
    """The module as WebAssembly. Raises ``SchemaError`` as ``valid`` does."""
    from harness.module import checking
    from harness.module.compiler import build

    try:
        return build(module)
    except SchemaError as error:
        raise SchemaError(checking.lines(str(error))) from None


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
    from harness.module.checking import PLACE_FIRST

    records: list[dict[str, str | int | None]] = []
    for text in problems.splitlines():
        match = PLACE_FIRST.fullmatch(text)
        if match is None:
            records.append({"file": None, "line": None, "message": text})
        else:
            file, line, message = match.groups()
            records.append({"file": file, "line": int(line), "message": message})
    return records
