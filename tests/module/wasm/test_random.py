"""The generator gives the numbers of ``random.Random``."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.module.wasm.machine import Machine

SEEDS = [
    0, 1, -1, 42, (1 << 32) - 1, 1 << 32, -(1 << 32), 1_700_000_000_000_000,
    (1 << 63) - 1, -(1 << 63),
]  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_floats_of_a_seed(machine: Machine, seed: int) -> None:
    machine.call("rng_seed", seed)
    twin = random.Random(seed)
    # More than twice the state's 624 words.
    for _ in range(700):
        assert machine.call("rng_random") == twin.random()


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.lists(st.integers(1, 64), max_size=20))
def test_bits(machine: Machine, seed: int, widths: list[int]) -> None:
    machine.call("rng_seed", seed)
    twin = random.Random(seed)
    assert machine.call("rng_u32") == twin.getrandbits(32)
    for width in widths:
        assert machine.call("rng_bits", width) % (1 << 64) == twin.getrandbits(width)


@given(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.lists(st.one_of(st.integers(1, 10), st.integers(1, (1 << 64) - 1)), max_size=20),
)
def test_below(machine: Machine, seed: int, limits: list[int]) -> None:
    machine.call("rng_seed", seed)
    twin = random.Random(seed)
    for limit in limits:
        given_ = limit - (1 << 64) * (limit >> 63)
        assert machine.call("rng_below", given_) % (1 << 64) == twin.randrange(limit)
