"""How often chance alone would tell two equal sides apart as clearly: exact, or drawn by a seed.

Which side came first in a block was drawn by lot. If both sides are the same, swapping their names
in any block gives what could as well have been measured; so the measured difference is compared
with those of all swaps. That needs no distribution of the noise, whatever its tails.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np

from harness.stats.blocks import Array

#: Up to so many blocks all swaps are looked at: half of the blocks has 2¹⁶ of them.
MOST_BLOCKS = 33
#: Up to so many ways to share out processes are all looked at.
MOST_EXACT = 1 << 17
#: Otherwise so many are drawn; with the measured one that is the finest p: 1 in 50,000.
DRAWN = 49_999
#: What is further out than so many typical sizes counts as if it were there. For normal noise that
#: is 1.35 standard deviations, which costs 5 % of its efficiency: Huber 1964.
_CLIP = 2.0
_ROUNDING = 1e-9


def sign_flip(differences: Array, seed: int = 1) -> float:
    """The two-sided p of paired differences being as likely negative as positive.

    The statistic is their sum, each clipped at 2 × the median of their sizes: one spoilt block does
    not blind it. Sizes do not change when signs do, so it stays exact. 1 without differences.
    """
    count = len(differences)
    if not count:
        return 1.0
    scores = _clipped(differences)
    found = abs(float(scores.sum()))
    least = found - _ROUNDING * float(np.abs(scores).sum())
    if count <= MOST_BLOCKS:
        return _all_signs(scores, least)
    hits = np.count_nonzero(np.abs(_signs(count, seed) @ scores) >= least)
    return float(1 + hits) / (1 + DRAWN)


def _all_signs(scores: Array, least: float) -> float:
    """The share of all choices of signs whose sum is at least so far from zero.

    Sums of one half of the scores are looked up among the sorted sums of the other half, so that
    2³² choices take some ten milliseconds. By symmetry the first sign may stay.
    """
    half = (len(scores) + 1) // 2
    first, second = _sums(scores[1:half], scores[0]), np.sort(_sums(scores[half:], 0.0))
    above = len(second) - np.searchsorted(second, least - first, side="left")
    under = np.searchsorted(second, -least - first, side="right")
    # Where nothing is asked for, everything fits on both sides.
    hits = np.minimum(above + under, len(second))
    return float(hits.sum()) / (len(first) * len(second))


@lru_cache(maxsize=2)
def _signs(count: int, seed: int) -> Array:
    """Signs drawn by the seed; the next benchmark of a report mostly asks for the same."""
    draw = np.random.default_rng(seed)
    return draw.integers(0, 2, (DRAWN, count), dtype=np.int8) * np.float64(2) - 1


def _sums(scores: Array, start: float) -> Array:
    """All sums of the start and the scores with either sign."""
    sums = np.array([start])
    for score in scores:
        sums = np.concatenate((sums + score, sums - score))
    return sums


def finest(blocks: int) -> float:
    """The smallest p that so many blocks can give."""
    return 2.0 ** min(0, 1 - blocks) if blocks <= MOST_BLOCKS else 1 / (1 + DRAWN)


def relabel(base: Array, head: Array, seed: int = 1) -> float:
    """The two-sided p of two samples of processes that were not taken in turns.

    The statistic is the difference of their means after clipping what lies further from the common
    median than 2 × the median distance. 1 if a side is empty.
    """
    if not len(base) or not len(head):
        return 1.0
    together = np.concatenate((base, head))
    scores = _clipped(together - np.median(together))
    scores = scores - scores.mean()
    found = abs(float(scores[len(base) :].sum()))
    least = found - _ROUNDING * float(np.abs(scores).sum())
    count, chosen = len(together), len(head)
    if math.comb(count, chosen) <= MOST_EXACT:
        places = np.array(list(itertools.combinations(range(count), chosen)))
        return float(np.mean(np.abs(scores[places].sum(axis=1)) >= least))
    draw = np.random.default_rng(seed)
    hits = 0
    for _ in range(DRAWN):
        hits += abs(float(draw.permutation(scores)[:chosen].sum())) >= least
    return (1 + hits) / (1 + DRAWN)


def _clipped(values: Array) -> Array:
    limit = _CLIP * float(np.median(np.abs(values)))
    return np.clip(values, -limit, limit) if limit else values
