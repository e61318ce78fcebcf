"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from harness.units import change, show


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (191_984.2, "1/s", "191,984/s"),
        (12.34, "1/s", "12.3/s"),
        (5_000, "ns", "5.00 µs"),
        (999, "ns", "999 ns"),
        (1_234_567, "ns", "1.23 ms"),
        (48_600_000, "bytes", "48.6 MB"),
        (512, "bytes", "512 B"),
        (3.456, "ratio", "3.46×"),
        (1000, "count", "1,000"),
        (0, "1/s", "0/s"),
        (0.00512, "ms", "0.00512 ms"),
        (math.nan, "ns", "—"),
        (math.inf, "count", "—"),
    ],
)
def test_show(value: float, unit: str, shown: str) -> None:
    assert show(value, unit) == shown


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(1.0, "+0.0%"), (0.955, "-4.5%"), (1.05, "+5.0%"), (1.999, "+99.9%"), (2.5, "2.50×")],
)
def test_change(ratio: float, said: str) -> None:
    assert change(ratio) == said
