"""Of what is believed only so much is false, however many tests there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.discoveries import believed

#: The example of Benjamini and Hochberg 1995: at 5 % the four smallest of fifteen are believed.
EXAMPLE = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
           0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]  # fmt: skip


def test_the_textbook_case() -> None:
    assert believed(EXAMPLE, 15) == [True] * 4 + [False] * 11
    assert believed(EXAMPLE[::-1], 15) == [False] * 11 + [True] * 4
    assert sum(believed(EXAMPLE, 15, dependent=True)) == 3


def test_tests_that_found_nothing_count() -> None:
    assert believed([0.01], 1) == [True]
    assert believed([0.01], 5) == [True]
    assert believed([0.01], 6) == [False]
    assert believed([], 300) == []


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="2 findings cannot come of 1 tests"):
        believed([0.1, 0.2], 1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        believed([1.5], 3)
    with pytest.raises(ValueError, match="between 0 and 1"):
        believed([float("nan")], 3)


@given(st.lists(st.floats(0, 1), max_size=30), st.integers(0, 50), st.floats(0.001, 0.5))
def test_it_is_the_rule_read_slowly(p_values: list[float], more: int, level: float) -> None:
    tests = len(p_values) + more
    ranked = sorted(p_values)
    fitting = [k for k, p in enumerate(ranked, start=1) if p <= level * k / max(tests, 1)]
    slow = [bool(fitting) and p <= ranked[fitting[-1] - 1] for p in p_values]
    assert believed(p_values, tests, level) == slow


@pytest.mark.parametrize("dependent", [False, True])
def test_few_of_those_believed_are_false(dependent: bool) -> None:
    rng = np.random.default_rng(8)
    false, reports = 0.0, 400
    for _ in range(reports):
        p_values = np.concatenate([rng.uniform(size=80), rng.uniform(size=20) * 1e-4])
        sure = believed(p_values.tolist(), 100, 0.1, dependent=dependent)
        false += sum(sure[:80]) / max(sum(sure), 1)
    assert false / reports <= 0.1
