"""How sure a change is: the evidence that noise alone reaches somewhere in a series.

The evidence of a change is by how much ``n · log(variance of the noise)`` falls when a model has
it. The place is chosen where it falls most, so the evidence of nothing is that of the luckiest of
all places. Simulated over white, heavy-tailed and autocorrelated noise, its upper tail hardly
depends on the length of the series: exp(-evidence / 2), as that of a likelihood ratio.
``METHOD.md`` has the table and the command that makes it.
"""

from __future__ import annotations

import math

#: Evidence that a change of level must have.
LEVEL = 12.0
#: Evidence that a slope must have over the whole series, and a cycle and each further harmonic.
SLOPE, CYCLE, HARMONIC = 10.0, 16.0, 8.0

#: Evidence that a new line must have beyond that of a new level: its slope is one number more.
BEND = 4.0

_OFFSET, _SCALE = 4.2, 2.1


def p_value(evidence: float) -> float:
    """The share of series of noise alone with so much evidence somewhere, rather too high."""
    return min(1.0, math.exp((_OFFSET - evidence) / _SCALE))
