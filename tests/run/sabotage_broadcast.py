"""Preloaded into a worker: one client never hears the broadcast, and nobody waits long for it."""

from __future__ import annotations

from harness.run import population
from tests.run import sabotage_cache

assert sabotage_cache.LOST
population.BROADCAST_TIMEOUT_S = 0.5
