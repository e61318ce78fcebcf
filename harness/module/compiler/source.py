"""A function's source: its tree, and where each line of it stands."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Never

from harness.errors import SchemaError


class Refusal(Exception):
    """A construct is outside the subset. ``line`` counts within the file."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message, self.line = message, line


class Untold(Exception):
    """Something depends on what was refused before: there is nothing to say about it."""


@dataclass(frozen=True, slots=True)
class Source:
    """The tree of one function, with lines as in its file."""

    function: Callable[..., Any]
    tree: ast.FunctionDef
    file: str

    @property
    def name(self) -> str:
        return self.function.__name__


def read(function: Callable[..., Any]) -> Source:
    """Raises ``SchemaError`` if the source is not there, or is not that of one function."""
    name = getattr(function, "__qualname__", repr(function))
    try:
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function) or "?"
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError) as error:
        raise SchemaError(f"{name}: its source cannot be read: {error}") from error
    ast.increment_lineno(tree, first - 1)
    found = tree.body[0]
    if not isinstance(found, ast.FunctionDef):
        raise SchemaError(f"{file}:{first}: {name} is not a plain function; use def")
    return Source(function, found, file)


def refuse(node: ast.AST, message: str) -> Never:
    """Say that a construct is outside the subset, and what to write instead."""
    raise Refusal(message, getattr(node, "lineno", 0))
