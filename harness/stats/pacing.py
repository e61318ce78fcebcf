"""Samples that several processes took in quick turns, without the pace that they had in common.

A core that is shared with others is half as fast now and again, for milliseconds or for seconds.
Where processes take turns of a few milliseconds, the samples of one round share that pace.
"""

from __future__ import annotations

import numpy as np

from harness.stats.blocks import Array


def evened(samples: Array) -> Array:
    """The samples as if each round had had the typical pace of all.

    ``samples`` are positive, by process and round. The pace of a round is the geometric mean over
    all its processes. That treats them alike whichever side they are of, so sides that are the same
    stay as exchangeable as they were. Raises ``ValueError`` for samples that are not positive.
    """
    if samples.size == 0 or not (samples > 0).all():
        raise ValueError("samples of rounds have to be positive, and some")
    logs = np.log(samples)
    pace = logs.mean(axis=0)
    return np.asarray(np.exp(logs - pace + np.median(pace)))
