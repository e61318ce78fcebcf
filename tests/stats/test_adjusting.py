"""The q of a finding: the paper's own example, and the same answer as by a level."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.adjusting import adjusted
from harness.stats.discoveries import believed

SHARES = st.lists(st.integers(0, 1_000).map(lambda k: k / 1_000), max_size=30)

#: Benjamini and Hochberg 1995, section 4.1: four of fifteen are believed at 5 %.
PAPER = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
    0.5719, 0.6528, 0.7590, 1.0000,
]  # fmt: skip


def test_the_papers_example() -> None:
    q_values = adjusted(PAPER)
    assert [q <= 0.05 for q in q_values] == [True] * 4 + [False] * 11
    assert q_values[0] == pytest.approx(0.0015)
    assert q_values[3] == pytest.approx(0.0095 * 15 / 4)


@given(SHARES, st.sampled_from([0.01, 0.05, 0.3]), st.booleans())
def test_a_q_within_the_level_is_a_finding_believed(
    p_values: list[float], level: float, dependent: bool
) -> None:
    found = [q <= level * (1 + 1e-12) for q in adjusted(p_values, dependent=dependent)]
    if p_values:
        nudged = level * (1 + 1e-12)
        assert found == believed(p_values, len(p_values), nudged, dependent=dependent)


@given(SHARES)
def test_a_q_is_no_less_than_its_p_and_keeps_the_order(p_values: list[float]) -> None:
    q_values = adjusted(p_values)
    assert all(q >= p for p, q in zip(p_values, q_values, strict=True))
    ordered = [q for _, q in sorted(zip(p_values, q_values, strict=True))]
    assert ordered == sorted(ordered)
    assert all(a >= b for a, b in zip(adjusted(p_values, dependent=True), q_values, strict=True))


def test_one_test_is_not_corrected() -> None:
    assert adjusted([0.03]) == [0.03]
    assert adjusted([]) == []


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjusted([0.5, p])
