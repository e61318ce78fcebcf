"""What was rounded has the noise of rounding: a last digit that turns is no change beyond doubt."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats.changepoints import find
from harness.stats.resolution import rounding_sd, step


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([50.0, 49.0, 51.0], 1.0),
        ([3.1, 3.0, 2.9], 0.1),
        ([-3.1, 3.25], 0.01),
        ([0.1 + 0.2, 0.7], 0.1),
        ([100.0, 2000.0], 1.0),
        ([0.0, 0.0], 1.0),
        ([1e300, 2.0], 0.0),
        ([1 / 3, 0.5], 0.0),
        ([np.pi * 1e-9, 1.0], 0.0),
        ([1e-9, 3e-9], 1e-9),
    ],
)
def test_the_step_of_a_series(values: list[float], wanted: float) -> None:
    assert step(np.array(values)) == pytest.approx(wanted, rel=1e-9)


def test_the_noise_of_rounding_is_that_of_a_uniform_error() -> None:
    errors = np.random.default_rng(1).uniform(-0.05, 0.05, 100_000)
    assert rounding_sd(0.1) == pytest.approx(float(errors.std()), rel=0.01)


@pytest.mark.parametrize(
    "values",
    [
        # Same-commit runs of a public benchmark: CPU seconds, bytes, percentiles, as printed.
        [
            49,
            49,
            49,
            50,
            50,
            50,
            50,
            50,
            50,
            50,
            50,
            50,
            50,
            50,
            50,
            50,
            50,
            50,
            50,
            50,
            49,
            49,
            49,
        ],
        [3.1, 3.1, 3.1, 3.0, 3.1, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0],
        [14, 13, 13, 14, 14, 14, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13],
    ],
)
def test_the_last_digit_may_turn(values: list[float]) -> None:
    assert find(np.array(values, dtype=float)).changes == []


@pytest.mark.parametrize("size", [2, 5, 1000])
def test_more_than_the_last_digit_is_a_change(size: int) -> None:
    values = np.repeat([100.0, 100.0 + size], 12)
    assert [change.at for change in find(values).changes] == [12]


def test_counts_of_instructions_are_exact() -> None:
    """935.3 and 980.8 instructions a row, as valgrind counts them."""
    assert [x.at for x in find(np.repeat([935.3, 980.8], [17, 13])).changes] == [17]
