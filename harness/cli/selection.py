"""``-k``: which rows are wanted, by words joined with and, or, not and parentheses."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.errors import PlanError

_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")


def selector(expression: str) -> Callable[[str], bool]:
    """A test for names: each word must occur in the name, whatever its case.

    Raises ``PlanError`` for an expression that cannot be read.
    """
    tokens = _TOKEN.findall(expression)
    if not tokens:
        return lambda name: True
    parser = _Parser(tokens, expression)
    test = parser.either()
    if parser.at < len(tokens):
        raise PlanError(f"-k {expression!r}: `{tokens[parser.at]}` was not expected there")
    return test


class _Parser:
    def __init__(self, tokens: list[str], expression: str) -> None:
        self.tokens, self.expression, self.at = tokens, expression, 0

    def either(self) -> Callable[[str], bool]:
        tests = [self.both()]
        while self._take("or"):
            tests.append(self.both())
        return lambda name: any(test(name) for test in tests)

    def both(self) -> Callable[[str], bool]:
        tests = [self.one()]
        while self._take("and"):
            tests.append(self.one())
        return lambda name: all(test(name) for test in tests)

    def one(self) -> Callable[[str], bool]:
        if self._take("not"):
            refused = self.one()
            return lambda name: not refused(name)
        if self._take("("):
            inner = self.either()
            if not self._take(")"):
                raise PlanError(f"-k {self.expression!r}: a parenthesis is not closed")
            return inner
        if self.at == len(self.tokens) or self.tokens[self.at] in ("and", "or", ")"):
            raise PlanError(f"-k {self.expression!r}: a word is missing")
        word = self.tokens[self.at].lower()
        self.at += 1
        return lambda name: word in name.lower()

    def _take(self, token: str) -> bool:
        taken = self.at < len(self.tokens) and self.tokens[self.at] == token
        self.at += taken
        return taken
