"""Names of files, and numbers as people read them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import naming, quantities


@given(st.text())
def test_any_name_is_a_file_name(name: str) -> None:
    slug = naming.slug(name)
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", slug)
    assert len(slug) <= 90
    assert ".." not in slug or "/" not in slug


@pytest.mark.parametrize(
    ("one", "other"), [("a/b", "a.b"), ("A", "a"), ("x" * 100 + "1", "x" * 100 + "2"), ("é", "è")]
)
def test_names_that_become_the_same_stay_apart(one: str, other: str) -> None:
    assert naming.slug(one) != naming.slug(other)


@pytest.mark.parametrize(
    ("name", "suite"),
    [
        ("tables.Insert.track_cpu", "tables"),
        ("throughput-noop-v3.rate", "throughput"),
        ("keynote 2.tps", "keynote"),
        ("alone", "alone"),
        ("", "other"),
        ("std::sort/1024", "std"),
    ],
)
def test_suites(name: str, suite: str) -> None:
    assert naming.suite(name) == suite


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, "seconds", "12.3 ms"),
        (12.3, "ms", "12.3 ms"),
        (1.5e6, "bytes", "1.50 MB"),
        (48_458.0, "1/s", "48,458/s"),
        (3.0, "widgets", "3.00 widgets"),
        (float("nan"), "seconds", "—"),
        (None, "ns", "—"),
    ],
)
def test_values(value: float | None, unit: str, text: str) -> None:
    assert quantities.text(value, unit) == text


@pytest.mark.parametrize(
    ("ratio", "difference", "text"),
    [
        (1.052, 1.0, "+5.2 %"),
        (0.5, -1.0, "−50.0 %"),
        (12.5, 1.0, "×12.5"),
        (None, -3e6, "−3.00 ms"),
        (None, 3e6, "+3.00 ms"),
    ],
)
def test_changes(ratio: float | None, difference: float, text: str) -> None:
    assert quantities.change(ratio, difference, "ns") == text


@pytest.mark.parametrize(
    ("name", "unit", "kind"),
    [
        ("a.track_server_cpu", "ns", "cost"),
        ("a.time_x", "seconds", "time"),
        ("a.peakmem_x", "bytes", "memory"),
        ("a.rate", "1/s", "rate"),
        ("a.track_count", "instructions", "instructions"),
        ("a.b", "", "other"),
    ],
)
def test_kinds(name: str, unit: str, kind: str) -> None:
    assert quantities.kind(name, unit) == kind
