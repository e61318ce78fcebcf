"""``-k``: words, and, or, not, parentheses."""

from __future__ import annotations

import pytest

from harness.cli.selection import selector
from harness.errors import PlanError

NAMES = ["tables.Insert False", "tables.Insert True", "tables.Update", "latency.AtRate 2000"]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("", [0, 1, 2, 3]),
        ("insert", [0, 1]),
        ("INSERT and true", [1]),
        ("insert and not true", [0]),
        ("update or atrate", [2, 3]),
        ("not tables", [3]),
        ("not (insert or latency)", [2]),
        ("insert and true or update", [1, 2]),
        ("insert and (true or update)", [1]),
        ("nothing", []),
    ],
)
def test_expressions(expression: str, wanted: list[int]) -> None:
    test = selector(expression)
    assert [number for number, name in enumerate(NAMES) if test(name)] == wanted


@pytest.mark.parametrize("expression", ["and", "a and", "(a", "a)", "not", "a b", "()"])
def test_nonsense_is_refused(expression: str) -> None:
    with pytest.raises(PlanError, match="-k"):
        selector(expression)
