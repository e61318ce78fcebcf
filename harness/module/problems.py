"""What is wrong with a module: collected, each with its place, and said all at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

from harness.errors import SchemaError


class Problems:
    """Collects problems. ``where`` is ``file:line`` everywhere."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.names: dict[str, str] = {}

    def problem(self, what: str, where: str) -> None:
        self.problems.append(f"{what} ({where})")

    def attempt(self, where: str, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except SchemaError as error:
            self.problem(str(error), where)
        except Exception as error:  # annotations are code, and can fail in any way
            self.problem(f"an annotation fails: {type(error).__name__}: {error}", where)
        return None

    def identifier(self, what: str, name: str, where: str) -> None:
        if not name:
            self.problem(f"{what}: the name is empty", where)
        elif unicodedata.normalize("NFC", name) != name:
            self.problem(f"{what}: the name is not in the normal form NFC of Unicode", where)
        elif not name.isidentifier():
            starts = name[0].isidentifier()
            bad = next(i for i, c in enumerate(name) if not (f"a{c}" if i else c).isidentifier())
            hint = "" if starts else "; a name begins with a letter or _"
            self.problem(
                f"{what} is not an identifier: {name[bad]!r} at position {bad}{hint}", where
            )

    def claim(self, name: str, what: str, where: str) -> None:
        """Tables, indexes, constraints, sequences and schedules share one namespace."""
        taken = self.names.get(name)
        if taken is not None:
            self.problem(f"{what}: the name is taken by the {taken}", where)
        self.names.setdefault(name, f"{what.partition(' ')[0]} declared at {where}")
