"""A function's source: its tree, and where each line of it stands."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Never

from harness.errors import SchemaError

_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")


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


def local_names(statements: list[ast.stmt]) -> set[str]:
    """What a function's statements give a value to anywhere: its local variables, to Python."""
    return {
        name
        for statement in statements
        for inner in ast.walk(statement)
        if isinstance(inner, ast.stmt)
        for name in bound(inner)
    }


def bound(part: ast.AST) -> Iterator[str]:
    """The variables that a statement's own line gives a value to, or an expression within it."""
    for node in within(part):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest
    for handler in getattr(part, "handlers", []):
        if handler.name:
            yield handler.name


def within(part: ast.AST) -> Iterator[ast.AST]:
    """The part and what is in it, without blocks and without the variables of comprehensions."""
    yield part
    inner = isinstance(part, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    if inner:
        return
    for name, value in ast.iter_fields(part):
        if isinstance(part, ast.stmt | ast.match_case) and name in _BLOCKS:
            continue
        if isinstance(part, ast.comprehension) and name == "target":
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST):
                yield from within(each)
