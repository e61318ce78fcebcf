"""How asv and pyperf judge two sets of samples: for a table of error rates beside ours.

Both take all samples of all processes for independent ones. Written from what their sources do:
``asv compare`` (0.6) asks for a Mann-Whitney p below 0.002 and a factor between the medians;
``pyperf compare_to`` (2.10) for a two-sample t with a common variance beyond its 95 % quantile.
"""

from __future__ import annotations

import math

import numpy as np

from harness.stats.blocks import Array
from harness.stats.student import below, quantile

#: asv's.
ASV_LEVEL = 0.002
ASV_FACTOR = 1.1
#: pyperf's.
PYPERF_CONFIDENCE = 0.95


def mann_whitney(base: Array, head: Array) -> float:
    """The two-sided p by the normal approximation, as asv takes it beyond twenty samples."""
    first, second = len(base), len(head)
    order = np.concatenate((base, head)).argsort(kind="stable")
    ranks = np.empty(first + second)
    ranks[order] = np.arange(1, first + second + 1)
    u = float(ranks[:first].sum()) - first * (first + 1) / 2
    spread = math.sqrt(first * second * (first + second + 1) / 12)
    return math.erfc(abs(u - first * second / 2) / spread / math.sqrt(2))


def asv_slower(base: Array, head: Array, factor: float = ASV_FACTOR) -> bool:
    """Whether asv would call ``head`` slower: times, all samples together."""
    ratio = float(np.median(head) / np.median(base))
    return ratio > factor and mann_whitney(base, head) < ASV_LEVEL


def pooled_t(base: Array, head: Array) -> float:
    """Student's t of two samples with a common variance."""
    first, second = len(base), len(head)
    common = ((first - 1) * base.var(ddof=1) + (second - 1) * head.var(ddof=1)) / (
        first + second - 2
    )
    return float((head.mean() - base.mean()) / math.sqrt(common * (1 / first + 1 / second)))


def pyperf_slower(base: Array, head: Array) -> bool:
    """Whether pyperf would call ``head`` significantly slower."""
    limit = quantile((1 + PYPERF_CONFIDENCE) / 2, len(base) + len(head) - 2)
    return pooled_t(base, head) > limit


def t_p_value(base: Array, head: Array) -> float:
    """The two-sided p of ``pooled_t``."""
    return 2 * below(-abs(pooled_t(base, head)), len(base) + len(head) - 2)
