"""What is said to be seen in four of five cases is; half of it is not."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats import changepoints, visible


def share_seen(size: float, rho: float) -> float:
    """Of 200 seeded series with noise of size 1, those in which anything was found."""
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(200):
        noise = rng.standard_normal(2 * visible.POINTS + 50)
        for at in range(1, len(noise)):
            noise[at] += rho * noise[at - 1]
        values = 100 + noise[50:] * np.sqrt(1 - rho * rho)
        values[visible.POINTS :] += size
        seen += bool(changepoints.find(values).changes)
    return seen / 200


@pytest.mark.parametrize("rho", [0.0, 0.3])
def test_four_of_five_are_seen(rho: float) -> None:
    size = visible.shift(1.0, rho)
    assert 0.75 <= share_seen(size, rho) <= 0.92
    assert share_seen(size / 2, rho) < 0.5
