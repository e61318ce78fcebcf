"""Names that pip, Python and SpacetimeDB take, made from what people write."""

from __future__ import annotations

import keyword
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import PlanError
from harness.project.names import LONGEST, Names, safe


@pytest.mark.parametrize(
    ("name", "distribution", "package"),
    [
        ("my-app", "my-app", "my_app"),
        ("my_app", "my-app", "my_app"),
        ("MyApp", "my-app", "my_app"),
        ("My App!", "my-app", "my_app"),
        ("HTTPServer", "http-server", "http_server"),
        ("chat2", "chat2", "chat2"),
        ("Café", "cafe", "cafe"),
        ("Größe", "grosse", "grosse"),
        ("x 日本", None, "has 日, 本, and pip knows only a to z; call it x, for example"),
        ("--a--b__c..", "a-b-c", "a_b_c"),
        ("..", None, "has no letter"),
        ("", None, "has no letter"),
        ("日本", None, "has no letter"),
        ("2048", None, "2048 is no identifier of Python, which begins with a letter; try app_2048"),
        ("class", None, "class is a keyword of Python; try class_app"),
        ("Class", None, "class is a keyword of Python; try class_app"),
        ("json", None, "json is a module of Python's standard library; try json_app"),
        ("harness", None, "harness is a name of this tool's own; try harness_app"),
        ("spacetimedb-harness", None, "spacetimedb_harness is a name of this tool's own"),
        ("tests", None, "tools take tests for something else; try tests_app"),
        ("a/b", None, "as in `harness init b --project-path a/b`"),
        ("../x/", None, "as in `harness init x --project-path ../x/`"),
        ("a" * (LONGEST + 1), None, f"has 101 letters; {LONGEST} are the most"),
    ],
)
def test_names(name: str, distribution: str | None, package: str) -> None:
    if distribution is not None:
        assert safe(name) == Names(distribution, package)
        return
    with pytest.raises(PlanError) as found:
        safe(name)
    assert package in str(found.value)


@given(st.text(max_size=30))
def test_whatever_comes_out_can_be_used(name: str) -> None:
    try:
        found = safe(name)
    except PlanError:
        return
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", found.distribution)
    assert found.package.isidentifier()
    assert not keyword.iskeyword(found.package)
    assert found.package not in sys.stdlib_module_names
    assert safe(found.distribution) == found


@pytest.mark.parametrize("name", ["class", "json", "harness", "2048", "tests"])
def test_what_is_proposed_would_do(name: str) -> None:
    with pytest.raises(PlanError) as found:
        safe(name)
    proposed = str(found.value).rpartition("; try ")[2]
    assert safe(proposed).package == proposed
