"""The pace that processes had in common goes; what they differ by stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.pacing import evened

POSITIVE = st.floats(0.1, 1e6)


def test_a_slow_round_is_evened_out() -> None:
    samples = np.array([[100.0, 200.0, 100.0], [110.0, 220.0, 110.0]])
    assert evened(samples) == pytest.approx(np.array([[100.0] * 3, [110.0] * 3]))


@given(
    st.lists(POSITIVE, min_size=2, max_size=6),
    st.lists(st.floats(0.5, 2.0), min_size=1, max_size=15),
)
def test_whatever_the_pace_ratios_of_processes_stay(costs: list[float], paces: list[float]) -> None:
    """Processes that differ in cost alone come out with that cost, in every round the same."""
    found = evened(np.outer(costs, paces))
    assert found == pytest.approx(np.outer(found[:, 0], np.ones(len(paces))))
    assert found[:, 0] / found[0, 0] == pytest.approx(np.array(costs) / costs[0])


@given(st.integers(2, 5), st.integers(1, 8), st.integers(0, 1_000))
def test_sides_are_treated_alike(processes: int, rounds: int, seed: int) -> None:
    """Processes in another order give the same, in that order: so the sides stay exchangeable."""
    draw = np.random.default_rng(seed)
    samples = np.exp(draw.standard_normal((processes, rounds)))
    order = draw.permutation(processes)
    assert evened(samples[order]) == pytest.approx(evened(samples)[order])


@pytest.mark.parametrize("samples", [np.empty((0, 3)), np.array([[1.0, 0.0]]), np.array([[-1.0]])])
def test_what_is_no_duration_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="positive"):
        evened(samples)
