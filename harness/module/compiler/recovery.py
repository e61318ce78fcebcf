"""Going on behind a refusal, so that all problems of a function are told, and each only once.

A refused statement is left out. What it would have given a value to is *untold* from there on: a
statement that needs it is left out as well, and nothing is said about it. Calls within a refused
statement are gone into nevertheless, since the functions that they lead to have their own problems.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TypeVar

from harness.errors import SchemaError
from harness.module.compiler import kinds as k
from harness.module.compiler.loops import Emit, Loops
from harness.module.compiler.source import Refusal, Untold, bound, within

T = TypeVar("T")


def nothing() -> None:
    """The code of a statement that is left out."""


class Recovering(Loops):
    """Notes what is refused, and forgets what depends on it."""

    #: Where statements were left out, by line and column: each is told once, in whatever round.
    refused: set[tuple[int, int]]

    def tried(
        self, node: ast.stmt | ast.pattern, part: ast.AST, check: Callable[[], T]
    ) -> T | None:
        """What ``check`` of a part of a statement gives; None if that is left out."""
        try:
            return check()
        except (Refusal, SchemaError, Untold) as error:
            self._note(node, error)
            self.lose(part)
            return None

    def _note(self, node: ast.stmt | ast.pattern, error: Exception) -> None:
        place = node.lineno, node.col_offset
        if place in self.refused:
            return
        if isinstance(error, Refusal):
            self.refused.add(place)
            self.unit.problem(self.source.file, error.line, error.message)
        elif isinstance(error, SchemaError):
            self.refused.add(place)
            self.unit.problem(self.source.file, node.lineno, str(error))

    def lose(self, part: ast.AST) -> None:
        """Nothing is known of what this part gives a value to."""
        self.incomplete = True
        for call in within(part):
            if isinstance(call, ast.Call):
                try:
                    self.check(call)
                except (Refusal, SchemaError, Untold):
                    pass  # it is told with its statement
        for name in bound(part):
            kind = self.names.get(name)
            if kind is None or kind == k.List(None):
                self.names[name] = self._declared(part, name)
            self.first_lines.setdefault(name, self.line(part))
            if self.assigned is not None:
                self.assigned.add(name)
        for inner in within(part):
            # It may have been told here what the list holds.
            if isinstance(inner, ast.Name) and self.names.get(inner.id) == k.List(None):
                self.names[inner.id] = k.UNTOLD

    incomplete = False

    def _declared(self, part: ast.AST, name: str) -> k.Kind:
        """What an annotation says of a variable whose value was refused."""
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            try:
                kind = self.unit.annotation(self.source.function, part.annotation)[1]
            except Refusal:
                return k.UNTOLD
            return k.Int(*k.W128) if kind == k.Int(*k.S64) else kind
        return k.UNTOLD

    def beyond(self, node: ast.stmt, body: Callable[[list[ast.stmt]], Emit]) -> None:
        """Go through the blocks of a statement that is left out itself."""
        if isinstance(node, ast.Return | ast.Raise):
            self.assigned = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return
        before, after = self.assigned, []
        blocks = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
        blocks[1:1] = [handler.body for handler in getattr(node, "handlers", [])]
        for block in blocks:
            if block:
                self.assigned = None if before is None else set(before)
                body(block)
                after.append(self.assigned)
        if not after:
            return
        # Which way is gone is unknown: whatever has a value on one of them may have it.
        ways = [way for way in after if way is not None]
        self.assigned = set().union(*ways) if len(ways) == len(after) else None
